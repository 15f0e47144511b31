//! The units of a materialized view: which there are, from what each is made, and how each stands. It must not know how
//! rows are read.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use datafusion::error::Result;
use sha2::{Digest as _, Sha256};

use super::days::Days;
use super::lineage::{self, InputDay, InputDays, Keep};
use super::notes::Old;
use super::provider::ViewTable;
use super::published::{Fingerprint, Unit};
use crate::catalog::TableId;
use crate::lake::{Digest, first_128_bits};

/// The units of a view that were asked for, as they should be now.
#[derive(Debug, Default)]
pub struct Units {
    /// Each with the fingerprint that it should have, or why there is none yet.
    pub expected: BTreeMap<Unit, Result<Fingerprint, String>>,
    /// Whether there may be rows without a day, which are never published.
    pub has_rows_without_day: bool,
    /// What the inputs are, in the order of the lineage's.
    inputs: Vec<InputDays>,
}

/// The state of a unit, as far as its inputs and what is published tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// What is published is what would be computed now.
    Fresh,
    /// It was published, and its definition or inputs changed since, or a view that it reads is not fresh.
    Stale,
    /// It was never published.
    Missing,
    /// As made from the inputs of now it fails a CHECK.
    Held,
}

/// A source day that a unit reads.
#[derive(Clone, Debug)]
pub struct UnitInput {
    /// The table or view.
    pub id: TableId,
    /// Days since 1970-01-01; None for all that an input has, and for what has no day.
    pub day: Option<i32>,
    /// What it is now.
    pub state: InputDay,
}

