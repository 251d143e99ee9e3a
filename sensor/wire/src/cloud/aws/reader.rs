//! Lines of one object, or of one log of an envelope, into flows: which layout they have, and where they come from.

use std::sync::Arc;

use super::{
    layout::Layout,
    object::ObjectName,
    record::{self, Outcome},
};
use crate::cloud::{flows::Flows, ledger::Reason, lines::Line, text::find};

/// Who reads lines.
pub struct Reader {
    /// The object.
    pub object: Arc<str>,
    /// Account and log of lines that do not tell them.
    name: ObjectName,
    /// The source of lines that do not tell it.
    source: Option<u32>,
    /// The layout of the lines to come.
    layout: Option<Layout>,
    /// The line that said so.
    heading: Vec<u8>,
    /// Values of unknown fields so far, by number.
    unknown: Vec<u64>,
}

impl Reader {
    /// One of an object, whose lines have this layout unless they say another.
    pub fn new(object: Arc<str>, layout: Option<Layout>) -> Self {
        let unknown = layout.as_ref().map_or(0, |layout| layout.unknown().len());
        Self {
            name: ObjectName::of(&object),
            object,
            source: None,
            layout,
            heading: Vec::new(),
            unknown: vec![0; unknown],
        }
    }

    /// Lines of another log follow, which have this layout unless they say another.
    pub fn turn_to(&mut self, name: ObjectName, layout: Option<Layout>, flows: &mut Flows) {
        self.tell_unknown(flows);
        self.unknown = vec![0; layout.as_ref().map_or(0, |layout| layout.unknown().len())];
        (self.layout, self.heading, self.source) = (layout, Vec::new(), None);
        self.name = name;
    }

    /// Account and log of what does not tell them.
    pub fn own(&self) -> (&str, &str) {
        (&self.name.account, &self.name.log)
    }

    /// The source of what does not tell it.
    pub fn source(&mut self, flows: &mut Flows) -> u32 {
        source(&mut self.source, &self.name, flows)
    }

    /// Takes a line.
    #[inline(always)]
    pub fn line(&mut self, number: u64, line: Line<'_>, flows: &mut Flows) {
        let Line::Whole(line) = line else {
            return self.error(Reason::TooLong, number, b"", flows);
        };
        let line = behind_time(line);
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
                flows.ledger(source).error(reason, object, number, &what.octets());
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

    /// Counts a record that became nothing.
    #[cold]
    pub fn error(&mut self, reason: Reason, number: u64, what: &[u8], flows: &mut Flows) {
        let source = source(&mut self.source, &self.name, flows);
        flows.ledger(source).error(reason, &self.object, number, what);
    }

    /// Enters the unknown fields in the account of the object's source.
    pub fn tell_unknown(&mut self, flows: &mut Flows) {
        let Some(layout) = self.layout.as_ref().filter(|layout| !layout.unknown().is_empty())
        else {
            return;
        };
        let source = source(&mut self.source, &self.name, flows);
        for (name, count) in layout.unknown().iter().zip(&mut self.unknown) {
            flows.ledger(source).unknown(name, std::mem::take(count));
        }
    }
}

/// A line without the time that exports of CloudWatch put before it: `2026-01-31T23:59:59.000Z 2 123456789012 ...`.
#[inline(always)]
pub fn behind_time(line: &[u8]) -> &[u8] {
    match line {
        [_, _, _, _, b'-', _, _, b'-', _, _, b'T', rest @ ..] => {
            let end = find(rest, b' ').map_or(rest.len(), |end| end + 1);
            &rest[end..]
        }
        line => line,
    }
}

/// The source of what tells no account.
fn source(known: &mut Option<u32>, name: &ObjectName, flows: &mut Flows) -> u32 {
    *known.get_or_insert_with(|| flows.source(&name.account, &name.log))
}
