//! VPC and transit gateway flow logs of AWS, and query logs of its resolvers, in every form in which they are delivered: as text, a line a record; as text in
//! messages of CloudWatch, Kinesis and Firehose; as JSON; and as Parquet.
//!
//! * [`layout`]: which field stands where. [`record`]: a record into a flow. [`object`]: what the name of an object tells.
//! * `ocsf`: the names and words of Security Lake.
//! * [`reader`]: lines into records. [`envelopes`]: messages into lines; `members`: records whose values are members of a JSON object.
//!   [`query`]: records of query logs.
//! * [`table`]: records of a Parquet file.

pub mod envelopes;
pub mod layout;
mod members;
pub mod object;
mod ocsf;
pub mod query;
#[cfg(test)]
mod query_tests;
pub mod reader;
pub mod record;
pub mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::{envelopes::Envelopes, layout::Layout, reader::Reader};
use super::{
    Log, columnar::MAGIC, flows::Flows, json::log::Json, ledger::Reason, lines::Lines, text::first,
};

/// An object under way, whatever form it has.
pub struct Object {
    object: Arc<str>,
    layout: Option<Layout>,
    /// Octets that do not tell the form: space, or very few.
    begun: Vec<u8>,
    form: Option<Form>,
}

enum Form {
    Text(Box<(Lines, Reader)>),
    Json(Box<Json<Envelopes>>),
    /// Whoever feeds it has overlooked that it is read from its end.
    Table(Box<Reader>),
}

/// Octets of space that an object may begin with.
const SPACE: usize = 64;

impl Object {
    /// The object `object`, whose lines have this layout unless they say another.
    pub fn new(object: Arc<str>, layout: Option<Layout>) -> Self {
        Self { object, layout, begun: Vec::new(), form: None }
    }

    fn form(&mut self, octets: &[u8]) -> &mut Form {
        let Self { object, layout, form, .. } = self;
        form.get_or_insert_with(|| match first(octets) {
            _ if octets.starts_with(&MAGIC) => {
                Form::Table(Box::new(Reader::new(object.clone(), None)))
            }
            Some(b'{' | b'[') => {
                Form::Json(Box::new(Json::new(Envelopes::new(object.clone(), layout.take()))))
            }
            _ => {
                let reader = Reader::new(object.clone(), layout.take());
                Form::Text(Box::new((Lines::default(), reader)))
            }
        })
    }
}

impl Log for Object {
    fn feed(&mut self, octets: &[u8], flows: &mut Flows) {
        if self.form.is_none() {
            // A few octets do not tell it, and neither does space.
            let is_short = self.begun.len() + octets.len() < MAGIC.len();
            let is_space = first(octets).is_none() && self.begun.len() + octets.len() <= SPACE;
            self.begun.extend_from_slice(octets);
            if is_short || is_space {
                return;
            }
            let begun = std::mem::take(&mut self.begun);
            return self.form(&begun).feed(&begun, flows);
        }
        if let Some(form) = &mut self.form {
            form.feed(octets, flows);
        }
    }

    fn finish(&mut self, flows: &mut Flows) {
        let begun = std::mem::take(&mut self.begun);
        let form = self.form(&begun);
        form.feed(&begun, flows);
        form.finish(flows);
    }

    fn resume_at(&self) -> Option<u64> {
        self.form.as_ref().map_or(Some(0), Log::resume_at)
    }
}

impl Log for Form {
    fn feed(&mut self, octets: &[u8], flows: &mut Flows) {
        match self {
            Self::Text(text) => {
                let (lines, reader) = &mut **text;
                lines.feed(octets, |number, line| reader.line(number, line, flows));
            }
            Self::Json(json) => json.feed(octets, flows),
            Self::Table(_) => {}
        }
    }

    fn finish(&mut self, flows: &mut Flows) {
        match self {
            Self::Text(text) => {
                let (lines, reader) = &mut **text;
                lines.finish(|number, line| reader.line(number, line, flows));
                reader.tell_unknown(flows);
            }
            Self::Json(json) => json.finish(flows),
            Self::Table(reader) => {
                let what = b"a Parquet file, which is not read as a stream";
                reader.error(Reason::Syntax, 1, what, flows);
            }
        }
    }

    fn resume_at(&self) -> Option<u64> {
        match self {
            Self::Text(text) => Some(text.0.octets()),
            Self::Json(json) => json.resume_at(),
            Self::Table(_) => None,
        }
    }
}
