//! What runs without being asked: refreshes when sources change or when their time has come, and the cleaning of the
//! warehouse. It must not know how a refresh works.
//!
//! Every job compares what is with what should be, and may run twice or be missed: the next run does the rest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::catalog::TableId;
use crate::clock::Clock;
use crate::config::Config;
use crate::lake;
use crate::refresh::Refresher;
use crate::refresh::request::{Request, Trigger};
use crate::views::Views;

/// How often the warehouse is cleaned.
const VACUUM_INTERVAL: TimeDelta = TimeDelta::days(1);
/// Files that no version names are kept so long: a refresh may be about to publish them.
const UNPUBLISHED_KEPT: TimeDelta = TimeDelta::days(1);

/// The jobs of a server.
#[derive(Debug)]
pub struct Jobs {
    refresher: Refresher,
    views: Arc<Views>,
    clock: Clock,
    /// How often the lake is asked whether something changed.
    interval: Duration,
    /// How long old versions of views are kept.
    retention: TimeDelta,
}

impl Jobs {
    /// The jobs of the config.
    pub fn new(config: &Config, refresher: Refresher, views: Arc<Views>, clock: Clock) -> Self {
        let interval = config.listing_interval.0.max(Duration::from_millis(100));
        let retention = TimeDelta::from_std(config.warehouse_retention.0).unwrap_or(TimeDelta::MAX);
        Self { refresher, views, clock, interval, retention }
    }

    /// Runs the jobs until `stop`; then waits until what is at work has stopped.
    pub async fn run(self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut cleaned_at = None;
        let mut known = BTreeMap::new();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => break,
            }
            let tick = async {
                self.refresh(&mut known).await;
                if let Err(error) = self.views.warehouse.runs().read_new().await {
                    warn!(%error, "cannot read what was refreshed");
                }
                let now = self.clock.now();
                if cleaned_at.is_none_or(|at| now - at >= VACUUM_INTERVAL) {
                    cleaned_at = Some(now);
                    self.vacuum(now).await;
                }
            };
            tokio::select! {
                () = tick => {}
                () = stop.cancelled() => break,
            }
        }
        self.refresher.stop().await;
    }

    /// Brings views up to date that follow their sources.
    async fn refresh(&self, known: &mut BTreeMap<TableId, String>) {
        let request = Request { view: None, from: None, to: None, force: false, trigger: Trigger::Change };
        let outcome = self.refresher.run(&request, |_| ()).await;
        let problems: BTreeMap<TableId, String> = outcome.problems.into_iter().collect();
        for (view, problem) in problems.iter().filter(|(view, problem)| known.get(*view) != Some(*problem)) {
            warn!(%view, problem, "a view cannot be refreshed");
        }
        for view in known.keys().filter(|view| !problems.contains_key(*view)) {
            info!(%view, "a view can be refreshed again");
        }
        *known = problems;
    }

    async fn vacuum(&self, now: DateTime<Utc>) {
        let warehouse = &self.views.warehouse;
        let mut removed = lake::delta::history::Removed::default();
        for id in self.views.snapshot().views.keys() {
            let log = warehouse.view(&id.database, &id.name);
            match log.vacuum(now - self.retention, now - UNPUBLISHED_KEPT).await {
                Ok(of_view) => {
                    removed.files += of_view.files;
                    removed.bytes += of_view.bytes;
                }
                Err(error) => warn!(view = %id, %error, "cannot clean up old versions of a view"),
            }
        }
        if let Err(error) = warehouse.runs().vacuum(now).await {
            warn!(%error, "cannot clean up old records of refreshes");
        }
        if removed.files > 0 {
            info!(files = removed.files, bytes = removed.bytes, "removed old versions of views");
        }
    }
}
