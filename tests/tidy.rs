//! Checks of the code itself: layers, module heads, docs, notes. A rule that is worth having is a test here.
//! It reads files only and knows nothing of what the server does.

#![expect(clippy::unwrap_used, reason = "a file that cannot be read fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What each module may import beside the open ones, in the order of `docs/architecture.md`.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("lake", &[]),
    ("auth", &[]),
    ("catalog", &["lake"]),
    ("scheduler", &[]),
    ("notify", &[]),
    ("views", &["catalog", "lake"]),
    ("engine", &["auth", "catalog", "views", "scheduler"]),
    ("refresh", &["engine", "views", "catalog", "lake"]),
    ("jobs", &["scheduler", "refresh", "views", "catalog", "lake", "notify"]),
    ("wire", &["auth", "engine"]),
    ("console", &["auth", "engine", "catalog", "views", "scheduler"]),
    (
        "server",
        &[
            "auth",
            "catalog",
            "console",
            "engine",
            "jobs",
            "lake",
            "notify",
            "refresh",
            "scheduler",
            "views",
            "wire",
        ],
    ),
    (
        "cli",
        &[
            "auth",
            "catalog",
            "console",
            "engine",
            "jobs",
            "lake",
            "notify",
            "refresh",
            "scheduler",
            "server",
            "views",
            "wire",
        ],
    ),
    ("config", &[]),
    ("clock", &[]),
    ("telemetry", &[]),
    ("main", &["cli"]),
    ("lib", &[]),
];

/// Modules that everybody may import.
const OPEN: &[&str] = &["config", "clock", "telemetry"];

/// Files above this many lines are printed, as a reminder.
const LONG_FILE_LINES: usize = 500;

