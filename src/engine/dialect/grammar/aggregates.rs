//! Calls that MySQL's grammar knows by their names: aggregates and window functions, and the windows of both.
//!
//! What may stand in their parentheses is a matter of syntax in MySQL: `SUM(a, b)` and `ROW_NUMBER()` without OVER are
//! no statements. Each function stands at the phrase's first token and reads it to its end.

use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArgumentList, FunctionArguments, Ident, NullTreatment, ObjectName, WindowFrame, WindowFrameBound,
    WindowFrameUnits, WindowSpec, WindowType,
};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::build::is;

/// The name of NTH_VALUE with FROM LAST, which the rewriter refuses.
pub const FROM_LAST: &str = "mysql_nth_value_from_last";

/// What stands in the parentheses of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// COUNT: `*`, a value, or several with DISTINCT.
    Count,
    /// A value, also with DISTINCT.
    Distinct,
    /// A value.
    Value,
    /// JSON_OBJECTAGG: a name and a value.
    Pair,
    /// GROUP_CONCAT: values, their order and what separates them.
    Concat,
    /// Of a window: nothing.
    Place,
    /// NTILE: a number.
    Tiles,
    /// LAG and LEAD: a value, how many rows away it is, and what stands in for it.
    Shift,
    /// FIRST_VALUE and LAST_VALUE: a value.
    Edge,
    /// NTH_VALUE: a value and a number.
    Nth,
}

impl Shape {
    /// That of a function's call, by its name in upper case.
    pub fn of(name: &str) -> Option<Self> {
        Some(match name {
            "COUNT" => Self::Count,
            "AVG" | "MAX" | "MIN" | "SUM" => Self::Distinct,
            "BIT_AND" | "BIT_OR" | "BIT_XOR" | "JSON_ARRAYAGG" | "STD" | "STDDEV" | "STDDEV_POP"
            | "STDDEV_SAMP" | "VARIANCE" | "VAR_POP" | "VAR_SAMP" => Self::Value,
            "JSON_OBJECTAGG" => Self::Pair,
            "GROUP_CONCAT" => Self::Concat,
            "CUME_DIST" | "DENSE_RANK" | "PERCENT_RANK" | "RANK" | "ROW_NUMBER" => Self::Place,
            "NTILE" => Self::Tiles,
            "LAG" | "LEAD" => Self::Shift,
            "FIRST_VALUE" | "LAST_VALUE" => Self::Edge,
            "NTH_VALUE" => Self::Nth,
            _ => return None,
        })
    }

    fn needs_window(self) -> bool {
        matches!(self, Self::Place | Self::Tiles | Self::Shift | Self::Edge | Self::Nth)
    }

    fn arguments(self, parser: &mut Parser) -> Result<FunctionArgumentList, ParserError> {
        let mut list =
            FunctionArgumentList { duplicate_treatment: None, args: Vec::new(), clauses: Vec::new() };
        if matches!(self, Self::Distinct | Self::Count | Self::Concat)
            && parser.parse_keyword(Keyword::DISTINCT)
        {
            list.duplicate_treatment = Some(DuplicateTreatment::Distinct);
        } else if matches!(self, Self::Distinct | Self::Count | Self::Value | Self::Pair) {
            // What is not DISTINCT is all.
            let _ = parser.parse_keyword(Keyword::ALL);
        }
        match self {
            Self::Place => {}
            Self::Tiles => list.args.push(whole_number(parser)?),
            Self::Count if list.duplicate_treatment.is_none() && parser.consume_token(&Token::Mul) => {
                list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Wildcard));
            }
            Self::Count if list.duplicate_treatment.is_some() => values(parser, &mut list.args)?,
            Self::Count | Self::Distinct | Self::Value | Self::Edge => list.args.push(value(parser)?),
            Self::Pair | Self::Nth => {
                list.args.push(value(parser)?);
                parser.expect_token(&Token::Comma)?;
                if self == Self::Pair {
                    let _ = parser.parse_keyword(Keyword::ALL);
                }
                list.args.push(value(parser)?);
            }
            Self::Shift => {
                list.args.push(value(parser)?);
                if parser.consume_token(&Token::Comma) {
                    list.args.push(whole_number(parser)?);
                    if parser.consume_token(&Token::Comma) {
                        list.args.push(value(parser)?);
                    }
                }
            }
            Self::Concat => {
                values(parser, &mut list.args)?;
                list.clauses = order_and_separator(parser)?;
            }
        }
        Ok(list)
    }
}

