//! `lakefront demo`: makes a game company's sample lake when it is not there, and serves it.
//!
//! The lake is written beside its place and renamed when it is whole, so that an interrupted run leaves
//! nothing that looks like a lake. The table and view files are those of the
//! repository's `catalog/` and `sql/`.

mod lake;
mod players;
mod rows;

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::watch;

use crate::config::Config;
use crate::refresh::Progress;
use crate::server::Running;

/// Days of the sample lake when nothing else is asked for.
pub const DAYS: u32 = 60;
/// Most days of a sample lake: its players go back that far.
const DAYS_MAX: u32 = 365;

/// The table files, by their path below the catalog.
const CATALOG: &[(&str, &str)] = &[
    ("game/items.yaml", include_str!("../../../catalog/game/items.yaml")),
    ("game/users.yaml", include_str!("../../../catalog/game/users.yaml")),
    ("log/achievement.yaml", include_str!("../../../catalog/log/achievement.yaml")),
    ("log/battle.yaml", include_str!("../../../catalog/log/battle.yaml")),
    ("log/login.yaml", include_str!("../../../catalog/log/login.yaml")),
    ("log/purchase.yaml", include_str!("../../../catalog/log/purchase.yaml")),
];

/// The view files, by their path below the directory of views.
const VIEWS: &[(&str, &str)] = &[
    ("mart/achievements.sql", include_str!("../../../sql/mart/achievements.sql")),
    ("mart/daily_active_users.sql", include_str!("../../../sql/mart/daily_active_users.sql")),
    ("mart/daily_revenue.sql", include_str!("../../../sql/mart/daily_revenue.sql")),
    ("mart/retention.sql", include_str!("../../../sql/mart/retention.sql")),
    ("mart/user_days.sql", include_str!("../../../sql/mart/user_days.sql")),
    ("mart/weekly_active_users.sql", include_str!("../../../sql/mart/weekly_active_users.sql")),
];

/// The config of the demo: everything beside this file.
const CONFIG: &str = "\
# The sample lake. `lakefront serve --config` serves it as `lakefront demo` does.
lake: lake
catalog: catalog
views: sql
warehouse: warehouse
";

/// Makes the lake in `directory` if it is not there, and serves it until the process is told to stop.
pub fn run(
    directory: &Path,
    days: Option<u32>,
    listen: Option<SocketAddr>,
    console: Option<SocketAddr>,
) -> Result<ExitCode> {
    if directory.join("lake").is_dir() {
        check_days(directory, days)?;
    } else {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        make(directory, days.unwrap_or(DAYS), threads)?;
    }
    let mut config = Config::read(&directory.join("lakefront.yaml"))?;
    config.listen = listen.unwrap_or(config.listen);
    config.console = console.unwrap_or(config.console);
    // The log would run through the bar; whoever wants it here says so in the config.
    if io::stderr().is_terminal() && config.log == Config::default().log {
        "warn".clone_into(&mut config.log);
    }
    super::serve(config, |running| {
        how_to_connect(running);
        tokio::spawn(show_progress(running.progress.clone()));
    })
}

/// Shows how many days of the views are published, until the first look at all of them is done.
async fn show_progress(mut progress: watch::Receiver<Progress>) {
    let started = std::time::Instant::now();
    let style = ProgressStyle::with_template("publishing the views {bar:40} {pos} of {len} days");
    let bar = ProgressBar::new(0).with_style(style.expect("the template is a constant"));
    loop {
        let Progress { done, left, over, .. } = *progress.borrow_and_update();
        if done + left > 0 {
            bar.set_length(done + left);
            bar.set_position(done);
        }
        if over {
            bar.finish_and_clear();
            let seconds = started.elapsed().as_secs_f64();
            super::say(&match done {
                0 => "The views are up to date.".to_owned(),
                _ => format!("The views are up to date: {done} days in {seconds:.1} s."),
            });
            return;
        }
        if progress.changed().await.is_err() {
            return;
        }
    }
}

