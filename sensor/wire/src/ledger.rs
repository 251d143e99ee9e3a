//! The ledger of octets: what became of every octet of every datagram, and of the records in them.
//!
//! For any number of datagrams, exactly:
//! `octets = headers + flows + options + counters + templates + padding + waiting + skipped, by reason`.

use std::{
    error, fmt,
    ops::{AddAssign, Index, IndexMut},
};

use serde::{Serialize, Serializer};

/// Why octets were not decoded. Each value is a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Skipped {
    /// A version or protocol that is not spoken here.
    Version,
    /// The header is cut off.
    HeaderTruncated,
    /// The message ends before the length in its header does.
    MessageTruncated,
    /// A set's length is less than its own header.
    SetTooShort,
    /// A set ends behind its message.
    SetOverrun,
    /// A set number that stands for nothing (4 to 255, and 2 and 3 in NetFlow 9).
    SetReserved,
    /// A record ends behind its set.
    RecordTruncated,
    /// A template's number is below 256.
    TemplateNumber,
    /// A template ends behind its set.
    TemplateTruncated,
    /// A template whose records have no octets.
    TemplateEmpty,
    /// A template whose records are longer than any message.
    TemplateTooLong,
    /// No memory is left for a template: the device's share or everybody's is used up.
    TemplateBudget,
    /// Data whose template never came, or not in time.
    UnknownTemplate,
    /// A data record without addresses or a frame: it tells of no flow.
    NoFlow,
    /// A firewall's event that repeats what other records count.
    Event,
    /// A sampled frame without an IP packet.
    NonIp,
    /// A sampled frame whose headers are cut off or contradict themselves.
    FrameMalformed,
    /// An sFlow sample or record of a format that is not read here.
    Format,
    /// A structure of sFlow that ends behind what holds it.
    StructureTruncated,
    /// Octets of sFlow that no count announces.
    Unannounced,
}

impl Skipped {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 20] = [
        Self::Version,
        Self::HeaderTruncated,
        Self::MessageTruncated,
        Self::SetTooShort,
        Self::SetOverrun,
        Self::SetReserved,
        Self::RecordTruncated,
        Self::TemplateNumber,
        Self::TemplateTruncated,
        Self::TemplateEmpty,
        Self::TemplateTooLong,
        Self::TemplateBudget,
        Self::UnknownTemplate,
        Self::NoFlow,
        Self::Event,
        Self::NonIp,
        Self::FrameMalformed,
        Self::Format,
        Self::StructureTruncated,
        Self::Unannounced,
    ];

    /// The counter's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::HeaderTruncated => "header_truncated",
            Self::MessageTruncated => "message_truncated",
            Self::SetTooShort => "set_too_short",
            Self::SetOverrun => "set_overrun",
            Self::SetReserved => "set_reserved",
            Self::RecordTruncated => "record_truncated",
            Self::TemplateNumber => "template_number",
            Self::TemplateTruncated => "template_truncated",
            Self::TemplateEmpty => "template_empty",
            Self::TemplateTooLong => "template_too_long",
            Self::TemplateBudget => "template_budget",
            Self::UnknownTemplate => "unknown_template",
            Self::NoFlow => "no_flow",
            Self::Event => "event",
            Self::NonIp => "non_ip",
            Self::FrameMalformed => "frame_malformed",
            Self::Format => "format",
            Self::StructureTruncated => "structure_truncated",
            Self::Unannounced => "unannounced",
        }
    }

    /// True when it says that the sender, or the way, broke something.
    pub fn is_malformed(self) -> bool {
        !matches!(
            self,
            Self::Version
                | Self::SetReserved
                | Self::TemplateBudget
                | Self::UnknownTemplate
                | Self::NoFlow
                | Self::Event
                | Self::NonIp
                | Self::Format
        )
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl error::Error for Skipped {}

/// Octets by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SkippedOctets([u64; Skipped::ALL.len()]);

impl SkippedOctets {
    /// All reasons together.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// Each reason by its name.
impl Serialize for SkippedOctets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Skipped::ALL.map(|reason| (reason.name(), self[reason])))
    }
}

impl Index<Skipped> for SkippedOctets {
    type Output = u64;

    fn index(&self, reason: Skipped) -> &u64 {
        &self.0[reason as usize]
    }
}

impl IndexMut<Skipped> for SkippedOctets {
    fn index_mut(&mut self, reason: Skipped) -> &mut u64 {
        &mut self.0[reason as usize]
    }
}

/// What became of datagrams. All but the `*_records` and `flow_rows` and `datagrams` are octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// Datagrams, or messages of a stream.
    pub datagrams: u64,
    /// Their octets.
    pub octets: u64,
    /// Headers of messages, sets and samples.
    pub headers: u64,
    /// Data records that tell of flows.
    pub flows: u64,
    /// Data records that tell of the device.
    pub options: u64,
    /// Counters of interfaces (sFlow).
    pub counters: u64,
    /// Template records and withdrawals.
    pub templates: u64,
    /// Padding.
    pub padding: u64,
    /// Sets that wait for their template.
    pub waiting: u64,
    /// Octets that were not decoded.
    pub skipped: SkippedOctets,
    /// Data records seen, of options and flows; sFlow: samples.
    pub data_records: u64,
    /// Those of options.
    pub options_records: u64,
    /// Rows made of the others: a biflow makes two, an event none.
    pub flow_rows: u64,
    /// Rows whose sampling rate nobody has told.
    pub rows_without_rate: u64,
    /// Rows whose OUT counters were left aside, since those of IN say something else.
    pub rows_without_out: u64,
    /// Rows whose times would be far from their export by the time at which their device says that it booted: they are told
    /// by the export.
    pub rows_with_implausible_uptime: u64,
    /// Flows that count in totals and were forgotten to make room: if they live, their next report counts in all.
    pub totals_forgotten: u64,
    /// Rows that name a device for which there was no room: they count as the sender's.
    pub rows_without_device: u64,
}

impl Ledger {
    /// Adds `octets` that were not decoded for `reason`.
    pub fn skip(&mut self, reason: Skipped, octets: usize) {
        self.skipped[reason] += octets as u64;
    }

    /// The octets that the ledger accounts for; equal to `octets` between datagrams.
    pub fn accounted(&self) -> u64 {
        self.headers
            + self.flows
            + self.options
            + self.counters
            + self.templates
            + self.padding
            + self.waiting
            + self.skipped.total()
    }
}

impl AddAssign for Ledger {
    fn add_assign(&mut self, other: Self) {
        self.datagrams += other.datagrams;
        self.octets += other.octets;
        self.headers += other.headers;
        self.flows += other.flows;
        self.options += other.options;
        self.counters += other.counters;
        self.templates += other.templates;
        self.padding += other.padding;
        self.waiting += other.waiting;
        for reason in Skipped::ALL {
            self.skipped[reason] += other.skipped[reason];
        }
        self.data_records += other.data_records;
        self.options_records += other.options_records;
        self.flow_rows += other.flow_rows;
        self.rows_without_rate += other.rows_without_rate;
        self.rows_without_out += other.rows_without_out;
        self.rows_with_implausible_uptime += other.rows_with_implausible_uptime;
        self.totals_forgotten += other.totals_forgotten;
        self.rows_without_device += other.rows_without_device;
    }
}
