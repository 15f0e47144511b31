//! Windows of a SELECT: what `OVER name`, `OVER (name …)` and the WINDOW clause mean.
//!
//! It knows syntax. A window that refers to another becomes one that says all itself: DataFusion's planner would
//! take either the one or the other, and not both. What depends on types of keys is [`super::frames`]'.

use std::fmt;

use sqlparser::ast::{
    DateTimeField, Expr, Ident, Interval, NamedWindowDefinition, NamedWindowExpr, UnaryOperator, Value,
    WindowFrame, WindowFrameBound, WindowFrameUnits, WindowSpec, WindowType,
};

use super::grammar::string;
use crate::engine::error::{Error, Result};
use crate::engine::functions::date::arithmetic::span;

/// How MySQL calls a window that has no name.
pub const UNNAMED: &str = "<unnamed window>";

/// Why a window means nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// 3579.
    #[error("Window name '{0}' is not defined.")]
    Unknown(String),
    /// 3580.
    #[error("There is a circularity in the window dependency graph.")]
    Circle,
    /// 3581.
    #[error("A window which depends on another cannot define partitioning.")]
    Partitioned,
    /// 3582.
    #[error("Window '{0}' has a frame definition, so cannot be referenced by another window.")]
    Framed(String),
    /// 3583.
    #[error("Window '{0}' cannot inherit '{1}' since both contain an ORDER BY clause.")]
    Ordered(String, String),
    /// 3584.
    #[error("Window '{0}': frame start cannot be UNBOUNDED FOLLOWING.")]
    Start(String),
    /// 3585.
    #[error("Window '{0}': frame end cannot be UNBOUNDED PRECEDING.")]
    End(String),
    /// 3586: also a frame that ends before it starts.
    #[error("Window '{0}': frame start or end is negative, NULL or of non-integral type")]
    Bound(String),
    /// 3587.
    #[error(
        "Window '{0}' with RANGE N PRECEDING/FOLLOWING frame requires exactly one ORDER BY expression, of numeric or \
         temporal type"
    )]
    RangeOrder(String),
    /// 3588.
    #[error(
        "Window '{0}' with RANGE frame has ORDER BY expression of datetime type. Only INTERVAL bound value allowed."
    )]
    RangeTemporal(String),
    /// 3589.
    #[error(
        "Window '{0}' with RANGE frame has ORDER BY expression of numeric type, INTERVAL bound value not allowed."
    )]
    RangeNumeric(String),
    /// 3591.
    #[error("Window '{0}' is defined twice.")]
    Twice(String),
    /// 3592.
    #[error(
        "Window '{0}': ORDER BY or PARTITION BY uses legacy position indication which is not supported, use expression."
    )]
    Ordinal(String),
    /// 3593: in WHERE, GROUP BY or HAVING, or inside of another function.
    #[error("You cannot use the window function '{0}' in this context.'")]
    Place(String),
    /// 3594: the same by an alias.
    #[error("You cannot use the alias '{0}' of an expression containing a window function in this context.'")]
    Alias(String),
    /// 3595.
    #[error("You cannot nest a window function in the specification of window '{0}'.")]
    Nested(String),
    /// 3596.
    #[error("Window '{0}': INTERVAL can only be used with RANGE frames.")]
    RowsInterval(String),
}

impl Misuse {
    /// The MySQL error number.
    pub fn code(&self) -> u16 {
        match self {
            Self::Unknown(_) => 3579,
            Self::Circle => 3580,
            Self::Partitioned => 3581,
            Self::Framed(_) => 3582,
            Self::Ordered(..) => 3583,
            Self::Start(_) => 3584,
            Self::End(_) => 3585,
            Self::Bound(_) => 3586,
            Self::RangeOrder(_) => 3587,
            Self::RangeTemporal(_) => 3588,
            Self::RangeNumeric(_) => 3589,
            Self::Twice(_) => 3591,
            Self::Ordinal(_) => 3592,
            Self::Place(_) => 3593,
            Self::Alias(_) => 3594,
            Self::Nested(_) => 3595,
            Self::RowsInterval(_) => 3596,
        }
    }
}

/// The windows of a SELECT's WINDOW clause, by their names.
#[derive(Debug, Default)]
pub struct Windows(Vec<(String, WindowSpec)>);

