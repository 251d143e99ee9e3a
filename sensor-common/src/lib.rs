//! What crosses the kernel border, and the one packet header parser.
//!
//! Everything here runs in three places: in the XDP and tc programs, in the agent, and in tests on any machine.
//! So it is `no_std`, has no dependency, and allocates nothing.
//!
//! * [`packet`]: Ethernet frame in, [`packet::Headers`] out, generic over where the bytes come from.
//! * [`key`]: what makes two packets belong to one flow, packed into a few machine words.
//! * [`table`]: a slot of the flow tables and how it absorbs a packet.
//! * [`tcp`]: TCP flags of a flow and of its first packet.
//! * [`segments`]: what a super-packet becomes on the wire.
//! * [`ledger`]: the counters by which every packet is accounted for.
//! * [`crossing`]: what crossed each interface, to be compared with what the interface itself counts.
//! * [`books`]: ledgers and crossings of a CPU in one piece.
//! * [`layout`]: where the slots of a CPU and a generation lie, and the names of the maps.

#![no_std]

pub mod books;
pub mod crossing;
pub mod key;
pub mod layout;
pub mod ledger;
pub mod packet;
pub mod segments;
pub mod table;
pub mod tcp;
