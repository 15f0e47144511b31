//! Dependent joins: LATERAL, and subqueries that use columns from outside in ways DataFusion has no join for.
//!
//! It knows plans. DataFusion makes joins of a subquery that filters by equality with outer columns, and leaves
//! every other one in a plan that nothing can run; of a value it also makes several where there are several rows.
//! Here the rows outside, numbered, are carried [`down`] through the subquery to where its own rows come from, and
//! come back with them. The rows outside are read once, so nothing depends on reading them twice in the same way; but for
//! a subquery that uses them in several branches, and then they must be such that are the same each time.

mod again;
mod down;
pub mod scope;

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchemaRef, Result, Spans, TableReference, not_impl_err};
use datafusion::functions_aggregate::expr_fn::{count, first_value};
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, disjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, Distinct, Expr, JoinType, LogicalPlan, LogicalPlanBuilder, Operator, Sort, Subquery,
    SubqueryAlias, not, when,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::prelude::{ident, lit};

use super::membership;
use crate::engine::functions::udf;
use down::{Dependent, FOUND};

/// How often subqueries inside of subqueries are looked at again.
const ROUNDS_MAX: usize = 32;

/// Plans what depends on outer columns as joins.
#[derive(Debug)]
pub struct DependentJoins;

impl AnalyzerRule for DependentJoins {
    fn name(&self) -> &str {
        "dependent_joins"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let mut plan = plan;
        // What a subquery inside of a subquery asks of the outermost query is of the next round.
        for _ in 0..ROUNDS_MAX {
            let joined = plan.transform_up_with_subqueries(join)?;
            if !joined.transformed {
                return Ok(joined.data);
            }
            plan = joined.data;
        }
        not_impl_err!("subqueries that are nested so deeply")
    }
}

/// One node, whose inputs and subqueries were seen before.
fn join(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    if let LogicalPlan::Join(lateral) = &plan
        && let Some((subquery, alias)) = lateral_side(&lateral.right)
    {
        let inner = aliased(subquery.subquery.as_ref().clone(), alias)?;
        let (left, filter) = (lateral.left.as_ref().clone(), lateral.filter.clone());
        return lateral_join(left, inner, lateral.join_type, filter).map(Transformed::yes);
    }
    let filters = matches!(plan, LogicalPlan::Filter(_));
    let schema = match plan.inputs().as_slice() {
        [input] => Arc::clone(input.schema()),
        _ => return Ok(Transformed::no(plan)),
    };
    let has_subqueries = |expression: &Expr| expression.exists(|part| Ok(is_subquery(part))).unwrap_or(true);
    if !plan.expressions().iter().any(has_subqueries) {
        return Ok(Transformed::no(plan));
    }

    // EXISTS and IN that DataFusion has no semi join for are counts.
    let names = NamePreserver::new(&plan);
    let counted = plan.map_expressions(|expression| {
        let name = names.save(&expression);
        let split = expression.transform_up(|part| split(part, &schema))?;
        let counted =
            split.transform_data(|part| part.transform_up(|part| counted(part, &schema, filters)))?;
        Ok(counted.update_data(|expression| name.restore(expression)))
    })?;
    let (plan, changed) = (counted.data, counted.transformed);

    let joins_values = matches!(plan, LogicalPlan::Filter(_) | LogicalPlan::Projection(_));
    let mut input = plan.inputs()[0].clone();
    let mut values = 0;
    let expressions = plan
        .expressions()
        .into_iter()
        .map(|expression| {
            let name = names.save(&expression);
            let joined = expression.transform_down(|part| {
                let Expr::ScalarSubquery(subquery) = &part else { return Ok(Transformed::no(part)) };
                let inner = &subquery.subquery;
                let Some(depends) = scope::Outer::of(inner, &schema) else {
                    return Ok(Transformed::no(part));
                };
                if joins_values && depends.by_equality && is_total(inner) {
                    return Ok(Transformed::no(part));
                }
                let value = format!("__value_{values}");
                values += 1;
                let outer = std::mem::take(&mut input);
                input = value_join(outer, inner, &value)?;
                Ok(Transformed::new(ident(value), true, TreeNodeRecursion::Jump))
            })?;
            Ok(name.restore(joined.data))
        })
        .collect::<Result<Vec<_>>>()?;
    if values == 0 {
        return Ok(Transformed::new_transformed(plan, changed));
    }
    let outputs = plan.schema().columns();
    let joined = plan.with_new_exprs(expressions, vec![input])?;
    let joined = match joined {
        LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) => joined,
        other => LogicalPlanBuilder::from(other).project(outputs.into_iter().map(Expr::Column))?.build()?,
    };
    Ok(Transformed::yes(joined))
}

fn is_subquery(expression: &Expr) -> bool {
    matches!(expression, Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_))
}

