//! `sensor nql`: queries by themselves, without a sensor.

use anyhow::Context as _;

mod args;
mod check;
mod filter;

pub use args::{NqlArgs, NqlCommand, QueryArgs};

use super::exit::Failure;
use crate::{
    diagnostic::{self, Diagnostic},
    nql::{
        Filter, Options,
        lists::{ListValues, Lists},
    },
};

/// Does what was asked.
pub fn nql(arguments: &NqlArgs) -> anyhow::Result<()> {
    match &arguments.command {
        NqlCommand::Check(arguments) => check::check(arguments),
        NqlCommand::Filter(arguments) => filter::filter(arguments),
    }
}

/// Compiles the query of the command line; warnings go to stderr.
///
/// # Errors
/// All faults of the query, to end with exit code 64; lists that cannot be read.
pub fn compile(arguments: &QueryArgs, lists: &Lists) -> anyhow::Result<Filter> {
    let options = Options {
        context: arguments.context.into(),
        strict: arguments.strict,
        ..Options::new(lists)
    };
    match Filter::compile(&arguments.query, &options) {
        Ok(filter) => {
            eprint!("{}", render(&arguments.query, &filter.warnings));
            Ok(filter)
        }
        Err(diagnostics) => {
            let shown = render(&arguments.query, &diagnostics);
            Err(Failure::usage(format!("the query is wrong\n\n{}", shown.trim_end())).into())
        }
    }
}

fn render(query: &str, diagnostics: &[Diagnostic]) -> String {
    diagnostic::render("query", query, diagnostics)
}

/// Reads the named lists of the command line.
#[expect(clippy::disallowed_methods, reason = "edge: reads the files that the command line names")]
pub fn read_lists(arguments: &QueryArgs) -> anyhow::Result<Lists> {
    let mut lists = Lists::default();
    for (name, path) in &arguments.list {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the list `{name}` from {}", path.display()))?;
        lists.set(name, ListValues::parse(&text));
    }
    Ok(lists)
}
