//! `lakefront check`: reads every table file and the schema of every table, and prints what is wrong with them.
//! For people, and for the CI of a catalog repository.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::catalog::Catalog;
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
            match table.columns().await {
                Ok(columns) => super::say(&format!("{name}: {} columns", columns.len())),
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
