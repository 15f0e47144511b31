//! CREATE TEMPORARY TABLE, and INSERT, REPLACE, DROP and TRUNCATE, which may mean such a table.
//!
//! It knows their grammar and names; which tables a session has is not known here.

mod column;

use sqlparser::ast::{self, Expr, Ident, ObjectName, SetExpr, TableConstraint};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::super::grammar::is;
use super::super::rewrite::rows;
use super::super::statement::{Content, Statement, TableName, Temporary, TemporaryColumn};
use super::{Front, Read, table_name};
use crate::engine::error::{Error, Result};

impl Front<'_> {
    /// A statement that may be about a temporary table, after its first word; `None` when it is another one.
    pub(super) fn temporary(&mut self, command: &str) -> Read<Option<Statement>> {
        let statement = match command {
            "CREATE" => match self.parser.maybe_parse(new_table)? {
                Some(new) => self.create_temporary(new)?,
                None => return Ok(None),
            },
            "INSERT" | "REPLACE" => self.insert(command == "REPLACE")?,
            "DROP" => match self.parser.maybe_parse(drop)? {
                Some(Drop { names, if_exists, temporary }) => Temporary::Drop {
                    names: names.iter().map(table_name).collect::<Result<Vec<TableName>>>()?,
                    if_exists,
                    temporary,
                },
                None => return Ok(None),
            },
            "TRUNCATE" => match self.parser.maybe_parse(truncate)? {
                Some(name) => Temporary::Truncate(table_name(&name)?),
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        Ok(Some(Statement::Temporary(Box::new(statement))))
    }

    /// `LIKE table`, `(columns) [options]` and `[(columns)] [options] [AS] SELECT`, after the table's name.
    fn create_temporary(&mut self, new: NewTable) -> Read<Temporary> {
        let NewTable { name, if_not_exists } = new;
        let name = table_name(&name)?;
        if self.accept("LIKE") {
            let content = Content::Like(self.table()?);
            return Ok(Temporary::Create { name, if_not_exists, content });
        }
        let opens = self.parser.peek_token_ref().token == Token::LParen;
        let next = self.parser.peek_nth_token_ref(1).token.clone();
        if opens && matches!(&next, Token::Word(word) if is(word, "LIKE")) {
            self.parser.advance_token();
            self.expect("LIKE")?;
            let content = Content::Like(self.table()?);
            self.parser.expect_token(&Token::RParen)?;
            return Ok(Temporary::Create { name, if_not_exists, content });
        }
        let columns = if opens && !begins_query(&next) { self.new_columns()? } else { Vec::new() };
        // ENGINE, CHARSET and other options change nothing here.
        while !ends(&self.parser.peek_token_ref().token) && !begins_query(&self.parser.peek_token_ref().token)
        {
            self.parser.advance_token();
        }
        if ends(&self.parser.peek_token_ref().token) {
            return Ok(Temporary::Create { name, if_not_exists, content: Content::Columns(columns) });
        }
        self.accept("AS");
        let query = self.parser.parse_query()?;
        at_end(&self.parser)?;
        if !columns.is_empty() {
            return Err(Error::NotSupported("columns beside the SELECT of CREATE TABLE".into()).into());
        }
        let content = Content::Query(self.rewritten(*query)?);
        Ok(Temporary::Create { name, if_not_exists, content })
    }

    /// The columns in parentheses. Indexes change no answer and are left out; keys would, and are refused.
    fn new_columns(&mut self) -> Read<Vec<TemporaryColumn>> {
        self.parser.expect_token(&Token::LParen)?;
        let mut columns = Vec::new();
        loop {
            match self.parser.parse_optional_table_constraint()? {
                Some(TableConstraint::Index(_) | TableConstraint::FulltextOrSpatial(_)) => {}
                Some(_) => return Err(no_keys().into()),
                None => columns.push(self.column()?),
            }
            if !self.parser.consume_token(&Token::Comma) {
                break;
            }
        }
        self.parser.expect_token(&Token::RParen)?;
        Ok(columns)
    }

    /// `[IGNORE] [INTO] name [(columns)] {VALUES … | SELECT …}` and `… SET column = value, …`.
    ///
    /// Without keys no row replaces another: ON DUPLICATE KEY UPDATE does nothing, and REPLACE is an INSERT.
    fn insert(&mut self, replaces: bool) -> Read<Temporary> {
        let _ = self.accept("LOW_PRIORITY") || self.accept("DELAYED") || self.accept("HIGH_PRIORITY");
        let ignore = !replaces && self.accept("IGNORE");
        self.accept("INTO");
        let name = self.table()?;
        if self.accept("PARTITION") {
            return Err(Error::NotPartitioned.into());
        }
        let lists_columns = self.parser.peek_token_ref().token == Token::LParen
            && !begins_query(&self.parser.peek_nth_token_ref(1).token);
        let mut columns = match lists_columns {
            true => Some(column_list(&mut self.parser)?),
            false => None,
        };
        let source = if self.accept("VALUES") || self.accept("VALUE") {
            let values = self.parser.parse_comma_separated(value_row)?;
            self.row_alias()?;
            rows(values)
        } else if columns.is_none() && self.accept("SET") {
            let (named, values) = self.parser.parse_comma_separated(assignment)?.into_iter().unzip();
            self.row_alias()?;
            columns = Some(named);
            rows(vec![values])
        } else {
            let query = self.parser.parse_query()?;
            if let SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) =
                *query.body
            {
                return self.unexpected();
            }
            *query
        };
        if self.accept("ON") {
            for word in ["DUPLICATE", "KEY", "UPDATE"] {
                self.expect(word)?;
            }
            self.parser.parse_comma_separated(assignment)?;
        }
        at_end(&self.parser)?;
        let source = self.rewritten(source)?;
        Ok(Temporary::Insert { name, columns, source, ignore, replaces })
    }

    /// `AS new [(columns)]`, which ON DUPLICATE KEY UPDATE may read.
    fn row_alias(&mut self) -> Read<()> {
        if self.accept("AS") {
            self.parser.parse_identifier()?;
            if self.parser.peek_token_ref().token == Token::LParen {
                column_list(&mut self.parser)?;
            }
        }
        Ok(())
    }

    fn rewritten(&mut self, mut query: ast::Query) -> Result<Box<super::Query>> {
        let headings = self.rewriter.statement(&mut query)?;
        Ok(Box::new(self.rewriter.finish(query, headings)))
    }
}