/// The right side of a lateral join with the name that it has there.
fn lateral_side(plan: &LogicalPlan) -> Option<(&Subquery, Option<&TableReference>)> {
    match plan {
        LogicalPlan::Subquery(subquery) => Some((subquery, None)),
        LogicalPlan::SubqueryAlias(SubqueryAlias { input, alias, .. }) => match input.as_ref() {
            LogicalPlan::Subquery(subquery) => Some((subquery, Some(alias))),
            _ => None,
        },
        _ => None,
    }
}

fn aliased(plan: LogicalPlan, alias: Option<&TableReference>) -> Result<LogicalPlan> {
    match alias {
        Some(alias) => LogicalPlanBuilder::from(plan).alias(alias.clone())?.build(),
        None => Ok(plan),
    }
}

/// Each row of the left side beside the rows that the right side has for it.
fn lateral_join(
    left: LogicalPlan,
    right: LogicalPlan,
    join_type: JoinType,
    on: Option<Expr>,
) -> Result<LogicalPlan> {
    let mut outputs = left.schema().columns();
    outputs.extend(right.schema().columns());
    if scope::Outer::of(&right, left.schema()).is_none() {
        // It depends on what is farther outside; that is seen there.
        return LogicalPlanBuilder::from(left).join_on(right, join_type, on)?.build();
    }
    let dependent = Dependent::new(left, &right)?;
    let rows = match join_type {
        JoinType::Inner => {
            let rows = LogicalPlanBuilder::from(dependent.rows(&right)?);
            match on {
                Some(on) => rows.filter(dependent.inside(on)?)?.build()?,
                None => rows.build()?,
            }
        }
        JoinType::Left => dependent.rows_or_nulls(&right, on)?,
        other => return not_impl_err!("{other} JOIN LATERAL"),
    };
    dependent.outside(rows, outputs)
}

/// The outer rows with one more column, the value of a subquery; more than one row of it is an error.
fn value_join(outer: LogicalPlan, inner: &LogicalPlan, value: &str) -> Result<LogicalPlan> {
    let mut outputs = outer.schema().columns();
    outputs.push(Column::new_unqualified(value));
    if let Some(found) = lookup_join(&outer, inner, value)? {
        return LogicalPlanBuilder::from(found).project(outputs.into_iter().map(Expr::Column))?.build();
    }
    let dependent = Dependent::new(outer, inner)?;
    let down = dependent.rows_and_misses(inner)?;
    let column = Expr::Column(Column::from(inner.schema().qualified_field(0)));
    let rows = if down.one {
        let found = when(ident(FOUND), column).end()?;
        let columns = dependent.columns().chain([found.alias(value)]);
        LogicalPlanBuilder::from(down.plan).project(columns)?.build()?
    } else {
        let found = |aggregate| with_filter(aggregate, ident(FOUND));
        let rows = found(count(lit(1)))?.alias(COUNT);
        let first = found(first_value(column, Vec::new()))?.alias(value);
        let grouped = dependent.group(down.plan, Vec::new(), vec![rows, first])?;
        LogicalPlanBuilder::from(grouped).filter(only_row()?)?.build()?
    };
    dependent.outside(rows, outputs)
}

/// How many rows a subquery has for one row outside.
const COUNT: &str = "__count";

/// Holds for one row and for none; two are an error.
fn only_row() -> Result<Expr> {
    Ok(udf("mysql_only_row")?.call(vec![ident(COUNT)]))
}

fn with_filter(aggregate: Expr, filter: Expr) -> Result<Expr> {
    use datafusion::logical_expr::ExprFunctionExt;
    aggregate.filter(filter).build()
}

/// A value that is found by equality: the subquery's rows are grouped by what is compared and joined as they are.
fn lookup_join(outer: &LogicalPlan, inner: &LogicalPlan, value: &str) -> Result<Option<LogicalPlan>> {
    let Some(lookup) = Lookup::of(inner, outer.schema())? else { return Ok(None) };
    let key = |index: usize| format!("{value}_key_{index}");
    let keys = lookup.pairs.iter().enumerate();
    let keys = keys.map(|(index, (inside, _))| inside.clone().alias(key(index)));
    let values = vec![count(lit(1)).alias(COUNT), first_value(lookup.value, Vec::new()).alias(value)];
    let groups = LogicalPlanBuilder::from(lookup.rows).aggregate(keys, values)?.build()?;
    let equal = lookup.pairs.iter().enumerate();
    let equal = conjunction(equal.map(|(index, (_, outside))| ident(key(index)).eq(outside.clone())));
    LogicalPlanBuilder::from(outer.clone())
        .join_on(groups, JoinType::Left, equal)?
        .filter(only_row()?)?
        .build()
        .map(Some)
}

/// `SELECT value FROM rows WHERE inside = outside AND …`.
struct Lookup {
    value: Expr,
    rows: LogicalPlan,
    /// What is compared: an expression over the rows, one over the outer columns.
    pairs: Vec<(Expr, Expr)>,
}

