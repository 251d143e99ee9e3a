//! Writes the stock library out as files: to read, to run its tests, to start own policies from.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use sensor_core::policy::stock::{self, StockFile};

use crate::files;

/// Why the library was not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Nothing was written, since something is there that somebody may have changed.
    #[error("{} exists already; name an empty directory", .0.display())]
    Exists(PathBuf),
    /// What the system says.
    #[error("cannot write {}", path.display())]
    Write {
        /// What could not be written.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Writes the library into a directory, which is made if need be. Nothing that is there is overwritten.
///
/// # Errors
/// When one of the files is there already, or cannot be written.
pub fn export(directory: &Path) -> Result<&'static [StockFile], ExportError> {
    let files = stock::files();
    let place = |file: &StockFile| directory.join(file.path);
    if let Some(there) = files.iter().map(place).find(|path| path.symlink_metadata().is_ok()) {
        return Err(ExportError::Exists(there));
    }
    for file in files {
        let path = place(file);
        write(&path, file.text).map_err(|source| ExportError::Write { path, source })?;
    }
    Ok(files)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    files::create(path)?.write_all(text.as_bytes())
}
