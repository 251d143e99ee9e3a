//! IPFIX (RFC 7011): flow records as messages that any collector can read.
//!
//! * [`elements`]: the information elements that are used here, by IANA number and length.
//! * `fields`: the fields that flow records may have, each with when and how it is written.
//! * [`template`]: flow templates, one for each shape of batch: what is told, and no more.
//! * `templates`: the flow templates of one session.
//! * [`options`]: the same for options templates: what the sensor reports about itself.
//! * [`shared`]: the same for what many flows share, as observation points.
//! * [`hits`]: the same for hits of policies.
//! * [`message`]: header and set framing, messages filled up to their size.
//! * [`encode`]: one transport session's state: sequence number, templates announced, messages in order.
//! * [`decode`]: messages taken apart again, record by record.

pub mod decode;
pub mod elements;
pub mod encode;
mod fields;
pub mod hits;
pub mod message;
pub mod options;
pub mod shared;
pub mod template;
mod templates;

#[cfg(test)]
mod tests;

/// Version number of the message header (RFC 7011 section 3.1).
pub const VERSION: u16 = 10;
/// Octets of the message header.
pub const MESSAGE_HEADER_LENGTH: usize = 16;
/// Octets of a set header (RFC 7011 section 3.3.2).
pub const SET_HEADER_LENGTH: usize = 4;
/// Set identifier of template sets.
pub const TEMPLATE_SET: u16 = 2;
/// Set identifier of options template sets.
pub const OPTIONS_TEMPLATE_SET: u16 = 3;
/// Lowest template identifier that a data set may have.
pub const FIRST_TEMPLATE: u16 = 256;
/// Length in a field specifier that says "each record tells" (RFC 7011 section 7).
pub const VARIABLE_LENGTH: u16 = u16::MAX;
