//! SHOW in all its forms.
//!
//! It knows their grammar; what they answer is the metadata's.

use sqlparser::tokenizer::Token;

use super::super::statement::{Absent, Filter, Show, Statement, TableName};
use super::{Front, Read, table_name};
use crate::engine::error::Error;

/// No filter.
pub(super) fn all() -> Filter {
    Filter::All
}

/// A filter by a pattern.
pub(super) fn like(pattern: String) -> Filter {
    Filter::Like(pattern)
}

impl Front<'_> {
    pub(super) fn show(&mut self) -> Read<Statement> {
        self.accept("EXTENDED");
        let full = self.accept("FULL");
        let global = self.accept("GLOBAL");
        if !global && !self.accept("SESSION") {
            self.accept("LOCAL");
        }
        let Token::Word(word) = self.parser.peek_token_ref().token.clone() else { return self.unexpected() };
        self.parser.advance_token();
        let name = word.value.to_ascii_uppercase();
        let show = match name.as_str() {
            "DATABASES" | "SCHEMAS" => Show::Databases(self.filter()?),
            "TABLES" => Show::Tables { full, database: self.database_after_from()?, filter: self.filter()? },
            "COLUMNS" | "FIELDS" => {
                Show::Columns { full, table: self.table_after_from()?, filter: self.filter()? }
            }
            "INDEX" | "INDEXES" | "KEYS" => {
                Show::Index { table: self.table_after_from()?, filter: self.filter()? }
            }
            "TABLE" => {
                self.expect("STATUS")?;
                Show::TableStatus { database: self.database_after_from()?, filter: self.filter()? }
            }
            "OPEN" => {
                self.expect("TABLES")?;
                self.database_after_from()?;
                Show::OpenTables(self.filter()?)
            }
            "MATERIALIZED" => {
                self.expect("VIEWS")?;
                Show::MaterializedViews { database: self.database_after_from()?, filter: self.filter()? }
            }
            "PARTITIONS" => Show::Partitions { table: self.table_after_from()?, filter: self.filter()? },
            "CREATE" => self.show_create()?,
            "VARIABLES" => Show::Variables { global, filter: self.filter()? },
            "STATUS" => Show::Status { global, filter: self.filter()? },
            "COLLATION" => Show::Collation(self.filter()?),
            "CHARSET" => Show::CharacterSet(self.filter()?),
            "CHARACTER" | "CHAR" => {
                self.expect("SET")?;
                Show::CharacterSet(self.filter()?)
            }
            "ENGINES" => Show::Engines,
            "STORAGE" => {
                self.expect("ENGINES")?;
                Show::Engines
            }
            "PLUGINS" => Show::Plugins,
            "PRIVILEGES" => Show::Privileges,
            "PROCESSLIST" => Show::ProcessList { full },
            "GRANTS" => {
                let user = if self.accept("FOR") { self.user()? } else { None };
                Show::Grants(user)
            }
            "WARNINGS" | "ERRORS" => self.warnings(name == "ERRORS", false)?,
            "COUNT" => {
                for token in [Token::LParen, Token::Mul, Token::RParen] {
                    self.parser.expect_token(&token)?;
                }
                let errors = self.accept("ERRORS");
                if !errors {
                    self.expect("WARNINGS")?;
                }
                self.warnings(errors, true)?
            }
            "PROCEDURE" | "FUNCTION" if self.accept("STATUS") => Show::RoutineStatus(self.filter()?),
            "TRIGGERS" => {
                self.database_after_from()?;
                Show::Triggers(self.filter()?)
            }
            "EVENTS" => {
                self.database_after_from()?;
                Show::Events(self.filter()?)
            }
            "MASTER" | "BINARY" | "BINLOG" | "SLAVE" | "REPLICA" | "REPLICAS" | "RELAYLOG" | "PROFILE"
            | "PROFILES" => Show::Absent(self.absent(&name)?),
            "ENGINE" | "PROCEDURE" | "FUNCTION" => {
                return Err(Error::NotSupported(format!("SHOW {name}")).into());
            }
            _ => {
                self.parser.prev_token();
                return self.unexpected();
            }
        };
        Ok(Statement::Show(show))
    }

    /// Replication, binary logs and profiles: there are none.
    fn absent(&mut self, name: &str) -> Read<Absent> {
        let logs = match name {
            "MASTER" | "BINARY" => self.accept("LOGS"),
            _ => false,
        };
        if logs {
            return Err(Error::NoBinaryLog.into());
        }
        let (words, absent): (&[&str], Absent) = match name {
            "MASTER" => (&["STATUS"], Absent::BinaryLogStatus),
            "BINARY" => (&["LOG", "STATUS"], Absent::BinaryLogStatus),
            "BINLOG" | "RELAYLOG" => (&["EVENTS"], Absent::BinaryLogEvents),
            "SLAVE" if self.accept("HOSTS") => (&[], Absent::SlaveHosts),
            "SLAVE" => (&["STATUS"], Absent::SlaveStatus),
            "REPLICA" => (&["STATUS"], Absent::ReplicaStatus),
            "REPLICAS" => (&[], Absent::Replicas),
            "PROFILES" => (&[], Absent::Profiles),
            _ => (&[], Absent::Profile),
        };
        for word in words {
            self.expect(word)?;
        }
        // Which channel, log, statement or rows is all the same.
        self.skip_rest();
        Ok(absent)
    }

    /// A user without its host; `None` is CURRENT_USER.
    fn user(&mut self) -> Read<Option<String>> {
        let user = self.word_or_string()?;
        self.skip_rest();
        Ok(Some(user).filter(|user| !user.eq_ignore_ascii_case("CURRENT_USER")))
    }

    fn show_create(&mut self) -> Read<Show> {
        if self.accept("TABLE") {
            return Ok(Show::CreateTable(self.table()?));
        }
        if self.accept("VIEW") {
            return Ok(Show::CreateView { view: self.table()?, materialized: false });
        }
        if self.accept("MATERIALIZED") {
            self.expect("VIEW")?;
            return Ok(Show::CreateView { view: self.table()?, materialized: true });
        }
        if self.accept("DATABASE") || self.accept("SCHEMA") {
            if self.accept("IF") {
                self.expect("NOT")?;
                self.expect("EXISTS")?;
            }
            return Ok(Show::CreateDatabase(self.name()?));
        }
        // There are none of these, whatever they are called.
        for kind in ["PROCEDURE", "FUNCTION"] {
            if self.accept(kind) {
                let name = self.parser.parse_object_name(false)?;
                return Err(Error::UnknownRoutine { kind, name: table_name(&name)?.table }.into());
            }
        }
        if self.accept("TRIGGER") {
            self.parser.parse_object_name(false)?;
            return Err(Error::UnknownTrigger.into());
        }
        if self.accept("EVENT") {
            let name = self.parser.parse_object_name(false)?;
            return Err(Error::UnknownEvent(table_name(&name)?.table).into());
        }
        if self.accept("USER") {
            return Err(Error::NotSupported("SHOW CREATE USER".to_owned()).into());
        }
        self.unexpected()
    }

    /// FROM table [FROM database].
    fn table_after_from(&mut self) -> Read<TableName> {
        if !self.accept("FROM") {
            self.expect("IN")?;
        }
        let mut table = self.table()?;
        if let Some(database) = self.database_after_from()? {
            table.database = Some(database);
        }
        Ok(table)
    }

    fn database_after_from(&mut self) -> Read<Option<String>> {
        if self.accept("FROM") || self.accept("IN") { self.name().map(Some) } else { Ok(None) }
    }

    fn filter(&mut self) -> Read<Filter> {
        if self.accept("LIKE") {
            match self.parser.next_token().token {
                Token::SingleQuotedString(pattern) => Ok(Filter::Like(pattern)),
                _ => {
                    self.parser.prev_token();
                    self.unexpected()
                }
            }
        } else if self.accept("WHERE") {
            let mut condition = self.parser.parse_expr()?;
            self.rewriter.condition(&mut condition)?;
            Ok(Filter::Where(Box::new(condition)))
        } else {
            Ok(Filter::All)
        }
    }

    /// [LIMIT [offset,] rows].
    fn warnings(&mut self, errors: bool, count: bool) -> Read<Show> {
        let (mut limit, mut offset) = (None, 0);
        if self.accept("LIMIT") {
            let first = self.parser.parse_literal_uint()?;
            if self.parser.consume_token(&Token::Comma) {
                (offset, limit) = (first, Some(self.parser.parse_literal_uint()?));
            } else {
                limit = Some(first);
                if self.accept("OFFSET") {
                    offset = self.parser.parse_literal_uint()?;
                }
            }
        }
        Ok(Show::Warnings { errors, count, limit, offset })
    }
}
