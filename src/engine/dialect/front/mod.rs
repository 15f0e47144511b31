//! From tokens to a statement: what sqlparser has no statement for, or reads loosely, is read here.
//!
//! It knows which statements there are and their grammar; queries and expressions are the parser's and the rewriter's.

mod page;
mod set;
mod show;
mod tables;
mod temporary;
mod view;

use sqlparser::ast::{Expr, ObjectName, ObjectNamePart, SelectItem, SetExpr, Value};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::grammar::{DEPTH_MAX, LakeMySql, is};
use super::reserved::is_reserved;
use super::rewrite::Rewriter;
use super::statement::{ExplainFormat, Parsed, Query, Show, Statement, TableName};
use super::{Mode, tokens};
use crate::engine::error::{Error, Result};

/// How many characters of the rest of a statement an error tells.
const NEAR_MAX: usize = 80;
/// How many parentheses may follow each other in FROM: the parser tries two readings of each.
const FROM_PARENTHESES_MAX: usize = 10;
/// How many queries UNION may put together.
const UNIONS_MAX: usize = 1_000;

/// Why a text is no statement, and the line where that shows, from 1.
#[derive(Debug)]
pub struct Misread {
    /// Why.
    pub error: Error,
    /// Where.
    pub line: usize,
}

/// Reads one statement.
pub fn parse(sql: &str, mode: Mode) -> Result<Parsed, Misread> {
    let whole = |error| Misread { error, line: 1 };
    let tokens =
        tokens::tokens(sql, mode).map_err(|unreadable| syntax_error(sql, Some(unreadable.offset)))?;
    if tokens.iter().all(|token| token.token == Token::SemiColon) {
        return Err(whole(Error::EmptyQuery));
    }
    check_size(&tokens).map_err(whole)?;
    let (tokens, variables) = without_into(tables::readable(tokens));
    let parameters = tokens.iter().filter(|token| matches!(token.token, Token::Placeholder(_))).count();
    if parameters > usize::from(u16::MAX) {
        return Err(whole(Error::TooManyPlaceholders));
    }
    let dialect = LakeMySql::new(mode, tokens.len());
    let mut front = Front {
        sql,
        mode,
        place: None,
        rewriter: Rewriter::new(sql, &tokens, mode),
        parser: Parser::new(&dialect).with_recursion_limit(DEPTH_MAX).with_tokens_with_locations(tokens),
    };
    let statement = front.statement().and_then(|statement| front.end().map(|()| statement));
    let statement = match (statement, variables) {
        (Ok(Statement::Query(query)), Some(Into { variables, .. })) => {
            Ok(Statement::SelectInto { query, variables })
        }
        (Ok(_), Some(Into { offset, .. })) => return Err(syntax_error(sql, offset)),
        (statement, _) => statement,
    };
    match statement {
        Ok(statement) => Ok(Parsed { statement, parameters }),
        Err(Failure::Engine(error)) => {
            let here = || tokens::offset(front.parser.get_current_token().span.start);
            Err(Misread { error, line: line(sql, front.place.or_else(here)) })
        }
        Err(Failure::Parser(_)) if dialect.too_complex() => Err(whole(too_complex())),
        Err(Failure::Parser(ParserError::RecursionLimitExceeded)) => Err(whole(too_complex())),
        Err(Failure::Parser(error)) => Err(syntax_error(sql, place(&error, &front.parser))),
    }
}

/// `INTO @a, @b` of a SELECT.
struct Into {
    /// In lower case, without `@`.
    variables: Vec<String>,
    offset: Option<usize>,
}

/// Takes `INTO @a, @b` out of a statement: it may stand before FROM as well as at the end.
fn without_into(mut tokens: Vec<TokenWithSpan>) -> (Vec<TokenWithSpan>, Option<Into>) {
    let variable = |token: &TokenWithSpan| match &token.token {
        Token::Word(word) if word.quote_style.is_none() && !word.value.starts_with("@@") => {
            word.value.strip_prefix('@').map(str::to_lowercase)
        }
        _ => None,
    };
    let mut depth = 0_usize;
    let start = tokens.iter().zip(tokens.iter().skip(1)).position(|(token, next)| {
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Word(word) => return depth == 0 && is(word, "INTO") && variable(next).is_some(),
            _ => {}
        }
        false
    });
    let Some(start) = start else { return (tokens, None) };
    let mut variables = Vec::new();
    let mut end = start + 1;
    while let Some(name) = tokens.get(end).and_then(variable) {
        variables.push(name);
        end += 1;
        let goes_on = matches!(tokens.get(end), Some(token) if token.token == Token::Comma)
            && tokens.get(end + 1).and_then(variable).is_some();
        if !goes_on {
            break;
        }
        end += 1;
    }
    let offset = tokens::offset(tokens[start].span.start);
    tokens.drain(start..end);
    (tokens, Some(Into { variables, offset }))
}

