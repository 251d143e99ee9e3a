//! VPC and transit gateway flow logs of AWS in every form in which they are delivered: as text, a line a record; as text in
//! messages of CloudWatch, Kinesis and Firehose; as JSON; and as Parquet.
//!
//! * [`layout`]: which field stands where. [`record`]: a record into a flow. [`object`]: what the name of an object tells.
//! * [`reader`]: lines into records. [`envelopes`]: messages into lines; [`members`]: records whose values are members of a JSON object.
//! * [`table`]: records of a Parquet file.

pub mod envelopes;
pub mod layout;
mod members;
pub mod object;
pub mod reader;
pub mod record;
pub mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::{envelopes::Envelopes, layout::Layout, reader::Reader};
use super::{Log, flows::Flows, json::log::Json, lines::Lines};

/// An object under way, whatever form it has.
pub struct Object {
    object: Arc<str>,
    layout: Option<Layout>,
    /// Octets that do not tell the form: space.
    begun: Vec<u8>,
    form: Option<Form>,
}

enum Form {
    Text(Lines, Reader),
    Json(Box<Json<Envelopes>>),
}

/// Octets of space that an object may begin with.
const SPACE: usize = 64;

impl Object {
    /// The object `object`, whose lines have this layout unless they say another.
    pub fn new(object: Arc<str>, layout: Option<Layout>) -> Self {
        Self { object, layout, begun: Vec::new(), form: None }
    }

    fn form(&mut self, first: Option<&u8>) -> &mut Form {
        let Self { object, layout, form, .. } = self;
        form.get_or_insert_with(|| match first {
            Some(b'{' | b'[') => {
                Form::Json(Box::new(Json::new(Envelopes::new(object.clone(), layout.take()))))
            }
            _ => Form::Text(Lines::default(), Reader::new(object.clone(), layout.take())),
        })
    }
}

/// The first octet that is no space, byte-order mark included.
pub fn first(octets: &[u8]) -> Option<&u8> {
    octets.iter().find(|octet| !matches!(octet, b' ' | b'\t' | b'\r' | b'\n' | 0xef | 0xbb | 0xbf))
}

impl Log for Object {
    fn feed(&mut self, octets: &[u8], flows: &mut Flows) {
        if self.form.is_none() {
            let first = first(octets);
            if first.is_none() && self.begun.len() + octets.len() <= SPACE {
                return self.begun.extend_from_slice(octets);
            }
            self.form(first);
        }
        let begun = std::mem::take(&mut self.begun);
        let Some(form) = &mut self.form else { return };
        if !begun.is_empty() {
            form.feed(&begun, flows);
        }
        form.feed(octets, flows);
    }

    fn finish(&mut self, flows: &mut Flows) {
        let begun = std::mem::take(&mut self.begun);
        let form = self.form(None);
        form.feed(&begun, flows);
        form.finish(flows);
    }

    fn resume_at(&self) -> Option<u64> {
        match &self.form {
            Some(Form::Text(lines, _)) => Some(lines.octets()),
            Some(Form::Json(json)) => json.resume_at(),
            None => Some(0),
        }
    }
}

impl Log for Form {
    fn feed(&mut self, octets: &[u8], flows: &mut Flows) {
        match self {
            Self::Text(lines, reader) => {
                lines.feed(octets, |number, line| reader.line(number, line, flows));
            }
            Self::Json(json) => json.feed(octets, flows),
        }
    }

    fn finish(&mut self, flows: &mut Flows) {
        match self {
            Self::Text(lines, reader) => {
                lines.finish(|number, line| reader.line(number, line, flows));
                reader.tell_unknown(flows);
            }
            Self::Json(json) => json.finish(flows),
        }
    }
}
