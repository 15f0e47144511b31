//! Values as people write them in the config: sizes, times, modes, networks, secrets. It must not know what they are
//! set for.

use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use chrono::NaiveTime;
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, de};

/// A number of bytes, written `512`, `64KiB`, `256MiB` or `8GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// So many mebibytes.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// So many gibibytes.
    pub const fn gib(count: u64) -> Self {
        Self(count << 30)
    }

    /// The number as a length in memory.
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

const BYTE_UNITS: &[(&str, u64)] = &[
    ("", 1),
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

const BYTE_SIZE_EXPECTED: &str = "a size such as 512MiB or 8GiB";

impl FromStr for ByteSize {
    type Err = NotScaled;

    fn from_str(text: &str) -> Result<Self, NotScaled> {
        scaled(text, BYTE_UNITS).map(Self).ok_or(NotScaled { expected: BYTE_SIZE_EXPECTED })
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Scaled { units: BYTE_UNITS, expected: BYTE_SIZE_EXPECTED }).map(Self)
    }
}

/// A length of time, written `500ms`, `10s`, `15m`, `2h` or `1d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval(pub Duration);

const TIME_UNITS_MS: &[(&str, u64)] =
    &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

const INTERVAL_EXPECTED: &str = "a time such as 500ms, 10s, 15m or 2h";

impl FromStr for Interval {
    type Err = NotScaled;

    fn from_str(text: &str) -> Result<Self, NotScaled> {
        let milliseconds = scaled(text, TIME_UNITS_MS).ok_or(NotScaled { expected: INTERVAL_EXPECTED })?;
        Ok(Self(Duration::from_millis(milliseconds)))
    }
}

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scaled = Scaled { units: TIME_UNITS_MS, expected: INTERVAL_EXPECTED };
        deserializer.deserialize_any(scaled).map(|milliseconds| Self(Duration::from_millis(milliseconds)))
    }
}

/// The mode of a file, written `"0660"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileMode(pub u32);

impl FromStr for FileMode {
    type Err = NotScaled;

    fn from_str(text: &str) -> Result<Self, NotScaled> {
        match u32::from_str_radix(text, 8) {
            Ok(mode @ 0..=0o777) => Ok(Self(mode)),
            _ => Err(NotScaled { expected: FILE_MODE_EXPECTED }),
        }
    }
}

const FILE_MODE_EXPECTED: &str = "a mode such as \"0660\"";

impl<'de> Deserialize<'de> for FileMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Written { expected: FILE_MODE_EXPECTED, value: PhantomData })
    }
}

/// A time of day, written `08:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOfDay(pub NaiveTime);

const TIME_OF_DAY_EXPECTED: &str = "a time of day such as 08:30";

impl FromStr for TimeOfDay {
    type Err = NotScaled;

    fn from_str(text: &str) -> Result<Self, NotScaled> {
        let time = NaiveTime::parse_from_str(text, "%H:%M");
        time.map(Self).map_err(|_| NotScaled { expected: TIME_OF_DAY_EXPECTED })
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Written { expected: TIME_OF_DAY_EXPECTED, value: PhantomData })
    }
}

/// A time zone, written `Asia/Seoul`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeZone(pub Tz);

const TIME_ZONE_EXPECTED: &str = "a time zone such as Asia/Seoul";

impl Default for TimeZone {
    fn default() -> Self {
        Self(Tz::UTC)
    }
}

impl FromStr for TimeZone {
    type Err = NotScaled;

    fn from_str(text: &str) -> Result<Self, NotScaled> {
        text.parse().map(Self).map_err(|_| NotScaled { expected: TIME_ZONE_EXPECTED })
    }
}

impl<'de> Deserialize<'de> for TimeZone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Written { expected: TIME_ZONE_EXPECTED, value: PhantomData })
    }
}

