//! The statements that make, change, drop and refresh views.
//!
//! They know what may be done and in which order; files are the registry's, refreshes are of those who do them.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringViewArray, UInt64Array};
use arrow::datatypes::DataType;

use super::handle::{Cancelled, Refreshes, Request};
use super::parse::Parser;
use crate::catalog;
use crate::engine::answer::{Answer, Column, Done};
use crate::engine::caller::Caller;
use crate::engine::dialect::statement::{
    AlterView, CreateView, DropViews, Query, RefreshView, Statement, TableName, ViewChange,
};
use crate::engine::dialect::{self, Mode, definition};
use crate::engine::error::{Error, Result};
use crate::engine::life::{Received, Token};
use crate::engine::metadata;
use crate::engine::nearest::Hint;
use crate::engine::session::Session;
use crate::engine::show;
use crate::views::View;
use crate::views::definition::Definition;
use crate::views::files::Parse;

/// MySQL's code of a clause that is read and does nothing.
const OPTION_IGNORED: u16 = 1618;
/// MySQL's code of what has none of its own: what the owner of a view should know.
const VIEW_ADVICE: u16 = 1105;

/// CREATE VIEW.
pub async fn create(session: &mut Session, statement: CreateView) -> Result<Done> {
    let CreateView { name, replace, if_not_exists, body, ignored } = statement;
    let database = database_for(session, "CREATE VIEW", &name)?;
    let is_table = table(session, &database, &name.table).is_some();
    if is_table || (!replace && session.engine.views.snapshot().find(&database, &name.table).is_some()) {
        let exists = Error::TableExists(name.table);
        if !if_not_exists {
            return Err(exists);
        }
        session.state.warnings.note(exists.code().0, exists.to_string());
        return Ok(Done::default());
    }
    if let Err(error @ Error::WrongObject { .. }) =
        find(session, &database, &name.table, Some(body.materialized.is_some()))
    {
        return Err(error);
    }
    ignore(session, &ignored);
    check_names(session, &database, &body.query)?;
    let (catalog, views) = (session.engine.catalog.snapshot(), session.engine.views.snapshot());
    let is_new = metadata::database_name(&catalog, &views, &database).is_none();
    let done = write(session, body.named(&database, &name.table), replace).await?;
    if is_new {
        // A database is a folder of tables or of views; there is no CREATE DATABASE. A typing error shall be seen.
        let unknown = Error::UnknownDatabase(database);
        let text = format!("{unknown}; it is there now, with its first view");
        session.state.warnings.note(unknown.code().0, text);
    }
    Ok(done)
}

/// ALTER VIEW.
pub async fn alter(session: &mut Session, statement: AlterView) -> Result<Done> {
    let AlterView { name, materialized, change, ignored } = statement;
    let database = database_for(session, "ALTER VIEW", &name)?;
    let view = find(session, &database, &name.table, Some(materialized))?;
    let mut definition =
        view.definition.as_ref().map_err(|error| Error::from(error.clone()))?.as_ref().clone();
    ignore(session, &ignored);
    match change {
        ViewChange::Inactive(inactive) => {
            materialized_part(&mut definition)?.inactive = inactive;
        }
        ViewChange::Refresh(refresh) => materialized_part(&mut definition)?.refresh = refresh,
        ViewChange::Query { columns, query } => {
            check_names(session, &database, &query)?;
            (definition.columns, definition.query) = (columns, query);
        }
        ViewChange::Rename(new) => {
            let new = TableName { database: new.database.or(Some(database)), table: new.table };
            return rename(session, &view, definition, &new).await;
        }
    }
    write(session, definition, true).await
}

