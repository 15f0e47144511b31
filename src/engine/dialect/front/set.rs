//! SET in all its forms, and the values that it assigns.
//!
//! It knows no variable: which there are and what they take is decided where they live.

use sqlparser::ast::Expr;
use sqlparser::tokenizer::Token;

use super::super::grammar;
use super::super::statement::{Assignment, Statement};
use super::{Front, Read};

impl Front<'_> {
    /// Assignments, separated by commas. GLOBAL and SESSION hold for the assignments that follow, too.
    pub(super) fn set(&mut self) -> Read<Statement> {
        if self.accept("PASSWORD") {
            self.skip_rest();
            return Ok(Statement::Refused { command: "SET PASSWORD".to_owned(), table: None });
        }
        let mut assignments = Vec::new();
        let mut scope = None;
        loop {
            if let Some(word) = ["GLOBAL", "PERSIST", "PERSIST_ONLY", "SESSION", "LOCAL"]
                .into_iter()
                .find(|word| self.accept(word))
            {
                scope = Some(!matches!(word, "SESSION" | "LOCAL"));
            }
            self.assignments(scope, &mut assignments)?;
            if !self.parser.consume_token(&Token::Comma) {
                return Ok(Statement::Set(assignments));
            }
        }
    }

    /// `scope` tells whether they are global, if a word says so.
    fn assignments(&mut self, scope: Option<bool>, assignments: &mut Vec<Assignment>) -> Read<()> {
        let global = scope.unwrap_or(false);
        let Token::Word(word) = self.parser.peek_token_ref().token.clone() else { return self.unexpected() };
        let next_assigns =
            matches!(self.parser.peek_nth_token_ref(1).token, Token::Eq | Token::Assignment | Token::Period);
        if let Some(name) = word.value.strip_prefix('@').filter(|_| word.quote_style.is_none()) {
            self.parser.advance_token();
            self.assign()?;
            assignments.push(match name.strip_prefix('@') {
                Some(system) => {
                    let (global, name) = scoped(system);
                    Assignment::System { global, name, value: self.value()? }
                }
                None => Assignment::User { name: name.to_lowercase(), value: self.expression()? },
            });
            return Ok(());
        }
        if !next_assigns && word.quote_style.is_none() {
            self.parser.advance_token();
            match word.value.to_ascii_uppercase().as_str() {
                "NAMES" => assignments.push(self.names()?),
                "CHARSET" => assignments.push(self.character_set()?),
                "CHARACTER" | "CHAR" => {
                    self.expect("SET")?;
                    assignments.push(self.character_set()?);
                }
                "TRANSACTION" => match scope {
                    Some(global) => self.transaction(global, assignments)?,
                    // It is for the next transaction only, and none has an effect.
                    None => self.transaction(false, &mut Vec::new())?,
                },
                "ROLE" | "RESOURCE" => {
                    self.skip_rest();
                    assignments.push(Assignment::Nothing);
                }
                "DEFAULT" => {
                    self.expect("ROLE")?;
                    self.skip_rest();
                    assignments.push(Assignment::Nothing);
                }
                _ => return self.unexpected(),
            }
            return Ok(());
        }
        let name = self
            .parser
            .parse_object_name(false)?
            .0
            .iter()
            .map(|part| part.as_ident().map(|ident| ident.value.to_lowercase()).unwrap_or_default())
            .collect::<Vec<_>>()
            .join(".");
        self.assign()?;
        assignments.push(Assignment::System { global, name, value: self.value()? });
        Ok(())
    }

    fn assign(&mut self) -> Read<()> {
        if self.parser.consume_token(&Token::Eq) || self.parser.consume_token(&Token::Assignment) {
            Ok(())
        } else {
            self.unexpected()
        }
    }

    /// An expression, DEFAULT, or a bare word, which is a string: `SET character_set_results = utf8mb4`.
    fn value(&mut self) -> Read<Option<Expr>> {
        let ends =
            matches!(self.parser.peek_nth_token_ref(1).token, Token::Comma | Token::EOF | Token::SemiColon);
        if let Token::Word(word) = self.parser.peek_token_ref().token.clone()
            && ends
            && word.quote_style.is_none()
            && !word.value.starts_with('@')
        {
            return match word.value.to_ascii_uppercase().as_str() {
                "DEFAULT" => {
                    self.parser.advance_token();
                    Ok(None)
                }
                "TRUE" | "FALSE" | "NULL" => self.expression().map(Some),
                _ => {
                    self.parser.advance_token();
                    Ok(Some(grammar::string(word.value)))
                }
            };
        }
        self.expression().map(Some)
    }

    fn names(&mut self) -> Read<Assignment> {
        if self.accept("DEFAULT") {
            return Ok(Assignment::Names { charset: None, collation: None });
        }
        let charset = Some(self.word_or_string()?.to_lowercase());
        let collation =
            if self.accept("COLLATE") { Some(self.word_or_string()?.to_lowercase()) } else { None };
        Ok(Assignment::Names { charset, collation })
    }

    fn character_set(&mut self) -> Read<Assignment> {
        let charset = if self.accept("DEFAULT") { None } else { Some(self.word_or_string()?.to_lowercase()) };
        Ok(Assignment::Names { charset, collation: None })
    }

    /// SET TRANSACTION sets the variables of the same meaning.
    fn transaction(&mut self, global: bool, assignments: &mut Vec<Assignment>) -> Read<()> {
        let mut system = |name: &str, value: &str| {
            let (name, value) = (name.to_owned(), Some(grammar::string(value)));
            assignments.push(Assignment::System { global, name, value });
        };
        loop {
            if self.accept("ISOLATION") {
                self.expect("LEVEL")?;
                let level = if self.accept("REPEATABLE") {
                    self.expect("READ")?;
                    "REPEATABLE-READ"
                } else if self.accept("SERIALIZABLE") {
                    "SERIALIZABLE"
                } else {
                    self.expect("READ")?;
                    if self.accept("COMMITTED") {
                        "READ-COMMITTED"
                    } else {
                        self.expect("UNCOMMITTED")?;
                        "READ-UNCOMMITTED"
                    }
                };
                system("transaction_isolation", level);
            } else {
                self.expect("READ")?;
                let read_only = self.accept("ONLY");
                if !read_only {
                    self.expect("WRITE")?;
                }
                system("transaction_read_only", if read_only { "ON" } else { "OFF" });
            }
            if !self.parser.consume_token(&Token::Comma) {
                return Ok(());
            }
        }
    }
}

/// The scope and the name in `global.x`, `session.x`, `x`.
fn scoped(name: &str) -> (bool, String) {
    let name = name.to_lowercase();
    match name.split_once('.') {
        Some(("global" | "persist" | "persist_only", name)) => (true, name.to_owned()),
        Some(("session" | "local", name)) => (false, name.to_owned()),
        // Without a word before it, `@@x` is the session's.
        _ => (false, name),
    }
}
