//! `sensor replay`.

use anyhow::bail;

use super::args::ReplayArgs;

/// Not in this build.
pub fn replay(_arguments: &ReplayArgs) -> anyhow::Result<()> {
    bail!("`sensor replay` is not in this build")
}
