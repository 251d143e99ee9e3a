//! What the decoder did with a datagram, set by set: for whoever compares it with another decoder.
//!
//! Off unless asked for ([`Options::keep_trace`](super::Options)), since it copies every record.

use std::ops::Range;

use crate::{
    batches::{Open, Pair},
    device::templates::KnownTemplate,
    ipfix,
    ledger::{Ledger, Skipped, SkippedOctets},
    netflow::v9,
    records::decode,
    template::{Dialect, Specifier, Template},
};

/// What became of a datagram.
#[derive(Debug, Default)]
pub struct Trace {
    /// Its sets in their order; behind a set of templates, those that have waited for them.
    pub sets: Vec<TracedSet>,
    /// Its octets that were not decoded.
    pub skipped: SkippedOctets,
    /// The set that is being read.
    open: Option<usize>,
}

/// What became of a set.
#[derive(Debug)]
pub struct TracedSet {
    /// Its number; none for the records of NetFlow 5 and 7, which come without one.
    pub id: Option<u16>,
    /// What it holds.
    pub kind: SetKind,
    /// True when it came in an earlier datagram and has waited for its template.
    pub late: bool,
    /// The templates in it.
    pub templates: Vec<Template>,
    /// Its records.
    pub records: Option<Records>,
    /// Its octets that were not decoded.
    pub skipped: SkippedOctets,
}

/// What a set holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetKind {
    /// Templates of flows.
    Templates,
    /// Templates of options.
    OptionsTemplates,
    /// Flows.
    Data,
    /// Records that tell of the device.
    Options,
    /// Records whose template is not known, or not yet.
    WithoutTemplate,
    /// Its number stands for nothing.
    Reserved,
}

/// The records of a set.
#[derive(Debug)]
pub struct Records {
    /// What they consist of.
    pub template: Template,
    /// Their octets.
    pub octets: Vec<Vec<u8>>,
    /// The rows that they became, by batch.
    pub rows: Vec<TracedRows>,
}

/// Rows of an open batch of NetFlow and IPFIX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedRows {
    /// Whether it is one of IPv6.
    pub v6: bool,
    /// Its number, see [`Batches::find`](crate::batches::Batches::find).
    pub batch: u64,
    /// Which of its rows.
    pub rows: Range<usize>,
}

impl Trace {
    /// Begins the set `id`.
    pub(super) fn open(&mut self, dialect: Dialect, id: u16) {
        let kind = match (dialect, id) {
            (Dialect::NetFlow9, v9::TEMPLATE_SET) | (Dialect::Ipfix, ipfix::TEMPLATE_SET) => {
                SetKind::Templates
            }
            (Dialect::NetFlow9, v9::OPTIONS_TEMPLATE_SET)
            | (Dialect::Ipfix, ipfix::OPTIONS_TEMPLATE_SET) => SetKind::OptionsTemplates,
            // Until its records show that there is one.
            (_, ipfix::FIRST_TEMPLATE..) => SetKind::WithoutTemplate,
            _ => SetKind::Reserved,
        };
        self.open = Some(self.sets.len());
        self.push(Some(id), kind, false);
    }

    /// Ends it; `skipped` is what was not decoded of it.
    pub(super) fn close(&mut self, skipped: SkippedOctets) {
        if let Some(set) = self.open.take().and_then(|open| self.sets.get_mut(open)) {
            set.skipped = skipped;
        }
    }

    /// A template in the open set.
    pub(super) fn template(&mut self, template: &Template) {
        if let Some(set) = self.open.and_then(|open| self.sets.get_mut(open)) {
            set.templates.push(template.clone());
        }
    }

