//! Moving a program to the front of its hook, so that no packet meanwhile passes uncounted or is counted twice.
//!
//! One program cannot be at one hook twice, and no call of the kernel moves it. So two others stand in for it, both of
//! which go on with it (`sensor-ebpf/src/handover.rs`):
//!
//! 1. at the old place it gives way to the predecessor: the kernel exchanges the two in one step;
//! 2. the successor is put in front. A CPU that has run it once does so for every later packet, takes note of that, and
//!    has the predecessor keep still;
//! 3. after a grace period no packet comes to the predecessor that has not come to the successor: the old place is given up;
//! 4. at the new place the successor gives way to the program, in one step as well.
//!
//! Where links are pinned, the new place gets a name as well, and the array of the program that moves is pinned, so that both
//! stand-ins go on with it whatever becomes of the agent; the next one ends the move (`pins/links.rs`).
//!
//! A packet that a program of others sends through the same hook while that works on another packet
//! (`bpf_clone_redirect`), at the very moment of step 2, costs the outer one its count.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use aya::{Ebpf, maps::Map};
use sensor_common::layout::names;

use super::{
    error::KernelError, grace::Grace, hold::Hook, maps::TakenOver, object::descriptor, sys,
};

/// What it takes to move programs, one after the other.
#[derive(Debug)]
pub(super) struct Handover {
    /// The array whose only element is the program that moves.
    current: OwnedFd,
    taken_over: TakenOver,
    successor: OwnedFd,
    predecessor: OwnedFd,
    grace: Grace,
}

impl Handover {
    /// From a loaded object, on a host with `cpus` CPUs.
    pub(super) fn new(ebpf: &Ebpf, cpus: u32) -> Result<Self, KernelError> {
        let Some(Map::ProgramArray(array)) = ebpf.map(names::HANDOVER) else {
            return Err(KernelError::Missing { what: "array of programs", name: names::HANDOVER });
        };
        let current = array.fd().as_fd().try_clone_to_owned().map_err(|source| {
            KernelError::System { attempt: "duplicate a file descriptor", source }
        })?;
        Ok(Self {
            current,
            taken_over: TakenOver::new(ebpf, cpus)?,
            successor: descriptor(ebpf, names::PROGRAM_SUCCESSOR)?,
            predecessor: descriptor(ebpf, names::PROGRAM_PREDECESSOR)?,
            grace: Grace::new()?,
        })
    }

    /// Moves `program`, which `hook` holds, before all others.
    ///
    /// # Errors
    /// Where the kernel refuses a step. Whatever `hook` holds then counts, but may have to be attached anew.
    pub(super) fn move_to_front(
        &mut self,
        hook: &mut Hook,
        program: BorrowedFd<'_>,
    ) -> io::Result<()> {
        // A successor of the last handover may still be at work.
        self.wait()?;
        self.taken_over.clear();
        sys::array_update(self.current.as_fd(), program)?;
        hook.replace(self.predecessor.as_fd())?;
        let front = match hook.in_front(self.successor.as_fd()) {
            Ok(front) => front,
            Err(error) => {
                hook.replace(program)?;
                return Err(error);
            }
        };
        let waited = self.wait();
        hook.give_way_to(front)?;
        hook.replace(program)?;
        waited
    }

    fn wait(&self) -> io::Result<()> {
        self.grace.wait().map_err(io::Error::other)
    }
}
