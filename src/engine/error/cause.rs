//! What is behind an error of DataFusion's, of Arrow's or of a store's, as an error for clients.
//!
//! It knows these libraries' errors. Where one tells its cause as text only, the text is known by how it begins.

use std::sync::Arc;

use arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError};
use parquet::errors::ParquetError;

use super::Error;
use crate::engine::dialect::window::{Misuse, UNNAMED};
use crate::engine::functions;
use crate::engine::nearest::{Hint, nearest};
use crate::{catalog, views};

impl From<views::Error> for Error {
    fn from(error: views::Error) -> Self {
        match error {
            views::Error::Lake(error) => catalog::Error::Lake(error).into(),
            views::Error::Exists { view } => Self::TableExists(view.name),
            views::Error::Name(name) => Self::TableName(name),
            error => Self::View(error.to_string()),
        }
    }
}

impl From<catalog::Error> for Error {
    fn from(error: catalog::Error) -> Self {
        match error.is_change() {
            true => Self::Changed(error.to_string()),
            false => Self::Table(error.to_string()),
        }
    }
}

/// How functions and planners hand the engine's errors through DataFusion.
impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        match catalog::Error::find(&error) {
            Some(lake) => lake.into(),
            None => Self::of(&error),
        }
    }
}

impl Error {
    /// The cause inside DataFusion's wrappings, as an error for clients.
    fn of(error: &DataFusionError) -> Self {
        match error {
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => Self::of(inner),
            DataFusionError::Shared(inner) => Self::of(inner),
            DataFusionError::Collection(errors) => match errors.first() {
                Some(first) => Self::of(first),
                None => Self::Internal("an empty collection of errors".into()),
            },
            DataFusionError::External(inner) => Self::of_external(inner.as_ref()),
            DataFusionError::ArrowError(inner, _) => Self::of_arrow(inner),
            DataFusionError::SchemaError(inner, _) => Self::of_schema(inner),
            DataFusionError::ParquetError(inner) => Self::of_parquet(inner),
            DataFusionError::ObjectStore(inner) => Self::of_store(inner),
            DataFusionError::IoError(inner) => Self::of_io(inner),
            DataFusionError::SQL(inner, _) => Self::Invalid(inner.to_string()),
            DataFusionError::NotImplemented(what)
                if what.contains("Physical plan does not support logical") =>
            {
                Self::NotSupported("a subquery that compares with outer columns in this way".into())
            }
            DataFusionError::NotImplemented(what) => Self::NotSupported(first_line(what)),
            DataFusionError::Plan(what) => Self::of_plan(what),
            DataFusionError::Execution(what) => Self::of_execution(what),
            DataFusionError::ResourcesExhausted(what) => Self::of_resources(what),
            DataFusionError::Internal(what)
            | DataFusionError::Configuration(what)
            | DataFusionError::Substrait(what)
            | DataFusionError::Ffi(what) => Self::Internal(first_line(what)),
            DataFusionError::ExecutionJoin(inner) => Self::Internal(format!("a task stopped: {inner}")),
        }
    }

