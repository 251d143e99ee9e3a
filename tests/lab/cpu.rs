//! Pinning threads, so that two of them are certain to run the programs on two CPUs at once.

#![expect(unsafe_code, reason = "sched_setaffinity(2) takes a pointer")]

use std::io;

/// Keeps this thread on `cpu`.
///
/// # Errors
/// When there is no such CPU.
pub fn pin(cpu: usize) -> io::Result<()> {
    // SAFETY: a CPU set is plain bits, for which all zeros is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is valid, and the macro checks `cpu` against its size.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: the set is valid for its size; 0 is this thread.
    if unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
