//! SQL_CALC_FOUND_ROWS: all rows of a query are counted, and a part of them is shown.
//!
//! It knows batches; who asks for FOUND_ROWS() later is the session's.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use futures::{StreamExt, stream};

use super::dialect::statement::Page;
use super::passing::{self, Pass};

/// A plan that shows a page of its input's rows and adds the number of the others to `beyond`.
pub fn counted(input: Arc<dyn ExecutionPlan>, page: Page, beyond: &Arc<AtomicU64>) -> Arc<dyn ExecutionPlan> {
    let input = match input.output_partitioning().partition_count() {
        1 => input,
        _ => Arc::new(CoalescePartitionsExec::new(input)) as _,
    };
    passing::above(&input, Counting { page, beyond: Arc::clone(beyond) })
}

#[derive(Clone, Debug)]
struct Counting {
    page: Page,
    beyond: Arc<AtomicU64>,
}

impl Pass for Counting {
    const NAME: &'static str = "FoundRowsExec";

    fn show(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: skip={}, fetch={}", Self::NAME, self.page.skip, self.page.rows)
    }

    fn start(
        &self,
        input: impl FnOnce() -> Result<SendableRecordBatchStream>,
    ) -> Result<SendableRecordBatchStream> {
        let input = input()?;
        let schema = input.schema();
        let state = (input, Seen { page: self.page, rows: 0, shown: 0 }, Arc::clone(&self.beyond));
        let shown = stream::unfold(state, |(mut input, mut seen, beyond)| async move {
            loop {
                match input.next().await {
                    Some(Ok(batch)) => {
                        if let Some(part) = seen.part(&batch) {
                            return Some((Ok(part), (input, seen, beyond)));
                        }
                    }
                    Some(Err(error)) => return Some((Err(error), (input, seen, beyond))),
                    None => {
                        beyond.fetch_add(seen.rows - seen.shown, Ordering::Relaxed);
                        return None;
                    }
                }
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, shown)))
    }
}

/// How many rows there were so far.
struct Seen {
    page: Page,
    rows: u64,
    shown: u64,
}

impl Seen {
    /// The part of the next batch that is shown.
    fn part(&mut self, batch: &RecordBatch) -> Option<RecordBatch> {
        let (begin, length) = (self.rows, batch.num_rows() as u64);
        self.rows += length;
        let first = self.page.skip.clamp(begin, begin + length);
        let last = self.page.skip.saturating_add(self.page.rows).clamp(begin, begin + length);
        self.shown += last - first;
        (last > first).then(|| batch.slice((first - begin) as usize, (last - first) as usize))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, AsArray, Int64Array};
    use arrow::datatypes::Int64Type;

    use super::*;

    #[test]
    fn pages() {
        let check = |skip: u64, rows: u64, expected: &[i64]| {
            let mut seen = Seen { page: Page { skip, rows }, rows: 0, shown: 0 };
            let mut shown = Vec::new();
            for first in [0, 3, 6] {
                let column = Arc::new((first..first + 3).collect::<Int64Array>()) as ArrayRef;
                let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
                if let Some(part) = seen.part(&batch) {
                    shown.extend(part.column(0).as_primitive::<Int64Type>().values());
                }
            }
            assert_eq!((shown.as_slice(), seen.rows, seen.shown), (expected, 9, expected.len() as u64));
        };
        check(0, 2, &[0, 1]);
        check(2, 3, &[2, 3, 4]);
        check(6, 9, &[6, 7, 8]);
        check(9, 9, &[]);
        check(0, 0, &[]);
        check(1, u64::MAX, &[1, 2, 3, 4, 5, 6, 7, 8]);
    }
}
