//! `lakefront check`: reads every table file, looks for the files of every table and reads their columns, plans every
//! view, and prints what is wrong. For people, and for the CI of a catalog repository.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::catalog::{self, Catalog, Table};
use crate::clock::Clock;
use crate::config::Config;
use crate::engine::error::Error;
use crate::engine::session::Engine;
use crate::engine::views::parse::Parser;
use crate::engine::views::place;
use crate::views::published::Warehouse;
use crate::views::{View, Views};

/// Prints a line for each table; the exit code is 1 when one of them cannot be used.
pub fn run(config: &Config) -> Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start threads")?;
    runtime.block_on(async {
        let catalog = Catalog::open(config).await?;
        let (mut tables, mut problems) = (0, 0);
        for problem in catalog.problems() {
            problems += 1;
            super::say(&super::line("catalog", &problem.into()));
        }
        let snapshot = catalog.snapshot();
        for table in snapshot.databases.values().flat_map(|database| database.tables.values()) {
            tables += 1;
            if table.problem().is_some() {
                continue;
            }
            let name = format!("{}.{}", table.database, table.name);
            match look_at(table).await {
                Ok(found) => super::say(&format!("{name}: {found}")),
                Err(error) => {
                    problems += 1;
                    super::say(&super::line(&name, &error.into()));
                }
            }
        }
        let warehouse = Warehouse::new(config, &catalog).map_err(catalog::Error::from)?;
        let views = Views::open(config, Arc::clone(&catalog), warehouse, Arc::new(Parser)).await?;
        for problem in views.problems() {
            problems += 1;
            super::say(&format!("views: {problem}"));
        }
        let engine = Engine::new(config, Arc::clone(&catalog), Arc::clone(&views), Clock::system())?;
        let snapshot = views.snapshot();
        for view in snapshot.views.values().filter(|view| view.definition.is_ok()) {
            let name = format!("{}.{}", view.database(), view.name());
            match engine.check_view(view).await {
                Ok(checked) => {
                    super::say(&format!("{name}: a view of {} columns", checked.columns.len()));
                    for advice in checked.advice {
                        super::say(&format!("{name}: {advice}"));
                    }
                    problems += lost_files(&views, view, &name).await;
                }
                Err(error) => {
                    problems += 1;
                    let line = line_of(&views, view, &error).await;
                    super::say(&super::line(&format!("{}:{line}: {name}", view.file), &error.into()));
                }
            }
        }
        let views = snapshot.views.len();
        super::say(&format!("{tables} tables, {views} views, {problems} problems"));
        Ok(if problems == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// Says which published files of a view are not there as they were written; how many these are.
async fn lost_files(views: &Views, view: &View, name: &str) -> usize {
    if view.is_materialized() != Some(true) {
        return 0;
    }
    match views.warehouse.view(&view.id.database, &view.id.name).lost().await {
        Ok(lost) => {
            for (unit, path) in &lost {
                super::say(&format!("{name}: {unit}: {path} is lost or damaged; refresh it with --force"));
            }
            lost.len()
        }
        Err(error) => {
            super::say(&super::line(name, &error.into()));
            1
        }
    }
}

/// The line of a view's file that an error is about.
async fn line_of(views: &Views, view: &View, error: &Error) -> usize {
    let Ok(definition) = &view.definition else { return 1 };
    match views.text(view).await {
        Ok(Some(text)) => place::line_of(&text, &definition.query, error),
        Ok(None) | Err(_) => 1,
    }
}

/// What there is of a table, in words. A table with declared columns may be empty; that is told, and no problem.
async fn look_at(table: &Table) -> Result<String, catalog::Error> {
    let columns = table.columns().await?.len();
    let none = if table.has_files().await? { "" } else { ", no files" };
    Ok(format!("{columns} columns{none}"))
}
