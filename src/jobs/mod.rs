//! What runs without being asked: refreshes when sources change or when their time has come, messages to people, and the
//! cleaning of the warehouse. It must not know how a refresh works, nor how times are kept.
//!
//! Every job compares what is with what should be, and may run twice or be missed: the next run does the rest.

mod due;
mod notices;
mod servers;
mod told;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use chrono_tz::Tz;
use futures::FutureExt;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::notices::Notices;
use crate::catalog::TableId;
use crate::clock::Clock;
use crate::config::Config;
use crate::lake::delta::history::Removed;
use crate::notify::Notifier;
use crate::refresh::Refresher;
use crate::refresh::request::{Request, Trigger};
use crate::scheduler::schedule::{Cron, Period, Schedule, default_anchor};
use crate::scheduler::{Scheduler, Work};
use crate::views::Views;
use crate::views::definition::{self, Refresh, Unit};

/// The job that looks for changes.
const CHANGES: &str = "refresh what changed";
/// The job that cleans the warehouse.
const VACUUM: &str = "clean the warehouse";
/// The job that tells people.
const TELL: &str = "tell people";
/// How often that is looked at, at least, in seconds.
const TELL_INTERVAL_MAX: u64 = 20;
/// Files that no version names are kept so long: a refresh may be about to publish them.
const UNPUBLISHED_KEPT: TimeDelta = TimeDelta::days(1);

/// The jobs of a server.
#[derive(Debug)]
pub struct Jobs {
    scheduler: Scheduler,
    refresher: Refresher,
    views: Arc<Views>,
    clock: Clock,
    /// How often the lake is asked whether something changed, in seconds.
    interval: u64,
    /// How long old versions of views are kept.
    retention: TimeDelta,
    /// What was wrong with views when they were last looked at: it is told once.
    problems: Mutex<BTreeMap<TableId, String>>,
    notices: Notices,
    notifier: Notifier,
}

impl Jobs {
    /// The jobs of the config.
    pub fn new(
        config: &Config,
        refresher: Refresher,
        views: Arc<Views>,
        notifier: Notifier,
        clock: Clock,
    ) -> Arc<Self> {
        // Refreshes have a limit of their own: jobs that wait for them take no place from others.
        let scheduler = Scheduler::new(clock.clone(), 8);
        let interval = config.listing_interval.0.as_secs().max(1);
        let retention = TimeDelta::from_std(config.warehouse_retention.0).unwrap_or(TimeDelta::MAX);
        let problems = Mutex::default();
        let times = scheduler.clone();
        refresher.ask_times_of(move |view| times.next(&of_view(view)));
        let of_notices = (refresher.clone(), Arc::clone(&views), notifier.clone());
        let notices = Notices::new(config, of_notices.0, of_notices.1, of_notices.2, clock.clone());
        Arc::new(Self {
            scheduler,
            refresher,
            views,
            clock,
            interval,
            retention,
            problems,
            notices,
            notifier,
        })
    }

