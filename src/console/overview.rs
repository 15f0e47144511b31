//! What the pages show, as it is now: views and their days, source days, runs, queries. It must not know HTML.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, Utc};
use futures::{StreamExt, stream};
use tokio::sync::Mutex;

use super::Shared;
use crate::catalog::TableId;
use crate::engine::processes;
use crate::views::View;
use crate::views::runs::Run;
use crate::views::state::{SourceUnit, UnitState, ViewState};

/// How long what was gathered is shown, so that many browsers are no more work than one.
const FRESH: Duration = Duration::from_secs(2);
/// Views that are looked at at once.
const VIEWS_AT_ONCE: usize = 4;
/// Runs that the front page shows.
const RUNS: usize = 15;
/// Runs that the page of a view shows.
const RUNS_OF_VIEW: usize = 50;
/// The user who sees what everybody asks, as in the process list.
const ROOT: &str = "root";

/// What the front page shows of views and sources.
#[derive(Debug)]
pub struct Overview {
    /// When it was gathered.
    pub now: DateTime<Utc>,
    /// When the scheduler last looked at its jobs.
    pub heartbeat: DateTime<Utc>,
    /// The materialized views, and those of which that cannot be known, by name.
    pub views: Vec<ViewOverview>,
    /// The days of the tables that views read, by the table's name; or why they cannot be told.
    pub sources: Result<BTreeMap<String, Vec<SourceUnit>>, String>,
    /// The newest runs, newest first.
    pub runs: Vec<Arc<Run>>,
    /// The newest day that anything has.
    pub last_day: Option<NaiveDate>,
}

/// One view.
#[derive(Debug)]
pub struct ViewOverview {
    /// The view.
    pub view: Arc<View>,
    /// How it is, with its units in their order; or what is wrong with it.
    pub state: Result<(ViewState, Vec<UnitState>), String>,
}

/// Overviews that are not older than a moment.
#[derive(Debug, Default)]
pub struct Overviews(Mutex<Option<(Instant, Arc<Overview>)>>);

impl Overviews {
    /// The overview of now, or of a moment ago. Who asks meanwhile waits for the one that is being made.
    pub async fn get(&self, shared: &Shared) -> Arc<Overview> {
        let mut known = self.0.lock().await;
        if let Some((at, overview)) = &*known
            && at.elapsed() < FRESH
        {
            return Arc::clone(overview);
        }
        let overview = Arc::new(gather(shared).await);
        *known = Some((Instant::now(), Arc::clone(&overview)));
        overview
    }
}

async fn gather(shared: &Shared) -> Overview {
    let snapshot = shared.views.snapshot();
    let mut shown: Vec<Arc<View>> = snapshot.views.values().cloned().collect();
    shown.retain(|view| view.is_materialized() != Some(false));
    let looks = stream::iter(shown).map(|view| look(shared, view)).buffered(VIEWS_AT_ONCE);
    let views: Vec<ViewOverview> = looks.collect().await;
    let sources = match shared.refreshes.source_units().await {
        Ok(units) => {
            let mut by_table = BTreeMap::<String, Vec<SourceUnit>>::new();
            for unit in units {
                by_table.entry(format!("{}.{}", unit.database, unit.table)).or_default().push(unit);
            }
            Ok(by_table)
        }
        Err(error) => Err(error.to_string()),
    };
    let of_views = views.iter().filter_map(|view| view.state.as_ref().ok());
    let of_views = of_views.flat_map(|(_, units)| units).filter_map(|unit| unit.unit.parse().ok());
    // The grid ends with the last day that there is, not with those that a table does not have any more.
    let of_sources = sources.iter().flat_map(BTreeMap::values).flatten();
    let of_sources = of_sources.filter(|unit| unit.state != "missing").filter_map(|unit| unit.day);
    let last_day = of_views.chain(of_sources).max();
    let runs = shared.views.warehouse.runs().recent().into_iter().rev().take(RUNS).collect();
    let (now, heartbeat) = (shared.clock.now(), shared.scheduler.heartbeat());
    Overview { now, heartbeat, views, sources, runs, last_day }
}

async fn look(shared: &Shared, view: Arc<View>) -> ViewOverview {
    let state = match &view.definition {
        Err(error) => Err(error.to_string()),
        Ok(_) => {
            let looked = async {
                let state = shared.refreshes.view(&view).await?;
                Ok((state, shared.refreshes.units(&view).await?))
            };
            looked.await.map_err(|error: crate::engine::error::Error| error.to_string())
        }
    };
    ViewOverview { view, state }
}

/// One view and its newest runs, newest first. None: there is no such materialized view.
pub async fn of_view(shared: &Shared, id: &TableId) -> Option<(ViewOverview, Vec<Arc<Run>>)> {
    let snapshot = shared.views.snapshot();
    let view = snapshot.views.get(id).filter(|view| view.is_materialized() != Some(false))?;
    let runs = shared.views.warehouse.runs().recent().into_iter().rev();
    let runs = runs.filter(|run| TableId::new(&run.database, &run.view) == *id);
    let runs = runs.take(RUNS_OF_VIEW).collect();
    Some((look(shared, Arc::clone(view)).await, runs))
}

/// The statements that run, of those that a user may see: one's own, and for `root` all.
pub fn queries(shared: &Shared, user: &str) -> Vec<processes::Row> {
    let visible = shared.engine.processes().into_iter().filter(|row| user == ROOT || row.user == user);
    visible.filter(|row| row.command != "Sleep").collect()
}
