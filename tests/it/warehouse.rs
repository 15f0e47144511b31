//! Published units: written, read back, gone back to and cleaned up, by one server and by two; read by other programs.
//! It knows no view and no SQL.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use lakefront::catalog::Catalog;
use lakefront::config::{Config, Interval};
use lakefront::lake;
use lakefront::lake::output::Output;
use lakefront::views::publish::{Change, Columns, Done};
use lakefront::views::published::{Content, Fingerprint, Published, PublishedLog, Unit, Warehouse};
use tempfile::TempDir;

use crate::clients::python_with;
use crate::s3::{Fault, Operation, S3Server};

#[tokio::test]
async fn what_is_published_is_read_back_and_only_that() {
    let place = Place::new();
    let log = place.log().await;
    assert!(log.pin().await.unwrap().is_none());

    let done = publish(&log, None, &[(1, 10, &[5, 6]), (2, 20, &[])]).await;
    assert_eq!(done, [(1, Done::Published), (2, Done::Published)]);
    let first = log.pin().await.unwrap().unwrap();
    assert_eq!(told(&first), [(1, 10, 2), (2, 20, 0)]);

    // The same rows, made from other files, in another order.
    let done = publish(&log, Some(&first), &[(1, 11, &[6, 5])]).await;
    assert_eq!(done, [(1, Done::Same)]);
    let second = log.pin().await.unwrap().unwrap();
    assert_eq!(told(&second), [(1, 11, 2), (2, 20, 0)]);
    assert_eq!(second.units[&day(1)].content, first.units[&day(1)].content);
    assert_eq!(files(&second), files(&first), "nothing is written for what is the same");
    assert_eq!(place.data_files().len(), 2, "what was computed in vain is removed");

    let done = publish(&log, Some(&second), &[(1, 12, &[5, 6, 7]), (3, 30, &[1])]).await;
    assert_eq!(done, [(1, Done::Published), (3, Done::Published)]);
    let third = log.pin().await.unwrap().unwrap();
    assert_eq!(told(&third), [(1, 12, 3), (2, 20, 0), (3, 30, 1)]);

    // Another server reads the same.
    let other = place.log().await.pin().await.unwrap().unwrap();
    assert_eq!(told(&other), told(&third));
}

#[tokio::test]
async fn two_servers_publish_each_unit_once() {
    let place = Place::new();
    let (one, other) = (place.log().await, place.log().await);
    let base = |log: &Arc<PublishedLog>| {
        let log = Arc::clone(log);
        async move { log.newest().await.unwrap() }
    };
    publish(&one, None, &[(1, 10, &[1]), (2, 20, &[2])]).await;
    let (of_one, of_other) = (base(&one).await, base(&other).await);

    // Other units do not get in each other's way; the same unit from the same files is done once.
    assert_eq!(publish(&one, of_one.as_deref(), &[(1, 11, &[3])]).await, [(1, Done::Published)]);
    let done = publish(&other, of_other.as_deref(), &[(1, 11, &[3]), (2, 21, &[4])]).await;
    assert_eq!(done, [(1, Done::ByOther), (2, Done::Published)]);
    // What is made from older files gives way.
    let done = publish(&other, of_other.as_deref(), &[(1, 9, &[9])]).await;
    assert_eq!(done, [(1, Done::Overtaken)]);
    assert_eq!(told(&base(&one).await.unwrap()), [(1, 11, 1), (2, 21, 1)]);

    // Both at once, again and again.
    for round in 0..5_u128 {
        let (of_one, of_other) = (base(&one).await, base(&other).await);
        let rows = [round as i64];
        let days: [(u32, u128, &[i64]); 1] = [(1, 100 + round, &rows)];
        let (first, second) = tokio::join!(
            publish(&one, of_one.as_deref(), &days),
            publish(&other, of_other.as_deref(), &days),
        );
        let published = [&first, &second].iter().filter(|done| done[0].1 == Done::Published).count();
        assert_eq!(published, 1, "{first:?} {second:?}");
    }
    assert_eq!(told(&base(&other).await.unwrap()), [(1, 104, 1), (2, 21, 1)]);
}

