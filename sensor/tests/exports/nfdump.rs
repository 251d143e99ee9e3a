//! What nfdump stored of a case: the rows of its CSV. It scales counts by the sampling rate that it knows.

use std::{fs, net::IpAddr, path::Path};

use sensor_core::flow::batch::{FlowBatch, Source};

use crate::tshark::addresses;

/// A row of nfdump.
#[derive(Debug)]
pub struct Flow {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub source_port: u64,
    pub destination_port: String,
    pub packets: u64,
    pub octets: u64,
    pub input: u64,
    pub output: u64,
    /// Seconds since the epoch.
    pub start: u64,
    pub end: u64,
}

/// The rows of the case; none where nfdump was not asked.
pub fn flows(case: &Path) -> Option<Vec<Flow>> {
    let text = fs::read_to_string(case.join("expected.nfdump.csv")).ok()?;
    let rows = text.lines().skip(1).take_while(|line| !line.starts_with("Summary"));
    Some(rows.filter_map(flow).filter(has_addresses).collect())
}

fn flow(line: &str) -> Option<Flow> {
    let columns: Vec<&str> = line.split(',').collect();
    let number = |column: usize| columns.get(column)?.parse::<u64>().ok();
    Some(Flow {
        start: seconds(columns.first()?)?,
        end: seconds(columns.get(1)?)?,
        source: columns.get(3)?.parse().ok()?,
        destination: columns.get(4)?.parse().ok()?,
        source_port: number(5)?,
        destination_port: (*columns.get(6)?).to_owned(),
        packets: number(11)?,
        octets: number(12)?,
        input: number(15)?,
        output: number(16)?,
    })
}

/// Seconds since the epoch of a UTC time such as `2023-05-14 17:28:32`.
fn seconds(time: &str) -> Option<u64> {
    let numbers: Vec<i64> =
        time.split(['-', ' ', ':']).map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [year, month, day, hour, minute, second] = *numbers.as_slice() else { return None };
    // Days by the civil calendar, years beginning in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    u64::try_from((days - 719_468) * 86_400 + hour * 3600 + minute * 60 + second).ok()
}

/// The first field in which row `row` of `batch` differs from `flow`; times are not compared
/// where the device told none, which nfdump stores as 0, and of sFlow, which has none.
pub fn difference(flow: &Flow, batch: &FlowBatch, row: usize) -> Option<&'static str> {
    let (source, destination) = addresses(batch, row);
    let rate = u64::from(batch.sample_rate[row].max(1));
    let scaled = |wanted: u64, ours: u64| wanted == ours || wanted == ours * rate;
    let output = batch.output_interface.get(row).copied().unwrap_or(0);
    // It swaps the times of flows that it gets by their uptimes over IPFIX.
    let (start, end) = (flow.start.min(flow.end), flow.start.max(flow.end));
    let times = batch.observed_by == Source::NetFlow && start != 0;
    let icmp = matches!(batch.protocol[row], 1 | 58);
    let port = batch.destination_port[row].to_string();
    let checks = [
        ("source", flow.source == source),
        ("destination", flow.destination == destination),
        ("source port", icmp || flow.source_port == u64::from(batch.source_port[row])),
        ("destination port", icmp || flow.destination_port == port),
        ("packets", scaled(flow.packets, batch.packets[row])),
        ("octets", scaled(flow.octets, batch.octets[row])),
        ("input", flow.input == u64::from(batch.interface[row])),
        ("output", flow.output == u64::from(output)),
        ("start", !times || start == batch.start[row] / 1000),
        ("end", !times || end == batch.end[row] / 1000),
    ];
    checks.into_iter().find(|(_, same)| !same).map(|(name, _)| name)
}

/// False for what nfdump stores without addresses (frames, counters, packets without IP), or of the wrong family: it takes
/// the one for the other where a record has room for both.
fn has_addresses(flow: &Flow) -> bool {
    let sound = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_unspecified(),
        IpAddr::V6(ip) => ip.to_bits() >> 32 != 0,
    };
    sound(flow.source) || sound(flow.destination)
}