/// The call of an aggregate or a window function.
pub fn aggregate(parser: &mut Parser, name: &str, shape: Shape) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let arguments = shape.arguments(parser)?;
    parser.expect_token(&Token::RParen)?;
    let name = if shape == Shape::Nth && from_last(parser)? { FROM_LAST } else { name };
    let null_treatment =
        if matches!(shape, Shape::Shift | Shape::Edge | Shape::Nth) { null_treatment(parser)? } else { None };
    let over = window(parser)?;
    if over.is_none() && shape.needs_window() {
        return parser.expected_ref("OVER", parser.peek_token_ref());
    }
    Ok(Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(arguments),
        filter: None,
        null_treatment,
        over,
        within_group: Vec::new(),
    }))
}

fn value(parser: &mut Parser) -> Result<FunctionArg, ParserError> {
    let value = parser.parse_expr()?;
    // The columns of a table are no value.
    if parser.peek_token_ref().token == Token::Period {
        parser.advance_token();
        return parser.expected_ref("a column", parser.peek_token_ref());
    }
    Ok(FunctionArg::Unnamed(FunctionArgExpr::Expr(value)))
}

fn values(parser: &mut Parser, list: &mut Vec<FunctionArg>) -> Result<(), ParserError> {
    list.push(value(parser)?);
    while parser.consume_token(&Token::Comma) {
        list.push(value(parser)?);
    }
    Ok(())
}

/// A number of rows or parts: digits, a parameter or a variable.
fn whole_number(parser: &mut Parser) -> Result<FunctionArg, ParserError> {
    let known = match &parser.peek_token_ref().token {
        Token::Number(digits, _) => digits.bytes().all(|digit| digit.is_ascii_digit()),
        Token::Placeholder(_) => true,
        Token::Word(word) => word.quote_style.is_none() && word.value.starts_with('@'),
        _ => false,
    };
    match known {
        true => Ok(FunctionArg::Unnamed(FunctionArgExpr::Expr(parser.parse_prefix()?))),
        false => parser.expected_ref("a number", parser.peek_token_ref()),
    }
}

/// `ORDER BY a, b DESC SEPARATOR 'text'`.
fn order_and_separator(parser: &mut Parser) -> Result<Vec<FunctionArgumentClause>, ParserError> {
    let mut clauses = Vec::new();
    if parser.parse_keywords(&[Keyword::ORDER, Keyword::BY]) {
        let keys = parser.parse_comma_separated(Parser::parse_order_by_expr)?;
        clauses.push(FunctionArgumentClause::OrderBy(keys));
    }
    if parser.parse_keyword(Keyword::SEPARATOR) {
        if !matches!(
            parser.peek_token_ref().token,
            Token::SingleQuotedString(_) | Token::DoubleQuotedString(_) | Token::HexStringLiteral(_)
        ) {
            return parser.expected_ref("a text", parser.peek_token_ref());
        }
        clauses.push(FunctionArgumentClause::Separator(parser.parse_value()?));
    }
    Ok(clauses)
}

/// `FROM FIRST`, which says nothing new, or `FROM LAST`.
fn from_last(parser: &mut Parser) -> Result<bool, ParserError> {
    if !parser.parse_keyword(Keyword::FROM) {
        return Ok(false);
    }
    match parser.parse_one_of_keywords(&[Keyword::FIRST, Keyword::LAST]) {
        Some(side) => Ok(side == Keyword::LAST),
        None => {
            parser.prev_token();
            parser.expected_ref("OVER", parser.peek_token_ref())
        }
    }
}

