//! The rows of the sample lake: what players did on a day, who they are, and what they can buy.
//!
//! Each function makes one file's rows from nothing but its arguments.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;

use super::players::{Dice, FIRST_DAY, PLAYERS, Player, REGIONS, players_on, user_id};

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;

/// The day from which the client tells its version: halfway through the default sample.
const CLIENT_VERSION_SINCE: i64 = FIRST_DAY + 30;

/// One kind of log.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    /// The table's name.
    pub name: &'static str,
    /// Files of a day in a region.
    pub files_a_day: i64,
    /// Makes the rows of a file.
    pub rows: fn(Slice) -> RecordBatch,
}

/// All kinds of logs.
pub const LOGS: &[Log] = &[
    Log { name: "login", files_a_day: 3, rows: logins },
    Log { name: "battle", files_a_day: 3, rows: battles },
    Log { name: "purchase", files_a_day: 1, rows: purchases },
    Log { name: "achievement", files_a_day: 2, rows: achievements },
];

/// What one file covers: a part of a region's day.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// Days since 1970.
    pub day: i64,
    /// Index in [`REGIONS`].
    pub region: usize,
    /// From 0.
    pub part: i64,
}

impl Slice {
    fn dice(self, log: &str) -> Dice {
        Dice::of(log, &[self.day, i64::try_from(self.region).unwrap_or(0), self.part])
    }

    /// How many rows this file has when the day has about `a_day` in so many files: more at weekends,
    /// more in the evening, never quite the same.
    fn count(self, dice: &mut Dice, a_day: i64, files: i64) -> i64 {
        let weekday = (self.day + 3) % 7;
        let percent = if weekday >= 5 { 125 } else { 95 } + dice.below(11) - 5;
        // With three files the shares are 20, 33 and 47 percent.
        let share = (3 + 2 * self.part) * 100 / (files * (files + 2));
        (a_day * percent * share / 10_000).max(1)
    }

    /// Rising times within this file's part of the day.
    fn times(self, dice: &mut Dice, count: i64, files: i64) -> Vec<i64> {
        let length = DAY_US / files;
        let start = self.day * DAY_US + self.part * length;
        let step = length / count;
        (0..count).map(|row| start + row * step + dice.below(step) / 1_000 * 1_000).collect()
    }

    /// The number of somebody who plays on this day; some play much more than others.
    fn player(self, dice: &mut Dice) -> i64 {
        let players = players_on(self.day);
        if dice.percent(40) { dice.low_below(players / 4) } else { dice.below(players) }
    }

    /// An id that no other row of this kind of log has.
    fn row_id(self, row: i64) -> i64 {
        let region = i64::try_from(self.region).unwrap_or(0);
        ((self.day * 10 + region) * 10 + self.part) * 100_000 + row
    }
}

fn logins(slice: Slice) -> RecordBatch {
    let mut dice = slice.dice("login");
    let count = slice.count(&mut dice, 6_000, 3);
    let times = slice.times(&mut dice, count, 3);
    let players: Vec<Player> =
        times.iter().map(|_| Player::of(slice.region, slice.player(&mut dice))).collect();
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("at", timestamps(times)),
        ("user_id", integers(players.iter().map(|player| player.user_id))),
        ("platform", strings(players.iter().map(|player| Some(player.platform)))),
        ("country", strings(players.iter().map(|player| Some(player.country)))),
        (
            "level",
            small(players.iter().map(|player| 1 + (slice.day - player.joined_day) / 12 + dice.below(5))),
        ),
        ("session_seconds", small(players.iter().map(|_| 30 + dice.low_below(7_200)))),
    ];
    if slice.day >= CLIENT_VERSION_SINCE {
        let versions = ["2.4.1", "2.4.0", "2.3.7"];
        columns.push(("client_version", strings(players.iter().map(|_| Some(dice.pick(&versions))))));
    }
    batch(columns)
}