impl Windows {
    /// The windows as they are defined; they may refer to each other in any order.
    pub fn of(definitions: Vec<NamedWindowDefinition>) -> Result<Self> {
        let mut windows = Self::default();
        for NamedWindowDefinition(name, definition) in definitions {
            if windows.get(&name.value).is_some() {
                return Err(Misuse::Twice(name.value).into());
            }
            let spec = match definition {
                NamedWindowExpr::WindowSpec(spec) => spec,
                NamedWindowExpr::NamedWindow(_) => {
                    return Err(Error::NotSupported("WINDOW without parentheses".to_owned()));
                }
            };
            windows.0.push((name.value, spec));
        }
        // Each is looked at, also what no function uses.
        for (name, spec) in &windows.0 {
            written_out(name, windows.whole(name, spec, 0)?)?;
        }
        Ok(windows)
    }

    /// Writes out what a function's OVER says; answers the window's name.
    pub fn write_out(&self, over: &mut WindowType) -> Result<String> {
        let (name, spec) = match over {
            WindowType::NamedWindow(name) => (name.value.clone(), self.named(&name.value, 0)?),
            WindowType::WindowSpec(spec) => (UNNAMED.to_owned(), self.whole(UNNAMED, spec, 0)?),
        };
        *over = WindowType::WindowSpec(written_out(&name, spec)?);
        Ok(name)
    }

    fn get(&self, name: &str) -> Option<&(String, WindowSpec)> {
        self.0.iter().find(|(known, _)| known.to_lowercase() == name.to_lowercase())
    }

    fn named(&self, name: &str, depth: usize) -> Result<WindowSpec> {
        match self.get(name) {
            Some((name, spec)) => self.whole(name, spec, depth),
            None => Err(Misuse::Unknown(name.to_owned()).into()),
        }
    }

    /// A window with what it takes over from the one that it refers to.
    fn whole(&self, name: &str, spec: &WindowSpec, depth: usize) -> Result<WindowSpec> {
        let mut whole = spec.clone();
        let Some(base) = whole.window_name.take() else { return Ok(whole) };
        if depth > self.0.len() {
            return Err(Misuse::Circle.into());
        }
        let inherited = self.named(&base.value, depth + 1)?;
        if !whole.partition_by.is_empty() {
            return Err(Misuse::Partitioned.into());
        }
        if inherited.window_frame.is_some() {
            return Err(Misuse::Framed(base.value).into());
        }
        if !whole.order_by.is_empty() && !inherited.order_by.is_empty() {
            return Err(Misuse::Ordered(name.to_owned(), base.value).into());
        }
        whole.partition_by = inherited.partition_by;
        if whole.order_by.is_empty() {
            whole.order_by = inherited.order_by;
        }
        Ok(whole)
    }
}

/// A window whose frame means something, as DataFusion reads it.
fn written_out(name: &str, mut window: WindowSpec) -> Result<WindowSpec> {
    let mut keys = window.partition_by.iter().chain(window.order_by.iter().map(|key| &key.expr));
    if keys.any(|key| matches!(number(key), Some(digits) if is_whole(digits))) {
        return Err(Misuse::Ordinal(name.to_owned()).into());
    }
    let keys = window.order_by.len();
    if let Some(frame) = &mut window.window_frame {
        check_bounds(name, frame)?;
        for bound in std::iter::once(&mut frame.start_bound).chain(frame.end_bound.as_mut()) {
            let Some(distance) = distance(bound) else { continue };
            match frame.units {
                WindowFrameUnits::Rows => check_rows(name, distance)?,
                WindowFrameUnits::Range if keys != 1 => {
                    return Err(Misuse::RangeOrder(name.to_owned()).into());
                }
                WindowFrameUnits::Range => measure(name, distance)?,
                WindowFrameUnits::Groups => {}
            }
        }
    }
    Ok(window)
}

fn distance(bound: &mut WindowFrameBound) -> Option<&mut Expr> {
    match bound {
        WindowFrameBound::Preceding(distance) | WindowFrameBound::Following(distance) => {
            distance.as_deref_mut()
        }
        WindowFrameBound::CurrentRow => None,
    }
}

