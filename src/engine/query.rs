//! The life of one statement: parse, resolve its tables, plan, wait for a turn, stream the rows.
//!
//! [`answer`] is the whole way; [`select`] the part of it that reads tables. This module must not know
//! the protocol that carries statements and rows, nor how tables are stored.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::RecordBatch;
use datafusion::common::ScalarValue;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use futures::{StreamExt, TryStreamExt, stream};

use super::admission::Permit;
use super::answer::{Answer, Column, Done, Rows};
use super::caller::{Caller, Plan, Retry};
use super::dialect::statement::{Parsed, Show, Statement};
use super::error::{Error, Result};
use super::life::{Admitted, Life, Planned, Received, Token};
use super::memory::QueryPool;
use super::plans::{Asked, Question};
use super::processes::Interrupt;
use super::runtime::Pulled;
use super::session::{Prepared, Session};
use super::{bind, dialect, explain, names, show, statements, temporary, views};

/// Runs the text of one statement.
pub async fn run(session: &mut Session, sql: &str) -> Result<Answer> {
    let token = receive(session, "Query", sql);
    let life = Arc::clone(token.life());
    let outcome = life.interrupt().race(async {
        let question = match known(session, Question::new(sql, &[])) {
            Ok(asked) => return select(session, token, asked).await,
            Err(question) => question,
        };
        let _room = session.engine.memory.for_text(sql)?;
        let parsed = parse(session, sql).await?;
        answer(session, token, parsed, question, &[]).await
    });
    let outcome = Box::pin(outcome).await.and_then(std::convert::identity);
    conclude(session, &life, sql, outcome)
}

/// Runs a prepared statement with its values.
pub async fn execute(session: &mut Session, prepared: &Prepared, values: &[ScalarValue]) -> Result<Answer> {
    let token = receive(session, "Execute", &prepared.sql);
    let life = Arc::clone(token.life());
    let outcome = life.interrupt().race(async {
        let mut question = None;
        if prepared.mode == session.state.variables.acting().mode {
            match known(session, Question::new(&prepared.sql, values)) {
                Ok(asked) => return select(session, token, asked).await,
                Err(unknown) => question = unknown,
            }
        }
        answer(session, token, prepared.parsed.clone(), question, values).await
    });
    let outcome = Box::pin(outcome).await.and_then(std::convert::identity);
    conclude(session, &life, &prepared.sql, outcome)
}

/// Understands a statement and plans it, without running it.
pub async fn prepare(session: &mut Session, sql: &str) -> Result<Prepared> {
    let token = receive(session, "Prepare", sql);
    let life = Arc::clone(token.life());
    let outcome = life.interrupt().race(async {
        let _room = session.engine.memory.for_text(sql)?;
        let parsed = parse(session, sql).await?;
        if parsed.parameters > usize::from(u16::MAX) {
            return Err(Error::TooManyPlaceholders);
        }
        let columns = announce(session, parsed.statement.clone()).await?;
        life.finish();
        let counted = Arc::clone(&session.engine.prepared);
        Ok(Prepared {
            sql: sql.to_owned(),
            parameters: parsed.parameters,
            columns,
            parsed,
            mode: session.state.variables.acting().mode,
            _counted: counted,
        })
    });
    let outcome = Box::pin(outcome).await.and_then(std::convert::identity);
    conclude(session, &life, sql, outcome)
}

/// What was asked before, if it would be understood and planned in the same way now; else the question.
fn known(session: &mut Session, question: Option<Question>) -> Result<Asked, Option<Question>> {
    let asked = session.engine.plans.get(question.ok_or(None)?, &session.engine, &session.state)?;
    session.state.forget_warnings();
    Ok(asked)
}

