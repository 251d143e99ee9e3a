//! DNS records in columns. Texts stand one behind the other in one allocation, and a row has their places; so a batch costs a few
//! allocations however many records it has.

use std::{net::IpAddr, ops::Range, sync::Arc};

use super::{
    DnsSource,
    codes::{CLASSES, RESPONSE_CODES, Registry, TYPES},
    name::Parts,
    record::{Code, DnsRecord},
};
use crate::flow::{device::Device, fields::DnsText, lot::LotPart, point::Points};

/// Rows of a batch that is full.
const ROWS: usize = 4096;
/// Octets of the texts of one that is full.
const OCTETS: usize = 2 << 20;
/// Answers that are kept of a record; the others are counted.
pub const ANSWERS: usize = 64;

/// A place among the texts; nothing is told where it is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    length: u32,
}

/// A number as its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CodeName {
    /// One of IANA's.
    Listed(&'static str),
    /// Another text, or none.
    Other(Span),
}

/// A record of an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub kind: CodeName,
    pub class: CodeName,
    pub data: Span,
}

/// Declares the columns, and what is done to all of them.
macro_rules! columns {
    ($($(#[$doc:meta])* $column:ident: $type:ty,)*) => {
        #[derive(Clone, Debug, Default)]
        pub(super) struct Columns {
            $($(#[$doc])* pub $column: Vec<$type>,)*
        }

        struct Cells {
            $($column: $type,)*
        }

        impl Columns {
            fn push(&mut self, cells: Cells) {
                $(self.$column.push(cells.$column);)*
            }

            fn keep(&mut self, rows: &[usize]) {
                $(self.$column = rows.iter().map(|row| self.$column[*row]).collect();)*
            }

            fn clear(&mut self) {
                $(self.$column.clear();)*
            }
        }
    };
}

columns! {
    /// Who observed it.
    source: DnsSource,
    /// When it was asked, milliseconds since the epoch.
    time: u64,
    /// Who asked.
    client: Option<IpAddr>,
    /// From which port.
    client_port: Option<u16>,
    /// Who was asked.
    server: Option<IpAddr>,
    /// The name.
    name: Span,
    /// Where its parts are.
    parts: Parts,
    /// Type of the query.
    query_type: CodeName,
    /// Class of the query.
    query_class: CodeName,
    /// Code of the response.
    response_code: CodeName,
    /// Records of the answer.
    answer_count: Option<u64>,
    /// Those that are kept: the first, and the one behind the last.
    answers: (u32, u32),
    /// Whether whoever answered has authority.
    authoritative: Option<bool>,
    /// Texts, by `DnsText`.
    texts: [Span; DnsText::COUNT],
    /// Source, by its place in the devices of the batch.
    device: u32,
    /// Observation point, by number.
    point: u32,
}

/// DNS records in columns.
#[derive(Clone, Debug, Default)]
pub struct DnsBatch {
    pub(super) columns: Columns,
    texts: String,
    pub(super) answers: Vec<Answer>,
    /// Sources of the records.
    pub devices: Vec<Arc<Device>>,
    /// Observation points, by number.
    pub points: Arc<Points>,
    /// Which part of a lot this is, of a source that is read in lots.
    pub lot: Option<Box<LotPart>>,
}

impl DnsBatch {
    /// How many records there are.
    pub fn len(&self) -> usize {
        self.columns.time.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.columns.time.is_empty()
    }

    /// Whether it is large enough to be handed on.
    pub fn is_full(&self) -> bool {
        self.len() >= ROWS || self.texts.len() >= OCTETS
    }

    /// Appends a record.
    pub fn push(&mut self, record: &DnsRecord<'_>) {
        let first = self.answers.len() as u32;
        for answer in record.answers.iter().take(ANSWERS) {
            let kind = self.code(&TYPES, answer.kind);
            let class = self.code(&CLASSES, answer.class);
            let data = self.text(answer.data);
            self.answers.push(Answer { kind, class, data });
        }
        let cells = Cells {
            source: record.source,
            time: record.time,
            client: record.client,
            client_port: record.client_port,
            server: record.server,
            name: self.text(record.name.text()),
            parts: *record.name.parts(),
            query_type: self.code(&TYPES, record.query_type),
            query_class: self.code(&CLASSES, record.query_class),
            response_code: self.code(&RESPONSE_CODES, record.response_code),
            answer_count: record.answer_count,
            answers: (first, self.answers.len() as u32),
            authoritative: record.authoritative,
            texts: record.texts.map(|text| self.text(text)),
            device: record.device,
            point: record.point,
        };
        self.columns.push(cells);
    }

    fn text(&mut self, text: &str) -> Span {
        let (start, length) = (self.texts.len(), text.len());
        // A batch is full long before, unless one record brings all that.
        let (Ok(start), Ok(length)) = (u32::try_from(start), u32::try_from(length)) else {
            return Span::default();
        };
        self.texts.push_str(text);
        Span { start, length }
    }

    fn code(&mut self, registry: &Registry, code: Code<'_>) -> CodeName {
        let number = match code {
            Code::Absent => return CodeName::Other(Span::default()),
            Code::Number(number) => number,
            Code::Text(text) => match registry.number(text) {
                Some(number) => number,
                None => return CodeName::Other(self.text(text)),
            },
        };
        match registry.name(number) {
            Some(name) => CodeName::Listed(name),
            None => CodeName::Other(self.text(&registry.unnamed(number))),
        }
    }

    /// The text at a place; none where nothing is told.
    pub(super) fn at(&self, span: Span) -> Option<&str> {
        let Range { start, end } = span.start as usize..span.start as usize + span.length as usize;
        self.texts.get(start..end).filter(|text| !text.is_empty())
    }

    pub(super) fn code_at(&self, code: CodeName) -> Option<&str> {
        match code {
            CodeName::Listed(name) => Some(name),
            CodeName::Other(span) => self.at(span),
        }
    }

    /// When each was asked, milliseconds since the epoch.
    pub fn times(&self) -> &[u64] {
        &self.columns.time
    }

    /// The source of each, by its place in [`Self::devices`].
    pub fn sources(&self) -> &[u32] {
        &self.columns.device
    }

    /// The same, for whoever fills the batch.
    pub fn sources_mut(&mut self) -> &mut [u32] {
        &mut self.columns.device
    }

    /// Keeps these rows, in this order.
    pub fn keep(&mut self, rows: &[usize]) {
        self.columns.keep(rows);
    }

    /// Takes all rows out.
    pub fn clear(&mut self) {
        self.columns.clear();
        self.texts.clear();
        self.answers.clear();
    }
}
