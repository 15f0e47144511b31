//! What the engine asks of those who refresh views. It must not know how days are refreshed.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;

use crate::engine::error::Result;
use crate::views::View;
use crate::views::state::{PlannedUnit, RefreshedUnit, SourceUnit, UnitState, ViewState};

/// Refreshes views, and knows how far that is. The server gives it to the engine.
#[async_trait]
pub trait Refreshes: fmt::Debug + Send + Sync {
    /// REFRESH: asks for a refresh; with `wait` it is done when this returns, and the answer tells each unit.
    async fn refresh(&self, request: Request, wait: bool) -> Result<Vec<RefreshedUnit>>;

    /// EXPLAIN REFRESH: what a refresh would do.
    async fn explain(&self, request: Request) -> Result<Vec<PlannedUnit>>;

    /// CANCEL REFRESH: stops what runs and what waits, and asks other servers to.
    async fn cancel(&self, view: &View) -> Result<Cancelled>;

    /// RESTORE: makes an earlier version of the published units the present one.
    async fn restore(&self, view: &View, version: u64) -> Result<()>;

    /// How a materialized view is.
    async fn view(&self, view: &View) -> Result<ViewState>;

    /// Its units, in order.
    async fn units(&self, view: &View) -> Result<Vec<UnitState>>;

    /// The days of the tables that views read.
    async fn source_units(&self) -> Result<Vec<SourceUnit>>;
}

/// What CANCEL REFRESH came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cancelled {
    /// Refreshes of this server, each of some units, that are told to stop.
    pub here: u64,
    /// Those of other servers, which look for that every few seconds.
    pub elsewhere: u64,
}

/// Which units of a view are to be refreshed.
#[derive(Clone, Debug)]
pub struct Request {
    /// The view.
    pub view: Arc<View>,
    /// The first day.
    pub from: Option<NaiveDate>,
    /// The day after the last.
    pub to: Option<NaiveDate>,
    /// Those that are fresh, too.
    pub force: bool,
}
