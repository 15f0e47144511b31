//! Dates and times for columns of them. What is none, or is one that the type does not hold, has no nearest value but
//! a TIME: it is NULL where it is no error. It must not know columns of other types.

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, DurationMicrosecondType, TimeUnit, TimestampMicrosecondType};
use datafusion::common::Result;

use super::super::calendar::{DAY, Parts, SECOND};
use super::super::convert::read::{self, from_number, read_time, time_from_number};
use super::super::convert::temporal::{self, LONGEST_TIME};
use super::super::signature::{is_binary, is_text};
use super::{Fit, Reason, Storing};

/// The last second of a TIMESTAMP: 2038-01-19 03:14:07 UTC.
const LAST_INSTANT: i64 = i32::MAX as i64 * SECOND + 999_999;

/// A value that was read as a date and time.
struct Moment {
    /// None when it is none.
    micros: Option<i64>,
    /// Whether nothing else was said.
    clean: bool,
    /// As it was written.
    written: String,
}

impl Storing<'_> {
    /// A column of DATE; a time of day is left out.
    pub(super) fn dates(&self) -> Result<ArrayRef> {
        let moments = self.moments()?;
        self.call.try_primitives::<Date32Type>(|row| {
            let Some(moment) = &moments[row] else { return Ok(None) };
            let fit = fitted(moment, "date", |micros| {
                let day = micros.div_euclid(DAY) as i32;
                Some(if micros.rem_euclid(DAY) == 0 { Fit::Whole(day) } else { Fit::Cut(day) })
            });
            self.settle(row, fit)
        })
    }

    /// A column of DATETIME, rounded to so many digits of the second.
    pub(super) fn datetimes(&self, digits: u32) -> Result<ArrayRef> {
        let moments = self.moments()?;
        self.call.try_primitives::<TimestampMicrosecondType>(|row| {
            let Some(moment) = &moments[row] else { return Ok(None) };
            let fit = fitted(moment, "datetime", |micros| {
                let rounded = temporal::rounded_datetime(micros, digits);
                temporal::in_range(rounded).then_some(Fit::Whole(rounded))
            });
            self.settle(row, fit)
        })
    }

    /// A column of TIMESTAMP: instants, which the session's clocks show.
    pub(super) fn timestamps(&self, digits: u32) -> Result<ArrayRef> {
        let zone = self.call.zone()?;
        let is_instant = matches!(self.call.kind(0), DataType::Timestamp(_, Some(_)));
        let moments = if is_instant { self.instants()? } else { self.moments()? };
        self.call.try_primitives::<TimestampMicrosecondType>(|row| {
            let Some(moment) = &moments[row] else { return Ok(None) };
            let fit = fitted(moment, "datetime", |micros| {
                let instant = if is_instant { micros } else { zone.instant(micros) };
                let instant = temporal::rounded_datetime(instant, digits);
                (SECOND..=LAST_INSTANT).contains(&instant).then_some(Fit::Whole(instant))
            });
            self.settle(row, fit)
        })
    }

    /// A column of TIME; one that is too long is the longest.
    pub(super) fn times(&self, digits: u32) -> Result<ArrayRef> {
        let kind = self.call.kind(0);
        let has_date = matches!(kind, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64);
        let times = self.lengths()?;
        self.call.try_primitives::<DurationMicrosecondType>(|row| {
            let Some(Moment { micros, clean, written }) = &times[row] else { return Ok(None) };
            let wrong = |is_one| Reason::Moment { kind: "time", value: written.clone(), is_one };
            let fit = match micros.map(|micros| temporal::rounded(micros, digits)) {
                None => Fit::Not(wrong(false), Some(0)),
                Some(micros) if micros.abs() > LONGEST_TIME => {
                    Fit::Not(wrong(true), Some(micros.clamp(-LONGEST_TIME, LONGEST_TIME)))
                }
                Some(micros) if !clean => Fit::Not(wrong(false), Some(micros)),
                Some(micros) if has_date || read::dated(written).is_some() => Fit::Cut(micros),
                Some(micros) => Fit::Whole(micros),
            };
            self.settle(row, fit)
        })
    }

    /// The values as dates and times.
    fn moments(&self) -> Result<Vec<Option<Moment>>> {
        let (call, kind) = (self.call, self.call.kind(0));
        if is_text(kind) || is_binary(kind) {
            let (texts, zone) = (call.text(0)?, call.zone()?);
            let read = |text: &str| {
                let read = temporal::read_datetime(text, zone);
                let (micros, clean) = read.map_or((None, true), |(micros, clean)| (Some(micros), clean));
                Moment { micros, clean, written: text.to_owned() }
            };
            return Ok((0..call.rows).map(|row| texts.at(row).map(read)).collect());
        }
        if kind.is_numeric() || *kind == DataType::Boolean {
            return self.numbers(|value, micro| {
                let parts = from_number(value).filter(|_| micro >= 0);
                Some(parts.and_then(Parts::micros)? + micro)
            });
        }
        let moments = call.datetime(0)?;
        Ok((0..call.rows).map(|row| moments.at(row).map(|micros| known(micros, datetime_text))).collect())
    }

    /// The values, which are instants.
    fn instants(&self) -> Result<Vec<Option<Moment>>> {
        let micros = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let cells = self.call.raw(0)?.map(|array| Ok(cast(array, &micros)?))?;
        let instants = cells.map(|array| Ok(array.as_primitive::<TimestampMicrosecondType>().clone()))?;
        let rows = 0..self.call.rows;
        Ok(rows.map(|row| instants.at(row).map(|micros| known(micros, datetime_text))).collect())
    }

    /// The values as lengths of time.
    fn lengths(&self) -> Result<Vec<Option<Moment>>> {
        let (call, kind) = (self.call, self.call.kind(0));
        if is_text(kind) || is_binary(kind) {
            let texts = call.text(0)?;
            let read = |text: &str| {
                let (micros, clean) =
                    read_time(text).map_or((None, true), |(micros, clean)| (Some(micros), clean));
                Moment { micros, clean, written: text.to_owned() }
            };
            return Ok((0..call.rows).map(|row| texts.at(row).map(read)).collect());
        }
        if kind.is_numeric() || *kind == DataType::Boolean {
            return self.numbers(|value, micro| time_from_number(value).map(|time| time + micro));
        }
        let times = call.time(0)?;
        Ok((0..call.rows).map(|row| times.at(row).map(|micros| known(micros, time_text))).collect())
    }

    /// Numbers whose digits are a date or time, read from an integer and the microseconds of its fraction.
    fn numbers(&self, read: impl Fn(i64, i64) -> Option<i64>) -> Result<Vec<Option<Moment>>> {
        let (raw, texts) = (self.call.raw(0)?, self.call.text(0)?);
        let numbers: Vec<Option<(i64, i64)>> = temporal::numbers(raw.array(), self.call)?.collect();
        let moment = |row: usize| {
            let (value, micro) = numbers[raw.index(row)]?;
            let written = texts.at(row).unwrap_or_default().to_owned();
            Some(Moment { micros: read(value, micro), clean: true, written })
        };
        Ok((0..self.call.rows).map(moment).collect())
    }
}

/// A value of a type that has nothing but dates and times.
fn known(micros: i64, write: fn(i64) -> String) -> Moment {
    Moment { micros: Some(micros), clean: true, written: write(micros) }
}

fn datetime_text(micros: i64) -> String {
    let mut text = String::new();
    Parts::of(micros).write_datetime(0, &mut text);
    text
}

fn time_text(micros: i64) -> String {
    let mut text = String::new();
    temporal::write_time(micros, 0, &mut text);
    text
}

/// A moment in its column, where the type holds it and nothing else was said.
fn fitted<T>(moment: &Moment, kind: &'static str, fit: impl Fn(i64) -> Option<Fit<T>>) -> Fit<T> {
    let wrong = |is_one| Reason::Moment { kind, value: moment.written.clone(), is_one };
    let Some(micros) = moment.micros else { return Fit::Not(wrong(false), None) };
    match fit(micros) {
        None => Fit::Not(wrong(true), None),
        Some(Fit::Whole(value) | Fit::Cut(value)) if !moment.clean => Fit::Not(wrong(false), Some(value)),
        Some(fit) => fit,
    }
}
