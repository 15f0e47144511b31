//! Refreshes that die, or whose writes fail, at every point where that can happen and at any other moment; disks that are
//! full, read-only or gone. What was published stays whole, answers stay right, and the next refresh ends the work.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Instant;

use chrono::{Datelike, TimeDelta};
use lakefront::catalog::Catalog;
use lakefront::config::Config;
use lakefront::refresh::request::{End, Trigger};
use lakefront::views::published::{Published, Warehouse};
use rand::Rng;
use tempfile::TempDir;

use crate::refresh;

const VIEW: &str = "CREATE MATERIALIZED VIEW mart.daily PARTITION BY day AS \
                    SELECT day, user_id FROM log.login\n";

/// No refresh of this test has so many points; a loop that does not end ends here.
const POINTS_MAX: u64 = 2_000;

#[test]
fn a_refresh_that_dies_anywhere_loses_nothing_and_doubles_nothing() {
    every_point("die");
}

#[test]
fn a_write_that_fails_anywhere_publishes_nothing_and_is_made_up_for() {
    every_point("fail");
}

/// Lets a first refresh, and then one of changed days, go wrong at the first point, and so on, until it meets its end
/// before its fault.
fn every_point(kind: &str) {
    let (mut met, mut unmet) = (0, 0);
    for at in 1..POINTS_MAX {
        let lake = Lake::new(3);
        let none = BTreeMap::new();
        let before = BTreeMap::from([(1, 1), (2, 1), (3, 1)]);
        let first = lake.refresh(&format!("{kind}:{at}"));
        lake.check_published(&none, &before);
        lake.refresh_well();
        assert_eq!(lake.published(), before, "{kind} at {at}");

        // Two days have more rows now; they are seen as they were, or as they are.
        lake.day(1, "1\n2\n");
        lake.day(3, "1\n2\n");
        let after = BTreeMap::from([(1, 2), (2, 1), (3, 2)]);
        let second = lake.refresh(&format!("{kind}:{at}"));
        lake.check_published(&before, &after);
        lake.refresh_well();
        assert_eq!(lake.published(), after, "{kind} at {at}");

        // A record that cannot be written does not make a refresh fail: one that goes well is not yet the end.
        let is_well = first.status.success() && second.status.success();
        (met, unmet) = if is_well { (met, unmet + 1) } else { (met + 1, 0) };
        if unmet == 8 {
            break;
        }
    }
    println!("{kind}: {met} points");
    assert!(met >= 5, "the fault was met at {met} points");
}

/// Killed at moments that nobody chose, `LAKEFRONT_KILLS` times.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the variable steers the test; the moment to kill is any moment"
)]
fn a_refresh_that_is_killed_at_any_moment_is_ended_by_the_next() {
    const DAYS: u32 = 28;
    let kills = std::env::var("LAKEFRONT_KILLS").map_or(8, |kills| kills.parse().unwrap());
    let lake = Lake::new(DAYS);
    let began = Instant::now();
    lake.refresh_well();
    let whole = began.elapsed();
    let mut after: BTreeMap<u32, u64> = (1..=DAYS).map(|day| (day, 1)).collect();
    let mut killed = 0;
    for round in 0..kills {
        let before = lake.published();
        for day in rand::rng().random_range(1..=DAYS)..=DAYS {
            let rows = after.entry(day).or_default();
            *rows += 1;
            lake.day(day, &"1\n".repeat(*rows as usize));
        }
        lake.end_leases();
        let mut child = lake.command("none").stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(rand::rng().random_range(0.0..0.9)));
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        lake.check_published(&before, &after);
        if round % 4 == 3 {
            lake.refresh_well();
            assert_eq!(lake.published(), after, "round {round}");
        }
    }
    lake.refresh_well();
    assert_eq!(lake.published(), after);
    println!("{killed} of {kills} were killed at work");
}

/// Two processes at once: each day is made once, and each process ends when all days are published.
#[test]
fn two_processes_publish_each_day_once() {
    let lake = Lake::new(28);
    let start = |_| lake.command("none").stdout(Stdio::piped()).spawn().unwrap();
    let children: Vec<_> = (0..2).map(start).collect();
    let mut published = 0;
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        published += published_by(&output);
    }
    assert_eq!(published, 28);
    assert_eq!(lake.published(), (1..=28).map(|day| (day, 1)).collect());
}

