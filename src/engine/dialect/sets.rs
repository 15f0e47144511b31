//! Set operations: UNION, INTERSECT, EXCEPT and recursive CTEs, whose inputs come to one type by MySQL's rules.
//!
//! It knows plans and types. DataFusion plans INTERSECT and EXCEPT as joins that keep or drop a row however often the
//! other side has it; with ALL each row of the one side counts for one of the other.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, NullEquality, Result};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::{
    Distinct, Expr, ExprFunctionExt, ExprSchemable, Join, JoinType, LogicalPlan, LogicalPlanBuilder,
    Projection, RecursiveQuery, Union,
};
use datafusion::prelude::ident;

use super::digits::shown_type;
use crate::engine::functions::charset::CHARACTER_SET;
use crate::engine::functions::control::{convert_from, with_digits};
use crate::engine::functions::convert::packed::MOMENT;
use crate::engine::functions::shown::{self, CASELESS, Digits, tells};
use crate::engine::functions::signature::EXTENSION;
use crate::engine::functions::signature::digits::widest;
use crate::engine::functions::udf;
use crate::engine::functions::unify::unify;

/// The number of a row among those that equal it, on the left side and on the right.
const COPY: [&str; 2] = ["__copy", "__copy_again"];

/// UNION's columns take one type and one number of digits for all its inputs.
pub fn union(union: Union) -> Result<Transformed<LogicalPlan>> {
    let common = Common::of_all(&union.inputs);
    if common.iter().all(Common::is_plain) {
        return Ok(Transformed::no(LogicalPlan::Union(union)));
    }
    let inputs = union.inputs.into_iter().map(|input| converted(input, &common));
    let inputs = inputs.collect::<Result<Vec<_>>>()?;
    Ok(Transformed::yes(LogicalPlan::Union(Union::try_new_with_loose_types(inputs)?)))
}

/// Whether a join is an INTERSECT or EXCEPT: nothing else is planned as one in which NULL equals NULL.
pub fn is_set(join: &Join) -> bool {
    matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti)
        && join.null_equality == NullEquality::NullEqualsNull
        && join.filter.is_none()
}

/// INTERSECT and EXCEPT over columns of one type each. Without ALL the left side is distinct.
pub fn matched(join: Join) -> Result<LogicalPlan> {
    let (left, is_distinct) = match Arc::unwrap_or_clone(join.left) {
        LogicalPlan::Distinct(Distinct::All(rows)) => (rows, true),
        all => (Arc::new(all), false),
    };
    let sides = [left, join.right];
    let mut common = Common::of_all(&sides);
    for (column, common) in common.iter_mut().enumerate() {
        let types = sides.each_ref().map(|side| side.schema().field(column).data_type());
        if common.data_type.is_none() && types[0] != types[1] {
            common.data_type = Some(unify(types));
        }
    }
    let [left, right] = sides;
    let [left, right] = [converted(left, &common)?, converted(right, &common)?];
    let columns = |side: &LogicalPlan| side.schema().columns().into_iter().map(Expr::Column);
    let outputs: Vec<Expr> = columns(&left).collect();
    let mut on: Vec<(Expr, Expr)> = columns(&left).zip(columns(&right)).collect();
    let (left, right) = match is_distinct {
        true => (LogicalPlanBuilder::from(left).distinct()?.build()?, Arc::unwrap_or_clone(right)),
        false => {
            on.push((ident(COPY[0]), ident(COPY[1])));
            (numbered(&left, COPY[0])?, numbered(&right, COPY[1])?)
        }
    };
    let matched = LogicalPlan::Join(Join::try_new(
        Arc::new(left),
        Arc::new(right),
        on,
        None,
        join.join_type,
        join.join_constraint,
        join.null_equality,
        join.null_aware,
    )?);
    match is_distinct {
        true => Ok(matched),
        false => LogicalPlanBuilder::from(matched).project(outputs)?.build(),
    }
}

/// Numbers the rows that equal each other.
fn numbered(rows: &LogicalPlan, name: &str) -> Result<LogicalPlan> {
    let keys = rows.schema().columns().into_iter().map(Expr::Column).collect();
    let number = row_number().partition_by(keys).build()?.alias(name);
    LogicalPlanBuilder::from(rows.clone()).window(vec![number])?.build()
}