fn battles(slice: Slice) -> RecordBatch {
    let mut dice = slice.dice("battle");
    let count = slice.count(&mut dice, 5_000, 3);
    let times = slice.times(&mut dice, count, 3);
    let mut modes = StringBuilder::new();
    let mut results = StringBuilder::new();
    let mut loadouts = Loadouts::new();
    for _ in 0..count {
        let mode = dice.pick(&["duel", "team", "raid", "training"]);
        modes.append_value(mode);
        results.append_value(if dice.percent(3) { "draw" } else { dice.pick(&["win", "loss"]) });
        // In training everybody fights with what the trainer gives.
        loadouts.append(&mut dice, mode != "training");
    }
    batch(vec![
        ("at", timestamps(times)),
        ("battle_id", integers((0..count).map(|row| slice.row_id(row)))),
        ("user_id", integers((0..count).map(|_| user_id(slice.region, slice.player(&mut dice))))),
        ("mode", Arc::new(modes.finish())),
        ("result", Arc::new(results.finish())),
        ("duration_seconds", small((0..count).map(|_| 20 + dice.low_below(900)))),
        ("score", integers((0..count).map(|_| dice.low_below(100_000)))),
        ("loadout", Arc::new(loadouts.finish())),
    ])
}

fn purchases(slice: Slice) -> RecordBatch {
    let mut dice = slice.dice("purchase");
    let count = slice.count(&mut dice, 500, 1);
    let times = slice.times(&mut dice, count, 1);
    let region = &REGIONS[slice.region];
    // One player in eight pays.
    let buyers: Vec<i64> =
        (0..count).map(|_| user_id(slice.region, dice.low_below(players_on(slice.day) / 8) * 8)).collect();
    let items: Vec<i64> = (0..count).map(|_| dice.low_below(ITEMS)).collect();
    let quantities: Vec<i64> =
        (0..count).map(|_| if dice.percent(85) { 1 } else { 2 + dice.below(9) }).collect();
    let amounts = items.iter().zip(&quantities).map(|(item, quantity)| {
        let cents = price_cents(*item) * quantity * region.cents_per_dollar / 100;
        i128::from(cents)
    });
    batch(vec![
        ("at", timestamps(times)),
        ("order_id", integers((0..count).map(|row| slice.row_id(row)))),
        ("user_id", integers(buyers.into_iter())),
        ("item_id", integers(items.iter().map(|item| item + 1))),
        ("quantity", small(quantities.iter().copied())),
        ("amount", decimals(amounts)),
        ("currency", strings((0..count).map(|_| Some(region.currency)))),
        ("store", strings((0..count).map(|_| Some(dice.pick(&["google", "apple", "web"]))))),
        (
            "coupon",
            strings(
                (0..count).map(|_| dice.percent(10).then(|| dice.pick(&["AUTUMN", "FRIEND", "COMEBACK"]))),
            ),
        ),
    ])
}

fn achievements(slice: Slice) -> RecordBatch {
    let mut dice = slice.dice("achievement");
    let count = slice.count(&mut dice, 1_500, 2);
    let times = slice.times(&mut dice, count, 2);
    let names =
        ["First Blood", "Ten in a Row", "Explorer", "Collector", "Guild Founder", "Untouched", "Night Owl"];
    batch(vec![
        ("at", timestamps(times)),
        ("user_id", integers((0..count).map(|_| user_id(slice.region, slice.player(&mut dice))))),
        ("achievement", strings((0..count).map(|_| Some(dice.pick(&names))))),
        ("points", small((0..count).map(|_| 5 * (1 + dice.low_below(20))))),
    ])
}

/// All players of a region.
pub fn users(region: usize) -> RecordBatch {
    let players: Vec<Player> = (0..PLAYERS).map(|number| Player::of(region, number)).collect();
    let joined = players.iter().map(|player| {
        player.joined_day * DAY_US + Dice::of("joined", &[player.user_id]).below(86_400) * 1_000_000
    });
    batch(vec![
        ("user_id", integers(players.iter().map(|player| player.user_id))),
        ("name", strings(players.iter().map(|player| Some(player.name.as_str())))),
        ("region", strings(players.iter().map(|_| Some(REGIONS[region].name)))),
        ("country", strings(players.iter().map(|player| Some(player.country)))),
        ("joined_at", timestamps(joined.collect())),
        ("birth_year", Arc::new(Int32Array::from_iter(players.iter().map(|player| player.birth_year)))),
        ("guild", strings(players.iter().map(|player| player.guild))),
    ])
}

/// How many things can be bought.
const ITEMS: i64 = 120;

