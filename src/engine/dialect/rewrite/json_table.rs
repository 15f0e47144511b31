//! JSON_TABLE as a derived table: the rows of a document, unnested, and a cast for each column.
//!
//! It knows syntax; documents and paths are read when the query runs.

use std::collections::HashSet;

use sqlparser::ast::{
    BinaryLength, CharacterLength, DataType, ExactNumberInfo, Expr, Ident, JsonTableColumn,
    JsonTableColumnErrorHandling, SelectItem, SetExpr, TableAlias, TableAliasColumnDef, TableFactor,
    TableWithJoins, UnaryOperator, ValueWithSpan,
};

use super::super::front::literal_string;
use super::super::grammar::{call, number, string};
use super::functions::plain_arguments;
use super::grouping::ordinal;
use super::{Rewriter, lower, lower_alias, query_of, select_of};
use crate::engine::error::{Error, Result};
use crate::engine::functions;
use crate::engine::functions::json::coerce::Fault;
use crate::engine::functions::json::document::Json;
use crate::engine::functions::json::kind::Kind;
use crate::engine::functions::json::table::{Column, Otherwise, Rows, Single};

/// The column of the rows before they have columns.
const ROW: &str = "__json_row";

impl Rewriter<'_> {
    /// Rewrites JSON_TABLE; it sees the tables before it.
    pub(super) fn json_table(
        &mut self,
        mut document: Expr,
        path: &ValueWithSpan,
        columns: &[JsonTableColumn],
        alias: Option<TableAlias>,
    ) -> Result<TableFactor> {
        let mut alias = alias.ok_or(Error::TableFunctionWithoutAlias)?;
        self.expression(&mut document)?;
        let mut outputs = Vec::new();
        let rows = Rows { path: text(path)?, columns: self.json_columns(columns, &mut outputs)? };
        each_once(&outputs)?;
        let said = serde_json::to_string(&rows)
            .map_err(|error| Error::Internal(format!("columns of JSON_TABLE: {error}")))?;

        let row = TableAliasColumnDef { name: Ident::with_quote('`', ROW), data_type: None };
        let unnested = TableFactor::UNNEST {
            alias: Some(TableAlias {
                explicit: true,
                name: Ident::with_quote('`', "__json_rows"),
                columns: vec![row],
                at: None,
            }),
            array_exprs: vec![call("mysql_json_rows", vec![document, string(said)])],
            with_offset: false,
            with_offset_alias: None,
            with_ordinality: false,
        };
        let from = vec![TableWithJoins { relation: unnested, joins: Vec::new() }];
        let subquery = Box::new(query_of(SetExpr::Select(Box::new(select_of(outputs, from)))));
        lower_alias(&mut alias);
        Ok(TableFactor::Derived { lateral: true, subquery, alias: Some(alias), sample: None })
    }

    fn json_columns(
        &mut self,
        columns: &[JsonTableColumn],
        outputs: &mut Vec<SelectItem>,
    ) -> Result<Vec<Column>> {
        let mut said = Vec::with_capacity(columns.len());
        for column in columns {
            let index = outputs.len();
            match column {
                JsonTableColumn::ForOrdinality(name) => {
                    said.push(Column::Number { index });
                    outputs.push(self.json_output(name, call("mysql_cast_unsigned", vec![cell(index)])));
                }
                JsonTableColumn::Named(column) if column.exists => {
                    said.push(Column::Exists { index, path: text(&column.path)? });
                    let (_, value) = typed(&column.r#type, index)?;
                    outputs.push(self.json_output(&column.name, value));
                }
                JsonTableColumn::Named(column) => {
                    let (kind, value) = typed(&column.r#type, index)?;
                    let otherwise = |handling: &Option<_>| otherwise(handling.as_ref(), &column.name, &kind);
                    let (on_empty, on_error) = (otherwise(&column.on_empty)?, otherwise(&column.on_error)?);
                    said.push(Column::Value {
                        index,
                        name: column.name.value.clone(),
                        path: text(&column.path)?,
                        kind,
                        on_empty,
                        on_error,
                    });
                    outputs.push(self.json_output(&column.name, value));
                }
                JsonTableColumn::Nested(nested) => {
                    let columns = self.json_columns(&nested.columns, outputs)?;
                    said.push(Column::Nested(Rows { path: text(&nested.path)?, columns }));
                }
            }
        }
        Ok(said)
    }

    fn json_output(&mut self, name: &Ident, value: Expr) -> SelectItem {
        let mut alias = name.clone();
        lower(&mut alias);
        if alias.value != name.value {
            self.written.insert(alias.value.clone(), name.value.clone());
        }
        alias.quote_style = Some('`');
        SelectItem::ExprWithAlias { expr: value, alias }
    }
}

/// JSON_VALUE: what is found, checked against the type, and a plain cast of it.
pub(super) fn json_value(
    [document, path]: [Expr; 2],
    returning: Expr,
    otherwise: [&Expr; 2],
) -> Result<Expr> {
    let Expr::Function(mut cast) = returning else {
        return Err(Error::Arguments("json_value".to_owned()));
    };
    let mut parts = plain_arguments(&mut cast).unwrap_or_default();
    let size = |index: usize| parts.get(index).and_then(ordinal).and_then(|size| size.parse::<u64>().ok());
    let name = cast.name.to_string();
    let kind = match name.as_str() {
        "mysql_cast_signed" => Kind::Integer(i64::MIN.into(), i64::MAX.into()),
        "mysql_cast_unsigned" => Kind::Integer(0, u64::MAX.into()),
        "mysql_cast_year" => Kind::Year,
        "mysql_cast_decimal" => {
            Kind::Decimal(size(1).unwrap_or(10).min(65) as u8, size(2).unwrap_or(0).min(30) as u8)
        }
        "mysql_cast_double" => Kind::Double,
        "mysql_cast_float" => Kind::Float,
        "mysql_cast_char" => Kind::Text(size(1)),
        "mysql_cast_date" => Kind::Date,
        "mysql_cast_datetime" => Kind::Datetime,
        "mysql_cast_time" => Kind::Time,
        "mysql_cast_json" => Kind::Json,
        _ => return Err(Error::NotSupported("RETURNING of this type".to_owned())),
    };
    let [on_empty, on_error] = otherwise.map(|otherwise| default_value(otherwise, &kind));
    let said = Single { kind, on_empty: on_empty?, on_error: on_error? };
    let said = serde_json::to_string(&said)
        .map_err(|error| Error::Internal(format!("the type of JSON_VALUE: {error}")))?;
    if let Some(value) = parts.first_mut() {
        let found = call("json_value", vec![document, path, string(said)]);
        // A year of one digit is another one as a text.
        *value = if name == "mysql_cast_year" { call("mysql_cast_signed", vec![found]) } else { found };
    }
    Ok(call(&name, parts))
}

/// What JSON_VALUE answers ON EMPTY or ON ERROR: NULL, the text ERROR, or an array with a literal.
fn default_value(said: &Expr, kind: &Kind) -> Result<Otherwise> {
    let literal = match said {
        Expr::Tuple(items) => match items.as_slice() {
            [literal] => literal,
            _ => return Err(Error::Arguments("json_value".to_owned())),
        },
        said if literal_string(said) == Some("ERROR") => return Ok(Otherwise::Error),
        _ => return Ok(Otherwise::Null),
    };
    let invalid = || functions::error::Error::InvalidDefault { name: "json_value".to_owned() };
    let document = match (literal_string(literal), literal) {
        (Some(text), _) if matches!(kind, Kind::Json) => Json::parse(text),
        (Some(text), _) => Ok(Json::String(text.to_owned())),
        (None, Expr::UnaryOp { op: UnaryOperator::Minus, expr }) => Json::parse(&format!("-{expr}")),
        (None, Expr::Value(_)) => Json::parse(&literal.to_string().to_lowercase()),
        _ => return Err(Error::Arguments("json_value".to_owned())),
    };
    let document = document.map_err(|_| invalid())?;
    let said = Otherwise::default(&document, kind);
    Ok(said.map_err(|fault| match fault {
        Fault::Invalid => {
            let mut value = String::new();
            document.write_unquoted(&mut value);
            functions::error::Error::Truncated { kind: kind.exact_name(), value }
        }
        Fault::Range => functions::error::Error::OutOfRange {
            kind: kind.default_name(),
            expression: "json_value".to_owned(),
        },
    })?)
}

/// Refuses columns of equal names.
fn each_once(outputs: &[SelectItem]) -> Result<()> {
    let mut seen = HashSet::new();
    for output in outputs {
        if let SelectItem::ExprWithAlias { alias, .. } = output
            && !seen.insert(&alias.value)
        {
            return Err(Error::DuplicateColumn(alias.value.clone()));
        }
    }
    Ok(())
}

fn cell(index: usize) -> Expr {
    let row = Expr::Identifier(Ident::with_quote('`', ROW));
    call("mysql_json_cell", vec![row, string(index.to_string())])
}

fn text(value: &ValueWithSpan) -> Result<String> {
    literal_string(&Expr::Value(value.clone()))
        .map(ToOwned::to_owned)
        .ok_or_else(|| Error::Arguments("json_table".to_owned()))
}

fn otherwise(
    handling: Option<&JsonTableColumnErrorHandling>,
    column: &Ident,
    kind: &Kind,
) -> Result<Otherwise> {
    let invalid = || functions::error::Error::InvalidDefault { name: column.value.clone() };
    Ok(match handling {
        None | Some(JsonTableColumnErrorHandling::Null) => Otherwise::Null,
        Some(JsonTableColumnErrorHandling::Error) => Otherwise::Error,
        Some(JsonTableColumnErrorHandling::Default(value)) => {
            let document = Json::parse(&text(value)?).map_err(|_| invalid())?;
            Otherwise::default(&document, kind).map_err(|_| invalid())?
        }
    })
}

/// What a column of a type holds, and its value from the row.
fn typed(data_type: &DataType, index: usize) -> Result<(Kind, Expr)> {
    let cast = |name: &str, sizes: &[u64]| {
        let sizes = sizes.iter().copied().map(number);
        call(name, std::iter::once(cell(index)).chain(sizes).collect())
    };
    let signed = |bits: u32| {
        (Kind::Integer(-(1 << (bits - 1)), (1 << (bits - 1)) - 1), cast("mysql_cast_signed", &[]))
    };
    let unsigned = |bits: u32| (Kind::Integer(0, (1 << bits) - 1), cast("mysql_cast_unsigned", &[]));
    let decimal = |sizes: &ExactNumberInfo| -> Result<(Kind, Expr)> {
        let (precision, scale) = match sizes {
            ExactNumberInfo::None => (10, 0),
            ExactNumberInfo::Precision(precision) => (*precision, 0),
            ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, scale.unsigned_abs()),
        };
        if precision > 65 || scale > 30 || scale > precision {
            return Err(Error::NotSupported(format!("a column of type {data_type}")));
        }
        Ok((Kind::Decimal(precision as u8, scale as u8), cast("mysql_cast_decimal", &[precision, scale])))
    };
    let text = |length: Option<u64>| (Kind::Text(length), cast("mysql_cast_char", &[]));
    let bytes = |length: Option<u64>| (Kind::Bytes(length), cast("mysql_cast_binary", &[]));
    let length = |length: &Option<CharacterLength>| match length {
        Some(CharacterLength::IntegerLength { length, .. }) => Some(*length),
        _ => None,
    };
    Ok(match data_type {
        DataType::TinyInt(_) | DataType::Bool | DataType::Boolean => signed(8),
        DataType::SmallInt(_) => signed(16),
        DataType::MediumInt(_) => signed(24),
        DataType::Int(_) | DataType::Integer(_) | DataType::Signed | DataType::SignedInteger => signed(32),
        DataType::BigInt(_) => signed(64),
        DataType::TinyIntUnsigned(_) => unsigned(8),
        DataType::SmallIntUnsigned(_) => unsigned(16),
        DataType::MediumIntUnsigned(_) => unsigned(24),
        DataType::IntUnsigned(_) | DataType::IntegerUnsigned(_) => unsigned(32),
        DataType::BigIntUnsigned(_) | DataType::Unsigned | DataType::UnsignedInteger => unsigned(64),
        DataType::Decimal(sizes) | DataType::Dec(sizes) | DataType::Numeric(sizes) => decimal(sizes)?,
        DataType::Float(_) | DataType::Real | DataType::Double(_) | DataType::DoublePrecision => {
            (Kind::Double, cast("mysql_cast_double", &[]))
        }
        DataType::Char(size) | DataType::Character(size) => text(length(size).or(Some(1))),
        DataType::Varchar(size) | DataType::CharVarying(size) | DataType::CharacterVarying(size) => {
            text(length(size))
        }
        DataType::Text | DataType::TinyText | DataType::MediumText | DataType::LongText => text(None),
        DataType::Binary(length) => {
            let length = length.unwrap_or(1);
            (Kind::Bytes(Some(length)), cast("mysql_cast_binary", &[length]))
        }
        DataType::Varbinary(length) => bytes(match length {
            Some(BinaryLength::IntegerLength { length }) => Some(*length),
            _ => None,
        }),
        DataType::Blob(_) | DataType::TinyBlob | DataType::MediumBlob | DataType::LongBlob => bytes(None),
        // Of one digit it is another one as a text.
        DataType::Custom(name, _) if name.to_string().eq_ignore_ascii_case("year") => {
            let number = cast("mysql_cast_signed", &[]);
            (Kind::Year, call("mysql_cast_year", vec![number]))
        }
        DataType::Date => (Kind::Date, cast("mysql_cast_date", &[])),
        DataType::Datetime(digits) | DataType::Timestamp(digits, _) => {
            (Kind::Datetime, cast("mysql_cast_datetime", &[digits.unwrap_or(0)]))
        }
        DataType::Time(digits, _) => (Kind::Time, cast("mysql_cast_time", &[digits.unwrap_or(0)])),
        DataType::JSON => {
            let row = Expr::Identifier(Ident::with_quote('`', ROW));
            (Kind::Json, call("mysql_json_cell_json", vec![row, string(index.to_string())]))
        }
        other => return Err(Error::NotSupported(format!("a column of type {other} in JSON_TABLE"))),
    })
}
