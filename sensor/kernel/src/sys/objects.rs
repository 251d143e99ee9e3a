//! bpf(2) for objects that outlive the process: pins in bpffs, and array maps that no eBPF object declares.

use std::{
    ffi::CString,
    io,
    os::{
        fd::{AsRawFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::Path,
};

use super::{MAP_TYPE_ARRAY, MapAttributes, NAME, bpf, owned};

/// `enum bpf_cmd` of linux/bpf.h.
mod command {
    pub const OBJ_PIN: libc::c_int = 6;
    pub const OBJ_GET: libc::c_int = 7;
}

/// `BPF_F_MMAPABLE` of linux/bpf.h.
const MMAPABLE: u32 = 1 << 10;

/// The part of `union bpf_attr` for pins.
#[repr(C)]
struct Pin {
    path: u64,
    object: u32,
    flags: u32,
}

/// Gives `object`, a map or a link, a name in bpffs, under which it lives until that is unlinked.
pub(crate) fn pin(object: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let path = text(path)?;
    let mut attributes =
        Pin { path: path.as_ptr() as u64, object: object.as_raw_fd() as u32, flags: 0 };
    // SAFETY: the structure is the part of `union bpf_attr` for this command; the path ends with a zero and outlives the call.
    unsafe { bpf(command::OBJ_PIN, &mut attributes) }.map(drop)
}

/// The map or link that is pinned at `path`.
pub(crate) fn get(path: &Path) -> io::Result<OwnedFd> {
    let path = text(path)?;
    let mut attributes = Pin { path: path.as_ptr() as u64, object: 0, flags: 0 };
    // SAFETY: as for `pin`.
    unsafe { bpf(command::OBJ_GET, &mut attributes) }.map(owned)
}

fn text(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)
}

/// Makes an array of `words` words that can be mapped into memory, all 0.
pub(crate) fn word_array(name: &str, words: u32) -> io::Result<OwnedFd> {
    let mut attributes = MapAttributes {
        map_type: MAP_TYPE_ARRAY,
        key_size: 4,
        value_size: 8,
        max_entries: words,
        flags: MMAPABLE,
        ..MapAttributes::default()
    };
    for (place, octet) in attributes.name.iter_mut().take(NAME - 1).zip(name.bytes()) {
        *place = octet;
    }
    attributes.make()
}

/// Whether `path` lies in a bpffs.
pub(crate) fn is_bpffs(path: &Path) -> io::Result<bool> {
    let path = text(path)?;
    // SAFETY: all of its bits zero are a valid `statfs`: numbers only.
    let mut found: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path ends with a zero, and the structure is there for the call to fill.
    match unsafe { libc::statfs(path.as_ptr(), &raw mut found) } {
        0 => Ok(found.f_type == libc::BPF_FS_MAGIC),
        _ => Err(io::Error::last_os_error()),
    }
}
