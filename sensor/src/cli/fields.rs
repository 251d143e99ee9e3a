//! `sensor fields`.

use anyhow::bail;

use super::args::FieldsArgs;

/// Not in this build.
pub fn fields(_arguments: &FieldsArgs) -> anyhow::Result<()> {
    bail!("`sensor fields` is not in this build")
}
