//! Which files the sample lake has, and how they are written. What is in them is in `rows`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use anyhow::{Context, Result, anyhow};
use arrow::array::RecordBatch;
use chrono::{NaiveDate, TimeDelta};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::players::{LAST_DAY, REGIONS};
use super::rows;

/// One file: what it is called, and what makes its rows. It depends on no other file.
#[derive(Debug)]
pub struct Part {
    path: PathBuf,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Users { region: usize },
    Items,
    Log { log: rows::Log, slice: rows::Slice },
}

/// All files of a lake of so many days.
pub fn parts(days: u32) -> Vec<Part> {
    let mut parts = vec![Part { path: "game/items/items.parquet".into(), content: Content::Items }];
    for (region, of) in REGIONS.iter().enumerate() {
        let path = format!("game/users/{}.parquet", of.name).into();
        parts.push(Part { path, content: Content::Users { region } });
    }
    for day in LAST_DAY - i64::from(days) + 1..=LAST_DAY {
        let date = NaiveDate::default() + TimeDelta::days(day);
        for (region, of) in REGIONS.iter().enumerate() {
            for log in rows::LOGS {
                for part in 0..log.files_a_day {
                    parts.push(Part {
                        path: format!("log/{}/day={date}/region={}/part-{part}.parquet", log.name, of.name)
                            .into(),
                        content: Content::Log { log: *log, slice: rows::Slice { day, region, part } },
                    });
                }
            }
        }
    }
    parts
}

/// Writes the files below `root`, on so many threads, and returns how many rows they have. `written` is called after each.
pub fn write(root: &Path, parts: &[Part], threads: usize, written: &(dyn Fn() + Sync)) -> Result<u64> {
    let next = AtomicUsize::new(0);
    let rows = AtomicU64::new(0);
    let work = || -> Result<()> {
        while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            let batch = part.rows();
            write_file(&root.join(&part.path), &batch)?;
            rows.fetch_add(batch.num_rows().try_into()?, Ordering::Relaxed);
            written();
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().map_err(|_| anyhow!("a thread that makes the sample lake panicked"))?
        })
    })?;
    Ok(rows.into_inner())
}

impl Part {
    fn rows(&self) -> RecordBatch {
        match &self.content {
            Content::Items => rows::items(),
            Content::Users { region } => rows::users(*region),
            Content::Log { log, slice } => (log.rows)(*slice),
        }
    }
}

fn write_file(path: &Path, rows: &RecordBatch) -> Result<()> {
    let write = || -> Result<()> {
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
        let properties =
            WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?)).build();
        let mut writer = ArrowWriter::try_new(File::create(path)?, rows.schema(), Some(properties))?;
        writer.write(rows)?;
        writer.close()?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
