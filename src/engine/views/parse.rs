//! Reads the files of views for the registry, which knows no SQL. It must not know where files are.

use std::thread;

use crate::engine::dialect::statement::CreateView;
use crate::engine::dialect::{self, Misread};
use crate::engine::error::Error;
use crate::engine::runtime::STACK_BYTES;
use crate::views::definition::Definition;
use crate::views::files::{Mistake, Parse};

/// Reads views with MySQL's grammar, under the default `sql_mode`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parser;

impl Parse for Parser {
    fn parse(&self, database: &str, name: &str, text: &str) -> Result<Definition, Mistake> {
        let view = on_deep_stack(|| dialect::parse_view(text))
            .map_err(|misread| Mistake { line: misread.line, message: misread.error.to_string() })?;
        let same = |written: &str, expected: &str| written.to_lowercase() == expected.to_lowercase();
        let written = view.name;
        if !same(&written.table, name)
            || written.database.as_ref().is_some_and(|written| !same(written, database))
        {
            let told = match &written.database {
                Some(database) => format!("{database}.{}", written.table),
                None => written.table.clone(),
            };
            let message =
                format!("the file's place says that the view is {database}.{name}, its statement {told}");
            return Err(Mistake { line: 1, message });
        }
        Ok(view.body.named(database, name))
    }
}

/// What nests needs a deeper stack than threads of the network have.
fn on_deep_stack(parse: impl FnOnce() -> Result<CreateView, Misread> + Send) -> Result<CreateView, Misread> {
    let broken = |what: &str| Misread { error: Error::Internal(what.to_owned()), line: 1 };
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("parse".into()).stack_size(STACK_BYTES);
        match thread.spawn_scoped(scope, parse) {
            Ok(running) => running.join().unwrap_or_else(|_| Err(broken("the parser panicked"))),
            Err(_) => Err(broken("no thread can be started")),
        }
    })
}
