//! What the engine asks of a refresher, for statements and for `information_schema`. It must not know SQL.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::Refresher;
use super::request::{self, End, Planned, Trigger};
use crate::catalog::{self, TableId, days};
use crate::engine::error::{Error, Result};
use crate::engine::views::handle::{Cancelled, Refreshes, Request};
use crate::lake;
use crate::views;
use crate::views::View;
use crate::views::published::Unit;
use crate::views::runs::State;
use crate::views::state::{PlannedUnit, RefreshedUnit, SourceUnit, UnitState, ViewState};

#[async_trait]
impl Refreshes for Refresher {
    async fn refresh(&self, request: Request, wait: bool) -> Result<Vec<RefreshedUnit>> {
        let request = of_view(&request, Trigger::Manual);
        if !wait {
            self.start(request).map_err(Error::View)?;
            return Ok(vec![]);
        }
        let outcome = self.run(&request, |_| ()).await;
        if let Some((_, problem)) = outcome.problems.into_iter().next() {
            return Err(Error::View(problem));
        }
        let refreshed = outcome.units.into_iter().map(|unit| RefreshedUnit {
            unit: unit.unit.to_string(),
            state: state_after(unit.end).into(),
            rows: unit.rows,
            bytes: unit.bytes,
            seconds: unit.duration.as_secs_f64(),
            error: unit.error,
            warning: unit.warning,
        });
        Ok(refreshed.collect())
    }

    async fn explain(&self, request: Request) -> Result<Vec<PlannedUnit>> {
        let downstream = self.readers(&request.view.id).await.join(", ");
        let planned = Self::explain(self, &of_view(&request, Trigger::Manual)).await.map_err(Error::View)?;
        let planned = planned.into_iter().filter(|unit| unit.state != "fresh");
        let planned = planned.map(|unit| PlannedUnit {
            unit: unit.unit.to_string(),
            state: unit.state.into(),
            reason: unit.reason,
            files: unit.files,
            bytes: unit.bytes,
            downstream: downstream.clone(),
        });
        Ok(planned.collect())
    }

    async fn cancel(&self, view: &View) -> Result<Cancelled> {
        let here = Self::cancel(self, &view.id);
        let asked = self.shared.leases.ask_to_stop(&view.id.database, &view.id.name).await;
        Ok(Cancelled { here, elsewhere: asked.map_err(views::Error::from)? })
    }

    async fn restore(&self, view: &View, version: u64) -> Result<()> {
        let log = self.shared.views.warehouse.view(&view.id.database, &view.id.name);
        log.restore(version, self.shared.clock.now()).await.map_err(views::Error::from)?;
        Ok(())
    }

    async fn view(&self, view: &View) -> Result<ViewState> {
        let units = self.units(view).await?;
        let runs = self.shared.views.warehouse.runs().recent();
        let of_view = |database: &str, name: &str| TableId::new(database, name) == view.id;
        let last = runs.iter().rev().find(|run| of_view(&run.database, &run.view));
        let is_running = units.iter().any(|unit| unit.state == "running");
        let last_state = match last.map(|run| run.state) {
            _ if is_running => "RUNNING",
            None => "",
            Some(State::Success) => "SUCCESS",
            Some(State::Failed) => "FAILED",
            Some(State::Cancelled) => "CANCELLED",
        };
        Ok(ViewState {
            last_started: last.map(|run| run.started_at),
            last_finished: last.map(|run| run.finished_at),
            last_state: last_state.into(),
            last_error: last.map(|run| run.error.clone()).unwrap_or_default(),
            rows: units.iter().filter_map(|unit| unit.rows).sum(),
            bytes: units.iter().filter_map(|unit| unit.bytes).sum(),
            units: units.len() as u64,
            units_not_fresh: units.iter().filter(|unit| unit.state != "fresh").count() as u64,
            is_whole: units.iter().any(|unit| unit.unit == Unit::Whole.to_string()),
            next: self.shared.times.get().and_then(|next| next(&view.id)),
        })
    }

