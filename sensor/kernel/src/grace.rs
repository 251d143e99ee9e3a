//! Waiting for an RCU grace period: until no program run that began before can still be under way.
//!
//! XDP and tc programs run inside an RCU read-side critical section. `membarrier(MEMBARRIER_CMD_GLOBAL)` is
//! `synchronize_rcu()` (kernel/sched/membarrier.c); kernels with `nohz_full` CPUs refuse it, and there an update
//! of a map of maps waits likewise (`maybe_wait_bpf_programs` in kernel/bpf/syscall.c).

use std::os::fd::{AsFd, OwnedFd};

use super::{
    error::KernelError,
    sys::{self, membarrier_command as command},
};

/// A way to wait for a grace period.
#[derive(Debug)]
pub enum Grace {
    /// By membarrier(2).
    Membarrier,
    /// By updating a map of maps that serves nothing else.
    MapOfMaps {
        /// The map that is updated.
        outer: OwnedFd,
        /// What it is updated with.
        inner: OwnedFd,
    },
    /// Not at all. Unsound: for the negative control that shows what the wait is for.
    None,
}

/// Whether membarrier(2) waits for grace periods here.
pub fn has_membarrier() -> bool {
    let commands = sys::membarrier(command::QUERY).unwrap_or(0);
    commands & libc::c_long::from(command::GLOBAL) != 0
}

impl Grace {
    /// The way that this kernel offers.
    ///
    /// # Errors
    /// When neither is to be had.
    pub fn new() -> Result<Self, KernelError> {
        if has_membarrier() { Ok(Self::Membarrier) } else { Self::map_of_maps() }
    }

    /// The way by a map of maps.
    ///
    /// # Errors
    /// When the maps cannot be made.
    pub fn map_of_maps() -> Result<Self, KernelError> {
        let make = || {
            let inner = sys::map_create(None)?;
            let outer = sys::map_create(Some(inner.as_fd()))?;
            Ok(Self::MapOfMaps { outer, inner })
        };
        make().map_err(|source| KernelError::System {
            attempt: "make a map of maps to wait for grace periods",
            source,
        })
    }

    /// Returns once every program run that was under way has ended (10 ms, give or take).
    ///
    /// # Errors
    /// When the kernel refuses what it offered.
    pub fn wait(&self) -> Result<(), KernelError> {
        match self {
            Self::Membarrier => sys::membarrier(command::GLOBAL).map(drop),
            Self::MapOfMaps { outer, inner } => sys::array_update(outer.as_fd(), inner.as_fd()),
            Self::None => Ok(()),
        }
        .map_err(|source| KernelError::System { attempt: "wait for a grace period", source })
    }
}