impl ViewTable {
    /// The units that there are, of the days that `keep` keeps.
    pub async fn units(&self, keep: &Keep<'_>) -> Result<Units> {
        if self.partition_column().is_none() {
            let mut units = Units::default();
            for input in &self.lineage.inputs {
                units.inputs.push(self.input_days(input, &|days| vec![true; days.len()]).await?);
            }
            let expected = self.fingerprint(None, &units.inputs);
            units.expected.insert(Unit::Whole, expected);
            return Ok(units);
        }
        let start = self.materialized().start.map(day_number);
        let wanted = |days: &[Option<i32>]| {
            // A row without a day is not after the start.
            let begun = |day: &Option<i32>| start.is_none_or(|start| *day >= Some(start));
            keep(days).into_iter().zip(days).map(|(kept, day)| kept && begun(day)).collect::<Vec<bool>>()
        };
        let mut units = Units::default();
        for input in &self.lineage.inputs {
            let days = match &input.days {
                Days::All => self.input_days(input, &|days| vec![true; days.len()]).await?,
                read => {
                    let keep = |days: &[Option<i32>]| {
                        let readers: Vec<_> = days.iter().map(|day| readers(*day, read)).collect();
                        // Many days read the same one: all are asked for together, and each once.
                        let asked: BTreeSet<Option<i32>> = readers.iter().flatten().copied().collect();
                        let asked = Vec::from_iter(asked);
                        let kept = wanted(&asked);
                        let is_kept =
                            |day: &Option<i32>| asked.binary_search(day).is_ok_and(|place| kept[place]);
                        readers.iter().map(|readers| readers.iter().any(is_kept)).collect()
                    };
                    self.input_days(input, &keep).await?
                }
            };
            units.inputs.push(days);
        }

        let candidates: Vec<Option<i32>> = self.candidates(&units.inputs).into_iter().collect();
        let kept = wanted(&candidates);
        for day in candidates.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(day, _)| day) {
            match day.map(|number| (number, unit_of(number))) {
                Some((number, Some(unit))) => {
                    let expected = self.fingerprint(Some(number), &units.inputs);
                    units.expected.insert(unit, expected);
                }
                // A date that no calendar has is as good as none.
                Some((_, None)) | None => units.has_rows_without_day = true,
            }
        }
        Ok(units)
    }

    /// The days of the view that may have rows: those that read a source day of every input without which
    /// there are none; of any input, when no single one is needed.
    fn candidates(&self, inputs: &[InputDays]) -> BTreeSet<Option<i32>> {
        let windows = self.lineage.inputs.iter().zip(inputs).filter_map(|(input, days)| match &input.days {
            Days::All => None,
            read => {
                let readers = days.keys().flat_map(|day| readers(*day, read));
                Some((input.is_required, readers.collect::<BTreeSet<_>>()))
            }
        });
        let (required, others): (Vec<_>, Vec<_>) = windows.partition(|(is_required, _)| *is_required);
        let required = required.into_iter().map(|(_, days)| days);
        required
            .reduce(|all, days| all.intersection(&days).copied().collect())
            .unwrap_or_else(|| others.into_iter().flat_map(|(_, days)| days).collect())
    }

    /// The first and the last day that a unit is of: those of a period, where the view's units are periods.
    pub fn days_of(&self, unit: Unit) -> Option<(NaiveDate, NaiveDate)> {
        let day = unit.day()?;
        let period = self.lineage.inputs.iter().find_map(|input| match input.days {
            Days::Of(period) => period.named(day_number(day)),
            Days::All | Days::At(_) => None,
        });
        let of = |number: i32| NaiveDate::from_epoch_days(number);
        let period = period.and_then(|days| Some((of(*days.start())?, of(*days.end())?)));
        Some(period.unwrap_or((day, day)))
    }

    /// How a unit stands.
    pub fn freshness(&self, unit: Unit, expected: &Result<Fingerprint, String>) -> Freshness {
        match (expected, self.published(unit)) {
            (Ok(expected), Some(published)) if published.fingerprint == *expected => Freshness::Fresh,
            (Ok(expected), _) if self.holds.get(&unit) == Some(expected) => Freshness::Held,
            (_, Some(_)) => Freshness::Stale,
            (_, None) => Freshness::Missing,
        }
    }

    /// What a unit reads, as it is now.
    pub fn inputs_of(&self, unit: Unit, units: &Units) -> Vec<UnitInput> {
        let mut inputs = vec![];
        for (input, days) in self.lineage.inputs.iter().zip(&units.inputs) {
            if !input.is_followed {
                continue;
            }
            let id = &input.id;
            match (&input.days, unit) {
                (Days::At(_) | Days::Of(_), Unit::Day(day)) => {
                    let read = input.days.read_by(day_number(day)).into_iter();
                    let read = read.filter_map(|day| days.get_key_value(&Some(day)));
                    inputs.extend(read.map(|(day, state)| UnitInput {
                        id: id.clone(),
                        day: *day,
                        state: state.clone(),
                    }));
                }
                _ => {
                    let mut state = InputDay { digest: Digest::default(), unsettled: None, old: vec![] };
                    for (day, input) in days {
                        state.digest += with_day(*day, &input.digest);
                        state.unsettled = state.unsettled.or_else(|| input.unsettled.clone());
                        state.old.extend(input.old.iter().cloned());
                    }
                    inputs.push(UnitInput { id: id.clone(), day: None, state });
                }
            }
        }
        inputs
    }

    /// What a unit that is fresh reads of views as it was published before: it is as old as that.
    pub(super) fn old_inputs_of(&self, unit: Unit, units: &Units) -> Vec<Old> {
        let has_old = |days: &InputDays| days.values().any(|day| !day.old.is_empty());
        if !units.inputs.iter().any(has_old) {
            return vec![];
        }
        self.inputs_of(unit, units).into_iter().flat_map(|input| input.state.old).collect()
    }

    async fn input_days(&self, input: &lineage::Input, keep: &Keep<'_>) -> Result<InputDays> {
        match self.sources.get(&input.id).and_then(lineage::as_source) {
            Some(source) if input.is_followed || input.days != Days::All => {
                source.inputs(&input.filters, keep, &self.body.state).await
            }
            _ => Ok(InputDays::new()),
        }
    }

    /// What a unit would be made from now; or why it should wait for a view that it reads.
    fn fingerprint(&self, day: Option<i32>, inputs: &[InputDays]) -> Result<Fingerprint, String> {
        let mut hash = Sha256::new();
        hash.update(self.body.hash.to_le_bytes());
        let mut take = |index: usize, position: i32, input: &InputDay| {
            hash.update((index as u64).to_le_bytes());
            hash.update(position.to_le_bytes());
            hash.update(input.digest.hash.to_le_bytes());
            input.unsettled.clone().map_or(Ok(()), Err)
        };
        for (index, (input, days)) in self.lineage.inputs.iter().zip(inputs).enumerate() {
            if !input.is_followed {
                continue;
            }
            match (&input.days, day) {
                (Days::At(_) | Days::Of(_), Some(day)) => {
                    for source in input.days.read_by(day) {
                        if let Some(input) = days.get(&Some(source)) {
                            take(index, source - day, input)?;
                        }
                    }
                }
                _ => {
                    for (day, input) in days {
                        take(index, day.unwrap_or(i32::MIN), input)?;
                    }
                }
            }
        }
        Ok(Fingerprint(first_128_bits(hash)))
    }
}

/// The days that read a source day; what has no day is read by rows without one.
fn readers(day: Option<i32>, read: &Days) -> Vec<Option<i32>> {
    match day {
        Some(day) => read.readers(day).into_iter().map(Some).collect(),
        None => vec![None],
    }
}

/// A day's digest, so that the same files on another day are something else.
fn with_day(day: Option<i32>, digest: &Digest) -> Digest {
    let mut hash = Sha256::new();
    hash.update(day.unwrap_or(i32::MIN).to_le_bytes());
    hash.update(digest.hash.to_le_bytes());
    Digest { hash: first_128_bits(hash), ..*digest }
}

pub(super) fn day_number(day: NaiveDate) -> i32 {
    Unit::Day(day).day_number().expect("a day has a number")
}

fn unit_of(number: i32) -> Option<Unit> {
    Unit::of_day_number(number)
}
