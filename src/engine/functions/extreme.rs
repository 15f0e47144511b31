//! MIN and MAX of JSON: the least and greatest documents by their sort keys.
//!
//! The dialect puts them in the place of MIN and MAX. They have names of their own, because the optimizer takes what is
//! called `max` for the greatest text, and leaves out rows by it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryViewBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ReversedUDAF, Signature, Volatility,
};

use super::json::key::{text_behind, write_before};
use super::signature::EXTENSION;

/// The aggregate of JSON for MIN and MAX; none for all others.
pub fn of_json(function: &AggregateUDF) -> Option<Arc<AggregateUDF>> {
    let (name, of) = match function.name() {
        "min" => ("mysql_json_min", min_udaf()),
        "max" => ("mysql_json_max", max_udaf()),
        _ => return None,
    };
    let signature = Signature::user_defined(Volatility::Immutable);
    Some(Arc::new(AggregateUDF::from(OfJson { name, of, signature })))
}

/// MIN or MAX of documents.
#[derive(Debug, PartialEq, Eq, Hash)]
struct OfJson {
    name: &'static str,
    /// That of the keys with the documents behind them.
    of: Arc<AggregateUDF>,
    signature: Signature,
}

/// The type of keys.
const KEY: DataType = DataType::BinaryView;

impl AggregateUDFImpl for OfJson {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn return_field(&self, _: &[FieldRef]) -> Result<FieldRef> {
        let mark = [(EXTENSION.0.to_owned(), EXTENSION.1.to_owned())];
        Ok(Arc::new(Field::new(self.name, DataType::Utf8View, true).with_metadata(mark.into())))
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format_state_name(arguments.name, self.name), KEY, true))])
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Keyed { keys: self.of.accumulator(of_keys(arguments))? }))
    }

    fn create_sliding_accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Keyed { keys: self.of.create_sliding_accumulator(of_keys(arguments))? }))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }
}

fn of_keys(arguments: AccumulatorArgs) -> AccumulatorArgs {
    AccumulatorArgs { return_field: Arc::new(Field::new("key", KEY, true)), ..arguments }
}

/// The least or greatest key, which has its document behind it.
#[derive(Debug)]
struct Keyed {
    keys: Box<dyn Accumulator>,
}

/// A column of documents as their keys, each with the document behind it.
fn keys(documents: &ArrayRef) -> Result<ArrayRef> {
    let texts = cast(documents, &DataType::Utf8View)?;
    let mut keys = BinaryViewBuilder::with_capacity(texts.len());
    let mut key = Vec::new();
    for text in texts.as_string_view() {
        let Some(text) = text else {
            keys.append_null();
            continue;
        };
        key.clear();
        write_before(text, &mut key);
        keys.append_value(&key);
    }
    Ok(Arc::new(keys.finish()))
}

impl Accumulator for Keyed {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.keys.update_batch(&[keys(&values[0])?])
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.keys.retract_batch(&[keys(&values[0])?])
    }

    fn supports_retract_batch(&self) -> bool {
        self.keys.supports_retract_batch()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.keys.merge_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.keys.state()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Utf8View(match self.keys.evaluate()? {
            ScalarValue::BinaryView(Some(key)) => text_behind(&key).map(ToOwned::to_owned),
            _ => None,
        }))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.keys.size()
    }
}
