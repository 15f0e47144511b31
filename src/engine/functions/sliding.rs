//! Aggregates of rows that follow each other, also where the first of them leave: nothing is ever subtracted.
//!
//! What was added to a DOUBLE cannot be taken away again: `1e20 + 1 - 1e20` is 0. A window that moves therefore keeps
//! its rows in two stacks. The older rows lie in one of them, the oldest on top, each together with all below it; the
//! younger rows lie in the other. When the older ones are used up, the younger ones become them. So each row is put
//! together with others a bounded number of times. It knows states that can be put together; what they mean is a
//! [`Measure`]'s.

use std::fmt::Debug;

use arrow::array::{Array, ArrayRef};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::Accumulator;

/// What is known of rows that follow each other, and how two runs of them become one.
pub trait Measure: Debug + Send + Sync + 'static {
    /// What is known of one row or of several.
    type State: Debug + Send + Sync + 'static;

    /// Of a row whose value is not NULL.
    fn of(&self, values: &ArrayRef, row: usize) -> Self::State;

    /// Of two runs together.
    fn together(&self, earlier: &Self::State, later: &Self::State) -> Result<Self::State>;

    /// The aggregate; of no rows when there is no state.
    fn answer(&self, state: Option<&Self::State>) -> Result<ScalarValue>;

    /// A state as a value that another accumulator's `of` reads, where partial aggregates are merged.
    fn partial(&self, state: Option<&Self::State>) -> Result<ScalarValue> {
        self.answer(state)
    }

    /// Bytes of a state outside of itself.
    fn heap(_: &Self::State) -> usize {
        0
    }
}

/// The rows of a group, or of a window that only grows.
#[derive(Debug)]
pub struct Growing<M: Measure> {
    measure: M,
    state: Option<M::State>,
}

impl<M: Measure> Growing<M> {
    /// Of no rows yet.
    pub fn new(measure: M) -> Self {
        Self { measure, state: None }
    }
}

impl<M: Measure> Accumulator for Growing<M> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = &values[0];
        for row in (0..values.len()).filter(|row| values.is_valid(*row)) {
            let state = self.measure.of(values, row);
            self.state = Some(match &self.state {
                Some(earlier) => self.measure.together(earlier, &state)?,
                None => state,
            });
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.measure.partial(self.state.as_ref())?])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.measure.answer(self.state.as_ref())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.state.as_ref().map_or(0, M::heap)
    }
}

/// The rows of a window that moves.
#[derive(Debug)]
pub struct Moving<M: Measure> {
    measure: M,
    /// The older rows, the oldest last: each together with all older rows that are younger than it.
    older: Vec<M::State>,
    /// The younger rows, each by itself, the youngest last.
    younger: Vec<M::State>,
    /// The younger rows together.
    all_younger: Option<M::State>,
}

impl<M: Measure> Moving<M> {
    /// Of no rows yet.
    pub fn new(measure: M) -> Self {
        Self { measure, older: Vec::new(), younger: Vec::new(), all_younger: None }
    }

    /// The oldest row leaves.
    fn leave(&mut self) -> Result<()> {
        if self.older.is_empty() {
            self.all_younger = None;
            while let Some(state) = self.younger.pop() {
                self.older.push(match self.older.last() {
                    Some(later) => self.measure.together(&state, later)?,
                    None => state,
                });
            }
        }
        self.older.pop();
        Ok(())
    }
}

impl<M: Measure> Accumulator for Moving<M> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = &values[0];
        for row in (0..values.len()).filter(|row| values.is_valid(*row)) {
            let state = self.measure.of(values, row);
            self.all_younger = Some(match &self.all_younger {
                Some(earlier) => self.measure.together(earlier, &state)?,
                None => self.measure.of(values, row),
            });
            self.younger.push(state);
        }
        Ok(())
    }

    // Rows leave in the order in which they came.
    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = values[0].len() - values[0].null_count();
        (0..rows).try_for_each(|_| self.leave())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
        internal_err!("windows are not merged")
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        internal_err!("windows are not merged")
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        match (self.older.last(), &self.all_younger) {
            (Some(older), Some(younger)) => {
                let all = self.measure.together(older, younger)?;
                self.measure.answer(Some(&all))
            }
            (older, younger) => self.measure.answer(older.or(younger.as_ref())),
        }
    }

    fn size(&self) -> usize {
        let states = self.older.capacity() + self.younger.capacity();
        let heap = self.older.last().or(self.younger.last()).map_or(0, M::heap);
        size_of_val(self) + states * (size_of::<M::State>() + heap)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{AsArray, Float64Array};
    use arrow::datatypes::Float64Type;

    use super::*;

    #[derive(Debug)]
    struct Sum;

    impl Measure for Sum {
        type State = f64;

        fn of(&self, values: &ArrayRef, row: usize) -> f64 {
            values.as_primitive::<Float64Type>().value(row)
        }

        fn together(&self, earlier: &f64, later: &f64) -> Result<f64> {
            Ok(earlier + later)
        }

        fn answer(&self, state: Option<&f64>) -> Result<ScalarValue> {
            Ok(ScalarValue::Float64(state.copied()))
        }
    }

    /// The sums of each row and so many before it.
    fn sums(values: &[Option<f64>], before: usize) -> Vec<Option<f64>> {
        let mut window = Moving::new(Sum);
        let column = |row: usize| -> ArrayRef { Arc::new(Float64Array::from(vec![values[row]])) };
        let row = |row: usize| {
            window.update_batch(&[column(row)]).expect("a row comes");
            if row > before {
                window.retract_batch(&[column(row - before - 1)]).expect("a row leaves");
            }
            match window.evaluate().expect("the sum is known") {
                ScalarValue::Float64(sum) => sum,
                other => panic!("{other} is no DOUBLE"),
            }
        };
        (0..values.len()).map(row).collect()
    }

    #[test]
    fn nothing_is_subtracted() {
        let values = [Some(1e20), Some(1.0), None, Some(2.0), Some(3.0), None, None];
        assert_eq!(
            sums(&values, 1),
            [Some(1e20), Some(1e20), Some(1.0), Some(2.0), Some(5.0), Some(3.0), None]
        );
        assert_eq!(sums(&values, 0), values);
    }
}
