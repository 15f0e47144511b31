//! Suites that lie beside the clone, in `../shared`: other servers' answers to what clients send. Where they
//! are not there, a test says so and passes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A file of the shared suites, or `None` with a line that says what is left out.
#[expect(clippy::disallowed_methods, reason = "this variable steers the tests, not the server")]
pub fn file(name: &str) -> Option<PathBuf> {
    let beside_the_clone = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let directory = std::env::var_os("LAKEFRONT_SHARED").map_or(beside_the_clone, PathBuf::from);
    let path = directory.join(name);
    if path.is_file() {
        return Some(path);
    }
    println!("{} is not here: this suite is left out", path.display());
    None
}

/// A list of exceptions in `tests/`: lines of a key, a colon and the reason.
pub fn exceptions(name: &str) -> BTreeMap<String, String> {
    std::fs::read_to_string(Path::new("tests").join(name))
        .unwrap()
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("{name}: `{line}` has no reason")))
        .map(|(key, reason)| (key.to_owned(), reason.to_owned()))
        .collect()
}

/// What differs must be listed, and what is listed must differ.
pub fn assert_only_exceptions(list: &str, differences: &BTreeMap<String, String>) {
    let allowed = exceptions(list);
    let unexpected: Vec<String> = differences
        .iter()
        .filter(|(key, _)| !allowed.contains_key(*key))
        .map(|(key, difference)| format!("{key}: {difference}"))
        .collect();
    let settled: Vec<&String> = allowed.keys().filter(|key| !differences.contains_key(*key)).collect();
    println!(
        "{} differences, {} of them listed in tests/{list}",
        differences.len(),
        differences.len() - unexpected.len()
    );
    assert!(
        unexpected.is_empty(),
        "{} that tests/{list} does not list:\n{}",
        unexpected.len(),
        unexpected.join("\n")
    );
    assert!(settled.is_empty(), "tests/{list} lists what does not differ any more: {settled:?}");
}
