//! What is known of the devices that export flows.
//!
//! * [`session`]: one stream of messages. [`templates`]: its templates. [`waiting`]: sets that wait for them.
//! * [`succession`]: whose templates serve a stream that has told none. [`streams`]: all streams of one address.
//! * [`sampling`]: how packets are sampled.
//! * [`clock`]: how far its clock is from ours.
//! * [`connections`]: what firewalls have counted already.
//! * [`totals`]: what flows that live have counted.
//! * [`sequence`]: what got lost in transit.
//! * [`options`]: what options records tell. [`names`]: names in them, and in other records.
//! * [`who`]: by what a device is known. [`profile`]: what is configured for it. [`state`]: all that is known of it.
//! * [`directory`]: all devices, and the memory that they may take. [`room`]: who goes when there is none left.
//! * [`table`]: where devices, streams and templates are looked up.
//! * [`snapshot`]: all that a restart must not lose.

pub mod clock;
pub mod connections;
pub mod directory;
pub mod names;
pub mod options;
pub mod profile;
pub mod relayed;
pub mod room;
pub mod sampling;
pub mod sequence;
pub mod session;
pub mod shared;
pub mod snapshot;
pub mod state;
pub mod streams;
pub mod succession;
pub mod table;
pub mod templates;
pub mod totals;
pub mod waiting;
pub mod who;
