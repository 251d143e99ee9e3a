//! Wires sources, engine and exports, from start to orderly stop.
//!
//! * [`config`]: what the user wants, read and checked. [`context`]: what is known about addresses, read from files.
//! * [`run`]: live: the kernel's flow tables (`capture`) and what routers send (`intake`). [`replay`]: capture files.
//! * [`exports`]: exports of routers in files.
//! * `analysis`: context, tags and policies at work; [`policies`]: their files.
//! * [`outputs`]: where records and hits go; [`summary`]: what became of every packet and record, on one screen.

pub mod config;
pub mod context;
pub mod exports;
pub mod logging;
pub mod outputs;
pub mod policies;
pub mod replay;
pub mod run;
pub mod summary;

mod analysis;
mod capture;
mod drain;
mod filter;
mod intake;
mod lent;
mod links;
