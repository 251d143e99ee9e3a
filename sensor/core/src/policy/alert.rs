//! Events: what a policy says of the flows that it matched. One incident (a key that a policy watches, from the first
//! threshold that holds until none has held for a while) gives a `start`, any number of `ongoing` and an `end`; one that
//! returns soon after its end goes on with `ongoing`. Policies without thresholds give a `hit` at a time.

use std::{net::IpAddr, sync::Arc};

use super::threshold::Measured;
use crate::flow::{fields::OwnedValue, profile::Profile};

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// The incident: the same for its `start`, `ongoing` and `end`, and no other's. Follows from policy, key, start and what
    /// came before, not from chance.
    pub incident: u64,
    /// Number of the event within its incident, from 0.
    pub sequence: u32,
    /// What happened.
    pub kind: EventKind,
    /// When, by the time of the records: milliseconds since the epoch.
    pub timestamp: u64,
    /// The policy that speaks.
    pub policy: Arc<PolicySummary>,
    /// The severity that holds now; at the end, the highest that held.
    pub severity: Severity,
    /// The threshold that holds, as it was written; none for policies without thresholds.
    pub threshold: Option<Arc<str>>,
    /// What the window has beside the numbers of `threshold`.
    pub measured: Vec<Measured>,
    /// The key: names of fields and their values; empty for policies that track nothing.
    pub track: Vec<(&'static str, OwnedValue)>,
    /// When the first threshold of the incident began to hold; of a hit, its first packet. Milliseconds since the epoch.
    pub start: u64,
    /// Last packet so far, or `start` where none came since; milliseconds since the epoch.
    pub end: u64,
    /// Matching records that this event stands for: in the window, or since the last hit.
    pub records: u64,
    /// Of these, how many would have been hits of their own but for `suppress`.
    pub suppressed: u64,
    /// Sums and extremes of the matching records.
    pub metrics: Metrics,
    /// Names of the devices, or of this host, that saw the flows; sorted, at most [`MAX_LISTED`].
    pub sources: Vec<String>,
    /// Source ports seen; sorted, at most [`MAX_LISTED`].
    pub source_ports: Vec<u16>,
    /// Destination ports seen; sorted, at most [`MAX_LISTED`].
    pub destination_ports: Vec<u16>,
    /// How many flows there were by address and port, as far as they were counted.
    pub top: Top,
    /// Some matching flows: of an incident, [`MAX_SAMPLES`] of those in the window when it starts, or all where there were
    /// fewer; of a hit, the first that it stands for.
    pub samples: Vec<FlowSample>,
    /// What is known of the addresses in `track` and `samples`; sorted by address.
    pub addresses: Vec<(IpAddr, Arc<Profile>)>,
    /// Why it ended.
    pub reason: Option<EndReason>,
}

/// Ports and sources that an event lists at most.
pub const MAX_LISTED: usize = 16;

/// The values of some fields that most flows have, at most [`MAX_LISTED`] each: the most frequent first, each with so many
/// flows at the least.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Top {
    /// Source addresses.
    pub sources: Vec<(IpAddr, u32)>,
    /// Destination addresses.
    pub destinations: Vec<(IpAddr, u32)>,
    /// Source ports.
    pub source_ports: Vec<(u16, u32)>,
    /// Destination ports.
    pub destination_ports: Vec<(u16, u32)>,
}

/// Flows that an event quotes at most.
pub const MAX_SAMPLES: usize = 3;

/// One flow, as the names and values of the field table; fields without a value are left out.
pub type FlowSample = Vec<(&'static str, OwnedValue)>;

/// What kind of event (NQL `alerttype`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// A threshold holds from now on.
    Start,
    /// It still holds, another severity does, or one holds again soon after the end.
    Ongoing,
    /// None has held for a while.
    End,
    /// A flow that should not be.
    Hit,
}

impl EventKind {
    /// In the order of an incident.
    pub const ALL: [Self; 4] = [Self::Start, Self::Ongoing, Self::End, Self::Hit];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Ongoing => "ongoing",
            Self::End => "end",
            Self::Hit => "hit",
        }
    }
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Worth a look.
    Medium,
    /// Worth waking up for.
    High,
}

impl Severity {
    /// From low to high.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Why an incident ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The thresholds hold no more.
    Cleared,
    /// The agent stops.
    Shutdown,
    /// The policy was changed or taken away.
    Reload,
    /// Its state had to make room for another key's.
    Evicted,
}

impl EndReason {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cleared => "cleared",
            Self::Shutdown => "shutdown",
            Self::Reload => "reload",
            Self::Evicted => "evicted",
        }
    }
}

/// What events repeat of their policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySummary {
    /// Unique name.
    pub name: String,
    /// Group, free text.
    pub group: String,
    /// What it means when it fires.
    pub description: String,
    /// MITRE ATT&CK technique ids, or own words.
    pub categories: Vec<String>,
    /// The query.
    pub search: String,
    /// Length of the window, seconds; 0 for policies without thresholds.
    pub window: u32,
    /// Seconds between `ongoing` events; 0 for none.
    pub update: u32,
    /// Fields that a response may use.
    pub factors: Vec<String>,
}

/// Sums and extremes over the records of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Metrics {
    /// Bits as reported.
    pub bits: Extremes,
    /// Bits times the sampling rate.
    pub scaled_bits: Extremes,
    /// Packets as reported.
    pub packets: Extremes,
    /// Packets times the sampling rate.
    pub scaled_packets: Extremes,
}

/// A label that a policy writes on an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelAction {
    /// The policy.
    pub policy: String,
    /// The address.
    pub address: IpAddr,
    /// Context of the label, lower case.
    pub context: String,
    /// Its values.
    pub values: Vec<String>,
    /// When it lapses, milliseconds since the epoch.
    pub expires: u64,
}

/// One metric: over the records of an event, each record one value. All 0 without records.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Extremes {
    /// Lowest.
    pub min: u64,
    /// Highest.
    pub max: u64,
    /// Mean of the records.
    pub avg: f64,
    /// Per second over the window (thresholds) or over the time of the records (hits).
    pub rate: f64,
    /// Sum, saturating.
    pub sum: u64,
}
