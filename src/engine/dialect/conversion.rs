//! Conversions of types in a whole plan, before DataFusion's own type coercion.

use std::sync::Arc;

use datafusion::optimizer::{Analyzer, AnalyzerRule};

/// The rules in order.
pub fn analyzer_rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    Analyzer::new().rules
}
