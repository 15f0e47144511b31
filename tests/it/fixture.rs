//! The lake that all `.slt` files see: small, the same in every run, with every type and every kind of hole.
//!
//! | table | rows | what it is for |
//! |---|---|---|
//! | `lake.types` | 4 | a column of every type: ordinary values, the extremes, zeros, NULLs |
//! | `lake.nested` | 4 | struct, list and map columns |
//! | `lake.numbers` | 1,000 | `n` from 0 to 999 with `even` (NULL every tenth), in two files |
//! | `lake.employees`, `lake.departments` | 9, 4 | joins: an employee without department, a department without employees |
//! | `lake.events` | 60 | partitioned by day and region, 2026-09-01 to 2026-09-10, eu and us; `extra` came on the 6th |
//! | `lake.words` | 12 | strings: accents, emoji, case, wildcards, blanks, digits |
//! | `lake.rates` | 3 | csv with a declared schema |
//! | `lake.empty` | 0 | declared columns, no file |
//! | `lake.MixedCase` | 2 | names with capitals |
//! | `lake.broken` | - | a file that is not Parquet |
//! | `other.numbers` | 3 | a second database with a table of the same name |

use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::*;

use crate::server::Lake;

/// Makes the lake.
pub fn lake() -> Lake {
    let lake = Lake::new();
    lake.table("lake", "types", "comment: A column of every type.\nlocation: types\nformat: parquet\n")
        .parquet("types/part-0.parquet", &types())
        .table("lake", "nested", "location: nested\nformat: parquet\n")
        .parquet("nested/part-0.parquet", &nested())
        .table("lake", "numbers", "comment: Zero to 999.\nlocation: numbers\nformat: parquet\n")
        .parquet("numbers/part-0.parquet", &numbers(0..500))
        .parquet("numbers/part-1.parquet", &numbers(500..1000))
        .table("lake", "employees", "comment: Who works here.\nlocation: employees\nformat: parquet\n")
        .parquet("employees/part-0.parquet", &employees())
        .table("lake", "departments", "location: departments\nformat: parquet\n")
        .parquet("departments/part-0.parquet", &departments())
        .table(
            "lake",
            "events",
            "comment: Ten days of events.\nlocation: events\nformat: parquet\npartition_by: { day: date, region: string }\n",
        )
        .table("lake", "words", "location: words\nformat: parquet\n")
        .parquet("words/part-0.parquet", &words())
        .table(
            "lake",
            "rates",
            "location: rates\nformat: csv\ncolumns:\n  currency: varchar(3)\n  rate: decimal(12,4)\n  day: date\n  note: varchar(100)\n",
        )
        .file("rates/2026.csv", "EUR,1.0000,2026-09-01,base\nUSD,1.1050,2026-09-01,\\N\nKRW,1490.2500,2026-09-02,\n")
        .table("lake", "empty", "location: empty\nformat: parquet\ncolumns: { id: bigint, name: varchar(20) }\n")
        .table("lake", "MixedCase", "location: mixed\nformat: parquet\n")
        .parquet("mixed/part-0.parquet", &mixed_case())
        .table("lake", "broken", "location: broken\nformat: parquet\n")
        .file("broken/part-0.parquet", "this is not a Parquet file, and long enough to hold a footer")
        .table("other", "numbers", "location: other_numbers\nformat: parquet\n")
        .parquet("other_numbers/part-0.parquet", &numbers(0..3));
    std::fs::create_dir(lake.path("empty")).unwrap();
    for day in 1..=10 {
        for region in ["eu", "us"] {
            let path = format!("events/day=2026-09-{day:02}/region={region}/part-0.parquet");
            lake.parquet(&path, &events(day, region));
        }
    }
    lake
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), array.null_count() > 0))
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

/// Days from 1970-01-01 to a date.
fn date(text: &str) -> i32 {
    let date: chrono::NaiveDate = text.parse().unwrap();
    date.signed_duration_since(chrono::NaiveDate::default()).num_days().try_into().unwrap()
}

/// Microseconds from 1970-01-01 00:00:00 to a time like `2026-09-01T12:34:56.789012`.
fn micros(text: &str) -> i64 {
    text.parse::<chrono::NaiveDateTime>().unwrap().and_utc().timestamp_micros()
}

