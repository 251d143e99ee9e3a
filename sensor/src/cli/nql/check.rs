//! `sensor nql check`: every fault of a query, or that there is none.

use super::{
    args::QueryArgs,
    query::{compile, read_lists},
};
use crate::stdio;

/// Fails with every fault of the query.
pub fn check(arguments: &QueryArgs) -> anyhow::Result<()> {
    let lists = read_lists(arguments)?;
    let filter = compile(arguments, &lists)?;
    let verdict = match filter.warnings.len() {
        0 => "no fault".to_owned(),
        1 => "no fault, 1 warning".to_owned(),
        warnings => format!("no fault, {warnings} warnings"),
    };
    stdio::print(format_args!("{verdict}\n"))?;
    Ok(())
}
