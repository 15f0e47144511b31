//! Window functions in a plan, once types are known: the one type of LAG's and LEAD's values and defaults, and which keys
//! a RANGE may be measured by.
//!
//! It knows plans and types; frames as they are written are [`super::window`]'s.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{Cast, WindowFunction};
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, WindowFrame, WindowFrameBound, WindowFrameUnits,
};

use super::window::{Misuse, Span, UNNAMED};
use crate::engine::error::Error;
use crate::engine::functions::control::{convert_from, with_digits};
use crate::engine::functions::convert::decimal;
use crate::engine::functions::shift::unified;
use crate::engine::functions::shown::{is_told, tells};
use crate::engine::functions::signature::digits::widest;
use crate::engine::functions::signature::is_text;
use crate::engine::functions::unify::{pair, temporal};

/// What a window function says with types that DataFusion takes.
pub fn convert(mut function: Box<WindowFunction>, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let defaults = with_default(&mut function, schema)?;
    let ranges = measured(&mut function, schema)?;
    let empty = emptied(&mut function.params.window_frame);
    let peers = by_peers(&mut function, schema)?;
    Ok(Transformed::new_transformed(Expr::WindowFunction(function), defaults || ranges || empty || peers))
}

/// RANGE without a distance: DataFusion knows it over some types of keys only, and groups of equal rows, which are the
/// same, over all.
fn by_peers(function: &mut WindowFunction, schema: &DFSchema) -> Result<bool> {
    use WindowFrameBound::{CurrentRow, Following, Preceding};
    let frame = &function.params.window_frame;
    let is_unmeasured = |bound: &WindowFrameBound| match bound {
        CurrentRow => true,
        Preceding(distance) | Following(distance) => distance.is_null(),
    };
    let Some(key) = function.params.order_by.first().filter(|_| {
        frame.units == WindowFrameUnits::Range
            && is_unmeasured(&frame.start_bound)
            && is_unmeasured(&frame.end_bound)
    }) else {
        return Ok(false);
    };
    let is_known = match key.expr.get_type(schema)? {
        DataType::Boolean
        | DataType::Null
        | DataType::Date32
        | DataType::Date64
        | DataType::Timestamp(..) => true,
        other => other.is_numeric() || is_text(&other),
    };
    if !is_known {
        let (start, end) = (frame.start_bound.clone(), frame.end_bound.clone());
        function.params.window_frame = WindowFrame::new_bounds(WindowFrameUnits::Groups, start, end);
    }
    Ok(!is_known)
}

/// Rows are grouped before windows are; an alias in GROUP BY may stand for what is computed in one.
pub fn check_groups(plan: &LogicalPlan) -> Result<()> {
    let LogicalPlan::Aggregate(aggregate) = plan else { return Ok(()) };
    for key in &aggregate.group_expr {
        key.apply(|part| match part {
            Expr::WindowFunction(function) => {
                Err(Error::from(Misuse::Place(function.fun.name().to_owned())).into())
            }
            _ => Ok(TreeNodeRecursion::Continue),
        })?;
    }
    Ok(())
}

/// Windows whose keys were alike and are not any more, each by itself: DataFusion sorts once for a node of them.
pub fn apart(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Window(window) = &plan else { return Ok(Transformed::no(plan)) };
    let mut groups: Vec<(_, Vec<Expr>)> = Vec::new();
    for value in &window.window_expr {
        let Expr::WindowFunction(function) = value.clone().unalias() else {
            return Ok(Transformed::no(plan));
        };
        let key = (function.params.partition_by, function.params.order_by);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, values)) => values.push(value.clone()),
            None => groups.push((key, vec![value.clone()])),
        }
    }
    if groups.len() < 2 {
        return Ok(Transformed::no(plan));
    }
    let outputs = plan.schema().columns().into_iter().map(Expr::Column);
    let mut input = LogicalPlanBuilder::from(window.input.as_ref().clone());
    for (_, values) in groups {
        input = input.window(values)?;
    }
    input.project(outputs)?.build().map(Transformed::yes)
}

