//! A flow record as one aligned line for a terminal. Under INTERFACE stands what saw the flow: an interface of the host or
//! of a cloud, or the device that exported it.

use std::{
    borrow::Cow,
    fmt::Write as _,
    io::Write as _,
    net::IpAddr,
    time::{Duration, UNIX_EPOCH},
};

use sensor_core::flow::{
    batch::EndReason, columns::Column, device::Action, fields::Row, point::PointAttribute,
    profile::Side, protocol,
};

/// The line that names the columns.
pub const HEADING: &str = "\
LAST SEEN                DURATION  INTERFACE   PROTO  SOURCE                      DESTINATION                    PACKETS    OCTETS  FLAGS      END";

/// The cells of a line.
#[derive(Debug)]
pub struct Cells {
    /// When its last packet was seen, UTC.
    pub time: String,
    /// From its first packet on.
    pub duration: String,
    /// Into or out of the interface.
    pub arrow: char,
    /// What saw it.
    pub interface: String,
    /// The protocol.
    pub protocol: String,
    /// Address and port of the sender.
    pub source: String,
    /// Address and port of the receiver.
    pub destination: String,
    /// Packets.
    pub packets: String,
    /// Octets.
    pub octets: String,
    /// TCP flags as letters, or ICMP type and code.
    pub flags: String,
    /// Why it ended, and that it was rejected.
    pub end: String,
}

impl Cells {
    /// Those of a record.
    pub fn of(row: Row<'_>) -> Self {
        let Row { batch, row: i, interfaces } = row;
        let name: Cow<'_, str> = match (cloud_interface(row), row.device()) {
            (Some(interface), _) => interface.into(),
            (None, Some(device)) if device.name.is_empty() => device.id.to_string().into(),
            (None, Some(device)) => device.name.as_str().into(),
            (None, None) => interfaces.name(batch.interface[i]).unwrap_or("-").into(),
        };
        let number = batch.protocol[i];
        Self {
            time: time(batch.end[i]),
            duration: told(row, Column::Start, || duration(row.duration())),
            arrow: match row.direction() {
                Some("ingress") => '<',
                Some(_) => '>',
                None => ' ',
            },
            interface: name.into_owned(),
            protocol: protocol::name(number).map_or_else(|| number.to_string(), str::to_owned),
            source: end_point(row.source(), batch.port(Side::Source, i), number),
            destination: end_point(row.destination(), batch.port(Side::Destination, i), number),
            packets: told(row, Column::Packets, || batch.packets[i].to_string()),
            octets: told(row, Column::Octets, || octets(batch.octets[i])),
            flags: flags(row),
            end: end(row),
        }
    }
}

/// Appends the record and a line end to `out`. Times are UTC.
pub fn write_row(out: &mut Vec<u8>, row: Row<'_>) {
    let cells = Cells::of(row);
    let Cells { time, duration, arrow, interface, protocol, source, .. } = &cells;
    let Cells { destination, packets, octets, flags, end, .. } = &cells;
    // Writing to a `Vec` cannot fail.
    let _: std::io::Result<()> = writeln!(
        out,
        "{time:<23} {duration:>9}  {arrow}{interface:<10} {protocol:<6} {source:<27} {destination:<27} {packets:>10} {octets:>9}  {flags:<10} {end}",
    );
}

/// The interface by which a cloud names where it saw the flow.
fn cloud_interface(row: Row<'_>) -> Option<&str> {
    let number = row.batch.observation_point.get(row.row)?;
    row.batch.points.get(*number).get(PointAttribute::Interface)
}

/// Why the record ended, and that the flow was rejected.
fn end(row: Row<'_>) -> String {
    let Row { batch, row, .. } = row;
    let reason = reason(batch.end_reason[row]);
    let action = batch.action.get(row).and_then(|number| Action::from_number(*number));
    match action {
        Some(Action::Rejected) => format!("{reason} rejected").trim_start().to_owned(),
        _ => reason.to_owned(),
    }
}

/// What a column tells, or a dash.
fn told(row: Row<'_>, column: Column, text: impl FnOnce() -> String) -> String {
    if row.batch.tells(column, row.row) { text() } else { "-".to_owned() }
}

/// An address and its port, where the protocol has ports and this one is told.
fn end_point(address: IpAddr, port: Option<u16>, number: u8) -> String {
    match (address, port.filter(|_| protocol::has_ports(number))) {
        (address, None) => address.to_string(),
        (IpAddr::V4(address), Some(port)) => format!("{address}:{port}"),
        (IpAddr::V6(address), Some(port)) => format!("[{address}]:{port}"),
    }
}

/// The end of the year 9999, milliseconds since the epoch: what follows has no form.
const LATEST: u64 = 253_402_300_799_999;

/// A time as lines show it.
pub(super) fn time(ms: u64) -> String {
    let time = UNIX_EPOCH + Duration::from_millis(ms.min(LATEST));
    let text = humantime::format_rfc3339_millis(time).to_string();
    text.trim_end_matches('Z').replace('T', " ")
}

fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..600_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => format!("{} min", ms / 60_000),
    }
}

/// Decimal multiples with three digits.
pub fn octets(n: impl Into<u128>) -> String {
    const UNITS: [&str; 6] = ["k", "M", "G", "T", "P", "E"];
    let n = n.into();
    if n < 10_000 {
        return n.to_string();
    }
    let mut value = n as f64;
    let mut unit = "";
    for next in UNITS {
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.digits$} {unit}")
}

/// TCP flags as letters, or ICMP type and code.
fn flags(row: Row<'_>) -> String {
    use sensor_common::packet::ip::protocol::{ICMP, ICMPV6, TCP};
    let mut text = String::new();
    match row.batch.protocol[row.row] {
        TCP if row.batch.tells(Column::TcpFlags, row.row) => {
            for (bit, letter) in "FSRPAUECN".chars().enumerate() {
                if row.batch.tcp_flags[row.row] >> bit & 1 != 0 {
                    text.push(letter);
                }
            }
        }
        ICMP | ICMPV6 if row.batch.tells(Column::IcmpTypeCode, row.row) => {
            let [kind, code] = row.batch.icmp_type_code[row.row].to_be_bytes();
            let _: std::fmt::Result = write!(text, "{kind}/{code}");
        }
        _ => {}
    }
    if row.batch.folded[row.row] != 0 {
        text.push_str(" folded");
    }
    text
}

fn reason(number: u8) -> &'static str {
    const NAMES: [(EndReason, &str); 5] = [
        (EndReason::IdleTimeout, "idle"),
        (EndReason::ActiveTimeout, "active"),
        (EndReason::EndOfFlow, "end"),
        (EndReason::ForcedEnd, "stop"),
        (EndReason::LackOfResources, "full"),
    ];
    NAMES.iter().find(|(reason, _)| *reason as u8 == number).map_or("", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use sensor_core::flow::{
        batch::{Addresses, FlowBatch, Source},
        device::Device,
        interfaces::Interfaces,
    };

    #[test]
    fn a_router_s_flow_is_shown_as_its_own() {
        let mut batch = FlowBatch::v4(Source::NetFlow);
        batch.addresses =
            Addresses::V4 { source: vec![0x0a00_0001], destination: vec![0x0a00_0002] };
        for column in
            [&mut batch.source_port, &mut batch.destination_port, &mut batch.icmp_type_code]
        {
            column.push(53);
        }
        for column in [&mut batch.direction, &mut batch.folded, &mut batch.end_reason] {
            column.push(0);
        }
        for column in [&mut batch.octets, &mut batch.packets, &mut batch.start, &mut batch.end] {
            column.push(1);
        }
        batch.protocol.push(17);
        batch.tcp_flags.push(0);
        batch.interface.push(3);
        batch.device.push(0);
        let mut shown = |device: Device| {
            batch.devices = vec![Arc::new(device)];
            let mut out = Vec::new();
            write_row(&mut out, Row { batch: &batch, row: 0, interfaces: &Interfaces::default() });
            String::from_utf8(out).unwrap()
        };
        let unnamed = Device::new([192, 0, 2, 1].into());
        assert!(shown(unnamed.clone()).contains(" <192.0.2.1  udp "), "the address");
        let named = Device { name: "edge".to_owned(), ..unnamed };
        let line = shown(named);
        assert!(line.starts_with("1970-01-01 00:00:00.001 "), "{line}");
        assert!(line.contains(" <edge       udp    10.0.0.1:53 "), "{line}");
        assert!(line.ends_with(" \n"), "no end reason: {line}");
        batch.untold = Column::SourcePort.bit();
        let mut out = Vec::new();
        write_row(&mut out, Row { batch: &batch, row: 0, interfaces: &Interfaces::default() });
        let line = String::from_utf8(out).unwrap();
        assert!(line.contains(" 10.0.0.1  ") && line.contains(" 10.0.0.2:53 "), "{line}");
    }

    #[test]
    fn numbers_fit_their_columns() {
        let shown: Vec<_> =
            [0, 9_999, 10_000, 99_960, 999_400, 999_600, 1_234_567, u64::MAX].map(octets).into();
        assert_eq!(shown, ["0", "9999", "10.0 k", "100 k", "999 k", "1.00 M", "1.23 M", "18.4 E"]);
        assert_eq!(
            [0, 999, 1_000, 61_250, 600_000].map(duration),
            ["0 ms", "999 ms", "1.0 s", "61.2 s", "10 min"]
        );
    }

    #[test]
    fn times_have_their_date_in_utc() {
        assert_eq!(time(1_700_000_000_123), "2023-11-14 22:13:20.123");
        assert_eq!(time(u64::MAX), "9999-12-31 23:59:59.999");
    }
}
