//! The statements that change the session, or stop others: SET, USE, transactions, KILL, text PREPARE.
//!
//! They answer with no rows. They must not know how expressions are planned; [`Caller::evaluate`] does.

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast;
use futures::StreamExt;

use super::answer::{Answer, Done};
use super::caller::Caller;
use super::changes::Changes;
use super::dialect::statement::{Assignment, Query, Statement, TableName};
use super::error::{Error, Result};
use super::life::{Life, Received, Token};
use super::metadata::variables;
use super::nearest::nearest;
use super::planner::Tables;
use super::query;
use super::session::Session;

/// Most statements that PREPARE may name in a session.
const STATEMENTS_MAX: usize = 1_000;

/// SET: all assignments, or none when one of them fails. Each value sees what was before the statement.
pub async fn set(session: &mut Session, life: &Life, assignments: Vec<Assignment>) -> Result<Done> {
    let mut caller = Caller::of(session);
    let mut given = Vec::with_capacity(assignments.len());
    for assignment in assignments {
        let value = match &assignment {
            Assignment::System { value: Some(value), .. } | Assignment::User { value, .. } => {
                Some(caller.evaluate(life, value.clone()).await?)
            }
            _ => None,
        };
        given.push((assignment, value));
    }
    let mut changes = Changes::default();
    for (assignment, value) in given {
        match assignment {
            Assignment::System { global, name, .. } => {
                if let Some(warning) = caller.state.variables.set(global, &name, value.as_ref())? {
                    caller.state.warnings.push(warning.code, warning.message);
                }
                if !global {
                    changes.variable(variables::stored_name(&name)?);
                }
            }
            Assignment::User { name, .. } => {
                caller.set_user_variable(name, value.unwrap_or(ScalarValue::Null))?;
                changes.other();
            }
            Assignment::Names { charset, collation } => {
                caller.state.variables.set_names(charset.as_deref(), collation.as_deref())?;
                variables::NAMES.iter().for_each(|name| changes.variable(name));
            }
            Assignment::Nothing => {}
        }
    }
    session.state = caller.state;
    session.changes.extend(changes);
    Ok(Done::default())
}

/// SELECT … INTO variables: a row's values, or a warning when there is no row.
pub async fn select_into(
    session: &mut Session,
    token: Token<Received>,
    selected: Query,
    variables: Vec<String>,
) -> Result<Done> {
    let Answer::Rows(mut rows) = query::select(session, token, selected.into()).await? else {
        return Err(Error::Internal("a query without rows".into()));
    };
    if rows.columns.len() != variables.len() {
        return Err(Error::ColumnCount);
    }
    let mut values = None;
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        if batch.num_rows() > 1 || batch.num_rows() == 1 && values.is_some() {
            return Err(Error::TooManyRows);
        }
        if batch.num_rows() == 1 {
            let row = batch.columns().iter().map(|column| ScalarValue::try_from_array(column, 0));
            values = Some(row.collect::<std::result::Result<Vec<_>, _>>()?);
        }
    }
    drop(rows);
    let Some(values) = values else {
        let message = "No data - zero rows fetched, selected, or processed";
        session.state.warnings.push(1329, message);
        return Ok(Done::default());
    };
    let mut caller = Caller::of(session);
    for (name, value) in variables.into_iter().zip(values) {
        caller.set_user_variable(name, value)?;
    }
    session.state.user_variables = caller.state.user_variables;
    Ok(Done { affected_rows: 1, ..Done::default() })
}

/// USE.
pub fn use_database(session: &mut Session, name: &str) -> Result<Done> {
    session.use_database(name)?;
    Ok(Done::default())
}

/// BEGIN, and with `open` false COMMIT and ROLLBACK. Every statement reads one consistent set of files
/// already, and none writes, so a transaction is only a flag that clients look at.
pub fn transaction(session: &mut Session, open: bool) -> Done {
    session.state.in_transaction = open;
    Done::default()
}

