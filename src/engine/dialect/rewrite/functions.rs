//! Calls: functions whose MySQL syntax or meaning differs from DataFusion's call of the same name.
//!
//! It knows names and numbers of arguments. Whether a function exists is decided when the query is planned.

use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArgumentList, FunctionArguments, Ident, NullTreatment, ObjectName, ObjectNamePart, Value,
    WindowType,
};

use super::super::front::literal_string;
use super::super::grammar::{FROM_LAST, call, number, string};
use super::super::window::Misuse;
use super::Rewriter;
use super::collation::{in_one_collation, is_caseless};
use super::expression::{move_date, number_of_bytes, truth};
use super::grouping::{is_aggregate_name, ordinal};
use super::json_table::json_value;
use super::tree::{children, has_window, window_parts};
use crate::engine::error::{Error, Result};
use crate::engine::functions::session::LAST_INSERT_ID;
use crate::engine::nearest::Hint;

impl Rewriter<'_> {
    /// Rewrites a call and its arguments.
    pub(super) fn function(&mut self, mut function: Function) -> Result<Expr> {
        let name = match function.name.0.as_slice() {
            [ObjectNamePart::Identifier(name)] => name.value.to_lowercase(),
            _ => {
                return Err(Error::UnknownFunction {
                    name: function.name.to_string(),
                    hint: Hint::default(),
                });
            }
        };
        function.name = ObjectName::from(vec![Ident::new(name.as_str())]);
        if function.over.is_some() {
            self.window(&name, &mut function)?;
        }
        if name == "coercibility" {
            return self.coercibility(function);
        }
        // No window function stands inside of another or of an aggregate.
        let whole = function.over.is_some() || is_aggregate_name(&name);
        let windows = if whole { self.windows.take() } else { None };
        let mut expression = Expr::Function(function);
        self.parts_of(&mut expression)?;
        if whole {
            self.windows = windows;
        }
        let Expr::Function(mut function) = expression else { return Ok(expression) };
        if let Some(filter) = &mut function.filter {
            truth(filter);
        }
        // Without parentheses, as CURRENT_DATE; all calls have them here.
        if matches!(function.args, FunctionArguments::None) {
            function.args = FunctionArguments::List(FunctionArgumentList {
                duplicate_treatment: None,
                args: Vec::new(),
                clauses: Vec::new(),
            });
        }
        let rewritten = rewrite(&name, function)?;
        Ok(if name == "avg" { self.quotient(rewritten) } else { rewritten })
    }

    /// COERCIBILITY, whose answer is in how its argument is written.
    fn coercibility(&mut self, mut function: Function) -> Result<Expr> {
        let arguments = plain_arguments(&mut function).unwrap_or_default();
        let [mut argument] =
            <[Expr; 1]>::try_from(arguments).map_err(|_| Error::ParameterCount("coercibility".to_owned()))?;
        let level = coercibility(&argument);
        self.expression(&mut argument)?;
        Ok(call("coercibility", vec![argument, number(level)]))
    }

    /// Writes out the window of a function that may have one.
    fn window(&self, name: &str, function: &mut Function) -> Result<()> {
        let Some(windows) = &self.windows else { return Err(Misuse::Place(name.to_owned()).into()) };
        if function.null_treatment == Some(NullTreatment::IgnoreNulls) {
            return Err(Error::NotSupported("IGNORE NULLS".to_owned()));
        }
        function.null_treatment = None;
        if name == FROM_LAST {
            return Err(Error::NotSupported("FROM LAST".to_owned()));
        }
        if name == "group_concat" {
            return Err(Error::NotSupported("group_concat as window function".to_owned()));
        }
        if is_distinct(function) {
            return Err(Error::NotSupported("<window function>(DISTINCT ..)".to_owned()));
        }
        let Some(over) = &mut function.over else { return Ok(()) };
        let window = windows.write_out(over)?;
        if let WindowType::WindowSpec(spec) = over
            && window_parts(spec).into_iter().any(has_window)
        {
            return Err(Misuse::Nested(window).into());
        }
        Ok(())
    }
}