/// The digits of a number that is written out.
fn number(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => Some(digits),
            _ => None,
        },
        _ => None,
    }
}

fn is_whole(digits: &str) -> bool {
    digits.bytes().all(|digit| digit.is_ascii_digit())
}

/// A frame starts somewhere and does not end before. `2 FOLLOWING AND 1 FOLLOWING` does, and is empty.
fn check_bounds(name: &str, frame: &WindowFrame) -> Result<()> {
    use WindowFrameBound::{CurrentRow, Following, Preceding};
    if frame.units == WindowFrameUnits::Groups {
        return Err(Error::NotSupported("GROUPS".to_owned()));
    }
    let end = frame.end_bound.as_ref().unwrap_or(&CurrentRow);
    Err(match (&frame.start_bound, end) {
        (Following(None), _) => Misuse::Start(name.to_owned()),
        (_, Preceding(None)) => Misuse::End(name.to_owned()),
        (CurrentRow | Following(_), Preceding(_)) | (Following(_), CurrentRow) => {
            Misuse::Bound(name.to_owned())
        }
        _ => return Ok(()),
    }
    .into())
}

/// Rows are counted.
fn check_rows(name: &str, distance: &Expr) -> Result<()> {
    let counts = match distance {
        Expr::Interval(_) => return Err(Misuse::RowsInterval(name.to_owned()).into()),
        Expr::Value(value) if matches!(value.value, Value::Placeholder(_)) => true,
        other => number(other).is_some_and(is_whole),
    };
    if counts { Ok(()) } else { Err(Misuse::Bound(name.to_owned()).into()) }
}

/// A distance in a RANGE is a number, or an interval, which DataFusion reads from a string.
fn measure(name: &str, distance: &mut Expr) -> Result<()> {
    let Expr::Interval(interval) = distance else {
        let known = match distance {
            Expr::Value(value) => matches!(value.value, Value::Placeholder(_) | Value::Number(..)),
            _ => false,
        };
        return if known { Ok(()) } else { Err(Misuse::Bound(name.to_owned()).into()) };
    };
    let Some(span) = Span::of(interval) else {
        return Err(Error::NotSupported("RANGE of an interval that is not a number of units".to_owned()));
    };
    if span.months < 0 || span.micros < 0 {
        return Err(Misuse::Bound(name.to_owned()).into());
    }
    let written = span.to_string();
    let (amount, unit) = written.split_once(' ').unwrap_or((&written, "DAY"));
    *interval.value = string(amount);
    interval.leading_field = Some(DateTimeField::Custom(Ident::new(unit)));
    Ok(())
}

/// An interval: months, or microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// So many months.
    pub months: i64,
    /// So many microseconds.
    pub micros: i64,
}

const DAY: i64 = 86_400_000_000;

impl Span {
    /// What is written; None when it is not known before the statement runs.
    fn of(interval: &Interval) -> Option<Self> {
        let unit = match interval.leading_field.as_ref()? {
            DateTimeField::Custom(unit) => unit.value.clone(),
            unit => unit.to_string(),
        };
        let (sign, amount) = match interval.value.as_ref() {
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => (-1, expr.as_ref()),
            amount => (1, amount),
        };
        let Expr::Value(amount) = amount else { return None };
        let (Value::Number(amount, _)
        | Value::SingleQuotedString(amount)
        | Value::DoubleQuotedString(amount)) = &amount.value
        else {
            return None;
        };
        let (months, micros) = span(amount, &unit)?;
        Some(Self { months: sign * months, micros: sign * micros })
    }

    /// The span that a text tells, as `Display` writes it.
    pub fn read(text: &str) -> Option<Self> {
        let (amount, unit) = text.split_once(' ')?;
        let (months, micros) = span(amount, unit)?;
        Some(Self { months, micros })
    }

    /// Whether a date that is moved by it stays a date.
    pub fn is_of_days(self) -> bool {
        self.micros % DAY == 0
    }
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { months: 0, micros } if self.is_of_days() => write!(formatter, "{} DAY", micros / DAY),
            Self { months: 0, micros } => write!(formatter, "{micros} MICROSECOND"),
            Self { months, .. } => write!(formatter, "{months} MONTH"),
        }
    }
}
