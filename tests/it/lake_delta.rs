//! Delta tables that another program wrote: each version has the files that it says.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lakefront::config::{Cache, Config};
use lakefront::lake::delta::{self, Snapshot};
use lakefront::lake::reader::Reader;
use lakefront::lake::store::{Location, Stores};
use serde_json::{Value, json};
use tempfile::TempDir;

#[tokio::test]
async fn tables_have_the_files_that_their_writer_says() {
    for table in ["plain", "partitioned", "checkpointed"] {
        let location = open(&data(table));
        let reader = Reader::new(&Cache::default());
        let snapshot = delta::load(&reader, &location, None).await.unwrap();
        assert_eq!(told(&location, &snapshot), *expected(table).last().unwrap(), "{table}");
        for file in snapshot.files() {
            let footer = Box::pin(reader.footer(&location, &file.file.clone().into())).await.unwrap();
            let rows = u64::try_from(footer.metadata.file_metadata().num_rows()).ok();
            assert_eq!(rows, file.rows, "{}", file.file.path);
        }
    }
}

#[tokio::test]
async fn versions_follow_each_other() {
    for table in ["plain", "partitioned", "checkpointed"] {
        let copy = TempDir::new().unwrap();
        let location = open(copy.path());
        let reader = Reader::new(&Cache::default());
        let mut known: Option<Arc<Snapshot>> = None;
        for (version, expected) in expected(table).iter().enumerate() {
            copy_version(table, version, copy.path());
            let snapshot = delta::load(&reader, &location, known.as_ref()).await.unwrap();
            assert_eq!(snapshot.version(), version as u64);
            assert_eq!(told(&location, &snapshot), *expected, "{table} {version}");

            // Nothing new: nothing is made anew. What is older is not read again.
            let again = delta::load(&reader, &location, Some(&snapshot)).await.unwrap();
            assert!(Arc::ptr_eq(&again, &snapshot));
            if version > 0 {
                fs::remove_file(commit(copy.path(), version - 1)).unwrap();
            }
            known = Some(snapshot);
        }
    }
}

#[tokio::test]
async fn a_table_in_place_of_another_is_read_anew() {
    let copy = TempDir::new().unwrap();
    let location = open(copy.path());
    let reader = Reader::new(&Cache::default());
    copy_version("plain", 0, copy.path());
    copy_version("plain", 1, copy.path());
    let known = delta::load(&reader, &location, None).await.unwrap();

    fs::remove_dir_all(copy.path().join("_delta_log")).unwrap();
    copy_version("partitioned", 0, copy.path());
    let snapshot = delta::load(&reader, &location, Some(&known)).await.unwrap();
    assert_eq!(told(&location, &snapshot), expected("partitioned")[0]);
    // And one with as many versions.
    copy_version("partitioned", 1, copy.path());
    let snapshot = delta::load(&reader, &location, Some(&known)).await.unwrap();
    assert_eq!(told(&location, &snapshot), expected("partitioned")[1]);
}