fn rewrite(name: &str, mut function: Function) -> Result<Expr> {
    if is_aggregate_name(name) && matches!(one_operand(&mut function), Some(Expr::Tuple(_))) {
        return Err(Error::OperandColumns(1));
    }
    match name {
        "avg" => return Ok(average(function)),
        "sum" => return Ok(converted(function, "mysql_summand")),
        "bit_and" | "bit_or" | "bit_xor" => {
            if let Some(operand) = one_operand(&mut function) {
                number_of_bytes(operand);
            }
            return Ok(converted(function, "mysql_bits"));
        }
        "std" | "stddev" | "stddev_pop" | "stddev_samp" | "variance" | "var_pop" | "var_samp" => {
            return Ok(converted(function, "mysql_cast_double"));
        }
        "count" => return Ok(count(function)),
        "group_concat" => return group_concat(function),
        _ => {}
    }
    let Some(mut arguments) = plain_arguments(&mut function) else { return Ok(Expr::Function(function)) };
    if matches!(name, "strcmp" | "locate" | "instr" | "find_in_set")
        && let [one, other, ..] = arguments.as_mut_slice()
    {
        in_one_collation([one, other]);
    }
    let wrong_count = || Err(Error::ParameterCount(name.to_owned()));
    match name {
        "if" => match <[Expr; 3]>::try_from(arguments) {
            Ok([mut condition, then, otherwise]) => {
                truth(&mut condition);
                Ok(call("if", vec![condition, then, otherwise]))
            }
            Err(_) => wrong_count(),
        },
        "isnull" => match <[Expr; 1]>::try_from(arguments) {
            Ok([operand]) => Ok(Expr::IsNull(Box::new(operand))),
            Err(_) => wrong_count(),
        },
        "date_add" | "adddate" | "date_sub" | "subdate" => match <[Expr; 2]>::try_from(arguments) {
            Ok([date, amount]) => {
                let to =
                    if matches!(name, "date_add" | "adddate") { "mysql_date_add" } else { "mysql_date_sub" };
                match amount {
                    Expr::Interval(interval) => Ok(move_date(to, date, &interval)),
                    days if matches!(name, "adddate" | "subdate") => {
                        Ok(call(to, vec![date, days, string("DAY")]))
                    }
                    _ => wrong_count(),
                }
            }
            Err(_) => wrong_count(),
        },
        "timestampadd" => match <[Expr; 3]>::try_from(arguments) {
            Ok([unit, amount, date]) => Ok(call("mysql_date_add", vec![date, amount, unit])),
            Err(_) => wrong_count(),
        },
        "mysql_character_set" => Err(match arguments.get(1).and_then(literal_string) {
            Some(charset) => Error::CharacterSet(charset.to_lowercase()),
            None => Error::Arguments(name.to_owned()),
        }),
        "mysql_json_value" => match <[Expr; 5]>::try_from(arguments) {
            Ok([document, path, returning, on_empty, on_error]) => {
                json_value([document, path], returning, [&on_empty, &on_error])
            }
            Err(_) => wrong_count(),
        },
        // What compares without case when one of its arguments does.
        "strcmp" | "field" | "locate" | "instr" | "find_in_set" if arguments.iter().any(is_caseless) => {
            let lowered = arguments.into_iter().map(|argument| call("lower", vec![argument])).collect();
            put_arguments(&mut function, lowered);
            Ok(Expr::Function(function))
        }
        "mysql_regexp" | "regexp_like" | "regexp_instr" | "regexp_substr" | "regexp_replace"
            if arguments.iter().any(is_caseless) =>
        {
            Ok(regexp_without_case(name, arguments))
        }
        "schema" => Ok(call("database", arguments)),
        "last_insert_id" if !arguments.is_empty() => match <[Expr; 1]>::try_from(arguments) {
            Ok([id]) => {
                let id = call("mysql_cast_unsigned", vec![id]);
                Ok(call("mysql_assign", vec![string(LAST_INSERT_ID), id]))
            }
            Err(_) => wrong_count(),
        },
        "values" | "default" => Err(Error::NotSupported(name.to_uppercase())),
        _ => {
            if arguments.iter().any(|argument| matches!(argument, Expr::Interval(_))) {
                return Err(Error::NotSupported(format!("INTERVAL as an argument of {name}")));
            }
            put_arguments(&mut function, arguments);
            Ok(Expr::Function(function))
        }
    }
}

