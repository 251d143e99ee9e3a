//! One of our programs moves to the front of its hook, and each packet meanwhile is counted once.
//!
//! For that moment two programs stand in for it, one at either place. A CPU that has once found the one in front finds it
//! for every later packet, since programs at a hook are published like that (RCU): from then on it counts in front, and
//! until then at the old place. The agent has the order of the steps (`kernel/handover.rs`).

#![expect(
    unsafe_code,
    reason = "map values are reached by pointer, and a tail call does not return"
)]

use aya_ebpf::{helpers::generated::bpf_get_smp_processor_id, programs::TcContext};

use crate::maps::{HANDOVER, TAKEN_OVER};

/// Counts the packet, and has this CPU count no more behind.
#[inline(always)]
pub fn at_the_new_place(context: &TcContext) {
    if let Some(taken_over) = taken_over() {
        // SAFETY: only this CPU writes the word while a handover goes on.
        unsafe { taken_over.write_volatile(1) };
    }
    go_on(context);
}

/// Counts the packet unless that has been done in front.
#[inline(always)]
pub fn at_the_old_place(context: &TcContext) {
    // SAFETY: as above.
    if taken_over().is_none_or(|taken_over| unsafe { taken_over.read_volatile() } == 0) {
        go_on(context);
    }
}

#[inline(always)]
fn taken_over() -> Option<*mut u64> {
    // SAFETY: a helper without arguments.
    TAKEN_OVER.get_ptr_mut(unsafe { bpf_get_smp_processor_id() })
}

/// Goes on with the program that the handover is about, which lets every packet by as its stand-ins do.
#[inline(always)]
fn go_on(context: &TcContext) {
    // SAFETY: nothing here waits to be dropped.
    unsafe { HANDOVER.tail_call(context, 0) };
}