/// The new file is there before the old one goes: whoever reads between sees both.
async fn rename(
    session: &mut Session,
    view: &View,
    mut definition: Definition,
    new: &TableName,
) -> Result<Done> {
    let database = database_for(session, "ALTER VIEW", new)?;
    if table(session, &database, &new.table).is_some() {
        return Err(Error::TableExists(new.table.clone()));
    }
    if database.to_lowercase() != definition.database.to_lowercase() {
        check_names(session, &database, &definition.query)?;
    }
    (definition.database, definition.name) = (database, new.table.clone());
    write(session, definition, false).await?;
    session.engine.views.remove(view).await?;
    Ok(Done::default())
}

/// DROP VIEW: all of them, or none.
pub async fn drop(session: &mut Session, statement: DropViews) -> Result<Done> {
    let DropViews { names, materialized, if_exists } = statement;
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for name in &names {
        let database = database_for(session, "DROP VIEW", name)?;
        match find(session, &database, &name.table, Some(materialized)) {
            Ok(view) => found.push(view),
            Err(Error::NoSuchTable { database, table, .. }) => missing.push(format!("{database}.{table}")),
            Err(error) => return Err(error),
        }
    }
    if !missing.is_empty() && !if_exists {
        return Err(Error::UnknownView(missing.join(",")));
    }
    for name in missing {
        let unknown = Error::UnknownView(name);
        session.state.warnings.note(unknown.code().0, unknown.to_string());
    }
    for view in found {
        session.engine.views.remove(&view).await?;
    }
    Ok(Done::default())
}

/// REFRESH MATERIALIZED VIEW: rows when it is waited for.
pub async fn refresh(
    session: &mut Session,
    token: Token<Received>,
    statement: RefreshView,
) -> Result<Answer> {
    let wait = statement.wait;
    database_for(session, "REFRESH", &statement.name)?;
    let (refreshes, request) = requested(session, statement)?;
    let units = refreshes.refresh(request, wait).await?;
    for unit in units.iter().filter(|unit| !unit.warning.is_empty()) {
        session.state.warnings.push(VIEW_ADVICE, format!("{}: {}", unit.unit, unit.warning));
    }
    if !wait {
        session.state.row_count = 0;
        token.life().finish();
        return Ok(Answer::Done(Done { info: "the refresh goes on by itself".into(), ..Done::default() }));
    }
    let texts = |text: fn(&crate::views::state::RefreshedUnit) -> &str| -> ArrayRef {
        Arc::new(units.iter().map(|unit| Some(text(unit))).collect::<StringViewArray>())
    };
    let arrays: Vec<ArrayRef> = vec![
        texts(|unit| &unit.unit),
        texts(|unit| &unit.state),
        Arc::new(units.iter().map(|unit| unit.rows).collect::<UInt64Array>()),
        Arc::new(units.iter().map(|unit| unit.bytes).collect::<UInt64Array>()),
        Arc::new(units.iter().map(|unit| unit.seconds).collect::<Float64Array>()),
        texts(|unit| &unit.error),
    ];
    show::rows(session, token, REFRESHED, arrays)
}

/// EXPLAIN REFRESH MATERIALIZED VIEW.
pub async fn explain(
    session: &mut Session,
    token: Token<Received>,
    statement: RefreshView,
) -> Result<Answer> {
    let (refreshes, request) = requested(session, statement)?;
    let units = refreshes.explain(request).await?;
    let texts = |text: fn(&crate::views::state::PlannedUnit) -> &str| -> ArrayRef {
        Arc::new(units.iter().map(|unit| Some(text(unit))).collect::<StringViewArray>())
    };
    let arrays: Vec<ArrayRef> = vec![
        texts(|unit| &unit.unit),
        texts(|unit| &unit.state),
        texts(|unit| &unit.reason),
        Arc::new(units.iter().map(|unit| unit.files).collect::<UInt64Array>()),
        Arc::new(units.iter().map(|unit| unit.bytes).collect::<UInt64Array>()),
        texts(|unit| &unit.downstream),
    ];
    show::rows(session, token, PLANNED, arrays)
}