/// One that has stopped in the middle of its work holds another up, which says so; when it is killed the other goes on.
#[test]
fn a_refresh_waits_for_another_process_until_that_one_dies() {
    let lake = Lake::new(28);
    let mut stuck = lake.command("hang:21").stdout(Stdio::null()).spawn().unwrap();
    let leases = lake.directory.path().join("warehouse/_lakefront/leases/mart.daily/2026-09");
    while std::fs::read_dir(&leases).map_or(0, Iterator::count) == 0 {
        assert!(stuck.try_wait().unwrap().is_none(), "it came to its end");
        std::thread::yield_now();
    }
    let mut other = lake.command("none").stdout(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(other.stdout.take().unwrap()).lines();
    let first = told.next().unwrap().unwrap();
    assert!(first.starts_with(&format!("mart.daily waits for process {}", stuck.id())), "{first}");
    assert!(first.ends_with(", which refreshes 2026-09-28"), "{first}");
    stuck.kill().unwrap();
    stuck.wait().unwrap();
    let rest: Vec<String> = told.map(Result::unwrap).collect();
    assert!(other.wait().unwrap().success(), "{rest:?}");
    assert!(rest.last().unwrap().starts_with("mart.daily: 28 published, "), "{rest:?}");
    assert_eq!(lake.published(), (1..=28).map(|day| (day, 1)).collect());
}

/// How many days a process says that it has published.
fn published_by(output: &Output) -> u32 {
    let told = String::from_utf8_lossy(&output.stdout);
    let line = told.lines().last().unwrap_or_default();
    let count = line.strip_prefix("mart.daily: ").and_then(|line| line.split(' ').next());
    count.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{told}"))
}

/// A disk of its own for the warehouse: it becomes full, read-only, and goes away.
#[tokio::test(flavor = "multi_thread")]
async fn a_warehouse_that_cannot_be_written_loses_nothing_and_recovers_by_itself() {
    let Some(disk) = Disk::mount() else {
        println!("left out: a disk cannot be mounted here");
        return;
    };
    let mut lake = refresh::Lake::new();
    lake.configure(|config| config.warehouse = disk.path("warehouse").to_str().unwrap().to_owned());
    for day in 1..=4 {
        lake.day(day, "1,1\n");
    }
    let server = lake.server().await;
    let later = || lake.clock.set(lake.clock.now() + TimeDelta::hours(8));
    server.define(vec![refresh::daily("daily", refresh::DAILY)]);
    later();
    assert_eq!(server.refresh(Trigger::Change).await.count(End::Published), 4);

    let mut n = 1;
    for (breaks, mends, expected) in [
        ("fill", "empty", "No space left on device"),
        ("read-only", "writable", "Read-only file system"),
        ("take away", "bring back", ""),
    ] {
        n += 1;
        disk.does(breaks);
        lake.day(2, &format!("1,{n}\n"));
        later();
        server.look_again();
        let outcome = server.refresh_with_problems(Trigger::Change).await;
        assert_eq!(outcome.count(End::Published), 0, "{breaks}: {outcome:?}");
        let told = format!("{outcome:?}");
        assert!(told.contains(expected), "{breaks}: {told}");
        // The disk has nothing to do with what the query would answer.
        if breaks != "take away" {
            let rows =
                server.rows("SELECT day, n FROM mart.daily WHERE day <= '2026-09-02' ORDER BY day").await;
            assert_eq!(rows, format!("2026-09-01 | 1\n2026-09-02 | {n}"), "{breaks}");
        }
        disk.does(mends);
        later();
        server.look_again();
        let outcome = server.refresh(Trigger::Change).await;
        assert_eq!((outcome.count(End::Published), outcome.units.len()), (1, 1), "{mends}: {outcome:?}");
        server.check_answers(&["daily"]).await;
    }
}

/// A small disk in memory.
struct Disk {
    directory: TempDir,
}

impl Disk {
    /// None where this is not allowed.
    fn mount() -> Option<Self> {
        let disk = Self { directory: TempDir::new().unwrap() };
        disk.run("mount", &["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).then_some(disk)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    fn does(&self, what: &str) {
        let done = match what {
            "fill" => {
                // Until not a byte more fits.
                let filled = std::fs::write(self.path("filler"), vec![0; 2 << 20]);
                filled.is_err()
            }
            "empty" => std::fs::remove_file(self.path("filler")).is_ok(),
            "read-only" => self.run("mount", &["-o", "remount,ro"]),
            "writable" => self.run("mount", &["-o", "remount,rw"]),
            "take away" => std::fs::rename(self.path("warehouse"), self.path("away")).is_ok(),
            "bring back" => {
                let _made_meanwhile = std::fs::remove_dir_all(self.path("warehouse"));
                std::fs::rename(self.path("away"), self.path("warehouse")).is_ok()
            }
            _ => false,
        };
        assert!(done, "{what}");
    }

    fn run(&self, program: &str, arguments: &[&str]) -> bool {
        let run = Command::new(program).args(arguments).arg(self.directory.path()).output();
        run.is_ok_and(|run| run.status.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.run("umount", &["-l"]);
    }
}

/// A lake for processes.
struct Lake {
    directory: TempDir,
}

impl Lake {
    fn new(days: u32) -> Self {
        let lake = Self { directory: refresh::in_memory() };
        lake.file("lakefront.yaml", "threads: 1\n");
        lake.file("sql/mart/daily.sql", VIEW);
        lake.file(
            "catalog/log/login.yaml",
            "location: login\nformat: csv\npartition_by: { day: date }\ncolumns: { user_id: bigint }\n",
        );
        (1..=days).for_each(|day| lake.day(day, "1\n"));
        lake
    }

    fn file(&self, path: &str, text: &str) {
        let path = self.directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn day(&self, day: u32, rows: &str) {
        self.file(&format!("lake/login/day=2026-09-{day:02}/a.csv"), rows);
    }

    fn command(&self, fault: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lakefront"));
        command
            .args(["refresh", "mart.daily", "--config", "lakefront.yaml"])
            .current_dir(self.directory.path())
            .env("LAKEFRONT_FAULT", fault);
        command
    }

    fn refresh(&self, fault: &str) -> Output {
        self.command(fault).output().unwrap()
    }

    /// What one that died holds is its own for a while, which is over now.
    fn end_leases(&self) {
        let leases = self.directory.path().join("warehouse/_lakefront/leases");
        if leases.exists() {
            std::fs::remove_dir_all(leases).unwrap();
        }
    }

    /// A refresh after the fault.
    fn refresh_well(&self) {
        self.end_leases();
        let output = self.refresh("none");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    /// How many rows are published of each day of September.
    fn published(&self) -> BTreeMap<u32, u64> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let Some(published) = runtime.block_on(newest(self.directory.path())) else { return BTreeMap::new() };
        let days = published.units.iter().map(|(unit, published)| {
            for file in &published.files {
                assert!(Path::new("/").join(file.file.path.as_ref()).exists(), "{unit} has lost a file");
            }
            let rows = published.files.iter().filter_map(|file| file.rows).sum::<u64>();
            assert_eq!(rows, published.content.rows, "{unit}");
            (unit.day().unwrap().day(), rows)
        });
        days.collect()
    }

    /// Each day is published as it was before, or as it should be; a day that was is still there.
    fn check_published(&self, before: &BTreeMap<u32, u64>, after: &BTreeMap<u32, u64>) {
        let found = self.published();
        for (day, rows) in after {
            let is = found.get(day);
            assert!(is == before.get(day) || is == Some(rows), "day {day}: {found:?}");
        }
        assert!(found.keys().all(|day| after.contains_key(day)), "{found:?}");
    }
}

async fn newest(directory: &Path) -> Option<Arc<Published>> {
    let mut config = Config::default();
    config.resolve(directory);
    let catalog = Catalog::open(&config).await.unwrap();
    Warehouse::new(&config, &catalog).unwrap().view("mart", "daily").newest().await.unwrap()
}
