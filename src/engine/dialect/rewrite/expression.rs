//! Expressions: MySQL's operators and literals as what DataFusion plans.
//!
//! It knows syntax. Conversions that depend on types are `mysql_…` functions or are left to planning.

use sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, DataType, DateTimeField, Expr, FunctionArg, FunctionArgExpr,
    FunctionArguments, Ident, Interval, SetExpr, UnaryOperator, Value, ValueWithSpan,
};

use super::super::Mode;
use super::super::front::literal_string;
use super::super::grammar::{binary, call, number, string, unary};
use super::collation::{collated, in_one_collation, introduced};
use super::literal::{literal, literal_cast, typed_string};
use super::rows::{row_in, row_of_subquery, rows_in};
use super::tree::children;
use super::{Columns, Rewriter, count_of, lower};
use crate::engine::error::{Error, Result};
use crate::engine::functions::regexp::plain_pattern;

/// How deep an expression's tree may be; every later pass walks it.
const DEPTH_MAX: usize = 1_500;
/// How many expressions a statement may have as copies of others.
const COPIED_MAX: usize = 100_000;
/// How many expressions the copy of a subquery counts for.
const COPIES_OF_SUBQUERY: usize = 1_000;

impl Rewriter<'_> {
    /// Rewrites an expression where a truth is asked for: WHERE, ON, HAVING, operands of AND.
    pub fn condition(&mut self, expression: &mut Expr) -> Result<()> {
        rows_in(expression)?;
        let outer = std::mem::replace(&mut self.filters, true);
        self.expression(expression)?;
        self.filters = outer;
        truth(expression);
        Ok(())
    }

    /// Rewrites an expression.
    pub fn expression(&mut self, expression: &mut Expr) -> Result<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Error::TooComplex("an expression is nested too deeply".to_owned()));
        }
        let rewritten = self.rewrite(std::mem::replace(expression, Expr::Value(Value::Null.into())))?;
        *expression = rewritten;
        self.depth -= 1;
        Ok(())
    }

    fn rewrite(&mut self, mut expression: Expr) -> Result<Expr> {
        if let Some(value) = self.assignment(&mut expression)? {
            return Ok(value);
        }
        match &mut expression {
            Expr::Exists { subquery, negated } if !self.filters => {
                self.query(subquery, Columns::Anonymous)?;
                let operator = if *negated { BinaryOperator::Eq } else { BinaryOperator::NotEq };
                return Ok(binary(count_of(subquery.as_ref().clone()), operator, number(0)));
            }
            Expr::Subquery(query) | Expr::Exists { subquery: query, .. } => {
                self.query(query, Columns::Anonymous)?;
                return Ok(expression);
            }
            Expr::InSubquery { expr, subquery, negated } if matches!(**expr, Expr::Tuple(_)) => {
                let Expr::Tuple(items) = std::mem::replace(expr.as_mut(), Expr::Value(Value::Null.into()))
                else {
                    return Ok(expression);
                };
                let mut value = row_in(items, subquery, *negated)?;
                // The subquery is there twice, and in it what is there twice in it.
                self.spend_copies(COPIES_OF_SUBQUERY)?;
                self.expression(&mut value)?;
                return Ok(value);
            }
            Expr::InSubquery { expr, subquery, .. } => {
                self.expression(expr)?;
                // What is joined must be a column with a name.
                let of_values = matches!(*subquery.body, SetExpr::Values(_));
                self.query(subquery, if of_values { Columns::Named } else { Columns::Anonymous })?;
                return Ok(expression);
            }
            Expr::BinaryOp { left, op, right } if is_comparison(op) => {
                if let Some(mut compared) = row_of_subquery(left, op, right)? {
                    self.expression(&mut compared)?;
                    return Ok(compared);
                }
                self.parts_of(&mut expression)?;
            }
            Expr::Function(_) => {
                let Expr::Function(function) = expression else { return Ok(expression) };
                return self.function(function);
            }
            _ => self.parts_of(&mut expression)?,
        }
        match expression {
            Expr::Identifier(ident) => {
                if let Some(output) = self.output_outside(&ident.value)? {
                    return Ok(output);
                }
                let user = ident.value.strip_prefix('@').filter(|name| !name.starts_with('@'));
                match user
                    .filter(|_| ident.quote_style.is_none())
                    .map(|name| self.variable(name))
                    .transpose()?
                {
                    Some(Some(value)) => Ok(value),
                    _ => Ok(identifier(ident)),
                }
            }
            Expr::CompoundIdentifier(mut path) => {
                path.iter_mut().for_each(lower);
                Ok(Expr::CompoundIdentifier(path))
            }
            Expr::Nested(inner) => Ok(*inner),
            Expr::Collate { expr, collation } => collated(*expr, &collation),
            Expr::Prefixed { prefix, value } => introduced(&prefix.value, *value),
            Expr::Value(value) => literal(value),
            Expr::TypedString(typed) => typed_string(&typed),
            Expr::BinaryOp { left, op: BinaryOperator::Divide, right } => {
                Ok(self.quotient(operation(*left, BinaryOperator::Divide, *right)?))
            }
            Expr::BinaryOp { left, op, right } => operation(*left, op, *right),
            Expr::UnaryOp { op, expr } => unary_operation(op, *expr),
            Expr::IsTrue(mut inner) => Ok(Expr::IsTrue(truth_of(&mut inner))),
            Expr::IsNotTrue(mut inner) => Ok(Expr::IsNotTrue(truth_of(&mut inner))),
            Expr::IsFalse(mut inner) => Ok(Expr::IsFalse(truth_of(&mut inner))),
            Expr::IsNotFalse(mut inner) => Ok(Expr::IsNotFalse(truth_of(&mut inner))),
            Expr::IsUnknown(inner) => Ok(Expr::IsNull(inner)),
            Expr::IsNotUnknown(inner) => Ok(Expr::IsNotNull(inner)),
            Expr::InList { expr, list, negated } => in_list(*expr, list, negated),
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                like(negated, *expr, *pattern, escape_char)
            }
            Expr::AnyOp { left, compare_op, right, .. } => quantified(*left, compare_op, *right, false),
            Expr::AllOp { left, compare_op, right } => quantified(*left, compare_op, *right, true),
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand, conditions, else_result)
            }
            Expr::Ceil { expr, .. } => Ok(call("ceil", vec![*expr])),
            Expr::Floor { expr, .. } => Ok(call("floor", vec![*expr])),
            Expr::Cast { expr, data_type, .. } => literal_cast(&expr, &data_type),
            other @ (Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::Between { .. }
            | Expr::Tuple(_)
            | Expr::Interval(_)) => Ok(other),
            Expr::MatchAgainst { .. } => Err(Error::NotSupported("MATCH … AGAINST".to_owned())),
            other => Err(Error::NotSupported(other.to_string().chars().take(60).collect())),
        }
    }
}

