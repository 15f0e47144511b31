//! A result set on its way to the client: definitions, and rows as their batches come.
//!
//! Rows are written into one buffer that is sent whenever it is full, so a client that reads slowly holds
//! up its query and nothing else, and a result of any size needs the memory of a few batches.

use arrow::array::RecordBatch;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use mysql_common::constants::StatusFlags;
use mysql_common::io::BufMutExt;
use tokio::io::AsyncWrite;

use super::cells::{self, Cells};
use super::column;
use super::error::Result;
use super::reply::Replies;
use super::temporal::Zone;
use super::{binary, text};
use crate::engine;
use crate::engine::answer::{Column, Rows};
use crate::engine::session::Status;

/// How values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// As text, the answer to a query.
    Text,
    /// As bytes, the answer to a prepared statement.
    Binary,
}

impl<W: AsyncWrite + Unpin> Replies<W> {
    /// Sends definitions and all rows. The caller ends the result with [`Self::eof`] or, after an error, with
    /// [`Self::error`].
    ///
    /// Nothing is written before the first batch is there: what fails until then fails without a result set.
    pub async fn rows(
        &mut self,
        rows: Rows,
        format: Format,
        status: Status,
        flags: StatusFlags,
    ) -> Result<()> {
        let Rows { columns, time_zone, mut batches } = rows;
        let zone = Zone::new(time_zone);
        let mut next = batches.next().await.transpose()?;
        self.definitions(&columns);
        if !self.deprecates_eof() {
            self.eof(status, flags);
        }
        while let Some(batch) = next {
            self.batch(&batch, &columns, zone, format).await?;
            drop(batch);
            next = match batches.next().now_or_never() {
                Some(next) => next.transpose()?,
                None => {
                    // The next batch takes its time: what is there must not wait for it.
                    self.flush().await?;
                    batches.next().await.transpose()?
                }
            };
        }
        Ok(())
    }

    /// Writes how many columns there are, and their definitions.
    pub fn definitions(&mut self, columns: &[Column]) {
        self.packets.packet(|out| out.put_lenenc_int(columns.len() as u64));
        for column in columns {
            self.packets.packet(|out| column::put_definition(out, column, self.results_set));
        }
    }

    /// Writes a batch's rows, and sends them whenever there are enough.
    pub async fn batch(
        &mut self,
        batch: &RecordBatch,
        columns: &[Column],
        zone: Zone,
        format: Format,
    ) -> Result<()> {
        let arrays = cells::arrays(batch, columns, self.results_set)?;
        let cells: Vec<_> = arrays
            .iter()
            .zip(columns)
            .map(|(array, column)| Ok(Cells::new(array, zone)?.showing(column)))
            .collect::<Result<_, arrow::error::ArrowError>>()?;
        for row in 0..batch.num_rows() {
            self.packets.packet(|out| match format {
                Format::Text => cells.iter().for_each(|cells| text::put(out, cells, row)),
                Format::Binary => put_binary_row(out, &cells, row),
            });
            if self.packets.is_full() {
                self.flush().await?;
                // A client that reads fast never makes it wait, and there may be others on this thread.
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }
}

fn put_binary_row(out: &mut Vec<u8>, columns: &[Cells<'_>], row: usize) {
    // Two bits are reserved at the front of the bitmap.
    const RESERVED: usize = 2;
    out.push(0);
    let bitmap = out.len();
    out.resize(bitmap + (columns.len() + RESERVED).div_ceil(8), 0);
    for (at, cells) in columns.iter().enumerate() {
        if !binary::put(out, cells, row) {
            let bit = at + RESERVED;
            out[bitmap + bit / 8] |= 1 << (bit % 8);
        }
    }
}

/// A result set of which the client fetches a few rows at a time.
pub struct Cursor {
    columns: Vec<Column>,
    zone: Zone,
    batches: BoxStream<'static, engine::error::Result<RecordBatch>>,
    /// Rows that were computed and not fetched yet.
    rest: Option<RecordBatch>,
}

impl Cursor {
    /// A cursor before the first row.
    pub fn new(rows: Rows) -> Self {
        Self { columns: rows.columns, zone: Zone::new(rows.time_zone), batches: rows.batches, rest: None }
    }

    /// The columns of its rows.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Sends the next rows, at most so many. Returns whether there may be more.
    pub async fn fetch<W: AsyncWrite + Unpin>(
        &mut self,
        replies: &mut Replies<W>,
        mut rows: usize,
    ) -> Result<bool> {
        while rows > 0 {
            let batch = match self.rest.take() {
                Some(rest) => rest,
                None => match self.batches.next().await.transpose()? {
                    Some(batch) => batch,
                    None => return Ok(false),
                },
            };
            let now = batch.slice(0, rows.min(batch.num_rows()));
            if now.num_rows() < batch.num_rows() {
                self.rest = Some(batch.slice(now.num_rows(), batch.num_rows() - now.num_rows()));
            }
            rows -= now.num_rows();
            replies.batch(&now, &self.columns, self.zone, Format::Binary).await?;
        }
        Ok(true)
    }
}
