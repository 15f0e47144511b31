//! `lakefront check`: reads every table file, looks for the files of every table and reads their columns, and
//! prints what is wrong. For people, and for the CI of a catalog repository.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::catalog::{self, Catalog, Table};
use crate::config::Config;

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
        super::say(&format!("{tables} tables, {problems} problems"));
        Ok(if problems == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// What there is of a table, in words. A table with declared columns may be empty; that is told, and no problem.
async fn look_at(table: &Table) -> Result<String, catalog::Error> {
    let columns = table.columns().await?.len();
    let none = if table.has_files().await? { "" } else { ", no files" };
    Ok(format!("{columns} columns{none}"))
}
