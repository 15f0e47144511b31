//! Time zones as MySQL names them: offsets as `+09:00`, names of the time-zone database, UTC.
//!
//! A zone turns instants into the clock's readings and back. `SYSTEM` is resolved by the session before.

use chrono::{DateTime, Offset, TimeZone};
use datafusion::common::{DataFusionError, Result, plan_datafusion_err};

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;

/// A time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// Seconds east of UTC.
    Fixed(i64),
    /// With its history of summer time.
    Named(chrono_tz::Tz),
}

impl Zone {
    /// Universal time.
    pub const UTC: Self = Self::Fixed(0);

    /// The zone of a name; an error when there is none.
    pub fn parse(name: &str) -> Result<Self> {
        Self::find(name).ok_or_else(|| -> DataFusionError {
            plan_datafusion_err!("Unknown or incorrect time zone: '{name}'")
        })
    }

    /// The zone of a name, in any case; offsets reach from -13:59 to +14:00.
    pub fn find(name: &str) -> Option<Self> {
        match name.as_bytes() {
            [sign @ (b'+' | b'-'), rest @ ..] => {
                let (hours, minutes) = std::str::from_utf8(rest).ok()?.split_once(':')?;
                let plain = |part: &str| {
                    (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
                };
                if !plain(hours) || minutes.len() != 2 || !plain(minutes) {
                    return None;
                }
                let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
                let seconds = (hours * 60 + minutes) * 60 * if *sign == b'-' { -1 } else { 1 };
                (minutes < 60 && (-(13 * 60 + 59) * 60..=14 * 3600).contains(&seconds))
                    .then_some(Self::Fixed(seconds))
            }
            _ if name.eq_ignore_ascii_case("utc") => Some(Self::UTC),
            _ => {
                let named = chrono_tz::TZ_VARIANTS.iter().find(|zone| zone.name().eq_ignore_ascii_case(name));
                named.map(|zone| Self::Named(*zone))
            }
        }
    }

    /// What the zone's clocks show at an instant; both in microseconds since 1970.
    pub fn local(self, instant: i64) -> i64 {
        match self {
            Self::Fixed(offset) => instant.saturating_add(offset * SECOND),
            Self::Named(zone) => match DateTime::from_timestamp_micros(instant) {
                Some(utc) => {
                    let offset = zone.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc();
                    instant.saturating_add(i64::from(offset) * SECOND)
                }
                None => instant,
            },
        }
    }

    /// The instant at which the zone's clocks show a time. Of two instants (autumn) it is the first, as MySQL's;
    /// in a gap (spring) it is the instant at which the gap begins.
    pub fn instant(self, local: i64) -> i64 {
        let zone = match self {
            Self::Fixed(offset) => return local.saturating_sub(offset * SECOND),
            Self::Named(zone) => zone,
        };
        let Some(naive) = DateTime::from_timestamp_micros(local).map(|time| time.naive_utc()) else {
            return local;
        };
        match zone.from_local_datetime(&naive) {
            chrono::LocalResult::Single(time) | chrono::LocalResult::Ambiguous(time, _) => {
                time.timestamp_micros()
            }
            chrono::LocalResult::None => {
                // The offset before the gap, found a day earlier, puts the time behind the gap by as much as it is
                // inside; the gap's beginning is where both offsets meet.
                let before = self.offset(local - 86_400 * SECOND);
                let after = self.offset(local + 86_400 * SECOND);
                let mut low = local - before.max(after) * SECOND - 86_400 * SECOND;
                let mut high = local - before.min(after) * SECOND + 86_400 * SECOND;
                while high - low > SECOND {
                    let middle = low + (high - low) / 2;
                    if self.offset(middle) == before { low = middle } else { high = middle }
                }
                high.div_euclid(SECOND) * SECOND
            }
        }
    }

    /// Seconds east of UTC at an instant.
    fn offset(self, instant: i64) -> i64 {
        (self.local(instant) - instant) / SECOND
    }
}

#[cfg(test)]
mod tests {
    use super::Zone;

    #[test]
    fn names_and_offsets() {
        fn check(name: &str, expected: Option<Zone>) {
            assert_eq!(Zone::find(name), expected, "{name}");
        }
        check("+09:00", Some(Zone::Fixed(32_400)));
        check("-5:30", Some(Zone::Fixed(-19_800)));
        check("+14:00", Some(Zone::Fixed(50_400)));
        check("+14:01", None);
        check("utc", Some(Zone::UTC));
        check("asia/seoul", Some(Zone::Named(chrono_tz::Asia::Seoul)));
        check("Mars/Phobos", None);
        check("+9", None);
    }

    #[test]
    fn gaps_and_doubles() {
        fn check(local: &str, expected: &str) {
            let micros = |text: &str| {
                chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S")
                    .unwrap()
                    .and_utc()
                    .timestamp_micros()
            };
            assert_eq!(
                Zone::Named(chrono_tz::Europe::Berlin).instant(micros(local)),
                micros(expected),
                "{local}"
            );
        }
        check("2024-01-15 12:00:00", "2024-01-15 11:00:00");
        check("2024-03-31 02:30:00", "2024-03-31 01:00:00");
        check("2024-10-27 02:30:00", "2024-10-27 00:30:00");
    }
}