/// A value and the default that stands in for it are shown as one column.
fn with_default(function: &mut WindowFunction, schema: &DFSchema) -> Result<bool> {
    if !matches!(function.fun.name(), "lag" | "lead") {
        return Ok(false);
    }
    let [value, _, default] = function.params.args.as_mut_slice() else { return Ok(false) };
    let fields = [value.to_field(schema)?.1, default.to_field(schema)?.1];
    let one = unified(&fields[0], &fields[1]);
    let alike = |data_type: &DataType| data_type == one.data_type() || data_type.is_null();
    if alike(fields[1].data_type())
        && *fields[0].data_type() == *one.data_type()
        && one.metadata() == fields[0].metadata()
    {
        return Ok(false);
    }
    let digits = widest(&fields).filter(|digits| tells(one.data_type(), *digits));
    let told = digits.is_some() || fields.iter().any(|field| is_told(field));
    for (part, field) in [value, default].into_iter().zip(&fields) {
        let converted = convert_from(std::mem::take(part), field.data_type(), one.data_type())?;
        *part = if told { with_digits(converted, digits)? } else { converted };
    }
    Ok(true)
}

/// RANGE with a distance: the key is one that the distance can be added to, and the distance is written for it.
fn measured(function: &mut WindowFunction, schema: &DFSchema) -> Result<bool> {
    let params = &mut function.params;
    let frame = &params.window_frame;
    let Some(distances) = distances(frame) else { return Ok(false) };
    let [key] = params.order_by.as_mut_slice() else { return Err(misuse(Misuse::RangeOrder)) };
    let key_type = key.expr.get_type(schema)?;
    let (to, unit) = if temporal(&key_type) {
        measure_of_time(&key_type, &distances)?
    } else if key_type.is_numeric() || key_type == DataType::Boolean {
        (measure_of_numbers(&key_type, &distances)?, Unit::Plain)
    } else {
        return Err(misuse(Misuse::RangeOrder));
    };
    let start = written(&frame.start_bound, unit);
    let end = written(&frame.end_bound, unit);
    params.window_frame = WindowFrame::new_bounds(frame.units, start, end);
    for step in to {
        let expr = std::mem::take(&mut key.expr);
        key.expr = Expr::Cast(Cast::new(Box::new(expr), step));
    }
    Ok(true)
}

fn misuse(why: fn(String) -> Misuse) -> datafusion::common::DataFusionError {
    Error::from(why(UNNAMED.to_owned())).into()
}

/// `3 FOLLOWING AND 1 FOLLOWING` is empty. DataFusion has no frames that end before they start, so one is written that lies
/// before all rows.
fn emptied(frame: &mut WindowFrame) -> bool {
    use WindowFrameBound::{Following, Preceding};
    let (nearer, further) = match (&frame.start_bound, &frame.end_bound) {
        (Following(start), Following(end)) => (amount(end), amount(start)),
        (Preceding(start), Preceding(end)) => (amount(start), amount(end)),
        _ => return false,
    };
    let crossed = matches!((nearer, further), (Some(nearer), Some(further)) if nearer < further);
    if crossed {
        let before = || Preceding(ScalarValue::UInt64(Some(1 << 62)));
        *frame = WindowFrame::new_bounds(WindowFrameUnits::Rows, before(), before());
    }
    crossed
}

/// How far away a bound is, next to others of its kind.
fn amount(distance: &ScalarValue) -> Option<f64> {
    match distance {
        ScalarValue::UInt64(Some(rows)) => Some(*rows as f64),
        ScalarValue::Utf8(Some(text)) => match Span::read(text) {
            Some(Span { months: 0, micros }) => Some(micros as f64),
            Some(_) => None,
            None => text.parse().ok(),
        },
        _ => None,
    }
}

/// How a distance is written for DataFusion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// A number as it is.
    Plain,
    /// Months and microseconds as intervals.
    Interval,
    /// Microseconds as a number.
    Micros,
}

