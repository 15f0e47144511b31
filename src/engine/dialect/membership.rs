//! IN, ANY and ALL of a subquery where a value with three answers is asked for: true, false and unknown.
//!
//! It knows plans and types. DataFusion has joins for `x IN (SELECT …)` in a filter, which only tell true from the
//! rest; it refuses IN elsewhere and forgets empty sets in ALL. So these become scalar subqueries that count and
//! that find the least and the greatest value, which have the answer in every place.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, ExprSchema, Result, ScalarValue, Spans, not_impl_err};
use datafusion::functions_aggregate::expr_fn::{count, max, min};
use datafusion::logical_expr::expr::{Cast, InSubquery, SetComparison, SetQuantifier};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::utils::{disjunction, merge_schema};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, not, when,
};
use datafusion::prelude::{col, ident, lit};

use crate::engine::functions::operator::compare::{comparable, is_json, json_key, type_of};

/// The name of the only column of the values that are compared with.
const VALUE: &str = "value";

/// Rewrites the expressions of one node of a plan, whose subqueries are rewritten before.
pub fn rewrite(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let plan = match plan {
        LogicalPlan::Aggregate(_) | LogicalPlan::Window(_) | LogicalPlan::Sort(_)
            if plan.expressions().iter().any(has_members) =>
        {
            return below(plan).map(Transformed::yes);
        }
        plan => plan,
    };
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    let filters = matches!(plan, LogicalPlan::Filter(_) | LogicalPlan::Join(_));
    plan.map_expressions(|expression| {
        let name = names.save(&expression);
        let rewritten =
            if filters { condition(expression, &schema, true)? } else { value(expression, &schema)? };
        Ok(rewritten.update_data(|expression| name.restore(expression)))
    })
}

/// Computes the values in a projection below the node: DataFusion makes joins of a subquery there, and in filters.
fn below(plan: LogicalPlan) -> Result<LogicalPlan> {
    let input = plan.inputs()[0].clone();
    let schema = Arc::clone(input.schema());
    let mut columns: Vec<Expr> = schema.columns().into_iter().map(Expr::Column).collect();
    let names = NamePreserver::new(&plan);
    let expressions = plan
        .expressions()
        .into_iter()
        .map(|expression| {
            let name = names.save(&expression);
            let moved = expression.transform_down(|part| {
                if !is_member(&part) {
                    return Ok(Transformed::no(part));
                }
                let alias = format!("__member_{}", columns.len());
                columns.push(value(part, &schema)?.data.alias(&alias));
                Ok(Transformed::new(ident(alias), true, TreeNodeRecursion::Jump))
            })?;
            Ok(name.restore(moved.data))
        })
        .collect::<Result<Vec<_>>>()?;
    let outputs = plan.schema().columns();
    let input = LogicalPlanBuilder::from(input).project(columns)?.build()?;
    let moved = plan.with_new_exprs(expressions, vec![input])?;
    match moved {
        LogicalPlan::Aggregate(_) => Ok(moved),
        _ => LogicalPlanBuilder::from(moved).project(outputs.into_iter().map(Expr::Column))?.build(),
    }
}

fn is_member(expression: &Expr) -> bool {
    matches!(expression, Expr::InSubquery(_) | Expr::SetComparison(_))
}

fn has_members(expression: &Expr) -> bool {
    expression.exists(|part| Ok(is_member(part))).unwrap_or(true)
}

/// Part of a filter: under AND and OR it does not matter whether IN is false or unknown, and it stays for a join.
/// Its negation does so only as a `conjunct` of the whole filter, where there is a join that knows of NULL.
fn condition(expression: Expr, schema: &DFSchema, conjunct: bool) -> Result<Transformed<Expr>> {
    match expression {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            let conjunct = conjunct && op == Operator::And;
            let left = condition(*left, schema, conjunct)?;
            let right = condition(*right, schema, conjunct)?;
            let changed = left.transformed || right.transformed;
            let both = Expr::BinaryExpr(BinaryExpr::new(Box::new(left.data), op, Box::new(right.data)));
            Ok(if changed { Transformed::yes(both) } else { Transformed::no(both) })
        }
        Expr::InSubquery(part) if is_joined(&part, part.negated, schema, conjunct)? => {
            Ok(Transformed::no(Expr::InSubquery(part)))
        }
        Expr::Not(part) => match *part {
            Expr::InSubquery(part) if is_joined(&part, !part.negated, schema, conjunct)? => {
                Ok(Transformed::no(not(Expr::InSubquery(part))))
            }
            part => value(not(part), schema),
        },
        other => value(other, schema),
    }
}

/// Whether DataFusion has the right join. It joins on columns only, not on a constant, and with one column at most
/// where NULL counts.
fn is_joined(part: &InSubquery, negated: bool, schema: &DFSchema, conjunct: bool) -> Result<bool> {
    let inner = &part.subquery.subquery;
    let correlated = !part.subquery.outer_ref_columns.is_empty();
    let nullable = || -> Result<bool> {
        let values = inner.schema().fields().iter().any(|field| field.is_nullable());
        Ok(values || part.expr.nullable(schema)?)
    };
    Ok(match negated {
        false => correlated || part.expr.any_column_refs(),
        true if !conjunct => false,
        true if correlated => !nullable()?,
        true => part.expr.any_column_refs(),
    })
}

