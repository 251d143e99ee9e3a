//! Flow logs of clouds, and logs of their DNS resolvers: octets of log objects in, batches of records out.
//!
//! * [`mod@format`]: which format an object has, by its first octets. [`decoder`]: an object in any of them; what the readers of
//!   files and buckets call.
//! * [`record`]: a flow as a log tells it. [`flows`]: the batches being filled, and one row's worth of them: what every provider's module writes to. [`names`]: texts
//!   and observation points, numbered. [`double`]: what is logged more than once.
//! * [`ledger`]: what became of every record, by source. [`lines`]: lines of any length in bounded memory.
//!   [`text`]: numbers and addresses out of octets.
//!   [`dns`]: what DNS records of all clouds have in common.
//!   [`underway`]: flows that are told several times. [`both`]: records that tell both directions of a flow.
//! * [`json`]: what the formats in JSON share: octets into records, and their members. [`columnar`]: columns of Parquet files.
//! * [`aws`]: VPC and transit gateway flow logs as text, in the envelopes of CloudWatch, Kinesis and Firehose, and as Parquet;
//!   query logs of resolvers in the same envelopes. [`azure`]: flow logs of network security groups and virtual networks.
//!   [`ibm`]: VPC flow logs. [`gcp`]: these, and query logs of Cloud DNS. [`oci`]: VCN flow logs.
//!
//! A provider is a module here: a type that implements [`Log`], a row in [`format::Format`], and an arm in
//! [`decoder::Decoder::new`].

pub mod aws;
pub mod azure;
pub mod both;
pub mod columnar;
pub mod decoder;
pub mod dns;
pub mod double;
pub mod flows;
pub mod format;
pub mod gcp;
pub mod ibm;
pub mod json;
pub mod ledger;
pub mod lines;
pub mod names;
pub mod oci;
pub mod record;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod text;
pub mod underway;

use self::flows::Flows;

/// One object of a flow log, decoded piece by piece.
pub trait Log {
    /// Takes the next octets of the object, however it is cut. What is begun waits, in bounded memory.
    fn feed(&mut self, octets: &[u8], flows: &mut Flows);

    /// The object is at its end.
    fn finish(&mut self, flows: &mut Flows);

    /// Octets from the beginning of the object that are told for good: what is appended behind them later, in place of what
    /// follows now, changes nothing about the records so far, and nothing has been told of what follows. None where an object of
    /// this format is told as a whole. For objects that grow while they are followed.
    fn resume_at(&self) -> Option<u64> {
        None
    }
}
