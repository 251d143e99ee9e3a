//! One agent after the other in the same pins: whatever ends the first, no packet between, before or after is lost without a
//! name, and none is counted twice.
//!
//! * `killed`: the drain cut short at each of its steps, and hooks of each kind taken over under load, in this process.
//! * `agents`: the binary, ended by SIGTERM and SIGKILL, upgraded, doubled, without a bpffs, uninstalled.
//! * `wire`: what they run on.

mod agents;
mod killed;
mod wire;