impl Lookup {
    fn of(inner: &LogicalPlan, outer: &DFSchemaRef) -> Result<Option<Self>> {
        let LogicalPlan::Projection(projection) = inner else { return Ok(None) };
        let LogicalPlan::Filter(filter) = projection.input.as_ref() else { return Ok(None) };
        let [value] = projection.expr.as_slice() else { return Ok(None) };
        if value.contains_outer()
            || scope::has_subquery(value)
            || scope::has_subquery(&filter.predicate)
            || scope::Outer::of(&filter.input, outer).is_some()
        {
            return Ok(None);
        }
        let mut pairs = Vec::new();
        let mut own = Vec::new();
        for part in split_conjunction_owned(filter.predicate.clone()) {
            if !part.contains_outer() {
                own.push(part);
                continue;
            }
            match scope::equality(&part, outer) {
                Some(pair) => pairs.push(pair),
                None => return Ok(None),
            }
        }
        let rows = LogicalPlanBuilder::from(filter.input.as_ref().clone());
        let rows = match conjunction(own) {
            Some(own) => rows.filter(own)?.build()?,
            None => rows.build()?,
        };
        Ok(Some(Self { value: value.clone().unalias(), rows, pairs }))
    }
}

/// Whether a subquery is one aggregate of all its rows, which has a value for none of them too.
fn is_total(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => is_total(&projection.input),
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        _ => false,
    }
}

/// EXISTS and IN of a UNION, as those of its parts: what is in one of them is in all of them together.
fn split(part: Expr, schema: &DFSchemaRef) -> Result<Transformed<Expr>> {
    let (Expr::Exists(Exists { subquery, negated }) | Expr::InSubquery(InSubquery { subquery, negated, .. })) =
        &part
    else {
        return Ok(Transformed::no(part));
    };
    let depends = scope::Outer::of(&subquery.subquery, schema).is_some();
    let Some(parts) = parts(&subquery.subquery).filter(|_| depends) else { return Ok(Transformed::no(part)) };
    let each = parts.into_iter().map(|plan| {
        let outer_ref_columns = plan.all_out_ref_exprs();
        let subquery = Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: Spans::new() };
        match &part {
            Expr::InSubquery(InSubquery { expr, .. }) => {
                Expr::InSubquery(InSubquery { expr: expr.clone(), subquery, negated: false })
            }
            _ => Expr::Exists(Exists { subquery, negated: false }),
        }
    });
    let found = disjunction(each).unwrap_or_else(|| lit(false));
    Ok(Transformed::yes(if *negated { not(found) } else { found }))
}

/// The parts of a UNION, whose order and repetitions do not count.
fn parts(plan: &LogicalPlan) -> Option<Vec<LogicalPlan>> {
    match plan {
        LogicalPlan::Union(union) => Some(
            union
                .inputs
                .iter()
                .flat_map(|part| parts(part).unwrap_or_else(|| vec![part.as_ref().clone()]))
                .collect(),
        ),
        LogicalPlan::Distinct(Distinct::All(input)) => parts(input),
        LogicalPlan::Sort(Sort { input, fetch: None, .. }) => parts(input),
        _ => None,
    }
}

/// EXISTS and IN of a subquery that DataFusion makes no semi join of, as the number of its rows.
fn counted(part: Expr, schema: &DFSchemaRef, filters: bool) -> Result<Transformed<Expr>> {
    let is_joined = |plan: &LogicalPlan, exists| filters && scope::filters_rows(plan, exists);
    match part {
        Expr::Exists(Exists { subquery, negated })
            if scope::Outer::of(&subquery.subquery, schema).is_some()
                && !is_joined(&subquery.subquery, true) =>
        {
            let rows = count_of(subquery.subquery.as_ref().clone())?;
            let found = Expr::BinaryExpr(BinaryExpr::new(
                Box::new(rows),
                if negated { Operator::Eq } else { Operator::NotEq },
                Box::new(lit(0_i64)),
            ));
            Ok(Transformed::yes(found))
        }
        Expr::InSubquery(InSubquery { expr, subquery, negated })
            if scope::Outer::of(&subquery.subquery, schema).is_some()
                && !is_joined(&subquery.subquery, false) =>
        {
            let inner = subquery.subquery.as_ref().clone();
            let column = Expr::Column(Column::from(inner.schema().qualified_field(0)));
            let equal = column.eq(membership::outer(*expr, schema)?);
            let found = count_of(LogicalPlanBuilder::from(inner).filter(equal)?.build()?)?.not_eq(lit(0_i64));
            Ok(Transformed::yes(if negated { not(found) } else { found }))
        }
        other => Ok(Transformed::no(other)),
    }
}

fn count_of(plan: LogicalPlan) -> Result<Expr> {
    let plan =
        LogicalPlanBuilder::from(plan).aggregate(Vec::<Expr>::new(), vec![count(lit(1_i64))])?.build()?;
    Ok(Expr::ScalarSubquery(Subquery {
        outer_ref_columns: plan.all_out_ref_exprs(),
        subquery: Arc::new(plan),
        spans: Spans::new(),
    }))
}
