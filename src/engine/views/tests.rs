//! Which days a view reads, and what its answers are made of; over csv files, without a server.

use arrow::util::pretty::pretty_format_batches;
use futures::StreamExt;

use super::*;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::config::Config;
use crate::engine::answer::Answer;
use crate::engine::session::{Engine, Login, Session};
use crate::engine::views::parse::Parser;
use crate::views::days::Days;
use crate::views::definition::{Dependency, WhenStale};
use crate::views::published::Warehouse;
use crate::views::{Snapshot, Views};

/// `log.login`: ten days of three players; `log.purchase`: five days; `game.users`: without days.
struct Lake {
    _directory: tempfile::TempDir,
    engine: Arc<Engine>,
}

impl Lake {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = |path: String, text: &str| {
            let path = directory.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let partitioned = "format: csv\npartition_by: { day: date }\ncolumns: { user_id: bigint, n: int }\n";
        file("catalog/log/login.yaml".into(), &format!("location: login\n{partitioned}"));
        file("catalog/log/purchase.yaml".into(), &format!("location: purchase\n{partitioned}"));
        file(
            "catalog/game/users.yaml".into(),
            "location: users\nformat: csv\ncolumns: { id: bigint, name: varchar(9), since: date }\n",
        );
        for day in 1..=10 {
            file(format!("lake/login/day=2026-09-{day:02}/a.csv"), &format!("1,{day}\n2,1\n{},7\n", day + 2));
        }
        for day in 3..=7 {
            file(format!("lake/purchase/day=2026-09-{day:02}/a.csv"), "1,5\n");
        }
        file("lake/users/a.csv".into(), "1,ann,2026-09-01\n2,bob,2026-09-02\n");
        let mut config = Config::default();
        config.resolve(directory.path());
        let catalog = Catalog::open(&config).await.unwrap();
        let warehouse = Warehouse::new(&config, &catalog).unwrap();
        let views = Views::open(&config, Arc::clone(&catalog), warehouse, Arc::new(Parser)).await.unwrap();
        let engine = Engine::new(&config, catalog, views, Clock::system()).unwrap();
        Self { _directory: directory, engine }
    }

    fn define(&self, definitions: Vec<Definition>) {
        let view = |definition: Definition| {
            let id = TableId::new(&definition.database, &definition.name);
            let view = View { id: id.clone(), file: "test.sql".into(), definition: Ok(Arc::new(definition)) };
            (id, Arc::new(view))
        };
        self.engine.views.replace(Snapshot { views: definitions.into_iter().map(view).collect() });
    }

    async fn answer(&self, sql: &str) -> String {
        let mut session = self.session();
        rows(&mut session, sql).await
    }

    fn session(&self) -> Session {
        self.engine.session(1, Login { user: "root".into(), ..Login::default() })
    }
}

async fn rows(session: &mut Session, sql: &str) -> String {
    let mut rows = match session.query(sql).await {
        Ok(Answer::Rows(rows)) => rows,
        Ok(_) => return String::new(),
        Err(error) => return format!("{}: {error}", error.code().0),
    };
    let mut batches = vec![];
    while let Some(batch) = rows.next().await {
        match batch {
            Ok(batch) => batches.push(batch),
            Err(error) => return format!("{}: {error}", error.code().0),
        }
    }
    pretty_format_batches(&batches).unwrap().to_string()
}

fn plain(name: &str, query: &str) -> Definition {
    Definition {
        database: "mart".into(),
        name: name.into(),
        columns: vec![],
        comment: String::new(),
        materialized: None,
        query: query.into(),
    }
}

fn daily(name: &str, query: &str) -> Definition {
    let materialized = Materialized { partition_by: Some("day".into()), ..Materialized::default() };
    Definition { materialized: Some(materialized), ..plain(name, query) }
}

fn windows(mut definition: Definition, table: &str, preceding: u32, following: u32) -> Definition {
    let kind = DependencyKind::Window { preceding, following };
    let dependency = Dependency { database: Some("log".into()), table: table.into(), kind };
    definition.materialized.as_mut().unwrap().depends_on.push(dependency);
    definition
}

