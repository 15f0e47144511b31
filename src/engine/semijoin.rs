//! `IN (SELECT … GROUP BY … HAVING …)` is decided before other tables are joined. It must not know tables.
//!
//! DataFusion makes a semi-join of it and leaves it above all joins of the query, so that millions of rows are
//! joined of which a few groups remain. A group-by whose groups are filtered keeps few of them; other semi-joins
//! stay where they are, because a join below may keep fewer rows than they do.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::logical_expr::logical_plan::{Join, Projection};
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// Moves semi-joins with filtered groups below inner joins, one step at each visit.
#[derive(Debug)]
pub struct SemiJoinsFirst;

impl OptimizerRule for SemiJoinsFirst {
    fn name(&self) -> &str {
        "semi_joins_first"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Join(semi) = &plan else { return Ok(Transformed::no(plan)) };
        let columns: Option<Vec<Column>> =
            semi.on.iter().map(|(left, _)| left.try_as_col().cloned()).collect();
        let plain = semi.join_type == JoinType::LeftSemi && semi.filter.is_none() && !semi.on.is_empty();
        let Some(columns) = columns.filter(|_| plain && filters_groups(&semi.right)) else {
            return Ok(Transformed::no(plan));
        };
        let moved = match semi.left.as_ref() {
            LogicalPlan::Projection(projection) => below_projection(semi, projection, &columns)?,
            LogicalPlan::Join(inner) if inner.join_type == JoinType::Inner => {
                below_join(semi, inner, &columns)?
            }
            _ => None,
        };
        Ok(moved.map_or_else(|| Transformed::no(plan), Transformed::yes))
    }
}

/// Below a projection that passes the compared columns on.
fn below_projection(semi: &Join, projection: &Projection, columns: &[Column]) -> Result<Option<LogicalPlan>> {
    let source = |column: &Column| {
        let place = projection.schema.maybe_index_of_column(column)?;
        projection.expr[place].clone().unalias().try_as_col().cloned()
    };
    let Some(sources) = columns.iter().map(source).collect::<Option<Vec<_>>>() else { return Ok(None) };
    let input = LogicalPlan::Join(semi_join(semi, Arc::clone(&projection.input), sources)?);
    let (expressions, schema) = (projection.expr.clone(), Arc::clone(&projection.schema));
    Ok(Some(LogicalPlan::Projection(Projection::try_new_with_schema(expressions, Arc::new(input), schema)?)))
}

/// Below an inner join, on the side that has all of the compared columns: rows that go before it would go after it.
fn below_join(semi: &Join, inner: &Join, columns: &[Column]) -> Result<Option<LogicalPlan>> {
    let has = |side: &LogicalPlan| columns.iter().all(|column| side.schema().has_column(column));
    let mut joined = inner.clone();
    let side = match (has(&inner.left), has(&inner.right)) {
        (true, false) => &mut joined.left,
        (false, true) => &mut joined.right,
        _ => return Ok(None),
    };
    *side = Arc::new(LogicalPlan::Join(semi_join(semi, Arc::clone(side), columns.to_vec())?));
    Ok(Some(LogicalPlan::Join(joined)))
}

/// The same semi-join of another input.
fn semi_join(semi: &Join, left: Arc<LogicalPlan>, columns: Vec<Column>) -> Result<Join> {
    let compared = semi.on.iter().map(|(_, right)| right.clone());
    let on = columns.into_iter().map(Expr::Column).zip(compared).collect();
    let (right, constraint) = (Arc::clone(&semi.right), semi.join_constraint);
    Join::try_new(left, right, on, None, JoinType::LeftSemi, constraint, semi.null_equality, false)
}

/// Whether rows are groups of which a filter keeps some.
fn filters_groups(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => filters_groups(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => filters_groups(&alias.input),
        LogicalPlan::Filter(filter) => has_groups(&filter.input),
        _ => false,
    }
}

fn has_groups(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => has_groups(&projection.input),
        LogicalPlan::Aggregate(aggregate) => !aggregate.group_expr.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema};
    use datafusion::functions_aggregate::expr_fn::count;
    use datafusion::logical_expr::{LogicalPlanBuilder, col, lit, table_scan};
    use datafusion::optimizer::{Optimizer, OptimizerContext};

    use super::*;

    fn table(name: &str) -> LogicalPlanBuilder {
        let field = |name| Field::new(name, DataType::Int64, true);
        table_scan(Some(name), &Schema::new(vec![field("k"), field("v")]), None).unwrap()
    }

    #[test]
    fn filtered_groups_are_compared_before_other_tables_are_joined() {
        let check = |groups: LogicalPlanBuilder, moves: bool| {
            let groups = groups.project([col("g.k")]).unwrap().alias("s").unwrap().build().unwrap();
            let other = table("b").build().unwrap();
            let joined = table("a").join(other, JoinType::Inner, (vec!["a.k"], vec!["b.k"]), None).unwrap();
            let plan = joined.project([col("a.v"), col("a.k")]).unwrap();
            let plan = plan.join(groups, JoinType::LeftSemi, (vec!["a.k"], vec!["s.k"]), None).unwrap();
            let optimizer = Optimizer::with_rules(vec![Arc::new(SemiJoinsFirst)]);
            let plan =
                optimizer.optimize(plan.build().unwrap(), &OptimizerContext::new(), |_, _| ()).unwrap();
            let plan = plan.display_indent().to_string();
            let lines: Vec<&str> = plan.lines().map(str::trim_start).take(4).collect();
            let expected = match moves {
                true => [
                    "Projection: a.v, a.k",
                    "Inner Join: a.k = b.k",
                    "LeftSemi Join: a.k = s.k",
                    "TableScan: a",
                ],
                false => [
                    "LeftSemi Join: a.k = s.k",
                    "Projection: a.v, a.k",
                    "Inner Join: a.k = b.k",
                    "TableScan: a",
                ],
            };
            assert_eq!(lines, expected, "{plan}");
        };
        let groups = || table("g").aggregate([col("g.k")], [count(col("g.v"))]).unwrap();
        check(groups().filter(count(col("g.v")).gt(lit(1))).unwrap(), true);
        check(groups(), false);
        check(table("g").filter(col("g.v").gt(lit(1))).unwrap(), false);
    }
}
