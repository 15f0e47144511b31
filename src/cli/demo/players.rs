//! The people of the sample lake, and the dice that everything in it is thrown with.
//!
//! A player is a pure function of its number, so no file needs another one to be made first.

/// A generator of numbers that gives the same sequence everywhere and for ever (SplitMix64).
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice for one purpose: the same words and numbers give the same throws.
    pub fn of(purpose: &str, numbers: &[i64]) -> Self {
        let mut dice = Self(0x1AEF_0000);
        for byte in purpose.bytes() {
            dice.mix(u64::from(byte));
        }
        for number in numbers {
            dice.mix(number.cast_unsigned());
        }
        dice
    }

    fn mix(&mut self, value: u64) {
        self.0 ^= value;
        self.0 = self.next();
    }

    /// Any number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 up to, not including, `limit`, which is above 0.
    pub fn below(&mut self, limit: i64) -> i64 {
        (self.next() % limit.cast_unsigned()).cast_signed()
    }

    /// A number from 0 up to, not including, `limit`; small ones come more often.
    pub fn low_below(&mut self, limit: i64) -> i64 {
        let first = self.below(limit);
        let second = self.below(limit);
        first.min(second)
    }

    /// True so many times of a hundred.
    pub fn percent(&mut self, chance: i64) -> bool {
        self.below(100) < chance
    }

    /// One of the items; the first ones come more often.
    pub fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        let count = i64::try_from(items.len()).expect("a list in this file is short");
        let index = self.low_below(count);
        items[usize::try_from(index).expect("an index is not negative")]
    }
}

/// Where players are: name, countries, currency.
#[derive(Debug)]
pub struct Region {
    /// Its name, as the folders have it.
    pub name: &'static str,
    /// The countries of its players.
    pub countries: &'static [&'static str],
    /// What its players pay with.
    pub currency: &'static str,
    /// Hundredths of that currency for one US dollar.
    pub cents_per_dollar: i64,
}

/// All regions.
pub const REGIONS: &[Region] = &[
    Region { name: "eu", countries: &["DE", "FR", "GB", "PL"], currency: "EUR", cents_per_dollar: 92 },
    Region { name: "jp", countries: &["JP"], currency: "JPY", cents_per_dollar: 15_000 },
    Region { name: "kr", countries: &["KR"], currency: "KRW", cents_per_dollar: 138_000 },
    Region { name: "us", countries: &["US", "CA", "MX"], currency: "USD", cents_per_dollar: 100 },
];

/// Players of each region at the end of the sample.
pub const PLAYERS: i64 = 15_000;
/// Players of each region who were there before the first day.
const OLD_PLAYERS: i64 = 9_000;
/// Players who join a region every day after that.
const NEW_PLAYERS_A_DAY: i64 = 100;

/// 2026-09-02, in days since 1970: the first of the 60 days that a sample lake has by default.
pub const FIRST_DAY: i64 = 20_698;
/// 2026-10-31: the last day of every sample lake.
pub const LAST_DAY: i64 = FIRST_DAY + 59;

/// How many days a sample lake may begin before [`FIRST_DAY`]; the old players joined before that.
pub const DAYS_BEFORE_MAX: i64 = 305;

/// How many players a region has on a day; their numbers are below this.
pub fn players_on(day: i64) -> i64 {
    (OLD_PLAYERS + (day - FIRST_DAY + 1).max(0) * NEW_PLAYERS_A_DAY).min(PLAYERS)
}

/// One player.
#[derive(Debug)]
pub struct Player {
    /// Different in all regions.
    pub user_id: i64,
    /// What others see.
    pub name: String,
    /// Code of two letters.
    pub country: &'static str,
    /// `android`, `ios` or `pc`.
    pub platform: &'static str,
    /// Since when, in days since 1970.
    pub joined_day: i64,
    /// Not everybody tells.
    pub birth_year: Option<i32>,
    /// Not everybody is in one.
    pub guild: Option<&'static str>,
}

impl Player {
    /// The player of a region with this number, from 0.
    pub fn of(region: usize, number: i64) -> Self {
        let user_id = user_id(region, number);
        let mut dice = Dice::of("player", &[user_id]);
        Self {
            user_id,
            name: format!("{}{}{}", dice.pick(ADJECTIVES), dice.pick(ANIMALS), user_id % 1_000),
            country: dice.pick(REGIONS[region].countries),
            platform: dice.pick(&["android", "ios", "pc"]),
            joined_day: match number - OLD_PLAYERS {
                late @ 0.. => FIRST_DAY + late / NEW_PLAYERS_A_DAY,
                _ => FIRST_DAY - DAYS_BEFORE_MAX - dice.below(400),
            },
            birth_year: (!dice.percent(30)).then(|| 2008 - i32::try_from(dice.low_below(50)).unwrap_or(0)),
            guild: (!dice.percent(60)).then(|| dice.pick(GUILDS)),
        }
    }
}

/// The id of a region's player.
pub fn user_id(region: usize, number: i64) -> i64 {
    (i64::try_from(region).expect("there are few regions") + 1) * 1_000_000 + number + 1
}

const ADJECTIVES: &[&str] =
    &["Swift", "Silent", "Golden", "Mighty", "Lucky", "Frozen", "Brave", "Clever", "Iron", "Wild"];
const ANIMALS: &[&str] =
    &["Otter", "Falcon", "Wolf", "Heron", "Tiger", "Badger", "Pike", "Raven", "Lynx", "Bear"];
const GUILDS: &[&str] =
    &["Lake Guard", "Night Shift", "The Reeds", "Iron Oars", "Moonrise", "Deep Water", "Old Pier", "Sandbar"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_are_what_they_are_called() {
        let name = |day| chrono::NaiveDate::default() + chrono::TimeDelta::days(day);
        assert_eq!(name(FIRST_DAY).to_string(), "2026-09-02");
        assert_eq!(name(LAST_DAY).to_string(), "2026-10-31");
    }

    #[test]
    fn nobody_plays_before_joining() {
        for number in [0, OLD_PLAYERS - 1, OLD_PLAYERS, OLD_PLAYERS + 199, PLAYERS - 1] {
            let joined = Player::of(1, number).joined_day;
            assert!(number < players_on(joined), "player {number} joined on {joined}");
            assert!(joined <= FIRST_DAY - DAYS_BEFORE_MAX || number >= players_on(joined - 1));
        }
    }
}
