//! Windows of a SELECT: what `OVER name`, `OVER (name …)` and the WINDOW clause mean.
//!
//! It knows syntax. A window that refers to another becomes one that says all itself: DataFusion's planner would
//! take either the one or the other, and not both.

use sqlparser::ast::{
    DateTimeField, Expr, NamedWindowDefinition, NamedWindowExpr, Value, WindowFrameBound, WindowFrameUnits,
    WindowSpec, WindowType,
};

use super::grammar::string;
use crate::engine::error::{Error, Result};

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
    /// 3591.
    #[error("Window '{0}' is defined twice.")]
    Twice(String),
    /// 3593: in WHERE, GROUP BY or HAVING.
    #[error("You cannot use the window function '{0}' in this context.'")]
    Place(String),
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
            Self::Twice(_) => 3591,
            Self::Place(_) => 3593,
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
            windows.whole(name, spec, 0)?;
        }
        Ok(windows)
    }

    /// Writes out what a function's OVER says.
    pub fn write_out(&self, over: &mut WindowType) -> Result<()> {
        let mut spec = match over {
            WindowType::NamedWindow(name) => self.named(&name.value, 0)?,
            WindowType::WindowSpec(spec) => self.whole("<unnamed window>", spec, 0)?,
        };
        if let Some(frame) = spec.window_frame.as_mut().filter(|frame| frame.units == WindowFrameUnits::Range)
        {
            for bound in std::iter::once(&mut frame.start_bound).chain(frame.end_bound.as_mut()) {
                if let WindowFrameBound::Preceding(Some(value)) | WindowFrameBound::Following(Some(value)) =
                    bound
                {
                    quote_interval(value)?;
                }
            }
        }
        *over = WindowType::WindowSpec(spec);
        Ok(())
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

/// `RANGE INTERVAL 1 DAY PRECEDING`: DataFusion reads the number of such an interval from a string only.
fn quote_interval(bound: &mut Expr) -> Result<()> {
    let Expr::Interval(interval) = bound else { return Ok(()) };
    let unit = match &interval.leading_field {
        Some(DateTimeField::Custom(unit)) => unit.value.clone(),
        Some(unit) => unit.to_string(),
        None => return Ok(()),
    };
    let number = match interval.value.as_ref() {
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) | Value::SingleQuotedString(text) => text.trim().parse::<u64>().ok(),
            _ => None,
        },
        _ => None,
    };
    let (Some(number), false) = (number, unit.contains('_')) else {
        return Err(Error::NotSupported("RANGE of an interval that is not a number of units".to_owned()));
    };
    let (number, unit) = match unit.as_str() {
        "QUARTER" => (number.saturating_mul(3), "MONTH".to_owned()),
        _ => (number, unit),
    };
    *interval.value = string(number.to_string());
    interval.leading_field = Some(DateTimeField::Custom(sqlparser::ast::Ident::new(unit)));
    Ok(())
}
