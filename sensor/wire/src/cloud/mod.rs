//! Flow logs of clouds: octets of log objects in, batches of flow records out.
//!
//! * [`mod@format`]: which format an object has, by its first octets. [`decoder`]: an object in any of them; what the readers of
//!   files and buckets call.
//! * [`record`]: a flow as a log tells it. [`flows`]: the batches being filled, and one row's worth of them: what every provider's module writes to. [`names`]: texts
//!   and observation points, numbered. [`double`]: what is logged more than once.
//! * [`ledger`]: what became of every record, by source. [`lines`]: lines of any length in bounded memory.
//!   [`text`]: numbers and addresses out of octets.
//! * [`aws`]: VPC and transit gateway flow logs as text.
//!
//! A provider is a module here: a type that implements [`Log`], a row in [`format::Format`], and an arm in
//! [`decoder::Decoder::new`].

pub mod aws;
pub mod decoder;
pub mod double;
pub mod flows;
pub mod format;
pub mod ledger;
pub mod lines;
pub mod names;
pub mod record;
#[cfg(test)]
mod tests;
pub mod text;

use self::flows::Flows;

/// One object of a flow log, decoded piece by piece.
pub trait Log {
    /// Takes the next octets of the object, however it is cut. What is begun waits, in bounded memory.
    fn feed(&mut self, octets: &[u8], flows: &mut Flows);

    /// The object is at its end.
    fn finish(&mut self, flows: &mut Flows);
}