#[test]
fn modules_import_only_lower_layers() {
    let mut wrong = Vec::new();
    for file in source_files("src") {
        let (_, may_import) = MAY_IMPORT
            .iter()
            .find(|(module, _)| *module == file.module)
            .unwrap_or_else(|| panic!("{}: add `{}` to the layers in tests/tidy.rs", file.path, file.module));
        for imported in crate_imports(&file.text) {
            let open = OPEN.contains(&imported.as_str()) || may_import.contains(&imported.as_str());
            if imported != file.module && !open {
                wrong.push(format!("{}: `{}` may not import `{imported}`", file.path, file.module));
            }
        }
        if climbs_out(&file) {
            wrong.push(format!("{}: `super` climbs to the crate's root: write `crate::…`", file.path));
        }
    }
    assert!(wrong.is_empty(), "see \"Layers\" in docs/architecture.md\n{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is() {
    for file in ["src", "tests", "benches"].iter().flat_map(|root| source_files(root)) {
        assert!(
            file.text.starts_with("//! "),
            "{}: open the file with `//!`: what it is, what it must not know",
            file.path
        );
    }
}

#[test]
fn faults_name_tests_that_are_there() {
    let faults = fs::read_to_string("docs/faults.md").unwrap();
    let files: Vec<SourceFile> = ["src", "tests"].iter().flat_map(|root| source_files(root)).collect();
    let mut missing = Vec::new();
    // The last cell of a row has the tests, each in backticks.
    for cell in faults.lines().filter_map(|line| line.strip_suffix(" |")?.rsplit(" | ").next()) {
        for name in cell.split('`').skip(1).step_by(2) {
            let there = match name.ends_with(".slt") {
                true => Path::new("tests/slt").join(name).exists(),
                false => files.iter().any(|file| file.text.contains(&format!("fn {name}("))),
            };
            let is_test = name.ends_with(".slt") || name.contains('_') || name == "splits";
            if is_test && !there {
                missing.push(name.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "docs/faults.md names tests that are not there: {missing:?}");
}

#[test]
fn the_architecture_names_every_module() {
    let architecture = fs::read_to_string("docs/architecture.md").unwrap();
    let mut missing = Vec::new();
    for file in source_files("src") {
        // The section of a top-level module names its files and folders; what is in those folders is theirs to tell.
        let mut names = file.name().split('/');
        let (module, part) = (names.next().unwrap_or_default(), names.next());
        let section = architecture.split("\n### ").find(|section| {
            section.lines().next().is_some_and(|title| title.contains(&format!("`{module}`")))
        });
        let named = match (section, part) {
            (Some(section), Some(part)) => section.contains(&format!("`{part}`")) || part == "tests",
            (section, None) => section.is_some() || architecture.contains(&format!("`{module}`")),
            (None, Some(_)) => false,
        };
        if !named {
            missing.push(file.path);
        }
    }
    assert!(missing.is_empty(), "docs/architecture.md does not name\n{}", missing.join("\n"));
}

#[test]
fn the_operators_page_names_every_setting_and_metric() {
    let page = fs::read_to_string("docs/operations.md").unwrap();
    let config = fs::read_to_string("src/config/mod.rs").unwrap();
    let settings = config
        .lines()
        .filter_map(|line| line.strip_prefix("    pub ")?.split_once(": "))
        .map(|(name, _)| name);
    let sources: String = source_files("src").into_iter().map(|file| file.text).collect();
    let metrics = sources.split('"').filter(|text| {
        text.starts_with("lakefront_") && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    });
    let settings = settings.filter(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
    let names = |name: &str| {
        [format!("`{name}`"), format!("`{name}."), format!(".{name}`")]
            .iter()
            .any(|written| page.contains(written))
    };
    let missing: BTreeSet<&str> = settings.chain(metrics).filter(|name| !names(name)).collect();
    assert!(missing.is_empty(), "docs/operations.md does not name {missing:?}");
}

#[test]
fn the_crate_root_exports_modules_only() {
    let root = fs::read_to_string("src/lib.rs").unwrap();
    assert!(!root.contains("pub use"), "src/lib.rs: a re-export hides who depends on whom");
}

#[test]
fn workarounds_say_what_they_wait_for() {
    for file in source_files("src") {
        let (removals, causes) =
            (file.text.matches("Remove when:").count(), file.text.matches("Blocked by:").count());
        assert_eq!(removals, causes, "{}: `Blocked by:` and `Remove when:` belong together", file.path);
    }
}

#[test]
fn long_files_are_printed() {
    for file in ["src", "tests"].iter().flat_map(|root| source_files(root)) {
        let lines = file.text.lines().count();
        if lines > LONG_FILE_LINES {
            println!("{}: {lines} lines; does a part of it stand alone?", file.path);
        }
    }
}

#[test]
fn finds_imports() {
    let check = |text: &str, expected: &[&str]| {
        let expected: BTreeSet<String> = expected.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(crate_imports(text), expected, "{text}");
    };
    check("use crate::lake::Store;", &["lake"]);
    check("use crate::{lake::{Store, File}, config::Config};", &["lake", "config"]);
    check("let x = crate::wire::serve();", &["wire"]);
    check("//! See [`crate::wire`].\n    // crate::wire\n", &[]);
    check("use other_crate::wire;", &[]);
}

/// A source file of the repository.
struct SourceFile {
    /// From the repository's root.
    path: String,
    /// The top-level module that it belongs to.
    module: String,
    text: String,
}

impl SourceFile {
    /// The module's path: `engine/query` for `src/engine/query.rs`, `engine` for `src/engine/mod.rs`.
    fn name(&self) -> &str {
        let name = self.path.split_once('/').map_or(self.path.as_str(), |(_, rest)| rest);
        name.trim_end_matches(".rs").trim_end_matches("/mod")
    }
}

fn source_files(root: &str) -> Vec<SourceFile> {
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut directories = vec![PathBuf::from(root)];
    while let Some(directory) = directories.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths.into_iter().map(|path| read(root, &path)).collect()
}

fn read(root: &str, path: &Path) -> SourceFile {
    let below = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
    let module = below.split(['/', '.']).next().unwrap_or_default().to_owned();
    SourceFile { path: path.to_string_lossy().into_owned(), module, text: fs::read_to_string(path).unwrap() }
}

/// The top-level modules that a text names by `crate::`, outside of comments.
fn crate_imports(text: &str) -> BTreeSet<String> {
    let code: String =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => found.extend(identifier(rest)),
            Some(group) => found.extend(members(group).into_iter().filter_map(identifier)),
        }
    }
    found
}

/// The members of a `use` group, up to its closing brace.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut members) = (0, 0, Vec::new());
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                members.push(&group[start..at]);
                return members;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(&group[start..at]);
                start = at + 1;
            }
            _ => (),
        }
    }
    members
}

fn identifier(text: &str) -> Option<String> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

/// Whether a chain of `super::` leaves the file's top-level module, where the table of layers cannot see it.
fn climbs_out(file: &SourceFile) -> bool {
    let depth = file.name().split('/').count();
    let (code, tests) = file.text.split_once("mod tests {").unwrap_or((&file.text, ""));
    code.contains(&"super::".repeat(depth)) || tests.contains(&"super::".repeat(depth + 1))
}
