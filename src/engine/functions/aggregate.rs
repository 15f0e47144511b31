//! Aggregates under MySQL's names: DataFusion's where the meaning is the same; the bit aggregates and those that
//! collect (in [`super::collect`]) are ours, and so is what moves with a window (in [`super::sliding`]). The dialect
//! converts their arguments to what is aggregated.

use std::ops::{BitAnd, BitOr, BitXor};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, UInt64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate as datafusion_aggregates;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, GroupsAccumulator, Operator, ReversedUDAF,
    SetMonotonicity, Signature, StatisticsArgs, Volatility,
};

use super::collect;
use super::error::Error;
use super::signature::is_binary;
use super::sliding::{Growing, Measure, Moving};
use super::telling::telling;

/// All aggregates.
pub fn functions() -> Vec<Arc<AggregateUDF>> {
    use datafusion_aggregates::{
        any_value, average, count, first_last, grouping, min_max, nth_value, stddev, variance,
    };
    let sliding = |sliding: Sliding| Arc::new(AggregateUDF::from(sliding));
    let spread = |name, aliases: &[&str], sample, root, of| {
        sliding(Sliding::spread(name, aliases, Spread { sample, root }, of))
    };
    let bits = |name, operation| Arc::new(AggregateUDF::from(Bits::new(name, operation)));
    let mut functions = vec![
        count::count_udaf(),
        sliding(Sliding::sum()),
        average::avg_udaf(),
        telling(min_max::min_udaf()),
        telling(min_max::max_udaf()),
        any_value::any_value_udaf(),
        grouping::grouping_udaf(),
        // Window functions' siblings, which DataFusion's planner looks up by name.
        first_last::first_value_udaf(),
        first_last::last_value_udaf(),
        nth_value::nth_value_udaf(),
        // MySQL's STD and STDDEV are those of the population, DataFusion's of the sample.
        spread("stddev_pop", &["std", "stddev"], false, true, stddev::stddev_pop_udaf()),
        spread("stddev_samp", &[], true, true, stddev::stddev_udaf()),
        spread("var_pop", &["variance"], false, false, variance::var_pop_udaf()),
        spread("var_samp", &[], true, false, variance::var_samp_udaf()),
        bits("bit_and", Operation::And),
        bits("bit_or", Operation::Or),
        bits("bit_xor", Operation::Xor),
    ];
    functions.extend(collect::functions());
    functions
}

/// The sum of DOUBLEs.
#[derive(Debug)]
struct Total;

impl Measure for Total {
    type State = f64;

    fn of(&self, values: &ArrayRef, row: usize) -> f64 {
        // A sum begins with zero: that of -0 is 0.
        0.0 + values.as_primitive::<Float64Type>().value(row)
    }

    fn together(&self, earlier: &f64, later: &f64) -> Result<f64> {
        Ok(earlier + later)
    }

    fn answer(&self, total: Option<&f64>) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(total.copied()))
    }
}

/// A measure of how far DOUBLEs lie from their mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Spread {
    /// Of a sample, or of all there is.
    sample: bool,
    /// The deviation, or its square.
    root: bool,
}

/// How many values there are, their mean, and the sum of the squares of their distances to it.
#[derive(Clone, Copy, Debug)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Measure for Spread {
    type State = Moments;

    fn of(&self, values: &ArrayRef, row: usize) -> Moments {
        Moments { count: 1.0, mean: values.as_primitive::<Float64Type>().value(row), squares: 0.0 }
    }

    /// After Chan, Golub and LeVeque.
    fn together(&self, earlier: &Moments, later: &Moments) -> Result<Moments> {
        let count = earlier.count + later.count;
        let apart = later.mean - earlier.mean;
        Ok(Moments {
            count,
            mean: earlier.mean + apart * later.count / count,
            squares: earlier.squares + later.squares + apart * apart * earlier.count * later.count / count,
        })
    }

    fn answer(&self, moments: Option<&Moments>) -> Result<ScalarValue> {
        let free = |moments: &Moments| moments.count - if self.sample { 1.0 } else { 0.0 };
        let variance =
            moments.filter(|moments| free(moments) > 0.0).map(|moments| moments.squares / free(moments));
        Ok(ScalarValue::Float64(if self.root { variance.map(f64::sqrt) } else { variance }))
    }
}

/// One of DataFusion's aggregates, but for windows that move.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Sliding {
    name: &'static str,
    aliases: Vec<String>,
    of: Arc<AggregateUDF>,
    signature: Signature,
    slide: Slide,
}

/// What is measured of DOUBLEs in a window that moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Slide {
    Total,
    Spread(Spread),
}

impl Sliding {
    fn sum() -> Self {
        let (of, slide) = (datafusion_aggregates::sum::sum_udaf(), Slide::Total);
        Self { name: "sum", aliases: Vec::new(), signature: of.signature().clone(), of, slide }
    }

