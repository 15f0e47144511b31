//! Digits after the point: a quotient is computed with more of them than MySQL shows.
//!
//! `1 / 3 * 100` is 33.3333 in MySQL, not 33.3300: inside an expression a quotient keeps nine digits and more, only
//! a column or a text has the four that `div_precision_increment` adds. This rule rounds at those places.
//! It knows plans and types; how a quotient is computed is the operator's.

use std::collections::HashMap;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use crate::engine::functions::operator::DIVISION_DIGITS;
use crate::engine::functions::shown;
use crate::engine::functions::unify::{digits, temporal};

/// Functions that compute with all digits of their arguments.
const NUMERIC: &[&str] = &[
    "abs",
    "acos",
    "asin",
    "atan",
    "ceiling",
    "coalesce",
    "cos",
    "cot",
    "degrees",
    "exp",
    "floor",
    "format",
    "greatest",
    "if",
    "ifnull",
    "isnull",
    "least",
    "ln",
    "log",
    "log10",
    "log2",
    "mod",
    "mysql_add",
    "mysql_case",
    "mysql_cast_decimal",
    "mysql_cast_double",
    "mysql_cast_signed",
    "mysql_cast_unsigned",
    "mysql_div",
    "mysql_divide",
    "mysql_multiply",
    "mysql_negate",
    "mysql_subtract",
    "mysql_summand",
    "mysql_truth",
    "nullif",
    "power",
    "radians",
    "round",
    "sign",
    "sin",
    "sqrt",
    "tan",
    "truncate",
];

/// Rounds quotients where they are shown.
#[derive(Debug)]
pub struct ShownDigits;

impl AnalyzerRule for ShownDigits {
    fn name(&self) -> &str {
        "mysql_shown_digits"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(round_plan).map(|transformed| transformed.data)
    }
}

fn round_plan(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let below = plan.inputs().first().map(|input| unrounded(input)).unwrap_or_default();
    if below.is_empty() && !plan.expressions().iter().any(divides) {
        return Ok(Transformed::no(plan));
    }
    let scope = Scope { schema: merge_schema(&plan.inputs()), below };
    let names = NamePreserver::new(&plan);
    // Of an aggregation only the keys are shown; its sums go on with all digits.
    let keys = match &plan {
        LogicalPlan::Projection(projection) => projection.expr.len(),
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.len(),
        _ => 0,
    };
    let mut index = 0;
    plan.map_expressions(|expression| {
        let name = names.save(&expression);
        let is_key = index < keys;
        index += 1;
        let rounded = expression.transform_up(|part| scope.round_arguments(part))?;
        let rounded = match is_key {
            true => rounded.transform_data(|expression| scope.round_output(expression))?,
            false => rounded,
        };
        Ok(rounded.update_data(|expression| name.restore(expression)))
    })?
    .map_data(LogicalPlan::recompute_schema)
}

fn divides(expression: &Expr) -> bool {
    expression.exists(|part| Ok(is_call(part, "mysql_divide"))).unwrap_or(true)
}

fn is_call(expression: &Expr, name: &str) -> bool {
    matches!(expression, Expr::ScalarFunction(function) if function.func.name() == name)
}

/// The columns of a plan that have more digits than they show: sums of quotients.
fn unrounded(plan: &LogicalPlan) -> HashMap<Column, i8> {
    match plan {
        LogicalPlan::Filter(filter) => unrounded(&filter.input),
        LogicalPlan::Sort(sort) => unrounded(&sort.input),
        LogicalPlan::Limit(limit) => unrounded(&limit.input),
        LogicalPlan::Aggregate(aggregate) => {
            outputs(plan, &aggregate.input, &aggregate.aggr_expr, unrounded(&aggregate.input))
        }
        LogicalPlan::Window(window) => {
            let below = unrounded(&window.input);
            let mut columns = outputs(plan, &window.input, &window.window_expr, below.clone());
            columns.extend(below);
            columns
        }
        _ => HashMap::new(),
    }
}

/// The last columns of a plan, which these expressions make.
fn outputs(
    plan: &LogicalPlan,
    input: &LogicalPlan,
    expressions: &[Expr],
    below: HashMap<Column, i8>,
) -> HashMap<Column, i8> {
    if below.is_empty() && !expressions.iter().any(divides) {
        return HashMap::new();
    }
    let scope = Scope { schema: input.schema().as_ref().clone(), below };
    let first = plan.schema().fields().len().saturating_sub(expressions.len());
    let columns = plan.schema().iter().skip(first).map(Column::from);
    columns
        .zip(expressions)
        .filter_map(|(column, expression)| Some((column, scope.shown(expression)?)))
        .collect()
}

/// The type of a column with the digits that it will show.
pub fn shown_type(plan: &LogicalPlan, index: usize) -> DataType {
    let data_type = plan.schema().field(index).data_type();
    let LogicalPlan::Projection(projection) = plan else { return data_type.clone() };
    if !data_type.is_decimal() || !divides(&projection.expr[index]) {
        return data_type.clone();
    }
    let input = &projection.input;
    let scope = Scope { schema: input.schema().as_ref().clone(), below: unrounded(input) };
    let (precision, scale) = digits(data_type);
    match scope.shown(&projection.expr[index]) {
        Some(shown) if shown < scale => rounded_type(precision, scale, shown),
        _ => data_type.clone(),
    }
}