#[tokio::test]
async fn tables_that_cannot_be_read_say_why() {
    async fn check(change: impl FnOnce(&Path), place: &str, expected: &str) {
        let copy = TempDir::new().unwrap();
        for version in 0..3 {
            copy_version("plain", version, copy.path());
        }
        change(copy.path());
        let error = delta::load(&Reader::new(&Cache::default()), &open(copy.path()), None).await.unwrap_err();
        let place = copy.path().join(place);
        let place = place.to_str().unwrap().trim_end_matches('/');
        assert_eq!(error.to_string(), format!("`{place}` cannot be read: {expected}"));
    }
    let append = |line: &'static str| {
        move |table: &Path| {
            let text = fs::read_to_string(commit(table, 2)).unwrap();
            fs::write(commit(table, 2), format!("{text}\n{line}\n")).unwrap();
        }
    };
    check(
        |table| fs::remove_dir_all(table.join("_delta_log")).unwrap(),
        "",
        "it is no Delta table: `_delta_log` has no versions",
    )
    .await;
    check(|table| fs::remove_file(commit(table, 1)).unwrap(), "", "its log misses version 1").await;
    check(|table| fs::remove_file(commit(table, 0)).unwrap(), "", "its log misses version 0").await;
    check(
        append(r#"{"add":{"path":"a","partitionValues":{},"size":1,"modificationTime":1,"dataChange":true,"deletionVector":{"storageType":"u","pathOrInlineDv":"x","offset":1,"sizeInBytes":1,"cardinality":1}}}"#),
        "",
        "the rows of its file `a` are deleted in part by a deletion vector, which is not supported; rewrite the table \
         without the feature `deletionVectors`",
    )
    .await;
    check(
        append(r#"{"add":{"path":"s3://other/a","partitionValues":{},"size":1,"modificationTime":1}}"#),
        "",
        "its file `s3://other/a` lies outside of the table, which is not supported",
    )
    .await;
    check(
        append(
            r#"{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["typeWidening"]}}"#,
        ),
        "",
        "it needs the Delta feature `typeWidening`, which is not supported",
    )
    .await;
    check(
        append(r#"{"add":"#),
        "_delta_log/00000000000000000002.json",
        "line 4: EOF while parsing a value, at its byte 7",
    )
    .await;
}

/// A snapshot as `make.py` writes what the writer says of it.
fn told(location: &Location, snapshot: &Snapshot) -> Value {
    let prefix = format!("{}/", location.prefix);
    let mut files: Vec<_> = snapshot.files().collect();
    files.sort_by_key(|file| file.file.path.clone());
    let files: Vec<_> = files
        .iter()
        .map(|file| {
            let path = file.file.path.as_ref().strip_prefix(&prefix).unwrap();
            let text = |value: &datafusion::scalar::ScalarValue| match value.is_null() {
                true => Value::Null,
                false => json!(value.to_string()),
            };
            let values: Vec<_> = file.values.iter().map(text).collect();
            json!([path, file.file.size, file.rows, values])
        })
        .collect();
    let columns: Vec<_> = snapshot.schema().fields().iter().map(|field| field.name()).collect();
    json!({ "columns": columns, "partitions": snapshot.partition_columns(), "files": files })
}

/// What the writer says of each version. It knows paths as the log has them, encoded as URLs.
fn expected(table: &str) -> Vec<Value> {
    let text = fs::read_to_string(data(table).join("_expected.json")).unwrap();
    let mut versions: Vec<Value> = serde_json::from_str(&text).unwrap();
    for version in &mut versions {
        let files = version["files"].as_array_mut().unwrap();
        for file in files.iter_mut() {
            let decoded = object_store::path::Path::from_url_path(file[0].as_str().unwrap()).unwrap();
            file[0] = json!(decoded.as_ref());
        }
        files.sort_by_key(|file| file[0].as_str().unwrap().to_owned());
    }
    versions
}

/// Copies the commit of a version, and the checkpoint there is.
fn copy_version(table: &str, version: usize, to: &Path) {
    fs::create_dir_all(to.join("_delta_log")).unwrap();
    let from = data(table);
    fs::copy(commit(&from, version), commit(to, version)).unwrap();
    let checkpoint = format!("_delta_log/{version:020}.checkpoint.parquet");
    if from.join(&checkpoint).exists() {
        fs::copy(from.join(&checkpoint), to.join(&checkpoint)).unwrap();
        fs::copy(from.join("_delta_log/_last_checkpoint"), to.join("_delta_log/_last_checkpoint")).unwrap();
    }
}

fn commit(table: &Path, version: usize) -> PathBuf {
    table.join(format!("_delta_log/{version:020}.json"))
}

fn data(table: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/delta").join(table)
}

fn open(table: &Path) -> Location {
    Stores::new(&Config::default()).open(table.to_str().unwrap(), "").unwrap()
}
