//! Files change while queries run: every answer is one consistent set of whole files, or a clean error.
//!
//! What footers tell is answered from footers: the number of a column's rows, and its value where all rows
//! have the same. So each answer also sums a column that must be read, and the two must be of one version.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use lakefront::clock::Clock;
use mysql_async::prelude::Queryable;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::lake_reading::file_of;
use crate::server::{Lake, TestServer};

const FILES: i64 = 6;
const CHANGES: i64 = 120;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_consistent_while_files_change() {
    let lake = Lake::new();
    lake.table("lake", "changing", "location: changing\nformat: parquet\n");
    for number in 0..FILES {
        lake.parquet(&path(number), &version(number, 0));
    }
    let server = TestServer::start(&lake).await;
    let stop = Arc::new(AtomicBool::new(false));
    let (answers, errors) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));

    let mut readers = vec![];
    for reader in 0..2 {
        let (stop, answers, errors) = (Arc::clone(&stop), Arc::clone(&answers), Arc::clone(&errors));
        let mut client = server.connect().await;
        readers.push(tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let statement = if reader == 0 { EACH_FILE } else { TWICE };
                match client.query::<(i64, i64, i64, i64), _>(statement).await {
                    Ok(rows) if reader == 0 => rows.into_iter().for_each(check_file),
                    // Both references of one statement see the same files.
                    Ok(rows) => assert_eq!(rows, []),
                    Err(error) => {
                        check_error(&error.to_string());
                        errors.fetch_add(1, Ordering::Relaxed);
                        continue;
                    }
                }
                answers.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }

    let newest = change(&lake, &answers, &errors).await;
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    let (answers, errors) = (answers.load(Ordering::Relaxed), errors.load(Ordering::Relaxed));
    println!("{answers} answers, {errors} errors");
    assert!(answers >= CHANGES as u64 / 8, "{answers} answers, {errors} errors");

    let mut client = server.connect().await;
    let rows: Vec<(i64, i64, i64, i64)> = client.query(EACH_FILE).await.unwrap();
    rows.iter().copied().for_each(check_file);
    let found: BTreeMap<i64, i64> = rows.into_iter().map(|(number, version, ..)| (number, version)).collect();
    assert_eq!(found, newest);
}

/// Listings are old on purpose: every change is found by the reading, and the query is planned again on a new
/// listing before its first row.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_on_an_old_listing_is_answered_from_a_new_one() {
    let lake = Lake::new();
    lake.table("lake", "changing", "location: changing\nformat: parquet\n");
    for number in 0..FILES {
        lake.parquet(&path(number), &version(number, 1));
    }
    let mut config = lake.config();
    config.listing_interval = "1h".parse().unwrap();
    let server = TestServer::start_with(config, Clock::system()).await;
    let mut client = server.connect().await;
    // Of the other columns a footer tells all, and nothing is read.
    let query = "SELECT file, COUNT(*), SUM(noise) FROM lake.changing GROUP BY file ORDER BY file";
    for first in 0..FILES {
        if first > 0 {
            lake.file(&path(first), file_of(version(first, first + 1)));
            fs::remove_file(lake.path(&path(first - 1))).unwrap();
        }
        let rows: Vec<(i64, i64, i64)> = client.query(query).await.unwrap();
        let expected = (first..FILES).map(|number| {
            let version = if number == first { first + 1 } else { 1 };
            (number, 500, version * sum_of(500))
        });
        assert_eq!(rows, expected.collect::<Vec<_>>());
    }
    server.stop().await;
}

/// File and version as the footer has them, then what the rows have.
const EACH_FILE: &str =
    "SELECT file, MAX(version), SUM(row_number), SUM(noise) FROM lake.changing GROUP BY file ORDER BY file";

const TWICE: &str = "SELECT a.file, a.version, a.noise, b.noise \
     FROM (SELECT file, MAX(version) AS version, SUM(noise) AS noise FROM lake.changing GROUP BY file) a \
     JOIN (SELECT file, MIN(version) AS version, SUM(noise) AS noise FROM lake.changing GROUP BY file) b \
     ON a.file = b.file WHERE a.version <> b.version OR a.noise <> b.noise";

/// Changes files in every way that programs do, each time after some queries. What is there at the end.
async fn change(lake: &Lake, answers: &AtomicU64, errors: &AtomicU64) -> BTreeMap<i64, i64> {
    let mut random = StdRng::seed_from_u64(11);
    for change in 1..=CHANGES {
        let number = random.random_range(0..FILES);
        match random.random_range(0..6) {
            // As writers should: the whole file at once. It is as long as the one before.
            0..=2 => replace(lake, number, change),
            // In place: cut, then written. What is as long, and written in the same tick of the clock, would be the same
            // to everybody.
            kind @ (3 | 4) => {
                let bytes = file_of(rows(number, change, 500 + change));
                let end = if kind == 3 { bytes.len() } else { bytes.len() / 2 };
                fs::write(lake.path(&path(number)), &bytes[..end]).unwrap();
            }
            _ => drop(fs::remove_file(lake.path(&path(number)))),
        }
        // Some changes meet a query that runs, others follow each other at once.
        if change % 4 == 0 {
            let both = || answers.load(Ordering::Relaxed) + errors.load(Ordering::Relaxed);
            one_more(both).await;
        }
        // A broken lake that is mended has an answer, however slow the machine.
        if change % 8 == 0 {
            for number in 0..FILES {
                replace(lake, number, change);
            }
            one_more(|| answers.load(Ordering::Relaxed)).await;
        }
    }
    for number in 0..FILES {
        replace(lake, number, CHANGES + 1);
    }
    (0..FILES).map(|number| (number, CHANGES + 1)).collect()
}

/// Puts a whole file in the place of another, as long as that. It has a time of its own: where files follow each other
/// in one tick of the clock, the second may be the first to everybody, because it is given the same inode.
fn replace(lake: &Lake, number: i64, change: i64) {
    let bytes = file_of(version(number, change));
    lake.file_of_time(&path(number), bytes, UNIX_EPOCH + Duration::from_secs(change as u64));
}

/// Until the count has grown.
async fn one_more(count: impl Fn() -> u64) {
    let before = count();
    while count() == before {
        tokio::task::yield_now().await;
    }
}

/// A file as one statement sees it is of one version, and whole.
fn check_file((number, version, rows, noise): (i64, i64, i64, i64)) {
    let is_whole = (500..=500 + CHANGES).any(|count| sum_of(count) == rows);
    assert!(is_whole, "file {number} is not whole in version {version}: {rows}");
    assert_eq!(noise, version * rows, "file {number} in version {version} is a mix");
}

fn check_error(error: &str) {
    let expected = ["changed while it was read", "cannot be read", "does not exist"];
    assert!(error.contains("changing/") && expected.iter().any(|text| error.contains(text)), "{error}");
}

fn path(number: i64) -> String {
    format!("changing/{number}.parquet")
}

/// A file whose length tells nothing.
fn version(number: i64, version: i64) -> RecordBatch {
    rows(number, version, 500)
}

fn rows(number: i64, version: i64, count: i64) -> RecordBatch {
    let column = |value: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![value; count as usize])) };
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..count));
    let noise: ArrayRef = Arc::new(Int64Array::from_iter_values((0..count).map(|row| row * version)));
    RecordBatch::try_from_iter([
        ("file", column(number)),
        ("version", column(version)),
        ("row_number", numbers),
        ("noise", noise),
    ])
    .unwrap()
}

/// The sum of the row numbers of so many rows.
fn sum_of(count: i64) -> i64 {
    count * (count - 1) / 2
}
