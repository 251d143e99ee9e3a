//! System calls that no crate here wraps: socket options by number, and ioctls that take a pointer.

use std::{io, os::fd::AsRawFd};

/// Sets a socket option to a value whose type is what the kernel expects.
///
/// # Errors
/// Those of setsockopt(2).
pub fn set_option<T: Copy>(
    socket: &impl AsRawFd,
    level: i32,
    name: i32,
    value: T,
) -> io::Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the pointer and the length are those of `value`, which the kernel only reads.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), length)
    };
    check(result).map(drop)
}

/// An ioctl that reads or writes an `int`.
///
/// # Errors
/// Those of ioctl(2).
pub fn ioctl_int(file: &impl AsRawFd, request: u64, value: &mut i32) -> io::Result<()> {
    // SAFETY: the requests here (linux/ppp-ioctl.h) take a pointer to an int.
    check(unsafe { libc::ioctl(file.as_raw_fd(), request, &raw mut *value) }).map(drop)
}

/// The error of a system call that returned less than 0.
pub fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
