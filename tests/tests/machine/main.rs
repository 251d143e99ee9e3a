//! The agent beside every kind of device and traffic that Linux has, on a kernel that is nobody's.
//!
//! Runs in the virtual machines of `cargo xtask test` and nowhere else (`machine-tests --test-threads=1`): it needs
//! modules that many kernels lack, and what it is to find may stop the kernel.

#![expect(unsafe_code, reason = "socket options and ioctls that no crate wraps")]

mod big;
mod clock;
mod flows;
mod harm;
mod kernel_log;
mod masters;
mod network;
mod pppoe;
mod raw;
mod sctp;
mod sys;
mod traffic;

/// Whether the kernel may be stopped by a test.
///
/// # Panics
/// When it may not: whoever starts this elsewhere must hear of it.
fn in_a_machine_of_its_own() {
    assert!(
        std::env::var_os("SENSOR_MACHINE").is_some(),
        "these tests may stop the kernel; cargo xtask test runs them in a virtual machine"
    );
}
