//! CREATE TEMPORARY TABLE, and INSERT, DROP and TRUNCATE, which may mean such a table.
//!
//! It knows their grammar and names; which tables a session has is not known here. What is written otherwise than
//! read here is no statement about a temporary table, and refused as every other write.

use sqlparser::ast::{self, ColumnOption, DataType, Expr, ObjectName, SetExpr, TableConstraint};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{IsOptional, Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::super::grammar::is;
use super::super::rewrite::row;
use super::super::statement::{Statement, TableName, Temporary, TemporaryColumn};
use super::{Front, Read, table_name};
use crate::engine::error::{Error, Result};

impl Front<'_> {
    /// A statement that may be about a temporary table, after its first word; `None` when it is another one.
    pub(super) fn temporary(&mut self, command: &str) -> Read<Option<Statement>> {
        let read = match command {
            "CREATE" => self.parser.maybe_parse(create)?,
            "INSERT" => self.parser.maybe_parse(insert)?,
            "DROP" => self.parser.maybe_parse(drop)?,
            "TRUNCATE" => self.parser.maybe_parse(truncate)?,
            _ => None,
        };
        let Some(read) = read else { return Ok(None) };
        let statement = match read {
            Raw::Create { name, if_not_exists, columns, constraints, query } => {
                keyless(&constraints)?;
                let columns = columns.into_iter().map(column).collect::<Result<Vec<_>>>()?;
                let query = query.map(|query| self.rewritten(*query)).transpose()?;
                Temporary::Create { name: table_name(&name)?, if_not_exists, columns, query }
            }
            Raw::Insert { name, columns, source } => Temporary::Insert {
                name: table_name(&name)?,
                columns: columns.map(|columns| columns.into_iter().map(|column| column.value).collect()),
                source: self.rewritten(*source)?,
            },
            Raw::Drop { names, if_exists, temporary } => Temporary::Drop {
                names: names.iter().map(table_name).collect::<Result<Vec<TableName>>>()?,
                if_exists,
                temporary,
            },
            Raw::Truncate { name } => Temporary::Truncate(table_name(&name)?),
        };
        Ok(Some(Statement::Temporary(Box::new(statement))))
    }

    fn rewritten(&mut self, mut query: ast::Query) -> Result<Box<super::Query>> {
        let headings = self.rewriter.statement(&mut query)?;
        Ok(Box::new(self.rewriter.finish(query, headings)))
    }
}

/// A statement as it was read, before names and expressions are rewritten.
enum Raw {
    Create {
        name: ObjectName,
        if_not_exists: bool,
        columns: Vec<ast::ColumnDef>,
        constraints: Vec<TableConstraint>,
        query: Option<Box<ast::Query>>,
    },
    Insert {
        name: ObjectName,
        columns: Option<Vec<ast::Ident>>,
        source: Box<ast::Query>,
    },
    Drop {
        names: Vec<ObjectName>,
        if_exists: bool,
        temporary: bool,
    },
    Truncate {
        name: ObjectName,
    },
}

/// `[TEMPORARY] TABLE [IF NOT EXISTS] name (columns) [options]` and `… name [(columns)] [options] [AS] SELECT`.
/// Without TEMPORARY it is one when its name begins with `#`.
fn create(parser: &mut Parser) -> Result<Raw, ParserError> {
    let temporary = parser.parse_keyword(Keyword::TEMPORARY);
    parser.expect_keyword(Keyword::TABLE)?;
    let if_not_exists = parser.parse_keywords(&[Keyword::IF, Keyword::NOT, Keyword::EXISTS]);
    let name = parser.parse_object_name(false)?;
    if !temporary && !begins_with_hash(&name) {
        return parser.expected_ref("a temporary table", parser.peek_token_ref());
    }
    let lists_columns =
        parser.peek_token_ref().token == Token::LParen && !begins_query(&parser.peek_nth_token_ref(1).token);
    let (columns, constraints) =
        if lists_columns { parser.parse_columns()? } else { (Vec::new(), Vec::new()) };
    // ENGINE, CHARSET and other options change nothing here.
    while !ends(&parser.peek_token_ref().token) && !begins_query(&parser.peek_token_ref().token) {
        parser.advance_token();
    }
    let query = if ends(&parser.peek_token_ref().token) {
        None
    } else {
        let _ = parser.parse_keyword(Keyword::AS);
        Some(parser.parse_query()?)
    };
    at_end(parser)?;
    Ok(Raw::Create { name, if_not_exists, columns, constraints, query })
}

