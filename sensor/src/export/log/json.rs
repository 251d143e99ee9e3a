//! A flow record as one JSON object: the keys are the names of the field table, in its order, dots kept; behind them the
//! labels of both ends and of the ports, by the names that NQL has for them.

use std::io::Write as _;

use sensor_core::flow::{
    fields::{FIELDS, Field, Kind, Row, Value},
    labels,
};

/// Appends the record and a line end to `out`. Fields without a value are left out. A label is an array of texts under
/// `label.src.CONTEXT`, `label.dst.CONTEXT` or `label.port.PROTOCOL`.
pub fn write_row(out: &mut Vec<u8>, row: Row<'_>) {
    out.push(b'{');
    let mut first = true;
    FIELDS.iter().for_each(|field| write_field(out, &mut first, field, row));
    labels::for_each(row, |name, values| {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        write_value(out, Value::Text(name));
        out.push(b':');
        write_value(out, Value::Texts(values));
    });
    out.extend_from_slice(b"}\n");
}

/// Appends the same with nothing but some fields, in their order.
pub fn write_fields(out: &mut Vec<u8>, row: Row<'_>, fields: &[&Field]) {
    out.push(b'{');
    let mut first = true;
    fields.iter().for_each(|field| write_field(out, &mut first, field, row));
    out.extend_from_slice(b"}\n");
}