/// Refuses what would take the parser or later passes too long, before they start.
fn check_size(tokens: &[TokenWithSpan]) -> Result<()> {
    let keyword = |token: &TokenWithSpan| match &token.token {
        Token::Word(word) => word.keyword,
        _ => Keyword::NoKeyword,
    };
    let unions = tokens
        .iter()
        .filter(|token| matches!(keyword(token), Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT))
        .count();
    let mut run = 0;
    let mut in_from = false;
    let mut longest = 0;
    for token in tokens {
        match &token.token {
            Token::LParen if in_from => run += 1,
            // A subquery is the first reading that the parser tries.
            Token::Word(word)
                if matches!(word.keyword, Keyword::SELECT | Keyword::WITH | Keyword::VALUES) =>
            {
                (run, in_from) = (0, false);
            }
            Token::Word(word) if matches!(word.keyword, Keyword::FROM | Keyword::JOIN) => {
                longest = longest.max(run);
                (run, in_from) = (0, true);
            }
            _ => {
                longest = longest.max(run);
                (run, in_from) = (0, false);
            }
        }
    }
    if unions > UNIONS_MAX || longest.max(run) > FROM_PARENTHESES_MAX { Err(too_complex()) } else { Ok(()) }
}

fn too_complex() -> Error {
    Error::TooComplex("it is nested too deeply or has too many parts".to_owned())
}

/// Where the parser stopped, in bytes. Its errors tell the place in their text only.
fn place(error: &ParserError, parser: &Parser) -> Option<usize> {
    let ParserError::ParserError(message) = error else { return None };
    let told = message.rsplit_once(", Column: ").and_then(|(_, column)| column.parse::<usize>().ok());
    match told {
        Some(column) => column.checked_sub(1),
        None => tokens::offset(parser.peek_token_ref().span.start),
    }
}

/// Error 1064 at a place in the text, in bytes.
pub(super) fn syntax_error(sql: &str, offset: Option<usize>) -> Misread {
    let start = offset.filter(|offset| sql.is_char_boundary(*offset)).unwrap_or(sql.len());
    let rest = sql[start..].trim_end_matches([';', ' ', '\n', '\t', '\r']);
    let line = line(sql, offset);
    Misread { error: Error::Syntax { near: rest.chars().take(NEAR_MAX).collect(), line }, line }
}

/// The line of a place, from 1.
fn line(sql: &str, offset: Option<usize>) -> usize {
    let before = offset.and_then(|offset| sql.get(..offset)).unwrap_or(sql);
    before.matches('\n').count() + 1
}

/// Why a statement is not read: the parser stopped, or what it says is refused.
#[derive(Debug)]
enum Failure {
    Parser(ParserError),
    Engine(Error),
}

