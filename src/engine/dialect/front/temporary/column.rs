//! A column of CREATE TEMPORARY TABLE: its type, its default and its other options.
//!
//! It knows the grammar; what a type holds is not known here.

use sqlparser::ast::{self, Expr, UnaryOperator, Value};
use sqlparser::tokenizer::Token;

use super::super::super::statement::{DefaultValue, TemporaryColumn};
use super::super::{Front, Read};
use super::no_keys;
use crate::engine::declared::{self, Misdeclared, Written};
use crate::engine::error::Error;
use crate::engine::types::MysqlType;

/// Words that begin a key or a constraint, which would have to be held.
const KEYS: [&str; 7] = ["PRIMARY", "UNIQUE", "KEY", "AUTO_INCREMENT", "REFERENCES", "CHECK", "CONSTRAINT"];

impl Front<'_> {
    /// `name type [options]`.
    pub(super) fn column(&mut self) -> Read<TemporaryColumn> {
        let name = self.name()?;
        let written = self.column_type()?;
        let kind = match declared::of(&written, &name) {
            Ok(kind) => kind,
            Err(Misdeclared::Unknown(_)) => return self.unexpected(),
            Err(misdeclared) => return Err(Error::from(misdeclared).into()),
        };
        let mut column = TemporaryColumn {
            name,
            kind,
            nullable: true,
            default: None,
            updated: false,
            comment: String::new(),
        };
        while !matches!(
            self.parser.peek_token_ref().token,
            Token::Comma | Token::RParen | Token::EOF | Token::SemiColon
        ) {
            self.column_option(&mut column)?;
        }
        let is_null = column.default.as_ref().is_some_and(DefaultValue::is_null);
        if is_null && !column.nullable {
            return Err(Error::from(Misdeclared::Default(column.name)).into());
        }
        let is_literal = column.default.as_ref().is_some_and(|default| default.is_literal);
        if is_literal && !is_null && (column.kind.is_long() || column.kind == MysqlType::Json) {
            return Err(Error::from(Misdeclared::LongDefault(column.name)).into());
        }
        Ok(column)
    }

    /// A type's words, the numbers in parentheses after them, and UNSIGNED.
    fn column_type(&mut self) -> Read<Written> {
        self.accept("NATIONAL");
        let mut name = match &self.parser.peek_token_ref().token {
            Token::Word(word) if word.quote_style.is_none() => word.value.to_lowercase(),
            _ => return self.unexpected(),
        };
        self.parser.advance_token();
        let second: &[&str] = match name.as_str() {
            "double" => &["PRECISION"],
            "char" | "character" | "nchar" => &["VARYING"],
            "long" => &["VARCHAR", "VARBINARY"],
            _ => &[],
        };
        if let Some(word) = second.iter().find(|word| self.accept(word)) {
            name = format!("{name} {}", word.to_lowercase());
        }
        let mut written = Written { name, ..Written::default() };
        if matches!(written.name.as_str(), "enum" | "set") {
            return Ok(written);
        }
        if self.parser.consume_token(&Token::LParen) {
            written.numbers = self.parser.parse_comma_separated(|parser| parser.parse_literal_uint())?;
            self.parser.expect_token(&Token::RParen)?;
        }
        loop {
            if self.accept("UNSIGNED") {
                written.unsigned = true;
            } else if self.accept("ZEROFILL") {
                return Err(Error::NotSupported("ZEROFILL".to_owned()).into());
            } else if !self.accept("SIGNED") {
                return Ok(written);
            }
        }
    }

    fn column_option(&mut self, column: &mut TemporaryColumn) -> Read<()> {
        if self.accept("NOT") {
            self.expect("NULL")?;
            column.nullable = false;
        } else if self.accept("NULL") {
            column.nullable = true;
        } else if self.accept("DEFAULT") {
            column.default = Some(self.default_value(column)?);
        } else if self.accept("ON") {
            self.expect("UPDATE")?;
            let now = self.parser.parse_prefix()?;
            let digits = current_timestamp(&now);
            if digits.is_none() || digits != fraction(column.kind) {
                return Err(Error::from(Misdeclared::OnUpdate(column.name.clone())).into());
            }
            column.updated = true;
        } else if self.accept("COMMENT") {
            column.comment = self.word_or_string()?;
        } else if self.accept("CHARACTER") {
            self.expect("SET")?;
            self.named_character_set()?;
        } else if self.accept("CHARSET") {
            self.named_character_set()?;
        } else if self.accept("COLLATE") {
            self.word_or_string()?;
        } else if self.accept("GENERATED") || self.accept("AS") {
            return Err(Error::NotSupported("generated columns of temporary tables".to_owned()).into());
        } else if KEYS.iter().any(|word| self.accept(word)) {
            return Err(no_keys().into());
        } else if !self.accept("ASCII") && !self.accept("UNICODE") && !self.accept("BINARY") {
            return self.unexpected();
        }
        Ok(())
    }

    /// Texts are UTF-8 whatever set is named; bytes would be another type.
    fn named_character_set(&mut self) -> Read<()> {
        match self.word_or_string()?.eq_ignore_ascii_case("binary") {
            true => Err(Error::NotSupported("CHARACTER SET binary of a column".to_owned()).into()),
            false => Ok(()),
        }
    }

    /// What follows DEFAULT: a literal, the time of the INSERT, or any expression in parentheses.
    fn default_value(&mut self, column: &TemporaryColumn) -> Read<DefaultValue> {
        let in_parentheses = self.parser.peek_token_ref().token == Token::LParen;
        // Options follow, of which NOT NULL and COLLATE would be read as operators.
        let mut value = self.parser.parse_prefix()?;
        let is_literal = !in_parentheses && is_literal(&value);
        let text = match current_timestamp(&value) {
            Some(0) => "CURRENT_TIMESTAMP".to_owned(),
            Some(digits) => format!("CURRENT_TIMESTAMP({digits})"),
            None => value.to_string(),
        };
        let is_time = !in_parentheses && current_timestamp(&value).is_some();
        if is_time && current_timestamp(&value) != fraction(column.kind)
            || !in_parentheses && !is_literal && !is_time
        {
            return Err(Error::from(Misdeclared::Default(column.name.clone())).into());
        }
        self.rewriter.expression(&mut value)?;
        Ok(DefaultValue { value, text, is_literal })
    }
}

/// A constant, as DEFAULT takes it without parentheses.
fn is_literal(value: &Expr) -> bool {
    match value {
        Expr::Value(_) | Expr::TypedString(_) | Expr::Prefixed { .. } => true,
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => is_literal(expr),
        _ => false,
    }
}

/// The digits of the second that CURRENT_TIMESTAMP or one of its other names asks for, if it is one.
fn current_timestamp(value: &Expr) -> Option<u8> {
    let Expr::Function(call) = value else { return None };
    let name = call.name.0.last()?.as_ident()?.value.to_ascii_lowercase();
    if !matches!(name.as_str(), "current_timestamp" | "now" | "localtime" | "localtimestamp") {
        return None;
    }
    let ast::FunctionArguments::List(list) = &call.args else { return Some(0) };
    match list.args.as_slice() {
        [] => Some(0),
        [ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(Expr::Value(digits)))] => match &digits.value {
            Value::Number(digits, _) => digits.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

/// The digits of the second of a column that the time can be put into by itself.
fn fraction(kind: MysqlType) -> Option<u8> {
    match kind {
        MysqlType::DateTime { fraction } | MysqlType::Timestamp { fraction } => Some(fraction),
        _ => None,
    }
}
