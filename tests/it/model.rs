//! Views against their queries, whatever happens: files come late, change and go, definitions change, refreshes are
//! abandoned, servers start anew, two of them work at once, and time passes. After each step, what a view answers is
//! what its query answers, except where a clause of the view says otherwise.
//!
//! `LAKEFRONT_SEEDS=7,8,9` and `LAKEFRONT_STEPS=1000` choose what is played.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use chrono::{NaiveDate, TimeDelta};
use lakefront::catalog::TableId;
use lakefront::clock::Clock;
use lakefront::config::ByteSize;
use lakefront::refresh::request::{End, Request, Trigger};
use lakefront::views::definition::{
    Definition, Dependency, DependencyKind, Materialized, Refresh, WhenStale,
};
use lakefront::views::published::{PublishedUnit, Unit};
use lakefront::views::units::Freshness;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tokio::task::JoinSet;

use crate::refresh::{Lake, Server};
use crate::s3::{Fault, Operation, S3Server};

/// Views may read those before them.
const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
/// The days of the lake, numbered; a week, a month and a quarter end among them.
const DAYS: u32 = 10;
/// Steps after which everything is refreshed until nothing is left to do.
const SETTLED_EVERY: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_answer_as_their_queries_whatever_happens() {
    play(&numbers("LAKEFRONT_SEEDS", &[1, 2, 3, 4]), numbers("LAKEFRONT_STEPS", &[450])[0], false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_with_a_warehouse_in_a_store_that_fails() {
    play(&numbers("LAKEFRONT_SEEDS", &[5, 6]), numbers("LAKEFRONT_STEPS", &[100])[0], true).await;
}

/// Plays all seeds at once.
async fn play(seeds: &[u64], steps: u64, in_store: bool) {
    let mut games = JoinSet::new();
    for seed in seeds.iter().copied() {
        games.spawn(async move {
            let mut model = Model::new(seed, in_store).await;
            for step in 1..=steps as usize {
                model.step().await;
                if step % SETTLED_EVERY == 0 {
                    model.settle().await;
                }
            }
            println!("seed {seed}: {steps} steps, {} units published", model.trail.published);
            assert!(model.trail.published > 0);
        });
    }
    while let Some(game) = games.join_next().await {
        game.unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "these variables steer the test, not the server")]
pub fn numbers(variable: &str, default: &[u64]) -> Vec<u64> {
    match std::env::var(variable) {
        Ok(text) => text.split(',').map(|number| number.parse().unwrap()).collect(),
        Err(_) => default.to_vec(),
    }
}

/// A lake, two servers of it, and the views that they should have.
struct Model {
    lake: Lake,
    store: Option<S3Server>,
    /// The first is asked; what the second knows of the lake and of the views may be old.
    servers: [Server; 2],
    views: BTreeMap<&'static str, Definition>,
    random: StdRng,
    trail: Trail,
}

/// What was done, printed when it ends badly.
struct Trail {
    seed: u64,
    steps: Vec<String>,
    /// Units.
    published: u64,
}

impl Model {
    async fn new(seed: u64, in_store: bool) -> Self {
        let mut lake = Lake::new();
        let columns = "partition_by: { day: date }\ncolumns: { user_id: bigint, n: int }\n";
        lake.file("catalog/log/purchase.yaml", &format!("location: purchase\nformat: csv\n{columns}"));
        lake.file(
            "catalog/game/users.yaml",
            "location: users\nformat: csv\ncolumns: { user_id: bigint, weight: int }\n",
        );
        lake.file("lake/users/a.csv", "1,1\n2,2\n3,3\n");
        for table in ["login", "purchase"] {
            std::fs::create_dir_all(lake.path(&format!("lake/{table}"))).unwrap();
        }
        // Leases of refreshes that were abandoned while the store failed end when the clock is moved.
        lake.configure(|config| config.refresh_wait = "200ms".parse().unwrap());
        let store = if in_store { Some(S3Server::start().await) } else { None };
        if let Some(store) = &store {
            lake.configure(|config| {
                store.configure(config);
                config.warehouse = "s3://lake/warehouse".to_owned();
                // No fault of this test takes long; the machine may.
                for store in config.stores.values_mut() {
                    store.request_timeout = Some("3s".parse().unwrap());
                    store.retry_timeout = Some("3s".parse().unwrap());
                }
            });
        }
        if seed.is_multiple_of(2) {
            // What is published is read from files each time.
            lake.configure(|config| config.cache.rows = ByteSize(0));
        }
        let servers = [lake.server().await, lake.server().await];
        let trail = Trail { seed, steps: vec![], published: 0 };
        let random = StdRng::seed_from_u64(seed);
        let mut model = Self { lake, store, servers, views: BTreeMap::new(), random, trail };
        for _ in 0..20 {
            let change = Change::random(&mut model.random);
            change.apply(&model.lake);
        }
        for name in NAMES {
            model.define(name);
        }
        model
    }

    async fn step(&mut self) {
        if let Some(store) = &self.store {
            let (operation, fault) = random_fault(&mut self.random);
            let key = *["_delta_log/", "part-", "leases/", "runs/", ""].choose(&mut self.random).unwrap();
            let times = self.random.random_range(1..6);
            self.trail.note(format!("{operation:?} {key} {fault:?} {times} times"));
            store.fail(operation, key, times, fault);
        }
        match self.random.random_range(0..100) {
            0..40 => {
                let change = Change::random(&mut self.random);
                self.trail.note(format!("{change:?}"));
                change.apply(&self.lake);
            }
            40..46 => {
                let name = NAMES.choose(&mut self.random).unwrap();
                self.define(name);
            }
            46..60 => {
                let minutes = self.random.random_range(0..40);
                self.trail.note(format!("{minutes} minutes pass"));
                self.pass(TimeDelta::minutes(minutes));
            }
            60..90 => self.refresh().await,
            90..93 => {
                let index = self.random.random_range(0..2);
                self.trail.note(format!("server {index} starts anew"));
                self.servers[index] = self.lake.server().await;
                self.servers[index].define(self.views.values().cloned().collect());
            }
            93..96 => self.restore().await,
            96..98 => self.vacuum().await,
            _ => {
                self.trail.note("the other server looks again".to_owned());
                self.servers[1].look_again();
                self.servers[1].define(self.views.values().cloned().collect());
            }
        }
        if let Some(store) = &self.store {
            store.heal();
        }
        self.servers[0].look_again();
        let name = NAMES.choose(&mut self.random).unwrap();
        self.check(name).await;
    }

    /// Everything is refreshed until nothing is left to do; then all of it is up to date, and both servers know.
    async fn settle(&mut self) {
        self.trail.note("settle".to_owned());
        // Leases of refreshes that were abandoned end, days become complete, failures are tried again.
        self.pass(TimeDelta::hours(8));
        Change::Write { table: "login", day: 1, file: 0, rows: "1,1\n".to_owned(), at: 0 }.apply(&self.lake);
        for server in &self.servers {
            server.look_again();
            server.define(self.views.values().cloned().collect());
        }
        for round in 0.. {
            assert!(round < 20, "there is always something left to do");
            self.pass(TimeDelta::hours(8));
            let outcome = self.servers[0].refresher.run(&every_view(Trigger::Change), |_| ()).await;
            self.trail.published += outcome.count(End::Published) as u64;
            let at_work = [End::Published, End::Same, End::LeftToOthers];
            if at_work.iter().all(|end| outcome.count(*end) == 0) {
                break;
            }
        }
        for name in NAMES {
            self.check(name).await;
            let request = Request { view: Some(TableId::new("mart", name)), ..every_view(Trigger::Change) };
            let definition = &self.views[name];
            let materialized = definition.materialized.as_ref().unwrap();
            let Ok(planned) = self.servers[0].refresher.explain(&request).await else { continue };
            if materialized.refresh == Refresh::OnChange {
                for unit in planned {
                    let is_settled = match unit.state {
                        "fresh" | "waiting" => true,
                        "failed" => !materialized.checks.is_empty() || unit.reason.contains(".csv"),
                        _ => false,
                    };
                    assert!(is_settled, "mart.{name}: {unit:?}");
                }
            }
        }
        self.servers[1].look_again();
        let other = self.servers[1].refresher.run(&every_view(Trigger::Change), |_| ()).await;
        assert_eq!(other.count(End::Published) + other.count(End::Same), 0, "the other server has work left");
    }

    /// A view answers as its query does; a unit that is not published as it should be, as its clauses say.
    async fn check(&self, name: &str) {
        let server = &self.servers[0];
        let definition = &self.views[name];
        let materialized = definition.materialized.as_ref().unwrap();
        let of_query = server.try_rows(&self.query(definition)).await;
        let told = server.try_rows_and_notes(&format!("SELECT * FROM mart.{name}")).await;
        let (of_view, notes) =
            told.map_or_else(|error| (Err(error), vec![]), |(rows, notes)| (Ok(rows), notes));
        let opened = server.engine.open_view(&TableId::new("mart", name)).await;
        let (view, units) = match opened {
            Ok(view) => {
                let units = view.table().units(&|days| vec![true; days.len()]).await.unwrap();
                (view, units)
            }
            Err(error) => {
                assert!(of_query.is_err() && of_view.is_err(), "mart.{name} cannot be opened: {error}");
                return;
            }
        };
        let table = view.table();
        let states: BTreeMap<Unit, Freshness> =
            units.expected.iter().map(|(unit, expected)| (*unit, table.freshness(*unit, expected))).collect();
        let is_answered_from_old = |state: &Freshness| match state {
            Freshness::Held => true,
            Freshness::Stale => materialized.when_stale == WhenStale::Serve,
            Freshness::Fresh | Freshness::Missing => false,
        };
        let of_view = match (of_view, materialized.when_stale) {
            (Ok(rows), _) => rows,
            (Err(error), WhenStale::Fail) if error.contains("is not up to date") => {
                let refuses = |state: &Freshness| matches!(state, Freshness::Stale | Freshness::Missing);
                // A view that it reads may be answered from what is old, and this one must not be.
                let is_below = error.contains("held back by a CHECK") || error.contains("is stale");
                assert!(is_below || states.values().any(refuses), "mart.{name}: {error}");
                return;
            }
            (Err(error), _) => {
                assert!(of_query.is_err(), "mart.{name}: {error}\n{definition:?}");
                return;
            }
        };
        if of_query.is_err() && states.values().any(is_answered_from_old) {
            return;
        }
        // What nothing is told of is what the tables say, through all views.
        let is_old = |note: &String| note.contains("held back") || note.contains("stale");
        if definition.query.contains("mart.")
            && !notes.iter().any(is_old)
            && let Ok(mut of_tables) = server.try_rows(&self.over_tables(name)).await
        {
            let mut rows = of_view.clone();
            rows.sort();
            of_tables.sort();
            assert_eq!(rows, of_tables, "mart.{name} through all views\n{notes:?}\n{definition:?}");
        }

        let of_query = match of_query {
            Ok(rows) => rows,
            Err(error) => {
                // A view that the query reads may refuse a day of which this view needs nothing.
                let is_refused = error.contains("is not up to date");
                assert!(is_refused, "mart.{name} answers, its query does not: {error}\n{definition:?}");
                return;
            }
        };

        // Rows by the unit that they are of; without a day, and of days that are no unit, by their own.
        let is_daily = table.partition_column().is_some();
        let (of_view, of_query) = (by_day(of_view, is_daily), by_day(of_query, is_daily));
        let days: Vec<&String> = of_view.keys().chain(of_query.keys()).collect();
        let none = vec![];
        let mut seen = vec![];
        for day in days {
            let unit = states.keys().find(|unit| unit.to_string() == **day || !is_daily);
            let rows = of_view.get(day).unwrap_or(&none);
            let expected = of_query.get(day).unwrap_or(&none);
            let state = unit.map(|unit| &states[unit]);
            let published = unit.and_then(|unit| Some((unit, table.published(*unit)?)));
            let published = published.map(|(unit, published)| self.published_rows(*unit, published));
            let told = || {
                let is = format!("is {rows:?}\nnot {expected:?}\npublished {published:?}");
                format!("mart.{name} {day} ({state:?})\n{is}\n{definition:?}")
            };
            match state {
                Some(Freshness::Fresh) => {
                    assert_eq!(published.as_ref(), Some(expected), "{}", told());
                    assert_eq!(rows, expected, "{}", told());
                    let passes = materialized.checks.is_empty() || rows.iter().all(|row| passes_check(row));
                    assert!(passes, "published, and its CHECK fails: {}", told());
                }
                Some(state) if is_answered_from_old(state) => {
                    let old = published.clone().unwrap_or_default();
                    // With other columns than the view has now it cannot be read.
                    assert!(*rows == old || rows == expected || rows.is_empty(), "{}", told());
                }
                _ => assert_eq!(rows, expected, "{}", told()),
            }
            seen.push((day.clone(), rows.clone()));
        }
        // A part of the view is that part of the whole.
        if is_daily && let Some((day, rows)) = seen.first() {
            let filter = if day.is_empty() { "day IS NULL".to_owned() } else { format!("day = '{day}'") };
            let part = server.try_rows(&format!("SELECT * FROM mart.{name} WHERE {filter}")).await;
            let part = by_day(part.unwrap(), true).remove(day).unwrap_or_default();
            assert_eq!(part, *rows, "mart.{name} WHERE {filter}\n{definition:?}");
        }
    }

    /// The query of a view with its START DATE.
    fn query(&self, definition: &Definition) -> String {
        let materialized = definition.materialized.as_ref().unwrap();
        match materialized.start {
            Some(start) => format!("SELECT * FROM ({}) q WHERE day >= '{start}'", definition.query),
            None => definition.query.clone(),
        }
    }

    /// The same over the queries of the views that it reads, in their place.
    fn over_tables(&self, name: &str) -> String {
        let position = NAMES.iter().position(|other| *other == name).unwrap();
        let query = self.query(&self.views[name]);
        NAMES[..position].iter().fold(query, |query, below| {
            let table = format!("mart.{below}");
            match query.contains(&table) {
                true => query.replace(&table, &format!("({})", self.over_tables(below))),
                false => query,
            }
        })
    }

    async fn refresh(&mut self) {
        let random = &mut self.random;
        let mut request = every_view(Trigger::Change);
        if random.random_bool(0.3) {
            let first = random.random_range(1..=DAYS);
            request.view = Some(TableId::new("mart", NAMES.choose(random).unwrap()));
            request.trigger = *[Trigger::Change, Trigger::Manual].choose(random).unwrap();
            request.force = random.random_bool(0.3);
            if random.random_bool(0.5) {
                (request.from, request.to) =
                    (Some(date(first)), Some(date(first + random.random_range(0..4))));
            }
        }
        let who: &[usize] = match random.random_range(0..5) {
            0 | 1 => &[0],
            2 | 3 => &[1],
            _ => &[0, 1],
        };
        if random.random_bool(0.7) {
            who.iter().for_each(|index| self.servers[*index].look_again());
        }
        let abandoned_after = random.random_bool(0.3).then(|| random.random_range(0..60));
        let change = random.random_bool(0.2).then(|| Change::random(random));
        self.trail.note(format!("{who:?} {request:?}, abandoned after {abandoned_after:?} ms, {change:?}"));
        let runs = who.iter().map(|index| self.servers[*index].refresher.run(&request, |_| ()));
        let runs = futures::future::join_all(runs);
        let during = async {
            if let Some(change) = change {
                tokio::task::yield_now().await;
                change.apply(&self.lake);
            }
        };
        let work = async { tokio::join!(runs, during).0 };
        let outcomes = match abandoned_after {
            Some(after) => tokio::time::timeout(Duration::from_millis(after), work).await.unwrap_or_default(),
            None => work.await,
        };
        self.trail.published +=
            outcomes.iter().map(|outcome| outcome.count(End::Published) as u64).sum::<u64>();
    }

    async fn restore(&mut self) {
        let name = NAMES.choose(&mut self.random).unwrap();
        let log = self.servers[0].views.warehouse.view("mart", name);
        let Ok(Some(newest)) = log.newest().await else { return };
        let version = self.random.random_range(0..=newest.snapshot.version());
        let restored = log.restore(version, self.lake.clock.now()).await;
        self.trail.note(format!("mart.{name} goes back to {version}: {restored:?}"));
    }

    async fn vacuum(&mut self) {
        let hours = self.random.random_range(0..6);
        self.trail.note(format!("versions of more than {hours} hours ago go away"));
        // Files are as old as the system says; a refresh that is abandoned may still write some.
        let written = Clock::system().now() - TimeDelta::days(1);
        for name in NAMES {
            let log = self.servers[0].views.warehouse.view("mart", name);
            let _may_fail = log.vacuum(self.lake.clock.now() - TimeDelta::hours(hours), written).await;
        }
    }

    fn define(&mut self, name: &'static str) {
        let definition = random_definition(name, &mut self.random);
        self.trail.note(format!("{definition:?}"));
        self.views.insert(name, definition);
        self.servers[0].define(self.views.values().cloned().collect());
        if self.random.random_bool(0.5) {
            self.servers[1].define(self.views.values().cloned().collect());
        }
    }

    fn pass(&self, time: TimeDelta) {
        self.lake.clock.set(self.lake.clock.now() + time);
    }

    /// The rows that are published of a unit, read from its files.
    fn published_rows(&self, unit: Unit, published: &PublishedUnit) -> Vec<String> {
        let mut all = vec![];
        for file in &published.files {
            let path = match &self.store {
                Some(store) => store.path(file.file.path.as_ref()),
                None => Path::new("/").join(file.file.path.as_ref()),
            };
            let file =
                std::fs::File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
            let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
            all.extend(cells(&batches).into_iter().map(|row| match unit {
                Unit::Day(day) => format!("{day} | {row}"),
                Unit::Whole => row,
            }));
        }
        all.sort();
        all
    }
}

fn date(number: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 6, 25).unwrap() + TimeDelta::days(number.into())
}

/// What happens to the files of the lake.
#[derive(Debug)]
enum Change {
    Write { table: &'static str, day: u32, file: u32, rows: String, at: i64 },
    Touch { table: &'static str, day: u32, file: u32 },
    Remove { table: &'static str, day: u32, file: u32 },
    RemoveDay { table: &'static str, day: u32 },
    Users { rows: String },
}

impl Change {
    fn random(random: &mut StdRng) -> Self {
        let table = *["login", "login", "purchase"].choose(random).unwrap();
        let (day, file) = (random.random_range(1..=DAYS), random.random_range(0..2));
        match random.random_range(0..20) {
            0 => Self::Remove { table, day, file },
            1 => Self::RemoveDay { table, day },
            2 | 3 => Self::Touch { table, day, file },
            4 => {
                let rows = (1..=4).map(|user| format!("{user},{}\n", random.random_range(0..4)));
                Self::Users { rows: rows.collect() }
            }
            // A file that cannot be read, until it is written anew.
            5 if random.random_bool(0.3) => Self::Write { table, day, file, rows: "1,x\n".into(), at: 0 },
            _ => {
                let mut rows = String::new();
                for _ in 0..random.random_range(0..6) {
                    let n = match random.random_range(0..10) {
                        0 => "\\N".to_owned(),
                        _ => random.random_range(0..20).to_string(),
                    };
                    writeln!(rows, "{},{n}", random.random_range(1..5)).unwrap();
                }
                // Now, or as old as files are that are copied with their times.
                let at = random.random_range(-600..=0);
                Self::Write { table, day, file, rows, at }
            }
        }
    }

    fn apply(&self, lake: &Lake) {
        let path = |table: &str, day: u32, file: u32| {
            lake.path(&format!("lake/{table}/day={}/{file}.csv", date(day)))
        };
        match self {
            Self::Write { table, day, file, rows, at } => {
                let at = lake.clock.now() + TimeDelta::minutes(*at);
                lake.file_at(&path(table, *day, *file), rows, at);
            }
            Self::Touch { table, day, file } => {
                let path = path(table, *day, *file);
                if let Ok(rows) = std::fs::read_to_string(&path) {
                    lake.file_at(&path, &rows, lake.clock.now());
                }
            }
            Self::Remove { table, day, file } => drop(std::fs::remove_file(path(table, *day, *file))),
            Self::RemoveDay { table, day } => {
                drop(std::fs::remove_dir_all(path(table, *day, 0).parent().unwrap()));
            }
            Self::Users { rows } => lake.file_at(&lake.path("lake/users/a.csv"), rows, lake.clock.now()),
        }
    }
}

/// A view over the tables, or over views whose names come before its own.
fn random_definition(name: &'static str, random: &mut StdRng) -> Definition {
    let position = NAMES.iter().position(|other| *other == name).unwrap();
    let number = random.random_range(0..8);
    let day = random.random_range(1..=DAYS);
    let mut materialized = Materialized { partition_by: Some("day".into()), ..Materialized::default() };
    let window = |table: &str, preceding, following| {
        let kind = DependencyKind::Window { preceding, following };
        Dependency { database: Some("log".into()), table: table.into(), kind }
    };
    let kinds = if position == 0 { 17 } else { 24 };
    let other = NAMES[..position].choose(random).copied().unwrap_or("a");
    let another = NAMES[..position].choose(random).copied().unwrap_or("a");
    let query = match random.random_range(0..kinds) {
        0 => "SELECT day, COUNT(DISTINCT user_id) AS players, SUM(n) AS n FROM log.login GROUP BY day".to_owned(),
        1 => format!("SELECT day, COUNT(*) AS players, MAX(n) AS n FROM log.login WHERE n > {number} GROUP BY day"),
        2 => format!(
            "SELECT day, COUNT(*) AS players, MIN(n) AS n FROM log.login WHERE day <> '{}' GROUP BY day",
            date(day)
        ),
        3 => "SELECT l.day, COUNT(*) AS players, SUM(p.n) AS n FROM log.login l \
              JOIN log.purchase p ON p.day = l.day AND p.user_id = l.user_id GROUP BY l.day"
            .to_owned(),
        4 => "SELECT l.day, COUNT(p.user_id) AS players, SUM(l.n) AS n FROM log.login l \
              LEFT JOIN log.purchase p ON p.day = l.day AND p.user_id = l.user_id GROUP BY l.day"
            .to_owned(),
        5 => format!(
            "SELECT l.day, COUNT(DISTINCT l.user_id) AS players, SUM(e.n) AS n FROM log.login l \
             JOIN log.login e ON e.user_id = l.user_id AND e.day = l.day - INTERVAL {} DAY GROUP BY l.day",
            number % 3
        ),
        6 => "SELECT day, COUNT(*) AS players, SUM(n) AS n FROM (SELECT day, n FROM log.login \
              UNION ALL SELECT day + INTERVAL 1 DAY, n FROM log.purchase) u GROUP BY day"
            .to_owned(),
        7 => {
            materialized.depends_on.push(window("login", 2, 1));
            "SELECT c.day, COUNT(DISTINCT l.user_id) AS players, SUM(l.n) AS n FROM calendar() c JOIN log.login l \
             ON l.day BETWEEN c.day - INTERVAL 2 DAY AND c.day + INTERVAL 1 DAY GROUP BY c.day"
                .to_owned()
        }
        8 => "SELECT l.day, COUNT(*) AS players, SUM(u.weight * l.n) AS n FROM log.login l \
              JOIN game.users u ON u.user_id = l.user_id GROUP BY l.day"
            .to_owned(),
        9 => "SELECT IF(user_id = 1, NULL, day) AS day, COUNT(*) AS players, SUM(n) AS n FROM log.login GROUP BY 1"
            .to_owned(),
        10 => {
            materialized.partition_by = None;
            "SELECT MIN(day) AS day, COUNT(*) AS players, SUM(n) AS n FROM log.login".to_owned()
        }
        11 => "SELECT day, players, SUM(n) OVER (ORDER BY day) AS n FROM \
               (SELECT day, COUNT(*) AS players, SUM(n) AS n FROM log.purchase GROUP BY day) d"
            .to_owned(),
        12 => "SELECT day, user_id AS players, n FROM log.login WHERE user_id IN \
               (SELECT user_id FROM game.users WHERE weight > 1)"
            .to_owned(),
        13 => "SELECT l.day, COUNT(*) AS players, SUM(l.n) AS n FROM log.login l WHERE NOT EXISTS \
               (SELECT 1 FROM log.purchase p WHERE p.day = l.day AND p.user_id = l.user_id) GROUP BY l.day"
            .to_owned(),
        14 => "SELECT CAST(DATE_FORMAT(day, '%Y-%m-01') AS DATE) AS day, COUNT(*) AS players, SUM(n) AS n \
               FROM log.login GROUP BY 1"
            .to_owned(),
        15 => "SELECT MAKEDATE(YEAR(day), 1) + INTERVAL QUARTER(day) - 1 QUARTER AS day, \
               COUNT(DISTINCT user_id) AS players, MAX(n) AS n FROM log.purchase GROUP BY 1"
            .to_owned(),
        16 => "SELECT day - INTERVAL WEEKDAY(day) DAY AS day, COUNT(*) AS players, SUM(n) AS n FROM log.login GROUP BY 1"
            .to_owned(),
        17 | 18 => format!("SELECT day, players * 10 AS players, n + {number} AS n FROM mart.{other} v"),
        19 => format!(
            "SELECT LAST_DAY(day) AS day, SUM(players) AS players, MAX(n) AS n FROM mart.{other} v GROUP BY 1"
        ),
        20 => format!(
            "SELECT x.day, x.players + y.players AS players, y.n FROM mart.{other} x \
             JOIN mart.{another} y ON x.day = y.day"
        ),
        21 => format!(
            "SELECT day, SUM(players) AS players, MAX(n) AS n FROM (SELECT day, players, n FROM mart.{other} v \
             UNION ALL SELECT day, players, n FROM mart.{another} w) u GROUP BY day"
        ),
        22 => format!(
            "SELECT x.day, COUNT(y.players) AS players, SUM(y.n) AS n FROM mart.{other} x \
             LEFT JOIN mart.{another} y ON y.day = x.day - INTERVAL 1 DAY GROUP BY x.day"
        ),
        _ => format!(
            "SELECT l.day, COUNT(*) AS players, SUM(v.n) AS n FROM log.login l \
             JOIN mart.{other} v ON v.day = l.day GROUP BY l.day"
        ),
    };
    let is_daily = materialized.partition_by.is_some();
    materialized.start = (is_daily && random.random_bool(0.15)).then(|| date(day));
    materialized.when_stale = match random.random_range(0..10) {
        0 | 1 => WhenStale::Serve,
        2 => WhenStale::Fail,
        _ => WhenStale::Inline,
    };
    if random.random_bool(0.2) {
        materialized.checks = vec![format!("players < {CHECKED}")];
    }
    if random.random_bool(0.1) {
        materialized.refresh = Refresh::Manual;
    }
    Definition {
        database: "mart".into(),
        name: name.into(),
        columns: vec![],
        comment: String::new(),
        materialized: Some(materialized),
        query,
    }
}

/// `players` must be fewer, where a view has a CHECK.
const CHECKED: i64 = 6;

/// Whether a row passes it.
fn passes_check(row: &str) -> bool {
    let players = row.split('|').nth(1).unwrap().trim();
    players.parse::<f64>().is_ok_and(|players| players < CHECKED as f64) || players.is_empty()
}

pub fn random_fault(random: &mut StdRng) -> (Operation, Fault) {
    let operation = *[Operation::Put, Operation::Put, Operation::Get, Operation::List, Operation::Delete]
        .choose(random)
        .unwrap();
    // What is lost is waited for, so it is rare.
    let passing = [Fault::InternalError, Fault::SlowDown];
    let faults = [&passing[..], &passing, &passing, &[Fault::AccessDenied, Fault::Lost]].concat();
    (operation, *faults.choose(random).unwrap())
}

fn every_view(trigger: Trigger) -> Request {
    Request { view: None, from: None, to: None, force: false, trigger }
}

/// Sorted rows by their first cell, or all under one name.
fn by_day(rows: Vec<String>, is_daily: bool) -> BTreeMap<String, Vec<String>> {
    let mut days: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows {
        let day =
            if is_daily { row.split('|').next().unwrap().trim().to_owned() } else { "whole".to_owned() };
        days.entry(day).or_default().push(row);
    }
    days.values_mut().for_each(|rows| rows.sort());
    days
}

/// The rows of batches as text, cells with a `|` between them.
pub fn cells(batches: &[RecordBatch]) -> Vec<String> {
    let table = pretty_format_batches(batches).unwrap().to_string();
    let lines = table.lines().filter(|line| line.starts_with('|')).skip(1);
    let row = |line: &str| {
        let cells = line.trim_matches('|').split('|').map(str::trim);
        cells.collect::<Vec<_>>().join(" | ")
    };
    lines.map(row).collect()
}

impl Trail {
    fn note(&mut self, step: String) {
        self.steps.push(step);
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let from = self.steps.len().saturating_sub(60);
            println!("seed {}, step {}:\n{}", self.seed, self.steps.len(), self.steps[from..].join("\n"));
        }
    }
}
