//! Entries of Cloud Logging that tell DNS queries: their members, and a record of them.

use sensor_core::{dns::DnsSource, flow::fields::DnsText};

use crate::cloud::{
    dns::{self, Answer, Told, lower, plain},
    flows::Flows,
    json::{
        counted::Counted,
        probe,
        values::{self, Fault, Number, Text, object},
    },
    ledger::{Ledger, Reason},
};

object! {
    /// An entry.
    Entry<'a> {
        /// What the log tells.
        payload: Payload<'a> = b"jsonPayload" | b"protoPayload",
        /// `projects/P/logs/NAME`.
        log_name: Text<'a> = b"logName",
        /// What the log is of.
        resource: Resource<'a> = b"resource",
        /// Its id.
        id: Text<'a> = b"insertId",
        /// When it was asked.
        time: Text<'a> = b"timestamp",
        /// When the log had it.
        received: Text<'a> = b"receiveTimestamp",
    }
    beside b"labels" | b"severity" | b"textPayload" | b"trace" | b"traceSampled" | b"spanId" | b"operation" | b"sourceLocation"
        | b"split" | b"httpRequest" | b"apphub" | b"ackId" | b"subscription" | b"deliveryAttempt" | b"attributes" | b"messageId"
        | b"message_id" | b"publishTime" | b"publish_time" | b"orderingKey" | b"message" | b"data";
}

object! {
    /// The monitored resource.
    Resource<'a> {
        /// What tells it.
        labels: Labels<'a> = b"labels",
    }
    beside b"type";
}

object! {
    /// Of a query.
    Labels<'a> {
        /// Project that the log is of.
        project: Text<'a> = b"project_id",
        /// Region, or `global`.
        location: Text<'a> = b"location",
    }
    beside b"source_type" | b"target_name" | b"target_type";
}

object! {
    /// A query, and what came back.
    Payload<'a> {
        /// For which name.
        name: Text<'a> = b"queryName",
        /// For which type.
        kind: Text<'a> = b"queryType",
        /// What came back.
        code: Text<'a> = b"responseCode",
        /// The answer: a line a record, with tabs between its parts.
        data: Text<'a> = b"rdata",
        /// The answer.
        answers: Counted<Told<'a>> = b"structuredRdata",
        /// Who asked.
        source: Text<'a> = b"sourceIP",
        /// Who was asked.
        server: Text<'a> = b"destinationIP",
        /// Transport.
        protocol: Text<'a> = b"protocol",
        /// Whether whoever answered has authority.
        authoritative: Text<'a> = b"authAnswer",
        /// Network of the client.
        network: Text<'a> = b"sourceNetwork",
        /// Project of the network or virtual machine.
        project: Text<'a> = b"vmProjectId",
        /// Virtual machine: its name, with the number of the project before it.
        instance: Text<'a> = b"vmInstanceName",
        /// Its number.
        instance_id: Text<'a> = b"vmInstanceIdString",
        /// The same as a number, whose last digits some have rounded.
        instance_number: Number = b"vmInstanceId",
        /// Its zone.
        zone: Text<'a> = b"vmZoneName",
    }
    beside b"@type" | b"serverLatency" | b"egressError" | b"egressIP" | b"healthyIps" | b"unhealthyIps" | b"unHealthyIps"
        | b"dns64Translated" | b"alias_query_response_code" | b"location" | b"project_id" | b"source_type" | b"target_name"
        | b"target_type";
}

/// What the log is called, behind the project and in the ledger.
const LOG: &str = "dns_queries";
/// What logs of queries are called, behind the project.
const NAMES: [&str; 2] = ["dns.googleapis.com%2Fdns_queries", "dns.googleapis.com/dns_queries"];

/// Whether an object that begins with `octets` has such entries.
pub fn is_log(octets: &[u8]) -> bool {
    probe::tells(octets, b"dns_queries\"", b"\"data\"")
}

/// Whether a log of this name has such entries.
pub fn is_name(log_name: &[u8]) -> bool {
    NAMES.iter().any(|name| log_name.ends_with(name.as_bytes()))
}

/// Whether the octets of an entry that does not tell its log look as if it were of such a one.
pub fn has_query(octets: &[u8]) -> bool {
    probe::has(octets, b"\"queryName\"")
}

