//! What is known of the work on materialized views, as rows: the views, their units and inputs, what was run.
//!
//! It knows how StarRocks names these; what there is to know comes from those who refresh.

use chrono::{DateTime, Utc};

use super::MetadataContext;
use super::objects::{CATALOG, Object, definition};
use super::rows::{Cell, Rows};
use crate::engine::dialect::{self, Mode, definition::refresh_text, statement};
use crate::engine::error::{Error, Result};
use crate::views::definition::{DependencyKind, Materialized, WhenStale};
use crate::views::state::ViewState;
use crate::views::{View, runs};

/// Which table is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// `MATERIALIZED_VIEWS`.
    Views,
    /// `MATERIALIZED_VIEW_DEPENDENCIES`.
    Dependencies,
    /// `MATERIALIZED_VIEW_PARTITIONS`.
    Units,
    /// `SOURCE_PARTITIONS`.
    SourceUnits,
    /// `TASK_RUNS`.
    Runs,
}

impl Work {
    /// Adds the rows of all views among the objects. One of which nothing can be told is left out with a warning.
    pub async fn fill(self, context: &MetadataContext, objects: &[Object], rows: &mut Rows) {
        let is_chosen = |database: &str, name: &str| {
            let same = |one: &str, other: &str| one.to_lowercase() == other.to_lowercase();
            objects.iter().any(|object| same(object.database(), database) && same(object.name(), name))
        };
        match self {
            Self::SourceUnits => warn(context, source_units(context, is_chosen, rows).await),
            Self::Runs => runs(context, is_chosen, rows),
            Self::Views | Self::Dependencies | Self::Units => {
                for object in objects {
                    let Object::View(view, _) = object else { continue };
                    warn(context, self.of_view(context, view, rows).await);
                }
            }
        }
    }

    async fn of_view(self, context: &MetadataContext, view: &View, rows: &mut Rows) -> Result<()> {
        let materialized = match &view.definition {
            Ok(definition) => definition.materialized.as_ref(),
            // Which kind it is cannot be known: it is told among those that do not work.
            Err(_) if self == Self::Views => None,
            Err(_) => return Ok(()),
        };
        match (self, materialized) {
            (Self::Dependencies, _) => dependencies(view, context, rows),
            (Self::Views, None) if view.definition.is_ok() => Ok(()),
            (Self::Views, materialized) => {
                let state = match &context.refreshes {
                    Some(refreshes) if materialized.is_some() => refreshes.view(view).await.map(Some),
                    _ => Ok(None),
                };
                views(view, materialized, state, rows);
                Ok(())
            }
            (_, Some(_)) => units(view, context, rows).await,
            (_, None) => Ok(()),
        }
    }
}

fn warn(context: &MetadataContext, outcome: Result<()>) {
    if let Err(error) = outcome {
        context.warnings.push(error.code().0, error.to_string());
    }
}

/// `state` is how it is, where that is known, or why it cannot be looked at.
fn views(
    view: &View,
    materialized: Option<&Materialized>,
    state: Result<Option<ViewState>>,
    rows: &mut Rows,
) {
    let problem = view.definition.as_ref().err().map(ToString::to_string);
    let problem = problem.or_else(|| state.as_ref().err().map(ToString::to_string));
    let state = state.ok().flatten();
    let state = state.as_ref();
    let inactive =
        materialized.is_some_and(|view| view.inactive).then_some("ALTER MATERIALIZED VIEW … INACTIVE");
    let refresh = materialized.map_or_else(String::new, |view| refresh_text(&view.refresh));
    let text = definition(view).map(dialect::definition::create).ok();
    let (day, when_stale) = match materialized {
        Some(view) => (view.partition_by.as_deref(), view.when_stale),
        None => (None, WhenStale::default()),
    };
    let is_partitioned = day.is_some() && state.is_none_or(|state| !state.is_whole);
    let when_stale = match when_stale {
        WhenStale::Inline => "INLINE",
        WhenStale::Serve => "SERVE",
        WhenStale::Fail => "FAIL",
    };
    let duration = state.and_then(|state| Some((state.last_finished? - state.last_started?).num_seconds()));
    rows.push(&[
        CATALOG.into(),
        view.database().into(),
        view.name().into(),
        refresh.as_str().into(),
        if problem.is_none() && inactive.is_none() { "true" } else { "false" }.into(),
        problem.as_deref().or(inactive).into(),
        if is_partitioned { "RANGE" } else { "UNPARTITIONED" }.into(),
        day.into(),
        when_stale.into(),
        time(state.and_then(|state| state.last_started)),
        time(state.and_then(|state| state.last_finished)),
        duration.map_or(Cell::Null, |seconds| Cell::Number(seconds.into())),
        state.and_then(|state| said(&state.last_state)).into(),
        state.and_then(|state| said(&state.last_error)).into(),
        time(state.and_then(|state| state.next)),
        state.map(|state| state.rows).into(),
        state.map(|state| state.bytes).into(),
        state.map(|state| state.units).into(),
        state.map(|state| state.units_not_fresh).into(),
        text.as_deref().into(),
    ]);
}

