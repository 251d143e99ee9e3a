//! What was compared, and what differs.

use std::{
    fmt::{self, Write as _},
    path::Path,
};

use sensor_wire::ledger::{Skipped, SkippedOctets};
use serde::{Serialize, Serializer, ser::SerializeSeq as _};

/// Differences that are listed; the others are counted.
const MOST_LISTED: usize = 1000;

/// All files.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// One for each file.
    pub captures: Vec<Capture>,
    /// The first differences.
    pub differences: Vec<Difference>,
    /// How many more there are.
    pub unlisted: u64,
}

/// A file.
#[derive(Debug, Default, Serialize)]
pub struct Capture {
    /// Its name.
    pub file: String,
    /// Datagrams in it.
    pub datagrams: u64,
    /// Those of sFlow, which netflow_parser does not read.
    pub sflow: u64,
    /// Sets that both found.
    pub sets: u64,
    /// Records that both found in them.
    pub records: u64,
    /// Fields that both found in these.
    pub fields: u64,
    /// Of these, those that the row of a flow was held against as well.
    pub flow_values: u64,
    /// Octets that we did not decode, by reason.
    #[serde(serialize_with = "skipped")]
    pub skipped: SkippedOctets,
    /// Octets that netflow_parser did not decode.
    pub undecoded_octets: u64,
    /// Where they differ.
    pub differences: u64,
}

impl Capture {
    /// Of the file at `path`, of which nothing has been read.
    pub fn new(path: &Path) -> Self {
        Self { file: path.display().to_string(), ..Self::default() }
    }
}

#[derive(Serialize)]
struct Skip {
    reason: &'static str,
    octets: u64,
}

fn reasons(skipped: &SkippedOctets) -> impl Iterator<Item = Skip> {
    Skipped::ALL
        .into_iter()
        .map(|reason| Skip { reason: reason.name(), octets: skipped[reason] })
        .filter(|skip| skip.octets != 0)
}

fn skipped<S: Serializer>(octets: &SkippedOctets, serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(None)?;
    for skip in reasons(octets) {
        list.serialize_element(&skip)?;
    }
    list.end()
}

/// Where two decoders differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Number of the datagram in its file, from 1.
    pub datagram: u64,
    /// Number of the set in its datagram, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<u64>,
    /// The set's identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_id: Option<u16>,
    /// Number of the record in its set, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    /// The field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// In what they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// netflow_parser gave no answer.
    Refused,
    /// Octets that were not decoded.
    Undecoded,
    /// Records that came before their template, and that we decode when it comes.
    Late,
    /// The number of sets.
    Sets,
    /// The identifier of a set.
    SetId,
    /// What a set holds.
    Kind,
    /// The identifiers of the templates in a set.
    Templates,
    /// The fields of a template.
    Template,
    /// The number of records in a set.
    Records,
    /// The number of fields in a record.
    Fields,
    /// The octets of a field.
    Value,
    /// What the flow says of a field that both have read alike.
    Flow,
}

impl What {
    /// For people, in front of both values; of values, the field's name says it.
    fn words(self) -> &'static str {
        match self {
            Self::Refused => "no answer",
            Self::Undecoded => "not decoded",
            Self::Late => "records decoded when their template came",
            Self::Sets => "sets",
            Self::SetId => "set identifier",
            Self::Kind => "kind of set",
            Self::Templates => "templates",
            Self::Template => "fields of the template",
            Self::Records => "records",
            Self::Fields => "fields",
            Self::Value => "value",
            Self::Flow => "value in the flow",
        }
    }
}

/// A difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The file.
    pub file: String,
    /// Where in it.
    #[serde(flatten)]
    pub place: Place,
    /// In what.
    pub what: What,
    /// What we found.
    pub ours: String,
    /// What netflow_parser found.
    pub theirs: String,
}

impl Difference {
    /// A difference of a file that is still to be named.
    pub fn new(place: Place, what: What, ours: String, theirs: String) -> Self {
        Self { file: String::new(), place, what, ours, theirs }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, place, what, ours, theirs } = self;
        let Place { datagram, set, set_id, record, field } = place;
        write!(out, "{file}: datagram {datagram}")?;
        match (set, set_id) {
            (Some(set), Some(id)) => write!(out, ", set {set} (identifier {id})")?,
            (Some(set), None) => write!(out, ", set {set}")?,
            (None, Some(id)) => write!(out, ", set of identifier {id}")?,
            (None, None) => {}
        }
        if let Some(record) = record {
            write!(out, ", record {record}")?;
        }
        if let Some(field) = field {
            write!(out, ", {}", printable(field))?;
        }
        let (ours, theirs) = (printable(ours), printable(theirs));
        write!(out, ": {}: ours {ours}, netflow_parser {theirs}", what.words())
    }
}

impl fmt::Display for Capture {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{}: {}, {}, {}, {}, {} of them in flows: ",
            self.file,
            plural(self.datagrams, "datagram"),
            plural(self.sets, "set"),
            plural(self.records, "record"),
            plural(self.fields, "field"),
            self.flow_values
        )?;
        match self.differences {
            0 => write!(out, "the decoders agree")?,
            count => out.write_str(&plural(count, "difference"))?,
        }
        if self.sflow != 0 {
            let datagrams = plural(self.sflow, "datagram");
            write!(out, "; {datagrams} of sFlow, which netflow_parser does not read")?;
        }
        let skipped: Vec<String> = reasons(&self.skipped)
            .map(|Skip { reason, octets }| format!("{octets} {reason}"))
            .collect();
        if !skipped.is_empty() {
            write!(out, "; octets skipped by us: {}", skipped.join(", "))?;
        }
        if self.undecoded_octets != 0 {
            write!(out, "; by netflow_parser: {}", self.undecoded_octets)?;
        }
        Ok(())
    }
}

fn plural(count: u64, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

/// A router's text may hold what terminals obey.
fn printable(text: &str) -> String {
    text.chars().flat_map(char::escape_debug).collect()
}

impl Report {
    /// Lists a difference in the file at `path`, where there is room.
    pub fn add(&mut self, path: &Path, difference: Difference) {
        if self.differences.len() < MOST_LISTED {
            self.differences.push(Difference { file: path.display().to_string(), ..difference });
        } else {
            self.unlisted += 1;
        }
    }

    /// All differences, listed or not.
    pub fn count(&self) -> u64 {
        self.differences.len() as u64 + self.unlisted
    }

    /// For people: a line for each difference, then one for each file.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for difference in &self.differences {
            let _ = writeln!(text, "{difference}");
        }
        if self.unlisted != 0 {
            let _ = writeln!(text, "and {} differences more", self.unlisted);
        }
        for capture in &self.captures {
            let _ = writeln!(text, "{capture}");
        }
        text
    }
}