impl Rewriter<'_> {
    /// CASE as a function, which knows MySQL's type of several results; it becomes a CASE again when it is simplified.
    fn case(
        &mut self,
        operand: Option<Box<Expr>>,
        conditions: Vec<CaseWhen>,
        otherwise: Option<Box<Expr>>,
    ) -> Result<Expr> {
        let mut arguments = Vec::with_capacity(conditions.len() * 2 + 1);
        for CaseWhen { mut condition, result } in conditions {
            match &operand {
                Some(operand) => condition = compare(self.copy(operand)?, BinaryOperator::Eq, condition)?,
                None => truth(&mut condition),
            }
            arguments.extend([condition, result]);
        }
        arguments.extend(otherwise.map(|otherwise| *otherwise));
        Ok(call("mysql_case", arguments))
    }

    /// A call of `mysql_divide` with as many digits as the session wants.
    pub(super) fn quotient(&self, mut division: Expr) -> Expr {
        if self.mode.division_digits != Mode::default().division_digits
            && let Expr::Function(function) = &mut division
            && let FunctionArguments::List(list) = &mut function.args
        {
            let digits = number(self.mode.division_digits.into());
            list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(digits)));
        }
        division
    }

    /// A copy of an expression; nested copies of copies would grow without end.
    pub(super) fn copy(&mut self, expression: &Expr) -> Result<Expr> {
        let mut copy = expression.clone();
        self.spend_copies(size(&mut copy))?;
        Ok(copy)
    }

    fn spend_copies(&mut self, expressions: usize) -> Result<()> {
        self.copied += expressions;
        match self.copied > COPIED_MAX {
            true => Err(Error::TooComplex("too much of it is compared more than once".to_owned())),
            false => Ok(()),
        }
    }
}

/// How many expressions there are in one.
fn size(expression: &mut Expr) -> usize {
    1 + children(expression).into_iter().map(size).sum::<usize>()
}