fn write_field(out: &mut Vec<u8>, first: &mut bool, field: &Field, row: Row<'_>) {
    let value = field.value(row);
    if value == Value::Absent {
        return;
    }
    if !std::mem::take(first) {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(field.name.as_bytes());
    out.extend_from_slice(b"\":");
    match value {
        // Names of an address, as its labels: by the table one text.
        Value::Texts(names) if field.kind == Kind::Text => {
            write_value(out, Value::Text(&names.join(",")));
        }
        value => write_value(out, value),
    }
}

/// Appends a value as JSON.
pub fn write_value(out: &mut Vec<u8>, value: Value<'_>) {
    let mut number = itoa::Buffer::new();
    // Writing to a `Vec` cannot fail.
    let _: std::io::Result<()> = match value {
        Value::Absent => Ok(()),
        Value::Integer(n) => out.write_all(number.format(n).as_bytes()),
        Value::NumberText(n) => write!(out, "\"{n}\""),
        Value::Float(x) => serde_json::to_writer(&mut *out, &x).map_err(Into::into),
        Value::Bool(b) => out.write_all(if b { b"true" } else { b"false" }),
        Value::Ip(ip) => write!(out, "\"{ip}\""),
        Value::Mac([a, b, c, d, e, f]) => {
            write!(out, "\"{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}\"")
        }
        Value::Texts(texts) => serde_json::to_writer(&mut *out, texts).map_err(Into::into),
        Value::Text(text) => serde_json::to_writer(&mut *out, text).map_err(Into::into),
    };
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sensor_common::{
        key::{Common, Direction, KeyV4, KeyV6},
        packet::Fragment,
    };

    use proptest::prelude::*;

    use super::*;
    use sensor_core::{
        flow::{
            batch::{EndReason, FlowBatch, Source},
            delta::FlowDelta,
            device::Device,
            interfaces::{Interface, Interfaces},
            source::SourceId,
            testing::{batches, devices},
        },
        nql::{Filter, Options, json::RecordReader, lists::Lists, testing::expressions},
    };

    const COMMON: Common = Common {
        source_port: 50_000,
        destination_port: 443,
        interface: 2,
        protocol: 6,
        tos: 186,
        vlan: 7,
        direction: Direction::Ingress,
        fragment: Fragment::None,
        folded: false,
    };
    const COUNTS: FlowDelta = FlowDelta {
        octets: 1500,
        packets: 3,
        layer2_octets: 1542,
        start: 1_700_000_000_000,
        end: 1_700_000_001_500,
        tcp_flags: 0x1b,
        ttl_min: 63,
        ttl_max: 64,
        macs: [0; 3],
    };

    fn json(batch: &FlowBatch) -> serde_json::Value {
        let interface = Interface { name: "eth\"0".into(), alias: String::new() };
        let interfaces = Interfaces([(2, interface)].into());
        let mut out = Vec::new();
        write_row(&mut out, Row { batch, row: 0, interfaces: &interfaces });
        assert!(out.ends_with(b"}\n"));
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn a_tcp_flow() {
        let mut batch = FlowBatch::v4(Source::Host);
        let source = u32::from_ne_bytes([10, 0, 0, 1]);
        let destination = u32::from_ne_bytes([192, 0, 2, 9]);
        batch.push(&KeyV4 { source, destination, common: COMMON }, &COUNTS, EndReason::EndOfFlow);
        let expected = r#"{
            "timestamp": 1700000001, "start": 1700000000000, "end": 1700000001500,
            "duration": 1500, "srcip": "10.0.0.1", "dstip": "192.0.2.9", "srcport": 50000, "dstport": 443,
            "protocol": "tcp", "protocolint": 6, "ipversion": 4, "bits": 12000, "octets": 1500, "packets": 3,
            "bytesperpacket": 500, "layer2octets": 1542, "flowbrate": 8000.0, "flowprate": 2.0,
            "pbratio": 0.00025, "samplerate": 1, "bitsxrate": 12000, "packetsxrate": 3, "tos": 186, "dscp": 46,
            "tcpflagsint": 27, "tcpflags.ack": true, "tcpflags.cwr": false, "tcpflags.ece": false,
            "tcpflags.fin": true, "tcpflags.ns": false, "tcpflags.psh": true, "tcpflags.rst": false,
            "tcpflags.syn": true, "tcpflags.urg": false, "ttlmin": 63, "ttlmax": 64, "fragment": "none",
            "flowendreason": 3, "folded": false, "direction": "ingress", "interface": "eth\"0", "input": 2,
            "inputname": "eth\"0", "srcvlan": 7, "srcmac": "00:00:00:00:00:00",
            "dstmac": "00:00:00:00:00:00", "flowtype": "host", "initiator": "src", "initiatorguessed": true,
            "clientip": "10.0.0.1", "clientport": 50000, "serverip": "192.0.2.9", "serverport": 443,
            "continued": false }"#;
        let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
        assert_eq!(json(&batch), expected);
    }

    #[test]
    fn an_icmpv6_flow_going_out() {
        let mut batch = FlowBatch::v6(Source::Host);
        let common = Common {
            protocol: 58,
            source_port: 0,
            destination_port: 128 << 8 | 3,
            direction: Direction::Egress,
            ..COMMON
        };
        let address = |last: u8| {
            let octets = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
            let mut words = [0; 4];
            for (word, octets) in words.iter_mut().zip(octets.as_chunks::<4>().0) {
                *word = u32::from_ne_bytes(*octets);
            }
            words
        };
        let key = KeyV6 { source: address(1), destination: address(2), common };
        batch.push(&key, &FlowDelta { tcp_flags: 0, ..COUNTS }, EndReason::IdleTimeout);
        let json = json(&batch);
        for (name, expected) in [
            ("srcip", serde_json::json!("2001:db8::1")),
            ("dstip", serde_json::json!("2001:db8::2")),
            ("protocol", serde_json::json!("ipv6-icmp")),
            ("icmptype", serde_json::json!("128")),
            ("icmpcode", serde_json::json!("3")),
            ("dstport", serde_json::json!(0)),
            ("output", serde_json::json!(2)),
            ("dstvlan", serde_json::json!(7)),
            ("direction", serde_json::json!("egress")),
        ] {
            assert_eq!(json[name], expected, "{name}");
        }
        for absent in ["tcpflagsint", "tcpflags.syn", "input", "srcvlan", "inputname"] {
            assert!(json.get(absent).is_none(), "{absent}");
        }
    }

    #[test]
    fn a_router_s_flow() {
        let mut batch =
            FlowBatch { observed_by: Source::NetFlow, ..FlowBatch::v4(Source::NetFlow) };
        batch.push(
            &KeyV4 { source: 0, destination: 0, common: COMMON },
            &COUNTS,
            EndReason::EndOfFlow,
        );
        batch.layer2_octets.clear();
        batch.ttl_min.clear();
        batch.source_mac.clear();
        batch.end_reason.fill(0);
        batch.output_interface = vec![5];
        batch.destination_vlan = vec![0];
        batch.source_as = vec![64_500];
        batch.sample_rate = vec![100];
        batch.device = vec![0];
        batch.version = vec![9];
        batch.action = vec![2];
        batch.devices = devices();
        let json = json(&batch);
        for (name, expected) in [
            ("flowtype", serde_json::json!("netflow")),
            ("flowversion", serde_json::json!(9)),
            ("flowsrcip", serde_json::json!("10.0.0.1")),
            ("flowsrcname", serde_json::json!("a")),
            ("site", serde_json::json!("b")),
            ("tags", serde_json::json!(["a", "tcp"])),
            ("input", serde_json::json!(2)),
            ("inputname", serde_json::json!("b")),
            ("output", serde_json::json!(5)),
            ("srcas.number", serde_json::json!(64_500)),
            ("samplerate", serde_json::json!(100)),
            ("packetsxrate", serde_json::json!(300)),
            ("packets", serde_json::json!(3)),
            ("action", serde_json::json!("rejected")),
        ] {
            assert_eq!(json[name], expected, "{name}");
        }
        for absent in
            ["layer2octets", "ttlmin", "srcmac", "flowendreason", "dstvlan", "dstas.number"]
        {
            assert!(json.get(absent).is_none(), "{absent}");
        }
    }

    proptest! {
        /// What is written says all that queries ask for.
        #[test]
        fn a_query_holds_for_a_row_and_for_what_is_written_of_it(
            query in expressions(),
            batch in batches(20),
        ) {
            let lists = Lists::default();
            let filter = Filter::compile(&query.to_string(), &Options::new(&lists)).unwrap();
            let reader = RecordReader::new(&filter.typed);
            let interface = Interface { name: "eth0".into(), alias: String::new() };
            let interfaces = Interfaces([(1, interface)].into());
            for row in 0..batch.len() {
                let row = Row { batch: &batch, row, interfaces: &interfaces };
                let mut line = Vec::new();
                write_row(&mut line, row);
                let record = reader.read(&line).unwrap();
                prop_assert_eq!(filter.matches(&row), filter.matches(&record), "{}", query);
            }
        }
    }

    #[test]
    fn a_source_without_an_address_has_a_name() {
        let id = SourceId::Cloud {
            provider: Source::Aws,
            account: "1234".to_owned(),
            log: "fl-a".to_owned(),
        };
        let mut batch = FlowBatch::v4(Source::NetFlow);
        batch.push(
            &KeyV4 { source: 0, destination: 0, common: COMMON },
            &COUNTS,
            EndReason::EndOfFlow,
        );
        batch.device = vec![0];
        batch.devices = vec![Arc::new(Device::of(id))];
        let json = json(&batch);
        assert_eq!(json["flowsrcname"], serde_json::json!("1234/fl-a"));
        assert!(json.get("flowsrcip").is_none());
    }
}
