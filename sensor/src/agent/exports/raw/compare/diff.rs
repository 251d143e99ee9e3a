//! One datagram as our decoder and netflow_parser see it: set by set, record by record, field by field.

use sensor_core::flow::{batch::FlowBatch, elements};
use sensor_wire::{
    batches::Batches,
    decoder::trace::{self, Records, SetKind, Trace, TracedRows, TracedSet},
    ledger::{Skipped, SkippedOctets},
    records::fields::fields,
    template::{Specifier, Template},
};

use super::{
    super::{
        document::{Field, Message, Reading, Set, Template as TheirTemplate},
        values,
    },
    report::{Capture, Difference, Place, What},
    told::RowValues,
};

/// The comparison of a datagram.
pub struct Diff<'a, 'b, F> {
    /// Which datagram.
    pub place: Place,
    /// The rows that it became.
    pub batches: &'b Batches,
    /// What is counted.
    pub capture: &'a mut Capture,
    /// Who is told of differences.
    pub found: &'a mut F,
}

impl<'b, F: FnMut(Difference)> Diff<'_, 'b, F> {
    fn differ(&mut self, place: &Place, what: What, ours: &impl ToString, theirs: &impl ToString) {
        self.capture.differences += 1;
        (self.found)(Difference::new(place.clone(), what, ours.to_string(), theirs.to_string()));
    }

    /// Compares `trace` with `reading`.
    pub fn datagram(&mut self, trace: &Trace, reading: &Reading) {
        let place = self.place.clone();
        self.capture.undecoded_octets += reading.undecoded_octets as u64;
        let faults = faults(&trace.skipped);
        let is_whole = reading.fault.is_none() && reading.undecoded_octets == 0;
        if faults.is_empty() != is_whole {
            let octets = |octets: usize| format!("{octets} octets");
            let ours = if faults.is_empty() { octets(0) } else { faults.join(", ") };
            let theirs = match &reading.fault {
                None => octets(reading.undecoded_octets),
                Some(fault) => format!("{}: {fault}", octets(reading.undecoded_octets)),
            };
            self.differ(&place, What::Undecoded, &ours, &theirs);
        }
        for late in trace.sets.iter().filter(|set| set.late) {
            let records = late.records.as_ref().map_or(0, |records| records.octets.len());
            if records != 0 {
                let place = Place { set_id: late.id, ..place.clone() };
                self.differ(&place, What::Late, &records, &0);
            }
        }
        let ours: Vec<&TracedSet> = trace.sets.iter().filter(|set| !set.late).collect();
        let theirs: Vec<(&Message, &Set)> = reading
            .messages
            .iter()
            .flat_map(|message| message.sets.iter().map(move |set| (message, set)))
            .collect();
        if ours.len() != theirs.len() {
            self.differ(&place, What::Sets, &ours.len(), &theirs.len());
        }
        for (number, (ours, (message, theirs))) in (1..).zip(ours.iter().zip(&theirs)) {
            let place = Place { set: Some(number), set_id: ours.id, ..place.clone() };
            if ours.id != theirs.id {
                let shown = |id: Option<u16>| id.map_or_else(String::new, |id| id.to_string());
                self.differ(&place, What::SetId, &shown(ours.id), &shown(theirs.id));
                // What stands behind is compared with something else.
                return;
            }
            self.capture.sets += 1;
            self.set(&place, message, ours, theirs);
        }
    }

    fn set(&mut self, place: &Place, message: &Message, ours: &TracedSet, theirs: &Set) {
        let kind = kind_of(ours.kind);
        if kind != theirs.kind {
            // Both found nothing to read in it; it may withdraw templates.
            let holds_nothing = ours.templates.is_empty() && ours.records.is_none();
            if !(holds_nothing && theirs.kind == EMPTY && kind != kind_of(SetKind::WithoutTemplate))
            {
                self.differ(place, What::Kind, &kind, &theirs.kind);
            }
            return;
        }
        let [ids, their_ids] = [
            ids(ours.templates.iter().map(|template| template.id)),
            ids(theirs.templates.iter().map(|template| template.id)),
        ];
        if ids != their_ids {
            self.differ(place, What::Templates, &ids, &their_ids);
        } else {
            for (ours, theirs) in ours.templates.iter().zip(&theirs.templates) {
                self.template(place, ours, theirs);
            }
        }
        let none = Vec::new();
        let octets = ours.records.as_ref().map_or(&none, |records| &records.octets);
        if octets.len() != theirs.records.len() {
            self.differ(place, What::Records, &octets.len(), &theirs.records.len());
        }
        let Some(records) = &ours.records else { return };
        let rows = self.rows_of(records, &ours.skipped);
        let told = RowValues::new(&records.template, message);
        for (at, (octets, theirs)) in octets.iter().zip(&theirs.records).enumerate() {
            let place = Place { record: Some(at as u64 + 1), ..place.clone() };
            self.capture.records += 1;
            let row = rows.map(|(batch, first)| (batch, first + at));
            self.record(&place, &records.template, octets, theirs, &told, row);
        }
    }

    /// The batch that has a row for each of the records in their order, and its first row.
    fn rows_of(
        &self,
        records: &Records,
        skipped: &SkippedOctets,
    ) -> Option<(&'b FlowBatch, usize)> {
        // Records that made no row are among the others.
        let left_out = [Skipped::NoFlow, Skipped::Event, Skipped::NonIp, Skipped::FrameMalformed];
        if left_out.iter().any(|reason| skipped[*reason] != 0) {
            return None;
        }
        // Of several, nobody knows which is whose.
        let [TracedRows { v6, batch, rows }] = &records.rows[..] else { return None };
        let batch = self.batches.find(*v6, *batch)?;
        // Rows of the way back stand behind all others.
        (rows.len() >= records.octets.len()).then_some((batch, rows.start))
    }

    fn template(&mut self, place: &Place, ours: &Template, theirs: &TheirTemplate) {
        // Fields without octets say nothing, and are left out of ours.
        let wanted = ours.specifiers.iter().map(|specifier| {
            let enterprise = match specifier.enterprise {
                0 | Specifier::SCOPE => None,
                enterprise => Some(enterprise),
            };
            (specifier.element, enterprise, specifier.length)
        });
        let found = theirs
            .fields
            .iter()
            .filter(|field| field.length != 0)
            .map(|field| (field.element, field.enterprise, field.length));
        let (wanted, found): (Vec<_>, Vec<_>) = (wanted.collect(), found.collect());
        if wanted != found {
            let shown = |fields: &[(u16, Option<u32>, u16)]| {
                let one = |(element, enterprise, length): &(u16, Option<u32>, u16)| {
                    let enterprise =
                        enterprise.map_or_else(String::new, |number| format!("{number}:"));
                    format!("{enterprise}{element}/{length}")
                };
                let fields: Vec<String> = fields.iter().map(one).collect();
                format!("{}: {}", ours.id, fields.join(" "))
            };
            self.differ(place, What::Template, &shown(&wanted), &shown(&found));
        }
    }

    fn record(
        &mut self,
        place: &Place,
        template: &Template,
        octets: &[u8],
        theirs: &[Field],
        told: &RowValues<'_>,
        row: Option<(&FlowBatch, usize)>,
    ) {
        let is_fixed = place.set_id.is_none();
        let ours: Vec<(usize, &Specifier, &[u8])> = fields(template, octets)
            .enumerate()
            .map(|(at, (specifier, octets))| (at, specifier, octets))
            // The crate keeps what fills the records of NetFlow 5 and 7 up to itself.
            .filter(|(_, specifier, _)| !(is_fixed && specifier.element == trace::UNUSED))
            .collect();
        // Fields without octets say nothing, and are left out of ours.
        let is_as_long = ours.len() == theirs.len();
        let theirs: Vec<&Field> =
            theirs.iter().filter(|field| is_as_long || !field.octets.is_empty()).collect();
        if ours.len() != theirs.len() {
            self.differ(place, What::Fields, &ours.len(), &theirs.len());
        }
        for ((at, specifier, octets), theirs) in ours.into_iter().zip(theirs) {
            self.capture.fields += 1;
            let place = || Place { field: Some(theirs.name.clone()), ..place.clone() };
            if octets != theirs.octets {
                let ours = shown(specifier, octets);
                let theirs = shown(specifier, &theirs.octets);
                self.differ(&place(), What::Value, &ours, &theirs);
                continue;
            }
            let Some((batch, row)) = row else { continue };
            let Some((flow, record)) = told.of(at, octets, batch, row) else { continue };
            self.capture.flow_values += 1;
            if flow != record {
                self.differ(&place(), What::Flow, &flow, &record);
            }
        }
    }
}