impl From<ParserError> for Failure {
    fn from(error: ParserError) -> Self {
        Self::Parser(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

type Read<T> = std::result::Result<T, Failure>;

/// The parser at its place in the statement, and the rewriter for what it reads.
struct Front<'a> {
    sql: &'a str,
    mode: Mode,
    /// Where a part begins that is refused as a whole, in bytes.
    place: Option<usize>,
    parser: Parser<'a>,
    rewriter: Rewriter<'a>,
}

impl Front<'_> {
    fn statement(&mut self) -> Read<Statement> {
        if self.parser.peek_token_ref().token == Token::LParen {
            return self.query().map(Statement::Query);
        }
        let Token::Word(word) = self.parser.peek_token_ref().token.clone() else { return self.unexpected() };
        if word.quote_style.is_some() {
            return self.unexpected();
        }
        let command = word.value.to_ascii_uppercase();
        if matches!(command.as_str(), "SELECT" | "WITH" | "VALUES" | "TABLE") {
            return self.query().map(Statement::Query);
        }
        self.parser.advance_token();
        if let Some(statement) = self.temporary(&command)? {
            return Ok(statement);
        }
        match command.as_str() {
            "SET" => self.set(),
            "SHOW" => self.show(),
            "EXPLAIN" | "DESCRIBE" | "DESC" => self.explain(),
            "USE" => Ok(Statement::Use(self.name()?)),
            "DO" => self.do_expressions(),
            "BEGIN" => {
                self.accept("WORK");
                Ok(Statement::Begin)
            }
            "START" => self.start(),
            "COMMIT" | "ROLLBACK" => self.end_transaction(&command),
            "SAVEPOINT" => self.name().map(|_| Statement::Nothing),
            "RELEASE" => {
                self.expect("SAVEPOINT")?;
                self.name().map(|_| Statement::Nothing)
            }
            "CALL" => {
                let name = self.parser.parse_object_name(false)?;
                Err(Error::UnknownRoutine { kind: "PROCEDURE", name: table_name(&name)?.table }.into())
            }
            "KILL" => self.kill(),
            "REFRESH" if self.accept("TABLE") => self.table().map(Statement::RefreshTable),
            "REFRESH" => self.refresh_view().map(Statement::RefreshView),
            "CANCEL" => self.cancel_refresh(),
            "RESTORE" => self.restore_view(),
            "CREATE" => self.create(),
            "ALTER" => self.alter(),
            "PREPARE" => {
                let name = self.name()?;
                self.expect("FROM")?;
                let text = self.expression()?;
                Ok(Statement::Prepare { name, text })
            }
            "EXECUTE" => self.execute(),
            "DEALLOCATE" => {
                self.expect("PREPARE")?;
                self.name().map(Statement::Deallocate)
            }
            "LOCK" | "UNLOCK" => {
                if !self.accept("TABLES") && !self.accept("TABLE") && !self.accept("INSTANCE") {
                    return self.unexpected();
                }
                self.skip_rest();
                Ok(Statement::Nothing)
            }
            "FLUSH" | "RESET" => {
                self.skip_rest();
                Ok(Statement::Nothing)
            }
            "DROP" if self.accept("PREPARE") => self.name().map(Statement::Deallocate),
            "DROP" => self.drop(),
            "INSERT" | "REPLACE" | "UPDATE" | "DELETE" | "LOAD" | "TRUNCATE" | "RENAME" | "GRANT"
            | "REVOKE" | "IMPORT" | "INSTALL" | "UNINSTALL" | "OPTIMIZE" | "REPAIR" | "ANALYZE" | "CHECK"
            | "CHECKSUM" | "HANDLER" | "PURGE" | "CHANGE" | "XA" | "SHUTDOWN" | "RESTART" | "CLONE"
            | "CACHE" | "BINLOG" | "STOP" => self.refused(command),
            _ => {
                self.parser.prev_token();
                self.unexpected()
            }
        }
    }

    /// After a statement nothing may follow but semicolons.
    fn end(&mut self) -> Read<()> {
        while self.parser.consume_token(&Token::SemiColon) {}
        if self.parser.peek_token_ref().token == Token::EOF { Ok(()) } else { self.unexpected() }
    }

    fn query(&mut self) -> Read<Box<Query>> {
        let mut query = self.parser.parse_query()?;
        // An older way to write FOR SHARE, which sqlparser does not know.
        if self.accept("LOCK") {
            for word in ["IN", "SHARE", "MODE"] {
                self.expect(word)?;
            }
        }
        match query.body.as_ref() {
            SetExpr::Update(_) => return Ok(self.refuse_write("UPDATE")?),
            SetExpr::Delete(_) => return Ok(self.refuse_write("DELETE")?),
            SetExpr::Insert(_) | SetExpr::Merge(_) => return Ok(self.refuse_write("INSERT")?),
            _ => {}
        }
        let page = page::counted(&mut query)?;
        let headings = self.rewriter.statement(&mut query)?;
        let query = self.rewriter.finish(*query, headings);
        Ok(Box::new(Query { page, ..query }))
    }

    fn refuse_write(&self, command: &str) -> Result<Box<Query>> {
        match self.place {
            Some(_) => Err(Error::Invalid("a view is made of a query".to_owned())),
            None => Err(Error::NotSupported(format!("{command} after WITH"))),
        }
    }

    fn explain(&mut self) -> Read<Statement> {
        let follows = |word: &str| matches!(&self.parser.peek_nth_token_ref(1).token, Token::Word(next) if is(next, word));
        if follows("MATERIALIZED") && self.accept("REFRESH") {
            return self.refresh_view().map(Statement::ExplainRefresh);
        }
        let analyze = self.accept("ANALYZE");
        let mut format = analyze.then_some(ExplainFormat::Tree);
        if self.accept("FORMAT") {
            self.parser.expect_token(&Token::Eq)?;
            let name = self.word_or_string()?;
            let known = ExplainFormat::of(&name).ok_or(Error::ExplainFormat(name))?;
            format = Some(known);
        } else if !analyze && (self.accept("EXTENDED") || self.accept("PARTITIONS")) {
            // Both told more in old versions and tell nothing now.
        }
        let has_options = analyze || format.is_some();
        let token = self.parser.peek_token_ref().token.clone();
        match &token {
            Token::LParen => {}
            Token::Word(word) if word.quote_style.is_none() => match word.keyword {
                Keyword::SELECT | Keyword::WITH | Keyword::VALUES | Keyword::TABLE => {}
                Keyword::INSERT | Keyword::UPDATE | Keyword::DELETE | Keyword::REPLACE => {
                    self.parser.advance_token();
                    return self.refused(word.value.to_ascii_uppercase());
                }
                Keyword::FOR => return Err(Error::NotSupported("EXPLAIN FOR CONNECTION".to_owned()).into()),
                _ if has_options => return self.unexpected(),
                _ => return self.describe(),
            },
            _ if has_options => return self.unexpected(),
            _ => return self.describe(),
        }
        Ok(Statement::Explain { analyze, format, query: self.query()? })
    }

    /// DESCRIBE table [column or pattern].
    fn describe(&mut self) -> Read<Statement> {
        let table = self.table()?;
        let filter = match &self.parser.peek_token_ref().token {
            Token::EOF | Token::SemiColon => show::all(),
            _ => show::like(self.word_or_string()?),
        };
        Ok(Statement::Show(Show::Columns { full: false, table, filter }))
    }

    fn do_expressions(&mut self) -> Read<Statement> {
        let expressions = self.parser.parse_comma_separated(Parser::parse_expr)?;
        let mut query = self.rewriter.select(expressions.into_iter().map(SelectItem::UnnamedExpr).collect());
        let headings = self.rewriter.statement(&mut query)?;
        Ok(Statement::Do(Box::new(self.rewriter.finish(query, headings))))
    }

    fn start(&mut self) -> Read<Statement> {
        if !self.accept("TRANSACTION") {
            return self.refused("START".to_owned());
        }
        loop {
            if self.accept("READ") {
                if !self.accept("ONLY") {
                    self.expect("WRITE")?;
                }
            } else if self.accept("WITH") {
                self.expect("CONSISTENT")?;
                self.expect("SNAPSHOT")?;
            } else {
                return Ok(Statement::Begin);
            }
            let _ = self.parser.consume_token(&Token::Comma);
        }
    }

    fn end_transaction(&mut self, command: &str) -> Read<Statement> {
        self.accept("WORK");
        if command == "ROLLBACK" && self.accept("TO") {
            self.accept("SAVEPOINT");
            return self.name().map(|_| Statement::Nothing);
        }
        if self.accept("AND") {
            self.accept("NO");
            self.expect("CHAIN")?;
        }
        if self.accept("NO") {
            self.expect("RELEASE")?;
        } else {
            self.accept("RELEASE");
        }
        Ok(if command == "COMMIT" { Statement::Commit } else { Statement::Rollback })
    }

    fn kill(&mut self) -> Read<Statement> {
        let query = self.accept("QUERY");
        if !query {
            self.accept("CONNECTION");
        }
        Ok(Statement::Kill { id: self.expression()?, connection: !query })
    }

    fn execute(&mut self) -> Read<Statement> {
        let name = self.name()?;
        let mut variables = Vec::new();
        if self.accept("USING") {
            loop {
                match self.parser.next_token().token {
                    Token::Word(word) if word.value.starts_with('@') && !word.value.starts_with("@@") => {
                        variables.push(word.value[1..].to_lowercase());
                    }
                    _ => {
                        self.parser.prev_token();
                        return self.unexpected();
                    }
                }
                if !self.parser.consume_token(&Token::Comma) {
                    break;
                }
            }
        }
        Ok(Statement::Execute { name, variables })
    }

    /// A statement that would write. Only as much of it is read as the error tells: its command and table.
    fn refused(&mut self, mut command: String) -> Read<Statement> {
        const MODIFIERS: [&str; 15] = [
            "TEMPORARY",
            "OR",
            "REPLACE",
            "LOW_PRIORITY",
            "DELAYED",
            "HIGH_PRIORITY",
            "QUICK",
            "IGNORE",
            "INTO",
            "FROM",
            "UNIQUE",
            "FULLTEXT",
            "NO_WRITE_TO_BINLOG",
            "LOCAL",
            "MATERIALIZED",
        ];
        const OBJECTS: [&str; 14] = [
            "TABLE",
            "TABLES",
            "VIEW",
            "DATABASE",
            "SCHEMA",
            "INDEX",
            "USER",
            "ROLE",
            "PROCEDURE",
            "FUNCTION",
            "TRIGGER",
            "EVENT",
            "DATA",
            "SERVER",
        ];
        let mut object = None;
        loop {
            if let Some(modifier) = MODIFIERS.iter().find(|word| self.accept(word)) {
                if *modifier == "TEMPORARY" {
                    command.push_str(" TEMPORARY");
                }
            } else if self.accept("IF") {
                self.accept("NOT");
                self.expect("EXISTS")?;
            } else if object.is_none()
                && let Some(word) = OBJECTS.iter().find(|word| self.accept(word))
            {
                command = format!("{command} {word}");
                object = Some(*word);
            } else {
                break;
            }
        }
        let names_table = match object {
            Some(object) => matches!(object, "TABLE" | "TABLES" | "VIEW"),
            None => matches!(command.as_str(), "INSERT" | "REPLACE" | "UPDATE" | "DELETE" | "TRUNCATE"),
        };
        // A statement of one word says nothing.
        if self.parser.peek_token_ref().token == Token::EOF
            && object.is_none()
            && command != "SHUTDOWN"
            && command != "RESTART"
        {
            return self.unexpected();
        }
        let table = if names_table { Some(self.table()?) } else { None };
        self.skip_rest();
        Ok(Statement::Refused { command, table })
    }

    fn expression(&mut self) -> Read<Expr> {
        let mut expression = self.parser.parse_expr()?;
        self.rewriter.expression(&mut expression)?;
        Ok(expression)
    }

    fn table(&mut self) -> Read<TableName> {
        if let Token::Word(word) = &self.parser.peek_token_ref().token
            && word.quote_style.is_none()
            && is_reserved(&word.value)
        {
            return self.unexpected();
        }
        let name = self.parser.parse_object_name(false)?;
        Ok(table_name(&name)?)
    }

    fn name(&mut self) -> Read<String> {
        Ok(self.parser.parse_identifier()?.value)
    }

    /// `utf8mb4` or `'utf8mb4'`.
    fn word_or_string(&mut self) -> Read<String> {
        match self.parser.next_token().token {
            Token::Word(word) => Ok(word.value),
            Token::SingleQuotedString(text) => Ok(text),
            _ => {
                self.parser.prev_token();
                self.unexpected()
            }
        }
    }

    /// Steps over a word, in any case.
    fn accept(&mut self, name: &str) -> bool {
        let found = matches!(&self.parser.peek_token_ref().token, Token::Word(word) if is(word, name));
        if found {
            self.parser.advance_token();
        }
        found
    }

    fn expect(&mut self, name: &str) -> Read<()> {
        if self.accept(name) { Ok(()) } else { self.unexpected() }
    }

    fn skip_rest(&mut self) {
        while !matches!(self.parser.peek_token_ref().token, Token::EOF | Token::SemiColon) {
            self.parser.advance_token();
        }
    }

    fn unexpected<T>(&self) -> Read<T> {
        Ok(self.parser.expected_ref("something else", self.parser.peek_token_ref())?)
    }
}

/// The database and the table of a name; `def` before them is the only catalog.
pub fn table_name(name: &ObjectName) -> Result<TableName> {
    let parts: Option<Vec<String>> = name
        .0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(ident) => Some(ident.value.clone()),
            ObjectNamePart::Function(_) => None,
        })
        .collect();
    match parts.as_deref() {
        Some([table]) => Ok(TableName { database: None, table: table.clone() }),
        Some([database, table]) => Ok(TableName { database: Some(database.clone()), table: table.clone() }),
        Some([catalog, database, table]) if catalog.eq_ignore_ascii_case("def") => {
            Ok(TableName { database: Some(database.clone()), table: table.clone() })
        }
        _ => Err(Error::Invalid(format!("Incorrect table name '{name}'"))),
    }
}

/// The text of a string literal.
pub fn literal_string(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}
