//! The MySQL language: tokens, precedence, statements, and their rewrite to what DataFusion plans.
//!
//! It knows syntax and types; no table's files, no session's state but what [`Mode`] tells.

pub mod statement;

use std::sync::Arc;

use datafusion::logical_expr::planner::{ExprPlanner, RelationPlanner, TypePlanner};
use datafusion::optimizer::AnalyzerRule;

use super::error::Result;
use statement::{Parsed, Query};

/// The flags of `sql_mode` that change the language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mode {
    /// `"x"` is an identifier.
    pub ansi_quotes: bool,
    /// `||` concatenates.
    pub pipes_as_concat: bool,
    /// `\` in a string is a character like any other.
    pub no_backslash_escapes: bool,
    /// A selected expression must be grouped, aggregated or dependent on what is grouped.
    pub only_full_group_by: bool,
}

/// Splits a text into its statements by `;`, outside of strings and comments. Empty ones are left out.
pub fn split(_sql: &str, _mode: Mode) -> Result<Vec<&str>> {
    todo!()
}

/// Parses one statement. Depth and length are bounded: what is nested too deeply is refused, never a stack overflow.
pub fn parse(_sql: &str, _mode: Mode) -> Result<Parsed> {
    todo!()
}

/// Parses one query that the server itself wrote (SHOW as SELECT). It is rewritten as clients' queries are.
pub fn parse_query(_sql: &str) -> Result<Query> {
    todo!()
}

/// MySQL's operators over typed operands: `/`, DIV, comparisons of mixed types, `->` and others.
pub fn expr_planners() -> Vec<Arc<dyn ExprPlanner>> {
    todo!()
}

/// MySQL's FROM items that DataFusion has not: DUAL, JSON_TABLE.
pub fn relation_planners() -> Vec<Arc<dyn RelationPlanner>> {
    todo!()
}

/// MySQL's type names in CAST.
pub fn type_planner() -> Arc<dyn TypePlanner> {
    todo!()
}

/// All analyzer rules in order, DataFusion's own among them: MySQL's conversions come before type coercion.
pub fn analyzer_rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    todo!()
}
