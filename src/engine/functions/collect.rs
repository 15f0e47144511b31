//! Aggregates that collect their values: GROUP_CONCAT, JSON_ARRAYAGG, JSON_OBJECTAGG.
//!
//! Values are kept as text beside a sort key of bytes that compare as the ORDER BY does. What is kept is counted in
//! the memory of the query, so a group that is too large fails cleanly.

use std::collections::{HashSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, ListArray, StringBuilder};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Expr, Signature, Volatility};
use datafusion::physical_expr::expressions::Literal;

use super::convert::LONGEST;
use super::error::Error;
use super::json::document::{self, Json};
use super::signature::EXTENSION;
use super::{Context, Warnings, udf};

/// The aggregates that collect.
pub fn functions() -> Vec<Arc<AggregateUDF>> {
    [Kind::Concat, Kind::Array, Kind::Object]
        .into_iter()
        .map(|kind| {
            Arc::new(AggregateUDF::from(Collect {
                kind,
                warnings: None,
                signature: Signature::user_defined(Volatility::Immutable),
            }))
        })
        .collect()
}

/// What becomes of the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    /// `group_concat(value, separator[, most bytes])`.
    Concat,
    /// `json_arrayagg(value)`.
    Array,
    /// `json_objectagg(name, value)`.
    Object,
}

#[derive(Debug)]
struct Collect {
    kind: Kind,
    /// Where the statement's warnings go; known once the call is simplified.
    warnings: Option<Arc<Warnings>>,
    signature: Signature,
}

impl PartialEq for Collect {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Eq for Collect {}

impl Hash for Collect {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind.hash(state);
    }
}

