//! Wires sources, engine and exports, from start to orderly stop.
//!
//! * [`config`]: what the user wants, read and checked.
//! * [`run`]: live: the kernel's flow tables (`capture`) and what routers send (`intake`). [`replay`]: capture files.
//! * [`outputs`]: where records go; [`summary`]: what became of every packet and record, on one screen.

pub mod config;
pub mod logging;
pub mod outputs;
pub mod replay;
pub mod run;
pub mod summary;

mod capture;
mod drain;
mod filter;
mod intake;
mod links;