/// KILL.
pub async fn kill(session: &Session, life: &Life, id: ast::Expr, connection: bool) -> Result<Done> {
    let caller = Caller::of(session);
    let id = match caller.evaluate(life, id).await?.cast_to(&DataType::UInt64) {
        Ok(ScalarValue::UInt64(Some(id))) => id,
        _ => return Err(Error::UnknownThread(0)),
    };
    session.engine.processes.kill(&caller.user, id, connection)?;
    Ok(Done::default())
}

/// REFRESH TABLE: the next statement sees the files that are there now.
pub fn refresh(session: &Session, name: &TableName) -> Result<Done> {
    let (database, table) = Tables::new(session.state.database.as_deref()).key(name)?;
    if session.engine.views.snapshot().find(&database, &table).is_some() {
        return Err(Error::WrongObject { database, table, kind: "BASE TABLE" });
    }
    let catalog = session.engine.catalog.snapshot();
    let found = catalog.databases.get(&database).ok_or_else(|| Error::UnknownDatabase(database.clone()))?;
    match found.tables.get(&table) {
        Some(table) => table.refresh(),
        None => {
            return Err(Error::NoSuchTable {
                database: found.name.clone(),
                table: name.table.clone(),
                hint: nearest(&name.table, found.tables.values().map(|table| &*table.name)),
            });
        }
    }
    Ok(Done::default())
}

/// PREPARE name FROM text.
pub async fn prepare(session: &mut Session, life: &Life, name: String, text: ast::Expr) -> Result<Done> {
    let sql = match Caller::of(session).evaluate(life, text).await?.cast_to(&DataType::Utf8) {
        Ok(ScalarValue::Utf8(Some(sql))) => sql,
        _ => return Err(Error::Syntax { near: "NULL".into(), line: 1 }),
    };
    let _room = session.engine.memory.for_text(&sql)?;
    let parsed = query::parse(session, &sql).await?;
    if matches!(
        parsed.statement,
        Statement::Prepare { .. } | Statement::Execute { .. } | Statement::Deallocate(_)
    ) {
        return Err(Error::NotPreparable);
    }
    let name = name.to_lowercase();
    if session.statements.len() >= STATEMENTS_MAX && !session.statements.contains_key(&name) {
        return Err(Error::TooMany { what: "prepared statements", most: STATEMENTS_MAX });
    }
    session.statements.insert(name, parsed);
    session.changes.other();
    Ok(Done { info: "Statement prepared".into(), ..Done::default() })
}

/// EXECUTE name USING variables.
pub async fn execute(
    session: &mut Session,
    token: Token<Received>,
    name: &str,
    variables: &[String],
) -> Result<Answer> {
    let Some(parsed) = session.statements.get(&name.to_lowercase()).cloned() else {
        return Err(Error::UnknownStatement { name: name.to_owned(), command: "EXECUTE" });
    };
    let value = |name: &String| session.state.user_variables.get(name).cloned().unwrap_or(ScalarValue::Null);
    let values: Vec<ScalarValue> = variables.iter().map(value).collect();
    query::answer(session, token, parsed, None, &values).await
}

/// DEALLOCATE PREPARE.
pub fn deallocate(session: &mut Session, name: String) -> Result<Done> {
    match session.statements.remove(&name.to_lowercase()) {
        Some(_) => Ok(Done::default()),
        None => Err(Error::UnknownStatement { name, command: "DEALLOCATE PREPARE" }),
    }
}

/// Why a statement that would write is not done.
pub fn refused(session: &Session, command: String, table: Option<TableName>) -> Error {
    let key = table.as_ref().and_then(|table| Tables::new(session.state.database.as_deref()).key(table).ok());
    if key.is_some_and(|key| session.state.temporary.contains_key(&key)) {
        return Error::NotSupported(format!("{command} of temporary tables"));
    }
    match table {
        Some(table) => Error::TableDenied { command, user: session.account(), table: table.table },
        None => Error::ReadOnly,
    }
}
