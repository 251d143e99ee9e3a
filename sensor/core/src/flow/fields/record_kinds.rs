//! The kinds of records that a query can be about, and the fields of those that are neither flows nor DNS.

use super::{
    FIELDS, Field,
    Kind::{Bool, Float, Integer, Ip, Text, TextList, Unsigned},
    TextRule::{Choice, IgnoreCase},
    dns::DNS,
    field,
};

/// What a query is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// Flow records.
    Flow,
    /// DNS messages.
    Dns,
    /// Policy events.
    Alert,
    /// Configuration changes.
    Audit,
}

impl RecordKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Flow, Self::Dns, Self::Alert, Self::Audit];

    /// The name that the command line and messages use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Dns => "dns",
            Self::Alert => "alert",
            Self::Audit => "audit",
        }
    }

    /// Its fields, in the order in which they are shown.
    pub fn fields(self) -> &'static [Field] {
        match self {
            Self::Flow => FIELDS,
            Self::Dns => DNS,
            Self::Alert => ALERT,
            Self::Audit => AUDIT,
        }
    }

    /// Its field called `name`.
    pub fn find(self, name: &str) -> Option<&'static Field> {
        self.fields().iter().find(|field| field.name == name)
    }
}

#[rustfmt::skip]
const ALERT: &[Field] = &[
    field("id", Text, &[], "Event id"),
    field("timestamp", Integer, &[], "Time of the event, seconds since the epoch"),
    field("start", Integer, &[], "When the threshold first held, milliseconds since the epoch"),
    field("end", Integer, &[], "Last packet so far, milliseconds since the epoch"),
    field("duration", Integer, &[], "Milliseconds from `start` to `end`"),
    field("alerttype", Text, &[], "`start`, `ongoing` or `end`").text(Choice(&["start", "ongoing", "end", "hit"])),
    field("algorithm", Text, &[], "Name of the policy"),
    field("tdm.name", Text, &[], "Name of the policy"),
    field("description", Text, &[], "Description of the policy"),
    field("summary", Text, &[], "What happened, in one line").patterns(),
    field("severity", Text, &[], "`low`, `medium` or `high`").text(Choice(&["low", "medium", "high"])),
    field("categories", TextList, &[], "Categories of the policy"),
    field("search", Text, &[], "The query of the policy"),
    field("threshold", Text, &[], "The threshold that holds"),
    field("rollupperiod", Integer, &[], "Window, seconds"),
    field("updateinterval", Integer, &[], "Seconds between `ongoing` events"),
    field("track", Text, &[], "Tracked values, as text"),
    field("track_by", TextList, &[], "Tracked fields"),
    field("tag", Text, &[], "Tag"),
    field("tags", TextList, &[], "Tags").patterns(),
    field("sites", TextList, &[], "Sites of the flows"),
    field("flowsrcnames", TextList, &[], "Names of the sources of the flows"),
    field("srcports", TextList, &[], "Source ports of the flows"),
    field("dstports", TextList, &[], "Destination ports of the flows"),
    field("rules", TextList, &[], "Rules that matched"),
    field("rulecount", Integer, &[], "Number of rules"),
    field("ipinfocount", Integer, &[], "Number of addresses"),
    field("metrics.bits.min", Float, &[], "Lowest bits of a flow"),
    field("metrics.bits.max", Float, &[], "Highest bits of a flow"),
    field("metrics.bits.avg", Float, &[], "Mean bits of a flow"),
    field("metrics.bits.sum", Float, &[], "Sum of bits"),
    field("metrics.bitsxrate.min", Float, &[], "Lowest bits of a flow times sample rate"),
    field("metrics.bitsxrate.max", Float, &[], "Highest bits of a flow times sample rate"),
    field("metrics.bitsxrate.avg", Float, &[], "Mean bits of a flow times sample rate"),
    field("metrics.bitsxrate.sum", Float, &[], "Sum of bits times sample rate"),
    field("metrics.packets.min", Float, &[], "Lowest packets of a flow"),
    field("metrics.packets.max", Float, &[], "Highest packets of a flow"),
    field("metrics.packets.avg", Float, &[], "Mean packets of a flow"),
    field("metrics.packets.sum", Float, &[], "Sum of packets"),
    field("metrics.packetsxrate.min", Float, &[], "Lowest packets of a flow times sample rate"),
    field("metrics.packetsxrate.max", Float, &[], "Highest packets of a flow times sample rate"),
    field("metrics.packetsxrate.avg", Float, &[], "Mean packets of a flow times sample rate"),
    field("metrics.packetsxrate.sum", Float, &[], "Sum of packets times sample rate"),
    field("ipinfo.ip", Ip, &[], "An address of the event"),
    field("ipinfo.bogon", Bool, &[], "The address is a bogon; missing for private, shared, link-local and multicast addresses"),
    field("ipinfo.count", Integer, &[], "Number of times the address was seen"),
    field("ipinfo.firstseen", Integer, &[], "First time, seconds since the epoch"),
    field("ipinfo.lastseen", Integer, &[], "Last time, seconds since the epoch"),
    field("ipinfo.as.number", Unsigned(32), &[], "AS of the address"),
    field("ipinfo.as.org", Text, &[], "Organisation of the AS"),
    field("ipinfo.geo.city", Text, &[], "City"),
    field("ipinfo.geo.continentcode", Text, &[], "Continent").text(IgnoreCase),
    field("ipinfo.geo.countrycode", Text, &[], "ISO country").text(IgnoreCase),
    field("ipinfo.geo.location.lat", Float, &[], "Latitude"),
    field("ipinfo.geo.location.lon", Float, &[], "Longitude"),
    field("ipinfo.geo.postal", Text, &[], "Postal code"),
    field("ipinfo.geo.subdiso", Text, &[], "ISO subdivision").text(IgnoreCase),
    field("ipinfo.geo.subdivisionb", Text, &[], "Second subdivision"),
    field("ipinfo.iprep.count", Integer, &[], "Number of reputation categories"),
    field("ipinfo.iprep.categories", TextList, &[], "Reputation categories").patterns(),
    field("ipinfo.pdns.count", Integer, &[], "Number of passive DNS records"),
    field("ipinfo.pdns.records", TextList, &[], "Passive DNS records").text(IgnoreCase),
    field("ipinfo.rdns", TextList, &[], "Names of the address by reverse DNS").text(IgnoreCase),
];

#[rustfmt::skip]
const AUDIT: &[Field] = &[
    field("id", Text, &[], "Record id"),
    field("timestamp", Integer, &[], "Time, seconds since the epoch"),
    field("class", Text, &[], "Kind of object"),
    field("subclass", Text, &[], "Finer kind of object"),
    field("action", Text, &[], "What was done"),
    field("description", Text, &[], "What was done, in one line").patterns(),
    field("user", Text, &[], "Who did it"),
    field("impersonator", Text, &[], "On whose behalf"),
    field("original_id", Text, &[], "Id of the object before"),
    field("original_object", Text, &[], "The object before"),
    field("new_object", Text, &[], "The object after"),
];
