//! Refreshes: which units are made, from what, in which order, and that an answer never depends on them. Views are
//! defined as plain data; statements are tested elsewhere.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use futures::StreamExt;
use lakefront::catalog::{Catalog, TableId};
use lakefront::clock::Clock;
use lakefront::config::{ByteSize, Config, Interval};
use lakefront::engine::answer::Answer;
use lakefront::engine::session::{Engine, Login, Session};
use lakefront::engine::views::parse::Parser;
use lakefront::refresh::lease::{Leases, TERM, Taken};
use lakefront::refresh::request::{End, Outcome, Request, Trigger};
use lakefront::refresh::{Progress, Refresher};
use lakefront::views::definition::{Definition, Dependency, DependencyKind, Materialized, WhenStale};
use lakefront::views::published::{Unit, Warehouse};
use lakefront::views::{Snapshot, View, Views};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::model::cells;

pub const DAILY: &str =
    "SELECT day, COUNT(DISTINCT user_id) AS players, SUM(n) AS n FROM log.login GROUP BY day";
const WEEKLY: &str = "SELECT c.day, COUNT(DISTINCT l.user_id) AS players FROM calendar() c \
                      JOIN log.login l ON l.day BETWEEN c.day - INTERVAL 2 DAY AND c.day GROUP BY c.day";
