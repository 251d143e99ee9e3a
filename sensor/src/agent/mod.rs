//! Wires sources, engine and exports, from start to orderly stop.
//!
//! * [`config`]: what the user wants, read and checked. [`context`]: what is known about addresses, read from files.
//! * [`run`]: live: the kernel's flow tables (`capture`) and what routers send (`intake`). [`replay`]: capture files.
//! * [`exporters`]: what is configured of routers. [`exports`]: their exports in files.
//! * [`analysis`]: context, tags and policies at work; [`reload`]: read anew; [`policies`]: their files.
//! * [`top`]: the largest groups of flows. [`progress`]: how far files have been read.
//! * [`inspect`]: all that a configuration names, read and judged; [`paths`]: secrets, certificates and places to write to;
//!   [`writable`]: whether these can be written to; [`text`]: how text files are read.
//! * [`outputs`]: where records and hits go; [`summary`]: what became of every packet and record, on one screen.

pub mod analysis;
pub mod config;
pub mod context;
pub mod exporters;
pub mod exports;
pub mod inspect;
pub mod logging;
pub mod losses;
pub mod outputs;
pub mod paths;
pub mod policies;
pub mod progress;
pub mod reload;
pub mod replay;
pub mod run;
pub mod summary;
pub mod text;
pub mod top;
#[expect(clippy::disallowed_types, reason = "edge: tries whether files can be made")]
pub mod writable;

mod capture;
mod coverage;
mod drain;
mod filter;
mod health;
mod hooks;
mod intake;
mod leftovers;
mod lent;
mod links;
mod names;
mod signals;
