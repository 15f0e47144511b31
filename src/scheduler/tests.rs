//! Jobs under a clock that is moved by hand: months of runs, without sleeping.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{Duration as Span, NaiveDate, NaiveDateTime};
use chrono_tz::Tz;
use tokio::sync::Semaphore;

use super::schedule::{Cron, Period, default_anchor};
use super::*;

fn utc(text: &str) -> DateTime<Utc> {
    text.parse::<NaiveDateTime>().unwrap().and_utc()
}

/// Who ran, and when.
type Runs = Vec<(String, DateTime<Utc>)>;

/// A scheduler that runs, and what its jobs did.
struct Bench {
    clock: Clock,
    scheduler: Scheduler,
    runs: Arc<Mutex<Runs>>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Bench {
    fn new(now: &str, at_once: usize) -> Self {
        let clock = Clock::fixed(utc(now));
        let scheduler = Scheduler::new(clock.clone(), at_once);
        let stop = CancellationToken::new();
        let (running, token) = (scheduler.clone(), stop.clone());
        let task = tokio::spawn(async move { running.run(token).await });
        Self { clock, scheduler, runs: Arc::default(), stop, task }
    }

    /// A job that only notes when it runs.
    fn note(&self, name: &str, schedule: Schedule) {
        self.put(name, schedule, || async { Ok(()) }.boxed());
    }

    fn put(
        &self,
        name: &str,
        schedule: Schedule,
        work: impl Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync + 'static,
    ) {
        let (runs, clock, named) = (Arc::clone(&self.runs), self.clock.clone(), name.to_owned());
        let noted = move || {
            runs.lock().unwrap().push((named.clone(), clock.now()));
            work()
        };
        self.scheduler.put(name, schedule, Arc::new(noted));
    }

    async fn move_to(&self, time: DateTime<Utc>) {
        self.clock.set(time);
        self.scheduler.settle().await;
    }

    /// The times at which a job ran.
    fn times(&self, name: &str) -> Vec<DateTime<Utc>> {
        let runs = self.runs.lock().unwrap();
        runs.iter().filter(|(job, _)| job == name).map(|(_, time)| *time).collect()
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

#[tokio::test]
async fn a_year_of_schedules_in_three_zones() {
    let bench = Bench::new("2026-01-01T00:00:00", 4);
    let zones = [Tz::Europe__Berlin, Tz::America__New_York, Tz::Asia__Seoul];
    for zone in zones {
        let cron = Cron::parse("30 2 * * *").unwrap();
        bench.note(&format!("cron {zone}"), Schedule::Cron { cron, zone });
        let anchor = default_anchor() + Span::minutes(90);
        let every = Schedule::Every { period: Period::Days(1), anchor, zone };
        bench.note(&format!("every {zone}"), every);
    }
    let mut now = bench.clock.now();
    let end = utc("2027-01-01T00:00:00");
    while now < end {
        now += Span::minutes(30);
        bench.move_to(now).await;
    }
    for zone in zones {
        for (kind, minutes) in [("cron", 150), ("every", 90)] {
            let mut days: BTreeMap<NaiveDate, usize> = BTreeMap::new();
            for time in bench.times(&format!("{kind} {zone}")) {
                let shown = time.with_timezone(&zone).naive_local();
                *days.entry(shown.date()).or_default() += 1;
                // Half an hour is how exact the clock is moved; an hour is what a clock is put forward.
                let late = shown.time() - chrono::NaiveTime::MIN - Span::minutes(minutes);
                assert!(late >= Span::zero() && late <= Span::minutes(60), "{kind} {zone} at {shown}");
            }
            assert!(days.len() >= 365 && days.values().all(|runs| *runs == 1), "{kind} {zone}: {days:?}");
        }
    }
    bench.end().await;
}

#[tokio::test]
async fn what_is_asked_for_twice_is_done_once() {
    let bench = Bench::new("2026-01-01T00:00:00", 2);
    let (gate, begun) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (open, tell) = (Arc::clone(&gate), Arc::clone(&begun));
    bench.put("a", Schedule::OnActivation, move || {
        let (open, tell) = (Arc::clone(&open), Arc::clone(&tell));
        async move {
            tell.add_permits(1);
            open.acquire().await.unwrap().forget();
            Ok(())
        }
        .boxed()
    });
    assert!(bench.scheduler.activate("b").is_none());
    let first = bench.scheduler.activate("a").unwrap();
    begun.acquire().await.unwrap().forget();
    // Three more while it runs are one more run.
    let more: Vec<Activation> = (0..3).map(|_| bench.scheduler.activate("a").unwrap()).collect();
    assert!(bench.scheduler.status()[0].running_since.is_some());
    gate.add_permits(1);
    assert_eq!(first.done().await, Ok(()));
    begun.acquire().await.unwrap().forget();
    gate.add_permits(1);
    for activation in more {
        assert_eq!(activation.done().await, Ok(()));
    }
    bench.scheduler.settle().await;
    assert_eq!(bench.times("a").len(), 2);
    bench.end().await;
}

#[tokio::test]
async fn so_many_at_once_and_no_more() {
    let bench = Bench::new("2026-01-01T00:00:00", 3);
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for job in 0..20 {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        bench.put(&format!("{job}"), Schedule::OnActivation, move || {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            }
            .boxed()
        });
        bench.scheduler.activate(&format!("{job}"));
    }
    bench.scheduler.settle().await;
    assert_eq!(most.load(Ordering::SeqCst), 3);
    assert_eq!(bench.runs.lock().unwrap().len(), 20);
    bench.end().await;
}

#[tokio::test]
async fn a_failure_is_tried_again_later_and_later() {
    let bench = Bench::new("2026-01-01T00:00:00", 1);
    let left = Arc::new(AtomicUsize::new(3));
    bench.put("a", Schedule::OnActivation, move || {
        let left = Arc::clone(&left);
        async move {
            match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
                Ok(1) => panic!("out of order"),
                Ok(left) => Err(format!("{left} failures left")),
                Err(_) => Ok(()),
            }
        }
        .boxed()
    });
    let activation = bench.scheduler.activate("a").unwrap();
    assert_eq!(activation.done().await, Err("3 failures left".to_owned()));
    let start = bench.clock.now();
    for seconds in 1..=120 {
        bench.move_to(start + Span::seconds(seconds)).await;
    }
    let after: Vec<i64> = bench.times("a").iter().map(|time| (*time - start).num_seconds()).collect();
    assert_eq!(after, [0, 10, 30, 70]);
    let status = &bench.scheduler.status()[0];
    assert_eq!((status.failures, status.next), (0, None));
    assert_eq!(status.last.as_ref().and_then(|last| last.error.clone()), None);
    bench.end().await;
}

#[tokio::test]
async fn a_clock_that_jumps_skips_nothing_and_doubles_nothing() {
    let bench = Bench::new("2026-01-01T00:10:00", 1);
    let hourly = Schedule::Every { period: Period::Seconds(3600), anchor: default_anchor(), zone: Tz::UTC };
    bench.note("a", hourly.clone());
    // Ten hours are missed while the machine sleeps: one run makes up for them.
    bench.move_to(utc("2026-01-01T10:30:00")).await;
    assert_eq!(bench.times("a"), [utc("2026-01-01T10:30:00")]);
    // Back by two hours: what was done stays done.
    bench.move_to(utc("2026-01-01T08:30:00")).await;
    bench.move_to(utc("2026-01-01T10:59:00")).await;
    assert_eq!(bench.times("a").len(), 1);
    bench.move_to(utc("2026-01-01T11:00:00")).await;
    assert_eq!(bench.times("a").len(), 2);
    // The same schedule again changes nothing; another one begins anew.
    bench.note("a", hourly);
    bench.scheduler.settle().await;
    assert_eq!(bench.times("a").len(), 2);
    assert_eq!(bench.scheduler.heartbeat(), utc("2026-01-01T11:00:00"));
    bench.note("a", Schedule::OnActivation);
    bench.move_to(utc("2026-01-02T11:00:00")).await;
    assert_eq!(bench.times("a").len(), 2);
    bench.scheduler.remove("a");
    assert!(bench.scheduler.activate("a").is_none() && bench.scheduler.status().is_empty());
    bench.end().await;
}
