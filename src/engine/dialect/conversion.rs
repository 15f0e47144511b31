//! Conversions of types in a whole plan, before DataFusion's own type coercion: comparisons, IN, BETWEEN.
//!
//! It knows plans and types; how MySQL compares two of them is [`compare`]'s.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, ExprSchema, Result};
use datafusion::logical_expr::expr::{Between, InList, InSubquery};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{disjunction, merge_schema};
use datafusion::logical_expr::{
    BinaryExpr, Expr, Like, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, binary_expr, lit, not,
};
use datafusion::optimizer::{Analyzer, AnalyzerRule};

use super::dependent::DependentJoins;
use super::digits::ShownDigits;
use super::missing::MissingRows;
use super::places::SubqueryPlaces;
use super::rollup::RollupRows;
use super::{frames, json, membership, sets};
use crate::engine::functions::operator::compare::{
    agree, comparable, comparison, is_json, json_key, nearest_day, type_of,
};
use crate::engine::functions::shown::CASELESS;
use crate::engine::functions::signature::{is_binary, is_json as is_marked, is_text};
use crate::engine::functions::udf;

/// The rules in order. MySQL's conversions come before DataFusion's coercion, which refuses or misreads mixed types;
/// they ask what may be NULL, and plan subqueries where they stand.
pub fn analyzer_rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    let mut rules: Vec<Arc<dyn AnalyzerRule + Send + Sync>> = vec![
        Arc::new(MissingRows),
        Arc::new(SubqueryPlaces),
        Arc::new(MySqlConversions),
        Arc::new(ShownDigits),
    ];
    rules.extend(Analyzer::new().rules);
    // Types are settled by now.
    rules.push(Arc::new(DependentJoins));
    rules.push(Arc::new(RollupRows));
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
    frames::check_groups(&plan)?;
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    let sorts = matches!(plan, LogicalPlan::Sort(_));
    let converted = plan.map_expressions(|expression| {
        let name = names.save(&expression);
        let converted = expression.transform_up(|part| convert(part, &schema))?;
        if sorts && is_json(&converted.data, &schema) {
            return json_key(converted.data).map(Transformed::yes);
        }
        Ok(converted.update_data(|expression| name.restore(expression)))
    })?;
    let converted = match converted.data {
        LogicalPlan::Union(union) => return sets::union(union),
        LogicalPlan::RecursiveQuery(query) => return sets::recursive(query),
        LogicalPlan::Join(join) if sets::is_set(&join) => return sets::matched(join).map(Transformed::yes),
        plan => {
            let values = membership::rewrite(plan)?;
            Transformed { transformed: converted.transformed || values.transformed, ..values }
        }
    };
    if converted.transformed {
        converted.map_data(LogicalPlan::recompute_schema)?.transform_data(frames::apart)
    } else {
        Ok(converted)
    }
}

/// An expression whose parts are converted.
pub(super) fn convert(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let of_json = json::convert(expression, schema)?;
    if of_json.transformed && !matches!(of_json.data, Expr::WindowFunction(_)) {
        return Ok(of_json);
    }
    of_json.transform_data(|expression| by_types(expression, schema))
}

fn by_types(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
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
        Expr::WindowFunction(function) => frames::convert(function, schema),
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

/// Whether an operator compares its sides.
pub(super) fn compares(operator: Operator) -> bool {
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
    let any = disjunction(lists.chain(alone)).unwrap_or_else(|| lit(false));
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
    let strings = Strings::among([&operand, &low, &high]);
    let side = |operator, bound: Expr, bound_type: &DataType| {
        let operand_of = expr.as_ref().clone();
        match is_string(&operand) {
            true => strings.comparison(operator, operand_of, bound, (&operand, bound_type)),
            false => comparison(operator, operand_of, bound, (&operand, bound_type)),
        }
    };
    let inside = side(Operator::GtEq, *from, &low)?.and(side(Operator::LtEq, *to, &high)?);
    Ok(Transformed::yes(if negated { not(inside) } else { inside }))
}

/// How a string is compared with both bounds of BETWEEN, which MySQL compares in one way: next to a number as a number,
/// next to a date as a date, also with a bound that is a string itself.
enum Strings {
    Numbers,
    Dates,
    Texts,
}

impl Strings {
    fn among(types: [&DataType; 3]) -> Self {
        let is_number = |data_type: &DataType| data_type.is_numeric() || *data_type == DataType::Boolean;
        let is_date = |data_type: &DataType| {
            matches!(data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..))
        };
        match (types.into_iter().any(is_number), types.into_iter().any(is_date)) {
            (true, _) => Self::Numbers,
            (false, true) => Self::Dates,
            (false, false) => Self::Texts,
        }
    }

    fn comparison(
        &self,
        operator: Operator,
        string: Expr,
        bound: Expr,
        types: (&DataType, &DataType),
    ) -> Result<Expr> {
        let converted = |function, operand| -> Result<Expr> { Ok(udf(function)?.call(vec![operand])) };
        Ok(match self {
            Self::Numbers if types.1.is_numeric() => comparison(operator, string, bound, types)?,
            Self::Numbers => {
                let (left, right) =
                    (converted("mysql_cast_double", string)?, converted("mysql_cast_double", bound)?);
                binary_expr(left, operator, right)
            }
            Self::Dates if is_string(types.1) => {
                let in_micros = DataType::Timestamp(TimeUnit::Microsecond, None);
                let moment = udf("mysql_cast_datetime")?.call(vec![string, lit(6_i64)]);
                comparison(operator, moment, bound, (&in_micros, types.1))?
            }
            Self::Texts if !is_string(types.1) => {
                binary_expr(string, operator, converted("mysql_cast_char", bound)?)
            }
            Self::Dates | Self::Texts => comparison(operator, string, bound, types)?,
        })
    }
}

fn is_string(data_type: &DataType) -> bool {
    is_text(data_type) || is_binary(data_type)
}

/// `x IN (SELECT y …)`: both sides as they are compared; the subquery gets a projection for its side.
fn convert_in_subquery(subquery: InSubquery, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let inner = &subquery.subquery.subquery;
    let (qualifier, field) = inner.schema().qualified_field(0);
    let Some(operand_type) = type_of(&subquery.expr, schema) else {
        return Ok(Transformed::no(Expr::InSubquery(subquery)));
    };
    let json = is_json(&subquery.expr, schema) || is_marked(field);
    if !json && agree(&operand_type, field.data_type()) {
        return Ok(Transformed::no(Expr::InSubquery(subquery)));
    }
    let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
    let operand = subquery.expr.as_ref().clone();
    let (operand, column) = match json {
        true => (json_key(operand)?, json_key(column)?),
        false => comparable(operand, column, (&operand_type, field.data_type()))?,
    };
    let plan = LogicalPlanBuilder::from(inner.as_ref().clone())
        .project(vec![column.alias(field.name())])?
        .build()?;
    let converted = Subquery { subquery: Arc::new(plan), ..subquery.subquery };
    Ok(Transformed::yes(Expr::InSubquery(InSubquery::new(Box::new(operand), converted, subquery.negated))))
}
