//! `sensor run`.

use anyhow::bail;

use super::args::RunArgs;

/// Not in this build.
pub fn run(_arguments: &RunArgs) -> anyhow::Result<()> {
    bail!("`sensor run` is not in this build")
}