/// Reads an entry, and appends its record. The source that it is of.
///
/// # Errors
/// What cannot be read.
pub fn read(octets: &[u8], flows: &mut Flows) -> Result<u32, (Reason, Vec<u8>)> {
    let owned = |(reason, what): Fault<'_>| (reason, what.to_vec());
    let entry: Entry<'_> = values::read(octets).map_err(owned)?;
    let source = append(&entry, flows).map_err(owned)?;
    count_unknown(&entry, flows.ledger(source));
    Ok(source)
}

fn append<'e>(entry: &'e Entry<'_>, flows: &mut Flows) -> Result<u32, Fault<'e>> {
    let payload = &entry.payload;
    let told = dns::Query {
        source: DnsSource::GcpDns,
        time: &entry.time,
        name: (&payload.name, "queryName"),
        ends: [&payload.source, &payload.server].map(Text::octets),
        // The log has neither ports nor the class of the query.
        port: None,
        codes: [payload.kind.octets(), b"", payload.code.octets()],
        answers: answers(payload),
        authoritative: match payload.authoritative.octets() {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        },
        texts: [
            (DnsText::Id, plain(entry.id.octets())),
            (DnsText::Received, plain(entry.received.octets())),
            (DnsText::Protocol, lower(payload.protocol.octets())),
        ],
    };
    told.append(flows, |flows| point(entry, flows))
}

/// The records of the answer, the first of them, and how many there are; none where nothing is told.
fn answers<'p>(payload: &'p Payload<'_>) -> (Vec<Answer<'p>>, Option<u64>) {
    if payload.answers.count.is_some() {
        return (dns::answers(&payload.answers), payload.answers.count);
    }
    let data = payload.data.octets();
    if data.is_empty() {
        return (Vec::new(), None);
    }
    let lines = || data.split(|octet| *octet == b'\n').filter(|line| !line.is_empty());
    let answer = |line: &'p [u8]| {
        let mut parts = line.splitn(5, |octet| *octet == b'\t');
        // Name and time to live stand before them.
        let told = (|| {
            parts.next()?;
            parts.next()?;
            Some((parts.next()?, parts.next()?, parts.next()?))
        })();
        match told {
            Some((class, kind, data)) => Answer::new(kind, class, data),
            None => Answer::new(b"", b"", line),
        }
    };
    let kept = lines().take(sensor_core::dns::batch::ANSWERS).map(answer).collect();
    (kept, Some(lines().count() as u64))
}

/// The numbers of the point where the query was seen, and of its source.
fn point(entry: &Entry<'_>, flows: &mut Flows) -> (u32, u32) {
    let Entry { payload, resource, log_name, .. } = entry;
    let zone = payload.zone.octets();
    // `europe-west1-c` lies in `europe-west1`.
    let of_zone = zone.iter().rposition(|octet| *octet == b'-').map_or(&b""[..], |at| &zone[..at]);
    let region = match resource.labels.location.octets() {
        _ if !of_zone.is_empty() => of_zone,
        b"global" => b"",
        location => location,
    };
    let number = payload.instance_number.get::<u64>("").ok().flatten().map(|id| id.to_string());
    let instance = match instance_name(payload.instance.octets()) {
        b"" if payload.instance_id.is_empty() => number.as_deref().unwrap_or_default().as_bytes(),
        b"" => payload.instance_id.octets(),
        name => name,
    };
    let account = match payload.project.or(&resource.labels.project).octets() {
        b"" => super::record::project(log_name.octets()),
        project => project,
    };
    flows.point([account, payload.network.octets(), b"", instance, b"", region, zone], "", LOG)
}

/// The name of a virtual machine, without the number of the project that stands before it.
fn instance_name(name: &[u8]) -> &[u8] {
    match name.iter().position(|octet| *octet == b'.') {
        Some(dot) if name[..dot].iter().all(u8::is_ascii_digit) => &name[dot + 1..],
        _ => name,
    }
}

fn count_unknown(entry: &Entry<'_>, ledger: &mut Ledger) {
    entry.unknown.count("", ledger);
    entry.resource.labels.unknown.count("resource.labels.", ledger);
    entry.payload.unknown.count("jsonPayload.", ledger);
    dns::count_unknown(&entry.payload.answers, "jsonPayload.structuredRdata.", ledger);
}