/// `[INTO] name [(columns)] {VALUES … | SELECT …}` and `[INTO] name SET column = value, …`.
fn insert(parser: &mut Parser) -> Result<Raw, ParserError> {
    let _ = parser.parse_keyword(Keyword::INTO);
    let name = parser.parse_object_name(false)?;
    let lists_columns =
        parser.peek_token_ref().token == Token::LParen && !begins_query(&parser.peek_nth_token_ref(1).token);
    let columns = match lists_columns {
        true => Some(parser.parse_parenthesized_column_list(IsOptional::Mandatory, true)?),
        false => None,
    };
    if columns.is_none() && parser.parse_keyword(Keyword::SET) {
        let assignments = parser.parse_comma_separated(|parser| {
            let column = parser.parse_identifier()?;
            parser.expect_token(&Token::Eq)?;
            Ok((column, parser.parse_expr()?))
        })?;
        at_end(parser)?;
        let (columns, content): (Vec<_>, Vec<_>) = assignments.into_iter().unzip();
        return Ok(Raw::Insert { name, columns: Some(columns), source: Box::new(row(content)) });
    }
    let source = parser.parse_query()?;
    if matches!(
        *source.body,
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_)
    ) {
        return parser.expected_ref("rows", parser.peek_token_ref());
    }
    at_end(parser)?;
    Ok(Raw::Insert { name, columns, source })
}

/// `[TEMPORARY] TABLE [IF EXISTS] name, …`.
fn drop(parser: &mut Parser) -> Result<Raw, ParserError> {
    let temporary = parser.parse_keyword(Keyword::TEMPORARY);
    if !parser.parse_keyword(Keyword::TABLES) {
        parser.expect_keyword(Keyword::TABLE)?;
    }
    let if_exists = parser.parse_keywords(&[Keyword::IF, Keyword::EXISTS]);
    let names = parser.parse_comma_separated(|parser| parser.parse_object_name(false))?;
    let _ = parser.parse_one_of_keywords(&[Keyword::RESTRICT, Keyword::CASCADE]);
    at_end(parser)?;
    Ok(Raw::Drop { names, if_exists, temporary })
}

/// `[TABLE] name`.
fn truncate(parser: &mut Parser) -> Result<Raw, ParserError> {
    let _ = parser.parse_keyword(Keyword::TABLE);
    let name = parser.parse_object_name(false)?;
    at_end(parser)?;
    Ok(Raw::Truncate { name })
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

/// Indexes change no answer and are left out; keys would, and are refused.
fn keyless(constraints: &[TableConstraint]) -> Result<()> {
    let plain = |constraint: &TableConstraint| {
        matches!(constraint, TableConstraint::Index(_) | TableConstraint::FulltextOrSpatial(_))
    };
    if constraints.iter().all(plain) { Ok(()) } else { Err(no_keys()) }
}

fn no_keys() -> Error {
    Error::NotSupported("keys and constraints of temporary tables".to_owned())
}

fn column(definition: ast::ColumnDef) -> Result<TemporaryColumn> {
    let mut column = TemporaryColumn {
        name: definition.name.value,
        max_characters: characters(&definition.data_type),
        data_type: definition.data_type.to_string(),
        nullable: true,
        default: None,
        comment: String::new(),
    };
    for option in definition.options {
        match option.option {
            ColumnOption::Null | ColumnOption::CharacterSet(_) | ColumnOption::Collation(_) => {}
            ColumnOption::NotNull => column.nullable = false,
            ColumnOption::Default(value @ (Expr::Value(_) | Expr::UnaryOp { .. })) => {
                column.default = Some(value)
            }
            ColumnOption::Comment(comment) => column.comment = comment,
            _ => return Err(no_keys()),
        }
    }
    Ok(column)
}

/// Most characters of a text.
fn characters(data_type: &DataType) -> Option<u32> {
    let length = match data_type {
        DataType::Char(length) | DataType::Character(length) => Some(length.map_or(1, in_characters)),
        DataType::Varchar(length) | DataType::CharVarying(length) | DataType::CharacterVarying(length) => {
            length.map(in_characters)
        }
        _ => None,
    };
    length.and_then(|length| u32::try_from(length).ok())
}

fn in_characters(length: ast::CharacterLength) -> u64 {
    match length {
        ast::CharacterLength::IntegerLength { length, .. } => length,
        ast::CharacterLength::Max => u64::MAX,
    }
}