/// A column, a variable, or a call that MySQL writes without parentheses.
fn identifier(mut ident: Ident) -> Expr {
    if ident.quote_style.is_none() {
        if let Some(system) = ident.value.strip_prefix("@@") {
            let name = system.to_lowercase();
            let (scope, name) = match name.split_once('.') {
                Some(("local", name)) => ("session", name),
                Some((scope @ ("session" | "global"), name)) => (scope, name),
                _ => ("", name.as_str()),
            };
            return call("mysql_system_variable", vec![string(scope), string(name)]);
        }
        if let Some(user) = ident.value.strip_prefix('@') {
            return call("mysql_user_variable", vec![string(user.to_lowercase())]);
        }
        let name = ident.value.to_lowercase();
        if matches!(
            name.as_str(),
            "utc_date" | "utc_time" | "utc_timestamp" | "localtime" | "localtimestamp" | "current_user"
        ) {
            return call(&name, Vec::new());
        }
    }
    lower(&mut ident);
    Expr::Identifier(ident)
}

fn operation(left: Expr, operator: BinaryOperator, right: Expr) -> Result<Expr> {
    use BinaryOperator as B;
    let (mut left, mut right) = (left, right);
    if is_comparison(&operator) {
        in_one_collation([&mut left, &mut right]);
        return compare(left, operator, right);
    }
    let function = match &operator {
        B::And | B::Or => {
            truth(&mut left);
            truth(&mut right);
            return Ok(binary(left, operator, right));
        }
        // Of two truths either both or none hold: they differ. Unknown stays unknown.
        B::Xor => {
            truth(&mut left);
            truth(&mut right);
            return Ok(binary(left, B::NotEq, right));
        }
        B::Plus | B::Minus => {
            if let Some(moved) = moved_date(&left, &operator, &right) {
                return Ok(moved);
            }
            if operator == B::Plus { "mysql_add" } else { "mysql_subtract" }
        }
        B::Multiply => "mysql_multiply",
        B::Divide => "mysql_divide",
        B::MyIntegerDivide => "mysql_div",
        B::Modulo => "mod",
        B::BitwiseOr => "mysql_bit_or",
        B::BitwiseAnd => "mysql_bit_and",
        B::BitwiseXor => "mysql_bit_xor",
        B::PGBitwiseShiftLeft => "mysql_shift_left",
        B::PGBitwiseShiftRight => "mysql_shift_right",
        B::StringConcat => "concat",
        B::Arrow => "json_extract",
        B::LongArrow => return Ok(call("json_unquote", vec![call("json_extract", vec![left, right])])),
        B::Assignment => {
            return Err(Error::NotSupported("assignment to a variable in an expression".to_owned()));
        }
        other => return Err(Error::NotSupported(format!("operator {other}"))),
    };
    // Bits of bytes stay bytes when one side says that it is binary.
    let of_bits = matches!(operator, B::BitwiseOr | B::BitwiseAnd | B::BitwiseXor);
    if !(of_bits && (is_binary(&left) || is_binary(&right))) {
        number_of_bytes(&mut left);
        number_of_bytes(&mut right);
    }
    if matches!(operator, B::Plus | B::Minus | B::Multiply | B::Divide) {
        let literals = (digits_of(&left).is_some(), digits_of(&right).is_some());
        if literals.0 != literals.1 {
            (left, right) = (small_literal(left), small_literal(right));
        }
    }
    Ok(call(function, vec![left, right]))
}

/// Whether an operand is a binary string by what is written.
fn is_binary(operand: &Expr) -> bool {
    matches!(operand, Expr::Function(function) if function.name.to_string() == "mysql_cast_binary")
}

/// How many digits an integer literal has.
fn digits_of(operand: &Expr) -> Option<usize> {
    match operand {
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) if text.bytes().all(|digit| digit.is_ascii_digit()) => Some(text.len()),
            _ => None,
        },
        _ => None,
    }
}

/// A literal of the smallest type that holds it, so that `price * 2` needs few digits more than `price`.
fn small_literal(operand: Expr) -> Expr {
    let data_type = match digits_of(&operand) {
        Some(1 | 2) => DataType::TinyInt(None),
        Some(3 | 4) => DataType::SmallInt(None),
        Some(5..=9) => DataType::Int(None),
        _ => return operand,
    };
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(operand), data_type, array: false, format: None }
}

/// Whether an operator compares, and so answers true, false or unknown.
fn is_comparison(operator: &BinaryOperator) -> bool {
    use BinaryOperator as B;
    matches!(operator, B::Eq | B::NotEq | B::Lt | B::LtEq | B::Gt | B::GtEq | B::Spaceship)
}

/// `x'41'` is a string, but a number without a sign where one is asked for.
pub(super) fn number_of_bytes(operand: &mut Expr) {
    if let Expr::Value(value) = operand
        && let Value::HexStringLiteral(digits) = &value.value
        && let Ok(bits) = u64::from_str_radix(digits, 16)
    {
        *operand = call("mysql_cast_unsigned", vec![number(bits)]);
    }
}