    /// An error that came from outside of DataFusion: ours, or another library's with a cause inside.
    fn of_external(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Self {
        if let Some(ours) = error.downcast_ref::<Self>() {
            return ours.clone();
        }
        if let Some(function) = error.downcast_ref::<functions::error::Error>() {
            return Self::Function(function.clone());
        }
        if let Some(view) = error.downcast_ref::<views::Error>() {
            return view.clone().into();
        }
        if let Some(inner) = error.downcast_ref::<DataFusionError>() {
            return Self::of(inner);
        }
        if let Some(inner) = error.downcast_ref::<Arc<DataFusionError>>() {
            return Self::of(inner);
        }
        if let Some(inner) = error.downcast_ref::<ArrowError>() {
            return Self::of_arrow(inner);
        }
        if let Some(inner) = error.downcast_ref::<ParquetError>() {
            return Self::of_parquet(inner);
        }
        if let Some(inner) = error.downcast_ref::<object_store::Error>() {
            return Self::of_store(inner);
        }
        Self::Table(error.to_string())
    }

    fn of_arrow(error: &ArrowError) -> Self {
        match error {
            ArrowError::ExternalError(inner) => Self::of_external(inner.as_ref()),
            ArrowError::ArithmeticOverflow(what) => {
                Self::OutOfRange { kind: "BIGINT", expression: what.clone() }
            }
            ArrowError::DivideByZero => Self::Computation("Division by 0".into()),
            ArrowError::CastError(what) | ArrowError::ParseError(what) => Self::Computation(first_line(what)),
            ArrowError::ComputeError(what) | ArrowError::InvalidArgumentError(what) => {
                Self::Computation(first_line(what))
            }
            ArrowError::NotYetImplemented(what) => Self::NotSupported(first_line(what)),
            ArrowError::SchemaError(what)
            | ArrowError::ParquetError(what)
            | ArrowError::AvroError(what)
            | ArrowError::CsvError(what)
            | ArrowError::JsonError(what) => Self::Table(first_line(what)),
            ArrowError::IoError(_, inner) => Self::of_io(inner),
            ArrowError::MemoryError(what) => Self::Memory(first_line(what)),
            ArrowError::IpcError(what) | ArrowError::CDataInterface(what) => Self::Internal(first_line(what)),
            ArrowError::DictionaryKeyOverflowError
            | ArrowError::RunEndIndexOverflowError
            | ArrowError::OffsetOverflowError(_) => Self::Internal(error.to_string()),
        }
    }

    fn of_schema(error: &SchemaError) -> Self {
        let clause = || "field list".to_owned();
        match error {
            SchemaError::FieldNotFound { field, valid_fields } => Self::UnknownColumn {
                column: column_name(field),
                clause: clause(),
                hint: nearest(&field.name, valid_fields.iter().map(|known| known.name.as_str())),
            },
            SchemaError::AmbiguousReference { field } => {
                Self::AmbiguousColumn { column: field.name.clone(), clause: clause() }
            }
            SchemaError::DuplicateQualifiedField { qualifier, .. } => {
                Self::NotUniqueTable(qualifier.table().to_owned())
            }
            SchemaError::DuplicateUnqualifiedField { name } => Self::DuplicateColumn(name.clone()),
        }
    }

    fn of_parquet(error: &ParquetError) -> Self {
        match error {
            ParquetError::External(inner) => Self::of_external(inner.as_ref()),
            other => Self::Table(format!("a Parquet file cannot be read: {other}")),
        }
    }

    fn of_store(error: &object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { path, .. } => {
                Self::Changed(format!("{path} is not there any more"))
            }
            object_store::Error::Generic { source, .. } => match source.downcast_ref::<std::io::Error>() {
                Some(inner) => Self::of_io(inner),
                None => Self::Store(first_line(&error.to_string())),
            },
            other => Self::Store(first_line(&other.to_string())),
        }
    }

