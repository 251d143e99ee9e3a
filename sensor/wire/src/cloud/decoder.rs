//! An object of a flow log in any of the formats, octets in.

use std::sync::Arc;

use super::{
    Log,
    aws::{self, layout::Layout},
    azure,
    columnar::MAGIC,
    flows::Flows,
    format::Format,
    gcp, ibm,
    json::{log::Json, wrapped::Messages},
    oci,
};
pub use super::{
    aws::table::Table,
    columnar::{fault::Fault as TableFault, source::Seekable},
};

/// What a reader may know of a log beside its octets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// AWS: which field stands where, where no line says so.
    pub layout: Option<Layout>,
}

/// Whether an object in this format that begins with `octets` is read by [`Table`], since where its records stand is said at its end.
pub fn is_table(format: Format, octets: &[u8]) -> bool {
    format == Format::Aws && octets.starts_with(&MAGIC)
}

/// One object under way, read from its beginning to its end.
pub struct Decoder(Box<dyn Log + Send>);

impl Decoder {
    /// A decoder of the object called `object`, a path or key, in this format.
    pub fn new(format: Format, object: &str, hints: &Hints) -> Self {
        Self(match format {
            Format::Aws | Format::Route53 => {
                Box::new(aws::Object::new(Arc::from(object), hints.layout.clone()))
            }
            Format::Azure => Box::new(Json::new(azure::Blob::new(Arc::from(object)))),
            Format::AzureDns => Box::new(Json::new(azure::dns::Queries::new(Arc::from(object)))),
            Format::Ibm => Box::new(Json::new(ibm::State::new(Arc::from(object)))),
            Format::Gcp | Format::GcpDns => {
                Box::new(Json::new(Messages::<gcp::Entries>::new(Arc::from(object))))
            }
            Format::Oci => Box::new(Json::new(Messages::<oci::Events>::new(Arc::from(object)))),
        })
    }

    /// Takes the next octets.
    pub fn feed(&mut self, octets: &[u8], flows: &mut Flows) {
        self.0.feed(octets, flows);
    }

    /// The object is at its end.
    pub fn finish(&mut self, flows: &mut Flows) {
        self.0.finish(flows);
    }

    /// Octets of the object that are told for good, see [`Log::resume_at`].
    pub fn resume_at(&self) -> Option<u64> {
        self.0.resume_at()
    }
}
