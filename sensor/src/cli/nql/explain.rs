//! `sensor nql explain`: what a query comes to for the evaluator over columns.

use super::{QueryArgs, args::Context, compile, read_lists};
use crate::{
    cli::exit::Failure,
    nql::columns::{self, Program},
    stdio,
};

/// Prints the optimised query.
pub fn explain(arguments: &QueryArgs) -> anyhow::Result<()> {
    if arguments.context != Context::Flow {
        let fault = "only queries about flows are compiled; leave out `--context`";
        return Err(Failure::usage(fault.to_owned()).into());
    }
    let lists = read_lists(arguments)?;
    let filter = compile(arguments, &lists)?;
    stdio::print(columns::explain(&Program::compile([&filter.typed])))?;
    Ok(())
}