/// An expression whose value counts.
fn value(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    expression.transform_up(|part| match part {
        Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
            let found = Values::of(*expr, &subquery, schema)?.contain()?;
            Ok(Transformed::yes(if negated { not(found) } else { found }))
        }
        Expr::SetComparison(SetComparison { expr, subquery, op, quantifier }) => {
            let values = Values::of(*expr, &subquery, schema)?;
            // What holds for all is what fails for none.
            Ok(Transformed::yes(match (quantifier, op.negate()) {
                (SetQuantifier::Any, _) => values.any(op)?,
                (SetQuantifier::All, Some(opposite)) => not(values.any(opposite)?),
                (SetQuantifier::All, None) => return not_impl_err!("{op} ALL (subquery)"),
            }))
        }
        other => Ok(Transformed::no(other)),
    })
}

/// What a subquery answers, and the operand that is compared with it; both of one type.
struct Values {
    /// Its only column is [`VALUE`].
    plan: LogicalPlan,
    operand: Expr,
    /// The operand as the subquery sees it.
    outer_operand: Expr,
    operand_nullable: bool,
    nullable: bool,
}

impl Values {
    fn of(operand: Expr, subquery: &Subquery, schema: &DFSchema) -> Result<Self> {
        if operand.contains_outer() {
            return not_impl_err!("IN, ANY and ALL of a column from two queries outside");
        }
        let inner = &subquery.subquery;
        if inner.schema().fields().len() != 1
            || type_of(&operand, schema).is_some_and(|operand| operand.is_nested())
        {
            return not_impl_err!("IN, ANY and ALL of rows with a subquery of several columns");
        }
        let (qualifier, field) = inner.schema().qualified_field(0);
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        let (operand, column) = match type_of(&operand, schema) {
            Some(_) if is_json(&operand, schema) || is_json(&column, inner.schema()) => {
                (json_key(operand)?, json_key(column)?)
            }
            Some(operand_type) => {
                let (operand, column) = comparable(operand, column, (&operand_type, field.data_type()))?;
                let types = (operand.get_type(schema)?, column.get_type(inner.schema())?);
                let (left, right) =
                    BinaryTypeCoercer::new(&types.0, &Operator::Eq, &types.1).get_input_types()?;
                let cast = |expression: Expr, from, to| {
                    if from == to { expression } else { Expr::Cast(Cast::new(Box::new(expression), to)) }
                };
                (cast(operand, types.0, left), cast(column, types.1, right))
            }
            None => (operand, column),
        };
        let nullable = column.nullable(inner.schema())?;
        let plan =
            LogicalPlanBuilder::from(inner.as_ref().clone()).project(vec![column.alias(VALUE)])?.build()?;
        let outer_operand = outer(operand.clone(), schema)?;
        let operand_nullable = operand.nullable(schema)?;
        Ok(Self { plan, operand, outer_operand, operand_nullable, nullable })
    }

    /// Whether one of the values equals the operand.
    fn contain(self) -> Result<Expr> {
        let equal = col(VALUE).eq(self.outer_operand.clone());
        let equal = LogicalPlanBuilder::from(self.plan.clone()).filter(equal)?.build()?;
        let found = scalar(equal, count(lit(1)))?.gt(lit(0_i64));
        self.answer(found)
    }

    /// Whether the comparison holds for one of the values: then it does so for the least or for the greatest.
    fn any(self, operator: Operator) -> Result<Expr> {
        let compared = |end: Expr| {
            let end = scalar(self.plan.clone(), end)?;
            let operand = Box::new(self.operand.clone());
            Ok::<_, datafusion::common::DataFusionError>(Expr::BinaryExpr(BinaryExpr::new(
                operand,
                operator,
                Box::new(end),
            )))
        };
        let found = match operator {
            Operator::Eq => return self.contain(),
            Operator::NotEq => compared(min(col(VALUE)))?.or(compared(max(col(VALUE)))?),
            Operator::Gt | Operator::GtEq => compared(min(col(VALUE)))?,
            Operator::Lt | Operator::LtEq => compared(max(col(VALUE)))?,
            other => return not_impl_err!("{other} ANY (subquery)"),
        };
        self.answer(found)
    }

    /// True if `found`; else unknown if there is something that cannot be compared; else false.
    fn answer(self, found: Expr) -> Result<Expr> {
        let rows = || scalar(self.plan.clone(), count(lit(1)));
        let mut unknown = Vec::new();
        if self.nullable {
            unknown.push(rows()?.gt(scalar(self.plan.clone(), count(col(VALUE)))?));
        }
        if self.operand_nullable {
            unknown.push(self.operand.clone().is_null().and(rows()?.gt(lit(0_i64))));
        }
        let mut answer = when(found, lit(true));
        if let Some(unknown) = disjunction(unknown) {
            answer = answer.when(unknown, lit(ScalarValue::Boolean(None)));
        }
        answer.otherwise(lit(false))
    }
}

/// One value of all rows.
fn scalar(plan: LogicalPlan, aggregate: Expr) -> Result<Expr> {
    let plan = LogicalPlanBuilder::from(plan).aggregate(Vec::<Expr>::new(), vec![aggregate])?.build()?;
    Ok(Expr::ScalarSubquery(Subquery {
        outer_ref_columns: plan.all_out_ref_exprs(),
        subquery: Arc::new(plan),
        spans: Spans::new(),
    }))
}

/// An expression as a subquery sees it.
pub fn outer(expression: Expr, schema: &DFSchema) -> Result<Expr> {
    let seen = expression.transform_up(|part| match part {
        Expr::Column(column) => {
            let field = Arc::clone(schema.field_from_column(&column)?);
            Ok(Transformed::yes(Expr::OuterReferenceColumn(field, column)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(seen.data)
}