/// Makes the sample lake, its catalog and its config. The same days give the same bytes, whatever `threads` is.
pub fn make(directory: &Path, days: u32, threads: usize) -> Result<()> {
    ensure!((1..=DAYS_MAX).contains(&days), "a sample lake has 1 to {DAYS_MAX} days, not {days}");
    for (name, text) in CATALOG {
        write_file(&directory.join("catalog").join(name), text)?;
    }
    for (name, text) in VIEWS {
        write_file(&directory.join("sql").join(name), text)?;
    }
    write_file(&directory.join("lakefront.yaml"), CONFIG)?;

    let unfinished = directory.join("lake.unfinished");
    match std::fs::remove_dir_all(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove {}", unfinished.display()));
        }
        _ => (),
    }
    let started = std::time::Instant::now();
    let parts = lake::parts(days);
    let bar = ProgressBar::new(parts.len().try_into()?).with_style(
        ProgressStyle::with_template("making the sample lake {bar:40} {pos} of {len} files, {eta} left")
            .expect("the template is a constant"),
    );
    let rows = lake::write(&unfinished, &parts, threads, &|| bar.inc(1))?;
    bar.finish_and_clear();
    std::fs::rename(&unfinished, directory.join("lake"))
        .with_context(|| format!("cannot finish the sample lake in {}", directory.display()))?;
    super::say(&format!(
        "made a sample lake in {}: {days} days, {rows} rows, {} files, {:.1} s",
        directory.display(),
        parts.len(),
        started.elapsed().as_secs_f64(),
    ));
    Ok(())
}

/// A lake that is there is not made again: it must have the days that are asked for.
fn check_days(directory: &Path, days: Option<u32>) -> Result<()> {
    let folder = directory.join("lake/log/login");
    let found = std::fs::read_dir(&folder)
        .with_context(|| format!("cannot list {}", folder.display()))?
        .filter(|entry| {
            entry.as_ref().is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("day="))
        })
        .count();
    match days {
        Some(days) if u32::try_from(found) != Ok(days) => bail!(
            "the sample lake in {} has {found} days, not {days}: choose another --dir, or remove it first",
            directory.display()
        ),
        _ => Ok(()),
    }
}

fn how_to_connect(running: &Running) {
    let (host, port) = (running.mysql.ip(), running.mysql.port());
    super::say(&format!(
        "
Lakefront serves the sample lake. Connect with any MySQL client:

    mysql --host {host} --port {port} --user root

and try:

    SELECT day, region, COUNT(DISTINCT user_id) AS players
    FROM log.login WHERE day >= '2026-10-25' GROUP BY day, region ORDER BY day, region;

http://{}/ shows what the views are doing. Stop with Ctrl-C.
",
        running.console
    ));
}

fn write_file(path: &Path, text: &str) -> Result<()> {
    create_directory(path.parent().unwrap_or(Path::new("")))?;
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn create_directory(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("cannot create the directory {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn the_same_days_give_the_same_files() {
        let [one, many] = [1, 3].map(|threads| {
            let directory = tempfile::tempdir().unwrap();
            make(directory.path(), 1, threads).unwrap();
            files(directory.path())
        });
        assert!(one.len() > 30, "{} files", one.len());
        assert_eq!(one.keys().collect::<Vec<_>>(), many.keys().collect::<Vec<_>>());
        for (path, bytes) in &one {
            assert!(bytes == &many[path], "{} differs", path.display());
        }
    }

    #[test]
    fn what_an_interrupted_run_left_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let left = directory.path().join("lake.unfinished/log/login/day=2026-10-31/left.parquet");
        write_file(&left, "half a file").unwrap();
        make(directory.path(), 1, 2).unwrap();
        assert!(!files(directory.path()).keys().any(|path| path.ends_with("left.parquet")));
        assert!(check_days(directory.path(), Some(1)).is_ok());
        let error = check_days(directory.path(), Some(7)).unwrap_err().to_string();
        assert!(error.contains("has 1 days, not 7"), "{error}");
    }

    #[test]
    fn every_table_and_view_of_the_repository_is_in_the_demo() {
        let check = |folder: &str, extension: &str, embedded: &[(&str, &str)]| {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            let in_repository: Vec<PathBuf> = files(&folder)
                .into_keys()
                .filter(|path| path.extension().is_some_and(|found| found == extension))
                .collect();
            let embedded: Vec<PathBuf> = embedded.iter().map(|(name, _)| name.into()).collect();
            assert_eq!(in_repository, embedded);
        };
        check("catalog", "yaml", CATALOG);
        check("sql", "sql", VIEWS);
    }

    /// All files below a directory, by their path below it.
    fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut directories = vec![root.to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                } else {
                    found.insert(path.strip_prefix(root).unwrap().to_owned(), std::fs::read(&path).unwrap());
                }
            }
        }
        found
    }
}
