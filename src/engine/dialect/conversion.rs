//! Conversions of types in a whole plan, before DataFusion's own type coercion: IN, BETWEEN, UNION.
//!
//! It knows plans and types; how MySQL compares two of them is [`compare`]'s.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, ExprSchema, Result};
use datafusion::logical_expr::expr::{Between, InList, InSubquery};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{disjunction, merge_schema};
use datafusion::logical_expr::{
    BinaryExpr, Expr, Like, LogicalPlan, LogicalPlanBuilder, Operator, Projection, Subquery, Union, not,
};
use datafusion::optimizer::{Analyzer, AnalyzerRule};

use super::dependent::DependentJoins;
use super::digits::{ShownDigits, shown_type};
use super::membership;
use crate::engine::functions::charset::CHARACTER_SET;
use crate::engine::functions::control::{convert_from, with_digits};
use crate::engine::functions::convert::packed::MOMENT;
use crate::engine::functions::operator::compare::{
    agree, as_json, comparable, comparison, is_json, nearest_day, type_of, with_json,
};
use crate::engine::functions::shown::{self, CASELESS, Digits, tells};
use crate::engine::functions::signature::digits::widest;
use crate::engine::functions::signature::{EXTENSION, is_binary, is_text};
use crate::engine::functions::udf;
use crate::engine::functions::unify::unify;

/// The rules in order. MySQL's conversions come first: DataFusion's coercion refuses or misreads mixed types.
pub fn analyzer_rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    let mut rules: Vec<Arc<dyn AnalyzerRule + Send + Sync>> =
        vec![Arc::new(MySqlConversions), Arc::new(ShownDigits)];
    rules.extend(Analyzer::new().rules);
    // Types are settled by now.
    rules.push(Arc::new(DependentJoins));
    rules
}

#[derive(Debug)]
struct MySqlConversions;

impl AnalyzerRule for MySqlConversions {
    fn name(&self) -> &str {
        "mysql_conversions"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(convert_plan).map(|transformed| transformed.data)
    }
}

fn convert_plan(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    let converted = plan.map_expressions(|expression| {
        let name = names.save(&expression);
        let converted = expression.transform_up(|part| convert(part, &schema))?;
        Ok(converted.update_data(|expression| name.restore(expression)))
    })?;
    let converted = match converted.data {
        LogicalPlan::Union(union) => return convert_union(union),
        plan => {
            let values = membership::rewrite(plan)?;
            Transformed { transformed: converted.transformed || values.transformed, ..values }
        }
    };
    if converted.transformed { converted.map_data(LogicalPlan::recompute_schema) } else { Ok(converted) }
}

fn convert(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expression {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if compares(op) && (is_caseless(&left, schema) || is_caseless(&right, schema)) =>
        {
            let (left, right) = (Box::new(lowered(*left)?), Box::new(lowered(*right)?));
            Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right })))
        }
        Expr::InList(mut list)
            if is_caseless(&list.expr, schema) || list.list.iter().any(|item| is_caseless(item, schema)) =>
        {
            *list.expr = lowered(*list.expr)?;
            list.list = list.list.into_iter().map(lowered).collect::<Result<_>>()?;
            Ok(Transformed::yes(Expr::InList(list)))
        }
        Expr::Between(mut between)
            if [&between.expr, &between.low, &between.high].iter().any(|part| is_caseless(part, schema)) =>
        {
            for part in [&mut between.expr, &mut between.low, &mut between.high] {
                **part = lowered(std::mem::take(part.as_mut()))?;
            }
            convert_between(between, schema)
        }
        Expr::InList(mut list) if is_json(&list.expr, schema) => {
            let items = list.list.into_iter().map(|item| match type_of(&item, schema) {
                Some(data_type)
                    if !is_json(&item, schema) && (is_text(&data_type) || data_type == DataType::Boolean) =>
                {
                    as_json(item, &data_type)
                }
                _ => Ok(item),
            });
            list.list = items.collect::<Result<_>>()?;
            convert_in_list(list, schema)
        }
        Expr::Like(like)
            if [&like.expr, &like.pattern]
                .iter()
                .any(|side| argument_of_text(side).is_some_and(|side| is_caseless(side, schema))) =>
        {
            let expr = Box::new(lowered(*like.expr)?);
            let pattern = Box::new(lowered(*like.pattern)?);
            Ok(Transformed::yes(Expr::Like(Like { expr, pattern, ..like })))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(op) => {
            if let Some(compared) = with_json(op, &left, &right, schema)? {
                return Ok(Transformed::yes(compared));
            }
            match (type_of(&left, schema), type_of(&right, schema)) {
                (Some(left_type), Some(right_type)) if !agree(&left_type, &right_type) => {
                    comparison(op, *left, *right, (&left_type, &right_type)).map(Transformed::yes)
                }
                _ => Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right }))),
            }
        }
        Expr::Like(like) => convert_like(like, schema),
        Expr::InList(list) => convert_in_list(list, schema),
        Expr::Between(between) => convert_between(between, schema),
        Expr::InSubquery(subquery) => convert_in_subquery(subquery, schema),
        other => Ok(Transformed::no(other)),
    }
}

