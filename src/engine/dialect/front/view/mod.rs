//! Statements of views: CREATE, ALTER, DROP, REFRESH and their kin.
//!
//! It knows their grammar, and how StarRocks, Doris and ClickHouse write the same; what they do is the engine's.

mod schedule;

use chrono::NaiveDate;
use sqlparser::tokenizer::{Token, Word};

use super::super::grammar::is;
use super::super::statement::{
    AlterView, CreateView, DropViews, RefreshView, Statement, TableName, ViewBody, ViewChange,
};
use super::super::{Mode, tokens};
use super::{Front, Read};
use crate::engine::error::{Error, Result};
use crate::views::definition::{ColumnDefinition, Dependency, DependencyKind, Due, Materialized, WhenStale};

/// Most days before or after a day that DEPENDS ON may name: ten years.
const WINDOW_DAYS_MAX: u64 = 3_660;
/// Most hours after its end at which a day may be due: a week.
const DUE_HOURS_MAX: u32 = 168;

impl Front<'_> {
    /// CREATE: of a view; what else it creates is refused.
    pub(super) fn create(&mut self) -> Read<Statement> {
        let replace = self.accept("OR");
        if replace {
            self.expect("REPLACE")?;
        }
        self.rights()?;
        if !self.accept("VIEW") {
            if !(self.accept("MATERIALIZED") && self.accept("VIEW")) {
                return self.refused("CREATE".to_owned());
            }
            return self.create_view(replace, Some(Materialized::default()));
        }
        self.create_view(replace, None)
    }

    fn create_view(&mut self, replace: bool, materialized: Option<Materialized>) -> Read<Statement> {
        let if_not_exists = self.accept("IF");
        if if_not_exists {
            self.expect("NOT")?;
            self.expect("EXISTS")?;
        }
        let name = self.table()?;
        let columns = self.columns()?;
        let mut clauses = Clauses { materialized, ..Clauses::default() };
        while !self.accept("AS") {
            self.clause(&mut clauses)?;
        }
        let query = self.view_query()?;
        let Clauses { comment, materialized, ignored, .. } = clauses;
        let body = ViewBody { columns, comment, materialized, query };
        Ok(Statement::CreateView(Box::new(CreateView { name, replace, if_not_exists, body, ignored })))
    }

    /// ALTER: of a view; what else it alters is refused.
    pub(super) fn alter(&mut self) -> Read<Statement> {
        self.rights()?;
        let materialized = self.accept("MATERIALIZED");
        if !self.accept("VIEW") {
            return if materialized { self.unexpected() } else { self.refused("ALTER".to_owned()) };
        }
        let name = self.table()?;
        let mut ignored = Vec::new();
        let change = if self.accept("ACTIVE") {
            ViewChange::Inactive(false)
        } else if self.accept("INACTIVE") {
            ViewChange::Inactive(true)
        } else if self.accept("REFRESH") {
            ViewChange::Refresh(self.refresh_clause(&mut ignored)?)
        } else if self.accept("RENAME") {
            if !self.accept("TO") {
                self.accept("AS");
            }
            ViewChange::Rename(self.table()?)
        } else if ["SET", "SWAP"].iter().any(|word| self.accept(word)) {
            return Err(Error::NotSupported("ALTER VIEW … SET and SWAP".to_owned()).into());
        } else {
            let columns = self.columns()?;
            self.expect("AS")?;
            ViewChange::Query { columns, query: self.view_query()? }
        };
        Ok(Statement::AlterView(Box::new(AlterView { name, materialized, change, ignored })))
    }

    /// DROP: of views; what else it drops is refused.
    pub(super) fn drop(&mut self) -> Read<Statement> {
        let materialized = self.accept("MATERIALIZED");
        if !self.accept("VIEW") {
            return if materialized { self.unexpected() } else { self.refused("DROP".to_owned()) };
        }
        let if_exists = self.accept("IF");
        if if_exists {
            self.expect("EXISTS")?;
        }
        let mut names = vec![self.table()?];
        while self.parser.consume_token(&Token::Comma) {
            names.push(self.table()?);
        }
        // MySQL reads these and does nothing with them, too.
        if !self.accept("RESTRICT") {
            self.accept("CASCADE");
        }
        Ok(Statement::DropViews(DropViews { names, materialized, if_exists }))
    }

    /// REFRESH MATERIALIZED VIEW, after REFRESH.
    pub(super) fn refresh_view(&mut self) -> Read<RefreshView> {
        let name = self.materialized_view()?;
        // Doris' words for what is stale and for all.
        let mut force = !self.accept("AUTO") && self.accept("COMPLETE");
        let (mut from, mut to) = (None, None);
        if self.accept("PARTITION") {
            if self.accept("START") {
                from = Some(self.day_in_parentheses()?);
            }
            if self.accept("END") {
                to = Some(self.day_in_parentheses()?);
            }
            if from.is_none() && to.is_none() {
                return self.unexpected();
            }
        }
        if let (Some(from), Some(to)) = (from, to)
            && to <= from
        {
            let message = format!("PARTITION START ('{from}') END ('{to}') has no day: END is not refreshed");
            return Err(Error::Invalid(message).into());
        }
        force |= self.accept("FORCE");
        let mut wait = false;
        if self.accept("WITH") {
            wait = self.accept("SYNC");
            if !wait {
                self.expect("ASYNC")?;
            }
            self.expect("MODE")?;
        }
        Ok(RefreshView { name, from, to, force, wait })
    }

    /// CANCEL REFRESH MATERIALIZED VIEW, after CANCEL.
    pub(super) fn cancel_refresh(&mut self) -> Read<Statement> {
        self.expect("REFRESH")?;
        let name = self.materialized_view()?;
        self.accept("FORCE");
        Ok(Statement::CancelRefresh(name))
    }

    /// RESTORE MATERIALIZED VIEW v TO VERSION n, after RESTORE.
    pub(super) fn restore_view(&mut self) -> Read<Statement> {
        let name = self.materialized_view()?;
        self.expect("TO")?;
        self.expect("VERSION")?;
        let version = self.parser.parse_literal_uint()?;
        Ok(Statement::RestoreView { name, version })
    }

    fn materialized_view(&mut self) -> Read<TableName> {
        self.expect("MATERIALIZED")?;
        self.expect("VIEW")?;
        self.table()
    }

    /// ALGORITHM, DEFINER and SQL SECURITY: every user reads everything, so they change nothing.
    fn rights(&mut self) -> Read<()> {
        loop {
            if self.accept("ALGORITHM") {
                self.parser.expect_token(&Token::Eq)?;
                if !["UNDEFINED", "MERGE", "TEMPTABLE"].iter().any(|word| self.accept(word)) {
                    return self.unexpected();
                }
            } else if self.accept("DEFINER") {
                self.parser.expect_token(&Token::Eq)?;
                self.word_or_string()?;
                let host = |word: &Word| word.quote_style.is_none() && word.value.starts_with('@');
                if matches!(&self.parser.peek_token_ref().token, Token::Word(word) if host(word)) {
                    self.parser.advance_token();
                } else if self.parser.consume_token(&Token::LParen) {
                    self.parser.expect_token(&Token::RParen)?;
                }
            } else if self.accept("SQL") {
                self.expect("SECURITY")?;
                if !self.accept("DEFINER") {
                    self.expect("INVOKER")?;
                }
            } else {
                return Ok(());
            }
        }
    }

    /// [(name [COMMENT 'text'], …)].
    fn columns(&mut self) -> Read<Vec<ColumnDefinition>> {
        let mut columns: Vec<ColumnDefinition> = Vec::new();
        if !self.parser.consume_token(&Token::LParen) {
            return Ok(columns);
        }
        loop {
            let name = self.name()?;
            let comment = if self.accept("COMMENT") { self.string()? } else { String::new() };
            let lower = name.to_lowercase();
            if columns.iter().any(|column| column.name.to_lowercase() == lower) {
                return Err(Error::DuplicateColumn(name).into());
            }
            columns.push(ColumnDefinition { name, comment });
            if !self.parser.consume_token(&Token::Comma) {
                self.parser.expect_token(&Token::RParen)?;
                return Ok(columns);
            }
        }
    }

    /// One clause between the view's name and AS; each may be there once, CHECK often.
    fn clause(&mut self, clauses: &mut Clauses) -> Read<()> {
        if self.is_next("COMMENT") {
            clauses.once("COMMENT")?;
            self.parser.advance_token();
            let _ = self.parser.consume_token(&Token::Eq);
            clauses.comment = self.string()?;
            return Ok(());
        }
        let Some(mut materialized) = clauses.materialized.take() else { return self.unexpected() };
        self.materialized_clause(&mut materialized, clauses)?;
        clauses.materialized = Some(materialized);
        Ok(())
    }

    fn materialized_clause(&mut self, view: &mut Materialized, clauses: &mut Clauses) -> Read<()> {
        const WORDS: [&str; 15] = [
            "REFRESH",
            "PARTITION",
            "START",
            "DEPENDS",
            "WHEN",
            "CHECK",
            "DUE",
            "INACTIVE",
            "ACTIVE",
            "BUILD",
            "DISTRIBUTED",
            "PROPERTIES",
            "ORDER",
            "KEY",
            "DUPLICATE",
        ];
        let Some(&word) = WORDS.iter().find(|word| self.is_next(word)) else { return self.unexpected() };
        if word != "CHECK" {
            clauses.once(if word == "ACTIVE" { "INACTIVE" } else { word })?;
        }
        self.parser.advance_token();
        match word {
            "REFRESH" => view.refresh = self.refresh_clause(&mut clauses.ignored)?,
            "PARTITION" => {
                self.expect("BY")?;
                view.partition_by = Some(self.partition_column()?);
            }
            "START" => {
                self.expect("DATE")?;
                view.start = Some(self.day()?);
            }
            "DEPENDS" => {
                self.expect("ON")?;
                view.depends_on = self.dependencies()?;
            }
            "WHEN" => {
                self.expect("STALE")?;
                view.when_stale = if self.accept("INLINE") {
                    WhenStale::Inline
                } else if self.accept("SERVE") {
                    WhenStale::Serve
                } else {
                    self.expect("FAIL")?;
                    WhenStale::Fail
                };
            }
            "CHECK" => view.checks.push(self.check()?),
            "DUE" => view.due = Some(self.due()?),
            "INACTIVE" => view.inactive = true,
            "ACTIVE" => view.inactive = false,
            // When days are computed is said by REFRESH.
            "BUILD" => {
                if !self.accept("IMMEDIATE") {
                    self.expect("DEFERRED")?;
                    clauses.ignored.push("BUILD DEFERRED");
                }
            }
            "DISTRIBUTED" => {
                clauses.ignored.push("DISTRIBUTED BY");
                self.expect("BY")?;
                if !self.accept("RANDOM") {
                    self.expect("HASH")?;
                    self.skip_parentheses()?;
                }
                if self.accept("BUCKETS") && !self.accept("AUTO") {
                    self.parser.parse_literal_uint()?;
                }
            }
            "ORDER" => {
                clauses.ignored.push("ORDER BY");
                self.expect("BY")?;
                self.skip_parentheses()?;
            }
            "DUPLICATE" | "KEY" => {
                clauses.ignored.push("KEY");
                if word == "DUPLICATE" {
                    self.expect("KEY")?;
                }
                self.skip_parentheses()?;
            }
            _ => {
                clauses.ignored.push("PROPERTIES");
                self.skip_parentheses()?;
            }
        }
        Ok(())
    }

    /// A column, in parentheses or not.
    fn partition_column(&mut self) -> Read<String> {
        let parenthesis = self.parser.consume_token(&Token::LParen);
        let name = self.name()?;
        let next = self.parser.peek_token_ref().token.clone();
        if next == Token::LParen || (parenthesis && next != Token::RParen) {
            let message =
                "PARTITION BY takes one column whose values are days; compute it in the select list";
            return Err(Error::Invalid(message.to_owned()).into());
        }
        if parenthesis {
            self.parser.advance_token();
        }
        Ok(name)
    }

    /// (table WINDOW n DAY PRECEDING [n DAY FOLLOWING], table AS OF REFRESH, …).
    fn dependencies(&mut self) -> Read<Vec<Dependency>> {
        let mut dependencies = Vec::new();
        self.parser.expect_token(&Token::LParen)?;
        loop {
            let TableName { database, table } = self.table()?;
            let kind = if self.accept("WINDOW") {
                self.window()?
            } else {
                for word in ["AS", "OF", "REFRESH"] {
                    self.expect(word)?;
                }
                DependencyKind::AsOfRefresh
            };
            dependencies.push(Dependency { database, table, kind });
            if !self.parser.consume_token(&Token::Comma) {
                self.parser.expect_token(&Token::RParen)?;
                return Ok(dependencies);
            }
        }
    }

    fn window(&mut self) -> Read<DependencyKind> {
        let (mut preceding, mut following) = (None, None);
        loop {
            let days = self.parser.parse_literal_uint()?;
            let days = u32::try_from(days).ok().filter(|_| days <= WINDOW_DAYS_MAX).ok_or_else(|| {
                Error::Invalid(format!("WINDOW {days} DAY: a window has at most {WINDOW_DAYS_MAX} days"))
            })?;
            if !self.accept("DAYS") {
                self.expect("DAY")?;
            }
            let side = if self.accept("PRECEDING") {
                &mut preceding
            } else {
                self.expect("FOLLOWING")?;
                &mut following
            };
            if side.replace(days).is_some() {
                return Err(Error::Invalid("WINDOW names one side twice".to_owned()).into());
            }
            let more = self.accept("AND") || matches!(self.parser.peek_token_ref().token, Token::Number(..));
            if !more {
                let (preceding, following) = (preceding.unwrap_or(0), following.unwrap_or(0));
                return Ok(DependencyKind::Window { preceding, following });
            }
        }
    }

    /// (condition), as it was written.
    fn check(&mut self) -> Read<String> {
        self.parser.expect_token(&Token::LParen)?;
        let start = self.offset();
        self.parser.parse_expr()?;
        let text = self.text_from(start)?;
        self.parser.expect_token(&Token::RParen)?;
        Ok(text)
    }

    /// 'hours:minutes' [TIME ZONE 'zone'].
    fn due(&mut self) -> Read<Due> {
        let text = self.string()?;
        let minutes = text.split_once(':').and_then(|(hours, minutes)| {
            let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
            (hours < DUE_HOURS_MAX && minutes < 60).then_some(hours * 60 + minutes)
        });
        let minutes = minutes.ok_or(Error::Value { kind: "TIME", value: text })?;
        Ok(Due { minutes, time_zone: self.time_zone()? })
    }

    /// The query, as it was written. It must mean the same whoever reads it, and when.
    fn view_query(&mut self) -> Read<String> {
        let start = self.offset();
        self.place = Some(start);
        self.query()?;
        let text = self.text_from(start)?;
        self.place = None;
        if self.accept("WITH") {
            if !self.accept("CASCADED") {
                self.accept("LOCAL");
            }
            self.expect("CHECK")?;
            self.expect("OPTION")?;
        }
        Ok(text)
    }

    /// What was read since a place.
    fn text_from(&self, start: usize) -> Result<String> {
        let end = tokens::offset(self.parser.get_current_token().span.end).unwrap_or(start);
        let text = self.sql.get(start..end).unwrap_or_default();
        check_text(text, self.mode)?;
        Ok(text.to_owned())
    }

    /// Where the next token begins, in bytes.
    fn offset(&self) -> usize {
        tokens::offset(self.parser.peek_token_ref().span.start).unwrap_or(self.sql.len())
    }

    fn day_in_parentheses(&mut self) -> Read<NaiveDate> {
        self.parser.expect_token(&Token::LParen)?;
        let day = self.day()?;
        self.parser.expect_token(&Token::RParen)?;
        Ok(day)
    }

    fn day(&mut self) -> Read<NaiveDate> {
        self.accept("DATE");
        let text = self.string()?;
        let day = NaiveDate::parse_from_str(&text, "%Y-%m-%d");
        Ok(day.map_err(|_| Error::Value { kind: "DATE", value: text })?)
    }

    fn string(&mut self) -> Read<String> {
        match self.parser.next_token().token {
            Token::SingleQuotedString(text) => Ok(text),
            _ => {
                self.parser.prev_token();
                self.unexpected()
            }
        }
    }

    fn is_next(&self, name: &str) -> bool {
        matches!(&self.parser.peek_token_ref().token, Token::Word(word) if is(word, name))
    }

    fn skip_parentheses(&mut self) -> Read<()> {
        self.parser.expect_token(&Token::LParen)?;
        let mut depth = 1;
        while depth > 0 {
            match self.parser.next_token().token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                Token::EOF => return self.unexpected(),
                _ => {}
            }
        }
        Ok(())
    }
}

