//! LAG and LEAD: a value of another row of the partition, or a default of the row itself where there is no such row.
//!
//! DataFusion's take a constant for a default and make it a value of the other's type. MySQL's default is any
//! expression, and both have one type; that they come here in it is the dialect's doing.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, new_null_array};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{ExpressionArgs, PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{
    LimitEffect, PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;

use super::error::Error;
use super::shown;
use super::signature::digits::widest;
use super::unify::unify;

/// The two functions.
pub fn functions() -> &'static [Arc<WindowUDF>] {
    static FUNCTIONS: LazyLock<[Arc<WindowUDF>; 2]> = LazyLock::new(|| {
        [Direction::Back, Direction::Ahead].map(|direction| {
            let signature = Signature::user_defined(Volatility::Immutable);
            Arc::new(WindowUDF::from(Shift { direction, signature }))
        })
    });
    FUNCTIONS.as_slice()
}

/// Where the other row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Direction {
    /// LAG.
    Back,
    /// LEAD.
    Ahead,
}

/// `lag(value[, rows[, default]])` and LEAD.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Shift {
    direction: Direction,
    signature: Signature,
}

impl Shift {
    /// How many rows away the other one is; None when that is not known yet.
    fn rows(&self, arguments: &[Arc<dyn PhysicalExpr>]) -> Result<Option<usize>> {
        let Some(rows) = arguments.get(1) else { return Ok(Some(1)) };
        let Some(rows) = rows.downcast_ref::<Literal>() else { return Ok(None) };
        match rows.value().cast_to(&DataType::Int64) {
            Ok(ScalarValue::Int64(Some(rows))) if rows >= 0 => Ok(usize::try_from(rows).ok()),
            _ => Err(Error::Arguments { function: self.name().to_owned() }.into()),
        }
    }
}

/// The default, where there is one that is not NULL.
fn default_of(fields: &[FieldRef]) -> Option<&FieldRef> {
    fields.get(2).filter(|default| !default.data_type().is_null())
}

/// The field that holds values and defaults.
pub fn unified(value: &FieldRef, default: &FieldRef) -> Field {
    let data_type = unify([value.data_type(), default.data_type()]);
    if *value.data_type() == data_type && value.metadata() == default.metadata() {
        return value.as_ref().clone();
    }
    shown::with_digits(Field::new("", data_type, true), widest([value, default]))
}

impl WindowUDFImpl for Shift {
    fn name(&self) -> &str {
        match self.direction {
            Direction::Back => "lag",
            Direction::Ahead => "lead",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types.len() {
            1..=3 => Ok(types.to_vec()),
            _ => Err(Error::ParameterCount { function: self.name().to_owned() }.into()),
        }
    }

    fn field(&self, arguments: WindowUDFFieldArgs) -> Result<FieldRef> {
        let fields = arguments.input_fields();
        let field = match (fields.first(), default_of(fields)) {
            (Some(value), Some(default)) => unified(value, default),
            (Some(value), None) => value.as_ref().clone(),
            (None, _) => return Err(Error::ParameterCount { function: self.name().to_owned() }.into()),
        };
        Ok(Arc::new(field.with_name(arguments.name()).with_nullable(true)))
    }

    fn expressions(&self, arguments: ExpressionArgs) -> Vec<Arc<dyn PhysicalExpr>> {
        let (all, default) = (arguments.input_exprs(), default_of(arguments.input_fields()));
        let default = all.get(2).filter(|_| default.is_some());
        all.first().into_iter().chain(default).cloned().collect()
    }

    fn partition_evaluator(&self, arguments: PartitionEvaluatorArgs) -> Result<Box<dyn PartitionEvaluator>> {
        match self.rows(arguments.input_exprs())? {
            Some(rows) => Ok(Box::new(Shifted { direction: self.direction, rows })),
            None => Err(Error::Arguments { function: self.name().to_owned() }.into()),
        }
    }

    fn limit_effect(&self, arguments: &[Arc<dyn PhysicalExpr>]) -> LimitEffect {
        match (self.direction, self.rows(arguments)) {
            (Direction::Back, _) => LimitEffect::None,
            (Direction::Ahead, Ok(Some(rows))) => LimitEffect::Relative(rows),
            (Direction::Ahead, _) => LimitEffect::Unknown,
        }
    }
}

/// The rows of one partition.
#[derive(Debug)]
struct Shifted {
    direction: Direction,
    rows: usize,
}

impl Shifted {
    /// The other row of one, if the partition has it.
    fn other(&self, row: usize, count: usize) -> Option<usize> {
        match self.direction {
            Direction::Back => row.checked_sub(self.rows),
            Direction::Ahead => row.checked_add(self.rows).filter(|row| *row < count),
        }
    }
}

impl PartitionEvaluator for Shifted {
    fn get_range(&self, row: usize, count: usize) -> Result<Range<usize>> {
        Ok(match self.direction {
            Direction::Back => row.saturating_sub(self.rows)..row + 1,
            Direction::Ahead => row..row.saturating_add(self.rows).saturating_add(1).min(count),
        })
    }

    fn is_causal(&self) -> bool {
        self.direction == Direction::Back
    }

    fn supports_bounded_execution(&self) -> bool {
        true
    }

    fn evaluate(&mut self, values: &[ArrayRef], range: &Range<usize>) -> Result<ScalarValue> {
        let row = match self.direction {
            Direction::Back => range.end - 1,
            Direction::Ahead => range.start,
        };
        match (self.other(row, values[0].len()), values.get(1)) {
            (Some(other), _) => ScalarValue::try_from_array(&values[0], other),
            (None, Some(defaults)) => ScalarValue::try_from_array(defaults, row),
            (None, None) => ScalarValue::try_from(values[0].data_type()),
        }
    }

    fn evaluate_all(&mut self, values: &[ArrayRef], count: usize) -> Result<ArrayRef> {
        let nothing = new_null_array(values[0].data_type(), 1);
        let defaults = values.get(1);
        let picks: Vec<(usize, usize)> = (0..count)
            .map(|row| match self.other(row, count) {
                Some(other) => (0, other),
                None => (1, if defaults.is_some() { row } else { 0 }),
            })
            .collect();
        let instead: &dyn Array = defaults.unwrap_or(&nothing);
        Ok(interleave(&[values[0].as_ref(), instead], &picks)?)
    }
}
