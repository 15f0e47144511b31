//! Aggregates under MySQL's names: DataFusion's where the meaning is the same; the bit aggregates and those that
//! collect (in [`super::collect`]) are ours. The dialect converts their arguments to what is aggregated.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, UInt64Type};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::functions_aggregate as datafusion_aggregates;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility,
};

use super::collect;

/// All aggregates.
pub fn functions() -> Vec<Arc<AggregateUDF>> {
    use datafusion_aggregates::{
        any_value, average, count, first_last, grouping, min_max, nth_value, stddev, sum, variance,
    };
    let spread = |name, aliases: &[&str], of: Arc<AggregateUDF>| {
        Arc::new(AggregateUDF::from(Spread {
            name,
            aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            of,
            signature: Signature::user_defined(Volatility::Immutable),
        }))
    };
    let bits = |name, operation| Arc::new(AggregateUDF::from(Bits::new(name, operation)));
    let mut functions = vec![
        count::count_udaf(),
        sum::sum_udaf(),
        average::avg_udaf(),
        min_max::min_udaf(),
        min_max::max_udaf(),
        any_value::any_value_udaf(),
        grouping::grouping_udaf(),
        // Window functions' siblings, which DataFusion's planner looks up by name.
        first_last::first_value_udaf(),
        first_last::last_value_udaf(),
        nth_value::nth_value_udaf(),
        // MySQL's STD and STDDEV are those of the population, DataFusion's of the sample.
        spread("stddev_pop", &["std", "stddev"], stddev::stddev_pop_udaf()),
        spread("stddev_samp", &[], stddev::stddev_udaf()),
        spread("var_pop", &["variance"], variance::var_pop_udaf()),
        spread("var_samp", &[], variance::var_samp_udaf()),
        bits("bit_and", Operation::And),
        bits("bit_or", Operation::Or),
        bits("bit_xor", Operation::Xor),
    ];
    functions.extend(collect::functions());
    functions
}

/// A measure of spread: DataFusion's, of the argument as a DOUBLE.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Spread {
    name: &'static str,
    aliases: Vec<String>,
    of: Arc<AggregateUDF>,
    signature: Signature,
}

impl AggregateUDFImpl for Spread {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        one_argument(self.name, types)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        self.of.state_fields(arguments)
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        self.of.accumulator(arguments)
    }

    fn groups_accumulator_supported(&self, arguments: AccumulatorArgs) -> bool {
        self.of.groups_accumulator_supported(arguments)
    }

    fn create_groups_accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        self.of.create_groups_accumulator(arguments)
    }

    fn create_sliding_accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        self.of.create_sliding_accumulator(arguments)
    }
}

/// Checks that there is one argument; whatever its type is.
fn one_argument(name: &str, types: &[DataType]) -> Result<Vec<DataType>> {
    match types.len() {
        1 => Ok(types.to_vec()),
        _ => Err(super::error::Error::ParameterCount { function: name.to_owned() }.into()),
    }
}

/// What a bit aggregate does with two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Operation {
    And,
    Or,
    Xor,
}

/// BIT_AND, BIT_OR, BIT_XOR: of no values they are the neutral value, never NULL.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bits {
    name: &'static str,
    operation: Operation,
    signature: Signature,
}

impl Bits {
    fn new(name: &'static str, operation: Operation) -> Self {
        Self { name, operation, signature: Signature::user_defined(Volatility::Immutable) }
    }

    fn neutral(&self) -> u64 {
        if self.operation == Operation::And { u64::MAX } else { 0 }
    }
}

impl AggregateUDFImpl for Bits {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        one_argument(self.name, types)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::UInt64)
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn default_value(&self, _: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::UInt64(Some(self.neutral())))
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format_state_name(arguments.name, self.name), DataType::UInt64, true))])
    }

    fn create_sliding_accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(SlidingBits { operation: self.operation, rows: 0, ones: [0; 64] }))
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let distinct = arguments.is_distinct && self.operation == Operation::Xor;
        if distinct {
            return Err(super::error::Error::Unsupported { feature: "BIT_XOR(DISTINCT …)".to_owned() }.into());
        }
        Ok(Box::new(BitsAccumulator { operation: self.operation, value: self.neutral() }))
    }
}

/// The bits of a window whose first rows leave: how often each is set.
#[derive(Debug)]
struct SlidingBits {
    operation: Operation,
    rows: i64,
    ones: [i64; 64],
}

impl SlidingBits {
    fn count(&mut self, values: &ArrayRef, by: i64) {
        for value in values.as_primitive::<UInt64Type>().iter().flatten() {
            self.rows += by;
            for (bit, ones) in self.ones.iter_mut().enumerate() {
                *ones += by * (value >> bit & 1) as i64;
            }
        }
    }
}

impl Accumulator for SlidingBits {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.count(&values[0], 1);
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.count(&values[0], -1);
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
        internal_err!("windows are not merged")
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        internal_err!("windows are not merged")
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let is_set = |ones: i64| match self.operation {
            Operation::And => ones == self.rows,
            Operation::Or => ones > 0,
            Operation::Xor => ones % 2 != 0,
        };
        let bits = self.ones.iter().enumerate();
        Ok(ScalarValue::UInt64(Some(
            bits.fold(0, |value, (bit, ones)| value | u64::from(is_set(*ones)) << bit),
        )))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

#[derive(Debug)]
struct BitsAccumulator {
    operation: Operation,
    value: u64,
}

impl Accumulator for BitsAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in values[0].as_primitive::<UInt64Type>().iter().flatten() {
            self.value = match self.operation {
                Operation::And => self.value & value,
                Operation::Or => self.value | value,
                Operation::Xor => self.value ^ value,
            };
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::UInt64(Some(self.value))])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::UInt64(Some(self.value)))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}
