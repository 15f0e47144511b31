//! SHOW and DESCRIBE: what the server knows of itself, answered by a query over its own tables or by rows.
//!
//! It must not know what those tables hold; `metadata` does.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use futures::{StreamExt, stream};

use super::answer::{Answer, Column, Rows};
use super::caller::Caller;
use super::dialect::statement::Show;
use super::error::{Error, Result};
use super::life::{Received, Token};
use super::metadata::show::ShowAnswer;
use super::session::Session;
use super::{metadata, query};

/// Answers a SHOW.
pub async fn answer(session: &mut Session, token: Token<Received>, show: Show) -> Result<Answer> {
    let caller = Arc::new(Caller::of(session));
    match found(&caller, show).await? {
        ShowAnswer::Query(query) => query::select(session, token, (*query).into()).await,
        ShowAnswer::Rows { columns, batch } => Ok(told(session, &caller, token, columns, batch)),
    }
}

/// Answers with rows that are here already: arrays in the order of the columns, of which none is ever NULL.
pub fn rows(
    session: &mut Session,
    token: Token<Received>,
    columns: &[(&str, DataType)],
    arrays: Vec<ArrayRef>,
) -> Result<Answer> {
    let field = |(name, data_type): &(&str, DataType)| Field::new(*name, data_type.clone(), false);
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    let batch = RecordBatch::try_new(schema, arrays).map_err(|error| Error::Internal(error.to_string()))?;
    let columns = columns.iter().map(|(name, data_type)| Column::new(*name, data_type.clone(), false));
    let caller = Caller::of(session);
    Ok(told(session, &caller, token, columns.collect(), batch))
}

fn told(
    session: &mut Session,
    caller: &Caller,
    token: Token<Received>,
    columns: Vec<Column>,
    batch: RecordBatch,
) -> Answer {
    session.state.row_count = -1;
    let token = token.planned().admitted();
    token.sent(batch.num_rows(), batch.get_array_memory_size());
    token.life().finish();
    let batches = stream::iter([Ok(batch)]).boxed();
    Answer::Rows(Rows { columns, time_zone: caller.time_zone, batches })
}

/// The columns that a SHOW answers with.
pub async fn columns(caller: &Arc<Caller>, show: Show) -> Result<Vec<Column>> {
    match found(caller, show).await? {
        ShowAnswer::Query(query) => Arc::clone(caller).announce(*query).await,
        ShowAnswer::Rows { columns, .. } => Ok(columns),
    }
}

/// Tables that a SHOW names may have to be read for their columns, which is work for the query threads.
async fn found(caller: &Arc<Caller>, show: Show) -> Result<ShowAnswer> {
    let context = caller.metadata();
    caller.engine.front.run(async move { metadata::show::answer(&show, &context).await }).await
}