/// What was read of a view's clauses.
#[derive(Default)]
struct Clauses {
    comment: String,
    materialized: Option<Materialized>,
    /// Clauses that are here already.
    seen: Vec<&'static str>,
    ignored: Vec<&'static str>,
}

impl Clauses {
    fn once(&mut self, clause: &'static str) -> Result<()> {
        if self.seen.contains(&clause) {
            return Err(Error::Invalid(format!("the clause {clause} is given twice")));
        }
        self.seen.push(clause);
        Ok(())
    }
}

/// Refuses what a view's file cannot say: values of the session, and what only this session's `sql_mode` reads so.
fn check_text(text: &str, mode: Mode) -> Result<()> {
    let unreadable = |_| Error::Invalid("the query of a view needs another sql_mode".to_owned());
    let here = tokens::tokens(text, mode).map_err(unreadable)?;
    let variable = |token: &Token| match token {
        Token::Placeholder(_) => true,
        Token::Word(word) => word.quote_style.is_none() && word.value.starts_with('@'),
        _ => false,
    };
    if here.iter().any(|token| variable(&token.token)) {
        return Err(Error::ViewVariable);
    }
    let elsewhere = tokens::tokens(text, Mode::OF_VIEWS).map_err(unreadable)?;
    let concatenates = mode.pipes_as_concat && here.iter().any(|token| token.token == Token::StringConcat);
    if concatenates || here != elsewhere {
        let message = "the query of a view is read with the default sql_mode, where it means something else: \
                       write names in back quotes, texts in single quotes, and CONCAT for ||";
        return Err(Error::Invalid(message.to_owned()));
    }
    Ok(())
}
