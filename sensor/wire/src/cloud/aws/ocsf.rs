//! What Security Lake calls the values of a flow log, and how it writes them: OCSF, class 4001 (network activity). The same in JSON
//! and in Parquet.

use super::layout::Known;
use crate::cloud::{
    json::time::{epoch, rfc3339},
    text::number,
};

/// Names with dots between those within each other, and what they are called in flow logs. Of those with the same meaning, the
/// first one that tells something counts.
#[rustfmt::skip]
const NAMES: &[(&str, Known)] = &[
    ("status", Known::Status), ("status_code", Known::Status),
    ("cloud.account_uid", Known::Account), ("cloud.account.uid", Known::Account),
    ("cloud.region", Known::Region), ("cloud.zone", Known::Zone),
    ("src_endpoint.ip", Known::PacketSource), ("dst_endpoint.ip", Known::PacketDestination),
    ("src_endpoint.intermediate_ips", Known::Source), ("dst_endpoint.intermediate_ips", Known::Destination),
    ("src_endpoint.port", Known::SourcePort), ("dst_endpoint.port", Known::DestinationPort),
    ("src_endpoint.svc_name", Known::SourceService), ("dst_endpoint.svc_name", Known::DestinationService),
    ("src_endpoint.interface_uid", Known::Interface), ("dst_endpoint.interface_uid", Known::Interface),
    ("src_endpoint.vpc_uid", Known::Vpc), ("dst_endpoint.vpc_uid", Known::Vpc),
    ("src_endpoint.subnet_uid", Known::Subnet), ("dst_endpoint.subnet_uid", Known::Subnet),
    ("src_endpoint.instance_uid", Known::Instance), ("dst_endpoint.instance_uid", Known::Instance),
    ("connection_info.protocol_num", Known::Protocol), ("connection_info.tcp_flags", Known::TcpFlags),
    ("connection_info.direction", Known::Direction), ("disposition", Known::Action),
    ("traffic.packets", Known::Packets), ("traffic.bytes", Known::Bytes),
    ("start_time", Known::Start), ("start_time_dt", Known::Start),
    ("end_time", Known::End), ("end_time_dt", Known::End),
    ("metadata.product.version", Known::Version),
];

/// Those that are lists.
pub const LISTS: [&str; 2] = ["src_endpoint.intermediate_ips", "dst_endpoint.intermediate_ips"];

/// What the names begin with of all that OCSF says beside, or once more.
const BESIDE: &[&str] = &[
    "action_id",
    "activity_",
    "category_",
    "class_",
    "cloud.",
    "connection_info.",
    "disposition_id",
    "dst_endpoint.",
    "metadata.",
    "observables.",
    "severity",
    "src_endpoint.",
    "status_id",
    "time",
    "traffic.",
    "type_",
];

/// What has this name.
pub fn known(name: &str) -> Option<Known> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, known)| *known)
}

/// Whether it says nothing that flows have, or that they do not have otherwise.
pub fn is_beside(name: &str) -> bool {
    BESIDE.iter().any(|begin| starts(name, begin))
}

/// Whether `name` begins so, in any case.
pub fn starts(name: &str, begin: &str) -> bool {
    name.get(..begin.len()).is_some_and(|start| start.eq_ignore_ascii_case(begin))
}

/// Whether OCSF has words of its own for what has this place.
pub fn has_words(place: usize) -> bool {
    place == Known::Action as usize || place == Known::Direction as usize
}

/// The word of flow logs for the value at this place of a record; none where it is the same.
pub fn word(place: usize, value: &[u8]) -> Option<&'static [u8]> {
    match value {
        b"Allowed" if place == Known::Action as usize => Some(b"ACCEPT"),
        b"Blocked" if place == Known::Action as usize => Some(b"REJECT"),
        b"Inbound" if place == Known::Direction as usize => Some(b"ingress"),
        b"Outbound" if place == Known::Direction as usize => Some(b"egress"),
        _ => None,
    }
}

/// The time, in seconds, that a number of seconds or of milliseconds tells.
pub fn seconds(number: u64) -> Option<u64> {
    // Too low to be a time: the record says what becomes of it.
    epoch(number).or(number.checked_mul(1000)).map(|time| time / 1000)
}

/// The time, in seconds, that a text tells.
pub fn time(text: &[u8]) -> Option<u64> {
    match number(text) {
        Some(number) => seconds(number),
        // Some leave out that they mean UTC.
        None => {
            let time = rfc3339(text).or_else(|| rfc3339(&[text, b"Z"].concat()));
            time.map(|time| time / 1000)
        }
    }
}
