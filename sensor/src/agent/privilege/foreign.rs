//! Files that root can use only because permissions do not hold for it: those of other users. Without CAP_DAC_OVERRIDE root is
//! a user among others, and an agent that root starts by hand must not fail at `/var/log/sensor`, which is the service's.
//!
//! What needs it is found by trying everything once in a thread that has no capability.

use std::{fs, io, path::Path};

use rustix::thread::CapabilitySet;

use super::capabilities;
use crate::{
    agent::{
        config::{
            Config,
            paths::{Access, NamedPath},
        },
        inspect,
        mode::Mode,
    },
    files,
};

/// Levels of directories that are looked into: loops of links end there.
const LEVELS: usize = 8;

/// The first of the files of `config` that this process can use by that capability alone, in words; none where it lacks it.
pub fn first(config: &Config, named: &[NamedPath]) -> Option<String> {
    if !capabilities::held().contains(CapabilitySet::DAC_OVERRIDE) {
        return None;
    }
    capabilities::without_any(|| refused(config, named)).flatten()
}

/// The first of the files of `config` that permissions refuse to this thread, in words.
pub fn refused(config: &Config, named: &[NamedPath]) -> Option<String> {
    let written = || {
        let denied = io::Error::from_raw_os_error(libc::EACCES).to_string();
        let faults = inspect::paths::faults(config, Mode::Live).into_iter();
        let mut denied = faults.map(|fault| fault.message).filter(|text| text.contains(&denied));
        denied.next()
    };
    of_read(named).or_else(written)
}

/// The first of those that are read, or listed.
pub fn of_read(named: &[NamedPath]) -> Option<String> {
    named.iter().find_map(|named| match named.access {
        Access::Read => unreadable(&named.path, LEVELS),
        // Where pins lie is looked at as what is read, if it is there.
        Access::List | Access::Directory | Access::Present => unreadable(&named.path, 1),
        Access::File => None,
    })
}

/// The first file at or below `path` that permissions do not let this thread read.
fn unreadable(path: &Path, levels: usize) -> Option<String> {
    let found = match fs::metadata(path) {
        Ok(found) => found,
        // A directory above.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Some(format!("cannot find {}: {error}", path.display()));
        }
        Err(_) => return None,
    };
    let told = |error: io::Error| {
        let denied = error.kind() == io::ErrorKind::PermissionDenied;
        denied.then(|| format!("cannot read {}: {error}", path.display()))
    };
    if !found.is_dir() {
        return found.is_file().then(|| files::open(path).err().and_then(told)).flatten();
    }
    match fs::read_dir(path) {
        Err(error) => told(error),
        Ok(_) if levels <= 1 => None,
        Ok(entries) => entries.flatten().find_map(|entry| unreadable(&entry.path(), levels - 1)),
    }
}
