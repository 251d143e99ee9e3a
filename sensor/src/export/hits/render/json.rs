//! An event as one JSON object. Keys are those of NQL's `alert` context wherever it has one, so that the line can be
//! queried as it is; names and units are those of flow logs: `timestamp` in seconds, `start`, `end` and `duration` in
//! milliseconds.

use std::{net::IpAddr, sync::Arc};

use sensor_core::{
    flow::{
        fields::{self, Kind, OwnedValue, Value},
        profile::{AutonomousSystem, Profile},
    },
    policy::{
        alert::{Alert, Extremes, FlowSample, Metrics, Top},
        threshold::Measured,
    },
};
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap as _, SerializeSeq as _},
};

use super::{
    parts::{bogon, id, shown, track},
    summary,
};

/// How much of an event is written, where the room may be limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// All of it.
    Full,
    /// Without the flows and what is known of the addresses.
    Brief,
}

/// Appends the object, without a line end.
pub fn write(out: &mut Vec<u8>, event: &Alert, detail: Detail) {
    let full = detail == Detail::Full;
    let policy = &event.policy;
    let line = Line {
        id: id(event),
        incident: format!("{:016x}", event.incident),
        timestamp: event.timestamp / 1000,
        alerttype: event.kind.name(),
        algorithm: &policy.name,
        group: &policy.group,
        description: &policy.description,
        summary: summary::of(event),
        categories: &policy.categories,
        severity: event.severity.name(),
        search: &policy.search,
        threshold: event.threshold.as_deref(),
        measured: event.measured.iter().map(MeasuredLine::from).collect(),
        rollupperiod: policy.window,
        updateinterval: policy.update,
        track: (!event.track.is_empty()).then(|| track(event)),
        track_by: event.track.iter().map(|(name, _)| *name).collect(),
        tracked: Fields(&event.track),
        factors: &policy.factors,
        start: event.start,
        end: event.end,
        duration: event.end.saturating_sub(event.start),
        reason: event.reason.map(|reason| reason.name()),
        records: event.records,
        suppressed: event.suppressed,
        metrics: MetricsLine::from(&event.metrics),
        flowsrcnames: &event.sources,
        srcports: &event.source_ports,
        dstports: &event.destination_ports,
        top: full.then(|| TopLine::from(&event.top)),
        sample_flows: full.then_some(Samples(&event.samples)),
        ipinfocount: event.addresses.len(),
        ipinfo: full.then(|| event.addresses.iter().map(Address::from).collect()),
    };
    // Strings and finite numbers into a `Vec`: nothing can fail.
    let _: serde_json::Result<()> = serde_json::to_writer(out, &line);
}

#[derive(Serialize)]
struct Line<'a> {
    id: String,
    incident: String,
    timestamp: u64,
    alerttype: &'static str,
    algorithm: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    group: &'a str,
    description: &'a str,
    summary: String,
    categories: &'a [String],
    severity: &'static str,
    search: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    measured: Vec<MeasuredLine<'a>>,
    rollupperiod: u32,
    updateinterval: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    track: Option<String>,
    track_by: Vec<&'static str>,
    tracked: Fields<'a>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    factors: &'a [String],
    start: u64,
    end: u64,
    duration: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    records: u64,
    suppressed: u64,
    metrics: MetricsLine,
    flowsrcnames: &'a [String],
    srcports: &'a [u16],
    dstports: &'a [u16],
    #[serde(skip_serializing_if = "Option::is_none")]
    top: Option<TopLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_flows: Option<Samples<'a>>,
    ipinfocount: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipinfo: Option<Vec<Address<'a>>>,
}

/// What was compared with what.
#[derive(Serialize)]
struct MeasuredLine<'a> {
    function: &'a str,
    value: Number,
    operator: &'static str,
    limit: Number,
}

impl<'a> From<&'a Measured> for MeasuredLine<'a> {
    fn from(measured: &'a Measured) -> Self {
        Self {
            function: &measured.function,
            value: Number(measured.value),
            operator: measured.operator.text(),
            limit: Number(measured.limit),
        }
    }
}

/// A number, without decimals where it is whole.
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Up to here all whole numbers have a form of their own.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match self.0 {
            number if number.fract() == 0.0 && (0.0..EXACT).contains(&number) => {
                serializer.serialize_u64(number as u64)
            }
            number => serializer.serialize_f64(number),
        }
    }
}

/// How many flows had which address and port.
#[derive(Serialize)]
struct TopLine {
    srcip: Vec<Counted<IpAddr>>,
    dstip: Vec<Counted<IpAddr>>,
    srcport: Vec<Counted<u16>>,
    dstport: Vec<Counted<u16>>,
}

#[derive(Serialize)]
struct Counted<T> {
    value: T,
    flows: u32,
}

impl From<&Top> for TopLine {
    fn from(top: &Top) -> Self {
        Self {
            srcip: counted(&top.sources),
            dstip: counted(&top.destinations),
            srcport: counted(&top.source_ports),
            dstport: counted(&top.destination_ports),
        }
    }
}

fn counted<T: Copy>(values: &[(T, u32)]) -> Vec<Counted<T>> {
    values.iter().map(|(value, flows)| Counted { value: *value, flows: *flows }).collect()
}

#[derive(Serialize)]
struct MetricsLine {
    bits: ExtremesLine,
    bitsxrate: ExtremesLine,
    packets: ExtremesLine,
    packetsxrate: ExtremesLine,
    octets: ExtremesLine,
}

#[derive(Serialize)]
struct ExtremesLine {
    min: u64,
    max: u64,
    avg: f64,
    rate: f64,
    sum: u64,
}

