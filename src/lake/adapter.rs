//! Expressions over a table's columns as expressions over one file's: names in the file's case, missing
//! columns as NULL, narrower types cast. It must not know how the table's columns were found.

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapter, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};

/// Makes an adapter for each file. The table's columns have lower-cased names.
#[derive(Debug)]
pub struct AdapterFactory;

impl PhysicalExprAdapterFactory for AdapterFactory {
    fn create(&self, table: SchemaRef, file: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let lowered = Schema::new(file.fields().iter().map(|field| lower(field, &table)).collect::<Vec<_>>());
        let adapter = DefaultPhysicalExprAdapter::new(table, Arc::new(lowered));
        Ok(Arc::new(Adapter { adapter, file }))
    }
}

/// DataFusion's adapter, between the table and a file with lower-cased names.
#[derive(Debug)]
struct Adapter {
    adapter: DefaultPhysicalExprAdapter,
    file: SchemaRef,
}

impl PhysicalExprAdapter for Adapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        // The places of columns are the same in both schemas. The names must be the file's: pruning looks
        // columns up by name.
        let rename = |expr: Arc<dyn PhysicalExpr>| {
            let Some(column) = expr.downcast_ref::<Column>() else { return Ok(Transformed::no(expr)) };
            let field =
                self.file.fields().get(column.index()).ok_or_else(|| {
                    DataFusionError::Internal(format!("column {column} is not in the file"))
                })?;
            if field.name() == column.name() {
                return Ok(Transformed::no(expr));
            }
            let renamed: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), column.index()));
            Ok(Transformed::yes(renamed))
        };
        self.adapter.rewrite(expr)?.transform_up(rename).data()
    }
}

/// A file's column as the table would write it. Only the type may still differ: the adapter casts for any
/// difference between fields, be it a flag or a comment, and a cast hides statistics.
fn lower(field: &FieldRef, table: &Schema) -> FieldRef {
    let name = field.name().to_lowercase();
    match table.fields().find(&name) {
        Some((_, column)) if column.data_type() == field.data_type() => Arc::clone(column),
        Some((_, column)) => Arc::new(Field::new(name, field.data_type().clone(), column.is_nullable())),
        None => Arc::new(Field::new(name, field.data_type().clone(), true)),
    }
}
