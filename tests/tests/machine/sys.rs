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

/// Reads a socket option of the length of `value`.
///
/// # Errors
/// Those of getsockopt(2), and where it is shorter.
pub fn get_option(
    socket: &impl AsRawFd,
    level: i32,
    name: i32,
    value: &mut [u8],
) -> io::Result<()> {
    let mut length = value.len() as libc::socklen_t;
    // SAFETY: the pointer and the length are those of `value`, which the kernel fills.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            name,
            value.as_mut_ptr().cast(),
            &raw mut length,
        )
    })?;
    if length as usize == value.len() {
        Ok(())
    } else {
        Err(io::Error::other(format!("{length} octets")))
    }
}

/// An ioctl that reads or writes an `int`.
///
/// # Errors
/// Those of ioctl(2).
pub fn ioctl_int(file: &impl AsRawFd, request: u64, value: &mut i32) -> io::Result<()> {
    // SAFETY: the requests here (linux/ppp-ioctl.h) take a pointer to an int.
    check(unsafe { libc::ioctl(file.as_raw_fd(), request, &raw mut *value) }).map(drop)
}

/// Sets the time of day by so many milliseconds.
///
/// # Errors
/// Those of clock_settime(2).
pub fn step_clock(by: i64) -> io::Result<()> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is valid for the call to fill in.
    check(unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut time) })?;
    let nanoseconds = time.tv_sec * 1_000_000_000 + time.tv_nsec + by * 1_000_000;
    time.tv_sec = nanoseconds.div_euclid(1_000_000_000);
    time.tv_nsec = nanoseconds.rem_euclid(1_000_000_000);
    // SAFETY: the structure is valid, and only read.
    check(unsafe { libc::clock_settime(libc::CLOCK_REALTIME, &raw const time) }).map(drop)
}

/// The error of a system call that returned less than 0.
pub fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
