//! Calls: functions whose MySQL syntax or meaning differs from DataFusion's call of the same name.
//!
//! It knows names and numbers of arguments. Whether a function exists is decided when the query is planned.

use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArgumentList, FunctionArguments, Ident, ObjectName, ObjectNamePart, Value,
};

use super::super::front::literal_string;
use super::super::grammar::{call, number, string};
use super::Rewriter;
use super::collation::{in_one_collation, is_caseless};
use super::expression::{move_date, truth};
use super::grouping::ordinal;
use super::json_table::json_value;
use super::tree::children;
use crate::engine::error::{Error, Result};
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
        function.uses_odbc_syntax = false;
        if let Some(over) = &mut function.over {
            self.windows.write_out(over)?;
        }
        // Units are words, not columns.
        if matches!(name.as_str(), "timestampadd" | "timestampdiff" | "get_format") {
            unit_to_string(&mut function);
        }
        let mut expression = Expr::Function(function);
        self.parts_of(&mut expression)?;
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
}

fn rewrite(name: &str, mut function: Function) -> Result<Expr> {
    match name {
        "avg" => return average(function),
        "sum" => return Ok(converted(function, "mysql_summand")),
        "bit_and" | "bit_or" | "bit_xor" => return Ok(converted(function, "mysql_bits")),
        "std" | "stddev" | "stddev_pop" | "stddev_samp" | "variance" | "var_pop" | "var_samp" => {
            return Ok(converted(function, "mysql_cast_double"));
        }
        "count" => return count(function),
        "group_concat" => return group_concat(function),
        _ => {}
    }
    let Some(mut arguments) = plain_arguments(&mut function) else { return Ok(Expr::Function(function)) };
    if matches!(name, "strcmp" | "locate" | "position" | "instr" | "find_in_set")
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
        "coercibility" => match <[Expr; 1]>::try_from(arguments) {
            Ok([argument]) => {
                let level = coercibility(&argument);
                Ok(call("coercibility", vec![argument, number(level)]))
            }
            Err(_) => wrong_count(),
        },
        // What compares without case when one of its arguments does.
        "strcmp" | "field" | "locate" | "position" | "instr" | "find_in_set" | "mysql_regexp"
        | "regexp_like" | "regexp_instr"
            if arguments.iter().any(is_caseless) =>
        {
            let lowered = arguments.into_iter().map(|argument| call("lower", vec![argument])).collect();
            put_arguments(&mut function, lowered);
            Ok(Expr::Function(function))
        }
        "schema" => Ok(call("database", arguments)),
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

/// How strongly a text holds to its collation: what the server tells 3, a column 2, everything else as a literal 4.
fn coercibility(argument: &Expr) -> u64 {
    match argument {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Subquery(_) => 2,
        Expr::Function(function) => {
            let told = ["user", "current_user", "session_user", "system_user", "version", "database"];
            if told.contains(&function.name.to_string().as_str()) {
                return 3;
            }
            let mut argument = Expr::Function(function.clone());
            children(&mut argument).into_iter().map(|part| coercibility(part)).min().unwrap_or(4)
        }
        _ => 4,
    }
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

/// `month` or SQL_TSI_MONTH as the first argument becomes 'MONTH'.
fn unit_to_string(function: &mut Function) {
    if let FunctionArguments::List(list) = &mut function.args
        && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(first))) = list.args.first_mut()
        && let Expr::Identifier(unit) = first
        && unit.quote_style.is_none()
    {
        let unit = unit.value.to_ascii_uppercase();
        *first = string(unit.strip_prefix("SQL_TSI_").unwrap_or(&unit));
    }
}

/// An aggregate whose operand becomes what is aggregated: for sums of exact numbers a DECIMAL, so that they are exact.
fn converted(mut function: Function, to: &str) -> Expr {
    if let FunctionArguments::List(list) = &mut function.args
        && let [FunctionArg::Unnamed(FunctionArgExpr::Expr(operand))] = list.args.as_mut_slice()
    {
        let taken = std::mem::replace(operand, Expr::Value(Value::Null.into()));
        *operand = call(to, vec![taken]);
    }
    Expr::Function(function)
}

/// The average is the sum divided by the count, with four more digits, as `/` does it.
fn average(function: Function) -> Result<Expr> {
    let one = matches!(&function.args, FunctionArguments::List(list)
        if matches!(list.args.as_slice(), [FunctionArg::Unnamed(FunctionArgExpr::Expr(_))]));
    if !one {
        return Err(Error::ParameterCount("avg".to_owned()));
    }
    let mut count = function.clone();
    count.name = ObjectName::from(vec![Ident::new("count")]);
    let mut total = function;
    total.name = ObjectName::from(vec![Ident::new("sum")]);
    Ok(call("mysql_divide", vec![converted(total, "mysql_summand"), Expr::Function(count)]))
}

/// `COUNT(DISTINCT a, b)` counts rows without NULLs, each once.
fn count(mut function: Function) -> Result<Expr> {
    if matches!(&function.args, FunctionArguments::List(list) if list.args.is_empty()) {
        return Err(Error::ParameterCount("count".to_owned()));
    }
    if let FunctionArguments::List(list) = &mut function.args
        && list.duplicate_treatment == Some(DuplicateTreatment::Distinct)
        && list.args.len() > 1
    {
        let columns = std::mem::take(&mut list.args).into_iter().filter_map(into_expression).collect();
        list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(call("mysql_row_key", columns)))];
    }
    Ok(Expr::Function(function))
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
        if parts.is_empty()
            || list.clauses.iter().any(|clause| !matches!(clause, FunctionArgumentClause::OrderBy(_)))
        {
            return Err(Error::Arguments("GROUP_CONCAT".to_owned()));
        }
        let value = if parts.len() == 1 { parts.remove(0) } else { call("concat", parts) };
        list.args = [value, separator]
            .into_iter()
            .map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)))
            .collect();
    }
    Ok(Expr::Function(function))
}
