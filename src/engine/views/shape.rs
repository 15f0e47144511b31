//! What stays the same of a view from one statement to the next: its query parsed, and of a materialized one also
//! resolved and typed, and its lineage. It must not know files: those a statement pins.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;

use super::Parsed;
use crate::catalog::{self, TableId};
use crate::engine::dialect::Mode;
use crate::engine::planner::Tables;
use crate::engine::unpinned::Unpinned;
use crate::views::definition::Definition;
use crate::views::lineage::{Declared, Lineage};

/// What is found out about a materialized view when it is planned.
#[derive(Debug)]
pub struct Shape {
    /// As clients see them.
    pub columns: Arc<[catalog::Column]>,
    /// As queries see them.
    pub schema: SchemaRef,
    /// Changes when the view's answer may change although its inputs are the same.
    pub hash: u128,
    /// What is declared of its inputs.
    pub declared: Vec<Declared>,
    /// Which days of its inputs its days read.
    pub lineage: Arc<Lineage>,
}

/// A materialized view as it was planned last.
#[derive(Debug)]
pub struct Planned {
    /// What it was planned for.
    pub definition: Arc<Definition>,
    /// What its answer depends on beside its inputs.
    pub meaning: String,
    /// Its query.
    pub plan: Unpinned,
    /// What was found out.
    pub shape: Arc<Shape>,
}

/// All views, as they were parsed and planned last.
#[derive(Debug, Default)]
pub struct Shapes {
    parsed: Mutex<HashMap<TableId, (Mode, Arc<Parsed>)>>,
    planned: Mutex<HashMap<TableId, Arc<Planned>>>,
}

impl Shapes {
    /// A view's query, if it was parsed before.
    pub fn parsed(&self, id: &TableId, definition: &Arc<Definition>, mode: Mode) -> Option<Arc<Parsed>> {
        let all = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        let (known_mode, known) = all.get(id)?;
        (*known_mode == mode && Arc::ptr_eq(&known.definition, definition)).then(|| Arc::clone(known))
    }

    /// Keeps a view's query.
    pub fn keep_parsed(&self, mode: Mode, parsed: &Arc<Parsed>) {
        let mut all = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(parsed.id.clone(), (mode, Arc::clone(parsed)));
    }

    /// A view as it was planned, unless its meaning or what it reads is another now.
    pub fn planned(&self, view: &Parsed, meaning: &str, tables: &Tables) -> Option<Arc<Planned>> {
        let known = self.planned.lock().unwrap_or_else(PoisonError::into_inner).get(&view.id).cloned()?;
        let same = Arc::ptr_eq(&known.definition, &view.definition) && known.meaning == meaning;
        (same && known.plan.fits(tables)).then_some(known)
    }

    /// Keeps how a view was planned.
    pub fn keep_planned(&self, id: &TableId, planned: Planned) {
        let mut all = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(id.clone(), Arc::new(planned));
    }
}
