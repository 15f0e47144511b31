//! What a view is, as its statement says it. It must not know SQL's grammar: texts of queries stay texts here.

use chrono::{NaiveDate, NaiveDateTime};

/// A view: one SQL file, or one CREATE statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// As written.
    pub database: String,
    /// As written.
    pub name: String,
    /// Names, and comments, of the columns, where the statement lists them; empty otherwise.
    pub columns: Vec<ColumnDefinition>,
    /// What people should know of it; empty when there is none.
    pub comment: String,
    /// None: a plain view, which is its query and nothing else.
    pub materialized: Option<Materialized>,
    /// The query, as written, without a `;` at its end.
    pub query: String,
}

/// One column of a view's list of columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDefinition {
    /// As written.
    pub name: String,
    /// Empty when there is none.
    pub comment: String,
}

/// What a materialized view is beside its query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Materialized {
    /// The column whose values are days, as written. None: the whole view is one unit of refresh.
    pub partition_by: Option<String>,
    /// When days are refreshed without being asked for.
    pub refresh: Refresh,
    /// The first day.
    pub start: Option<NaiveDate>,
    /// What is declared of inputs.
    pub depends_on: Vec<Dependency>,
    /// What a query gets of days that are not fresh.
    pub when_stale: WhenStale,
    /// Texts of conditions, without their parentheses: every row of a computed day must not be false under them
    /// (a condition with an aggregate: the day as a whole).
    pub checks: Vec<String>,
    /// When people are told that a day is not there yet.
    pub due: Option<Due>,
    /// Switched off: no days are refreshed on their own, and queries compute all that is not fresh.
    pub inactive: bool,
}

/// When days are refreshed without being asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Refresh {
    /// As soon as a source day is ready.
    #[default]
    OnChange,
    /// At fixed times.
    OnSchedule(Schedule),
    /// Only by REFRESH MATERIALIZED VIEW.
    Manual,
}

/// Fixed times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// EVERY n unit [STARTS time] [TIME ZONE zone].
    Every {
        /// At least 1.
        count: u32,
        /// What is counted.
        unit: Unit,
        /// Of the zone's wall clock.
        starts: Option<NaiveDateTime>,
        /// A name of the time-zone database; UTC when there is none.
        time_zone: Option<String>,
    },
    /// CRON 'five fields' [TIME ZONE zone].
    Cron {
        /// Minute, hour, day of the month, month, day of the week.
        expression: String,
        /// A name of the time-zone database; UTC when there is none.
        time_zone: Option<String>,
    },
}

/// DUE 'hours:minutes' [TIME ZONE zone]: when a day must be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// On the wall clock, counted from the midnight that ends the day: 06:00 is six in the morning of the next day, and
    /// 30:00 that of the day after it.
    pub minutes: u32,
    /// A name of the time-zone database; UTC when there is none.
    pub time_zone: Option<String>,
}

/// A unit of EVERY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// SECOND.
    Second,
    /// MINUTE.
    Minute,
    /// HOUR.
    Hour,
    /// DAY.
    Day,
    /// WEEK.
    Week,
    /// MONTH.
    Month,
}

/// What DEPENDS ON declares of one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// As written; the view's own database when there is none.
    pub database: Option<String>,
    /// A table or a view, as written.
    pub table: String,
    /// What is declared.
    pub kind: DependencyKind,
}

/// What DEPENDS ON declares of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DependencyKind {
    /// WINDOW n DAY PRECEDING [m DAY FOLLOWING]: a day reads these source days and no others.
    Window {
        /// Days before the day.
        preceding: u32,
        /// Days after the day.
        following: u32,
    },
    /// AS OF REFRESH: its changes alone make no published day stale.
    AsOfRefresh,
}

/// What a query gets of days that are not fresh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenStale {
    /// They are computed live, within the query.
    #[default]
    Inline,
    /// Their last published version; a day that has none is computed live.
    Serve,
    /// An error that names a day.
    Fail,
}

impl Definition {
    /// Database and name in lower case: what it is found by.
    pub fn key(&self) -> (String, String) {
        (self.database.to_lowercase(), self.name.to_lowercase())
    }
}