/// A comparison; rows are compared column by column.
fn compare(left: Expr, operator: BinaryOperator, right: Expr) -> Result<Expr> {
    use BinaryOperator as B;
    let (lefts, rights) = match (left, right) {
        (Expr::Tuple(lefts), Expr::Tuple(rights)) => (lefts, rights),
        (left @ Expr::Tuple(_), right) | (left, right @ Expr::Tuple(_)) => {
            let width = |side: &Expr| if let Expr::Tuple(items) = side { items.len() } else { 1 };
            return Err(Error::OperandColumns(width(&left).max(width(&right))));
        }
        (left, right) => return Ok(binary(left, operator, right)),
    };
    if lefts.len() != rights.len() {
        return Err(Error::OperandColumns(lefts.len()));
    }
    let pairs = lefts.into_iter().zip(rights);
    match operator {
        B::Eq | B::Spaceship => {
            let equal = pairs
                .map(|(left, right)| compare(left, operator.clone(), right))
                .collect::<Result<Vec<_>>>()?;
            Ok(joined(B::And, equal))
        }
        B::NotEq => {
            let differ =
                pairs.map(|(left, right)| compare(left, B::NotEq, right)).collect::<Result<Vec<_>>>()?;
            Ok(joined(B::Or, differ))
        }
        // `(a, b) < (c, d)` is `a < c OR (a = c AND b < d)`.
        _ => {
            let strict = match operator {
                B::Lt | B::LtEq => B::Lt,
                _ => B::Gt,
            };
            let pairs: Vec<(Expr, Expr)> = pairs.collect();
            let last = pairs.len() - 1;
            let mut ways = Vec::new();
            for (index, (left, right)) in pairs.iter().enumerate() {
                let mut all: Vec<Expr> = pairs[..index]
                    .iter()
                    .map(|(left, right)| binary(left.clone(), B::Eq, right.clone()))
                    .collect();
                let own = if index == last { operator.clone() } else { strict.clone() };
                all.push(compare(left.clone(), own, right.clone())?);
                ways.push(joined(B::And, all));
            }
            Ok(joined(B::Or, ways))
        }
    }
}

/// Operands between which an operator stands; true when there are none.
pub(super) fn joined(operator: BinaryOperator, operands: Vec<Expr>) -> Expr {
    operands
        .into_iter()
        .reduce(|left, right| binary(left, operator.clone(), right))
        .unwrap_or(Expr::Value(Value::Boolean(true).into()))
}

/// `date + INTERVAL …`, `INTERVAL … + date`, `date - INTERVAL …`.
fn moved_date(left: &Expr, operator: &BinaryOperator, right: &Expr) -> Option<Expr> {
    match (left, right) {
        (date, Expr::Interval(interval)) => {
            let name = if *operator == BinaryOperator::Plus { "mysql_date_add" } else { "mysql_date_sub" };
            Some(move_date(name, date.clone(), interval))
        }
        (Expr::Interval(interval), date) if *operator == BinaryOperator::Plus => {
            Some(move_date("mysql_date_add", date.clone(), interval))
        }
        _ => None,
    }
}

/// A call that moves a date by an interval.
pub(super) fn move_date(name: &str, date: Expr, interval: &Interval) -> Expr {
    let unit = match &interval.leading_field {
        Some(DateTimeField::Custom(unit)) => unit.value.clone(),
        Some(unit) => unit.to_string(),
        None => "DAY".to_owned(),
    };
    call(name, vec![date, interval.value.as_ref().clone(), string(unit)])
}

fn unary_operation(operator: UnaryOperator, mut operand: Expr) -> Result<Expr> {
    match operator {
        UnaryOperator::Not | UnaryOperator::BangNot => {
            truth(&mut operand);
            Ok(unary(UnaryOperator::Not, operand))
        }
        UnaryOperator::Plus => Ok(operand),
        UnaryOperator::Minus => {
            number_of_bytes(&mut operand);
            Ok(match &operand {
                Expr::Value(value) if matches!(value.value, Value::Number(..)) => {
                    unary(UnaryOperator::Minus, operand)
                }
                _ => call("mysql_negate", vec![operand]),
            })
        }
        UnaryOperator::BitwiseNot => {
            number_of_bytes(&mut operand);
            Ok(call("mysql_bit_not", vec![operand]))
        }
        other => Err(Error::NotSupported(format!("operator {other}"))),
    }
}