#[tokio::test]
async fn a_table_goes_back_to_a_version_until_vacuum_takes_it() {
    let place = Place::new();
    let log = place.log().await;
    for version in 0..25_u8 {
        let base = log.newest().await.unwrap();
        publish(&log, base.as_deref(), &[(1, version.into(), &[version.into()])]).await;
    }
    let newest = log.newest().await.unwrap().unwrap();
    assert_eq!((newest.snapshot.version(), told(&newest)), (24, vec![(1, 24, 1)]));
    assert!(place.root().join("_delta_log/00000000000000000020.checkpoint.parquet").exists());
    // From the checkpoint alone.
    assert_eq!(told(&place.log().await.newest().await.unwrap().unwrap()), [(1, 24, 1)]);

    assert_eq!(log.restore(3, now()).await.unwrap(), 25);
    assert_eq!(told(&log.newest().await.unwrap().unwrap()), [(1, 3, 1)]);
    assert_eq!(place.data_files().len(), 25);

    // All old versions are kept for a while; none is kept for ever, but what somebody reads.
    let kept = log.vacuum(now() - TimeDelta::days(7), now() - TimeDelta::days(1)).await.unwrap();
    assert_eq!((kept.files, kept.log_files), (0, 0));
    let later = now() + TimeDelta::days(8);
    let removed = log.vacuum(later, later).await.unwrap();
    assert_eq!(removed.files, 23, "one is published, and one is of a version that is still held");
    drop(newest);
    assert_eq!(log.vacuum(later, later).await.unwrap().files, 1);
    assert_eq!(told(&place.log().await.newest().await.unwrap().unwrap()), [(1, 3, 1)]);
    let gone = log.restore(7, now()).await.unwrap_err().to_string();
    assert!(gone.contains("its log has no version 7, or not any more"), "{gone}");
}

#[tokio::test]
async fn a_damaged_log_says_so_and_is_well_when_it_is_mended() {
    let place = Place::new();
    let log = place.log().await;
    publish(&log, None, &[(1, 10, &[1])]).await;
    publish(&log, log.newest().await.unwrap().as_deref(), &[(2, 20, &[2])]).await;
    let commit = place.root().join("_delta_log/00000000000000000001.json");
    let whole = std::fs::read(&commit).unwrap();

    std::fs::write(&commit, b"{\"add\":").unwrap();
    let error = log.newest().await.unwrap_err().to_string();
    assert!(error.contains("00000000000000000001.json") && error.contains("line 1"), "{error}");
    std::fs::write(&commit, &whole).unwrap();
    assert_eq!(told(&log.newest().await.unwrap().unwrap()), [(1, 10, 1), (2, 20, 1)]);

    let moved = place.root().with_extension("moved");
    std::fs::rename(place.root(), &moved).unwrap();
    let error = log.newest().await.unwrap_err().to_string();
    assert!(error.contains("does not exist"), "{error}");
    std::fs::rename(&moved, place.root()).unwrap();
    assert_eq!(told(&log.newest().await.unwrap().unwrap()), [(1, 10, 1), (2, 20, 1)]);
}

#[tokio::test]
async fn a_store_that_fails_publishes_once_or_not_at_all() {
    let server = S3Server::start().await;
    let place = Place::new();
    let log = place.log_in(&server).await;
    publish(&log, None, &[(1, 10, &[5, 6])]).await;

    // What passes by itself, or has happened although nobody said so.
    for (round, fault) in [Fault::InternalError, Fault::SlowDown, Fault::Lost].into_iter().enumerate() {
        for key in ["_delta_log/", "part-"] {
            let base = log.newest().await.unwrap().unwrap();
            let fingerprint = 20 + round as u128 * 2 + u128::from(key == "part-");
            server.fail(Operation::Put, key, 1, fault);
            let done = publish(&log, Some(&base), &[(1, fingerprint, &[fingerprint as i64])]).await;
            assert_eq!(done, [(1, Done::Published)], "{fault:?} {key}");
            server.heal();
            let now = log.newest().await.unwrap().unwrap();
            assert_eq!(now.snapshot.version(), base.snapshot.version() + 1, "{fault:?} {key}");
            assert_eq!(told(&now), [(1, fingerprint, 1)]);
        }
    }
    // What does not pass: nothing is published, and what was stays.
    let base = log.newest().await.unwrap().unwrap();
    for (key, fault) in
        [("_delta_log/", Fault::InternalError), ("_delta_log/", Fault::AccessDenied), ("part-", Fault::Never)]
    {
        server.fail(Operation::Put, key, 1_000, fault);
        let failed = try_publish(&log, Some(&base), &[(1, 99, &[99])]).await.unwrap_err();
        assert!(failed.to_string().starts_with("cannot write `s3://lake/warehouse/mart/daily/"), "{failed}");
        server.heal();
        assert_eq!(told(&log.newest().await.unwrap().unwrap()), told(&base));
    }
    assert_eq!(publish(&log, Some(&base), &[(1, 99, &[99])]).await, [(1, Done::Published)]);
    assert_eq!(told(&place.log_in(&server).await.newest().await.unwrap().unwrap()), [(1, 99, 1)]);
}