struct Scope {
    schema: DFSchema,
    below: HashMap<Column, i8>,
}

impl Scope {
    /// How many digits after the point an exact expression shows; None when it is not exact.
    fn shown(&self, expression: &Expr) -> Option<i8> {
        let scale = match expression.get_type(&self.schema).ok()? {
            exact if exact.is_decimal() => digits(&exact).1,
            whole if whole.is_integer() || matches!(whole, DataType::Boolean | DataType::Null) => 0,
            // As a number it has the digits of its seconds.
            moment if temporal(&moment) => {
                let (_, field) = expression.to_field(&self.schema).ok()?;
                shown::fraction(&field).unwrap_or(0).cast_signed()
            }
            _ => return None,
        };
        let shown = match expression {
            Expr::Column(column) => self.below.get(column).copied(),
            Expr::Alias(alias) => self.shown(&alias.expr),
            Expr::ScalarFunction(call) => self.shown_by(call.func.name(), &call.args),
            Expr::AggregateFunction(call) => self.shown_by(call.func.name(), &call.params.args),
            Expr::WindowFunction(call) => self.shown_by(call.fun.name(), &call.params.args),
            _ => None,
        };
        Some(shown.unwrap_or(scale).min(scale))
    }

    fn shown_by(&self, name: &str, arguments: &[Expr]) -> Option<i8> {
        let of = |argument: usize| arguments.get(argument).and_then(|argument| self.shown(argument));
        match name {
            "mysql_divide" => {
                let said = match arguments.get(2).and_then(Expr::as_literal) {
                    Some(ScalarValue::Int64(Some(digits))) => i8::try_from(*digits).ok(),
                    _ => None,
                };
                Some(of(0)? + said.unwrap_or(DIVISION_DIGITS))
            }
            "mysql_multiply" => Some(of(0)? + of(1)?),
            "mysql_negate" | "mysql_summand" | "abs" | "sum" | "min" | "max" | "any_value"
            | "first_value" | "last_value" | "nth_value" | "nullif" => of(0),
            // A value and the default that stands in for it, which were cast to one type.
            "lag" | "lead" => {
                let shown = |argument: &Expr| match argument {
                    Expr::Cast(cast) => self.shown(&cast.expr),
                    other => self.shown(other),
                };
                arguments.iter().step_by(2).filter_map(shown).max()
            }
            "mysql_add" | "mysql_subtract" | "mod" | "coalesce" | "ifnull" | "greatest" | "least" => {
                arguments.iter().filter_map(|argument| self.shown(argument)).max()
            }
            "if" => of(1).max(of(2)),
            "mysql_case" => {
                let otherwise = (arguments.len() % 2 == 1).then(|| arguments.len() - 1);
                (1..arguments.len()).step_by(2).chain(otherwise).filter_map(of).max()
            }
            _ => None,
        }
    }

    /// Arguments that become text, a key or whatever is not a computation.
    fn round_arguments(&self, expression: Expr) -> Result<Transformed<Expr>> {
        match expression {
            Expr::ScalarFunction(mut call) if !NUMERIC.contains(&call.func.name()) => {
                let mut changed = false;
                for argument in &mut call.args {
                    let rounded = self.round(std::mem::take(argument))?;
                    changed |= rounded.transformed;
                    *argument = rounded.data;
                }
                Ok(Transformed::new_transformed(Expr::ScalarFunction(call), changed))
            }
            Expr::AggregateFunction(mut call) if call.func.name() == "group_concat" => {
                let mut changed = false;
                for argument in &mut call.params.args {
                    let rounded = self.round(std::mem::take(argument))?;
                    changed |= rounded.transformed;
                    *argument = rounded.data;
                }
                Ok(Transformed::new_transformed(Expr::AggregateFunction(call), changed))
            }
            other => Ok(Transformed::no(other)),
        }
    }

    fn round_output(&self, expression: Expr) -> Result<Transformed<Expr>> {
        match expression {
            Expr::Alias(mut alias) => {
                let rounded = self.round(*alias.expr)?;
                alias.expr = Box::new(rounded.data);
                Ok(Transformed::new_transformed(Expr::Alias(alias), rounded.transformed))
            }
            other => self.round(other),
        }
    }

    /// The expression with the digits that it shows.
    fn round(&self, expression: Expr) -> Result<Transformed<Expr>> {
        let data_type = expression.get_type(&self.schema)?;
        let (precision, scale) = match &data_type {
            exact if exact.is_decimal() => digits(exact),
            _ => return Ok(Transformed::no(expression)),
        };
        match self.shown(&expression) {
            Some(shown) if shown < scale => {
                let to = rounded_type(precision, scale, shown);
                Ok(Transformed::yes(Expr::Cast(Cast::new(Box::new(expression), to))))
            }
            _ => Ok(Transformed::no(expression)),
        }
    }
}

fn rounded_type(precision: u8, scale: i8, shown: i8) -> DataType {
    let precision = precision.saturating_sub((scale - shown).unsigned_abs()).max(shown.unsigned_abs() + 1);
    match precision {
        ..=38 => DataType::Decimal128(precision, shown),
        _ => DataType::Decimal256(precision, shown),
    }
}