/// CANCEL REFRESH MATERIALIZED VIEW.
pub async fn cancel(session: &Session, name: &TableName) -> Result<Done> {
    let database = database_for(session, "CANCEL REFRESH", name)?;
    let view = find(session, &database, &name.table, Some(true))?;
    let Cancelled { here, elsewhere } = refreshes(session)?.cancel(&view).await?;
    let told = match (here, elsewhere) {
        (0, 0) => "nothing of it is being refreshed".to_owned(),
        (_, 0) => format!("{here} refreshes are told to stop"),
        _ => format!("{here} refreshes are told to stop, and {elsewhere} of other servers, within seconds"),
    };
    session.state.warnings.note(VIEW_ADVICE, format!("`{}`: {told}", view.id));
    Ok(Done { affected_rows: here + elsewhere, ..Done::default() })
}

/// RESTORE MATERIALIZED VIEW … TO VERSION.
pub async fn restore(session: &Session, name: &TableName, version: u64) -> Result<Done> {
    let database = database_for(session, "RESTORE", name)?;
    let view = find(session, &database, &name.table, Some(true))?;
    refreshes(session)?.restore(&view, version).await?;
    Ok(Done::default())
}

/// The columns that a statement of this module answers with; none for most.
pub fn columns(statement: &Statement) -> Vec<Column> {
    let columns = match statement {
        Statement::RefreshView(RefreshView { wait: true, .. }) => REFRESHED,
        Statement::ExplainRefresh(_) => PLANNED,
        _ => &[],
    };
    columns.iter().map(|(name, data_type)| Column::new(*name, data_type.clone(), false)).collect()
}

const REFRESHED: &[(&str, DataType)] = &[
    ("partition", DataType::Utf8View),
    ("state", DataType::Utf8View),
    ("rows", DataType::UInt64),
    ("bytes", DataType::UInt64),
    ("seconds", DataType::Float64),
    ("error", DataType::Utf8View),
];

const PLANNED: &[(&str, DataType)] = &[
    ("partition", DataType::Utf8View),
    ("state", DataType::Utf8View),
    ("reason", DataType::Utf8View),
    ("files", DataType::UInt64),
    ("bytes", DataType::UInt64),
    ("downstream", DataType::Utf8View),
];

/// Plans a view as it would be, and writes its file.
async fn write(session: &mut Session, definition: Definition, replace: bool) -> Result<Done> {
    let text = definition::create(&definition);
    let engine = Arc::clone(&session.engine);
    // What the file will say is what was asked for, or it is not written.
    let (Definition { database, name, .. }, written) = (definition.clone(), text.clone());
    let read = engine.front.run(async move { Ok(Parser.parse(&database, &name, &written)) }).await?;
    match read {
        Ok(read) if read == definition => {}
        Ok(_) => {
            return Err(Error::Invalid("the view's query has parts that cannot be taken out of it".into()));
        }
        Err(mistake) => return Err(Error::Invalid(format!("line {}: {}", mistake.line, mistake.message))),
    }
    let planned = Arc::new(definition.clone());
    let caller = Caller::of(session);
    let checked = engine.front.run(async move { caller.check_view(planned).await }).await?;
    engine.views.create(&definition, replace, &text).await?;
    for advice in checked.advice {
        let text = format!("`{}.{}`: {advice}", definition.database, definition.name);
        session.state.warnings.push(VIEW_ADVICE, text);
    }
    Ok(Done::default())
}

/// The database that a statement may change a view in, as it is written; or why it may not.
fn database_for(session: &Session, command: &str, name: &TableName) -> Result<String> {
    let login = session.connection.login();
    let user = || format!("{}'@'{}", login.user, login.host);
    if !login.may_change_views() {
        return Err(Error::TableDenied { command: command.into(), user: user(), table: name.table.clone() });
    }
    let database = name.database.as_ref().or(session.state.database.as_ref()).ok_or(Error::NoDatabase)?;
    if metadata::is_system(database) {
        return Err(Error::DatabaseDenied { user: user(), database: database.clone() });
    }
    Ok(written(session, database))
}