/// Rows: 1 ordinary, 2 the largest, 3 the smallest or empty, 4 NULL.
pub fn types() -> RecordBatch {
    let ordinary = micros("2026-09-01T12:34:56.789012");
    let late = micros("2262-04-11T23:47:16.854775");
    let early = micros("1677-09-22T00:12:43.145225");
    batch(vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3, 4]))),
        ("i8", Arc::new(Int8Array::from(vec![Some(-8), Some(i8::MAX), Some(i8::MIN), None]))),
        ("i16", Arc::new(Int16Array::from(vec![Some(-16), Some(i16::MAX), Some(i16::MIN), None]))),
        ("i32", Arc::new(Int32Array::from(vec![Some(-32), Some(i32::MAX), Some(i32::MIN), None]))),
        ("i64", Arc::new(Int64Array::from(vec![Some(-64), Some(i64::MAX), Some(i64::MIN), None]))),
        ("u8", Arc::new(UInt8Array::from(vec![Some(8), Some(u8::MAX), Some(0), None]))),
        ("u16", Arc::new(UInt16Array::from(vec![Some(16), Some(u16::MAX), Some(0), None]))),
        ("u32", Arc::new(UInt32Array::from(vec![Some(32), Some(u32::MAX), Some(0), None]))),
        ("u64", Arc::new(UInt64Array::from(vec![Some(64), Some(u64::MAX), Some(0), None]))),
        ("flag", Arc::new(BooleanArray::from(vec![Some(true), Some(true), Some(false), None]))),
        ("f32", Arc::new(Float32Array::from(vec![Some(1.5), Some(f32::MAX), Some(0.0), None]))),
        ("f64", Arc::new(Float64Array::from(vec![Some(0.1), Some(f64::MAX), Some(-1e-10), None]))),
        (
            "dec9",
            Arc::new(
                Decimal128Array::from(vec![Some(123), Some(999_999_999), Some(-999_999_999), None])
                    .with_precision_and_scale(9, 2)
                    .unwrap(),
            ),
        ),
        (
            "dec38",
            Arc::new(
                Decimal128Array::from(vec![
                    Some(1),
                    Some(10_i128.pow(38) - 1),
                    Some(1 - 10_i128.pow(38)),
                    None,
                ])
                .with_precision_and_scale(38, 10)
                .unwrap(),
            ),
        ),
        (
            "day",
            Arc::new(Date32Array::from(vec![
                Some(date("2026-09-01")),
                Some(date("9999-12-31")),
                Some(date("1000-01-01")),
                None,
            ])),
        ),
        (
            "at_ms",
            Arc::new(TimestampMillisecondArray::from(vec![
                Some(ordinary / 1000),
                Some(late / 1000),
                Some(micros("1970-01-01T00:00:00") / 1000),
                None,
            ])),
        ),
        (
            "at_us",
            Arc::new(TimestampMicrosecondArray::from(vec![Some(ordinary), Some(late), Some(early), None])),
        ),
        (
            "at_ns",
            Arc::new(TimestampNanosecondArray::from(vec![
                Some(ordinary * 1000),
                Some(late * 1000),
                Some(0),
                None,
            ])),
        ),
        (
            "instant",
            Arc::new(
                TimestampMicrosecondArray::from(vec![Some(ordinary), Some(late), Some(0), None])
                    .with_timezone("UTC"),
            ),
        ),
        (
            "clock",
            Arc::new(Time64MicrosecondArray::from(vec![
                Some(45_296_789_012),
                Some(86_399_999_999),
                Some(0),
                None,
            ])),
        ),
        ("text", Arc::new(StringArray::from(vec![Some("déjà vu"), Some("日本語 🎮"), Some(""), None]))),
        (
            "code",
            Arc::new(DictionaryArray::<Int32Type>::from_iter([
                Some("red"),
                Some("green"),
                Some("red"),
                None,
            ])),
        ),
        (
            "bytes",
            Arc::new(BinaryArray::from_opt_vec(vec![
                Some(b"abc".as_slice()),
                Some(&[0xFF, 0x00]),
                Some(b""),
                None,
            ])),
        ),
        (
            "fixed",
            Arc::new(
                FixedSizeBinaryArray::try_from_sparse_iter_with_size(
                    [Some([1_u8, 2, 3, 4]), Some([0xFF; 4]), Some([0; 4]), None].into_iter(),
                    4,
                )
                .unwrap(),
            ),
        ),
    ])
}