impl From<&Metrics> for MetricsLine {
    fn from(metrics: &Metrics) -> Self {
        let line = |of: Extremes, unit: u64| ExtremesLine {
            min: of.min / unit,
            max: of.max / unit,
            avg: of.avg / unit as f64,
            rate: of.rate / unit as f64,
            sum: of.sum / unit,
        };
        Self {
            bits: line(metrics.bits, 1),
            bitsxrate: line(metrics.scaled_bits, 1),
            packets: line(metrics.packets, 1),
            packetsxrate: line(metrics.scaled_packets, 1),
            octets: line(metrics.bits, 8),
        }
    }
}

/// Names and values as an object.
struct Fields<'a>(&'a [(&'static str, OwnedValue)]);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            let one = fields::find(name).is_none_or(|field| field.kind == Kind::Text);
            map.serialize_entry(name, &Typed { value, one })?;
        }
        map.end()
    }
}

struct Samples<'a>(&'a [FlowSample]);

impl Serialize for Samples<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for sample in self.0 {
            list.serialize_element(&Fields(sample))?;
        }
        list.end()
    }
}

/// A value by the types of the flow log.
struct Typed<'a> {
    value: &'a OwnedValue,
    /// Whether the field is one text, which several names are joined to.
    one: bool,
}

impl Serialize for Typed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value.value() {
            Value::Integer(number) => serializer.serialize_u64(number),
            Value::Float(number) => serializer.serialize_f64(number),
            Value::Bool(flag) => serializer.serialize_bool(flag),
            Value::Texts(texts) if !self.one => serializer.collect_seq(texts),
            Value::Text(text) => serializer.serialize_str(text),
            _ => serializer.serialize_str(&shown(self.value)),
        }
    }
}

#[derive(Serialize)]
struct Address<'a> {
    ip: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    bogon: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    internal: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local: Option<bool>,
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    owner: Option<Owner<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    geo: Option<Geo<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iprep: Option<Reputation<'a>>,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    label: &'a std::collections::BTreeMap<String, Vec<String>>,
}

#[derive(Serialize)]
struct Owner<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    org: Option<&'a str>,
}

#[derive(Serialize)]
struct Geo<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    countrycode: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    continentcode: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subdiso: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Location>,
}

#[derive(Serialize)]
struct Location {
    lat: f64,
    lon: f64,
}

#[derive(Serialize)]
struct Reputation<'a> {
    count: usize,
    categories: &'a [String],
}

impl<'a> From<&'a (IpAddr, Arc<Profile>)> for Address<'a> {
    fn from((ip, profile): &'a (IpAddr, Arc<Profile>)) -> Self {
        let owner = (profile.owner_as != AutonomousSystem::default()).then_some(Owner {
            number: profile.owner_as.number,
            org: profile.owner_as.organisation.as_deref(),
        });
        let degrees = |millionths: i32| f64::from(millionths) / 1e6;
        let geo = Geo {
            countrycode: profile.country.as_deref(),
            continentcode: profile.continent.as_deref(),
            subdiso: profile.subdivision.as_deref(),
            location: profile
                .location
                .map(|(lat, lon)| Location { lat: degrees(lat), lon: degrees(lon) }),
        };
        let known = geo.countrycode.is_some()
            || geo.continentcode.is_some()
            || geo.subdiso.is_some()
            || geo.location.is_some();
        let iprep = profile.reputation.as_deref();
        Self {
            ip: *ip,
            bogon: bogon(*ip, profile),
            internal: profile.internal,
            local: profile.local,
            owner,
            geo: known.then_some(geo),
            iprep: iprep.map(|categories| Reputation { count: categories.len(), categories }),
            label: &profile.labels,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::hits::render::testing::scan;
    use sensor_core::{
        flow::fields::RecordKind,
        nql::{Filter, Options, json::RecordReader, lists::Lists},
    };

    /// One query a field of the `alert` context that the line can hold.
    #[test]
    fn a_line_can_be_queried_as_an_alert() {
        let mut line = Vec::new();
        write(&mut line, &scan(), Detail::Full);
        let lists = Lists::default();
        let options = Options { context: RecordKind::Alert, ..Options::new(&lists) };
        for query in [
            "id == 0123456789abcdef-0",
            "timestamp == 1700000000",
            "start == 1699999939123 && end == 1700000000123 && duration == 61000",
            "alerttype == start",
            "algorithm == port_scan && tdm.name == port_scan",
            "summary =~ '*120 of 100*'",
            "severity == high",
            "categories == t1046 && categories == discovery",
            "search == \"protocol == tcp && tcpflags.syn == true\"",
            "threshold == \"distinct(dstport) >= 100\"",
            "rollupperiod == 300 && updateinterval == 60",
            "track == srcip=10.0.0.5 && track_by == srcip",
            "srcports == 40000 && dstports == 23",
            "metrics.bits.min == 320 && metrics.bits.sum == 57600",
            "metrics.bitsxrate.avg == 4800.5 && metrics.packets.max == 2 && metrics.packetsxrate.sum == 2400",
            "ipinfocount == 2 && ipinfo.ip == 192.0.2.0/24",
            "ipinfo.bogon == true && ipinfo.as.number == 64500 && ipinfo.as.org == Example",
            "ipinfo.geo.countrycode == nl && ipinfo.geo.location.lat > 52",
            "ipinfo.iprep.count == 1 && ipinfo.iprep.categories == scanner",
            "flowsrcnames == \"router \\\"one\\\"\"",
        ] {
            let filter = match Filter::compile(query, &options) {
                Ok(filter) => filter,
                Err(faults) => panic!("{query}: {faults:?}"),
            };
            let record = RecordReader::new(&filter.typed).read(&line).unwrap();
            assert!(filter.matches(&record), "{query} on {}", String::from_utf8_lossy(&line));
        }
    }
}