/// A distance in a RANGE.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Distance {
    Number(String),
    Time(Span),
}

/// The distances of a RANGE; None of another frame, and of one that only has its own row and the ends.
fn distances(frame: &WindowFrame) -> Option<Vec<Distance>> {
    if frame.units != WindowFrameUnits::Range {
        return None;
    }
    let all: Vec<Distance> =
        [&frame.start_bound, &frame.end_bound].into_iter().filter_map(distance).collect();
    if all.is_empty() { None } else { Some(all) }
}

fn distance(bound: &WindowFrameBound) -> Option<Distance> {
    match bound {
        WindowFrameBound::Preceding(ScalarValue::Utf8(Some(text)))
        | WindowFrameBound::Following(ScalarValue::Utf8(Some(text))) => Some(match Span::read(text) {
            Some(span) => Distance::Time(span),
            None => Distance::Number(text.clone()),
        }),
        _ => None,
    }
}

fn written(bound: &WindowFrameBound, unit: Unit) -> WindowFrameBound {
    let text = match (distance(bound), unit) {
        (Some(Distance::Time(span)), Unit::Micros) => span.micros.to_string(),
        (Some(Distance::Time(span)), _) => span.to_string(),
        _ => return bound.clone(),
    };
    let text = ScalarValue::Utf8(Some(text));
    match bound {
        WindowFrameBound::Preceding(_) => WindowFrameBound::Preceding(text),
        _ => WindowFrameBound::Following(text),
    }
}

/// The types that a key of dates or times goes through.
fn measure_of_time(key: &DataType, distances: &[Distance]) -> Result<(Vec<DataType>, Unit)> {
    let mut spans = Vec::with_capacity(distances.len());
    for distance in distances {
        match distance {
            Distance::Time(span) => spans.push(span),
            Distance::Number(_) => return Err(misuse(Misuse::RangeTemporal)),
        }
    }
    let micros = DataType::Duration(TimeUnit::Microsecond);
    Ok(match key {
        // Half a day from a date is a moment.
        DataType::Date32 | DataType::Date64 if spans.iter().any(|span| !span.is_of_days()) => {
            (vec![DataType::Timestamp(TimeUnit::Microsecond, None)], Unit::Interval)
        }
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => (Vec::new(), Unit::Interval),
        _ if spans.iter().any(|span| span.months != 0) => {
            return Err(Error::NotSupported("RANGE of months over a TIME".to_owned()).into());
        }
        DataType::Time64(TimeUnit::Microsecond) => (vec![DataType::Int64], Unit::Micros),
        DataType::Time32(_) | DataType::Time64(_) => {
            (vec![DataType::Time64(TimeUnit::Microsecond), DataType::Int64], Unit::Micros)
        }
        same if *same == micros => (vec![DataType::Int64], Unit::Micros),
        _ => (vec![micros, DataType::Int64], Unit::Micros),
    })
}

/// The type that a key of numbers is taken for, so that the distances can be of it and no sum leaves it.
fn measure_of_numbers(key: &DataType, distances: &[Distance]) -> Result<Vec<DataType>> {
    let mut to = match key {
        DataType::Float16 | DataType::Float32 => DataType::Float64,
        DataType::Int64 | DataType::UInt64 => decimal::data_type(20, 0),
        integer if integer.is_integer() || *integer == DataType::Boolean => DataType::Int64,
        other => other.clone(),
    };
    for distance in distances {
        let Distance::Number(digits) = distance else { return Err(misuse(Misuse::RangeNumeric)) };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if to.is_floating() || to.is_integer() && fraction.is_empty() && whole.len() <= WHOLE_MAX {
            continue;
        }
        let (scale, precision) = (fraction.len().min(30), (whole.len() + fraction.len()).clamp(1, 65));
        to = pair(&to, &decimal::data_type(precision as u8, scale as i8));
    }
    Ok(if to == *key { Vec::new() } else { vec![to] })
}

/// How many digits a distance may have that is added to an integer of 32 bits.
const WHOLE_MAX: usize = 18;