/// Whether an expression compares without case: a name in the server's own tables, what COLLATE says it of.
fn is_caseless(expression: &Expr, schema: &DFSchema) -> bool {
    match expression {
        Expr::Column(column) => {
            schema.field_from_column(column).is_ok_and(|field| field.metadata().contains_key(CASELESS))
        }
        Expr::ScalarFunction(call) => call.func.name() == "mysql_caseless",
        Expr::Literal(_, Some(metadata)) => metadata.to_hashmap().contains_key(CASELESS),
        _ => false,
    }
}

fn lowered(expression: Expr) -> Result<Expr> {
    Ok(udf("lower")?.call(vec![expression]))
}

/// The argument of `mysql_text(x)`, which the sides of LIKE are.
fn argument_of_text(side: &Expr) -> Option<&Expr> {
    match side {
        Expr::ScalarFunction(call) if call.func.name() == "mysql_text" => call.args.first(),
        other => Some(other),
    }
}

/// When one side of LIKE is a binary string, both are compared byte by byte.
fn convert_like(mut like: Like, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let bytes = |side: &Expr| match side {
        Expr::ScalarFunction(call) if call.func.name() == "mysql_text" => {
            type_of(&call.args[0], schema).is_some_and(|data_type| is_binary(&data_type))
        }
        _ => false,
    };
    if !bytes(&like.expr) && !bytes(&like.pattern) {
        return Ok(Transformed::no(Expr::Like(like)));
    }
    for side in [&mut like.expr, &mut like.pattern] {
        let argument = match std::mem::take(side.as_mut()) {
            Expr::ScalarFunction(mut call) if call.func.name() == "mysql_text" => call.args.remove(0),
            literal => literal,
        };
        **side = udf("mysql_bytes_text")?.call(vec![argument]);
    }
    Ok(Transformed::yes(Expr::Like(like)))
}

