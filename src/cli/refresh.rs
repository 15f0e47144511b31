//! `lakefront refresh VIEW`: brings days of a view up to date, shows how far it is, and says what could not be done. It
//! must not know how a refresh works.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use chrono::NaiveDate;
use indicatif::{ProgressBar, ProgressStyle};

use crate::catalog::{self, Catalog, TableId};
use crate::clock::Clock;
use crate::config::Config;
use crate::engine::session::Engine;
use crate::engine::views::parse::Parser;
use crate::refresh::request::{End, Outcome, Request, Trigger};
use crate::refresh::{Progress, Refresher};
use crate::views::Views;
use crate::views::published::Warehouse;

/// Which days.
#[derive(Clone, Copy, Debug)]
pub struct Days {
    /// The first.
    pub from: Option<NaiveDate>,
    /// The day after the last.
    pub to: Option<NaiveDate>,
    /// Those that are fresh, too.
    pub force: bool,
}

/// Refreshes a view, named `database.view`.
pub fn run(config: &Config, view: &str, days: Days) -> Result<ExitCode> {
    let Some((database, name)) = view.split_once('.') else {
        bail!("name the view with its database: `mart.{view}`")
    };
    let id = TableId::new(database, name);
    if let (Some(from), Some(to)) = (days.from, days.to)
        && to <= from
    {
        bail!("--from {from} --to {to} has no day: the one of --to is not refreshed")
    }
    let network = tokio::runtime::Runtime::new().context("cannot start the network threads")?;
    let outcome = network.block_on(async {
        let catalog = Catalog::open(config).await?;
        let warehouse = Warehouse::new(config, &catalog).map_err(catalog::Error::from)?;
        let views = Views::open(config, Arc::clone(&catalog), warehouse, Arc::new(Parser)).await?;
        let engine = Engine::new(config, Arc::clone(&catalog), Arc::clone(&views), Clock::system())?;
        let refresher = Refresher::new(config, engine, catalog, views, Clock::system())
            .context("cannot start the threads of refreshes")?;
        let bar = ProgressBar::new(0).with_style(style());
        let Days { from, to, force } = days;
        let request = Request { view: Some(id), from, to, force, trigger: Trigger::Manual };
        let outcome = refresher.run(&request, |progress| show(view, &bar, &progress)).await;
        bar.finish_and_clear();
        Ok::<_, anyhow::Error>(outcome)
    })?;
    Ok(tell(view, &outcome))
}

fn show(view: &str, bar: &ProgressBar, progress: &Progress) {
    bar.set_length(progress.done + progress.left);
    bar.set_position(progress.done);
    let waits = progress.waits_for.as_ref().map(|other| format!("{view} waits for {other}"));
    // Where nobody sees the bar, a refresh that waits should not look like one that hangs.
    if let Some(waits) = waits.as_ref().filter(|_| bar.is_hidden()) {
        super::say(waits);
    }
    bar.set_message(waits.unwrap_or_else(|| view.to_owned()));
}

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template("{msg} [{bar:40}] {pos} of {len} days, {eta} left");
    style.expect("the template is right").progress_chars("=> ")
}

/// One line for what was done, and one for each day that was not.
fn tell(view: &str, outcome: &Outcome) -> ExitCode {
    for (_, problem) in &outcome.problems {
        super::say(&format!("{view}: {problem}"));
    }
    for unit in outcome.units.iter().filter(|unit| !unit.error.is_empty()) {
        super::say(&format!("{view} {}: {}: {}", unit.unit, unit.end, unit.error));
    }
    for unit in outcome.units.iter().filter(|unit| !unit.warning.is_empty()) {
        super::say(&format!("{view} {}: {} from what is there: {}", unit.unit, unit.end, unit.warning));
    }
    let rows: u64 = outcome.units.iter().map(|unit| unit.rows).sum();
    super::say(&format!(
        "{view}: {} published, {} unchanged, {} published by other refreshes, {} failed; {rows} rows in {:.1} s",
        outcome.count(End::Published),
        outcome.count(End::Same),
        outcome.count(End::ByOther),
        outcome.units.iter().filter(|unit| !unit.error.is_empty()).count(),
        outcome.duration.as_secs_f64(),
    ));
    let is_well = outcome.problems.is_empty() && outcome.units.iter().all(|unit| unit.error.is_empty());
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