fn in_list(operand: Expr, list: Vec<Expr>, negated: bool) -> Result<Expr> {
    if !matches!(operand, Expr::Tuple(_)) && !list.iter().any(|item| matches!(item, Expr::Tuple(_))) {
        return Ok(Expr::InList { expr: Box::new(operand), list, negated });
    }
    let mut ways = list
        .into_iter()
        .map(|item| compare(operand.clone(), BinaryOperator::Eq, item))
        .collect::<Result<Vec<_>>>()?;
    // A balanced tree: a list may be long.
    while ways.len() > 1 {
        let mut rest = ways.into_iter();
        let mut pairs = Vec::new();
        while let Some(left) = rest.next() {
            pairs.push(match rest.next() {
                Some(right) => binary(left, BinaryOperator::Or, right),
                None => left,
            });
        }
        ways = pairs;
    }
    let any = ways.pop().unwrap_or(Expr::Value(Value::Boolean(false).into()));
    Ok(if negated { unary(UnaryOperator::Not, any) } else { any })
}

/// LIKE. The pattern's escapes are made plain here: only `\%`, `\_` and `\\` remain.
fn like(negated: bool, mut operand: Expr, mut pattern: Expr, escape: Option<ValueWithSpan>) -> Result<Expr> {
    in_one_collation([&mut operand, &mut pattern]);
    let escape = match escape.map(|escape| escape.value) {
        None | Some(Value::Null) => Some('\\'),
        Some(Value::SingleQuotedString(text)) if text.chars().count() <= 1 => text.chars().next(),
        Some(_) => return Err(Error::Arguments("ESCAPE".to_owned())),
    };
    let pattern = match literal_string(&pattern) {
        Some(text) => string(plain_pattern(text, escape)),
        None if escape == Some('\\') => call("mysql_text", vec![pattern]),
        None => {
            let escape = string(escape.map(String::from).unwrap_or_default());
            call("mysql_text", vec![call("mysql_like_pattern", vec![pattern, escape])])
        }
    };
    let operand =
        if literal_string(&operand).is_some() { operand } else { call("mysql_text", vec![operand]) };
    Ok(Expr::Like {
        negated,
        any: false,
        expr: Box::new(operand),
        pattern: Box::new(pattern),
        escape_char: None,
    })
}

/// `= ANY` is IN and `<> ALL` is NOT IN; the others are decided when types are known.
fn quantified(left: Expr, compare_op: BinaryOperator, right: Expr, all: bool) -> Result<Expr> {
    use BinaryOperator as B;
    let Expr::Subquery(subquery) = right else {
        return Err(Error::NotSupported("ANY and ALL of what is no subquery".to_owned()));
    };
    let (left, right) = (Box::new(left), Box::new(Expr::Subquery(subquery.clone())));
    Ok(match (compare_op, all) {
        (B::Eq, false) | (B::NotEq, true) => Expr::InSubquery { expr: left, subquery, negated: all },
        (compare_op @ (B::Lt | B::LtEq | B::Gt | B::GtEq | B::NotEq), false) => {
            Expr::AnyOp { left, compare_op, right, is_some: false }
        }
        (compare_op @ (B::Lt | B::LtEq | B::Gt | B::GtEq | B::Eq), true) => {
            Expr::AllOp { left, compare_op, right }
        }
        (operator, _) => return Err(Error::NotSupported(format!("{operator} ANY and ALL"))),
    })
}

fn truth_of(operand: &mut Expr) -> Box<Expr> {
    truth(operand);
    Box::new(std::mem::replace(operand, Expr::Value(Value::Null.into())))
}

/// Makes an operand true, false or unknown. What compares is so already.
pub(super) fn truth(expression: &mut Expr) {
    let already = match expression {
        Expr::BinaryOp { op, .. } => {
            is_comparison(op) || matches!(op, BinaryOperator::And | BinaryOperator::Or)
        }
        Expr::UnaryOp { op, .. } => matches!(op, UnaryOperator::Not),
        Expr::Value(value) => matches!(value.value, Value::Boolean(_)),
        Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::Exists { .. }
        | Expr::AnyOp { .. }
        | Expr::AllOp { .. } => true,
        _ => false,
    };
    if already {
        return;
    }
    let operand = std::mem::replace(expression, Expr::Value(Value::Null.into()));
    *expression = match &operand {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                Expr::Value(Value::Boolean(digits.bytes().any(|digit| digit != b'0')).into())
            }
            _ => call("mysql_truth", vec![operand]),
        },
        _ => call("mysql_truth", vec![operand]),
    };
}