/// The number of the sets of `trace`, and of their records, for people.
pub fn sets_and_records(trace: &Trace) -> String {
    let records = trace.sets.iter().filter_map(|set| set.records.as_ref());
    let records: usize = records.map(|records| records.octets.len()).sum();
    format!("{} sets, {records} records", trace.sets.len())
}

/// The octets that could not be decoded, with the reason. Where a template is missing, or records tell of no flow, both
/// decoders know where sets and records are.
fn faults(skipped: &SkippedOctets) -> Vec<String> {
    let known = [
        Skipped::UnknownTemplate,
        Skipped::NoFlow,
        Skipped::Event,
        Skipped::NonIp,
        Skipped::FrameMalformed,
        Skipped::SetReserved,
    ];
    Skipped::ALL
        .into_iter()
        .filter(|reason| skipped[*reason] != 0 && !known.contains(reason))
        .map(|reason| format!("{} octets: {reason}", skipped[reason]))
        .collect()
}

/// A set that holds nothing, as netflow_parser has it.
const EMPTY: &str = "empty";

/// As `Set::kind` has it.
fn kind_of(kind: SetKind) -> &'static str {
    match kind {
        SetKind::Templates => "templates",
        SetKind::OptionsTemplates => "options templates",
        SetKind::Data => "data",
        SetKind::Options => "options",
        SetKind::WithoutTemplate => "data without template",
        SetKind::Reserved => "reserved",
    }
}

fn ids(ids: impl Iterator<Item = u16>) -> String {
    ids.map(|id| id.to_string()).collect::<Vec<_>>().join(" ")
}

fn shown(specifier: &Specifier, octets: &[u8]) -> String {
    match values::value(specifier, octets) {
        // Texts and octets that are no number.
        serde_json::Value::String(text) if elements::name(specifier.element).is_none() => {
            format!("0x{text}")
        }
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}
