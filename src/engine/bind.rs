//! Values in the place of `?`: the syntax tree of an EXECUTE becomes that of the statement with its values
//! written out, so that a prepared statement means what its text would mean.
//!
//! It must not know types of columns; a value is written as the literal of its own type.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{ScalarValue, internal_err};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use datafusion::sql::sqlparser::ast::{self, VisitMut, VisitorMut};

use super::dialect::call;
use super::error::{Error, Result};

/// The function that stands for a value that is not known yet.
const UNKNOWN_VALUE: &str = "mysql_parameter";

/// A function that answers with a string, for the planner only.
pub fn unknown_value() -> Arc<ScalarUDF> {
    let never = |_: &[ColumnarValue]| internal_err!("a statement ran before its parameters had values");
    Arc::new(create_udf(UNKNOWN_VALUE, Vec::new(), DataType::Utf8View, Volatility::Volatile, Arc::new(never)))
}

/// Writes values in the place of `$1`, `$2` …
pub fn values(query: &mut ast::Query, values: &[ScalarValue]) -> Result<()> {
    let literals = values.iter().map(literal).collect::<Result<Vec<_>>>()?;
    replace(query, |index, _| literals.get(index).cloned().ok_or_else(|| Error::Arguments("EXECUTE".into())))
}

/// Writes something of a type that fits in the place of each parameter, to plan with: a row count where one
/// must stand, and a string elsewhere.
pub fn unknown(query: &mut ast::Query) -> Result<()> {
    replace(query, |_, counts_rows| {
        Ok(if counts_rows { number("1") } else { call(UNKNOWN_VALUE, Vec::new()) })
    })
}

fn replace(query: &mut ast::Query, with: impl FnMut(usize, bool) -> Result<ast::Expr>) -> Result<()> {
    match VisitMut::visit(query, &mut Replace { with, counts: Vec::new() }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Replace<F> {
    /// From the parameter's index and whether it counts rows.
    with: F,
    /// Parameters that count rows: of LIMIT clauses and of windows.
    counts: Vec<String>,
}

impl<F: FnMut(usize, bool) -> Result<ast::Expr>> VisitorMut for Replace<F> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut ast::Query) -> ControlFlow<Error> {
        let counts: Vec<&ast::Expr> = match &query.limit_clause {
            Some(ast::LimitClause::LimitOffset { limit, offset, .. }) => {
                limit.iter().chain(offset.iter().map(|offset| &offset.value)).collect()
            }
            Some(ast::LimitClause::OffsetCommaLimit { offset, limit }) => vec![offset, limit],
            None => Vec::new(),
        };
        self.counts.extend(counts.into_iter().filter_map(placeholder).map(str::to_owned));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut ast::Expr) -> ControlFlow<Error> {
        if let ast::Expr::Function(function) = expression
            && let Some(ast::WindowType::WindowSpec(window)) = &function.over
        {
            let counts = frame_counts(window).into_iter().chain(row_count(function));
            self.counts.extend(counts.filter_map(placeholder).map(str::to_owned));
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut ast::Expr) -> ControlFlow<Error> {
        let Some(name) = placeholder(expression) else { return ControlFlow::Continue(()) };
        let Some(index) = name.strip_prefix('$').and_then(|number| number.parse::<usize>().ok()) else {
            return ControlFlow::Continue(());
        };
        let counts_rows = self.counts.iter().any(|count| count == name);
        match (self.with)(index.saturating_sub(1), counts_rows) {
            Ok(value) => {
                *expression = value;
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(error),
        }
    }
}

/// The distances of a window's frame.
fn frame_counts(window: &ast::WindowSpec) -> Vec<&ast::Expr> {
    use ast::WindowFrameBound::{Following, Preceding};
    let Some(frame) = &window.window_frame else { return Vec::new() };
    let mut distances = Vec::new();
    for bound in std::iter::once(&frame.start_bound).chain(&frame.end_bound) {
        if let Preceding(Some(distance)) | Following(Some(distance)) = bound {
            distances.push(distance.as_ref());
        }
    }
    distances
}

/// The argument of a window function that says how many rows or parts.
fn row_count(function: &ast::Function) -> Option<&ast::Expr> {
    let place = match function.name.to_string().as_str() {
        "lag" | "lead" | "nth_value" => 1,
        "ntile" => 0,
        _ => return None,
    };
    let ast::FunctionArguments::List(list) = &function.args else { return None };
    match list.args.get(place)? {
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(count)) => Some(count),
        _ => None,
    }
}

fn placeholder(expression: &ast::Expr) -> Option<&str> {
    match expression {
        ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::Placeholder(name), .. }) => Some(name),
        _ => None,
    }
}

