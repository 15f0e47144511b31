//! A view's definition as the statement that makes it: one way to write it, a clause a line.
//!
//! What is written here is read again by the grammar, and means the same. It must not know where texts are kept.

use std::fmt::{self, Display, Formatter, Write};

use crate::engine::metadata::create_table::{literal, quoted};
use crate::views::definition::{
    Definition, Dependency, DependencyKind, Due, Materialized, Refresh, Schedule, Unit, WhenStale,
};

/// The CREATE statement of a view, without a `;`.
pub fn create(view: &Definition) -> String {
    Create(view).to_string()
}

/// The CREATE statement, as it is written.
struct Create<'a>(&'a Definition);

impl Display for Create<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Definition { database, name, columns, comment, materialized, query } = self.0;
        let kind = if materialized.is_some() { "MATERIALIZED VIEW" } else { "VIEW" };
        write!(out, "CREATE {kind} {}.{}", quoted(database), quoted(name))?;
        for (index, column) in columns.iter().enumerate() {
            write!(out, "{}  {}", if index == 0 { " (\n" } else { ",\n" }, quoted(&column.name))?;
            comment_of(out, " ", &column.comment)?;
        }
        if !columns.is_empty() {
            out.write_str("\n)")?;
        }
        comment_of(out, "\n  ", comment)?;
        if let Some(materialized) = materialized {
            clauses(out, materialized)?;
        }
        write!(out, "\nAS {query}")
    }
}

fn comment_of(out: &mut Formatter<'_>, before: &str, comment: &str) -> fmt::Result {
    match comment {
        "" => Ok(()),
        comment => write!(out, "{before}COMMENT {}", literal(comment)),
    }
}

fn clauses(out: &mut Formatter<'_>, view: &Materialized) -> fmt::Result {
    let Materialized { partition_by, refresh, start, depends_on, when_stale, checks, due, inactive } = view;
    if let Some(column) = partition_by {
        write!(out, "\n  PARTITION BY {}", quoted(column))?;
    }
    write!(out, "\n  REFRESH {}", refresh_text(refresh))?;
    if let Some(day) = start {
        write!(out, "\n  START DATE '{day}'")?;
    }
    for (index, dependency) in depends_on.iter().enumerate() {
        out.write_str(if index == 0 { "\n  DEPENDS ON (" } else { ", " })?;
        depends(out, dependency)?;
    }
    if !depends_on.is_empty() {
        out.write_char(')')?;
    }
    let when_stale = match when_stale {
        WhenStale::Inline => "INLINE",
        WhenStale::Serve => "SERVE",
        WhenStale::Fail => "FAIL",
    };
    write!(out, "\n  WHEN STALE {when_stale}")?;
    for check in checks {
        write!(out, "\n  CHECK ({check})")?;
    }
    if let Some(Due { minutes, time_zone }) = due {
        write!(out, "\n  DUE '{:02}:{:02}'{}", minutes / 60, minutes % 60, zone_text(time_zone))?;
    }
    if *inactive {
        out.write_str("\n  INACTIVE")?;
    }
    Ok(())
}

/// What stands after REFRESH.
pub fn refresh_text(refresh: &Refresh) -> String {
    match refresh {
        Refresh::OnChange => "ON CHANGE".to_owned(),
        Refresh::Manual => "MANUAL".to_owned(),
        Refresh::OnSchedule(Schedule::Every { count, unit, starts, time_zone }) => {
            let starts = match starts {
                Some(starts) => format!(" STARTS '{}'", starts.format("%Y-%m-%d %H:%M:%S")),
                None => String::new(),
            };
            format!("ON SCHEDULE EVERY {count} {}{starts}{}", unit_text(*unit), zone_text(time_zone))
        }
        Refresh::OnSchedule(Schedule::Cron { expression, time_zone }) => {
            format!("ON SCHEDULE CRON {}{}", literal(expression), zone_text(time_zone))
        }
    }
}

fn zone_text(zone: &Option<String>) -> String {
    match zone {
        Some(zone) => format!(" TIME ZONE {}", literal(zone)),
        None => String::new(),
    }
}

fn unit_text(unit: Unit) -> &'static str {
    match unit {
        Unit::Second => "SECOND",
        Unit::Minute => "MINUTE",
        Unit::Hour => "HOUR",
        Unit::Day => "DAY",
        Unit::Week => "WEEK",
        Unit::Month => "MONTH",
    }
}