impl AggregateUDFImpl for Collect {
    fn name(&self) -> &str {
        match self.kind {
            Kind::Concat => "group_concat",
            Kind::Array => "json_arrayagg",
            Kind::Object => "json_objectagg",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let counts = match self.kind {
            Kind::Concat => 1..=3,
            Kind::Array => 1..=1,
            Kind::Object => 2..=2,
        };
        match counts.contains(&types.len()) {
            true => Ok(types.to_vec()),
            false => Err(Error::ParameterCount { function: self.name().to_owned() }.into()),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn return_field(&self, _: &[FieldRef]) -> Result<FieldRef> {
        let field = Field::new(self.name(), DataType::Utf8View, true);
        Ok(Arc::new(match self.kind {
            Kind::Concat => field,
            _ => field.with_metadata([(EXTENSION.0.to_owned(), EXTENSION.1.to_owned())].into()),
        }))
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let list = |part: &str, item: DataType| {
            let name = format_state_name(arguments.name, part);
            Arc::new(Field::new_list(name, Field::new_list_field(item, true), true))
        };
        Ok(vec![list("keys", DataType::Binary), list("values", DataType::Utf8)])
    }

    // The order's columns are asked for beside the argument; the values are sorted at the end.
    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Beneficial
    }

    // An input that is in order already is sorted in no time.
    fn with_beneficial_ordering(self: Arc<Self>, _: bool) -> Result<Option<Arc<dyn AggregateUDFImpl>>> {
        Ok(Some(self))
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let literal = |argument: usize| {
            let literal =
                arguments.exprs.get(argument).and_then(|argument| argument.downcast_ref::<Literal>());
            literal.map(Literal::value)
        };
        let mut separator = String::new();
        let mut longest = LONGEST;
        if self.kind == Kind::Concat {
            separator = match (arguments.exprs.len(), literal(1).and_then(|value| value.try_as_str())) {
                (1, _) => ",".to_owned(),
                (_, Some(Some(separator))) => separator.to_owned(),
                _ => return Err(Error::Arguments { function: "group_concat".to_owned() }.into()),
            };
            if let Some(ScalarValue::UInt64(Some(most))) = literal(2) {
                longest = usize::try_from(*most).unwrap_or(LONGEST).min(LONGEST);
            }
        }
        let mut fields = Vec::new();
        for order in arguments.order_bys {
            fields.push(SortField::new_with_options(order.expr.data_type(arguments.schema)?, order.options));
        }
        let is_json =
            |field: &FieldRef| field.metadata().get(EXTENSION.0).is_some_and(|name| name == EXTENSION.1);
        Ok(Box::new(Collected {
            kind: self.kind,
            arguments: arguments.exprs.len(),
            json: arguments.expr_fields.last().is_some_and(is_json),
            distinct: arguments.is_distinct,
            separator,
            longest,
            converter: if fields.is_empty() { None } else { Some(RowConverter::new(fields)?) },
            entries: VecDeque::new(),
            bytes: 0,
            joined: 0,
            warnings: self.warnings.clone(),
        }))
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        (self.kind == Kind::Concat).then(|| -> AggregateFunctionSimplification {
            Box::new(|call, info| as_text(limited(call, info), info))
        })
    }
}

/// GROUP_CONCAT of a text.
fn as_text(mut call: AggregateFunction, info: &SimplifyContext) -> Result<Expr> {
    if let Some(argument) = call.params.args.first_mut()
        && info.get_data_type(argument)? != DataType::Utf8View
    {
        let taken = std::mem::replace(argument, Expr::Literal(ScalarValue::Null, None));
        *argument = udf("mysql_cast_char")?.call(vec![taken]);
    }
    Ok(Expr::AggregateFunction(call))
}

/// GROUP_CONCAT with the session's `group_concat_max_len` as its third argument.
fn limited(mut call: AggregateFunction, info: &SimplifyContext) -> AggregateFunction {
    if call.params.args.len() == 1 {
        call.params.args.push(Expr::Literal(ScalarValue::Utf8View(Some(",".to_owned())), None));
    }
    if call.params.args.len() == 2 {
        let context = info.config_options().extensions.get::<Context>();
        let most =
            context.map_or(Context::default().group_concat_max_len, |context| context.group_concat_max_len);
        call.func = Arc::new(AggregateUDF::from(Collect {
            kind: Kind::Concat,
            warnings: context.map(|context| Arc::clone(&context.warnings)),
            signature: Signature::user_defined(Volatility::Immutable),
        }));
        call.params.args.push(Expr::Literal(ScalarValue::UInt64(Some(most)), None));
    }
    call
}

/// The values of one group.
#[derive(Debug)]
struct Collected {
    kind: Kind,
    arguments: usize,
    json: bool,
    distinct: bool,
    separator: String,
    longest: usize,
    converter: Option<RowConverter>,
    /// Sort key and value; for an object the member's name stands before its value, as JSON.
    entries: VecDeque<(Box<[u8]>, Box<str>)>,
    /// Memory of the entries.
    bytes: usize,
    /// Bytes of the answer with one separator too many.
    joined: usize,
    warnings: Option<Arc<Warnings>>,
}

fn size_of_entry(key: &[u8], value: &str) -> usize {
    key.len() + value.len() + size_of::<(Box<[u8]>, Box<str>)>()
}

impl Collected {
    fn keep(&mut self, key: &[u8], value: &str) {
        // Without an order, what is beyond the longest answer is never shown.
        let longest = self.longest.saturating_add(self.separator.len());
        let enough = self.kind == Kind::Concat && self.converter.is_none() && self.joined > longest;
        if !enough || self.distinct {
            self.joined += value.len() + self.separator.len();
            self.bytes += size_of_entry(key, value);
            self.entries.push_back((key.into(), value.into()));
        }
    }

    /// A row's value as the text that is kept; `None` when it does not count.
    fn value(&self, values: &[ArrayRef], row: usize, text: &mut String) -> Result<Option<()>> {
        text.clear();
        match self.kind {
            Kind::Concat => {
                let values = &values[0];
                if values.is_null(row) {
                    return Ok(None);
                }
                match values.data_type() {
                    DataType::Utf8View => text.push_str(values.as_string_view().value(row)),
                    DataType::Utf8 => text.push_str(values.as_string::<i32>().value(row)),
                    other => return internal_err!("GROUP_CONCAT takes text, not {other}"),
                }
            }
            Kind::Array => self.json(&values[0], row, text)?,
            Kind::Object => {
                let name = match document::from_array(&values[0], row)? {
                    Json::Null => return Err(Error::NullKey.into()),
                    name => name,
                };
                let mut plain = String::new();
                name.write_unquoted(&mut plain);
                document::write_string(&plain, text);
                text.push_str(": ");
                self.json(&values[1], row, text)?;
            }
        }
        Ok(Some(()))
    }

    fn json(&self, values: &ArrayRef, row: usize, text: &mut String) -> Result<()> {
        match document::from_array(values, row)? {
            // A document is already JSON's text.
            Json::String(document) if self.json => text.push_str(&document),
            value => value.write(text),
        }
        Ok(())
    }
}

impl Accumulator for Collected {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (values, orders) = values.split_at(self.arguments);
        let keys = match &self.converter {
            Some(converter) if !orders.is_empty() => Some(converter.convert_columns(orders)?),
            _ => None,
        };
        let mut text = String::new();
        for row in 0..values[0].len() {
            if self.value(values, row, &mut text)?.is_some() {
                match &keys {
                    Some(keys) => self.keep(keys.row(row).as_ref(), &text),
                    None => self.keep(&[], &text),
                }
            }
        }
        Ok(())
    }

    // Only JSON is collected in windows, and there each row has a value.
    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for (key, value) in self.entries.drain(..values[0].len()) {
            self.bytes -= size_of_entry(&key, &value);
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        self.kind != Kind::Concat
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let (keys, values) = (states[0].as_list::<i32>(), states[1].as_list::<i32>());
        for group in 0..keys.len() {
            if keys.is_null(group) {
                continue;
            }
            let (keys, values) = (keys.value(group), values.value(group));
            let (keys, values) = (keys.as_binary::<i32>(), values.as_string::<i32>());
            for row in 0..keys.len() {
                self.keep(keys.value(row), values.value(row));
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let (mut keys, mut values) = (BinaryBuilder::new(), StringBuilder::new());
        for (key, value) in &self.entries {
            keys.append_value(key);
            values.append_value(value);
        }
        let list = |items: ArrayRef| {
            let field = Arc::new(Field::new_list_field(items.data_type().clone(), true));
            let offsets = OffsetBuffer::from_lengths([items.len()]);
            ScalarValue::List(Arc::new(ListArray::new(field, offsets, items, None)))
        };
        Ok(vec![list(Arc::new(keys.finish())), list(Arc::new(values.finish()))])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        // The values stay: a window that grows asks after each row.
        if self.converter.is_some() {
            self.entries.make_contiguous().sort_by(|left, right| left.0.cmp(&right.0));
        }
        let mut seen = HashSet::new();
        let texts = self.entries.iter().map(|(_, value)| &**value);
        let mut texts = texts.filter(|value| !self.distinct || seen.insert(*value)).peekable();
        if texts.peek().is_none() {
            return Ok(ScalarValue::Utf8View(None));
        }
        let answer = match self.kind {
            Kind::Concat => {
                let mut joined = String::new();
                for (index, text) in texts.enumerate() {
                    if index > 0 {
                        joined.push_str(&self.separator);
                    }
                    joined.push_str(text);
                    if joined.len() > self.longest {
                        if let Some(warnings) = &self.warnings {
                            warnings.push(1260, format!("Row {} was cut by GROUP_CONCAT()", index + 1));
                        }
                        joined.truncate(joined.floor_char_boundary(self.longest));
                        break;
                    }
                }
                joined
            }
            Kind::Array => format!("[{}]", texts.collect::<Vec<_>>().join(", ")),
            Kind::Object => {
                let joined = format!("{{{}}}", texts.collect::<Vec<_>>().join(", "));
                let mut written = String::new();
                match Json::parse(&joined) {
                    // Members in MySQL's order, the last of equal names kept.
                    Ok(object) => object.write(&mut written),
                    Err((reason, _)) => return internal_err!("JSON_OBJECTAGG wrote no JSON: {reason}"),
                }
                written
            }
        };
        Ok(ScalarValue::Utf8View(Some(answer)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.bytes
    }
}