/// The way of a statement to its answer. The question is there when the settings of now are those it was parsed with.
pub(super) async fn answer(
    session: &mut Session,
    token: Token<Received>,
    parsed: Parsed,
    question: Option<Question>,
    values: &[ScalarValue],
) -> Result<Answer> {
    if parsed.parameters != values.len() {
        return Err(Error::Arguments("EXECUTE".into()));
    }
    if !matches!(parsed.statement, Statement::Show(Show::Warnings { .. })) {
        session.state.forget_warnings();
    }
    let life = Arc::clone(token.life());
    let done = match parsed.statement {
        Statement::Query(mut query) => {
            bind::values(&mut query.ast, values)?;
            return select(session, token, Asked { question, ..Asked::from(*query) }).await;
        }
        Statement::Explain { analyze, format, mut query } => {
            bind::values(&mut query.ast, values)?;
            let format = format.unwrap_or(session.state.variables.acting().explain_format);
            return explain::answer(session, token, *query, analyze, format).await;
        }
        Statement::Show(show) => return show::answer(session, token, show).await,
        Statement::Do(mut query) => {
            bind::values(&mut query.ast, values)?;
            discard(select(session, token, (*query).into()).await?).await?
        }
        Statement::SelectInto { mut query, variables } => {
            bind::values(&mut query.ast, values)?;
            statements::select_into(session, token, *query, variables).await?
        }
        Statement::Execute { name, variables } => {
            return Box::pin(statements::execute(session, token, &name, &variables)).await;
        }
        Statement::Temporary(change) => {
            return Box::pin(temporary::answer(session, token, *change, values)).await;
        }
        Statement::Set(assignments) => statements::set(session, &life, assignments).await?,
        Statement::Use(database) => statements::use_database(session, &database)?,
        Statement::Begin => statements::transaction(session, true),
        Statement::Commit | Statement::Rollback => statements::transaction(session, false),
        Statement::Kill { id, connection } => statements::kill(session, &life, id, connection).await?,
        Statement::RefreshTable(name) => statements::refresh(session, &name)?,
        Statement::Prepare { name, text } => statements::prepare(session, &life, name, text).await?,
        Statement::Deallocate(name) => statements::deallocate(session, name)?,
        Statement::CreateView(view) => views::statements::create(session, *view).await?,
        Statement::AlterView(view) => views::statements::alter(session, *view).await?,
        Statement::DropViews(views) => views::statements::drop(session, views).await?,
        Statement::RefreshView(view) => return views::statements::refresh(session, token, view).await,
        Statement::ExplainRefresh(view) => return views::statements::explain(session, token, view).await,
        Statement::CancelRefresh(view) => views::statements::cancel(session, &view).await?,
        Statement::RestoreView { name, version } => {
            views::statements::restore(session, &name, version).await?
        }
        Statement::Nothing => Done::default(),
        Statement::Refused { command, table } => return Err(statements::refused(session, command, table)),
    };
    session.state.row_count = 0;
    life.finish();
    Ok(Answer::Done(done))
}

/// Plans a query, waits for its turn and starts it. Until its first rows are there it can be planned again:
/// when files changed under it, or when a join needs more memory than it may have.
pub(super) async fn select(session: &mut Session, token: Token<Received>, asked: Asked) -> Result<Answer> {
    let life = Arc::clone(token.life());
    let interrupt = life.interrupt().until(session.state.variables.acting().max_execution_time);
    let caller = Arc::new(Caller::of(session));
    let mut retry = Retry::default();
    let mut token = token;
    let rows = loop {
        match attempt(&caller, token, &interrupt, &asked, &mut retry).await {
            Ok(rows) => break rows,
            Err(error) if retry.helps(&error) => caller.prepare_again(&asked.query, &error),
            Err(error) => return Err(caller.with_remedy(&asked.query, error).await),
        }
        token = life.again();
    };
    session.state.row_count = -1;
    Ok(Answer::Rows(rows))
}

/// One attempt to get the first rows of a query.
async fn attempt(
    caller: &Arc<Caller>,
    token: Token<Received>,
    interrupt: &Interrupt,
    asked: &Asked,
    retry: &mut Retry,
) -> Result<Rows> {
    let engine = &caller.engine;
    if let Some((columns, row)) = asked.constants() {
        return Ok(Delivery::of_row(caller, interrupt, token, row).rows(columns));
    }

    // On the heap, because SELECT 1 carries this future without needing it.
    let begin = Box::pin(begin(Arc::clone(caller), interrupt.clone(), token, asked.clone(), retry.hash_join));
    let (plan, token) = match interrupt.race(engine.front.run(begin)).await?? {
        Begun::Answered(columns, delivery) => return Ok(delivery.rows(columns)),
        Begun::Planned(plan, token) => (plan, token),
    };
    retry.note(&plan);

    let permit = match plan.reads_lake {
        true => Some(interrupt.race(engine.admission.admit()).await??),
        // SELECT 1 and SHOW answer at once, however many queries wait.
        false => None,
    };
    let token = token.admitted();

    let (environment, pool) = engine.memory.for_query()?;
    let Plan { columns, executable, reads_lake, .. } = *plan;
    let runtime = if reads_lake { &engine.runtime } else { &engine.front };
    let mut pulled = runtime.pull(async move { executable.start(environment) });
    let first = interrupt.race(pulled.next()).await?.transpose()?;

    let delivery = Delivery {
        caller: Arc::clone(caller),
        interrupt: interrupt.clone(),
        ready: VecDeque::from_iter(first),
        pulled: Some(pulled),
        pool: Some(pool),
        _permit: permit,
        token,
    };
    Ok(delivery.rows(columns))
}

/// A query after its first task.
enum Begun {
    /// There was little to do, and it is done.
    Answered(Vec<Column>, Delivery),
    /// It waits for its turn.
    Planned(Box<Plan>, Token<Planned>),
}

/// Plans a query. One that has little to do is run here, too: another task would take longer to wake than it takes to
/// run.
async fn begin(
    caller: Arc<Caller>,
    interrupt: Interrupt,
    token: Token<Received>,
    asked: Asked,
    hash_joins: bool,
) -> Result<Begun> {
    let plan = caller.plan(&asked, hash_joins).await?;
    let token = token.planned();
    if !plan.is_light {
        return Ok(Begun::Planned(Box::new(plan), token));
    }
    let engine = &caller.engine;
    let permit = if plan.reads_lake { Some(engine.admission.admit().await?) } else { None };
    let token = token.admitted();

    let (environment, pool) = engine.memory.for_query()?;
    let batches = plan.executable.start(environment)?.try_collect().await;
    plan.executable.tell(&caller.state.warnings);
    let batches = batches?;
    token.life().finish();
    if !caller.saw_time.load(Ordering::Relaxed) {
        engine.plans.keep_ready(&caller, &asked, plan.executable);
    }

    let delivery = Delivery {
        caller: Arc::clone(&caller),
        interrupt,
        ready: batches,
        pulled: None,
        pool: Some(pool),
        _permit: permit,
        token,
    };
    Ok(Begun::Answered(plan.columns, delivery))
}