/// A database as it is written where it is; one that is not there, as it was asked for.
fn written(session: &Session, database: &str) -> String {
    let catalog = session.engine.catalog.snapshot();
    match catalog.databases.get(&database.to_lowercase()) {
        Some(known) => known.name.clone(),
        None => session.engine.views.snapshot().database(database).unwrap_or(database).to_owned(),
    }
}

fn table(session: &Session, database: &str, name: &str) -> Option<Arc<catalog::Table>> {
    let catalog = session.engine.catalog.snapshot();
    let tables = &catalog.databases.get(&database.to_lowercase())?.tables;
    tables.get(&name.to_lowercase()).map(Arc::clone)
}

/// The view of a name, of the kind that is meant. One that cannot be read may be of either.
fn find(session: &Session, database: &str, name: &str, materialized: Option<bool>) -> Result<Arc<View>> {
    let wrong = |kind| Error::WrongObject { database: database.into(), table: name.into(), kind };
    let kind = |materialized| if materialized { "MATERIALIZED VIEW" } else { "VIEW" };
    if table(session, database, name).is_some() {
        return Err(wrong(kind(materialized.unwrap_or(false))));
    }
    let missing =
        || Error::NoSuchTable { database: database.into(), table: name.into(), hint: Hint::default() };
    let view = session.engine.views.snapshot().find(database, name).map(Arc::clone).ok_or_else(missing)?;
    match (materialized, view.is_materialized()) {
        (Some(meant), Some(is)) if meant != is => Err(wrong(kind(meant))),
        _ => Ok(view),
    }
}

fn refreshes(session: &Session) -> Result<Arc<dyn Refreshes>> {
    let refreshes = session.engine.refreshes();
    refreshes.ok_or_else(|| Error::NotSupported("REFRESH MATERIALIZED VIEW".into()))
}

fn requested(session: &Session, statement: RefreshView) -> Result<(Arc<dyn Refreshes>, Request)> {
    let RefreshView { name, from, to, force, .. } = statement;
    let database = name.database.as_ref().or(session.state.database.as_ref()).ok_or(Error::NoDatabase)?;
    let view = find(session, database, &name.table, Some(true))?;
    Ok((refreshes(session)?, Request { view, from, to, force }))
}

fn materialized_part(view: &mut Definition) -> Result<&mut crate::views::definition::Materialized> {
    let (database, table) = (view.database.clone(), view.name.clone());
    view.materialized.as_mut().ok_or(Error::WrongObject { database, table, kind: "MATERIALIZED VIEW" })
}

/// In a view's query, a table without a database is of the view's database, wherever its file is read. A statement
/// whose session would mean another one is refused, rather than understood in two ways.
fn check_names(session: &Session, database: &str, query: &str) -> Result<()> {
    let Some(default) = &session.state.database else { return Ok(()) };
    if default.to_lowercase() == database.to_lowercase() {
        return Ok(());
    }
    match query_of(query)?.tables.into_iter().find(|name| name.database.is_none()) {
        None => Ok(()),
        Some(name) => Err(Error::Invalid(format!(
            "in a view of {database}, the table {table} would be {database}.{table}: write {default}.{table} if that is meant",
            table = name.table
        ))),
    }
}

/// The tables of a query that was read before.
fn query_of(query: &str) -> Result<Query> {
    match dialect::parse(query, Mode::OF_VIEWS)?.statement {
        Statement::Query(query) => Ok(*query),
        _ => Err(Error::Internal("a view is not a query".into())),
    }
}

fn ignore(session: &Session, clauses: &[&str]) {
    for clause in clauses {
        session.state.warnings.push(OPTION_IGNORED, format!("<{clause}> option ignored"));
    }
}