/// A recursive CTE has the types of what is not recursive; what recurs is rounded to them as a table's columns do.
pub fn recursive(query: RecursiveQuery) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Projection(Projection { expr, input, .. }) = query.recursive_term.as_ref() else {
        return Ok(Transformed::no(LogicalPlan::RecursiveQuery(query)));
    };
    let stored = expr.iter().zip(query.recursive_term.schema().columns()).map(|(value, column)| {
        Ok(match value.clone().unalias() {
            // DataFusion's planner put it there.
            Expr::Cast(Cast { expr, field }) => {
                let from = expr.get_type(input.schema())?;
                let stored = stored(*expr, &from, field.data_type())?;
                stored.alias_qualified(column.relation, column.name)
            }
            _ => value.clone(),
        })
    });
    let stored = Projection::try_new(stored.collect::<Result<Vec<_>>>()?, Arc::clone(input))?;
    let RecursiveQuery { name, static_term, is_distinct, .. } = query;
    let recursive_term = Arc::new(LogicalPlan::Projection(stored));
    let query = RecursiveQuery::try_new(name, static_term, recursive_term, is_distinct)?;
    Ok(Transformed::yes(LogicalPlan::RecursiveQuery(query)))
}

/// A value as a column of a type keeps it. (A cast cuts digits that an integer has no place for.)
fn stored(value: Expr, from: &DataType, to: &DataType) -> Result<Expr> {
    if !to.is_integer() || !(from.is_decimal() || from.is_floating()) {
        return convert_from(value, from, to);
    }
    let (rounds, integer) = match to.is_unsigned_integer() {
        true => ("mysql_cast_unsigned", DataType::UInt64),
        false => ("mysql_cast_signed", DataType::Int64),
    };
    convert_from(udf(rounds)?.call(vec![value]), &integer, to)
}

/// An input with its columns as they are in common.
fn converted(input: Arc<LogicalPlan>, common: &[Common]) -> Result<Arc<LogicalPlan>> {
    if common.iter().all(Common::is_plain) {
        return Ok(input);
    }
    let columns = input.schema().iter().zip(common).map(|((qualifier, field), common)| {
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        let converted = common.convert(column.clone(), field)?;
        Ok(match converted == column {
            true => column,
            false => converted.alias_qualified(qualifier.cloned(), field.name()),
        })
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(LogicalPlan::Projection(Projection::try_new(columns, input)?)))
}

/// What a column of a set operation becomes where its inputs differ.
struct Common {
    /// MySQL's type for all of them, where DataFusion has no common one or another.
    data_type: Option<DataType>,
    /// The digits that all of them show, where what is told of some is not true of the others; none when their number
    /// is not fixed.
    digits: Option<Option<Digits>>,
}

/// What metadata tells of a column: its digits, and its marks. DataFusion would keep for all inputs what one tells.
fn told(field: &Field) -> (Option<Digits>, [Option<&String>; 4]) {
    let fraction = || shown::fraction(field).filter(|_| shown::is_told(field)).map(Digits::Fraction);
    let digits = shown::decimals(field).map(Digits::Decimals).or_else(fraction);
    (digits, [EXTENSION.0, CASELESS, CHARACTER_SET, MOMENT].map(|key| field.metadata().get(key)))
}

/// What is told of a column of which nothing is.
const NOTHING: (Option<Digits>, [Option<&String>; 4]) = (None, [None; 4]);

impl Common {
    /// Of each column of these inputs.
    fn of_all(inputs: &[Arc<LogicalPlan>]) -> Vec<Self> {
        let shown = |input: &Arc<LogicalPlan>, column: usize| -> FieldRef {
            let field = input.schema().field(column).as_ref().clone();
            Arc::new(field.with_data_type(shown_type(input, column)))
        };
        let width = inputs.first().map_or(0, |input| input.schema().fields().len());
        (0..width)
            .map(|column| Self::of(&inputs.iter().map(|input| shown(input, column)).collect::<Vec<_>>()))
            .collect()
    }

    fn of(fields: &[FieldRef]) -> Self {
        let types = fields.iter().map(|field| field.data_type());
        let mixed = types.clone().any(|data_type| !alike(fields[0].data_type(), data_type));
        let data_type = mixed.then(|| unify(types));
        let mut values = fields.iter().filter(|field| !field.data_type().is_null());
        let first = values.next().map_or(NOTHING, |field| told(field));
        let differs = values.any(|field| told(field) != first);
        let result = data_type.as_ref().unwrap_or_else(|| fields[0].data_type());
        let digits = differs.then(|| widest(fields).filter(|digits| tells(result, *digits)));
        Self { data_type, digits }
    }

    fn is_plain(&self) -> bool {
        self.data_type.is_none() && self.digits.is_none()
    }

    fn convert(&self, column: Expr, field: &Field) -> Result<Expr> {
        let converted = match &self.data_type {
            Some(to) => convert_from(column, field.data_type(), to)?,
            None => column,
        };
        match self.digits {
            Some(digits) if digits.is_some() || told(field) != NOTHING => with_digits(converted, digits),
            _ => Ok(converted),
        }
    }
}

/// Whether DataFusion's common type of two is MySQL's.
fn alike(left: &DataType, right: &DataType) -> bool {
    let text =
        |data_type: &DataType| matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    left == right
        || left.is_null()
        || right.is_null()
        || left.is_integer() && right.is_integer()
        || text(left) && text(right)
}
