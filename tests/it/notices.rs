//! What people are told of the views, and when, while months pass: a clock that is set, files that arrive when the test
//! says so, a receiver that counts messages. Nothing here waits for time to pass.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use axum::http::StatusCode;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use lakefront::catalog::{Catalog, TableId};
use lakefront::clock::Clock;
use lakefront::config::{Config, Notify, Summary};
use lakefront::engine::session::Engine;
use lakefront::engine::views::handle::Refreshes;
use lakefront::engine::views::parse::Parser;
use lakefront::jobs::Jobs;
use lakefront::notify::Notifier;
use lakefront::refresh::Refresher;
use lakefront::views::Views;
use lakefront::views::published::Warehouse;
use lakefront::views::runs::Run;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::notify::Receiver;

const LOGINS: &str = "SELECT day, COUNT(*) AS logins, SUM(n) AS n FROM log.login GROUP BY day";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streaks_late_days_and_summaries_are_told_once_each() {
    let place = Place::new("2026-09-10T00:30:00Z").await;
    place.table("login", "UTC");
    place.view("daily", "PARTITION BY day DUE '06:00' TIME ZONE 'Europe/Berlin'", LOGINS);
    for day in 1..=9 {
        place.arrives("login", &format!("2026-09-{day:02}"), "1,1\n", "2026-09-10T00:00:00Z");
    }
    let server = place.server(true).await;
    place.until("2026-09-10T12:00:00Z", &[&server]).await;
    assert_eq!(place.told(), [""; 0], "what was due before anybody looked is not told");

    // The tenth is not there at six in the morning of Berlin.
    place.until("2026-09-10T23:00:00Z", &[&server]).await;
    let summary =
        "2026-09-10T23:00 summary: 9 days published (9 rows, 0.0 MB), 0 failures; all views are up to date";
    assert_eq!(place.told(), [summary]);
    place.until("2026-09-11T03:59:59Z", &[&server]).await;
    place.until("2026-09-11T04:00:00Z", &[&server]).await;
    assert_eq!(
        place.told()[1..],
        ["2026-09-11T04:00 late: mart.daily is late: 2026-09-10 was due at 2026-09-11 04:00 UTC"]
    );
    assert_eq!(place.last()["reason"], "nothing that it reads has this day yet");
    let days = server.refresher.source_units().await.unwrap();
    let states: Vec<String> = days
        .iter()
        .skip(8)
        .map(|unit| format!("{}.{} {}: {}", unit.database, unit.table, unit.day.unwrap(), unit.state))
        .collect();
    assert_eq!(states, ["log.login 2026-09-09: ready", "log.login 2026-09-10: missing"]);

    // It comes, and cannot be read; it is tried again and again, and told once.
    place.arrives("login", "2026-09-10", "1,x\n", "2026-09-11T05:00:00Z");
    place.until("2026-09-11T05:15:00Z", &[&server]).await;
    let failed = &place.told()[2];
    assert!(failed.starts_with("2026-09-11T05:15 failed: mart.daily failed for 2026-09-10: "), "{failed}");
    assert!(failed.contains("a.csv"), "{failed}");
    place.until("2026-09-11T05:20:00Z", &[&server]).await;
    assert!(server.runs().len() >= 3, "it was tried again");
    assert_eq!(place.told().len(), 3);
    // Another server goes on with the same streak.
    server.stop().await;
    let server = place.server(true).await;
    place.until("2026-09-11T06:00:00Z", &[&server]).await;
    assert_eq!(place.told().len(), 3);
    place.arrives("login", "2026-09-10", "1,2\n", "2026-09-11T06:00:00Z");
    place.until("2026-09-11T06:14:59Z", &[&server]).await;
    assert_eq!(place.told().len(), 3);
    place.until("2026-09-11T06:15:00Z", &[&server]).await;
    assert_eq!(place.told()[3..], ["2026-09-11T06:15 recovered: mart.daily is well again"]);
    assert_eq!(place.last()["failed_since"], "2026-09-11T05:15:00+00:00");

    // A day in time is nobody's business. A source that goes away is.
    place.arrives("login", "2026-09-11", "1,1\n", "2026-09-12T00:00:00Z");
    place.until("2026-09-12T00:15:00Z", &[&server]).await;
    place.until("2026-09-12T12:00:00Z", &[&server]).await;
    assert_eq!(place.told().len(), 5, "{:?}", place.told());
    assert!(
        place.told()[4].starts_with("2026-09-12T00:15 summary: 1 days published (1 rows, "),
        "{:?}",
        place.told()
    );
    let table = place.path("catalog/log/login.yaml");
    std::fs::rename(&table, table.with_extension("away")).unwrap();
    server.catalog.reload().await.unwrap();
    place.until("2026-09-12T12:01:00Z", &[&server]).await;
    let told = place.told();
    assert!(told[5].starts_with("2026-09-12T12:01 failed: mart.daily cannot be refreshed: "), "{}", told[5]);
    std::fs::rename(table.with_extension("away"), &table).unwrap();
    server.catalog.reload().await.unwrap();
    place.until("2026-09-12T12:02:00Z", &[&server]).await;
    assert_eq!(place.told()[6..], ["2026-09-12T12:02 recovered: mart.daily is well again"]);
    // So is a file that cannot be understood; a view that is dropped while it fails is not.
    place.file("sql/mart/daily.sql", "CREATE MATERIALIZED VIEW daily\nAS SELEC 1");
    server.views.reload().await.unwrap();
    place.until("2026-09-12T12:03:00Z", &[&server]).await;
    assert!(place.told()[7].contains("cannot be refreshed: ") && place.told()[7].contains("daily.sql:2: "));
    std::fs::remove_file(place.path("sql/mart/daily.sql")).unwrap();
    server.views.reload().await.unwrap();
    place.until("2026-09-12T12:04:00Z", &[&server]).await;
    assert_eq!(place.told().len(), 8);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_tell_everything_once_and_an_outage_loses_nothing() {
    let place = Place::new("2026-09-10T00:30:00Z").await;
    place.table("login", "UTC");
    place.view("daily", "PARTITION BY day CHECK (n > 0)", LOGINS);
    place.arrives("login", "2026-09-09", "1,1\n", "2026-09-10T00:00:00Z");
    let (one, other) = (place.server(true).await, place.server(true).await);
    let mut expected = vec![];
    let mut time: DateTime<Utc> = "2026-09-10T01:00:00Z".parse().unwrap();
    for round in 0..4 {
        for (rows, event) in [("1,-1\n", "failed"), ("1,1\n1,1\n", "recovered")] {
            place.arrives("login", "2026-09-09", rows, &time.to_rfc3339());
            time = place.pass(time, &[&one, &other]).await;
            expected.push(event);
            assert_eq!(place.events(), expected, "round {round}");
        }
    }

    // Nobody takes messages any more. Refreshes go on; both servers stop, and a third one tells what is left.
    for _ in 0..20 {
        place.receiver.answer(StatusCode::SERVICE_UNAVAILABLE, None);
    }
    place.arrives("login", "2026-09-09", "1,-1\n", &time.to_rfc3339());
    time = place.pass(time, &[&one, &other]).await;
    place.arrives("login", "2026-09-09", "1,7\n", &time.to_rfc3339());
    time = place.pass(time, &[&one, &other]).await;
    let refused = place.receiver.got().len();
    assert!(refused > expected.len(), "it was asked");
    let log = one.views.warehouse.view("mart", "daily");
    assert_eq!(log.newest().await.unwrap().unwrap().units.len(), 1);
    let rows = log.newest().await.unwrap().unwrap().units.values().map(|unit| unit.content.rows).sum::<u64>();
    assert_eq!(rows, 1);
    one.stop().await;
    other.stop().await;
    place.receiver.answer_again();
    let before = place.receiver.got().len();
    let third = place.server(true).await;
    let time = place.pass(time, &[&third]).await;
    let sent: Vec<String> = place.events().split_off(before);
    assert_eq!(sent, ["failed", "recovered"]);
    third.stop().await;
    let fourth = place.server(true).await;
    place.until(&(time + TimeDelta::hours(3)).to_rfc3339(), &[&fourth]).await;
    assert_eq!(place.events().len(), before + 2);
    fourth.stop().await;
}

/// A server that is killed does not send again what has arrived, although another target has not answered yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_arrived_is_kept_while_another_target_is_silent() {
    let mut place = Place::new("2026-09-10T00:30:00Z").await;
    place.table("login", "UTC");
    place.view("daily", "PARTITION BY day CHECK (n > 0)", LOGINS);
    place.arrives("login", "2026-09-09", "1,-1\n", "2026-09-10T00:00:00Z");
    place.targets = vec!["silent", "x"];
    let _server = place.server(true).await;
    // Nobody waits for the server to settle: it waits for the silent one.
    place.clock.set("2026-09-10T01:00:00Z".parse().unwrap());
    let told = place.path("warehouse/_lakefront/told");
    let newest = || {
        let files = std::fs::read_dir(&told).into_iter().flatten().map(|file| file.unwrap().path());
        let text = files.max().and_then(|file| std::fs::read_to_string(file).ok())?;
        let document: serde_json::Value = serde_json::from_str(&text).ok()?;
        document["letters"].as_array()?.first().map(|letter| (letter["id"].clone(), letter["to"].clone()))
    };
    let only_silent = serde_json::json!(["notify[0].webhook"]);
    let id = loop {
        match newest() {
            Some((id, to)) if to == only_silent => break id,
            _ => tokio::task::yield_now().await,
        }
    };
    assert_eq!((place.events(), &place.last()["id"]), (vec!["failed".to_owned()], &id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_silent_is_told_of_by_another() {
    let place = Place::new("2026-09-10T00:00:00Z").await;
    place.table("login", "UTC");
    let [one, other, third] = [place.server(true).await, place.server(true).await, place.server(true).await];
    let mut minute = 0;
    let mut pass = async |minutes: i64, servers: &[&Server]| {
        for _ in 0..minutes {
            minute += 1;
            place.until(&format!("2026-09-10T00:{minute:02}:00Z"), servers).await;
        }
    };
    // All of them live; then a clock jumps.
    pass(6, &[&one, &other, &third]).await;
    place.until("2026-09-09T20:00:00Z", &[&one, &other, &third]).await;
    pass(6, &[&one, &other, &third]).await;
    assert_eq!(place.told(), [""; 0]);
    // One dies, and one stops as it should.
    third.tasks.iter().for_each(JoinHandle::abort);
    other.stop().await;
    pass(2, &[&one]).await;
    assert_eq!(place.told(), [""; 0]);
    pass(10, &[&one]).await;
    let [told] = &place.told()[..] else { panic!("{:?}", place.told()) };
    assert!(
        told.contains(" scheduler: process ") && told.contains(" has not been seen since 2026-09-10 00:12"),
        "{told}"
    );
    one.stop().await;
    let signs = place.path("warehouse/_lakefront/servers");
    assert_eq!(std::fs::read_dir(signs).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_dropped_views_go_after_a_while() {
    // What is written here is as old as the system says.
    let start = Clock::system().now();
    let place = Place::new(&start.to_rfc3339()).await;
    place.table("login", "UTC");
    let clauses = "PARTITION BY day";
    place.view("kept", clauses, LOGINS);
    place.view("daily", clauses, LOGINS);
    place.arrives("login", "2026-09-01", "1,1\n", "2026-09-02T00:00:00Z");
    let server = place.server(true).await;
    place.until(&(start + TimeDelta::seconds(5)).to_rfc3339(), &[&server]).await;
    let (table, kept) = (place.path("warehouse/mart/daily"), place.path("warehouse/mart/kept/_delta_log"));
    let note = place.path("warehouse/_lakefront/dropped/mart.daily.json");
    assert!(table.join("_delta_log").is_dir() && kept.is_dir());
    let drop = async || {
        std::fs::remove_file(place.path("sql/mart/daily.sql")).unwrap();
        server.views.reload().await.unwrap();
    };
    let day = async |days: i64| {
        place.until(&(start + TimeDelta::days(days)).to_rfc3339(), &[&server]).await;
    };

    drop().await;
    day(1).await;
    assert!(note.is_file() && table.is_dir());
    day(7).await;
    // The view is back: its days are there.
    place.view("daily", clauses, LOGINS);
    server.views.reload().await.unwrap();
    day(8).await;
    assert!(!note.exists() && table.is_dir());
    let runs = server.runs().len();
    assert_eq!(runs, 2, "nothing was made anew");

    drop().await;
    for days in 9..=15 {
        day(days).await;
        assert!(note.is_file() && table.join("_delta_log").is_dir(), "{days}");
    }
    day(16).await;
    assert!(!note.exists() && !table.exists());
    assert!(kept.is_dir());
    day(17).await;
    assert!(!note.exists());
    // The name can be used again at once.
    place.view("daily", clauses, LOGINS);
    server.views.reload().await.unwrap();
    day(18).await;
    assert!(table.join("_delta_log").is_dir());
    server.stop().await;
}

/// Where a view is, and its table.
struct Office {
    name: &'static str,
    zone: Tz,
}

const OFFICES: [Office; 3] = [
    Office { name: "berlin", zone: Tz::Europe__Berlin },
    Office { name: "new_york", zone: Tz::America__New_York },
    Office { name: "seoul", zone: Tz::Asia__Seoul },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_are_put_forward_in_spring() {
    // New York's on 8 March, Berlin's on 29 March.
    months_pass("2026-03-01", "2026-04-05").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_are_put_back_in_autumn() {
    // Berlin's on 25 October, New York's on 1 November.
    months_pass("2026-10-10", "2026-11-08").await;
}

async fn months_pass(first: &str, last: &str) {
    let place = Place::new(&format!("{first}T00:00:00Z")).await;
    let (first, last): (NaiveDate, NaiveDate) = (first.parse().unwrap(), last.parse().unwrap());
    let mut steps = BTreeSet::new();
    let mut arrivals = BTreeMap::<DateTime<Utc>, Vec<(&str, NaiveDate)>>::new();
    let (mut late, mut scheduled) = (vec![], vec![]);
    for Office { name, zone } in OFFICES {
        place.table(name, zone.name());
        place.view(
            name,
            &format!(
                "PARTITION BY day REFRESH ON SCHEDULE CRON '30 2 * * *' TIME ZONE '{zone}' START DATE '{first}' \
                 DUE '06:00' TIME ZONE '{zone}'"
            ),
            &format!("SELECT day, COUNT(*) AS n FROM log.{name} GROUP BY day"),
        );
        let is_late = |day: NaiveDate| day.to_epoch_days() % 9 == 0;
        for day in first.iter_days().take_while(|day| *day < last) {
            let next = day + Days::new(1);
            let (run, due) = (instant(zone, next, 2, 30), instant(zone, next, 6, 0));
            steps.extend([run - TimeDelta::seconds(1), run, due - TimeDelta::seconds(1), due]);
            // Each ninth day comes after six o'clock.
            let arrives = instant(zone, next, if is_late(day) { 9 } else { 1 }, 0);
            arrivals.entry(arrives).or_default().push((name, day));
            if is_late(day) {
                let at = due.format("%Y-%m-%d %H:%M UTC");
                late.push((due, format!("mart.{name} is late: {day} was due at {at}")));
            }
            // What came too late for its own morning is made on the next one, together with that day.
            let before = day - Days::new(1);
            if !is_late(day) || (before >= first && is_late(before)) {
                scheduled.push((run, name));
            }
        }
    }
    let server = place.server(false).await;
    let mut arrivals = arrivals.into_iter().peekable();
    for step in steps {
        while let Some((time, files)) = arrivals.next_if(|(time, _)| *time <= step) {
            for (name, day) in files {
                place.arrives(name, &day.to_string(), "1,1\n", &time.to_rfc3339());
            }
        }
        place.until(&step.to_rfc3339(), &[&server]).await;
    }

    // When it comes next is told.
    let view = Arc::clone(&server.views.snapshot().views[&TableId::new("mart", "seoul")]);
    let next = server.refresher.view(&view).await.unwrap().next.unwrap();
    assert_eq!(next, instant(Tz::Asia__Seoul, last + Days::new(1), 2, 30));

    late.sort();
    let mut told = place.of_kind("late", "text");
    told.sort();
    assert_eq!(told, late);
    assert!(late.len() >= 9);

    // Each morning has its run, at half past two of each place or, where that is left out, at three.
    scheduled.sort();
    let mut runs: Vec<(DateTime<Utc>, String)> =
        server.all_runs.lock().unwrap().values().map(|run| (run.started_at, run.view.clone())).collect();
    runs.sort();
    runs.dedup();
    let runs: Vec<(DateTime<Utc>, &str)> = runs.iter().map(|(at, view)| (*at, view.as_str())).collect();
    assert_eq!(runs, scheduled);
    for Office { name, .. } in OFFICES {
        let published = server.views.warehouse.view("mart", name).newest().await.unwrap().unwrap();
        let days = (last - first).num_days() as usize;
        // One that came late on the last day would be made on the next one.
        assert!((days - 1..=days).contains(&published.units.len()), "{name}: {} days", published.units.len());
    }

    // A summary each morning, of the day before.
    let summaries: Vec<String> = place.of_kind("summary", "day").into_iter().map(|(_, day)| day).collect();
    let days: Vec<String> = first.iter_days().take(summaries.len()).map(|day| day.to_string()).collect();
    assert_eq!(summaries, days);
    assert!(summaries.len() as i64 >= (last - first).num_days() - 1);
    server.stop().await;
}

/// A lake, a clock, and a receiver of messages.
struct Place {
    directory: TempDir,
    clock: Clock,
    receiver: Receiver,
    /// Whom servers tell that start later.
    targets: Vec<&'static str>,
}

/// The parts of a server that run by themselves.
struct Server {
    catalog: Arc<Catalog>,
    views: Arc<Views>,
    refresher: Refresher,
    jobs: Arc<Jobs>,
    stop: CancellationToken,
    stopped: CancellationToken,
    tasks: [JoinHandle<()>; 2],
    /// Runs that were seen, by their names; the warehouse forgets them after a month.
    all_runs: std::sync::Mutex<BTreeMap<String, Arc<Run>>>,
}

impl Place {
    async fn new(now: &str) -> Self {
        let clock = Clock::fixed(now.parse().unwrap());
        let receiver = Receiver::start(&clock).await;
        // Thousands of small files are synced here; where there is memory for them no disk is kept busy.
        let memory = std::path::Path::new("/dev/shm");
        let directory = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        Self { directory: directory.unwrap(), clock, receiver, targets: vec!["x"] }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    fn file(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn table(&self, name: &str, zone: &str) {
        let yaml = format!(
            "location: {name}\nformat: csv\npartition_by: {{ day: date }}\ntime_zone: {zone}\n\
             columns: {{ user_id: bigint, n: int }}\n"
        );
        self.file(&format!("catalog/log/{name}.yaml"), &yaml);
        std::fs::create_dir_all(self.path(&format!("lake/{name}"))).unwrap();
    }

    fn view(&self, name: &str, clauses: &str, query: &str) {
        self.file(
            &format!("sql/mart/{name}.sql"),
            &format!("CREATE MATERIALIZED VIEW {name} {clauses} AS {query}"),
        );
    }

    /// Writes the file of a day, as if it had been written then.
    fn arrives(&self, table: &str, day: &str, rows: &str, at: &str) {
        let path = format!("lake/{table}/day={day}/a.csv");
        self.file(&path, rows);
        let at: DateTime<Utc> = at.parse().unwrap();
        File::options().write(true).open(self.path(&path)).unwrap().set_modified(at.into()).unwrap();
    }

    async fn server(&self, is_early: bool) -> Server {
        let mut config = Config { listing_interval: "0s".parse().unwrap(), ..Config::default() };
        let target = |name: &&str| Notify { webhook: self.receiver.secret(name), ..Notify::default() };
        config.notify = self.targets.iter().map(target).collect();
        let (at, time_zone) = if is_early { ("08:00", "Asia/Seoul") } else { ("09:00", "Europe/Berlin") };
        let (at, time_zone) = (at.parse().unwrap(), time_zone.parse().unwrap());
        config.summary = Some(Summary { at, time_zone });
        config.resolve(self.directory.path());
        let clock = self.clock.clone();
        let catalog = Catalog::open(&config).await.unwrap();
        let warehouse = Warehouse::new(&config, &catalog).unwrap();
        let views = Views::open(&config, Arc::clone(&catalog), warehouse, Arc::new(Parser)).await.unwrap();
        let engine = Engine::new(&config, Arc::clone(&catalog), Arc::clone(&views), clock.clone()).unwrap();
        let (tables, of_views) = (Arc::clone(&catalog), Arc::clone(&views));
        let refresher = Refresher::new(&config, engine, tables, of_views, clock.clone()).unwrap();
        let notifier = Notifier::new(&config.notify, clock.clone()).unwrap();
        let jobs = Jobs::new(&config, refresher.clone(), Arc::clone(&views), notifier.clone(), clock);
        let (stop, stopped) = (CancellationToken::new(), CancellationToken::new());
        let token = stopped.clone();
        let tasks = [
            tokio::spawn(Arc::clone(&jobs).run(stop.clone())),
            tokio::spawn(async move { notifier.run(token).await }),
        ];
        while jobs.scheduler().status().is_empty() {
            tokio::task::yield_now().await;
        }
        Server { catalog, views, refresher, jobs, stop, stopped, tasks, all_runs: Default::default() }
    }

    /// Puts the clock to a time, and waits until the servers have done what is to be done then.
    async fn until(&self, time: &str, servers: &[&Server]) {
        self.clock.set(time.parse().unwrap());
        for server in servers {
            server.jobs.scheduler().settle().await;
            server.runs();
        }
    }

    /// Lets enough time pass for a day to be complete, and for the server that tells to see what the other one did.
    async fn pass(&self, time: DateTime<Utc>, servers: &[&Server]) -> DateTime<Utc> {
        for minutes in [20, 21] {
            self.until(&(time + TimeDelta::minutes(minutes)).to_rfc3339(), servers).await;
        }
        time + TimeDelta::minutes(21)
    }

    /// When each message came, its kind, and its text.
    fn told(&self) -> Vec<String> {
        let told = self.receiver.got().into_iter().map(|(at, _, event)| {
            let text = event["text"].as_str().unwrap();
            format!("{} {}: {text}", at.format("%Y-%m-%dT%H:%M"), event["event"].as_str().unwrap())
        });
        told.collect()
    }

    fn events(&self) -> Vec<String> {
        let events = self.receiver.got().into_iter();
        events.map(|(_, _, event)| event["event"].as_str().unwrap().to_owned()).collect()
    }

    /// The messages of a kind: when they came, and something of what they say.
    fn of_kind(&self, kind: &str, part: &str) -> Vec<(DateTime<Utc>, String)> {
        let got = self.receiver.got().into_iter().filter(|(_, _, event)| event["event"] == kind);
        got.map(|(at, _, event)| (at, event[part].as_str().unwrap().to_owned())).collect()
    }

    fn last(&self) -> serde_json::Value {
        self.receiver.got().pop().unwrap().2
    }
}

impl Server {
    /// The runs that are known.
    fn runs(&self) -> Vec<Arc<Run>> {
        let runs = self.views.warehouse.runs().recent();
        let mut all = self.all_runs.lock().unwrap();
        all.extend(runs.iter().map(|run| (run.id.clone(), Arc::clone(run))));
        runs
    }

    /// Ends as a server does.
    async fn stop(self) {
        self.stop.cancel();
        let [jobs, messages] = self.tasks;
        jobs.await.unwrap();
        self.stopped.cancel();
        messages.await.unwrap();
    }
}

/// When a clock on the wall shows a time; one hour later where that is left out.
fn instant(zone: Tz, day: NaiveDate, hour: u32, minute: u32) -> DateTime<Utc> {
    let local = day.and_time(NaiveTime::from_hms_opt(hour, minute, 0).unwrap());
    match zone.from_local_datetime(&local).earliest() {
        Some(time) => time.to_utc(),
        None => zone.from_local_datetime(&day.and_hms_opt(3, 0, 0).unwrap()).unwrap().to_utc(),
    }
}
