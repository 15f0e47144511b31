//! Values for the columns of a table: each is converted to the column's type as an INSERT of MySQL does it.
//!
//! It knows types and syntax; what is converted was rewritten before.

use arrow::datatypes::{DataType, TimeUnit};
use sqlparser::ast::{self, Expr, Ident, SelectItem, SetExpr, TableAlias, TableFactor, TableWithJoins};

use super::super::grammar::{call, number};
use super::{query_of, select_of};

/// A value as a column of a type takes it.
pub fn converted(value: Expr, data_type: &DataType, max_characters: Option<u32>) -> Expr {
    let digits = |unit: &TimeUnit| match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond | TimeUnit::Nanosecond => 6,
    };
    match data_type {
        DataType::Boolean => call("mysql_truth", vec![value]),
        unsigned if unsigned.is_unsigned_integer() => call("mysql_cast_unsigned", vec![value]),
        integer if integer.is_integer() => call("mysql_cast_signed", vec![value]),
        DataType::Float32 | DataType::Float64 => call("mysql_cast_double", vec![value]),
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            let sizes = [u64::from(*precision), u64::from(scale.unsigned_abs())].map(number);
            call("mysql_cast_decimal", std::iter::once(value).chain(sizes).collect())
        }
        DataType::Date32 => call("mysql_cast_date", vec![value]),
        DataType::Timestamp(_, Some(_)) => call("mysql_instant", vec![value]),
        DataType::Timestamp(unit, None) => call("mysql_cast_datetime", vec![value, number(digits(unit))]),
        DataType::Duration(unit) => call("mysql_cast_time", vec![value, number(digits(unit))]),
        DataType::Utf8View => match max_characters {
            Some(most) => call("mysql_cast_char", vec![value, number(most.into())]),
            None => call("mysql_cast_char", vec![value]),
        },
        DataType::BinaryView => call("mysql_cast_binary", vec![value]),
        _ => value,
    }
}

/// Puts a conversion around each of a query's columns, of which there are so many.
pub fn convert_columns(query: &mut ast::Query, columns: usize, mut convert: impl FnMut(usize, Expr) -> Expr) {
    let names: Vec<Ident> =
        (0..columns).map(|column| Ident::with_quote('`', format!("column_{column}"))).collect();
    let definition = |name: &Ident| ast::TableAliasColumnDef { name: name.clone(), data_type: None };
    let alias = TableAlias {
        explicit: true,
        name: Ident::with_quote('`', "rows"),
        columns: names.iter().map(definition).collect(),
        at: None,
    };
    let values = names
        .into_iter()
        .enumerate()
        .map(|(column, name)| SelectItem::UnnamedExpr(convert(column, Expr::Identifier(name))))
        .collect();
    let inner =
        std::mem::replace(query, query_of(SetExpr::Select(Box::new(select_of(Vec::new(), Vec::new())))));
    let relation =
        TableFactor::Derived { lateral: false, subquery: Box::new(inner), alias: Some(alias), sample: None };
    let from = vec![TableWithJoins { relation, joins: Vec::new() }];
    *query.body = SetExpr::Select(Box::new(select_of(values, from)));
}
