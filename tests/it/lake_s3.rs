//! A lake in S3: the same answers as from disk, few requests, and failures that end soon and say what failed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lakefront::clock::Clock;
use lakefront::config::{ByteSize, Cache, Config};
use lakefront::lake::reader::Reader;
use lakefront::lake::store::{Location, Stores};
use lakefront::lake::{self, Error};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use object_store::{ObjectMeta, ObjectStoreExt};

use crate::fixture;
use crate::lake_reading::{file_of, rows, scan_group, scan_version};
use crate::s3::{Fault, Operation, S3Server};
use crate::server::{Lake, TestServer};

const FILE: &str = "t/a.parquet";
const ALWAYS: usize = usize::MAX;
/// Every wait has ended by then: the tests' stores try again for one second.
const SOON: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_the_same_as_from_disk() {
    let (lake, s3, remote) = patient().await;
    let local = TestServer::start(&lake).await;
    let (mut local, mut remote) = (local.connect().await, remote.connect().await);
    for statement in [
        "SELECT * FROM lake.types ORDER BY 1",
        "SELECT * FROM lake.nested ORDER BY 1",
        "SELECT COUNT(*), SUM(n), COUNT(even) FROM lake.numbers",
        "SELECT day, region, COUNT(*) FROM lake.events GROUP BY day, region ORDER BY day, region",
        "SELECT * FROM lake.events WHERE day = '2026-09-06' ORDER BY region, 1",
        "SELECT * FROM lake.rates ORDER BY currency",
        "SELECT COUNT(*) FROM lake.empty",
        "SELECT * FROM lake.MixedCase ORDER BY 1",
    ] {
        assert_eq!(answer(&mut remote, statement).await, answer(&mut local, statement).await, "{statement}");
    }
    let error = remote.query_drop("SELECT * FROM lake.broken").await.unwrap_err().to_string();
    assert!(error.contains("s3://lake/broken/part-0.parquet"), "{error}");

    // A listing that is late for one object gives the files before it, and no error or double.
    s3.fail(Operation::List, "numbers", ALWAYS, Fault::Hides("part-1"));
    let count = "SELECT COUNT(*) FROM lake.numbers";
    assert_eq!(answer(&mut remote, count).await, ["[Bytes(\"500\")]"]);
    s3.heal();
    assert_eq!(answer(&mut remote, count).await, ["[Bytes(\"1000\")]"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listings_that_repeat_are_no_more_rows_and_no_endless_wait() {
    let (_lake, s3, server) = patient().await;
    let mut client = server.connect().await;
    // A place whose files are listed at once, and one whose folders are.
    for (table, rows) in [("numbers", 1_000), ("events", 60)] {
        let count = format!("SELECT COUNT(*) FROM lake.{table}");
        let expected = [format!("[Bytes(\"{rows}\")]")];
        s3.fail(Operation::List, table, ALWAYS, Fault::Repeats);
        assert_eq!(answer(&mut client, &count).await, expected);
        s3.heal();
        s3.fail(Operation::List, table, ALWAYS, Fault::Endless);
        let error = client.query_drop(&count).await.unwrap_err().to_string();
        let named = format!("cannot list `s3://lake/{table}`: its listing repeats itself");
        assert!(error.contains(&named), "{error}");
        s3.heal();
        assert_eq!(answer(&mut client, &count).await, expected);
    }
}

/// KILL ends what waits for a store that says nothing, or nothing more, long before the store's own limits do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_that_wait_for_a_store_are_killed() {
    let (_lake, s3, server) = patient().await;
    let mut other = server.connect().await;
    for (operation, fault) in
        [(Operation::List, Fault::Never), (Operation::Get, Fault::Never), (Operation::Get, Fault::Stall(100))]
    {
        s3.fail(operation, "numbers", ALWAYS, fault);
        s3.requests();
        let mut client = server.connect().await;
        let id = client.id();
        let waits = tokio::spawn(async move { client.query_drop("SELECT SUM(n) FROM lake.numbers").await });
        while !s3.requests().iter().any(|(asked, key)| *asked == operation && key.contains("numbers")) {
            other.ping().await.unwrap();
        }
        other.query_drop(format!("KILL QUERY {id}")).await.unwrap();
        let error = waits.await.unwrap().unwrap_err().to_string();
        assert!(error.contains("1317"), "{operation:?} {fault:?}: {error}");
        s3.heal();
    }
    assert_eq!(answer(&mut other, "SELECT COUNT(*) FROM lake.numbers").await, ["[Bytes(\"1000\")]"]);
}

/// A server on a store, of which no limit comes before a test's own.
async fn patient() -> (Lake, S3Server, TestServer) {
    let lake = fixture::lake();
    let s3 = S3Server::start().await;
    s3.put_all(&lake.path(""));
    let mut config = lake.config();
    config.lake = "s3://lake/".to_owned();
    s3.configure(&mut config);
    be_patient(&mut config);
    let server = TestServer::start_with(config, Clock::system()).await;
    (lake, s3, server)
}

/// Waits as in earnest: no answer is due to fail here for its time, however busy the machine is.
fn be_patient(config: &mut Config) {
    for store in config.stores.values_mut() {
        (store.request_timeout, store.retry_timeout) = (None, None);
    }
}

async fn answer(client: &mut Conn, statement: &str) -> Vec<String> {
    let rows: Vec<Row> = client.query(statement).await.unwrap();
    rows.into_iter().map(|row| format!("{:?}", row.unwrap())).collect()
}

#[tokio::test]
async fn a_small_file_costs_one_request() {
    let bench = Bench::start(Cache::default()).await;
    let meta = bench.list().await;
    // At once: the second waits for the first one's bytes.
    let (first, second) = tokio::join!(bench.scan(&meta), bench.scan(&meta));
    assert_eq!((first.unwrap(), second.unwrap()), (1_000, 1_000));
    assert_eq!(bench.scan(&meta).await.unwrap(), 1_000);
    assert_eq!(bench.s3.requests(), [(Operation::Get, FILE.to_owned())]);
}

#[tokio::test]
async fn the_next_small_files_are_fetched_while_one_is_read() {
    let bench = Bench::start(Cache::default()).await;
    let mut files = vec![];
    for name in ["a", "b", "c", "d", "e", "f", "g"] {
        let key = format!("t/{name}.parquet");
        bench.s3.put(&key, file_of(rows(10)));
        files.push(bench.location.store.head(&key.into()).await.unwrap());
    }
    bench.s3.requests();
    // The first file must be asked for twice; what comes next does not wait for it.
    bench.s3.fail(Operation::Get, "t/a.", 1, Fault::Never);
    let schema = rows(0).schema();
    let batches = scan_group(&bench.reader, &bench.location, files, &schema).await.unwrap();
    assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 70);
    let requests = bench.s3.requests();
    let keys: Vec<&str> = requests.iter().map(|(_, key)| &key[2..3]).collect();
    let again = keys.iter().rposition(|key| *key == "a").unwrap();
    let mut before: Vec<&str> = keys[..again].to_vec();
    before.sort_unstable();
    assert_eq!(before, ["a", "b", "c", "d", "e"]);
    assert_eq!(keys.len(), 8, "{keys:?}");
}

#[tokio::test]
async fn a_large_file_is_read_by_ranges() {
    let bench = Bench::start(Cache { small_file: ByteSize(0), ..Cache::default() }).await;
    let meta = bench.list().await;
    assert_eq!(bench.scan(&meta).await.unwrap(), 1_000);
    let first = bench.s3.requests().len();
    assert_eq!(bench.scan(&meta).await.unwrap(), 1_000);
    // The footer is at hand.
    assert!(bench.s3.requests().len() < first);
}

#[tokio::test]
async fn faults_that_pass_are_not_seen() {
    for small_file in [ByteSize::mib(4), ByteSize(0)] {
        for fault in [
            Fault::InternalError,
            Fault::SlowDown,
            Fault::TooMany,
            Fault::Cut(100),
            Fault::Stall(100),
            Fault::Never,
        ] {
            let bench = Bench::start(Cache { small_file, ..Cache::default() }).await;
            let meta = bench.list().await;
            bench.s3.fail(Operation::Get, FILE, 1, fault);
            assert_eq!(bench.scan(&meta).await.unwrap(), 1_000, "{fault:?}");
            assert!(bench.s3.requests().len() >= 2, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn faults_that_stay_end_soon_and_name_the_file() {
    for fault in [
        Fault::InternalError,
        Fault::SlowDown,
        Fault::TooMany,
        Fault::AccessDenied,
        Fault::ExpiredToken,
        Fault::Cut(100),
        Fault::Stall(100),
        Fault::Never,
    ] {
        let bench = Bench::start(Cache::default()).await;
        let meta = bench.list().await;
        bench.s3.fail(Operation::Get, FILE, ALWAYS, fault);
        let begin = Instant::now();
        let error = bench.scan(&meta).await.unwrap_err();
        assert!(begin.elapsed() < SOON, "{fault:?} took {:?}", begin.elapsed());
        assert!(matches!(error, Error::Store { .. }), "{fault:?}: {error:?}");
        let text = error.to_string();
        assert!(text.starts_with("cannot read `s3://lake/t/a.parquet`: "), "{fault:?}: {text}");
        // An error is not kept.
        bench.s3.heal();
        assert_eq!(bench.scan(&meta).await.unwrap(), 1_000, "{fault:?}");
    }
}

#[tokio::test]
async fn wrong_bytes_are_not_kept() {
    let bench = Bench::start(Cache::default()).await;
    let meta = bench.list().await;
    let end = usize::try_from(meta.size).unwrap();
    bench.s3.fail(Operation::Get, FILE, 1, Fault::WrongByte(end - 1));
    let error = bench.scan(&meta).await.unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error:?}");
    assert_eq!(bench.scan(&meta).await.unwrap(), 1_000);
}

#[tokio::test]
async fn a_changed_file_is_no_mix() {
    for small_file in [ByteSize::mib(4), ByteSize(0)] {
        let bench = Bench::start(Cache { small_file, ..Cache::default() }).await;
        let old = bench.list().await;
        bench.s3.put(FILE, file_of(rows(999)));
        assert!(matches!(bench.scan(&old).await.unwrap_err(), Error::Changed { .. }));
        let new = bench.list().await;
        assert_eq!(bench.scan(&new).await.unwrap(), 999);
        std::fs::remove_file(bench.s3.path(FILE)).unwrap();
        assert!(matches!(bench.scan(&old).await.unwrap_err(), Error::Changed { .. }));
    }
}

#[tokio::test]
async fn an_outage_leaves_what_is_in_memory() {
    let mut bench = Bench::start(Cache::default()).await;
    let meta = bench.list().await;
    assert_eq!(bench.scan(&meta).await.unwrap(), 1_000);
    bench.s3.stop().await;
    assert_eq!(bench.scan(&meta).await.unwrap(), 1_000);

    let other = ObjectMeta { location: "t/b.parquet".into(), ..meta };
    let begin = Instant::now();
    assert!(matches!(bench.scan(&other).await.unwrap_err(), Error::Store { .. }));
    assert!(begin.elapsed() < SOON);
}

/// A server with one file of 1,000 rows, and a reader.
struct Bench {
    s3: S3Server,
    location: Location,
    reader: Arc<Reader>,
}

impl Bench {
    async fn start(cache: Cache) -> Self {
        let s3 = S3Server::start().await;
        s3.put(FILE, file_of(rows(1_000)));
        let mut config = Config::default();
        s3.configure(&mut config);
        let location = Stores::new(&config).open("s3://lake/t", "").unwrap();
        Self { s3, location, reader: Reader::new(&cache) }
    }

    /// The file as it is now.
    async fn list(&self) -> ObjectMeta {
        let meta = self.location.store.head(&FILE.into()).await.unwrap();
        self.s3.requests();
        meta
    }

    /// Counts the rows of a version of the file.
    async fn scan(&self, meta: &ObjectMeta) -> Result<usize, Error> {
        let batches = scan_version(&self.reader, &self.location, meta.clone(), &rows(0).schema()).await;
        match batches {
            Ok(batches) => Ok(batches.iter().map(|batch| batch.num_rows()).sum()),
            Err(error) => {
                Err(lake::find(&error).unwrap_or_else(|| panic!("no error of the lake: {error}")).clone())
            }
        }
    }
}