async fn units(view: &View, context: &MetadataContext, rows: &mut Rows) -> Result<()> {
    let Some(refreshes) = &context.refreshes else { return Ok(()) };
    for unit in refreshes.units(view).await? {
        rows.push(&[
            CATALOG.into(),
            view.database().into(),
            view.name().into(),
            unit.unit.as_str().into(),
            unit.state.as_str().into(),
            said(&unit.reason).into(),
            unit.fingerprint.as_deref().into(),
            unit.version.into(),
            unit.rows.into(),
            unit.bytes.into(),
            time(unit.published_at),
            said(&unit.error).into(),
        ]);
    }
    Ok(())
}

async fn source_units(
    context: &MetadataContext,
    is_chosen: impl Fn(&str, &str) -> bool,
    rows: &mut Rows,
) -> Result<()> {
    let Some(refreshes) = &context.refreshes else { return Ok(()) };
    for unit in refreshes.source_units().await? {
        if !is_chosen(&unit.database, &unit.table) {
            continue;
        }
        let day = unit.day.map(|day| day.to_string());
        rows.push(&[
            CATALOG.into(),
            unit.database.as_str().into(),
            unit.table.as_str().into(),
            day.as_deref().into(),
            unit.state.as_str().into(),
            said(&unit.reason).into(),
            unit.files.into(),
            unit.bytes.into(),
            time(unit.first_seen),
            time(unit.ready_at),
            time(unit.changed_at),
        ]);
    }
    Ok(())
}

/// Runs of the views that are there.
fn runs(context: &MetadataContext, is_chosen: impl Fn(&str, &str) -> bool, rows: &mut Rows) {
    for run in context.about_views.runs() {
        if !is_chosen(&run.database, &run.view) {
            continue;
        }
        let task = format!("{}.{}", run.database, run.view);
        let state = match run.state {
            runs::State::Success => "SUCCESS",
            runs::State::Failed => "FAILED",
            runs::State::Cancelled => "CANCELLED",
        };
        rows.push(&[
            CATALOG.into(),
            run.database.as_str().into(),
            run.view.as_str().into(),
            run.id.as_str().into(),
            task.as_str().into(),
            time(Some(run.started_at)),
            time(Some(run.finished_at)),
            state.into(),
            run.trigger.as_str().into(),
            run.units.join(", ").as_str().into(),
            run.rows.into(),
            run.bytes.into(),
            run.peak_memory.into(),
            said(&run.error).into(),
        ]);
    }
}

/// What the view's query reads, by name, and what DEPENDS ON declares of it.
fn dependencies(view: &View, context: &MetadataContext, rows: &mut Rows) -> Result<()> {
    let definition = definition(view)?;
    let statement::Statement::Query(query) = dialect::parse(&definition.query, Mode::OF_VIEWS)?.statement
    else {
        return Err(Error::Internal(format!("the view {} is not a query", view.id)));
    };
    let declared = definition.materialized.iter().flat_map(|materialized| &materialized.depends_on);
    let declared: Vec<_> = declared.collect();
    for read in query.tables {
        let database = read.database.as_deref().unwrap_or(&definition.database);
        let kind = match Object::find(context, database, &read.table) {
            Some(Object::View(view, _)) => match view.is_materialized() {
                Some(true) => "MATERIALIZED VIEW",
                _ => "VIEW",
            },
            Some(Object::System(_)) => "SYSTEM VIEW",
            Some(Object::Temporary(_)) => "TEMPORARY",
            Some(Object::Lake(_)) => "BASE TABLE",
            None => "MISSING",
        };
        let same = |one: &str, other: &str| one.to_lowercase() == other.to_lowercase();
        let said = declared.iter().find(|dependency| {
            let of = dependency.database.as_deref().unwrap_or(&definition.database);
            same(of, database) && same(&dependency.table, &read.table)
        });
        let said = said.map(|dependency| match dependency.kind {
            DependencyKind::AsOfRefresh => "AS OF REFRESH".to_owned(),
            DependencyKind::Window { preceding, following } => {
                format!("WINDOW {preceding} DAY PRECEDING {following} DAY FOLLOWING")
            }
        });
        rows.push(&[
            CATALOG.into(),
            view.database().into(),
            view.name().into(),
            database.into(),
            read.table.as_str().into(),
            kind.into(),
            said.as_deref().into(),
        ]);
    }
    Ok(())
}

fn time(time: Option<DateTime<Utc>>) -> Cell<'static> {
    time.map_or(Cell::Null, |time| Cell::Number(time.timestamp().into()))
}

/// What is empty says nothing.
fn said(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