/// Addresses with the same first bits, written `10.0.0.0/8`; a single address is written alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Whether an address is in it. An IPv4 address is the same when it is written as IPv6.
    pub fn contains(&self, address: IpAddr) -> bool {
        let differs = match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                u128::from(network.to_bits() ^ address.to_bits()) << 96
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => network.to_bits() ^ address.to_bits(),
            _ => return false,
        };
        differs.leading_zeros() >= self.bits
    }
}

const NETWORK_EXPECTED: &str = "a network such as 10.0.0.0/8 or fd00::/8";

impl FromStr for Network {
    type Err = NotScaled;

    fn from_str(text: &str) -> Result<Self, NotScaled> {
        const NOT: NotScaled = NotScaled { expected: NETWORK_EXPECTED };
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().map_err(|_| NOT)?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NOT)?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        match bits.unwrap_or(bits_max) {
            bits if bits <= bits_max => Ok(Self { address, bits }),
            _ => Err(NOT),
        }
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Written { expected: NETWORK_EXPECTED, value: PhantomData })
    }
}

/// Reads a value that is written as a text. What is wrong with it is said with the place where it stands.
struct Written<T> {
    expected: &'static str,
    value: PhantomData<T>,
}

impl<T: FromStr> de::Visitor<'_> for Written<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

/// A text is not written as it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write it as {expected}")]
pub struct NotScaled {
    expected: &'static str,
}

/// Reads `<number><unit>`; a bare number is of the unit that is written as nothing, where there is one.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (_, scale) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()))?;
    number.parse::<u64>().ok()?.checked_mul(*scale)
}

struct Scaled {
    units: &'static [(&'static str, u64)],
    expected: &'static str,
}

impl de::Visitor<'_> for Scaled {
    type Value = u64;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
        scaled(text, self.units).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
        scaled(&number.to_string(), self.units)
            .ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(number), &self))
    }
}

/// A text that nobody should read in a log. `${NAME}` in it is a variable of the environment.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = String::deserialize(deserializer)?;
        from_environment(&written).map(Self).map_err(de::Error::custom)
    }
}

/// Puts variables of the environment in the place of their names.
fn from_environment(written: &str) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = written;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').ok_or("`${` without `}`")?;
        #[expect(clippy::disallowed_methods, reason = "this module reads the environment")]
        let value = std::env::var(name).map_err(|_| format!("the environment has no variable {name}"))?;
        text = text + before + &value;
        rest = after;
    }
    Ok(text + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        let check = |network: &str, address: &str, expected: Option<bool>| {
            let contains =
                network.parse::<Network>().map(|network| network.contains(address.parse().unwrap()));
            assert_eq!(contains.ok(), expected, "{address} in {network}");
        };
        check("10.0.0.0/8", "10.255.0.1", Some(true));
        check("10.0.0.0/8", "11.0.0.1", Some(false));
        check("10.0.0.0/8", "::ffff:10.0.0.1", Some(true));
        check("10.0.0.0/8", "::1", Some(false));
        check("0.0.0.0/0", "11.0.0.1", Some(true));
        check("192.0.2.1", "192.0.2.1", Some(true));
        check("192.0.2.1", "192.0.2.2", Some(false));
        check("fd00::/8", "fd12::1", Some(true));
        check("fd00::/8", "fe12::1", Some(false));
        check("10.0.0.0/33", "10.0.0.1", None);
        check("10.0.0/8", "10.0.0.1", None);
        check("example.com", "10.0.0.1", None);
    }

    #[test]
    fn sizes_and_times() {
        let check =
            |text: &str, bytes| assert_eq!(text.parse::<ByteSize>().map(|size| size.0).ok(), bytes, "{text}");
        check("512", Some(512));
        check("64KiB", Some(65_536));
        check("8 gib", Some(8 << 30));
        check("1MB", Some(1_000_000));
        check("-1", None);
        check("1.5GiB", None);
        check("99999999TiB", None);
        let check = |text: &str, ms| {
            assert_eq!(text.parse::<Interval>().map(|time| time.0.as_millis()).ok(), ms, "{text}");
        };
        check("500ms", Some(500));
        check("2h", Some(7_200_000));
        check("10", None);
        check("", None);
    }
}
