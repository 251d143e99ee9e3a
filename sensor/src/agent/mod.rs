//! Wires sources, engine and exports, from start to orderly stop.
//!
//! * [`config`]: what the user wants, read and checked. [`inspect`]: all that it names, read and judged; [`text`]: how text
//!   files are read.
//! * [`run`]: live: the kernel's flow tables (`host`) and what routers send (`intake`); `signals` end it.
//!   [`mode`]: what is different about files; `end`: the same for both.
//! * [`replay`]: capture files; [`records`]: the flows in files of any kind, for questions about them; [`stored`]: policies asked of stored flows; [`progress`]: how far files have been read;
//!   [`unread`]: which of them could not be read to their end. [`exports`]: routers' exports in files.
//!   [`devices`]: what is configured of routers. [`cloud`]: flow logs of clouds in files, and while they come; [`ingest`]: those that are pushed.
//! * [`plant`]: what every batch of records passes: context, tags, policies, filter, outputs.
//! * [`control`]: the way to a running agent: its socket and its HTTP endpoint. [`web`]: what HTTP servers share. [`reconfigure`]: reloads.
//! * [`console`]: the page in a browser, and its questions.
//! * [`doctor`]: what host, kernel and user allow, before anything starts.
//! * [`privilege`]: what the agent gives up once it has started.
//! * [`service`]: what systemd hears of the agent. [`status`]: what became of every packet and record. [`logging`]: the log.

pub mod cloud;
pub mod config;
#[expect(clippy::disallowed_types, reason = "edge: sockets")]
pub mod console;
#[expect(clippy::disallowed_types, reason = "edge: sockets")]
pub mod control;
pub mod devices;
pub mod doctor;
pub mod exports;
#[expect(clippy::disallowed_types, reason = "edge: sockets")]
pub mod ingest;
pub mod inspect;
pub mod logging;
pub mod mode;
pub mod plant;
pub mod privilege;
pub mod progress;
pub mod reconfigure;
pub mod records;
pub mod replay;
pub mod run;
pub mod service;
pub mod status;
pub mod stock;
pub mod stored;
pub mod text;
pub mod unread;
#[expect(clippy::disallowed_types, reason = "edge: sockets")]
pub mod web;

mod end;
mod host;
mod intake;
mod inventories;
mod signals;