    /// The records of `octets`, which `known` describes: of the open set, or of one that has waited. `rows` are those that
    /// they became.
    pub(super) fn records(&mut self, known: &KnownTemplate, octets: &[u8], rows: Vec<TracedRows>) {
        let template = &known.template;
        let mut anchors = Vec::new();
        let (mut found, mut end) = decode::records_of(known.plan(), octets, &mut anchors);
        decode::leave_padding(octets, &mut found, &mut end);
        let bounds = (0..found.len()).map(|row| found.bounds(row));
        let records = Records {
            template: template.clone(),
            octets: bounds.map(|(start, end)| octets[start..end].to_vec()).collect(),
            rows,
        };
        let is_open = |set: &&mut TracedSet| set.id == Some(template.id);
        let kind = if template.is_options() { SetKind::Options } else { SetKind::Data };
        let open = self.open.and_then(|open| self.sets.get_mut(open)).filter(is_open);
        let set = match open {
            Some(set) => set,
            None => self.push(Some(template.id), kind, true),
        };
        set.kind = kind;
        set.records = Some(records);
    }

    /// The records of a datagram of NetFlow 5 or 7.
    pub(super) fn fixed<const N: usize>(
        &mut self,
        version: u8,
        records: &[[u8; N]],
        rows: Vec<TracedRows>,
    ) {
        // Version 7 has the same fields, and a further address at the end.
        let more: &[(u16, u16)] = if version == 7 { &[(UNUSED, 4)] } else { &[] };
        let fields = FIXED.iter().chain(more);
        let specifiers = fields.map(|(element, length)| Specifier::iana(*element, *length));
        let template = Template { id: 0, scopes: 0, specifiers: specifiers.collect() };
        let octets = records.iter().map(|record| record.to_vec()).collect();
        let set = self.push(None, SetKind::Data, false);
        set.records = Some(Records { template, octets, rows });
    }

    fn push(&mut self, id: Option<u16>, kind: SetKind, late: bool) -> &mut TracedSet {
        let place = self.sets.len();
        self.sets.push(TracedSet {
            id,
            kind,
            late,
            templates: Vec::new(),
            records: None,
            skipped: SkippedOctets::default(),
        });
        &mut self.sets[place]
    }
}

/// Stands for octets that fill no column (`paddingOctets`).
pub const UNUSED: u16 = 210;

/// The records of NetFlow 5 as a template would have them: element and octets.
const FIXED: [(u16, u16); 20] = [
    (8, 4),  // source address
    (12, 4), // destination address
    (15, 4), // next hop
    (10, 2), // input
    (14, 2), // output
    (2, 4),  // packets
    (1, 4),  // octets
    (22, 4), // first
    (21, 4), // last
    (7, 2),  // source port
    (11, 2), // destination port
    (UNUSED, 1),
    (6, 1),  // TCP flags
    (4, 1),  // protocol
    (5, 1),  // type of service
    (16, 2), // source AS
    (17, 2), // destination AS
    (9, 1),  // source mask
    (13, 1), // destination mask
    (UNUSED, 2),
];

/// Family, number and rows of each batch that is open.
pub(super) fn lengths(pair: &Pair) -> Vec<(bool, u64, usize)> {
    let of = |v6, open: &Open| open.lengths().map(|(number, rows)| (v6, number, rows)).collect();
    let [v4, v6]: [Vec<_>; 2] = [of(false, &pair.v4), of(true, &pair.v6)];
    [v4, v6].concat()
}

/// The rows since they were as many as `before` says.
pub(super) fn since(before: &[(bool, u64, usize)], pair: &Pair) -> Vec<TracedRows> {
    let first = |v6, batch| {
        let known = before.iter().find(|(family, number, _)| (*family, *number) == (v6, batch));
        known.map_or(0, |(.., rows)| *rows)
    };
    let rows = lengths(pair).into_iter().map(|(v6, batch, end)| TracedRows {
        v6,
        batch,
        rows: first(v6, batch)..end,
    });
    rows.filter(|rows| !rows.rows.is_empty()).collect()
}

/// What `ledger` has skipped since it had skipped `before`.
pub(super) fn skipped_since(before: &SkippedOctets, ledger: &Ledger) -> SkippedOctets {
    let mut skipped = SkippedOctets::default();
    for reason in Skipped::ALL {
        skipped[reason] = ledger.skipped[reason].saturating_sub(before[reason]);
    }
    skipped
}