fn depends(out: &mut Formatter<'_>, dependency: &Dependency) -> fmt::Result {
    let Dependency { database, table, kind } = dependency;
    if let Some(database) = database {
        write!(out, "{}.", quoted(database))?;
    }
    out.write_str(&quoted(table))?;
    match kind {
        DependencyKind::AsOfRefresh => out.write_str(" AS OF REFRESH"),
        DependencyKind::Window { preceding, following: 0 } => {
            write!(out, " WINDOW {preceding} DAY PRECEDING")
        }
        DependencyKind::Window { preceding, following } => {
            write!(out, " WINDOW {preceding} DAY PRECEDING {following} DAY FOLLOWING")
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::dialect;
    use crate::views::definition::ColumnDefinition;

    fn read(text: &str) -> Definition {
        let view = dialect::parse_view(text).unwrap_or_else(|misread| panic!("{text}: {}", misread.error));
        let database = view.name.database.clone().unwrap_or_else(|| "mart".into());
        let name = view.name.table.clone();
        view.body.named(&database, &name)
    }

    #[test]
    fn statements_and_how_they_are_written() {
        let materialized = |clauses: &str, expected: &str| {
            check(
                &format!("create materialized view v {clauses} as select 1 as day"),
                &format!("CREATE MATERIALIZED VIEW `mart`.`v`{expected}\nAS select 1 as day"),
            );
        };
        check("CREATE VIEW v AS SELECT 1", "CREATE VIEW `mart`.`v`\nAS SELECT 1");
        check(
            "-- what it is\ncreate or replace algorithm = merge definer = `root`@`%` sql security invoker\n\
             view `a b`.`v` (x comment 'it''s', `y z`) comment \"said \\\"no\\\"\"\nas\n select 1, -- one\n 2 /* two */;\n",
            "CREATE VIEW `a b`.`v` (\n  `x` COMMENT 'it''s',\n  `y z`\n)\n  COMMENT 'said \"no\"'\nAS select 1, -- one\n 2",
        );
        check(
            "CREATE VIEW v AS (SELECT 1) UNION SELECT 2 WITH CASCADED CHECK OPTION",
            "CREATE VIEW `mart`.`v`\nAS (SELECT 1) UNION SELECT 2",
        );
        check("/*!50001 CREATE VIEW v AS SELECT 1 */;", "CREATE VIEW `mart`.`v`\nAS SELECT 1");
        materialized("", "\n  REFRESH ON CHANGE\n  WHEN STALE INLINE");
        materialized(
            "when stale serve partition by (day) check (n > 0) start date '2026-09-01' \
             depends on (log.login window 6 days preceding, game.items as of refresh, x window 1 day following) \
             check (sum(n) < 5 /* few */ ) inactive refresh manual comment 'c'",
            "\n  COMMENT 'c'\n  PARTITION BY `day`\n  REFRESH MANUAL\n  START DATE '2026-09-01'\n  \
             DEPENDS ON (`log`.`login` WINDOW 6 DAY PRECEDING, `game`.`items` AS OF REFRESH, \
             `x` WINDOW 0 DAY PRECEDING 1 DAY FOLLOWING)\n  WHEN STALE SERVE\n  CHECK (n > 0)\n  \
             CHECK (sum(n) < 5)\n  INACTIVE",
        );
        let refresh = |clause: &str, expected: &str| {
            materialized(clause, &format!("\n  REFRESH {expected}\n  WHEN STALE INLINE"));
        };
        refresh("REFRESH ON CHANGE", "ON CHANGE");
        refresh(
            "REFRESH ON SCHEDULE EVERY 2 HOURS STARTS '2026-01-01' TIME ZONE 'Asia/Seoul'",
            "ON SCHEDULE EVERY 2 HOUR STARTS '2026-01-01 00:00:00' TIME ZONE 'Asia/Seoul'",
        );
        refresh(
            "REFRESH ON SCHEDULE CRON '0 5 * * 1-5' AT TIME ZONE 'Europe/Berlin'",
            "ON SCHEDULE CRON '0 5 * * 1-5' TIME ZONE 'Europe/Berlin'",
        );
        materialized(
            "due '6:05' at time zone 'Asia/Seoul' refresh manual",
            "\n  REFRESH MANUAL\n  WHEN STALE INLINE\n  DUE '06:05' TIME ZONE 'Asia/Seoul'",
        );
        // StarRocks.
        refresh(
            "DISTRIBUTED BY HASH(`a`) BUCKETS 3 REFRESH IMMEDIATE ASYNC START('2026-09-01 05:00:00') \
             EVERY(INTERVAL 1 DAY) PROPERTIES (\"replication_num\" = \"1\")",
            "ON SCHEDULE EVERY 1 DAY STARTS '2026-09-01 05:00:00'",
        );
        refresh("REFRESH DEFERRED SCHEDULE EVERY (INTERVAL 3 MONTH)", "ON SCHEDULE EVERY 3 MONTH");
        refresh("REFRESH ASYNC", "ON CHANGE");
        refresh("REFRESH DEFERRED MANUAL", "MANUAL");
        // Doris.
        refresh("BUILD IMMEDIATE REFRESH AUTO ON COMMIT", "ON CHANGE");
        refresh(
            "BUILD DEFERRED REFRESH COMPLETE ON SCHEDULE EVERY 1 WEEK STARTS '2026-09-01 05:00'",
            "ON SCHEDULE EVERY 1 WEEK STARTS '2026-09-01 05:00:00'",
        );
        refresh("REFRESH AUTO", "MANUAL");
        // ClickHouse.
        refresh("REFRESH EVERY 15 MINUTES", "ON SCHEDULE EVERY 15 MINUTE");

        /// What a statement is written as, and that this is read as the same.
        fn check(statement: &str, expected: &str) {
            let view = read(statement);
            let text = create(&view);
            assert_eq!(text, expected, "{statement}");
            assert_eq!(read(&text), view, "{statement}");
        }
    }

    #[test]
    fn mistakes_and_their_places() {
        let check = |text: &str, line: usize, expected: &str| {
            let misread = dialect::parse_view(text).unwrap_err();
            let message = misread.error.to_string();
            assert_eq!(misread.line, line, "{text}: {message}");
            assert!(message.contains(expected), "{text}: {message}");
        };
        check("SELECT 1", 1, "holds one CREATE VIEW");
        check("CREATE VIEW v\nAS SELEC 1", 2, "near 'SELEC 1' at line 2");
        check("CREATE VIEW v\nPARTITION BY day AS SELECT 1", 2, "near 'PARTITION BY day");
        check("CREATE VIEW v (a, b, A) AS SELECT 1", 1, "Duplicate column name 'A'");
        check("CREATE VIEW v AS SELECT 1; SELECT 2", 1, "near 'SELECT 2'");
        check("CREATE VIEW v\nAS\nSELECT @x", 3, "contains a variable or parameter");
        check("CREATE VIEW v AS SELECT ?", 1, "contains a variable or parameter");
        let materialized = |clauses: &str, expected: &str| {
            check(&format!("CREATE MATERIALIZED VIEW v\n{clauses}\nAS SELECT 1"), 2, expected);
        };
        materialized("REFRESH MANUAL REFRESH MANUAL", "REFRESH is given twice");
        check("CREATE MATERIALIZED VIEW v\nREFRESH\nAS SELECT 1", 3, "near 'AS SELECT 1'");
        materialized("REFRESH EVERY 0 DAY", "EVERY 0");
        materialized("REFRESH EVERY 1 FORTNIGHT", "near 'FORTNIGHT");
        materialized("REFRESH ON SCHEDULE CRON '61 * * * *'", "CRON '61 * * * *': ");
        materialized("REFRESH ON SCHEDULE EVERY 1 DAY TIME ZONE 'Mars'", "time zone: 'Mars'");
        materialized("REFRESH ON SCHEDULE EVERY 1 DAY STARTS 'soon'", "DATETIME value: 'soon'");
        materialized("REFRESH INCREMENTAL", "REFRESH ON CHANGE is meant");
        materialized("DUE '06:60'", "TIME value: '06:60'");
        materialized("DUE '999:00'", "TIME value: '999:00'");
        materialized("START DATE '2026-02-30'", "DATE value: '2026-02-30'");
        materialized("PARTITION BY date_trunc('day', at)", "compute it in the select list");
        materialized("PARTITION BY (a, b)", "compute it in the select list");
        materialized("DEPENDS ON (log.login)", "near ')");
        materialized("DEPENDS ON (t WINDOW 9999999999 DAY PRECEDING)", "at most");
        materialized("DEPENDS ON (t WINDOW 1 DAY PRECEDING 2 DAY PRECEDING)", "twice");
        materialized("WHEN STALE MAYBE", "near 'MAYBE");
        materialized("CHECK players > 0", "near 'players");
        materialized("CHECK (players >)", "near ')");
    }

    fn any_text() -> impl Strategy<Value = String> {
        proptest::string::string_regex("[ -~éß한\\n\\t]{0,12}").unwrap()
    }

    fn any_name() -> impl Strategy<Value = String> {
        proptest::string::string_regex("[A-Za-z`\" .é-]{1,8}").unwrap()
    }

    fn any_refresh() -> impl Strategy<Value = Refresh> {
        let units = prop::sample::select(vec![
            Unit::Second,
            Unit::Minute,
            Unit::Hour,
            Unit::Day,
            Unit::Week,
            Unit::Month,
        ]);
        let zones = prop::sample::select(vec![None, Some("UTC".to_owned()), Some("Asia/Seoul".to_owned())]);
        let starts = prop::option::of(0i64..4_000_000_000);
        let every = (1u32.., units, starts, zones.clone()).prop_map(|(count, unit, starts, time_zone)| {
            let starts = starts.and_then(|seconds| chrono::DateTime::from_timestamp(seconds, 0));
            let starts = starts.map(|time| time.naive_utc());
            Refresh::OnSchedule(Schedule::Every { count, unit, starts, time_zone })
        });
        let cron = zones.prop_map(|time_zone| {
            Refresh::OnSchedule(Schedule::Cron { expression: "*/5 1-3 * * MON".into(), time_zone })
        });
        prop_oneof![Just(Refresh::OnChange), Just(Refresh::Manual), every, cron]
    }

    fn any_materialized() -> impl Strategy<Value = Materialized> {
        let kind = prop_oneof![
            Just(DependencyKind::AsOfRefresh),
            (0u32..400, 0u32..400)
                .prop_map(|(preceding, following)| DependencyKind::Window { preceding, following }),
        ];
        let dependency = (prop::option::of(any_name()), any_name(), kind)
            .prop_map(|(database, table, kind)| Dependency { database, table, kind });
        let day = (0i32..40_000).prop_map(|day| chrono::NaiveDate::from_epoch_days(day).unwrap());
        let when_stale = prop::sample::select(vec![WhenStale::Inline, WhenStale::Serve, WhenStale::Fail]);
        let check = prop::sample::select(vec!["n > 0", "sum(n) < 5 AND 'a)' <> b", "a IN (1, (2))"]);
        let zone = prop::sample::select(vec![None, Some("Europe/Berlin".to_owned())]);
        let due = (0u32..168 * 60, zone).prop_map(|(minutes, time_zone)| Due { minutes, time_zone });
        (
            prop::option::of(any_name()),
            any_refresh(),
            prop::option::of(day),
            prop::collection::vec(dependency, 0..3),
            when_stale,
            prop::collection::vec(check.prop_map(String::from), 0..3),
            prop::option::of(due),
            any::<bool>(),
        )
            .prop_map(
                |(partition_by, refresh, start, depends_on, when_stale, checks, due, inactive)| {
                    Materialized {
                        partition_by,
                        refresh,
                        start,
                        depends_on,
                        when_stale,
                        checks,
                        due,
                        inactive,
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(
            database in any_name(),
            name in any_name(),
            columns in prop::collection::btree_map("[a-z`' ]{1,5}", any_text(), 0..4),
            comment in any_text(),
            materialized in prop::option::of(any_materialized()),
            query in prop::sample::select(vec![
                "SELECT 1 AS `day`",
                "SELECT day, 'it''s; \\' -- no', COUNT(*) FROM log.login -- all\nGROUP BY day",
                "WITH a AS (SELECT 1) SELECT * FROM a",
            ]),
        ) {
            let columns = columns.into_iter().map(|(name, comment)| ColumnDefinition { name, comment }).collect();
            let view = Definition { database, name, columns, comment, materialized, query: query.into() };
            prop_assert_eq!(read(&create(&view)), view);
        }
    }
}
