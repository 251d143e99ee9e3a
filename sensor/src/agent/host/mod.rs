//! Packets of this host: programs at interfaces, and their tables drained into the flow cache.
//!
//! * [`capture`]: start, life and end of it all. [`drain`]: the thread that drains the tables.
//! * [`links`]: interfaces as they come and go; [`names`]: what they are called. [`hooks`]: what becomes of programs at them.
//! * [`pins`]: what goes on while no agent runs.
//! * [`coverage`]: whether programs see what interfaces count.

pub mod capture;
pub mod coverage;
mod drain;
mod gaps;
pub mod pins;

mod hooks;
mod links;
mod names;
