//! Compiles the queries of the command line.

use sensor_core::{
    diagnostic::{Diagnostic, Findings},
    nql::{Filter, Options, lists::Lists},
};

use super::args::QueryArgs;
use crate::{agent::config::lists::ListFiles, cli::exit::Failure, stdio};

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
    compile_with(&arguments.query, &options)
}

/// Compiles the query of `--filter`; warnings go to stderr.
///
/// # Errors
/// All faults of the query, to end with exit code 64.
pub fn flow_filter(query: &str, lists: &Lists) -> anyhow::Result<Filter> {
    compile_with(query, &Options::new(lists))
}

fn compile_with(query: &str, options: &Options<'_>) -> anyhow::Result<Filter> {
    match Filter::compile(query, options) {
        Ok(filter) => {
            stdio::to_stderr(located(query, &filter.warnings).styled());
            Ok(filter)
        }
        Err(diagnostics) => {
            let findings = located(query, &diagnostics);
            let faults = match findings.errors() {
                1 => "1 fault".to_owned(),
                count => format!("{count} faults"),
            };
            Err(Failure::usage(format!("the query has {faults}")).with(findings).into())
        }
    }
}

fn located(query: &str, diagnostics: &[Diagnostic]) -> Findings {
    Findings::located("query", query, diagnostics)
}

/// Reads the named lists of the command line.
pub fn read_lists(arguments: &QueryArgs) -> anyhow::Result<Lists> {
    Ok(ListFiles(arguments.list.iter().cloned().collect()).read()?)
}