/// A value as it would be written in the statement.
pub fn literal(value: &ScalarValue) -> Result<ast::Expr> {
    if value.is_null() {
        return Ok(constant(ast::Value::Null));
    }
    Ok(match value.data_type() {
        DataType::Boolean => number(if *value == ScalarValue::Boolean(Some(true)) { "1" } else { "0" }),
        data_type if data_type.is_integer() => signed(&value.to_string()),
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => signed(&text(value)?),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            call("mysql_cast_double", vec![string(text(value)?)])
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => string(text(value)?),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            let bytes = match value {
                ScalarValue::Binary(Some(bytes))
                | ScalarValue::LargeBinary(Some(bytes))
                | ScalarValue::BinaryView(Some(bytes))
                | ScalarValue::FixedSizeBinary(_, Some(bytes)) => bytes,
                other => return Err(unsupported(other)),
            };
            let digits = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
            // Other than the literal itself it is no number where one is asked for.
            call("mysql_cast_binary", vec![constant(ast::Value::HexStringLiteral(digits))])
        }
        DataType::Date32 | DataType::Date64 => call("mysql_cast_date", vec![string(text(value)?)]),
        DataType::Timestamp(..) => call(
            "mysql_cast_datetime",
            vec![string(text(value)?.trim_end_matches('Z').to_owned()), number("6")],
        ),
        DataType::Time32(_) | DataType::Time64(_) => {
            call("mysql_cast_time", vec![string(text(value)?), number("6")])
        }
        DataType::Duration(_) => call("mysql_cast_time", vec![string(time(value)?), number("6")]),
        _ => return Err(unsupported(value)),
    })
}

fn unsupported(value: &ScalarValue) -> Error {
    Error::NotSupported(format!("a parameter of type {}", value.data_type()))
}

fn text(value: &ScalarValue) -> Result<String> {
    match value.cast_to(&DataType::Utf8)? {
        ScalarValue::Utf8(Some(text)) => Ok(text),
        _ => Err(unsupported(value)),
    }
}

/// A TIME as `[-]hours:minutes:seconds.micros`.
fn time(value: &ScalarValue) -> Result<String> {
    let micros = match value.cast_to(&DataType::Duration(arrow::datatypes::TimeUnit::Microsecond))? {
        ScalarValue::DurationMicrosecond(Some(micros)) => micros,
        other => return Err(unsupported(&other)),
    };
    let sign = if micros < 0 { "-" } else { "" };
    let seconds = micros.unsigned_abs() / 1_000_000;
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    Ok(format!("{sign}{hours:02}:{minutes:02}:{:02}.{:06}", seconds % 60, micros.unsigned_abs() % 1_000_000))
}

fn signed(digits: &str) -> ast::Expr {
    match digits.strip_prefix('-') {
        Some(digits) => ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr: Box::new(number(digits)) },
        None => number(digits),
    }
}

fn number(digits: &str) -> ast::Expr {
    constant(ast::Value::Number(digits.to_owned(), false))
}

fn string(text: String) -> ast::Expr {
    constant(ast::Value::SingleQuotedString(text))
}

fn constant(value: ast::Value) -> ast::Expr {
    ast::Expr::Value(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_their_literals() {
        let check = |value: ScalarValue, expected: &str| {
            assert_eq!(literal(&value).unwrap().to_string(), expected, "{value:?}");
        };
        check(ScalarValue::Null, "NULL");
        check(ScalarValue::Utf8(None), "NULL");
        check(ScalarValue::Boolean(Some(true)), "1");
        check(ScalarValue::Int64(Some(i64::MIN)), "-9223372036854775808");
        check(ScalarValue::UInt64(Some(u64::MAX)), "18446744073709551615");
        check(ScalarValue::Decimal128(Some(-1230), 5, 2), "-12.30");
        check(ScalarValue::Float64(Some(1.5)), "mysql_cast_double('1.5')");
        check(ScalarValue::Utf8(Some("it's".into())), "'it''s'");
        check(ScalarValue::Binary(Some(vec![0, 255])), "mysql_cast_binary(X'00FF')");
        check(ScalarValue::Date32(Some(20_000)), "mysql_cast_date('2024-10-04')");
        check(
            ScalarValue::TimestampMicrosecond(Some(1_728_000_000_123_456), None),
            "mysql_cast_datetime('2024-10-04T00:00:00.123456', 6)",
        );
        check(ScalarValue::Time64Microsecond(Some(45_296_000_001)), "mysql_cast_time('12:34:56.000001', 6)");
        check(
            ScalarValue::DurationMicrosecond(Some(-90_061_000_001)),
            "mysql_cast_time('-25:01:01.000001', 6)",
        );
    }
}