/// Rows: 1 and 2 full, 3 empty, 4 NULL.
pub fn nested() -> RecordBatch {
    let points = StructArray::try_new(
        vec![Field::new("x", DataType::Int32, true), Field::new("Label", DataType::Utf8, true)].into(),
        vec![
            Arc::new(Int32Array::from(vec![Some(1), Some(2), None, None])),
            Arc::new(StringArray::from(vec![Some("a"), Some("say \"b\""), None, None])),
        ],
        Some(vec![true, true, true, false].into()),
    )
    .unwrap();
    let tags = ListArray::try_new(
        Arc::new(Field::new("item", DataType::Utf8, true)),
        OffsetBuffer::from_lengths([2, 1, 0, 0]),
        Arc::new(StringArray::from(vec![Some("new"), None, Some("old")])),
        Some(vec![true, true, true, false].into()),
    )
    .unwrap();
    let mut scores = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    for entries in [Some(&[("one", 1), ("two", 2)][..]), Some(&[("ten", 10)]), Some(&[]), None] {
        for (key, value) in entries.unwrap_or_default() {
            scores.keys().append_value(key);
            scores.values().append_value(*value);
        }
        scores.append(entries.is_some()).unwrap();
    }
    batch(vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3, 4]))),
        ("point", Arc::new(points)),
        ("tags", Arc::new(tags)),
        ("scores", Arc::new(scores.finish())),
    ])
}

fn numbers(range: std::ops::Range<i64>) -> RecordBatch {
    batch(vec![
        ("n", Arc::new(Int64Array::from_iter_values(range.clone()))),
        ("even", Arc::new(BooleanArray::from_iter(range.map(|n| (n % 10 != 9).then_some(n % 2 == 0))))),
    ])
}

fn employees() -> RecordBatch {
    let salaries = [5500, 4200, 4200, 3900, 6100, 3000, 2800, 7000, 2500].map(|euros| euros * 100);
    let hired = [
        "2015-03-01",
        "2018-07-15",
        "2019-01-02",
        "2020-02-29",
        "2012-11-30",
        "2021-05-05",
        "2022-12-31",
        "2010-01-01",
        "2024-06-17",
    ];
    batch(vec![
        ("id", Arc::new(Int64Array::from_iter_values(1..=9))),
        (
            "name",
            Arc::new(StringArray::from(vec![
                "Ada", "Bela", "Chen", "Dana", "Emil", "Fatou", "Gus", "Hana", "Ivo",
            ])),
        ),
        (
            "department_id",
            Arc::new(Int64Array::from(vec![
                Some(1),
                Some(1),
                Some(1),
                Some(2),
                Some(2),
                Some(3),
                Some(3),
                Some(1),
                None,
            ])),
        ),
        (
            "manager_id",
            Arc::new(Int64Array::from(vec![
                Some(8),
                Some(1),
                Some(1),
                Some(5),
                Some(8),
                Some(5),
                Some(6),
                None,
                None,
            ])),
        ),
        (
            "salary",
            Arc::new(Decimal128Array::from(salaries.to_vec()).with_precision_and_scale(10, 2).unwrap()),
        ),
        ("hired", Arc::new(Date32Array::from_iter_values(hired.iter().map(|day| date(day))))),
    ])
}

fn departments() -> RecordBatch {
    batch(vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3, 4]))),
        ("name", Arc::new(StringArray::from(vec!["Engine", "Art", "Support", "Legal"]))),
    ])
}

/// Three events a day and region; `extra` is in the files from the sixth day on.
fn events(day: i64, region: &str) -> RecordBatch {
    let first = day * 10 + if region == "eu" { 0 } else { 5 };
    let midnight = micros(&format!("2026-09-{day:02}T00:00:00"));
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from_iter_values(first..first + 3))),
        ("kind", Arc::new(StringArray::from(vec!["login", "purchase", "logout"]))),
        (
            "amount",
            Arc::new(
                Decimal128Array::from(vec![None, Some(i128::from(day) * 100 + 99), None])
                    .with_precision_and_scale(10, 2)
                    .unwrap(),
            ),
        ),
        (
            "at",
            Arc::new(TimestampMicrosecondArray::from_iter_values(
                (0..3).map(|hour| midnight + (first + hour) * 600_000_000),
            )),
        ),
    ];
    if day >= 6 {
        columns.push(("extra", Arc::new(StringArray::from(vec![Some("x"), None, Some("z")]))));
    }
    batch(columns)
}

fn words() -> RecordBatch {
    let words = [
        Some("apple"),
        Some("Apple"),
        Some("APPLE"),
        Some("äpple"),
        Some("100%"),
        Some("under_score"),
        Some("back\\slash"),
        Some("it's"),
        Some(" blank "),
        Some("🎮"),
        Some("12abc"),
        None,
    ];
    batch(vec![
        ("id", Arc::new(Int64Array::from_iter_values(1..=12))),
        ("word", Arc::new(StringArray::from(words.to_vec()))),
    ])
}

fn mixed_case() -> RecordBatch {
    batch(vec![
        ("UserId", Arc::new(Int64Array::from(vec![1, 2]))),
        ("userName", Arc::new(StringArray::from(vec!["Ann", "Bob"]))),
    ])
}
