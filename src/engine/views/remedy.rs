//! What to do when a query cannot read a published file: to say which unit it is of, and how that is made anew. It must
//! not know why files get lost.

use chrono::Days;

use crate::engine::caller::Caller;
use crate::engine::dialect::statement::Query;
use crate::engine::error::Error;
use crate::engine::planner::Tables;
use crate::views::published::Unit;

impl Caller {
    /// The error of a query; where it is about a published file of a view, what to do. Such files are written once: one
    /// that is not as it was written will not be when the statement is run again.
    pub async fn with_remedy(&self, query: &Query, error: Error) -> Error {
        let (Error::Changed(text) | Error::Table(text)) = &error else { return error };
        let names = Tables::new(self.state.database.as_deref());
        let keys = query.tables.iter().filter_map(|name| names.key(name).ok());
        let Ok(wanted) = self.wanted(&self.engine.views.snapshot(), keys) else { return error };
        for view in &wanted.views {
            let log = self.engine.views.warehouse.view(&view.id.database, &view.id.name);
            let Ok(Some(published)) = log.pin().await else { continue };
            for (unit, of_unit) in &published.units {
                let mut paths = of_unit.files.iter().map(|file| &file.file.path);
                if let Some(path) = paths.find(|path| text.contains(path.as_ref())) {
                    let (id, path) = (&view.id, log.location().show(path));
                    let days = days_of(*unit);
                    return Error::View(format!(
                        "`{path}`, a published file of `{id}`, is lost or damaged; REFRESH MATERIALIZED VIEW {id}{days} FORCE \
                         writes it anew"
                    ));
                }
            }
        }
        error
    }
}

/// The days of REFRESH that are a unit.
fn days_of(unit: Unit) -> String {
    let next = unit.day().and_then(|day| Some((day, day.checked_add_days(Days::new(1))?)));
    next.map_or_else(String::new, |(day, next)| format!(" PARTITION START ('{day}') END ('{next}')"))
}