fn compares(operator: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(operator, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// Each item is compared by its own type. Items that are compared in the same way stay one list.
fn convert_in_list(list: InList, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Some(operand_type) = type_of(&list.expr, schema) else {
        return Ok(Transformed::no(Expr::InList(list)));
    };
    let types: Vec<Option<DataType>> = list.list.iter().map(|item| type_of(item, schema)).collect();
    let known: Vec<&DataType> = types.iter().flatten().collect();
    // Next to a double a decimal of the same list would become one.
    let mixed = known.iter().any(|item| item.is_decimal()) && known.iter().any(|item| item.is_floating());
    if !mixed && known.iter().all(|item| agree(&operand_type, item)) {
        return Ok(Transformed::no(Expr::InList(list)));
    }
    let mut groups: Vec<(Expr, bool, Vec<Expr>)> = Vec::new();
    let mut alone = Vec::new();
    for (item, item_type) in list.list.into_iter().zip(types) {
        let operand = list.expr.as_ref().clone();
        if let Some(item_type) =
            item_type.as_ref().filter(|_| nearest_day(&item, &operand_type).is_ok_and(|day| day.is_some()))
        {
            alone.push(comparison(Operator::Eq, operand, item, (&operand_type, item_type))?);
            continue;
        }
        let floats = item_type.as_ref().is_some_and(DataType::is_floating);
        let (operand, item) = match item_type {
            Some(item_type) => comparable(operand, item, (&operand_type, &item_type))?,
            None => (operand, item),
        };
        match groups.iter_mut().find(|group| group.0 == operand && group.1 == floats) {
            Some((.., items)) => items.push(item),
            None => groups.push((operand, floats, vec![item])),
        }
    }
    let lists = groups.into_iter().map(|(operand, _, items)| operand.in_list(items, false));
    let any = disjunction(lists.chain(alone)).unwrap_or_else(|| datafusion::prelude::lit(false));
    Ok(Transformed::yes(if list.negated { not(any) } else { any }))
}

fn convert_between(between: Between, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let types =
        (type_of(&between.expr, schema), type_of(&between.low, schema), type_of(&between.high, schema));
    let (Some(operand), Some(low), Some(high)) = types else {
        return Ok(Transformed::no(Expr::Between(between)));
    };
    if agree(&operand, &low) && agree(&operand, &high) {
        return Ok(Transformed::no(Expr::Between(between)));
    }
    let Between { expr, negated, low: from, high: to } = between;
    let above = comparison(Operator::GtEq, expr.as_ref().clone(), *from, (&operand, &low))?;
    let below = comparison(Operator::LtEq, *expr, *to, (&operand, &high))?;
    let inside = above.and(below);
    Ok(Transformed::yes(if negated { not(inside) } else { inside }))
}

/// `x IN (SELECT y …)`: both sides as they are compared; the subquery gets a projection for its side.
fn convert_in_subquery(subquery: InSubquery, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let inner = &subquery.subquery.subquery;
    let (qualifier, field) = inner.schema().qualified_field(0);
    let Some(operand_type) = type_of(&subquery.expr, schema) else {
        return Ok(Transformed::no(Expr::InSubquery(subquery)));
    };
    if agree(&operand_type, field.data_type()) {
        return Ok(Transformed::no(Expr::InSubquery(subquery)));
    }
    let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
    let types = (&operand_type, field.data_type());
    let (operand, column) = comparable(subquery.expr.as_ref().clone(), column, types)?;
    let plan = LogicalPlanBuilder::from(inner.as_ref().clone())
        .project(vec![column.alias(field.name())])?
        .build()?;
    let converted = Subquery { subquery: Arc::new(plan), ..subquery.subquery };
    Ok(Transformed::yes(Expr::InSubquery(InSubquery::new(Box::new(operand), converted, subquery.negated))))
}

/// What a column of a UNION becomes where its inputs differ.
struct Common {
    /// MySQL's type for all of them, where DataFusion has no common one or another.
    data_type: Option<DataType>,
    /// The digits that all of them show, where what is told of some is not true of the others; none when their number
    /// is not fixed.
    digits: Option<Option<Digits>>,
}

/// What metadata tells of a column: its digits, and its marks. DataFusion would keep for all inputs what one tells.
fn told(field: &Field) -> (Option<Digits>, [Option<&String>; 4]) {
    let fraction = || shown::fraction(field).filter(|_| shown::is_told(field)).map(Digits::Fraction);
    let digits = shown::decimals(field).map(Digits::Decimals).or_else(fraction);
    (digits, [EXTENSION.0, CASELESS, CHARACTER_SET, MOMENT].map(|key| field.metadata().get(key)))
}

/// What is told of a column of which nothing is.
const NOTHING: (Option<Digits>, [Option<&String>; 4]) = (None, [None; 4]);

impl Common {
    fn of(fields: &[FieldRef]) -> Self {
        let types = fields.iter().map(|field| field.data_type());
        let mixed = types.clone().any(|data_type| !alike(fields[0].data_type(), data_type));
        let data_type = mixed.then(|| unify(types));
        let mut values = fields.iter().filter(|field| !field.data_type().is_null());
        let first = values.next().map_or(NOTHING, |field| told(field));
        let differs = values.any(|field| told(field) != first);
        let result = data_type.as_ref().unwrap_or_else(|| fields[0].data_type());
        let digits = differs.then(|| widest(fields).filter(|digits| tells(result, *digits)));
        Self { data_type, digits }
    }

    fn is_plain(&self) -> bool {
        self.data_type.is_none() && self.digits.is_none()
    }

    fn convert(&self, column: Expr, field: &Field) -> Result<Expr> {
        let converted = match &self.data_type {
            Some(to) => convert_from(column, field.data_type(), to)?,
            None => column,
        };
        match self.digits {
            Some(digits) if digits.is_some() || told(field) != NOTHING => with_digits(converted, digits),
            _ => Ok(converted),
        }
    }
}

/// UNION's columns take one type and one number of digits for all its inputs.
fn convert_union(union: Union) -> Result<Transformed<LogicalPlan>> {
    let width = union.schema.fields().len();
    let common: Vec<Common> = (0..width)
        .map(|column| {
            let shown = |input: &Arc<LogicalPlan>| -> FieldRef {
                let field = input.schema().field(column).as_ref().clone();
                Arc::new(field.with_data_type(shown_type(input, column)))
            };
            Common::of(&union.inputs.iter().map(shown).collect::<Vec<_>>())
        })
        .collect();
    if common.iter().all(Common::is_plain) {
        return Ok(Transformed::no(LogicalPlan::Union(union)));
    }
    let inputs = union
        .inputs
        .into_iter()
        .map(|input| {
            let columns = input
                .schema()
                .iter()
                .zip(&common)
                .map(|((qualifier, field), common)| {
                    let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
                    let converted = common.convert(column.clone(), field)?;
                    Ok(match converted == column {
                        true => column,
                        false => converted.alias_qualified(qualifier.cloned(), field.name()),
                    })
                })
                .collect::<Result<Vec<_>>>()?;
            Ok(Arc::new(LogicalPlan::Projection(Projection::try_new(columns, input)?)))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Transformed::yes(LogicalPlan::Union(Union::try_new_with_loose_types(inputs)?)))
}

/// Whether DataFusion's common type of two is MySQL's.
fn alike(left: &DataType, right: &DataType) -> bool {
    let text =
        |data_type: &DataType| matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    left == right
        || left.is_null()
        || right.is_null()
        || left.is_integer() && right.is_integer()
        || text(left) && text(right)
}