const TOTAL: &str = "SELECT day, players * 10 AS tenfold FROM mart.daily";

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_units_that_changed_are_made_anew() {
    let lake = Lake::new();
    for day in 1..=10 {
        lake.day(day, &format!("1,{day}\n2,1\n"));
    }
    let server = lake.server().await;
    server.define(vec![daily("daily", DAILY), windowed("weekly", WEEKLY), daily("total", TOTAL)]);
    // Files that have just come are not complete yet.
    assert_eq!(counts(&server.refresh(Trigger::Change).await), "waiting 32");
    lake.clock.set(lake.clock.now() + TimeDelta::hours(1));

    // Twelve days have a source day within three days; views on views follow in the same run.
    assert_eq!(counts(&server.refresh(Trigger::Change).await), "published 32");
    server.check_answers(&["daily", "weekly", "total"]).await;
    assert_eq!(counts(&server.refresh(Trigger::Change).await), "");
    // A server that starts finds all of it.
    let other = lake.server().await;
    other.define(vec![daily("daily", DAILY), windowed("weekly", WEEKLY), daily("total", TOTAL)]);
    assert_eq!(counts(&other.refresh(Trigger::Change).await), "");

    // A late file of an old day: that day, those that look back at it, and what reads these.
    lake.file("lake/login/day=2026-09-04/late.csv", "9,1\n");
    lake.clock.set(lake.clock.now() + TimeDelta::hours(1));
    server.look_again();
    let outcome = server.refresh(Trigger::Change).await;
    assert_eq!(
        units(&outcome),
        "daily 4: published, total 4: published, weekly 4: published, weekly 5: published, weekly 6: published"
    );
    server.check_answers(&["daily", "weekly", "total"]).await;

    // The same rows in other files: what is made from them is the same, and nothing that reads it is looked at.
    lake.file("lake/login/day=2026-09-09/a.csv", "2,1\n1,9\n");
    lake.clock.set(lake.clock.now() + TimeDelta::hours(1));
    server.look_again();
    let outcome = server.refresh(Trigger::Change).await;
    assert_eq!(
        units(&outcome),
        "daily 9: unchanged, weekly 9: unchanged, weekly 10: unchanged, weekly 11: unchanged"
    );

    // A day that goes away.
    std::fs::remove_dir_all(lake.path("lake/login/day=2026-09-01")).unwrap();
    lake.clock.set(lake.clock.now() + TimeDelta::hours(1));
    server.look_again();
    server.refresh(Trigger::Change).await;
    server.check_answers(&["daily", "weekly", "total"]).await;
    let published = server.views.warehouse.view("mart", "daily").newest().await.unwrap().unwrap();
    assert_eq!(published.units.len(), 9, "other programs do not see it either");

    // Another definition: all its days.
    let doubled = DAILY.replace("SUM(n)", "2 * SUM(n)");
    server.define(vec![daily("daily", &doubled), windowed("weekly", WEEKLY), daily("total", TOTAL)]);
    // What reads them finds other days, and makes the same rows of them.
    assert_eq!(counts(&server.refresh(Trigger::Change).await), "published 9, unchanged 9");
    server.check_answers(&["daily", "total"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_fails_does_not_stop_others_and_is_tried_again() {
    let lake = Lake::new();
    for day in 1..=4 {
        lake.day(day, "1,1\n");
    }
    let server = lake.server().await;
    lake.clock.set(lake.clock.now() + TimeDelta::hours(1));
    let mut checked = daily("checked", DAILY);
    checked.materialized.as_mut().unwrap().checks = vec!["n > 0".to_owned(), "MAX(players) < 5".to_owned()];
    server.define(vec![daily("daily", DAILY), checked]);
    assert_eq!(counts(&server.refresh(Trigger::Change).await), "published 8");

    lake.file("lake/login/day=2026-09-02/a.csv", "1,x\n");
    lake.file("lake/login/day=2026-09-03/a.csv", "1,-5\n");
    lake.clock.set(lake.clock.now() + TimeDelta::hours(1));
    server.look_again();
    let outcome = server.refresh(Trigger::Change).await;
    let told = units(&outcome);
    assert!(told.contains("checked 3: failed") && told.contains("daily 3: published"), "{told}");
    assert!(told.contains("checked 2: failed") && told.contains("daily 2: failed"), "{told}");
    let of_check = outcome.units.iter().find(|unit| unit.error.starts_with("CHECK")).unwrap();
    assert_eq!(of_check.error, "CHECK (n > 0) fails for 1 rows");
    // What failed keeps its last published version where a CHECK holds it; it is not tried again in vain.
    assert_eq!(server.rows("SELECT n FROM mart.checked WHERE day = '2026-09-03'").await, "1");
    let waiting = server.refresh(Trigger::Change).await;
    assert_eq!(counts(&waiting), "waiting 3");
    assert!(waiting.units.iter().any(|unit| unit.error.contains("tried again when its sources change")));

    lake.file("lake/login/day=2026-09-02/a.csv", "1,2\n");
    lake.file("lake/login/day=2026-09-03/a.csv", "1,3\n");
    lake.clock.set(lake.clock.now() + TimeDelta::hours(1));
    server.look_again();
    assert_eq!(counts(&server.refresh(Trigger::Change).await), "published 4");
    assert_eq!(server.rows("SELECT n FROM mart.checked WHERE day = '2026-09-03'").await, "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_view_is_fresh_without_a_word_over_a_day_that_is_held_back() {
    let lake = Lake::new();
    lake.day(1, "1,1\n");
    lake.day(2, "1,9\n");
    let server = lake.server().await;
    let later = async || {
        lake.clock.set(lake.clock.now() + TimeDelta::hours(1));
        server.look_again();
        units(&server.refresh(Trigger::Change).await)
    };
    let mut checked = daily("checked", DAILY);
    checked.materialized.as_mut().unwrap().checks = vec!["n < 5".to_owned()];
    let total = daily("total", "SELECT day, players * 10 AS tenfold FROM mart.checked");
    let mut strict = Definition { name: "strict".to_owned(), ..total.clone() };
    strict.materialized.as_mut().unwrap().when_stale = WhenStale::Fail;
    server.define(vec![checked, total, strict]);
    let answer = async || {
        let (rows, notes) = server.try_rows_and_notes("SELECT * FROM mart.total ORDER BY day").await.unwrap();
        (rows, notes.join("\n"), server.try_rows("SELECT * FROM mart.strict").await)
    };

    // What was never published is waited for.
    assert_eq!(
        later().await,
        "checked 1: published, checked 2: failed, strict 1: published, strict 2: waiting, total 1: published, \
         total 2: waiting"
    );
    let (rows, notes, of_strict) = answer().await;
    assert_eq!(rows, ["2026-09-01 | 10"]);
    assert!(notes.contains("mart.checked: 1 days held back by a CHECK, and left out"), "{notes}");
    let refused = of_strict.unwrap_err();
    assert!(
        refused.contains("`mart.checked` of 2026-09-02 is held back by a CHECK, and was never published")
    );

    // What was published before is read so, and that is told.
    lake.day(2, "1,2\n");
    assert_eq!(later().await, "checked 2: published, strict 2: published, total 2: published");
    assert_eq!(answer().await.1, "");
    lake.day(2, "1,8\n");
    assert_eq!(later().await, "checked 2: failed");
    let (rows, notes, of_strict) = answer().await;
    assert_eq!(rows, ["2026-09-01 | 10", "2026-09-02 | 10"]);
    assert!(notes.contains("mart.checked: 1 days held back by a CHECK: their last published"), "{notes}");
    let refused = of_strict.unwrap_err();
    assert!(refused.contains("`mart.checked` of 2026-09-02 is held back by a CHECK"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_share_the_work() {
    let lake = Lake::new();
    for day in 1..=20 {
        lake.day(day, &format!("1,{day}\n"));
    }
    let (one, other) = (lake.server().await, lake.server().await);
    lake.clock.set(lake.clock.now() + TimeDelta::hours(1));
    for server in [&one, &other] {
        server.define(vec![daily("a", DAILY), daily("b", &DAILY.replace("SUM(n)", "MAX(n)"))]);
    }
    // What one server leaves to the other is looked at again the next time.
    let mut published = 0;
    for _ in 0..20 {
        let (first, second) = tokio::join!(one.refresh(Trigger::Change), other.refresh(Trigger::Change));
        assert_eq!(first.count(End::Same) + second.count(End::Same), 0, "nothing is made twice");
        published += first.count(End::Published) + second.count(End::Published);
        if first.units.is_empty() && second.units.is_empty() {
            break;
        }
    }
    assert_eq!(published, 40);
    for server in [&one, &other] {
        server.look_again();
        assert_eq!(counts(&server.refresh(Trigger::Change).await), "");
        server.check_answers(&["a", "b"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_waits_for_another_refresh_to_its_end() {
    let mut lake = Lake::new();
    for day in 1..=4 {
        lake.day(day, &format!("1,{day}\n"));
    }
    lake.configure(|config| config.refresh_wait = "1d".parse().unwrap());
    let server = lake.server().await;
    server.define(vec![daily("daily", DAILY)]);
    let view = Some(TableId::new("mart", "daily"));
    let request = Request { view, from: None, to: None, force: false, trigger: Trigger::Manual };
    // Another server, on another machine for all that is known here, took the lease and renews it no more.
    let held = || async {
        let leases = Leases::new(server.views.warehouse.root(), lake.clock.clone());
        let Taken::Ours(lease) = leases.take("mart", "daily", "2026-09").await.unwrap() else {
            panic!("it is free")
        };
        // As one that is killed: a lease that is dropped is given back.
        std::mem::forget(lease);
    };
    held().await;
    let (waits, mut waiting) = watch::channel(false);
    let tell = |progress: Progress| {
        waits.send_replace(progress.waits_for.is_some());
    };
    let died = async {
        waiting.wait_for(|waits| *waits).await.unwrap();
        lake.clock.set(lake.clock.now() + TimeDelta::from_std(TERM).unwrap());
    };
    let (outcome, ()) = tokio::join!(server.refresher.run(&request, &tell), died);
    assert_eq!(counts(&outcome), "published 4");

    // It is cancelled while it waits, and what follows changes waits for nobody.
    lake.file("lake/login/day=2026-09-02/a.csv", "1,7\n");
    lake.clock.set(lake.clock.now() + TimeDelta::hours(1));
    server.look_again();
    held().await;
    assert_eq!(counts(&server.refresh(Trigger::Change).await), "left to another refresh 1");
    let cancelled = async {
        waiting.wait_for(|waits| *waits).await.unwrap();
        while server.refresher.cancel(&TableId::new("mart", "daily")) == 0 {
            tokio::task::yield_now().await;
        }
    };
    let (outcome, ()) = tokio::join!(server.refresher.run(&request, &tell), cancelled);
    assert_eq!(units(&outcome), "daily 2: cancelled");

    // Nobody waits for ever.
    lake.configure(|config| config.refresh_wait = "1s".parse().unwrap());
    let impatient = lake.server().await;
    impatient.define(vec![daily("daily", DAILY)]);
    let outcome = impatient.refresher.run(&request, |_| ()).await;
    assert_eq!(units(&outcome), "daily 2: left to another refresh");
    let error = &outcome.units[0].error;
    assert!(error.ends_with(", which refreshes 2026-09-02 is still at it after 1 s"), "{error}");

    // What another server has published meanwhile is as good.
    lake.clock.set(lake.clock.now() + TimeDelta::from_std(TERM).unwrap());
    let other = lake.server().await;
    other.define(vec![daily("daily", DAILY)]);
    let leases = Leases::new(server.views.warehouse.root(), lake.clock.clone());
    let Taken::Ours(lease) = leases.take("mart", "daily", "2026-09").await.unwrap() else {
        panic!("it is free")
    };
    let publishes = async {
        waiting.wait_for(|waits| *waits).await.unwrap();
        lease.give_back().await.unwrap();
        other.refresh(Trigger::Change).await
    };
    let (mine, others) = tokio::join!(server.refresher.run(&request, &tell), publishes);
    assert_eq!(mine.count(End::Published) + others.count(End::Published), 1, "{mine:?} {others:?}");
    assert_eq!(mine.count(End::Published) + mine.count(End::ByOther), 1, "{mine:?}");
    server.check_answers(&["daily"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_a_lease_sees_that_it_is_to_stop() {
    let lake = Lake::new();
    let server = lake.server().await;
    let leases = || Leases::new(server.views.warehouse.root(), lake.clock.clone());
    let (mine, others) = (leases(), leases());
    let Taken::Ours(lease) = mine.take("mart", "daily", "2026-09").await.unwrap() else {
        panic!("it is free")
    };
    assert_eq!(mine.ask_to_stop("mart", "daily").await.unwrap(), 0, "its own are stopped without it");
    assert_eq!(others.ask_to_stop("mart", "total").await.unwrap(), 0);
    assert!(!lease.is_unwanted().await.unwrap());
    assert_eq!(others.ask_to_stop("mart", "Daily").await.unwrap(), 1);
    assert!(lease.is_unwanted().await.unwrap());

    lease.give_back().await.unwrap();
    assert_eq!(others.ask_to_stop("mart", "daily").await.unwrap(), 0, "nobody holds it");
    let Taken::Ours(next) = others.take("mart", "daily", "2026-09").await.unwrap() else {
        panic!("it is free")
    };
    assert!(!next.is_unwanted().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_file_that_is_lost_is_told_and_written_anew() {
    let mut lake = Lake::new();
    for day in 1..=2 {
        lake.day(day, "1,1\n");
    }
    lake.configure(|config| config.cache.rows = ByteSize(0));
    let server = lake.server().await;
    lake.clock.set(lake.clock.now() + TimeDelta::hours(1));
    server.define(vec![daily("daily", DAILY)]);
    assert_eq!(counts(&server.refresh(Trigger::Change).await), "published 2");

    let log = server.views.warehouse.view("mart", "daily");
    let published = log.newest().await.unwrap().unwrap();
    let day = NaiveDate::from_ymd_opt(2026, 9, 2).unwrap();
    let path = published.units[&Unit::Day(day)].files[0].file.path.clone();
    std::fs::remove_file(Path::new("/").join(path.as_ref())).unwrap();
    assert_eq!(log.lost().await.unwrap(), [(Unit::Day(day), format!("/{path}"))]);
    let refused = server.try_rows("SELECT * FROM mart.daily").await.unwrap_err();
    let remedy = "REFRESH MATERIALIZED VIEW mart.daily PARTITION START ('2026-09-02') END ('2026-09-03') FORCE writes it";
    assert!(refused.contains(remedy), "{refused}");

    let view = Some(TableId::new("mart", "daily"));
    let (from, to) = (Some(day), day.succ_opt());
    let request = Request { view, from, to, force: true, trigger: Trigger::Manual };
    assert_eq!(units(&server.refresher.run(&request, |_| ()).await), "daily 2: published");
    assert!(log.lost().await.unwrap().is_empty());
    server.check_answers(&["daily"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_serves_is_read_although_its_source_is_gone() {
    let lake = Lake::new();
    for day in 1..=2 {
        lake.day(day, "1,1\n");
    }
    let server = lake.server().await;
    lake.clock.set(lake.clock.now() + TimeDelta::hours(1));
    let with = |name: &str, query: &str, when_stale| {
        let mut view = daily(name, query);
        view.materialized.as_mut().unwrap().when_stale = when_stale;
        view
    };
    server.define(vec![
        with("daily", DAILY, WhenStale::Inline),
        with("strict", DAILY, WhenStale::Fail),
        with("served", DAILY, WhenStale::Serve),
        with("above", "SELECT day, players + 1 AS more FROM mart.served", WhenStale::Inline),
        with("strictly_above", "SELECT day, players + 1 AS more FROM mart.served", WhenStale::Fail),
    ]);
    assert_eq!(counts(&server.refresh(Trigger::Change).await), "published 10");

    let (login, away) = (lake.path("lake/login"), lake.path("lake/away"));
    let check = async |reason: &str| {
        server.look_again();
        let query = "SELECT * FROM mart.served WHERE day > '2026-09-01'";
        let (rows, notes) = server.try_rows_and_notes(query).await.unwrap();
        assert_eq!(rows, ["2026-09-02 | 1 | 1"]);
        let notes = notes.join("\n");
        let told = "mart.served: read as it was last published, because its sources cannot be read: ";
        assert!(notes.contains(told) && notes.contains(reason), "{notes}");
        let (rows, notes) = server.try_rows_and_notes("SELECT * FROM mart.above ORDER BY day").await.unwrap();
        assert_eq!(rows, ["2026-09-01 | 2", "2026-09-02 | 2"]);
        assert!(notes.join("\n").contains(told), "{notes:?}");
        let served = "`mart.served` of 2026-09-01 is read as it was last published, because its sources cannot be read";
        for (name, reason) in [("daily", reason), ("strict", reason), ("strictly_above", served)] {
            let refused = server.try_rows(&format!("SELECT * FROM mart.{name}")).await.unwrap_err();
            assert!(refused.contains(reason), "{name}: {refused}");
        }
    };
    std::fs::rename(&login, &away).unwrap();
    check("lake/login").await;
    // Nothing is published in place of what cannot be seen.
    assert_ne!(server.refresh_with_problems(Trigger::Change).await.problems, []);
    check("lake/login").await;

    std::fs::rename(&away, &login).unwrap();
    server.look_again();
    let (rows, notes) = server.try_rows_and_notes("SELECT * FROM mart.above ORDER BY day").await.unwrap();
    assert_eq!((rows.len(), notes), (2, vec![]));
    server.check_answers(&["daily", "strict", "served", "above", "strictly_above"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_before_it_is_complete_is_told() {
    let lake = Lake::new();
    lake.day(1, "1,1\n");
    let server = lake.server().await;
    server.define(vec![daily("daily", DAILY)]);
    let view = Some(TableId::new("mart", "daily"));
    let request = Request { view, from: None, to: None, force: false, trigger: Trigger::Manual };
    let planned = server.refresher.explain(&request).await.unwrap();
    assert!(planned[0].reason.contains("`log.login` of 2026-09-01 is not complete"), "{planned:?}");
    let outcome = server.refresher.run(&request, |_| ()).await;
    assert_eq!(counts(&outcome), "published 1");
    assert!(outcome.units[0].warning.contains("`log.login` of 2026-09-01 is not complete"), "{outcome:?}");

    lake.clock.set(lake.clock.now() + TimeDelta::hours(1));
    let outcome = server.refresher.run(&Request { force: true, ..request }, |_| ()).await;
    assert_eq!(outcome.units[0].warning, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_day_comes_first() {
    let lake = Lake::new();
    for day in 1..=28 {
        lake.day(day, "1,1\n");
    }
    lake.day_of(NaiveDate::from_ymd_opt(2026, 10, 1).unwrap(), "1,1\n");
    let server = lake.server().await;
    lake.clock.set(lake.clock.now() + TimeDelta::hours(1));
    server.define(vec![daily("a", DAILY), daily("b", DAILY)]);
    let outcome = server.refresh(Trigger::Change).await;
    let order: Vec<String> =
        outcome.units.iter().map(|unit| format!("{} {}", unit.view, unit.unit)).collect();
    let mut first = order[..2].to_vec();
    first.sort();
    assert_eq!(first, ["mart.a 2026-10-01", "mart.b 2026-10-01"]);
    assert_eq!(order.len(), 58);
    // A range, and days that are fresh.
    let request = Request {
        view: Some(TableId::new("mart", "a")),
        from: NaiveDate::from_ymd_opt(2026, 9, 3),
        to: NaiveDate::from_ymd_opt(2026, 9, 5),
        force: true,
        trigger: Trigger::Manual,
    };
    assert_eq!(units(&server.refresher.run(&request, |_| ()).await), "a 3: published, a 4: published");
}

/// A directory that waits for no disk: thousands of writes that do would take minutes beside other work. What a disk may
/// lose is not tested here.
pub fn in_memory() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap()
}

/// A lake of csv files.
pub struct Lake {
    directory: TempDir,
    config: Config,
    pub clock: Clock,
}

/// The parts of a server that refresh and answer.
pub struct Server {
    pub engine: Arc<Engine>,
    catalog: Arc<Catalog>,
    pub views: Arc<Views>,
    pub refresher: Refresher,
}

impl Lake {
    pub fn new() -> Self {
        let directory = in_memory();
        let an_hour = Interval(TimeDelta::hours(1).to_std().unwrap());
        let mut config = Config { listing_interval: an_hour, ..Config::default() };
        config.resolve(directory.path());
        let lake = Self { directory, config, clock: Clock::fixed(now()) };
        lake.file(
            "catalog/log/login.yaml",
            "location: login\nformat: csv\npartition_by: { day: date }\ncolumns: { user_id: bigint, n: int }\n",
        );
        lake
    }

    /// Sets something for servers that start later.
    pub fn configure(&mut self, set: impl FnOnce(&mut Config)) {
        set(&mut self.config);
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    pub fn file(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// A file as if it had been written at a time; whole or not at all.
    pub fn file_at(&self, path: &Path, text: &str, at: DateTime<Utc>) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = tempfile::NamedTempFile::new_in(&self.directory).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.as_file().set_modified(at.into()).unwrap();
        file.persist(path).unwrap();
    }

    /// A day of September.
    pub fn day(&self, day: u32, rows: &str) {
        self.day_of(NaiveDate::from_ymd_opt(2026, 9, day).unwrap(), rows);
    }

    fn day_of(&self, day: NaiveDate, rows: &str) {
        self.file(&format!("lake/login/day={day}/a.csv"), rows);
    }

    pub async fn server(&self) -> Server {
        Server::of(&self.config, self.clock.clone()).await
    }
}

impl Server {
    pub async fn of(config: &Config, clock: Clock) -> Self {
        let catalog = Catalog::open(config).await.unwrap();
        let warehouse = Warehouse::new(config, &catalog).unwrap();
        let views = Views::open(config, Arc::clone(&catalog), warehouse, Arc::new(Parser)).await.unwrap();
        let engine = Engine::new(config, Arc::clone(&catalog), Arc::clone(&views), clock.clone()).unwrap();
        let of_refresher = (Arc::clone(&engine), Arc::clone(&catalog), Arc::clone(&views));
        let refresher =
            Refresher::new(config, of_refresher.0, of_refresher.1, of_refresher.2, clock).unwrap();
        Self { engine, catalog, views, refresher }
    }

    pub fn define(&self, definitions: Vec<Definition>) {
        let view = |definition: Definition| {
            let id = TableId::new(&definition.database, &definition.name);
            let view = View { id: id.clone(), file: "test.sql".into(), definition: Ok(Arc::new(definition)) };
            (id, Arc::new(view))
        };
        self.views.replace(Snapshot { views: definitions.into_iter().map(view).collect() });
    }

    pub async fn refresh(&self, trigger: Trigger) -> Outcome {
        let outcome = self.refresh_with_problems(trigger).await;
        assert!(outcome.problems.is_empty(), "{:?}", outcome.problems);
        outcome
    }

    /// The same where views may have problems.
    pub async fn refresh_with_problems(&self, trigger: Trigger) -> Outcome {
        let request = Request { view: None, from: None, to: None, force: false, trigger };
        self.refresher.run(&request, |_| ()).await
    }

    /// Forgets what was listed and read.
    pub fn look_again(&self) {
        for database in self.catalog.snapshot().databases.values() {
            database.tables.values().for_each(|table| table.refresh());
        }
        for id in self.views.snapshot().views.keys() {
            self.views.warehouse.view(&id.database, &id.name).refresh();
        }
    }

    /// A view answers as its query does, wholly from what is published.
    pub async fn check_answers(&self, views: &[&str]) {
        for name in views {
            let snapshot = self.views.snapshot();
            let view = &snapshot.views[&TableId::new("mart", name)];
            let query = view.definition.as_ref().unwrap().query.clone();
            let of_view = self.rows(&format!("SELECT * FROM mart.{name} ORDER BY day")).await;
            let of_query = self.rows(&format!("SELECT * FROM ({query}) q ORDER BY day")).await;
            assert_eq!(of_view, of_query, "{name}");
        }
    }

    /// The rows of an answer, one a line.
    pub async fn rows(&self, sql: &str) -> String {
        self.try_rows(sql).await.unwrap().join("\n")
    }

    /// The rows of an answer, cells with a `|` between them; or the text of the error.
    pub async fn try_rows(&self, sql: &str) -> Result<Vec<String>, String> {
        self.try_rows_and_notes(sql).await.map(|(rows, _)| rows)
    }

    /// The same, and what SHOW WARNINGS says of it.
    pub async fn try_rows_and_notes(&self, sql: &str) -> Result<(Vec<String>, Vec<String>), String> {
        let mut session = self.engine.session(1, Login { user: "root".into(), ..Login::default() });
        let rows = rows_of(&mut session, sql).await?;
        Ok((rows, rows_of(&mut session, "SHOW WARNINGS").await?))
    }
}

async fn rows_of(session: &mut Session, sql: &str) -> Result<Vec<String>, String> {
    let answer = session.query(sql).await.map_err(|error| error.to_string())?;
    let Answer::Rows(mut rows) = answer else { panic!("{sql} has no rows") };
    let mut batches = vec![];
    while let Some(batch) = rows.next().await {
        batches.push(batch.map_err(|error| error.to_string())?);
    }
    Ok(cells(&batches))
}

/// How many units ended in which way.
fn counts(outcome: &Outcome) -> String {
    let ends = [
        End::Published,
        End::Same,
        End::ByOther,
        End::LeftToOthers,
        End::Failed,
        End::Cancelled,
        End::Waiting,
    ];
    let counts = ends.map(|end| (outcome.count(end), end));
    let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, end)| format!("{end} {count}"));
    counts.collect::<Vec<_>>().join(", ")
}

/// View, day of the month, and end of each unit, in order of these.
fn units(outcome: &Outcome) -> String {
    let mut units: Vec<_> = outcome.units.iter().map(|unit| (&unit.view.name, unit.unit, unit.end)).collect();
    units.sort_by_key(|(view, unit, _)| ((*view).clone(), *unit));
    let told = units.into_iter().map(|(view, unit, end)| match unit {
        Unit::Day(day) => format!("{view} {}: {end}", day.format("%-d")),
        Unit::Whole => format!("{view}: {end}"),
    });
    told.collect::<Vec<_>>().join(", ")
}

pub fn daily(name: &str, query: &str) -> Definition {
    let materialized = Materialized { partition_by: Some("day".into()), ..Materialized::default() };
    Definition {
        database: "mart".into(),
        name: name.into(),
        columns: vec![],
        comment: String::new(),
        materialized: Some(materialized),
        query: query.into(),
    }
}

/// A view whose days look back at two days of `log.login`.
fn windowed(name: &str, query: &str) -> Definition {
    let mut definition = daily(name, query);
    let kind = DependencyKind::Window { preceding: 2, following: 0 };
    let dependency = Dependency { database: Some("log".into()), table: "login".into(), kind };
    definition.materialized.as_mut().unwrap().depends_on.push(dependency);
    definition
}

fn now() -> DateTime<Utc> {
    Clock::system().now()
}