fn null_treatment(parser: &mut Parser) -> Result<Option<NullTreatment>, ParserError> {
    let Some(treatment) = parser.parse_one_of_keywords(&[Keyword::RESPECT, Keyword::IGNORE]) else {
        return Ok(None);
    };
    parser.expect_keyword(Keyword::NULLS)?;
    Ok(Some(match treatment {
        Keyword::IGNORE => NullTreatment::IgnoreNulls,
        _ => NullTreatment::RespectNulls,
    }))
}

/// `OVER name` and `OVER (…)`.
fn window(parser: &mut Parser) -> Result<Option<WindowType>, ParserError> {
    if !parser.parse_keyword(Keyword::OVER) {
        return Ok(None);
    }
    if !parser.consume_token(&Token::LParen) {
        return Ok(Some(WindowType::NamedWindow(parser.parse_identifier()?)));
    }
    let window_name = match &parser.peek_token_ref().token {
        Token::Word(word) if word.quote_style.is_some() || word.keyword == Keyword::NoKeyword => {
            Some(parser.parse_identifier()?)
        }
        _ => None,
    };
    let mut partition_by = Vec::new();
    if parser.parse_keywords(&[Keyword::PARTITION, Keyword::BY]) {
        partition_by = parser.parse_comma_separated(Parser::parse_expr)?;
    }
    let mut order_by = Vec::new();
    if parser.parse_keywords(&[Keyword::ORDER, Keyword::BY]) {
        order_by = parser.parse_comma_separated(Parser::parse_order_by_expr)?;
    }
    let window_frame = frame(parser)?;
    parser.expect_token(&Token::RParen)?;
    Ok(Some(WindowType::WindowSpec(WindowSpec { window_name, partition_by, order_by, window_frame })))
}

fn frame(parser: &mut Parser) -> Result<Option<WindowFrame>, ParserError> {
    let units = match parser.parse_one_of_keywords(&[Keyword::ROWS, Keyword::RANGE, Keyword::GROUPS]) {
        Some(Keyword::ROWS) => WindowFrameUnits::Rows,
        Some(Keyword::RANGE) => WindowFrameUnits::Range,
        Some(_) => WindowFrameUnits::Groups,
        None => return Ok(None),
    };
    if !parser.parse_keyword(Keyword::BETWEEN) {
        return Ok(Some(WindowFrame { units, start_bound: bound(parser, false)?, end_bound: None }));
    }
    let start_bound = bound(parser, true)?;
    parser.expect_keyword(Keyword::AND)?;
    let end_bound = Some(bound(parser, true)?);
    Ok(Some(WindowFrame { units, start_bound, end_bound }))
}

/// An end of a frame. Only between two of them one may follow the row.
fn bound(parser: &mut Parser, follows: bool) -> Result<WindowFrameBound, ParserError> {
    if parser.parse_keywords(&[Keyword::CURRENT, Keyword::ROW]) {
        return Ok(WindowFrameBound::CurrentRow);
    }
    let distance = match &parser.peek_token_ref().token {
        Token::Word(word) if is(word, "UNBOUNDED") => {
            parser.advance_token();
            None
        }
        Token::Word(word) if !is(word, "INTERVAL") => {
            return parser.expected_ref("a distance", parser.peek_token_ref());
        }
        Token::Word(_) | Token::Number(..) | Token::Placeholder(_) => Some(Box::new(parser.parse_prefix()?)),
        _ => return parser.expected_ref("a distance", parser.peek_token_ref()),
    };
    if parser.parse_keyword(Keyword::PRECEDING) {
        return Ok(WindowFrameBound::Preceding(distance));
    }
    match follows && parser.parse_keyword(Keyword::FOLLOWING) {
        true => Ok(WindowFrameBound::Following(distance)),
        false => parser.expected_ref("PRECEDING", parser.peek_token_ref()),
    }
}