/// Rows on their way to the client. Dropping it stops the work and lets the next query run.
struct Delivery {
    caller: Arc<Caller>,
    interrupt: Interrupt,
    /// What there was before the answer began.
    ready: VecDeque<RecordBatch>,
    /// None after the last batch and after an error, and when all rows are ready.
    pulled: Option<Pulled>,
    /// None when nothing is computed.
    pool: Option<Arc<QueryPool>>,
    _permit: Option<Permit>,
    token: Token<Admitted>,
}

impl Delivery {
    /// One row that is there already.
    fn of_row(caller: &Arc<Caller>, interrupt: &Interrupt, token: Token<Received>, row: RecordBatch) -> Self {
        token.life().finish();
        caller.state.rows_beyond.store(0, Ordering::Relaxed);
        Self {
            caller: Arc::clone(caller),
            interrupt: interrupt.clone(),
            ready: VecDeque::from([row]),
            pulled: None,
            pool: None,
            _permit: None,
            token: token.planned().admitted(),
        }
    }

    fn rows(self, columns: Vec<Column>) -> Rows {
        self.caller.state.found_rows.store(0, Ordering::Relaxed);
        let time_zone = self.caller.time_zone;
        Rows { columns, time_zone, batches: stream::unfold(self, Self::next).boxed() }
    }

    async fn next(mut self) -> Option<(Result<RecordBatch>, Self)> {
        let batch = match (self.ready.pop_front(), &mut self.pulled) {
            (Some(ready), _) => Some(Ok(ready)),
            (None, Some(pulled)) => {
                self.interrupt.race(pulled.next()).await.unwrap_or_else(|error| Some(Err(error)))
            }
            (None, None) => return None,
        };
        if let Some(pool) = &self.pool {
            self.token.used_memory(pool.peak());
            metrics::gauge!("lakefront_query_memory_bytes").set(self.caller.engine.memory.reserved() as f64);
        }
        match &batch {
            Some(Ok(batch)) => {
                self.caller.state.found_rows.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
                self.token.sent(batch.num_rows(), get_record_batch_memory_size(batch));
            }
            Some(Err(error)) => {
                self.pulled = None;
                self.caller.state.warnings.error(error.code().0, error.to_string());
                self.token.life().fail(error);
            }
            None => {
                self.pulled = None;
                self.token.life().finish();
            }
        }
        Some((batch?, self))
    }
}

/// The columns that a statement will answer with.
async fn announce(session: &Session, statement: Statement) -> Result<Vec<Column>> {
    let caller = Arc::new(Caller::of(session));
    match statement {
        Statement::Query(query) => caller.announce(*query).await,
        Statement::Explain { format, .. } => {
            let of_session = caller.state.variables.acting().explain_format;
            Ok(explain::columns(format.unwrap_or(of_session)))
        }
        Statement::Show(show) => show::columns(&caller, show).await,
        Statement::Prepare { .. } | Statement::Execute { .. } | Statement::Deallocate(_) => {
            Err(Error::NotPreparable)
        }
        statement => Ok(views::statements::columns(&statement)),
    }
}

/// Parses on the query threads, whose stacks are deep enough for what nests.
pub(super) async fn parse(session: &Session, sql: &str) -> Result<Parsed> {
    let mode = session.state.variables.acting().mode;
    let sql = sql.to_owned();
    session.engine.front.run(async move { dialect::parse(&sql, mode) }).await
}

fn receive(session: &mut Session, command: &'static str, sql: &str) -> Token<Received> {
    session.engine.statements.fetch_add(1, Ordering::Relaxed);
    session.state.statements += 1;
    session.state.keep_assigned();
    let running = session.connection.start(command, sql);
    Token::received(&session.connection, running, session.state.database.as_deref(), sql)
}

/// Keeps a failure for SHOW WARNINGS and for the log.
fn conclude<T>(session: &mut Session, life: &Life, sql: &str, outcome: Result<T>) -> Result<T> {
    let outcome = outcome.map_err(|error| names::as_written(error, sql));
    if let Err(error) = &outcome {
        session.state.forget_warnings();
        session.state.warnings.error(error.code().0, error.to_string());
        session.state.row_count = -1;
        life.fail(error);
    }
    outcome
}

/// Computes all rows and answers none.
async fn discard(answer: Answer) -> Result<Done> {
    if let Answer::Rows(mut rows) = answer {
        while let Some(batch) = rows.next().await {
            batch?;
        }
    }
    Ok(Done::default())
}
