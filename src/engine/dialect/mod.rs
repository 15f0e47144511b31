//! The MySQL language: tokens, precedence, statements, and their rewrite to what DataFusion plans.
//!
//! It knows syntax and types; no table's files, no session's state but what [`Mode`] tells.
//!
//! A text becomes [`tokens`], the [`front`] reads statements from them, the parser reads expressions and queries
//! with the [`grammar`]'s precedences, and [`rewrite`] makes of them what DataFusion's planner takes. What depends
//! on types follows when the query is planned: [`planner`] for comparisons, [`missing`] for subqueries without rows,
//! [`places`] for those in ON and ORDER BY, [`membership`] for IN, ANY and ALL of subqueries, [`sets`] for UNION and its
//! like, [`frames`] for windows, [`conversion`] for all the rest, [`digits`] for what is shown of a quotient,
//! [`dependent`] for what uses columns from outside.

pub mod definition;
pub mod recursion;
pub mod reserved;
pub mod statement;
pub mod window;

mod bytes;
mod conversion;
mod dependent;
mod digits;
mod frames;
mod front;
mod grammar;
mod json;
mod membership;
mod missing;
mod places;
mod planner;
mod rewrite;
mod rollup;
mod sets;
mod tokens;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::logical_expr::planner::{ExprPlanner, RelationPlanner, TypePlanner};
use datafusion::optimizer::AnalyzerRule;
use sqlparser::ast::Expr;
use sqlparser::tokenizer::Token;

use super::error::{Error, Result};
use super::functions::operator::DIVISION_DIGITS;
use super::functions::stored::Target;
use statement::{CreateView, Heading, Parsed, Query, Statement};

pub use bytes::readable;
pub use front::Misread;
pub use grammar::call;
pub use rewrite::{children, groups, has_aggregate, is_aggregate};

/// The flags of `sql_mode` that change the language, and what else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mode {
    /// `"x"` is an identifier.
    pub ansi_quotes: bool,
    /// `||` concatenates.
    pub pipes_as_concat: bool,
    /// `\` in a string is a character like any other.
    pub no_backslash_escapes: bool,
    /// A selected expression must be grouped, aggregated or dependent on what is grouped.
    pub only_full_group_by: bool,
    /// Digits that a quotient has more than its dividend: `div_precision_increment`.
    pub division_digits: u8,
}

impl Default for Mode {
    fn default() -> Self {
        let Self { ansi_quotes, pipes_as_concat, no_backslash_escapes, division_digits, .. } = Self::OF_VIEWS;
        Self {
            ansi_quotes,
            pipes_as_concat,
            no_backslash_escapes,
            only_full_group_by: false,
            division_digits,
        }
    }
}

impl Mode {
    /// What the files of views are read with: MySQL's default, whatever a session has set.
    pub const OF_VIEWS: Self = Self {
        ansi_quotes: false,
        pipes_as_concat: false,
        no_backslash_escapes: false,
        only_full_group_by: true,
        division_digits: DIVISION_DIGITS.unsigned_abs(),
    };
}

/// Splits a text into its statements by `;`, outside of strings and comments. Empty ones are left out.
pub fn split(sql: &str, mode: Mode) -> Result<Vec<&str>> {
    Ok(tokens::split(sql, mode))
}

/// Where a word stands in a text, from a place on and in any case, in bytes; in back quotes it counts, too.
pub fn find_word(text: &str, from: usize, word: &str, mode: Mode) -> Option<usize> {
    let word = word.to_lowercase();
    let tokens = tokens::tokens(text, mode).ok()?;
    tokens.iter().find_map(|token| {
        let at = tokens::offset(token.span.start).filter(|at| *at >= from)?;
        matches!(&token.token, Token::Word(found) if found.value.to_lowercase() == word).then_some(at)
    })
}

/// Parses one statement. Depth and length are bounded: what is nested too deeply is refused, never a stack overflow.
/// A long statement still needs a stack of some MiB.
pub fn parse(sql: &str, mode: Mode) -> Result<Parsed> {
    front::parse(sql, mode).map_err(|misread| misread.error)
}

/// Parses the statement of a view's file; an error comes with its line.
pub fn parse_view(sql: &str) -> Result<CreateView, Misread> {
    match front::parse(sql, Mode::OF_VIEWS)?.statement {
        Statement::CreateView(view) => Ok(*view),
        _ => {
            let message = "a view's file holds one CREATE VIEW or CREATE MATERIALIZED VIEW".to_owned();
            Err(Misread { error: Error::Invalid(message), line: 1 })
        }
    }
}

/// Parses one query that the server itself wrote (SHOW as SELECT). It is rewritten as clients' queries are.
pub fn parse_query(sql: &str) -> Result<Query> {
    match parse(sql, Mode::default())?.statement {
        Statement::Query(query) => Ok(*query),
        _ => Err(Error::Invalid("not a query".to_owned())),
    }
}

/// The query of one row and one column that computes an expression of a statement (SET's values, KILL's id).
pub fn value_query(expression: Expr) -> Query {
    let ast = rewrite::query_of_expression(expression);
    let headings = vec![Heading::Text("value".to_owned())];
    Query { ast, headings, tables: Vec::new(), written: BTreeMap::new(), page: None, any_of_group: false }
}

/// A value as a column takes it, in the row of this number.
pub fn stored(value: Expr, target: &Target, row: u64) -> Result<Expr> {
    rewrite::stored(value, target, row)
}

/// VALUES with these rows, which were rewritten before.
pub fn values(rows: Vec<Vec<Expr>>) -> sqlparser::ast::Query {
    rewrite::rows(rows)
}

/// The query of one row of values, each of its own type.
pub fn row_query(values: Vec<Expr>) -> sqlparser::ast::Query {
    rewrite::row_query(values)
}

/// A query with more columns after its own.
pub fn with_columns(query: &mut Query, more: Vec<Expr>) {
    query.headings.extend(more.iter().map(|_| Heading::Text("value".to_owned())));
    rewrite::with_columns(&mut query.ast, more);
}

/// MySQL's comparisons of mixed types.
pub fn expr_planners() -> Vec<Arc<dyn ExprPlanner>> {
    vec![Arc::new(planner::MySqlPlanner)]
}

/// FROM items of MySQL's that DataFusion has not; those there are become others when they are parsed.
pub fn relation_planners() -> Vec<Arc<dyn RelationPlanner>> {
    Vec::new()
}

/// Types in CAST: the casts of a statement are functions, what is left is DataFusion's.
pub fn type_planner() -> Arc<dyn TypePlanner> {
    Arc::new(planner::PlainTypes)
}

/// All analyzer rules in order, DataFusion's own among them: MySQL's conversions come before type coercion.
pub fn analyzer_rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    conversion::analyzer_rules()
}