    async fn units(&self, view: &View) -> Result<Vec<UnitState>> {
        self.states(&view.id).await.map_err(Error::View)
    }
    async fn source_units(&self) -> Result<Vec<SourceUnit>> {
        let mut read = BTreeSet::new();
        for (_, sources) in self.reads().await {
            read.extend(sources);
        }
        let snapshot = self.shared.catalog.snapshot();
        let now = self.shared.clock.now();
        let mut units = vec![];
        for id in read {
            let database = snapshot.databases.get(&id.database);
            let Some(table) = database.and_then(|database| database.tables.get(&id.name)) else { continue };
            let nothing = SourceUnit {
                database: table.database.clone(),
                table: table.name.clone(),
                day: None,
                state: "failed".into(),
                reason: String::new(),
                files: 0,
                bytes: 0,
                first_seen: None,
                ready_at: None,
                changed_at: None,
            };
            let looked = async { Ok((table.source_days(now).await?, table.definition()?)) };
            let (days, definition) = match looked.await {
                Ok(looked) => looked,
                // One table that cannot be listed hides no other.
                Err(error) => {
                    let error: catalog::Error = error;
                    units.push(SourceUnit { reason: error.to_string(), ..nothing });
                    continue;
                }
            };
            let missing = days::missing(&days, definition, now);
            let mut of_table: Vec<SourceUnit> = vec![];
            of_table.extend(missing.into_iter().map(|day| SourceUnit {
                day: Some(day),
                state: "missing".into(),
                reason: "nothing of it is there yet; what reads it waits".into(),
                ..nothing.clone()
            }));
            for day in days {
                let (state, reason, ready_at) = day.state.told();
                of_table.push(SourceUnit {
                    database: table.database.clone(),
                    table: table.name.clone(),
                    day: day.day(),
                    state: state.into(),
                    reason: reason.into(),
                    files: day.files,
                    bytes: day.bytes,
                    first_seen: Some(day.first_seen),
                    ready_at,
                    changed_at: Some(day.changed_at),
                });
            }
            of_table.sort_by_key(|unit| unit.day);
            units.extend(of_table);
        }
        Ok(units)
    }
}

impl Refresher {
    /// How the units of a materialized view are, in their order, or why the view cannot be looked at.
    pub async fn states(&self, id: &TableId) -> std::result::Result<Vec<UnitState>, String> {
        let log = self.shared.views.warehouse.view(&id.database, &id.name);
        // As the jobs see it: with source days that are not complete, and with failures.
        let (view, trigger) = (Some(id.clone()), Trigger::Change);
        let request = request::Request { view, from: None, to: None, force: false, trigger };
        let planned = Self::explain(self, &request).await?;
        let told = |error: lake::Error| error.to_string();
        let published = log.pin().await.map_err(told)?;
        let failures = log.failures().read().await.map_err(told)?;
        let running = log.running();
        let unit = |planned: Planned| {
            let published = published.as_ref().and_then(|published| published.units.get(&planned.unit));
            let failure = failures.get(&planned.unit).filter(|_| planned.state != "fresh");
            UnitState {
                unit: planned.unit.to_string(),
                state: if running.contains(&planned.unit) { "running" } else { planned.state }.into(),
                reason: planned.reason,
                days: planned.days,
                fingerprint: published.map(|published| published.fingerprint.to_string()),
                version: published.map(|published| published.version),
                rows: published.map(|published| published.content.rows),
                bytes: published.map(|published| published.bytes),
                published_at: published.map(|published| published.published_at),
                error: failure.map(|failure| failure.text.clone()).unwrap_or_default(),
            }
        };
        Ok(planned.into_iter().map(unit).collect())
    }

    /// What each materialized view reads.
    async fn reads(&self) -> BTreeMap<TableId, BTreeSet<TableId>> {
        let mut reads = BTreeMap::new();
        for (id, view) in &self.shared.views.snapshot().views {
            let materialized = view.definition.as_ref().is_ok_and(|view| view.materialized.is_some());
            if !materialized {
                continue;
            }
            let sources = match self.shared.engine.open_view(id).await {
                Ok(open) => open.table().sources().keys().cloned().collect(),
                // One of its tables may be the reason, and should be seen.
                Err(_) => self.shared.engine.tables_below(id).await.unwrap_or_default(),
            };
            reads.insert(id.clone(), sources);
        }
        reads
    }

    /// The materialized views that read a view, by name.
    async fn readers(&self, id: &TableId) -> Vec<String> {
        let reads = self.reads().await;
        reads
            .iter()
            .filter(|(_, sources)| sources.contains(id))
            .map(|(reader, _)| reader.to_string())
            .collect()
    }
}

fn of_view(request: &Request, trigger: Trigger) -> request::Request {
    let Request { view, from, to, force } = request;
    request::Request { view: Some(view.id.clone()), from: *from, to: *to, force: *force, trigger }
}

/// The state of a unit after a refresh, in the words of the states of units.
fn state_after(end: End) -> &'static str {
    match end {
        End::Published | End::Same | End::ByOther => "fresh",
        End::LeftToOthers => "running",
        End::Failed => "failed",
        End::Cancelled => "stale",
        End::Waiting => "waiting",
    }
}