/// Other programs see the rows that we see. Their Python packages are beside those of the client tests.
#[tokio::test]
async fn other_programs_read_what_is_published() {
    let Some(python) = python_with("deltalake") else {
        println!("left out: `pip install deltalake` into the environment of LAKEFRONT_CLIENTS");
        return;
    };
    let place = Place::new();
    let log = place.log().await;
    for version in 0..12_u8 {
        let base = log.newest().await.unwrap();
        publish(&log, base.as_deref(), &[(1, version.into(), &[version.into(), 100]), (2, 7, &[])]).await;
    }
    log.restore(5, now()).await.unwrap();
    let script = "
import sys, deltalake
table = deltalake.DeltaTable(sys.argv[1])
rows = table.to_pyarrow_table().sort_by('n').to_pylist()
print(table.version(), [(str(r['day']), r['n'], r['name'], int(r['big'])) for r in rows])
";
    let output = Command::new(python).args(["-c", script]).arg(place.root()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let expected = "12 [('2026-09-01', 5, 'n5', 18446744073709551615), \
                    ('2026-09-01', 100, 'n100', 18446744073709551615)]";
    assert_eq!(text.trim(), expected, "{}", String::from_utf8_lossy(&output.stderr));
}

/// A warehouse in a folder of its own.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("catalog")).unwrap();
        Self { folder }
    }

    /// The log as a server that has just started knows it.
    async fn log(&self) -> Arc<PublishedLog> {
        self.log_with(|_| ()).await
    }

    /// The same, of a warehouse in a bucket.
    async fn log_in(&self, server: &S3Server) -> Arc<PublishedLog> {
        self.log_with(|config| {
            server.configure(config);
            config.warehouse = "s3://lake/warehouse".to_owned();
        })
        .await
    }

    async fn log_with(&self, configure: impl FnOnce(&mut Config)) -> Arc<PublishedLog> {
        let mut config =
            Config { listing_interval: Interval(TimeDelta::hours(1).to_std().unwrap()), ..Config::default() };
        config.resolve(self.folder.path());
        configure(&mut config);
        let catalog = Catalog::open(&config).await.unwrap();
        Warehouse::new(&config, &catalog).unwrap().view("Mart", "Daily")
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("warehouse/mart/daily")
    }

    fn data_files(&self) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        for folder in std::fs::read_dir(self.root()).unwrap().map(|folder| folder.unwrap().path()) {
            if folder.file_name().is_some_and(|name| name != "_delta_log") {
                found.extend(std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()));
            }
        }
        found
    }
}

/// Publishes days of September, each as made from `fingerprint`, with rows of these numbers.
async fn publish(
    log: &PublishedLog,
    base: Option<&Published>,
    days: &[(u32, u128, &[i64])],
) -> Vec<(u32, Done)> {
    try_publish(log, base, days).await.unwrap()
}

async fn try_publish(
    log: &PublishedLog,
    base: Option<&Published>,
    days: &[(u32, u128, &[i64])],
) -> lake::Result<Vec<(u32, Done)>> {
    let schema = Arc::new(Schema::new(vec![
        Field::new("day", DataType::Date32, true),
        Field::new("n", DataType::Int64, true),
        Field::new("name", DataType::Utf8, true),
        Field::new("big", DataType::UInt64, true),
    ]));
    let mut output = Output::new(log.location(), &schema, Some(0), now())?;
    for (day, _, numbers) in days {
        let count = numbers.len();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Date32Array::from(vec![date(*day).to_epoch_days(); count])),
            Arc::new(Int64Array::from(numbers.to_vec())),
            Arc::new(StringArray::from_iter_values(numbers.iter().map(|n| format!("n{n}")))),
            Arc::new(UInt64Array::from(vec![u64::MAX; count])),
        ];
        output.write(&RecordBatch::try_new(Arc::clone(&schema), columns).unwrap()).await?;
    }
    let due: Vec<_> = days.iter().map(|(day, ..)| Some(date(*day))).collect();
    let columns = Columns { schema: Arc::clone(output.columns()), day: Some("day".to_owned()) };
    let mut written = output.finish(&due).await?;
    let changes = days.iter().map(|(number, fingerprint, _)| {
        let day_written = written.remove(&Some(date(*number))).unwrap();
        Change {
            unit: day(*number),
            fingerprint: Fingerprint(*fingerprint),
            content: Content { rows: day_written.rows, sum: day_written.sum },
            inputs: "{}".to_owned(),
            files: day_written.files,
            is_forced: false,
        }
    });
    let changes = changes.collect();
    let done = log.publish(base, &columns, changes, now()).await?;
    Ok(days.iter().map(|(number, ..)| (*number, done[&day(*number)])).collect())
}

/// Day, fingerprint and rows of what is published.
fn told(published: &Published) -> Vec<(u32, u128, u64)> {
    let told = published.units.iter().map(|(unit, published)| {
        let day = (1..=30).find(|number| day(*number) == *unit).unwrap();
        (day, published.fingerprint.0, published.content.rows)
    });
    told.collect()
}

fn files(published: &Published) -> Vec<String> {
    published.snapshot.named_files().map(|(name, _)| name.to_owned()).collect()
}

fn date(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 9, day).unwrap()
}

fn day(number: u32) -> Unit {
    Unit::Day(date(number))
}

fn now() -> DateTime<Utc> {
    lakefront::clock::Clock::system().now()
}