/// A regular expression that ignores case, unless its match type says otherwise: letters of a pattern may be escapes,
/// so it is not made lower.
fn regexp_without_case(name: &str, mut arguments: Vec<Expr>) -> Expr {
    // The text, the pattern and the replacement; then what is left out before the match type.
    let (first, defaults): (usize, &[u64]) = match name {
        "regexp_instr" => (2, &[1, 1, 0]),
        "regexp_substr" => (2, &[1, 1]),
        "regexp_replace" => (3, &[1, 0]),
        _ => (2, &[]),
    };
    let given = arguments.len().saturating_sub(first);
    arguments.extend(defaults.iter().skip(given).map(|default| number(*default)));
    let modes = match given > defaults.len() {
        true => arguments.pop().map_or(string("i"), |modes| call("concat", vec![string("i"), modes])),
        false => string("i"),
    };
    arguments.push(modes);
    call(if name == "mysql_regexp" { "regexp_like" } else { name }, arguments)
}

/// How strongly a text holds to its collation: one with COLLATE 0, a column 2, what the server tells 3, everything
/// else as a literal 4.
fn coercibility(argument: &Expr) -> u64 {
    match argument {
        Expr::Collate { .. } => 0,
        Expr::Nested(inner) => coercibility(inner),
        // What the server tells may be written without parentheses.
        Expr::Identifier(name) if name.quote_style.is_none() && is_told(&name.value) => 3,
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Subquery(_) => 2,
        Expr::Function(function) => {
            if is_told(&function.name.to_string()) {
                return 3;
            }
            let mut argument = Expr::Function(function.clone());
            children(&mut argument).into_iter().map(|part| coercibility(part)).min().unwrap_or(4)
        }
        _ => 4,
    }
}

/// Whether a function is one whose text the server tells.
fn is_told(name: &str) -> bool {
    const TOLD: [&str; 7] =
        ["user", "current_user", "session_user", "system_user", "version", "database", "schema"];
    TOLD.iter().any(|told| told.eq_ignore_ascii_case(name))
}

/// A call's arguments, taken out of it; None when they are not plain expressions.
pub(super) fn plain_arguments(function: &mut Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &mut function.args else { return None };
    let plain = function.over.is_none()
        && function.filter.is_none()
        && list.duplicate_treatment.is_none()
        && list.clauses.is_empty()
        && list
            .args
            .iter()
            .all(|argument| matches!(argument, FunctionArg::Unnamed(FunctionArgExpr::Expr(_))));
    if !plain {
        return None;
    }
    Some(std::mem::take(&mut list.args).into_iter().filter_map(into_expression).collect())
}

fn into_expression(argument: FunctionArg) -> Option<Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression),
        _ => None,
    }
}

fn put_arguments(function: &mut Function, arguments: Vec<Expr>) {
    if let FunctionArguments::List(list) = &mut function.args {
        list.args = arguments
            .into_iter()
            .map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)))
            .collect();
    }
}

/// The only operand of an aggregate.
fn one_operand(function: &mut Function) -> Option<&mut Expr> {
    match &mut function.args {
        FunctionArguments::List(list) => match list.args.as_mut_slice() {
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(operand))] => Some(operand),
            _ => None,
        },
        _ => None,
    }
}