/// The inputs of `mart.v` in one line.
async fn lineage(lake: &Lake) -> String {
    let view = match lake.engine.open_view(&TableId::new("mart", "v")).await {
        Ok(view) => view,
        Err(error) => return format!("{}: {error}", error.code().0),
    };
    let lineage = view.table().lineage();
    let input = |input: &crate::views::lineage::Input| match &input.days {
        Days::All => format!("{} all", input.id),
        Days::At(offsets) => format!("{} {offsets:?}", input.id),
        Days::Of(period) => format!("{} {period}", input.id),
    };
    let inputs = lineage.inputs.iter().map(input).collect::<Vec<_>>().join(", ");
    match &lineage.whole {
        None => inputs,
        Some(reason) => format!("whole: {reason} ({inputs})"),
    }
}

#[tokio::test]
async fn a_plan_tells_which_days_a_day_reads() {
    let lake = Lake::new().await;
    let check = async |view: Definition, expected: &str| {
        lake.define(vec![plain("logins", "SELECT day AS d, user_id FROM log.login"), view.clone()]);
        assert_eq!(lineage(&lake).await, expected, "{}", view.query);
    };
    check(daily("v", "SELECT day, COUNT(*) AS n FROM log.login GROUP BY day"), "log.login [0]").await;
    check(daily("v", "SELECT day, n FROM log.login WHERE day >= '2026-09-05'"), "log.login [0]").await;
    check(daily("v", "SELECT day, n FROM log.login WHERE day = '2026-09-05'"), "log.login [0]").await;
    check(daily("v", "SELECT day, n FROM log.login WHERE day < '2020-01-01'"), "log.login [0]").await;
    check(daily("v", "SELECT d AS day, COUNT(*) AS n FROM mart.logins GROUP BY d"), "log.login [0]").await;
    check(
        daily("v", "SELECT day + INTERVAL 1 DAY AS day, COUNT(*) AS n FROM log.login GROUP BY 1"),
        "log.login [-1]",
    )
    .await;
    check(
        daily(
            "v",
            "SELECT l.day, COUNT(*) AS n FROM log.login l JOIN log.purchase p ON l.day = p.day AND l.user_id = p.user_id GROUP BY l.day",
        ),
        "log.login [0], log.purchase [0]",
    )
    .await;
    check(
        daily("v", "SELECT l.day, u.name, COUNT(*) AS n FROM log.login l JOIN game.users u ON u.id = l.user_id GROUP BY l.day, u.name"),
        "log.login [0], game.users all",
    )
    .await;
    check(
        daily("v", "SELECT day, n FROM log.login UNION ALL SELECT day, n FROM log.purchase"),
        "log.login [0], log.purchase [0]",
    )
    .await;
    let weekly = "SELECT c.day, COUNT(DISTINCT l.user_id) AS players FROM calendar() c \
                  JOIN log.login l ON l.day BETWEEN c.day - INTERVAL 2 DAY AND c.day GROUP BY c.day";
    check(
        daily("v", weekly),
        "whole: each of its days would depend on every day of `log.login`; tell which days it needs: DEPENDS ON \
         (log.login WINDOW n DAY PRECEDING) (log.login all)",
    )
    .await;
    check(windows(daily("v", weekly), "login", 2, 0), "log.login [-2, -1, 0]").await;
    check(
        daily("v", "SELECT since AS day, COUNT(*) AS n FROM game.users GROUP BY since"),
        "whole: each of its days would depend on every day of `game.users`; tell which days it needs: DEPENDS ON \
         (game.users WINDOW n DAY PRECEDING) (game.users all)",
    )
    .await;
    check(daily("v", "SELECT CURRENT_DATE AS day, COUNT(*) AS n FROM log.login"), "1064: a materialized view cannot call CURDATE(): its answer would depend on when, or for whom, it is computed").await;
    check(
        daily("v", "SELECT n AS day FROM log.login"),
        "1064: PARTITION BY `day`: a day is a column of type DATE",
    )
    .await;
    check(daily("v", "SELECT n FROM log.login"), "1054: Unknown column 'day' in 'partition by'").await;
    check(daily("v", "SELECT day, day FROM log.login"), "1060: Duplicate column name 'day'").await;
    check(plain("v", "SELECT * FROM mart.v"), "1462: `mart`.`v` contains view recursion").await;
}