    /// Of the argument as a DOUBLE, whatever its type is.
    fn spread(name: &'static str, aliases: &[&str], measure: Spread, of: Arc<AggregateUDF>) -> Self {
        let aliases = aliases.iter().map(|alias| (*alias).to_owned()).collect();
        let signature = Signature::user_defined(Volatility::Immutable);
        Self { name, aliases, of, signature, slide: Slide::Spread(measure) }
    }
}

impl AggregateUDFImpl for Sliding {
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

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.of.return_type(types)
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
        match (self.slide, arguments.return_field.data_type()) {
            (Slide::Spread(measure), _) => Ok(Box::new(Moving::new(measure))),
            (Slide::Total, DataType::Float64) => Ok(Box::new(Moving::new(Total))),
            // Exact numbers can be subtracted again.
            (Slide::Total, _) => self.of.create_sliding_accumulator(arguments),
        }
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.of.order_sensitivity()
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.of.reverse_udf()
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.of.inner().set_monotonicity(data_type)
    }

    fn value_from_stats(&self, arguments: &StatisticsArgs) -> Option<ScalarValue> {
        self.of.value_from_stats(arguments)
    }

    fn simplify_expr_op_literal(
        &self,
        call: &AggregateFunction,
        argument: &Expr,
        operator: Operator,
        literal: &Expr,
        argument_is_left: bool,
    ) -> Result<Option<Expr>> {
        self.of.simplify_expr_op_literal(call, argument, operator, literal, argument_is_left)
    }
}

/// Checks that there is one argument; whatever its type is.
fn one_argument(name: &str, types: &[DataType]) -> Result<Vec<DataType>> {
    match types.len() {
        1 => Ok(types.to_vec()),
        _ => Err(Error::ParameterCount { function: name.to_owned() }.into()),
    }
}

/// What a bit aggregate does with two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Operation {
    And,
    Or,
    Xor,
}

impl Operation {
    fn of<T: BitAnd<Output = T> + BitOr<Output = T> + BitXor<Output = T>>(self, left: T, right: T) -> T {
        match self {
            Self::And => left & right,
            Self::Or => left | right,
            Self::Xor => left ^ right,
        }
    }
}

/// BIT_AND, BIT_OR, BIT_XOR, of binary strings or of 64 bits: of no values they are the neutral value, never NULL.
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

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(if types.first().is_some_and(is_binary) { DataType::BinaryView } else { DataType::UInt64 })
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        match data_type {
            DataType::BinaryView => Strings(self.operation).answer(None),
            _ => Words(self.operation).answer(None),
        }
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let name = format_state_name(arguments.name, self.name);
        Ok(vec![Arc::new(Field::new(name, arguments.return_type().clone(), true))])
    }

    fn create_sliding_accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(match arguments.return_field.data_type() {
            DataType::BinaryView => Box::new(Moving::new(Strings(self.operation))),
            _ => Box::new(Moving::new(Words(self.operation))),
        })
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(match arguments.return_field.data_type() {
            DataType::BinaryView => Box::new(Growing::new(Strings(self.operation))),
            _ => Box::new(Growing::new(Words(self.operation))),
        })
    }
}

/// The bits of numbers.
#[derive(Debug)]
struct Words(Operation);

impl Measure for Words {
    type State = u64;

    fn of(&self, values: &ArrayRef, row: usize) -> u64 {
        values.as_primitive::<UInt64Type>().value(row)
    }

    fn together(&self, earlier: &u64, later: &u64) -> Result<u64> {
        Ok(self.0.of(*earlier, *later))
    }

    fn answer(&self, bits: Option<&u64>) -> Result<ScalarValue> {
        let neutral = if self.0 == Operation::And { u64::MAX } else { 0 };
        Ok(ScalarValue::UInt64(Some(bits.copied().unwrap_or(neutral))))
    }
}

/// The bits of binary strings, which are of one length.
#[derive(Debug)]
struct Strings(Operation);

impl Measure for Strings {
    type State = Box<[u8]>;

    fn of(&self, values: &ArrayRef, row: usize) -> Box<[u8]> {
        values.as_binary_view().value(row).into()
    }

    fn together(&self, earlier: &Box<[u8]>, later: &Box<[u8]>) -> Result<Box<[u8]>> {
        match earlier.len() == later.len() {
            true => Ok(earlier.iter().zip(later).map(|(left, right)| self.0.of(*left, *right)).collect()),
            false => Err(Error::AggregatedBitLengths.into()),
        }
    }

    // MySQL's neutral value is as long as the column's type says; here types have no length.
    fn answer(&self, bits: Option<&Box<[u8]>>) -> Result<ScalarValue> {
        Ok(ScalarValue::BinaryView(Some(bits.map(|bits| bits.to_vec()).unwrap_or_default())))
    }

    fn partial(&self, bits: Option<&Box<[u8]>>) -> Result<ScalarValue> {
        Ok(ScalarValue::BinaryView(bits.map(|bits| bits.to_vec())))
    }

    fn heap(bits: &Box<[u8]>) -> usize {
        bits.len()
    }
}
