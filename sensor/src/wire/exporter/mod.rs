//! What is known of the devices that export flows.
//!
//! * [`session`]: one stream of messages: templates, and sets that wait for them.
//! * [`sampling`]: how packets are sampled.
//! * [`connections`]: what firewalls have counted already.
//! * [`sequence`]: what got lost on the way.
//! * [`options`]: what options records tell. [`names`]: names in them, and in other records.
//! * [`device`]: all streams of one address.
//! * [`directory`]: all devices, and the memory that they may take.
//! * [`snapshot`]: all that a restart must not lose.

pub mod connections;
pub mod device;
pub mod directory;
pub mod names;
pub mod options;
pub mod relayed;
pub mod sampling;
pub mod sequence;
pub mod session;
pub mod snapshot;