/// What can be bought.
pub fn items() -> RecordBatch {
    let kinds = ["skin", "weapon", "boost", "pet", "chest"];
    let rarities = ["common", "rare", "epic", "legendary"];
    let mut dice = Dice::of("items", &[]);
    let materials = ["Copper", "Jade", "Storm", "Ember", "Shadow", "Crystal"];
    batch(vec![
        ("item_id", integers(1..=ITEMS)),
        (
            "name",
            Arc::new(StringArray::from_iter_values(
                (0..ITEMS)
                    .map(|item| format!("{} {} {}", dice.pick(&materials), kind_of(&kinds, item), item + 1)),
            )),
        ),
        ("kind", strings((0..ITEMS).map(|item| Some(kind_of(&kinds, item))))),
        ("rarity", strings((0..ITEMS).map(|_| Some(dice.pick(&rarities))))),
        ("price", decimals((0..ITEMS).map(|item| i128::from(price_cents(item))))),
        (
            "released",
            Arc::new(Date32Array::from_iter_values(
                (0..ITEMS)
                    .map(|_| i32::try_from(FIRST_DAY - dice.below(700)).expect("a day of this century fits")),
            )),
        ),
    ])
}

fn kind_of<'a>(kinds: &[&'a str], item: i64) -> &'a str {
    kinds[usize::try_from(item).unwrap_or(0) % kinds.len()]
}

/// The price of an item in hundredths of a US dollar.
fn price_cents(item: i64) -> i64 {
    99 + Dice::of("price", &[item]).low_below(50) * 100
}

/// Builds the nested column `loadout`: a struct of a hero, a list of weapons with levels, and a list of boosts.
struct Loadouts {
    heroes: StringBuilder,
    weapons: ListBuilder<StructBuilder>,
    boosts: ListBuilder<StringBuilder>,
    valid: Vec<bool>,
}

impl Loadouts {
    fn new() -> Self {
        let weapon = StructBuilder::from_fields(
            vec![Field::new("name", DataType::Utf8, true), Field::new("level", DataType::Int32, true)],
            0,
        );
        Self {
            heroes: StringBuilder::new(),
            weapons: ListBuilder::new(weapon),
            boosts: ListBuilder::new(StringBuilder::new()),
            valid: Vec::new(),
        }
    }

    fn append(&mut self, dice: &mut Dice, valid: bool) {
        self.valid.push(valid);
        self.heroes
            .append_option(valid.then(|| dice.pick(&["Ayla", "Bruno", "Chiyo", "Dmitri", "Esra", "Finn"])));
        for _ in 0..if valid { 1 + dice.below(3) } else { 0 } {
            let weapon = self.weapons.values();
            weapon
                .field_builder::<StringBuilder>(0)
                .expect("the first field is a string")
                .append_value(dice.pick(&["bow", "axe", "staff", "spear", "dagger"]));
            weapon
                .field_builder::<Int32Builder>(1)
                .expect("the second field is an integer")
                .append_value(1 + i32::try_from(dice.low_below(30)).unwrap_or(0));
            weapon.append(true);
        }
        self.weapons.append(valid);
        if valid && dice.percent(40) {
            self.boosts.values().append_value(dice.pick(&["speed", "shield", "luck"]));
        }
        self.boosts.append(valid);
    }

    fn finish(mut self) -> StructArray {
        let columns: [(&str, ArrayRef); 3] = [
            ("hero", Arc::new(self.heroes.finish())),
            ("weapons", Arc::new(self.weapons.finish())),
            ("boosts", Arc::new(self.boosts.finish())),
        ];
        let fields: Fields =
            columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
        StructArray::new(fields, columns.map(|(_, array)| array).to_vec(), Some(self.valid.into()))
    }
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns
        .into_iter()
        .map(|(name, array)| (Field::new(name, array.data_type().clone(), true), array))
        .unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .expect("the columns of a file have equal lengths")
}

fn timestamps(micros: Vec<i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(micros))
}

fn integers(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

fn small(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(
        values.map(|value| i32::try_from(value).expect("these numbers are small")),
    ))
}

fn strings<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(StringArray::from_iter(values))
}

/// Amounts of money, from hundredths.
fn decimals(cents: impl Iterator<Item = i128>) -> ArrayRef {
    let array = Decimal128Array::from_iter_values(cents).with_precision_and_scale(12, 2);
    Arc::new(array.expect("these amounts have less than twelve digits"))
}
