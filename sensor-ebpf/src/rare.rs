//! What is worth a line in the agent's log, once for each CPU and generation parity.
//!
//! Out of line, so that a packet's path carries neither the text nor the registers that writing it takes.

use aya_log_ebpf::warn;

/// A flow table was full, and a packet was counted without its remote end.
#[cold]
#[inline(never)]
pub fn folding(interface: u32) {
    warn!((), "flow table full: interface {} counts new flows without their remote end", interface);
}

/// The room for folded flows was full too.
#[cold]
#[inline(never)]
pub fn no_room(interface: u32) {
    warn!(
        (),
        "flow table and fold region full: interface {} counts packets without a flow", interface
    );
}