/// An aggregate whose operand becomes what is aggregated: for sums of exact numbers a DECIMAL, so that they are exact.
fn converted(mut function: Function, to: &str) -> Expr {
    if let Some(operand) = one_operand(&mut function) {
        let taken = std::mem::replace(operand, Expr::Value(Value::Null.into()));
        *operand = call(to, vec![taken]);
    }
    Expr::Function(function)
}

/// The average is the sum divided by the count, with four more digits, as `/` does it.
fn average(function: Function) -> Expr {
    let mut count = function.clone();
    count.name = ObjectName::from(vec![Ident::new("count")]);
    let distinct = is_distinct(&function);
    let mut total = function;
    total.name = ObjectName::from(vec![Ident::new("sum")]);
    // Texts may be different and the same number.
    let count = if distinct { converted(count, "mysql_summand") } else { Expr::Function(count) };
    call("mysql_divide", vec![converted(total, "mysql_summand"), count])
}

fn is_distinct(function: &Function) -> bool {
    matches!(&function.args, FunctionArguments::List(list)
        if list.duplicate_treatment == Some(DuplicateTreatment::Distinct))
}

/// `COUNT(DISTINCT a, b)` counts rows without NULLs, each once.
fn count(mut function: Function) -> Expr {
    if let FunctionArguments::List(list) = &mut function.args
        && list.duplicate_treatment == Some(DuplicateTreatment::Distinct)
        && list.args.len() > 1
    {
        let columns = std::mem::take(&mut list.args).into_iter().filter_map(into_expression).collect();
        list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(call("mysql_row_key", columns)))];
    }
    Expr::Function(function)
}

/// A number in GROUP_CONCAT's ORDER BY stands for the argument at that place.
fn order_by_argument(key: &mut Expr, arguments: &[Expr]) -> Result<()> {
    let Some(digits) = ordinal(key) else { return Ok(()) };
    let place = digits.parse::<usize>().ok().and_then(|place| place.checked_sub(1));
    match place.and_then(|place| arguments.get(place)) {
        // A constant is no place again, and orders nothing.
        Some(Expr::Value(_)) => *key = Expr::Value(Value::Null.into()),
        Some(argument) => *key = argument.clone(),
        None => {
            return Err(Error::UnknownColumn {
                column: digits.to_owned(),
                clause: "order clause".to_owned(),
                hint: Hint::default(),
            });
        }
    }
    Ok(())
}

/// What `0x2C20` says where a text is asked for.
fn text_of_bytes(literal: &Expr) -> Result<Option<String>> {
    let Expr::Value(value) = literal else { return Ok(None) };
    let Value::HexStringLiteral(digits) = &value.value else { return Ok(None) };
    let bytes: Option<Vec<u8>> = (0..digits.len())
        .step_by(2)
        .map(|place| u8::from_str_radix(digits.get(place..place + 2)?, 16).ok())
        .collect();
    match bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(text) => Ok(Some(text)),
        None => Err(Error::InvalidCharacters),
    }
}

/// `GROUP_CONCAT(a, b ORDER BY c SEPARATOR s)` is `group_concat(concat(a, b), s ORDER BY c)`.
fn group_concat(mut function: Function) -> Result<Expr> {
    if let FunctionArguments::List(list) = &mut function.args {
        let mut parts: Vec<Expr> =
            std::mem::take(&mut list.args).into_iter().filter_map(into_expression).collect();
        let mut separator = string(",");
        for clause in &mut list.clauses {
            if let FunctionArgumentClause::OrderBy(keys) = clause {
                for key in keys {
                    order_by_argument(&mut key.expr, &parts)?;
                }
            }
        }
        list.clauses.retain(|clause| match clause {
            FunctionArgumentClause::Separator(text) => {
                separator = Expr::Value(text.clone());
                false
            }
            _ => true,
        });
        if let Some(text) = text_of_bytes(&separator)? {
            separator = string(text);
        }
        let value = if parts.len() == 1 { parts.remove(0) } else { call("concat", parts) };
        list.args = [value, separator]
            .into_iter()
            .map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)))
            .collect();
    }
    Ok(Expr::Function(function))
}