#[tokio::test]
async fn a_period_is_read_by_the_day_that_names_it() {
    let lake = Lake::new().await;
    let check = async |day: &str, expected: &str| {
        let query = format!("SELECT {day} AS day, COUNT(*) AS n FROM log.login GROUP BY 1");
        lake.define(vec![daily("v", &query)]);
        assert_eq!(lineage(&lake).await, expected, "{day}");
    };
    let all = |reason: &str| {
        format!(
            "whole: each of its days would depend on every day of `log.login`; tell which days it needs: DEPENDS ON \
             (log.login WINDOW n DAY PRECEDING) (log.login {reason})"
        )
    };
    check("CAST(DATE_FORMAT(day, '%Y-%m-01') AS DATE)", "log.login month").await;
    check("day - INTERVAL DAY(day) - 1 DAY", "log.login month").await;
    check("LAST_DAY(day)", "log.login month, by its last day").await;
    check("MAKEDATE(YEAR(day), 1) + INTERVAL QUARTER(day) - 1 QUARTER", "log.login 3 months").await;
    check("MAKEDATE(YEAR(day), 1) + INTERVAL (MONTH(day) - 1) DIV 2 * 2 MONTH", "log.login 2 months").await;
    check("MAKEDATE(YEAR(day), 1)", "log.login year").await;
    check("day - INTERVAL WEEKDAY(day) DAY", "log.login week from Monday").await;
    check("day - INTERVAL DAYOFWEEK(day) - 1 DAY", "log.login week from Sunday").await;
    check("day + INTERVAL 6 - WEEKDAY(day) DAY", "log.login week from Monday, by its last day").await;
    // Ten days each month, and weeks that begin anew with each year.
    check("day - INTERVAL (DAY(day) - 1) MOD 10 DAY", &all("all")).await;
    check("day - INTERVAL (DAYOFYEAR(day) - 1) MOD 7 DAY", &all("all")).await;
    // One month that is unlike the others.
    check("IF(MONTH(day) = 3, day + INTERVAL 1 DAY, day)", &all("all")).await;

    let mut since = daily(
        "v",
        "SELECT CAST(DATE_FORMAT(day, '%Y-%m-01') AS DATE) AS day, SUM(n) AS n FROM log.login \
         WHERE day BETWEEN '2026-09-03' AND '2026-11-15' GROUP BY 1",
    );
    lake.define(vec![since.clone()]);
    assert_eq!(lineage(&lake).await, "log.login month");
    let units = async || {
        let open = lake.engine.open_view(&TableId::new("mart", "v")).await.unwrap();
        let units = open.table().units(&|days| vec![true; days.len()]).await.unwrap();
        units.expected.keys().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(units().await, ["2026-09-01"]);
    since.materialized.as_mut().unwrap().start = Some("2026-09-02".parse().unwrap());
    lake.define(vec![since]);
    assert_eq!(units().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_answer_does_not_depend_on_what_is_published() {
    let lake = Lake::new().await;
    let query = "SELECT day, COUNT(DISTINCT user_id) AS players, SUM(n) AS n FROM log.login GROUP BY day";
    let weekly = "SELECT c.day, COUNT(DISTINCT l.user_id) AS players FROM calendar() c \
                  JOIN log.login l ON l.day BETWEEN c.day - INTERVAL 2 DAY AND c.day GROUP BY c.day";
    let on_view = "SELECT day, SUM(players) AS players FROM mart.daily GROUP BY day";
    let back = "SELECT d.day, COUNT(*) AS players, COUNT(n.user_id) AS back FROM log.login d LEFT JOIN log.login n \
                ON n.user_id = d.user_id AND n.day = d.day + INTERVAL 1 DAY GROUP BY d.day";
    let some = "SELECT day, n FROM log.login WHERE day BETWEEN '2026-09-03' AND '2026-09-05' AND n > 1";
    lake.define(vec![
        daily("some", some),
        windows(daily("back", back), "login", 0, 1),
        daily("daily", query),
        windows(daily("weekly", weekly), "login", 2, 0),
        daily("total", on_view),
        plain("plain", "SELECT * FROM mart.daily WHERE players > 2"),
    ]);
    for (view, query) in
        [("daily", query), ("weekly", weekly), ("total", on_view), ("back", back), ("some", some)]
    {
        let of_view = lake.answer(&format!("SELECT * FROM mart.{view} ORDER BY day")).await;
        let of_query = lake.answer(&format!("SELECT * FROM ({query}) q ORDER BY day")).await;
        assert_eq!(of_view, of_query, "{view}");
        assert!(of_query.contains("| 2026-09-04 |"), "{of_query}");
        for filter in ["day = '2026-09-04'", "day > '2026-09-08'", "players = 3 OR day < '2026-09-02'"] {
            let of_view =
                lake.answer(&format!("SELECT * FROM mart.{view} WHERE {filter} ORDER BY day")).await;
            let of_query =
                lake.answer(&format!("SELECT * FROM ({query}) q WHERE {filter} ORDER BY day")).await;
            assert_eq!(of_view, of_query, "{view} WHERE {filter}");
        }
    }
    assert_eq!(
        lake.answer("SELECT COUNT(*) AS n FROM mart.plain").await,
        lake.answer(&format!("SELECT COUNT(*) AS n FROM ({query}) q WHERE players > 2")).await
    );
}

#[tokio::test]
async fn only_days_that_may_have_rows_are_units() {
    let lake = Lake::new().await;
    let check = async |view: Definition, expected: (usize, &str, &str)| {
        lake.define(vec![view.clone()]);
        let open = lake.engine.open_view(&TableId::new("mart", "v")).await.unwrap();
        let units = open.table().units(&|days| vec![true; days.len()]).await.unwrap();
        let shown: Vec<String> = units.expected.keys().map(ToString::to_string).collect();
        let told = (shown.len(), shown.first().unwrap().as_str(), shown.last().unwrap().as_str());
        assert_eq!(told, expected, "{}", view.query);
    };
    check(daily("v", "SELECT day, n FROM log.login"), (10, "2026-09-01", "2026-09-10")).await;
    let mut since = daily("v", "SELECT day, n FROM log.login");
    since.materialized.as_mut().unwrap().start = Some("2026-09-04".parse().unwrap());
    check(since, (7, "2026-09-04", "2026-09-10")).await;
    let few = "SELECT day, n FROM log.login WHERE day > '2026-09-08'";
    check(daily("v", few), (2, "2026-09-09", "2026-09-10")).await;
    let both = "SELECT l.day, p.n FROM log.login l JOIN log.purchase p ON p.day = l.day";
    check(daily("v", both), (5, "2026-09-03", "2026-09-07")).await;
    let either = "SELECT day, n FROM log.login UNION ALL SELECT day, n FROM log.purchase";
    check(daily("v", either), (10, "2026-09-01", "2026-09-10")).await;
    let next =
        "SELECT p.day, l.n FROM log.purchase p LEFT JOIN log.login l ON l.day = p.day + INTERVAL 1 DAY";
    check(windows(daily("v", next), "login", 0, 1), (5, "2026-09-03", "2026-09-07")).await;
}

#[tokio::test]
async fn an_answer_tells_which_days_were_live() {
    let lake = Lake::new().await;
    let mut strict = daily("strict", "SELECT day, COUNT(*) AS n FROM log.login GROUP BY day");
    strict.materialized.as_mut().unwrap().when_stale = WhenStale::Fail;
    lake.define(vec![daily("daily", "SELECT day, COUNT(*) AS n FROM log.login GROUP BY day"), strict]);
    let mut session = lake.session();
    rows(&mut session, "SELECT * FROM mart.daily WHERE day BETWEEN '2026-09-02' AND '2026-09-03'").await;
    let told = rows(&mut session, "SHOW WARNINGS").await;
    assert!(told.contains("mart.daily: 2 days computed live: 2026-09-02, 2026-09-03"), "{told}");
    let refused = rows(&mut session, "SELECT * FROM mart.strict WHERE day = '2026-09-02'").await;
    assert_eq!(
        refused,
        "1105: `mart.strict` is not up to date for 2026-09-02: it was never published; wait for its refresh, or see \
         WHEN STALE"
    );
    let nothing = rows(&mut session, "SELECT COUNT(*) AS n FROM mart.strict WHERE day = '2027-01-01'").await;
    assert!(nothing.contains("| 0 |"), "{nothing}");
}
