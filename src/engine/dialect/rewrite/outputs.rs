//! A select list: the headings that clients see, the names that the engine uses, and what refers to them.
//!
//! It knows one SELECT and its ORDER BY; columns of tables are not known here.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use sqlparser::ast::{Distinct, Expr, GroupByExpr, Ident, OrderByExpr, Select, SelectItem, Value};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::super::front::{literal_string, syntax_error};
use super::super::grammar::call;
use super::super::statement::Heading;
use super::super::tokens::offset;
use super::super::window::Windows;
use super::collation::is_caseless;
use super::{Columns, Rewriter, lower};
use crate::engine::error::{Error, Result};

impl Rewriter<'_> {
    /// Rewrites one SELECT with the keys of its ORDER BY.
    pub(super) fn outputs(
        &mut self,
        select: &mut Select,
        columns: Columns,
        mut order_by: Option<&mut Vec<OrderByExpr>>,
    ) -> Result<Vec<Heading>> {
        refuse_foreign(select)?;
        // Hints to MySQL's optimizer.
        select.select_modifiers = None;
        select.optimizer_hints.clear();
        // Window functions stand in the select list and in ORDER BY.
        let outer_windows = self.windows.take();
        self.from(&mut select.from)?;
        self.enter_select(select, order_by.as_deref().map(Vec::as_slice));
        if let Some(condition) = &mut select.selection {
            self.condition(condition)?;
        }
        self.windows = Some(Windows::of(std::mem::take(&mut select.named_window))?);
        let texts =
            offset(select.select_token.0.span.start).and_then(|place| self.items.get(&place)).cloned();
        let mut headings = Vec::with_capacity(select.projection.len());
        for (index, item) in select.projection.iter_mut().enumerate() {
            if let SelectItem::Wildcard(wildcard) = item
                && index > 0
            {
                let place = offset(wildcard.wildcard_token.0.span.start);
                return Err(syntax_error(self.sql, place).error);
            }
            let text =
                texts.as_ref().and_then(|texts| texts.get(index)).map(|range| &self.sql[range.clone()]);
            headings.push(self.output(item, text)?);
        }
        let windows = self.windows.take();
        if let GroupByExpr::Expressions(keys, _) = &mut select.group_by {
            keys.iter_mut().try_for_each(|key| self.expression(key))?;
            if keys.iter().any(is_caseless) {
                return Err(Error::NotSupported("GROUP BY of a collation that ignores case".to_owned()));
            }
        }
        if let Some(having) = &mut select.having {
            self.condition(having)?;
        }
        self.windows = windows;
        if let Some(keys) = order_by.as_deref_mut() {
            for key in keys.iter_mut() {
                self.expression(&mut key.expr)?;
                if is_caseless(&key.expr) {
                    key.expr = call("lower", vec![key.expr.clone()]);
                }
            }
            keys.retain(|key| orders(&key.expr));
        }
        self.windows = outer_windows;
        let renamed = name_outputs(select, &headings, columns)?;
        if columns == Columns::Named {
            for heading in &headings {
                if let Heading::Text(name) | Heading::Column(name) = heading
                    && name.chars().any(char::is_uppercase)
                {
                    self.written.insert(name.to_lowercase(), name.clone());
                }
            }
        }
        self.leave_select();
        self.group(select, order_by, &headings, &renamed)?;
        Ok(headings)
    }

    /// Rewrites an item of the select list; answers its heading.
    fn output(&mut self, item: &mut SelectItem, text: Option<&str>) -> Result<Heading> {
        match item {
            SelectItem::UnnamedExpr(expression) => {
                let heading = match unnested(expression) {
                    Expr::Identifier(column)
                        if !column.value.starts_with('@') || column.quote_style.is_some() =>
                    {
                        Heading::Column(column.value.clone())
                    }
                    Expr::CompoundIdentifier(path) => {
                        Heading::Column(path.last().map(|column| column.value.clone()).unwrap_or_default())
                    }
                    // A string is its own heading, without what blanks are before it.
                    other => Heading::Text(match (literal_string(other), other) {
                        (Some(string), _) => string.trim_start().to_owned(),
                        (None, Expr::Value(value)) if is_word(&value.value) => {
                            value.to_string().to_ascii_uppercase()
                        }
                        (None, other) => text.map_or_else(|| other.to_string(), ToOwned::to_owned),
                    }),
                };
                self.expression(expression)?;
                one_column(expression)?;
                // UTC_DATE and the like look like columns and are calls.
                Ok(match (heading, &*expression) {
                    (Heading::Column(name), Expr::Function(_)) => Heading::Text(name),
                    (heading, _) => heading,
                })
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                let heading = Heading::Text(alias.value.clone());
                self.expression(expr)?;
                one_column(expr)?;
                self.note_output(&alias.value, expr);
                lower(alias);
                Ok(heading)
            }
            SelectItem::Wildcard(_) => Ok(Heading::Wildcard),
            SelectItem::QualifiedWildcard(kind, _) => {
                use sqlparser::ast::SelectItemQualifiedWildcardKind as Kind;
                match kind {
                    Kind::ObjectName(name) => super::lower_name(name),
                    Kind::Expr(_) => return Err(Error::NotSupported("fields of an expression".to_owned())),
                }
                Ok(Heading::Wildcard)
            }
            SelectItem::ExprWithAliases { .. } => Err(Error::NotSupported("several aliases".to_owned())),
        }
    }
}

