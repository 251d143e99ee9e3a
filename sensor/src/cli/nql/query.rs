//! Compiles the queries of the command line.

use sensor_core::{
    diagnostic::{Diagnostic, Findings},
    flow::fields::RecordKind,
    nql::{Filter, Options, lists::Lists},
};

use super::args::QueryArgs;
use crate::{
    agent::{config::lists::ListFiles, plant::Filters},
    cli::{args::FlowArgs, exit::Failure},
    stdio,
};

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

/// Compiles the queries of `--filter` and `--dns-filter`; warnings go to stderr.
///
/// # Errors
/// All faults of a query, to end with exit code 64.
pub fn filters(arguments: &FlowArgs, lists: &Lists) -> anyhow::Result<Filters> {
    let FlowArgs { filter, dns_filter: dns, .. } = arguments;
    let flows = filter.as_deref().map(|query| compile_with(query, &Options::new(lists)));
    let dns = dns.as_deref().map(|query| dns_filter(query, lists));
    Ok(Filters { flows: flows.transpose()?, dns: dns.transpose()? })
}

/// Compiles the query of `--dns-filter`; warnings go to stderr.
///
/// # Errors
/// All faults of the query, to end with exit code 64.
pub fn dns_filter(query: &str, lists: &Lists) -> anyhow::Result<Filter> {
    compile_with(query, &Options { context: RecordKind::Dns, ..Options::new(lists) })
}

/// Compiles a query of flows, with its warnings.
///
/// # Errors
/// All faults of the query, to end with exit code 64.
pub fn judged(query: &str, lists: &Lists) -> anyhow::Result<(Filter, Findings)> {
    judged_with(query, &Options::new(lists))
}

fn compile_with(query: &str, options: &Options<'_>) -> anyhow::Result<Filter> {
    let (filter, warnings) = judged_with(query, options)?;
    stdio::to_stderr(warnings.styled());
    Ok(filter)
}

/// The same by other options.
///
/// # Errors
/// All faults of the query, to end with exit code 64.
pub fn judged_with(query: &str, options: &Options<'_>) -> anyhow::Result<(Filter, Findings)> {
    match Filter::compile(query, options) {
        Ok(filter) => {
            let warnings = located(query, &filter.warnings);
            Ok((filter, warnings))
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
