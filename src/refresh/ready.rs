//! Whether the source days that a unit reads are complete. It must not know which units there are.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::{Mutex, OnceCell};

use crate::catalog::days::{DayState, SourceDay};
use crate::catalog::{Catalog, TableId};
use crate::views::units::UnitInput;

/// The source days of tables, each table looked at once.
pub struct Readiness<'a> {
    catalog: &'a Catalog,
    now: DateTime<Utc>,
    tables: Mutex<HashMap<TableId, Arc<OnceCell<Days>>>>,
}

/// The days of a table by their numbers, or why they cannot be listed.
type Days = Result<BTreeMap<Option<i32>, SourceDay>, String>;

impl<'a> Readiness<'a> {
    /// The readiness of source days at a time.
    pub fn new(catalog: &'a Catalog, now: DateTime<Utc>) -> Self {
        Self { catalog, now, tables: Mutex::default() }
    }

    /// Whether all source days that a unit reads are ready; why not, otherwise.
    pub async fn of(&self, inputs: &[UnitInput]) -> Result<(), String> {
        let snapshot = self.catalog.snapshot();
        for input in inputs {
            let database = snapshot.databases.get(&input.id.database);
            // A view is ready when it is fresh, which its own units wait for.
            let Some(table) = database.and_then(|database| database.tables.get(&input.id.name)) else {
                continue;
            };
            let days = Arc::clone(self.tables.lock().await.entry(input.id.clone()).or_default());
            let days = days.get_or_init(|| async {
                let days = table.source_days(self.now).await.map_err(|error| error.to_string())?;
                Ok(days.into_iter().map(|day| (day.number, day)).collect())
            });
            let days = days.await.as_ref().map_err(Clone::clone)?;
            let read = days.iter().filter(|(day, _)| input.day.is_none() || **day == input.day);
            for (_, day) in read {
                if let DayState::Arriving { reason, .. } = &day.state {
                    let of_day = day.day().map_or(String::new(), |day| format!(" of {day}"));
                    return Err(format!("`{}`{of_day} is not complete: {reason}", input.id));
                }
            }
        }
        Ok(())
    }
}