/// A name or a constant without the parentheses around it.
fn unnested(expression: &Expr) -> &Expr {
    let mut inner = expression;
    while let Expr::Nested(nested) = inner {
        inner = nested;
    }
    match inner {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => inner,
        other if literal_string(other).is_some() => other,
        _ => expression,
    }
}

/// Whether a constant is a word, which heads its column in capitals.
fn is_word(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Boolean(_))
}

/// What sqlparser reads in other languages and MySQL has not.
fn refuse_foreign(select: &Select) -> Result<()> {
    let foreign = select.top.is_some()
        || select.prewhere.is_some()
        || select.qualify.is_some()
        || select.exclude.is_some()
        || !select.lateral_views.is_empty()
        || !select.connect_by.is_empty()
        || !select.cluster_by.is_empty()
        || !select.distribute_by.is_empty()
        || !select.sort_by.is_empty()
        || select.value_table_mode.is_some()
        || matches!(select.distinct, Some(Distinct::On(_)))
        || matches!(select.group_by, GroupByExpr::All(_));
    if select.into.is_some() {
        return Err(Error::NotSupported("SELECT … INTO".to_owned()));
    }
    if foreign { Err(Error::NotSupported("a clause of another language".to_owned())) } else { Ok(()) }
}

/// Neither a row nor an interval is a value that can be shown.
fn one_column(expression: &Expr) -> Result<()> {
    match expression {
        Expr::Tuple(_) => Err(Error::OperandColumns(1)),
        Expr::Interval(_) => Err(Error::Invalid("INTERVAL stands beside a date or time only".to_owned())),
        _ => Ok(()),
    }
}

/// Whether a key of ORDER BY orders anything: NULL and strings do not, numbers are ordinals.
fn orders(key: &Expr) -> bool {
    !matches!(key, Expr::Value(value) if !matches!(value.value, Value::Number(..)))
}

/// Gives each output a name that no other has. Answers which aliases got another name than they have in the statement.
fn name_outputs(
    select: &mut Select,
    headings: &[Heading],
    columns: Columns,
) -> Result<HashMap<String, String>> {
    let has_wildcard = headings.contains(&Heading::Wildcard);
    let mut used: HashSet<String> = HashSet::new();
    let mut renamed = HashMap::new();
    for (item, heading) in select.projection.iter_mut().zip(headings) {
        let (name, is_alias) = match (&*item, heading) {
            (SelectItem::UnnamedExpr(_), Heading::Column(name)) => (name.to_lowercase(), false),
            (SelectItem::UnnamedExpr(_), Heading::Text(text)) => (text.to_lowercase(), false),
            (SelectItem::ExprWithAlias { alias, .. }, _) => (alias.value.clone(), true),
            _ => continue,
        };
        let first = used.insert(name.clone());
        if columns == Columns::Named {
            if !first {
                return Err(Error::DuplicateColumn(match heading {
                    Heading::Column(name) | Heading::Text(name) | Heading::Expanded(name) => name.clone(),
                    Heading::Wildcard => name,
                }));
            }
            if matches!(heading, Heading::Text(_)) {
                set_alias(item, name);
            }
            continue;
        }
        // Next to `*` any name may already be taken by a table's column.
        let keeps = first && !has_wildcard;
        let unique = if keeps { name.clone() } else { unused(&name, &mut used) };
        if matches!(heading, Heading::Column(_)) && keeps {
            continue;
        }
        if is_alias && unique != name {
            renamed.entry(name).or_insert_with(|| unique.clone());
        }
        set_alias(item, unique);
    }
    Ok(renamed)
}