    /// How the jobs are, and when they run next.
    pub fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    /// Runs the jobs until `stop`; then waits until what is at work has stopped.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let every = |period| Schedule::Every { period, anchor: default_anchor(), zone: Tz::UTC };
        self.put(CHANGES, every(Period::Seconds(self.interval)), |jobs| async move {
            jobs.refresh_changes().await
        });
        self.put(VACUUM, every(Period::Days(1)), |jobs| async move { jobs.vacuum().await });
        let tell = every(Period::Seconds(self.interval.min(TELL_INTERVAL_MAX)));
        self.put(TELL, tell, |jobs| async move {
            let problems = jobs.problems.lock().unwrap_or_else(PoisonError::into_inner).clone();
            jobs.notices.run(&problems).await;
        });
        let watched = (self.scheduler.clone(), self.notifier.clone(), self.clock.clone());
        tokio::spawn(watch::watch(watched.0, watched.1, watched.2, stop.clone()));
        let stopping = async {
            stop.cancelled().await;
            self.refresher.stop().await;
        };
        let keeping = stop.run_until_cancelled(self.notices.keep_arrivals());
        tokio::join!(self.scheduler.run(stop.clone()), stopping, keeping);
        self.notices.end().await;
        // Their work holds this, which holds them.
        self.scheduler.status().iter().for_each(|job| self.scheduler.remove(&job.name));
    }

    fn put<F: Future<Output = ()> + Send + 'static>(
        self: &Arc<Self>,
        name: &str,
        schedule: Schedule,
        run: impl Fn(Arc<Self>) -> F + Send + Sync + 'static,
    ) {
        let jobs = Arc::clone(self);
        let work: Work = Arc::new(move || {
            let run = run(Arc::clone(&jobs));
            async move {
                run.await;
                Ok(())
            }
            .boxed()
        });
        self.scheduler.put(name, schedule, work);
    }

    /// Brings views up to date that follow their sources, and sees to the times of those that do not.
    async fn refresh_changes(self: Arc<Self>) {
        let scheduled = self.keep_times();
        let request = Request { view: None, from: None, to: None, force: false, trigger: Trigger::Change };
        let outcome = self.refresher.run(&request, |_| ()).await;
        self.tell(outcome.problems.into_iter().collect(), |view| !scheduled.contains(view));
        if let Err(error) = self.views.warehouse.runs().read_new().await {
            warn!(%error, "cannot read what was refreshed");
        }
        self.scheduler.activate(TELL);
    }

    /// Tells of each problem once, and once that it is gone, of the views that were looked at.
    fn tell(&self, found: BTreeMap<TableId, String>, was_looked_at: impl Fn(&TableId) -> bool) {
        let mut known = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        for (view, problem) in found.iter().filter(|(view, problem)| known.get(*view) != Some(*problem)) {
            warn!(%view, problem, "a view cannot be refreshed");
        }
        known.retain(|view, _| {
            let is_gone = was_looked_at(view) && !found.contains_key(view);
            if is_gone {
                info!(%view, "a view can be refreshed again");
            }
            !is_gone
        });
        known.extend(found);
    }

    /// Gives each view with a schedule its job, and takes the jobs of all others away. The views with a schedule.
    fn keep_times(self: &Arc<Self>) -> BTreeSet<TableId> {
        let mut scheduled = BTreeSet::new();
        let mut due = BTreeSet::from([CHANGES, VACUUM, TELL].map(str::to_owned));
        let snapshot = self.views.snapshot();
        for (id, view) in &snapshot.views {
            let Some(materialized) =
                view.definition.as_ref().ok().and_then(|view| view.materialized.as_ref())
            else {
                continue;
            };
            let Refresh::OnSchedule(schedule) = &materialized.refresh else { continue };
            if materialized.inactive {
                continue;
            }
            match schedule_of(schedule) {
                Ok(schedule) => {
                    let name = of_view(id);
                    scheduled.insert(id.clone());
                    let id = id.clone();
                    let run = move |jobs: Arc<Self>| {
                        let id = id.clone();
                        async move {
                            let (view, trigger) = (Some(id.clone()), Trigger::Schedule);
                            let request = Request { view, from: None, to: None, force: false, trigger };
                            let outcome = jobs.refresher.run(&request, |_| ()).await;
                            jobs.tell(outcome.problems.into_iter().collect(), |view| *view == id);
                            jobs.scheduler.activate(TELL);
                        }
                    };
                    self.put(&name, schedule, run);
                    due.insert(name);
                }
                Err(problem) => warn!(view = %id, problem, "a schedule cannot be kept"),
            }
        }
        for job in self.scheduler.status() {
            if !due.contains(&job.name) {
                self.scheduler.remove(&job.name);
            }
        }
        scheduled
    }

    async fn vacuum(self: Arc<Self>) {
        let now = self.clock.now();
        let warehouse = &self.views.warehouse;
        let mut removed = Removed::default();
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
        let there = self.views.snapshot().views.keys().cloned().collect();
        if let Err(error) = warehouse.sweep(&there, self.retention, now).await {
            warn!(%error, "cannot clean up after views that are not there any more");
        }
        if let Err(error) = warehouse.runs().vacuum(now).await {
            warn!(%error, "cannot clean up old records of refreshes");
        }
        metrics::counter!("lakefront_vacuumed_bytes_total").increment(removed.bytes);
        if removed.files > 0 {
            info!(files = removed.files, bytes = removed.bytes, "removed old versions of views");
        }
    }
}

/// The job that refreshes a view at its times.
fn of_view(id: &TableId) -> String {
    format!("refresh {id}")
}

/// A view's schedule as the scheduler keeps it.
fn schedule_of(schedule: &definition::Schedule) -> Result<Schedule, String> {
    let zone = |name: &Option<String>| match name {
        None => Ok(Tz::UTC),
        Some(name) => name.parse().map_err(|_| format!("time zone `{name}` is not known")),
    };
    match schedule {
        definition::Schedule::Cron { expression, time_zone } => {
            Ok(Schedule::Cron { cron: Cron::parse(expression)?, zone: zone(time_zone)? })
        }
        definition::Schedule::Every { count, unit, starts, time_zone } => {
            let seconds = |each: u64| Period::Seconds(each * u64::from(*count));
            let period = match unit {
                Unit::Second => seconds(1),
                Unit::Minute => seconds(60),
                Unit::Hour => seconds(3_600),
                Unit::Day => Period::Days(*count),
                Unit::Week => Period::Days(count.saturating_mul(7)),
                Unit::Month => Period::Months(*count),
            };
            Ok(Schedule::Every {
                period,
                anchor: starts.unwrap_or_else(default_anchor),
                zone: zone(time_zone)?,
            })
        }
    }
}