/// How CREATE TABLE begins.
struct NewTable {
    name: ObjectName,
    if_not_exists: bool,
}

/// `[TEMPORARY] TABLE [IF NOT EXISTS] name`. Without TEMPORARY it is one when its name begins with `#`.
fn new_table(parser: &mut Parser) -> Result<NewTable, ParserError> {
    let temporary = parser.parse_keyword(Keyword::TEMPORARY);
    parser.expect_keyword(Keyword::TABLE)?;
    let if_not_exists = parser.parse_keywords(&[Keyword::IF, Keyword::NOT, Keyword::EXISTS]);
    let name = parser.parse_object_name(false)?;
    if !temporary && !begins_with_hash(&name) {
        return parser.expected_ref("a temporary table", parser.peek_token_ref());
    }
    Ok(NewTable { name, if_not_exists })
}

/// Columns in parentheses, of which there may be none; what qualifies them is the table.
fn column_list(parser: &mut Parser) -> Result<Vec<String>, ParserError> {
    parser.expect_token(&Token::LParen)?;
    if parser.consume_token(&Token::RParen) {
        return Ok(Vec::new());
    }
    let columns = parser.parse_comma_separated(column_name)?;
    parser.expect_token(&Token::RParen)?;
    Ok(columns)
}

fn column_name(parser: &mut Parser) -> Result<String, ParserError> {
    let name = parser.parse_object_name(false)?;
    match name.0.last().and_then(|part| part.as_ident()) {
        Some(Ident { value, .. }) => Ok(value.clone()),
        None => parser.expected_ref("a column", parser.peek_token_ref()),
    }
}

/// `[ROW] (value, …)`, where there may be none.
fn value_row(parser: &mut Parser) -> Result<Vec<Expr>, ParserError> {
    let _ = parser.parse_keyword(Keyword::ROW);
    parser.expect_token(&Token::LParen)?;
    if parser.consume_token(&Token::RParen) {
        return Ok(Vec::new());
    }
    let values = parser.parse_comma_separated(Parser::parse_expr)?;
    parser.expect_token(&Token::RParen)?;
    Ok(values)
}

/// `column = value`.
fn assignment(parser: &mut Parser) -> Result<(String, Expr), ParserError> {
    let column = column_name(parser)?;
    if !parser.consume_token(&Token::Assignment) {
        parser.expect_token(&Token::Eq)?;
    }
    Ok((column, parser.parse_expr()?))
}

/// What DROP TABLE says.
struct Drop {
    names: Vec<ObjectName>,
    if_exists: bool,
    temporary: bool,
}

/// `[TEMPORARY] TABLE [IF EXISTS] name, …`.
fn drop(parser: &mut Parser) -> Result<Drop, ParserError> {
    let temporary = parser.parse_keyword(Keyword::TEMPORARY);
    if !parser.parse_keyword(Keyword::TABLES) {
        parser.expect_keyword(Keyword::TABLE)?;
    }
    let if_exists = parser.parse_keywords(&[Keyword::IF, Keyword::EXISTS]);
    let names = parser.parse_comma_separated(|parser| parser.parse_object_name(false))?;
    let _ = parser.parse_one_of_keywords(&[Keyword::RESTRICT, Keyword::CASCADE]);
    at_end(parser)?;
    Ok(Drop { names, if_exists, temporary })
}

/// `[TABLE] name`.
fn truncate(parser: &mut Parser) -> Result<ObjectName, ParserError> {
    let _ = parser.parse_keyword(Keyword::TABLE);
    let name = parser.parse_object_name(false)?;
    at_end(parser)?;
    Ok(name)
}

fn begins_with_hash(name: &ObjectName) -> bool {
    name.0.last().and_then(|part| part.as_ident()).is_some_and(|ident| ident.value.starts_with('#'))
}

/// Whether a query begins here, or AS before one.
fn begins_query(token: &Token) -> bool {
    match token {
        Token::Word(word) => ["SELECT", "WITH", "VALUES", "TABLE", "AS"].iter().any(|name| is(word, name)),
        Token::LParen => true,
        _ => false,
    }
}

fn ends(token: &Token) -> bool {
    matches!(token, Token::EOF | Token::SemiColon)
}

fn at_end(parser: &Parser) -> Result<(), ParserError> {
    if ends(&parser.peek_token_ref().token) {
        return Ok(());
    }
    parser.expected_ref("the end of the statement", parser.peek_token_ref())
}

fn no_keys() -> Error {
    Error::NotSupported("keys and constraints of temporary tables".to_owned())
}
