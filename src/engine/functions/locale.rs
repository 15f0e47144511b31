//! Locales: the names of months and days, and how numbers are written. They are those of MySQL, which are older than what
//! other lists have.
//!
//! Each line of `locales.tsv` is for locales that agree: their names; the point; what separates groups of digits; 3, or 32
//! for groups of two above the first three; and from January and from Monday on the months, their short names, the days and
//! theirs. It must not know what is written with them.

use std::collections::HashMap;
use std::sync::LazyLock;

/// How a language and country write dates and numbers.
#[derive(Debug)]
pub struct Locale {
    /// Its name, as `ko_KR`.
    pub name: &'static str,
    /// Before the fraction of a number.
    pub point: &'static str,
    /// Between groups of digits; empty where there are none.
    pub separator: &'static str,
    /// Whether digits are in groups of two above the first three.
    pub in_pairs: bool,
    months: Names,
    months_short: Names,
    days: Names,
    days_short: Names,
}

type Names = Vec<&'static str>;

/// All, by their names in lower case.
static LOCALES: LazyLock<HashMap<String, Locale>> =
    LazyLock::new(|| include_str!("locales.tsv").lines().flat_map(line).collect());

impl Locale {
    /// The locale of a name, which may be written in any case.
    pub fn of(name: &str) -> Option<&'static Self> {
        LOCALES.get(&name.to_ascii_lowercase())
    }

    /// That of the United States, which every session begins with.
    pub fn american() -> &'static Self {
        static AMERICAN: LazyLock<&Locale> = LazyLock::new(|| &LOCALES["en_us"]);
        *AMERICAN
    }

    /// The name of a month from 1; a date may have none.
    pub fn month(&self, month: u32) -> Option<&'static str> {
        self.months.get((month as usize).checked_sub(1)?).copied()
    }

    /// Its short name.
    pub fn month_short(&self, month: u32) -> Option<&'static str> {
        self.months_short.get((month as usize).checked_sub(1)?).copied()
    }

    /// The name of a day of the week, Monday being 0.
    pub fn day(&self, weekday: u32) -> Option<&'static str> {
        self.days.get(weekday as usize).copied()
    }

    /// Its short name.
    pub fn day_short(&self, weekday: u32) -> Option<&'static str> {
        self.days_short.get(weekday as usize).copied()
    }
}

fn line(line: &'static str) -> impl Iterator<Item = (String, Locale)> {
    let mut fields = line.split('\t');
    let mut field = || fields.next().unwrap_or_default();
    let [locales, point, separator, groups] = std::array::from_fn(|_| field());
    let names: [Names; 4] = std::array::from_fn(|_| field().split('|').collect());
    locales.split(' ').map(move |name| {
        let [months, months_short, days, days_short] = names.clone();
        let in_pairs = groups == "32";
        let locale = Locale { name, point, separator, in_pairs, months, months_short, days, days_short };
        (name.to_ascii_lowercase(), locale)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_whole() {
        assert_eq!(LOCALES.len(), 111);
        for locale in LOCALES.values() {
            let names = [&locale.months, &locale.months_short, &locale.days, &locale.days_short];
            assert_eq!(names.map(Vec::len), [12, 12, 7, 7], "{}", locale.name);
            assert!(names.into_iter().flatten().all(|name| !name.is_empty()), "{}", locale.name);
            assert_eq!(locale.point.chars().count(), 1, "{}", locale.name);
        }
        assert_eq!(Locale::american().month_short(12), Some("Dec"));
    }
}
