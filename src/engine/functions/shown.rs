//! Digits that Arrow's types have no place for: of a second's fraction, after a DOUBLE's point, of an integer.
//!
//! `TIME(2)` is a column of milliseconds that shows two digits, `YEAR(d)` a BIGINT of four digits, so that
//! `FLOOR(YEAR(d) / 7)` is surely a BIGINT, and `ROUND(x, 2)` of a DOUBLE shows two digits. Fields carry them as
//! metadata. They only say how values are shown and how large they can be: without them a value is as right.

use arrow::datatypes::{DataType, Field, TimeUnit};

/// How many digits the values of a field have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digits {
    /// Of the fraction of seconds that a date and time or a time shows: 0 to 6.
    Fraction(u8),
    /// After the point of a DOUBLE, always as many.
    Decimals(u8),
    /// Of an integer, at most.
    Integer(u8),
}

impl Digits {
    /// Digits by their key and count, as [`Digits::key`] and [`Digits::count`] tell them.
    pub fn of(key: &str, count: u8) -> Option<Self> {
        [Self::Fraction(count), Self::Decimals(count), Self::Integer(count)]
            .into_iter()
            .find(|digits| digits.key() == key)
    }

    /// The metadata that tells them.
    pub fn key(self) -> &'static str {
        match self {
            Self::Fraction(_) => FRACTION,
            Self::Decimals(_) => DECIMALS,
            Self::Integer(_) => INTEGER,
        }
    }

    /// How many.
    pub fn count(self) -> u8 {
        match self {
            Self::Fraction(count) | Self::Decimals(count) | Self::Integer(count) => count,
        }
    }
}

/// The metadata of a column of names, which compare without case: those of the server's own tables.
pub const CASELESS: &str = "lakefront.caseless";

// A cast keeps the metadata of what it casts, so what they mean depends on the type as well as on the key.
const FRACTION: &str = "lakefront.fraction";
const DECIMALS: &str = "lakefront.decimals";
const INTEGER: &str = "lakefront.integer";

/// The field with its digits, where its type does not tell them.
pub fn with_digits(mut field: Field, digits: Option<Digits>) -> Field {
    let Some(digits) = digits.filter(|digits| tells(field.data_type(), *digits)) else { return field };
    field.metadata_mut().insert(digits.key().to_owned(), digits.count().to_string());
    field
}

/// Whether digits say something of a type that it does not say itself.
pub fn tells(data_type: &DataType, digits: Digits) -> bool {
    match digits {
        Digits::Fraction(count) => {
            matches!(unit(data_type), Some(of_type) if of_type == unit_of(count) && own(of_type) != count)
        }
        Digits::Decimals(count) => *data_type == DataType::Float64 && count < 31,
        Digits::Integer(count) => matches!(data_type, DataType::Int64 | DataType::UInt64) && count < 19,
    }
}

/// Digits of a second's fraction that a field shows; none when it is no time.
pub fn fraction(field: &Field) -> Option<u8> {
    let of_type = unit(field.data_type())?;
    // After a cast to another unit the old digits say nothing.
    Some(read(field, FRACTION).filter(|count| unit_of(*count) == of_type).unwrap_or(own(of_type)))
}

/// Whether a field tells other digits of a second's fraction than its type.
pub fn is_told(field: &Field) -> bool {
    fraction(field) != unit(field.data_type()).map(own)
}

/// The digits that a field tells and its type does not.
pub fn told(field: &Field) -> Option<Digits> {
    let fraction = fraction(field).filter(|_| is_told(field)).map(Digits::Fraction);
    let decimals = || decimals(field).map(Digits::Decimals);
    fraction.or_else(decimals).or_else(|| integer(field).map(Digits::Integer))
}

/// Digits after the point that a DOUBLE shows, where they are fixed.
pub fn decimals(field: &Field) -> Option<u8> {
    if *field.data_type() == DataType::Float64 { read(field, DECIMALS) } else { None }
}

/// Most digits of a BIGINT, where they are known.
pub fn integer(field: &Field) -> Option<u8> {
    if matches!(field.data_type(), DataType::Int64 | DataType::UInt64) { read(field, INTEGER) } else { None }
}

fn read(field: &Field, key: &str) -> Option<u8> {
    field.metadata().get(key)?.parse().ok()
}

fn unit(data_type: &DataType) -> Option<TimeUnit> {
    match data_type {
        DataType::Timestamp(unit, _)
        | DataType::Duration(unit)
        | DataType::Time32(unit)
        | DataType::Time64(unit) => Some(*unit),
        _ => None,
    }
}

/// The unit that holds so many digits after the seconds.
pub fn unit_of(digits: u8) -> TimeUnit {
    match digits {
        0 => TimeUnit::Second,
        1..=3 => TimeUnit::Millisecond,
        _ => TimeUnit::Microsecond,
    }
}

/// The digits of a second's fraction that a unit has; MySQL has at most six.
pub fn own(unit: TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond | TimeUnit::Nanosecond => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_follow_the_type() {
        let check = |data_type: DataType, digits: Digits, shown: Option<u8>| {
            let field = with_digits(Field::new("", data_type, true), Some(digits));
            let found = match digits {
                Digits::Fraction(_) => fraction(&field),
                Digits::Decimals(_) => decimals(&field),
                Digits::Integer(_) => integer(&field),
            };
            assert_eq!(found, shown, "{field:?}");
        };
        check(DataType::Duration(TimeUnit::Millisecond), Digits::Fraction(2), Some(2));
        check(DataType::Duration(TimeUnit::Second), Digits::Fraction(2), Some(0));
        check(DataType::Timestamp(TimeUnit::Microsecond, None), Digits::Fraction(4), Some(4));
        check(DataType::Timestamp(TimeUnit::Nanosecond, None), Digits::Fraction(4), Some(6));
        check(DataType::Date32, Digits::Fraction(0), None);
        check(DataType::Float64, Digits::Decimals(2), Some(2));
        check(DataType::Int64, Digits::Decimals(2), None);
        check(DataType::Int64, Digits::Integer(4), Some(4));
        check(DataType::Float64, Digits::Integer(4), None);
    }
}