    fn of_io(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::DiskFull("no space is left where statements put what does not fit into memory".into())
            }
            std::io::ErrorKind::Other => match error.get_ref() {
                // What writes spill files tells the limit as text only.
                Some(inner) if exceeds_disk(&inner.to_string()) => Self::of_resources(&inner.to_string()),
                Some(inner) => Self::of_external(inner),
                None => Self::Store(first_line(&error.to_string())),
            },
            _ => Self::Store(first_line(&error.to_string())),
        }
    }

    /// DataFusion tells errors of planning as text only; those that have a number of their own in
    /// MySQL are known by how their text begins.
    fn of_plan(what: &str) -> Self {
        if let Some(rest) = what.strip_prefix("Invalid function '") {
            let name = rest.split('\'').next().unwrap_or(rest);
            return Self::UnknownFunction { name: name.to_owned(), hint: Hint::default() };
        }
        if what.starts_with("Projections require unique expression names") {
            return Self::DuplicateColumn(between(what, "expression \"", "\"").unwrap_or(what).to_owned());
        }
        if let Some(name) = between(what, "Incorrect parameter count in the call to native function '", "'") {
            return Self::ParameterCount(name.to_owned());
        }
        if what.starts_with("Aggregate functions are not allowed in")
            || what.starts_with("Aggregate function calls cannot be nested")
        {
            return Self::InvalidGroupFunction;
        }
        if what.contains("queries have different number of columns")
            || what.contains("query must have the same number of columns")
        {
            return Self::ColumnCount;
        }
        if let Some(rest) = what.strip_prefix("Column in ")
            && rest.contains("must be in GROUP BY or an aggregate function")
            && let (Some((clause, _)), Some(column)) =
                (rest.split_once(" must be"), between(rest, "column \"", "\""))
        {
            if clause == "HAVING" {
                let clause = "having clause".to_owned();
                return Self::UnknownColumn { column: column.to_owned(), clause, hint: Hint::default() };
            }
            let clause =
                if clause == "SELECT" { "SELECT list".to_owned() } else { format!("{clause} clause") };
            return Self::NotGrouped { expression: 1, clause, column: column.to_owned() };
        }
        if let Some(rest) = what.strip_prefix("HAVING clause references: ")
            && let Some((column, _)) = rest.split_once(" must appear in the GROUP BY clause")
        {
            return Self::UnknownColumn {
                column: column.to_owned(),
                clause: "having clause".to_owned(),
                hint: Hint::default(),
            };
        }
        // Bounds that are parameters have their values only now.
        if what.starts_with("Invalid window frame") {
            return Misuse::Bound(UNNAMED.to_owned()).into();
        }
        if what.starts_with("Too many columns! The subquery should only return one column") {
            return Self::OperandColumns(1);
        }
        if what.starts_with("Source table contains") {
            return Self::ViewColumns;
        }
        if what.starts_with("Order by index starts at 1") {
            let clause = "order clause".to_owned();
            return Self::UnknownColumn { column: "0".into(), clause, hint: Hint::default() };
        }
        if let Some(rest) = what.strip_prefix("Order by column out of bounds, specified: ") {
            let column = rest.split(',').next().unwrap_or(rest).to_owned();
            return Self::UnknownColumn { column, clause: "order clause".into(), hint: Hint::default() };
        }
        if let Some(rest) = what.strip_prefix("Invalid qualifier ") {
            return Self::UnknownView(rest.to_owned());
        }
        if what.starts_with("SELECT * with no tables specified") {
            return Self::NoTables;
        }
        if let Some(column) =
            between(what, "For SELECT DISTINCT, ORDER BY expressions ", " must appear in select list")
        {
            return Self::NotSelected { key: 1, column: column.to_owned() };
        }
        Self::Invalid(first_line(what))
    }

    fn of_execution(what: &str) -> Self {
        if what.contains("Scalar subquery returned more than one row") {
            return Self::SubqueryRows;
        }
        Self::Computation(first_line(what))
    }

    fn of_resources(what: &str) -> Self {
        if exceeds_disk(what) {
            return Self::DiskFull("the statement needs more disk than `spill.limit` allows".into());
        }
        Self::Memory("the statement needs more memory than it may use".into())
    }
}

fn exceeds_disk(what: &str) -> bool {
    what.contains("used disk space") && what.contains("exceeded the allowable limit")
}

/// A column as MySQL names it: with its table, where one was written.
fn column_name(column: &datafusion::common::Column) -> String {
    match &column.relation {
        Some(relation) => format!("{}.{}", relation.table(), column.name),
        None => column.name.clone(),
    }
}

/// The text without hints and backtraces, which follow in further lines.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_end_matches('.').to_owned()
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    Some(rest.split_once(end)?.0)
}
