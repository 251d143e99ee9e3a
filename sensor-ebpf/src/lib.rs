//! What the XDP and tc programs are made of. The entry points are in `bin/sensor.rs`; the programs that
//! benchmarks compare them with are in `bin/bench.rs`.
//!
//! * [`packet`]: the packet's bytes, as the parser wants them, between the pointers that the kernel gives.
//! * [`frame`]: what XDP and tc know of a frame beside its bytes.
//! * [`hook`]: from the context of an XDP or tc program to its frame.
//! * [`read`]: from bytes to headers, and on to whatever is done with them.
//! * [`count`]: one frame into the ledger and the flow table.
//! * [`table`]: finding a flow's slot, and where a packet goes when there is no room.
//! * [`maps`]: everything that is shared with the agent.
//! * [`rare`]: what is worth a line in the agent's log.

#![no_std]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

pub mod count;
pub mod frame;
pub mod handover;
pub mod hook;
pub mod maps;
pub mod packet;
pub mod rare;
pub mod read;
pub mod table;

// Not where host tools look at this crate, beside a standard library with a handler of its own.
#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // Nothing here panics; the verifier refuses a program that could reach this loop.
    loop {}
}
