//! `sensor policy export`: the stock library as files.

use super::args::ExportArgs;
use crate::{agent::stock, stdio};

/// Writes the library into a directory.
pub fn export(ExportArgs { directory }: &ExportArgs) -> anyhow::Result<()> {
    let files = stock::export(directory)?.len();
    Ok(stdio::print(format_args!("{}: {files} files written\n", directory.display()))?)
}
