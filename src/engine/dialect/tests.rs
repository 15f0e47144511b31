//! What texts mean: tables of statements and what is read from them.

use super::statement::{Assignment, Heading, Statement};
use super::{Mode, parse, split};
use crate::engine::error::Error;

/// Runs where the server parses: on a thread with a large stack.
fn on_large_stack(test: fn()) {
    let thread = std::thread::Builder::new().stack_size(32 << 20).spawn(test).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

fn query(sql: &str) -> super::Query {
    match parse(sql, Mode::default()).unwrap_or_else(|error| panic!("{sql}: {error}")).statement {
        Statement::Query(query) => *query,
        other => panic!("{sql}: {other:?}"),
    }
}

/// The rewritten select list's first expression.
fn check_expression(sql: &str, expected: &str) {
    let text = query(&format!("SELECT {sql} AS x")).ast.to_string();
    let text = text.strip_prefix("SELECT ").and_then(|text| text.strip_suffix(" AS `x`"));
    assert_eq!(text, Some(expected), "{sql}");
}

#[test]
fn precedence() {
    for (sql, expected) in [
        ("a DIV 2 = 3 AND b", "mysql_div(a, 2) = 3 AND mysql_truth(b)"),
        ("a = 1 && b = 2", "a = 1 AND b = 2"),
        ("a = 1 || b = 2 AND c", "a = 1 OR b = 2 AND mysql_truth(c)"),
        ("a XOR b = 1", "mysql_truth(a) <> b = 1"),
        ("1 | 2 & 3", "mysql_bit_or(1, mysql_bit_and(2, 3))"),
        ("1 + 2 << 3", "mysql_shift_left(mysql_add(1, 2), 3)"),
        ("2 ^ 3 * 4", "mysql_multiply(mysql_bit_xor(2, 3), CAST(4 AS TINYINT))"),
        ("-a ^ 2", "mysql_bit_xor(mysql_negate(a), 2)"),
        ("!a = b", "NOT mysql_truth(a) = b"),
        ("NOT a = b", "NOT a = b"),
        ("j->'$.a' = 1", "json_extract(j, '$.a') = 1"),
        ("j->>'$.a'", "json_unquote(json_extract(j, '$.a'))"),
        ("a MOD b + 1", "mysql_add(mod(a, b), CAST(1 AS TINYINT))"),
        ("BINARY a = b", "mysql_cast_binary(a) = b"),
        ("a - b - c", "mysql_subtract(mysql_subtract(a, b), c)"),
        ("a BETWEEN 1 AND 2 AND c", "a BETWEEN 1 AND 2 AND mysql_truth(c)"),
        ("a = b IN (1, 2)", "a = b IN (1, 2)"),
        ("a IS NULL = 1", "a IS NULL = 1"),
        ("a LIKE 'x' OR b", "mysql_text(a) LIKE 'x' OR mysql_truth(b)"),
        ("~a & 1", "mysql_bit_and(mysql_bit_not(a), 1)"),
        ("a COLLATE utf8mb4_bin = b", "a = b"),
        ("d + INTERVAL 1 + 1 DAY", "mysql_date_add(d, mysql_add(1, 1), 'DAY')"),
        ("d - INTERVAL '1:30' MINUTE_SECOND", "mysql_date_sub(d, '1:30', 'MINUTE_SECOND')"),
        ("INTERVAL 1 DAY + d", "mysql_date_add(d, 1, 'DAY')"),
        ("INTERVAL(5, 1, 10)", "interval(5, 1, 10)"),
    ] {
        check_expression(sql, expected);
    }
}

#[test]
fn expressions() {
    for (sql, expected) in [
        ("\"it's\"", "'it''s'"),
        ("'a' 'b'", "'ab'"),
        ("'a\\nb\\%'", "'a\nb\\%'"),
        ("_utf8mb4'x'", "'x'"),
        ("N'x'", "'x'"),
        ("x'4142'", "X'4142'"),
        ("b'01000001'", "X'41'"),
        ("0x1F + 1", "mysql_add(mysql_cast_unsigned(31), CAST(1 AS TINYINT))"),
        ("1e3", "CAST('1e3' AS DOUBLE)"),
        (".5", "0.5"),
        ("@@SESSION.Sql_Mode", "mysql_system_variable('session', 'sql_mode')"),
        ("@@version", "mysql_system_variable('', 'version')"),
        ("@Foo", "mysql_user_variable('foo')"),
        ("CAST(a AS UNSIGNED INTEGER)", "mysql_cast_unsigned(a)"),
        ("CAST(a AS DECIMAL(65))", "mysql_cast_decimal(a, 65, 0)"),
        ("CAST(a AS CHAR(10) CHARACTER SET utf8)", "mysql_cast_char(a, 10)"),
        ("CONVERT(a USING utf8mb4)", "mysql_cast_char(a)"),
        ("CONVERT(a, DATETIME(3))", "mysql_cast_datetime(a, 3)"),
        ("EXTRACT(DAY_HOUR FROM d)", "mysql_extract('DAY_HOUR', d)"),
        ("DATE_SUB(d, INTERVAL 3 * 1 MONTH)", "mysql_date_sub(d, mysql_multiply(3, 1), 'MONTH')"),
        ("ADDDATE(d, 5)", "mysql_date_add(d, 5, 'DAY')"),
        ("TIMESTAMPDIFF(month, a, b)", "timestampdiff('MONTH', a, b)"),
        ("TIMESTAMPADD(SQL_TSI_DAY, 1, d)", "mysql_date_add(d, 1, 'DAY')"),
        ("GET_FORMAT(DATE, 'USA')", "get_format('DATE', 'USA')"),
        ("DATE '2026-01-01'", "mysql_cast_date('2026-01-01')"),
        ("TIMESTAMP '2026-01-01 00:00:00.5'", "mysql_cast_datetime('2026-01-01 00:00:00.5', 1)"),
        ("TIMESTAMP('2026-01-01')", "timestamp('2026-01-01')"),
        ("{ts '2026-01-01 00:00:00'}", "mysql_cast_datetime('2026-01-01 00:00:00', 0)"),
        ("{fn NOW()}", "now()"),
        ("TRIM(LEADING 'x' FROM a)", "ltrim(a, 'x')"),
        ("TRIM(a)", "trim(a)"),
        ("TRIM(TRAILING FROM a)", "rtrim(a)"),
        ("SUBSTRING(a FROM 2 FOR 3)", "substring(a, 2, 3)"),
        ("MID(a, -4)", "substring(a, -4)"),
        ("a NOT REGEXP NULL", "NOT mysql_truth(mysql_regexp(a, NULL))"),
        ("{ date \"1997-10-20\" }", "mysql_cast_date('1997-10-20')"),
        ("POSITION('a' IN b)", "locate('a', b)"),
        ("CHAR(65, 66 USING utf8mb4)", "mysql_cast_char(char(65, 66))"),
        ("IF(a, 1, 2)", "if(mysql_truth(a), 1, 2)"),
        ("ISNULL(a)", "a IS NULL"),
        ("NULLIF(a, 0)", "nullif(a, 0)"),
        ("CASE WHEN a THEN 1 ELSE 2 END", "mysql_case(mysql_truth(a), 1, 2)"),
        ("CASE a WHEN 1 THEN 'x' WHEN 2 THEN 'y' END", "mysql_case(a = 1, 'x', a = 2, 'y')"),
        ("CURRENT_TIMESTAMP", "current_timestamp()"),
        ("UTC_DATE", "utc_date()"),
        ("COUNT(DISTINCT a, b)", "count(DISTINCT mysql_row_key(a, b))"),
        ("GROUP_CONCAT(DISTINCT a ORDER BY b SEPARATOR '-')", "group_concat(DISTINCT a, '-' ORDER BY b)"),
        ("AVG(a)", "mysql_divide(sum(mysql_summand(a)), count(a))"),
        ("(a, b) = (1, 2)", "a = 1 AND b = 2"),
        ("(a, b) IN ((1, 2), (3, 4))", "a = 1 AND b = 2 OR a = 3 AND b = 4"),
        ("a LIKE 'x|%' ESCAPE '|'", "mysql_text(a) LIKE 'x\\%'"),
        ("a RLIKE '^b' IS TRUE", "mysql_truth(mysql_regexp(a, '^b')) IS TRUE"),
        ("a SOUNDS LIKE b", "soundex(a) = soundex(b)"),
        ("MOD(a, 2)", "mod(a, 2)"),
        ("`A`.`B`", "`a`.`b`"),
        ("LEFT(a, 1)", "left(a, 1)"),
    ] {
        check_expression(sql, expected);
    }
}

#[test]
fn headings() {
    let column = |name: &str| Heading::Column(name.to_owned());
    let text = |text: &str| Heading::Text(text.to_owned());
    for (sql, expected) in [
        (
            "select count(*), 1+1 , 'abc', T.Foo FROM t",
            vec![text("count(*)"), text("1+1"), text("abc"), column("Foo")],
        ),
        (
            "SELECT @@max_allowed_packet, @@autocommit",
            vec![text("@@max_allowed_packet"), text("@@autocommit")],
        ),
        (
            "SELECT NULL, NULL, NULL, SCHEMA_NAME FROM i",
            vec![text("NULL"), text("NULL"), text("NULL"), column("SCHEMA_NAME")],
        ),
        (
            "SELECT DISTINCT *, IF(a=1, 'x', \"y\") AS \"The X\" FROM t",
            vec![Heading::Wildcard, text("The X")],
        ),
        ("(SELECT  Max( a )  FROM t) UNION ALL SELECT 2", vec![text("Max( a )")]),
        ("WITH c AS (SELECT 1 AS a) SELECT a + 1 FROM c", vec![text("a + 1")]),
        ("select (select 1 from t), UTC_DATE", vec![text("(select 1 from t)"), text("UTC_DATE")]),
    ] {
        assert_eq!(query(sql).headings, expected, "{sql}");
    }
}

#[test]
fn queries() {
    for (sql, expected) in [
        ("SELECT * FROM T WHERE A = 1", "SELECT * FROM t WHERE a = 1"),
        ("SELECT 1 FROM DUAL", "SELECT 1 AS `1`"),
        ("SELECT a FROM t HAVING a > 1", "SELECT a FROM t WHERE a > 1"),
        (
            "SELECT SUM(1) AS `COL` FROM t HAVING COUNT(1)>0",
            "SELECT sum(mysql_summand(1)) AS `col` FROM t HAVING count(1) > 0",
        ),
        ("SELECT a AS `X` FROM t GROUP BY 1", "SELECT a AS `x` FROM t GROUP BY a"),
        (
            "SELECT SUM(1) AS a, 2 AS b FROM t GROUP BY 2",
            "SELECT sum(mysql_summand(1)) AS `a`, 2 AS `b` FROM t GROUP BY CAST(2 AS BIGINT)",
        ),
        (
            "SELECT a, COUNT(*) AS n FROM t GROUP BY a HAVING n > 1 ORDER BY N",
            "SELECT a, count(*) AS `n` FROM t GROUP BY a HAVING count(*) > 1 ORDER BY n",
        ),
        (
            "SELECT a, COUNT(*) FROM t GROUP BY a WITH ROLLUP",
            "SELECT a, count(*) AS `count(*)` FROM t GROUP BY ROLLUP (a)",
        ),
        (
            "SELECT a.x, b.x FROM a STRAIGHT_JOIN b USE INDEX (i) ON a.y = b.y FOR UPDATE",
            "SELECT a.x, b.x AS `x$1` FROM a INNER JOIN b ON a.y = b.y",
        ),
        ("SELECT a FROM t LOCK IN SHARE MODE", "SELECT a FROM t"),
        (
            "SELECT SQL_NO_CACHE a FROM (SELECT 1+1 FROM t) AS T1 LIMIT 5, 10",
            "SELECT a FROM (SELECT mysql_add(1, 1) AS `1+1` FROM t) AS t1 LIMIT 5, 10",
        ),
        ("TABLE T", "SELECT * FROM t"),
        ("SELECT a FROM t WHERE b = ? AND c > ?", "SELECT a FROM t WHERE b = $1 AND c > $2"),
        (
            "/* c */ SELECT /*+ MAX_EXECUTION_TIME(1) */ 1 /*!40000 + 1 */ -- x",
            "SELECT mysql_add(1, 1) AS `1 /*!40000 + 1`",
        ),
        (
            "SELECT @a := b AS x, @a + 1 AS y FROM t",
            "SELECT mysql_assign('a', b) AS `x`, mysql_add(b, CAST(1 AS TINYINT)) AS `y` FROM t",
        ),
        (
            "SELECT CASE a WHEN 1 THEN @d := 5 ELSE @D := (6) END AS x, @d AS y FROM t",
            "SELECT mysql_assign('d', mysql_case(a = 1, 5, 6)) AS `x`, mysql_case(a = 1, 5, 6) AS `y` FROM t",
        ),
        ("SELECT 1 ORDER BY NULL", "SELECT 1 AS `1`"),
    ] {
        let text = query(sql).ast.to_string();
        assert_eq!(text, expected, "{sql}");
    }
}

#[test]
fn errors() {
    let syntax = |near: &str, line| format!("{}", Error::Syntax { near: near.to_owned(), line });
    for (sql, expected) in [
        ("SELEC 1", syntax("SELEC 1", 1)),
        ("SELECT 1 +\n FROM t", syntax("FROM t", 2)),
        ("SELECT 'abc", syntax("'abc", 1)),
        ("SELECT 1 2", syntax("2", 1)),
        ("SELECT a FROM t WHERE", syntax("", 1)),
        ("SELECT * FROM (SELECT 1)", "Every derived table must have its own alias".to_owned()),
        ("SELECT * FROM (SELECT 1 AS a, 2 AS A) t", "Duplicate column name 'A'".to_owned()),
        ("SELECT a FROM t GROUP BY 2", "Unknown column '2' in 'group statement'".to_owned()),
        ("SELECT a FROM t ORDER BY 2", "Unknown column '2' in 'order clause'".to_owned()),
        (
            "SELECT @n := @n * 2 FROM t",
            "This version of MySQL doesn't yet support '@n of the row before'".to_owned(),
        ),
        ("/* nothing */;", "Query was empty".to_owned()),
    ] {
        let error = parse(sql, Mode::default()).map(|parsed| format!("{parsed:?}")).unwrap_err();
        assert_eq!(error.to_string(), expected, "{sql}");
    }
}

#[test]
fn splits() {
    for (sql, expected) in [
        ("SELECT 1", vec!["SELECT 1"]),
        ("SELECT ';'; /* ; */ SELECT 2 -- ;\n;;", vec!["SELECT ';'", "/* ; */ SELECT 2 -- ;"]),
        ("-- nothing\n;", vec![]),
        ("SELECT 'a; SELECT 2", vec!["SELECT 'a; SELECT 2"]),
    ] {
        assert_eq!(split(sql, Mode::default()).unwrap(), expected, "{sql}");
    }
}

#[test]
fn modes() {
    let ansi =
        Mode { ansi_quotes: true, pipes_as_concat: true, no_backslash_escapes: true, ..Mode::default() };
    let Statement::Query(query) = parse("SELECT \"a\" || 'b\\'", ansi).unwrap().statement else { panic!() };
    assert_eq!(query.ast.to_string(), "SELECT concat(\"a\", 'b\\') AS `\"a\" || 'b\\'`");
}

#[test]
fn sets() {
    for (sql, expected) in [
        ("SET NAMES 'UTF8MB4' COLLATE utf8mb4_bin", vec!["names Some(\"utf8mb4\") Some(\"utf8mb4_bin\")"]),
        (
            "SET a=1, session b='x', @@session.c=default, @@global.d = ON, @U := 1, NAMES utf8mb4",
            vec![
                "a = 1",
                "b = 'x'",
                "c = DEFAULT",
                "global d = 'ON'",
                "@u = 1",
                "names Some(\"utf8mb4\") None",
            ],
        ),
        ("SET GLOBAL x = 1, y = 2", vec!["global x = 1", "global y = 2"]),
        (
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY",
            vec!["transaction_isolation = 'READ-COMMITTED'", "transaction_read_only = 'ON'"],
        ),
        (
            "/*!40101 SET sql_mode=concat(@@sql_mode, ',X') */",
            vec!["sql_mode = concat(mysql_system_variable('', 'sql_mode'), ',X')"],
        ),
        ("SET character_set_results = NULL", vec!["character_set_results = NULL"]),
    ] {
        let Statement::Set(assignments) = parse(sql, Mode::default()).unwrap().statement else {
            panic!("{sql}")
        };
        let told: Vec<String> = assignments.iter().map(tell).collect();
        assert_eq!(told, expected, "{sql}");
    }
}

fn tell(assignment: &Assignment) -> String {
    match assignment {
        Assignment::System { global, name, value } => format!(
            "{}{name} = {}",
            if *global { "global " } else { "" },
            value.as_ref().map_or("DEFAULT".to_owned(), ToString::to_string)
        ),
        Assignment::User { name, value } => format!("@{name} = {value}"),
        Assignment::Names { charset, collation } => format!("names {charset:?} {collation:?}"),
        Assignment::Nothing => "nothing".to_owned(),
    }
}

#[test]
fn statements() {
    for (sql, expected) in [
        ("USE `Lake`", "Use(\"Lake\")"),
        ("BEGIN", "Begin"),
        ("START TRANSACTION READ ONLY, WITH CONSISTENT SNAPSHOT", "Begin"),
        ("COMMIT AND NO CHAIN", "Commit"),
        ("ROLLBACK TO SAVEPOINT a", "Nothing"),
        ("UNLOCK TABLES", "Nothing"),
        ("EXECUTE s USING @a, @B", "Execute { name: \"s\", variables: [\"a\", \"b\"] }"),
        ("DEALLOCATE PREPARE s", "Deallocate(\"s\")"),
        (
            "CREATE TABLE x (a INT)",
            "Refused { command: \"CREATE TABLE\", table: Some(TableName { database: None, table: \"x\" }) }",
        ),
        (
            "DROP TABLE IF EXISTS d.t",
            "Temporary(Drop { names: [TableName { database: Some(\"d\"), table: \"t\" }], if_exists: true, temporary: false })",
        ),
        (
            "UPDATE t SET a = 1",
            "Refused { command: \"UPDATE\", table: Some(TableName { database: None, table: \"t\" }) }",
        ),
        (
            "DESC t",
            "Show(Columns { full: false, table: TableName { database: None, table: \"t\" }, filter: All })",
        ),
        (
            "SHOW FULL COLUMNS FROM `t` FROM `d` LIKE '%'",
            "Show(Columns { full: true, table: TableName { database: Some(\"d\"), table: \"t\" }, filter: Like(\"%\") })",
        ),
        ("SHOW COUNT(*) WARNINGS", "Show(Warnings { errors: false, count: true, limit: None, offset: 0 })"),
        ("REFRESH TABLE d.t", "RefreshTable(TableName { database: Some(\"d\"), table: \"t\" })"),
    ] {
        let statement =
            parse(sql, Mode::default()).unwrap_or_else(|error| panic!("{sql}: {error}")).statement;
        assert_eq!(format!("{statement:?}"), expected, "{sql}");
    }
}

/// What is nested or chained without end is answered or refused; nothing overflows, nothing takes long.
#[test]
fn limits() {
    on_large_stack(|| {
        let parses = |sql: String| parse(&sql, Mode::default());
        assert!(parses(format!("SELECT {}", vec!["a = 1"; 20_000].join(" OR "))).is_ok());
        assert!(parses(format!("SELECT a IN ({})", vec!["1"; 100_000].join(","))).is_ok());
        for (open, close) in [
            ("(", ")"),
            ("- ", ""),
            ("NOT ", ""),
            ("(SELECT ", ")"),
            ("FLOOR(", ")"),
            ("CASE WHEN 1 THEN ", " END"),
        ] {
            let nested = parses(format!("SELECT {}1{}", open.repeat(5_000), close.repeat(5_000)));
            assert!(matches!(nested, Err(Error::TooComplex(_))), "{open}: {nested:?}");
            // The same with something wrong inside.
            assert!(parses(format!("SELECT {}1 1 FROM{}", open.repeat(100), close.repeat(100))).is_err());
        }
        assert!(matches!(
            parses(format!("SELECT {}", vec!["1"; 20_000].join(" + "))),
            Err(Error::TooComplex(_))
        ));
        assert!(matches!(
            parses(format!("SELECT 1 {}", "IS NULL ".repeat(100_000))),
            Err(Error::TooComplex(_))
        ));
        assert!(parses(format!("SELECT * FROM {}t", "(".repeat(100))).is_err());
        assert!(parses(vec!["SELECT 1"; 5_000].join(" UNION ALL ")).is_err());
    });
}