/// `name$1`, `name$2` …: the first that is free.
fn unused(name: &str, used: &mut HashSet<String>) -> String {
    let mut number = used.len();
    loop {
        let candidate = format!("{name}${number}");
        if used.insert(candidate.clone()) {
            return candidate;
        }
        number += 1;
    }
}

fn set_alias(item: &mut SelectItem, name: String) {
    let alias = Ident::with_quote('`', name);
    let taken = std::mem::replace(item, SelectItem::UnnamedExpr(Expr::Value(Value::Null.into())));
    *item = match taken {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            SelectItem::ExprWithAlias { expr, alias }
        }
        other => other,
    };
}

/// The places of the items of each select list, by the place of its SELECT.
pub fn select_lists(tokens: &[TokenWithSpan]) -> HashMap<usize, Vec<Range<usize>>> {
    let mut lists: HashMap<usize, Vec<Range<usize>>> = HashMap::new();
    // One entry for each open parenthesis: the select list that is read inside it.
    let mut open: Vec<Option<List>> = vec![None];
    let mut after_period = false;
    for token in tokens {
        let (Some(start), Some(end)) = (offset(token.span.start), offset(token.span.end)) else { continue };
        let keyword = match &token.token {
            Token::Word(word) if word.quote_style.is_none() && !after_period => word.keyword,
            _ => Keyword::NoKeyword,
        };
        after_period = token.token == Token::Period;
        let Some(current) = open.last_mut() else { break };
        match &token.token {
            Token::LParen => {
                if let Some(list) = current {
                    list.extend(start, end);
                }
                open.push(None);
            }
            Token::RParen => {
                if let Some(list) = open.pop().flatten() {
                    list.finish(&mut lists);
                }
                if let Some(Some(list)) = open.last_mut() {
                    list.extend(start, end);
                }
            }
            _ if keyword == Keyword::SELECT => {
                if let Some(list) = current.replace(List { select: start, items: Vec::new(), item: None }) {
                    list.finish(&mut lists);
                }
            }
            _ if ENDS.contains(&keyword) || token.token == Token::SemiColon => {
                if let Some(list) = current.take() {
                    list.finish(&mut lists);
                }
            }
            Token::Comma => {
                if let Some(list) = current {
                    list.items.extend(list.item.take());
                }
            }
            // Before the first item stand DISTINCT and hints.
            Token::Word(word)
                if word.quote_style.is_none()
                    && current.as_ref().is_some_and(|list| list.items.is_empty() && list.item.is_none())
                    && MODIFIERS.contains(&word.value.to_ascii_uppercase().as_str()) => {}
            _ => {
                if let Some(list) = current {
                    list.extend(start, end);
                }
            }
        }
    }
    open.into_iter().flatten().for_each(|list| list.finish(&mut lists));
    lists
}

/// Words that end a select list.
const ENDS: &[Keyword] = &[
    Keyword::FROM,
    Keyword::WHERE,
    Keyword::GROUP,
    Keyword::HAVING,
    Keyword::ORDER,
    Keyword::LIMIT,
    Keyword::UNION,
    Keyword::EXCEPT,
    Keyword::INTERSECT,
    Keyword::INTO,
    Keyword::FOR,
    Keyword::WINDOW,
    Keyword::LOCK,
];

const MODIFIERS: &[&str] = &[
    "ALL",
    "DISTINCT",
    "DISTINCTROW",
    "HIGH_PRIORITY",
    "STRAIGHT_JOIN",
    "SQL_SMALL_RESULT",
    "SQL_BIG_RESULT",
    "SQL_BUFFER_RESULT",
    "SQL_NO_CACHE",
    "SQL_CACHE",
    "SQL_CALC_FOUND_ROWS",
];

#[derive(Clone, Debug)]
struct List {
    select: usize,
    items: Vec<Range<usize>>,
    item: Option<Range<usize>>,
}

impl List {
    fn extend(&mut self, start: usize, end: usize) {
        self.item = Some(self.item.as_ref().map_or(start, |item| item.start)..end);
    }

    fn finish(mut self, lists: &mut HashMap<usize, Vec<Range<usize>>>) {
        self.items.extend(self.item.take());
        lists.insert(self.select, self.items);
    }
}
