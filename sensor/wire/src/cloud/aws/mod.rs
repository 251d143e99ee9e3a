//! VPC and transit gateway flow logs of AWS as text: a line a record, values separated by spaces, often behind a line that names
//! the fields.
//!
//! * [`layout`]: which field stands where. [`record`]: a line into a flow. [`object`]: what the name of an object tells.

pub mod layout;
pub mod object;
pub mod record;

use std::sync::Arc;

use self::{layout::Layout, object::ObjectName, record::Outcome};
use super::{
    Log,
    flows::Flows,
    ledger::Reason,
    lines::{Line, Lines},
};

/// An object under way.
pub struct Text {
    lines: Lines,
    state: State,
}

struct State {
    object: Arc<str>,
    name: ObjectName,
    /// The source of lines that do not tell it.
    source: Option<u32>,
    /// The layout of the lines to come.
    layout: Option<Layout>,
    /// The line that said so.
    heading: Vec<u8>,
    /// Values of unknown fields in this object, by number.
    unknown: Vec<u64>,
}

impl Text {
    /// The object `object`, whose lines have this layout unless they say another.
    pub fn new(object: Arc<str>, layout: Option<Layout>) -> Self {
        let name = ObjectName::of(&object);
        let unknown = layout.as_ref().map_or(0, |layout| layout.unknown().len());
        Self {
            lines: Lines::default(),
            state: State {
                object,
                name,
                source: None,
                layout,
                heading: Vec::new(),
                unknown: vec![0; unknown],
            },
        }
    }
}

impl Log for Text {
    fn feed(&mut self, octets: &[u8], flows: &mut Flows) {
        let Self { lines, state } = self;
        lines.feed(octets, |number, line| state.line(number, line, flows));
    }

    fn finish(&mut self, flows: &mut Flows) {
        let Self { lines, state } = self;
        lines.finish(|number, line| state.line(number, line, flows));
        state.tell_unknown(flows);
    }
}

impl State {
    #[inline(always)]
    fn line(&mut self, number: u64, line: Line<'_>, flows: &mut Flows) {
        let Line::Whole(line) = line else {
            return self.error(Reason::TooLong, number, b"", flows);
        };
        match line.first() {
            // The names of fields begin with letters, and few values do.
            Some(b'0'..=b'9' | b'-') if self.layout.is_some() => {}
            _ => {
                if self.is_heading(line, flows) {
                    return;
                }
            }
        }
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let Self { object, name, layout, unknown, .. } = self;
        let Some(layout) = layout else {
            return self.error(Reason::Layout, number, line, flows);
        };
        flows.begin();
        let (account, log) = (name.account.as_str(), name.log.as_str());
        match record::read(layout, line, (account, log), unknown, flows) {
            Outcome::Flow(source) => flows.end(source),
            Outcome::Window(source, window) => flows.ledger(source).window(window),
            Outcome::Error(reason, what) => {
                let source = source(&mut self.source, name, flows);
                flows.ledger(source).error(reason, object, number, what);
            }
        }
    }

    /// Takes a line that is no record: empty, or the names of the fields.
    #[cold]
    fn is_heading(&mut self, line: &[u8], flows: &mut Flows) -> bool {
        let plain = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let is_empty = plain.iter().all(|octet| *octet == b' ');
        // Members of a concatenated object repeat it.
        let is_known = !self.heading.is_empty() && *plain == *self.heading;
        let mut counts = is_empty || is_known;
        if !counts && let Some(layout) = Layout::of_heading(plain) {
            self.tell_unknown(flows);
            self.unknown = vec![0; layout.unknown().len()];
            (self.layout, self.heading) = (Some(layout), plain.to_vec());
            counts = true;
        } else if !counts && self.layout.is_none() {
            // Without names, and without anybody who told: the default.
            self.layout = Layout::of_record(plain);
        }
        if counts {
            let source = source(&mut self.source, &self.name, flows);
            flows.ledger(source).headings += 1;
        }
        counts
    }

    #[cold]
    fn error(&mut self, reason: Reason, number: u64, what: &[u8], flows: &mut Flows) {
        let source = source(&mut self.source, &self.name, flows);
        flows.ledger(source).error(reason, &self.object, number, what);
    }

    /// Enters the unknown fields in the account of the object's source.
    fn tell_unknown(&mut self, flows: &mut Flows) {
        let Some(layout) = &self.layout else { return };
        let source = source(&mut self.source, &self.name, flows);
        for (name, count) in layout.unknown().iter().zip(&mut self.unknown) {
            flows.ledger(source).unknown(name, std::mem::take(count));
        }
    }
}

/// The source of what tells no account.
fn source(known: &mut Option<u32>, name: &ObjectName, flows: &mut Flows) -> u32 {
    *known.get_or_insert_with(|| flows.source(&name.account, &name.log))
}
