//! What records say in other words, or leave open.

use super::*;
use crate::template::{Specifier, elements::Meaning};

/// The fields of the flow in row `row` of batch `batch` by name; absent ones are left out.
fn told(bench: &mut Bench, batch: usize, row: usize, names: &[&str]) -> Vec<Option<String>> {
    let batch = bench.batches.last()[batch];
    let interfaces = Interfaces::default();
    let row = Row { batch, row, interfaces: &interfaces };
    let value = |name: &&str| match find(name).unwrap().value(row) {
        Value::Absent => None,
        Value::Integer(number) | Value::NumberText(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Ip(address) => Some(address.to_string()),
        Value::Text(text) => Some(text.to_owned()),
        other => panic!("{other:?}"),
    };
    names.iter().map(value).collect()
}

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| Some((*text).to_owned())).collect()
}

#[test]
fn applications_have_names_whatever_the_length_of_their_identifiers() {
    let mut bench = Bench::default();
    let names = options_template(300, 1, &[(0, 95, 0xffff), (0, 96, 0xffff)]);
    // Engine 20, of the vendor with number 9; engine 3.
    let long = [&[9, 20, 0, 0, 0, 9, 0, 0, 1, 187][..], b"\x05https"].concat();
    let short = [&[4, 3, 0, 0, 123][..], b"\x03ntp"].concat();
    bench.feed(1, &ipfix(1, &[(3, &names), (300, &[long, short].concat())]));
    for (id, length, application) in [
        (256, 9, &[20, 0, 0, 0, 9, 0, 0, 1, 187][..]),
        (257, 8, &[20, 0, 0, 0, 9, 0, 1, 187]),
        (258, 0xffff, &[9, 20, 0, 0, 0, 9, 0, 0, 1, 187]),
        (259, 9, &[3, 0, 0, 0, 0, 0, 0, 0, 123]),
        (260, 4, &[3, 0, 0, 123]),
        (261, 9, &[20, 0, 0, 0, 10, 0, 0, 1, 187]),
    ] {
        let fields = [FLOW, &[(0, 95, length)]].concat();
        let record = [RECORD, application].concat();
        bench.feed(1, &ipfix(1, &[(2, &template(id, &fields)), (id, &record)]));
    }
    let named: Vec<_> = (0..6).flat_map(|row| told(&mut bench, 0, row, &["application"])).collect();
    let name = |name: &str| Some(name.to_owned());
    assert_eq!(named[..3], [name("https"), name("https"), name("https")]);
    assert_eq!(named[3..], [name("ntp"), name("ntp"), None]);
    // And over a restart.
    let saved = serde_json::to_string(&bench.decoder.snapshot()).unwrap();
    let mut again = Bench::default();
    again.decoder.restore(serde_json::from_str(&saved).unwrap(), NOW);
    assert_eq!(again.decoder.snapshot(), bench.decoder.snapshot());
}

#[test]
fn icmp_is_implied_by_its_elements() {
    let mut bench = Bench::default();
    let v4 = [(0, 8, 4), (0, 12, 4), (0, 176, 1), (0, 177, 1)];
    bench.feed(1, &ipfix(1, &[(2, &template(256, &v4)), (256, &[10, 0, 0, 1, 10, 0, 0, 2, 3, 1])]));
    let v6 = [(0, 27, 16), (0, 28, 16), (0, 139, 2)];
    let echo = [&[1; 32][..], &[129, 0]].concat();
    bench.feed(1, &ipfix(1, &[(2, &template(257, &v6)), (257, &echo)]));
    let fields = ["protocolint", "icmptype", "icmpcode"];
    assert_eq!(told(&mut bench, 0, 0, &fields), some(&["1", "3", "1"]));
    assert_eq!(told(&mut bench, 1, 0, &fields), some(&["58", "129", "0"]));
    // Ports beside it, which ICMP has not.
    let mixed = [FLOW, &[(0, 32, 2)]].concat();
    bench.feed(1, &ipfix(1, &[(2, &template(258, &mixed)), (258, &[RECORD, &[0, 0]].concat())]));
    assert_eq!(told(&mut bench, 0, 1, &["protocolint"]), some(&["0"]));
}

#[test]
fn the_type_of_service_follows_from_its_parts() {
    let mut bench = Bench::default();
    for (id, element, octet) in [(256, 195, 46), (257, 196, 5), (258, 5, 0xb8)] {
        let fields = [FLOW, &[(0, element, 1)]].concat();
        let record = [RECORD, &[octet]].concat();
        bench.feed(1, &ipfix(1, &[(2, &template(id, &fields)), (id, &record)]));
    }
    let both = [FLOW, &[(0, 195, 1), (0, 5, 1)]].concat();
    bench.feed(1, &ipfix(1, &[(2, &template(259, &both)), (259, &[RECORD, &[1, 7]].concat())]));
    assert_eq!(bench.v4().tos, [184, 160, 184, 7]);
}

#[test]
fn what_is_not_told_is_absent() {
    let mut bench = Bench::default();
    let fields = [FLOW, &[(0, 4, 1)]].concat();
    let record = [RECORD, &[6]].concat();
    bench.feed(1, &ipfix(1, &[(2, &template(256, &fields)), (256, &record)]));
    let more = [&fields[..], &[(0, 61, 1), (0, 6, 1)]].concat();
    let records = [&record[..], &[1, 2], &record, &[0, 0], &record, &[9, 0]].concat();
    bench.feed(1, &ipfix(1, &[(2, &template(257, &more)), (257, &records)]));
    bench.feed(1, &ipfix(1, &[(256, &record)]));
    let fields = ["direction", "tcpflagsint", "tcpflags.syn", "tcpflags.ack"];
    assert_eq!(told(&mut bench, 0, 0, &fields), [const { None }; 4]);
    assert_eq!(told(&mut bench, 0, 1, &fields), some(&["egress", "2", "true", "false"]));
    assert_eq!(told(&mut bench, 0, 2, &fields), some(&["ingress", "0", "false", "false"]));
    assert_eq!(told(&mut bench, 0, 3, &["direction"]), [None]);
    assert_eq!(told(&mut bench, 0, 4, &fields), [const { None }; 4]);
}

/// Every field of a flow, from templates that differ in one element, in turns: what one lacks is absent in its rows, and is not
/// lost in those of the other.
#[test]
fn what_a_template_lacks_is_absent_whatever_else_the_device_sends() {
    // Fields, their octets, what they tell, and what they are told as.
    type Case<'a> = (&'a [(u32, u16, u16)], &'a [u8], &'a [&'a str]);
    let optional: [Case<'_>; 11] = [
        (&[(0, 7, 2), (0, 11, 2)], &[0, 53, 0, 0], &["srcport 53", "dstport 0"]),
        (&[(0, 11, 2)], &[1, 187], &["dstport 443"]),
        (&[(0, 5, 1)], &[0], &["tos 0", "dscp 0"]),
        (&[(0, 195, 1)], &[0], &["tos 0", "dscp 0"]),
        (&[(0, 1, 4)], &[0; 4], &["bits 0", "octets 0", "bitsxrate 0"]),
        (&[(0, 2, 4)], &[0; 4], &["packets 0", "packetsxrate 0"]),
        (&[(0, 352, 4)], &[0, 0, 0, 0], &["layer2octets 0", "octets 0", "bits 0", "bitsxrate 0"]),
        (&[(0, 16, 4), (0, 17, 4)], &[0; 8], &["srcas.number 0", "dstas.number 0"]),
        (&[(0, 14, 4)], &[0; 4], &["output 0"]),
        (&[(0, 161, 4)], &[0, 0, 0, 7], &["duration 7", "start 1699999999993"]),
        (&[(0, 89, 1)], &[64], &["action accepted"]),
    ];
    let names = [
        "srcport",
        "dstport",
        "tos",
        "dscp",
        "bits",
        "octets",
        "bitsxrate",
        "packets",
        "packetsxrate",
        "layer2octets",
        "srcas.number",
        "dstas.number",
        "output",
        "duration",
        "start",
        "action",
        "fragment",
        "flowbrate",
        "flowprate",
        "pbratio",
        "bytesperpacket",
    ];
    let common = [(0, 8, 4), (0, 12, 4), (0, 4, 1), (0, 153, 8)];
    let record =
        [&[10, 0, 0, 1, 10, 0, 0, 2][..], &[6], &1_700_000_000_000_u64.to_be_bytes()].concat();
    let mut bench = Bench::default();
    for (at, (fields, octets, wanted)) in optional.iter().enumerate() {
        let id = 300 + at as u16;
        let templates = [template(256, &common), template(id, &[&common[..], *fields].concat())];
        let with = [&record[..], octets].concat();
        bench.feed(1, &ipfix(1, &[(2, &templates.concat()), (256, &record), (id, &with)]));
        let told_of = |bench: &mut Bench| {
            let row = bench.v4().len() - 1;
            let values = told(bench, 0, row, &names);
            let told = names.iter().zip(values).filter_map(|(name, value)| Some((name, value?)));
            told.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>()
        };
        let (mut found, mut wanted) = (told_of(&mut bench), wanted.to_vec());
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted);
        bench.feed(1, &ipfix(1, &[(256, &record)]));
        assert_eq!(told_of(&mut bench), [""; 0], "without {fields:?}");
    }
    assert_eq!(bench.batches.rows(), 3 * optional.len());
}

#[test]
fn translated_addresses_and_ports_are_told() {
    let mut bench = Bench::default();
    let names = ["natsrcip", "natdstip", "natsrcport", "natdstport"];
    let fields = [FLOW, &[(0, 225, 4), (0, 226, 4), (0, 227, 2), (0, 228, 2)]].concat();
    let record = [RECORD, &[203, 0, 113, 30, 10, 9, 0, 5, 242, 48, 0, 0]].concat();
    // Once more with the numbers that firewalls used before these had any.
    let asa = [FLOW, &[(0, 40_001, 4), (0, 40_002, 4), (0, 40_003, 2), (0, 40_004, 2)]].concat();
    let templates = [template(256, &fields), template(257, &asa)].concat();
    bench.feed(1, &netflow9(0, &[(0, &templates), (256, &record), (257, &record)]));
    let expected = [some(&["203.0.113.30", "10.9.0.5", "62000"]), vec![None]].concat();
    assert_eq!(told(&mut bench, 0, 0, &names), expected);
    assert_eq!(told(&mut bench, 0, 1, &names), expected);
    let v6 = [FLOW, &[(0, 281, 16), (0, 282, 16)]].concat();
    let record = [RECORD, &[1; 16], &[0; 16]].concat();
    bench.feed(1, &ipfix(1, &[(2, &template(256, &v6)), (256, &record)]));
    let expected = [Some("101:101:101:101:101:101:101:101".to_owned()), None];
    assert_eq!(told(&mut bench, 0, 2, &names[..2]), expected);
}

#[test]
fn the_way_back_has_the_translation_turned() {
    let mut bench = Bench::default();
    let fields = [FLOW, &[(0, 225, 4), (0, 228, 2), (0, 231, 4), (0, 232, 4)]].concat();
    let record = [RECORD, &[203, 0, 113, 30, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2]].concat();
    bench.feed(1, &ipfix(1, &[(2, &template(256, &fields)), (256, &record)]));
    let names = ["natsrcip", "natdstip", "natsrcport", "natdstport"];
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(told(&mut bench, 0, 0, &names), [text("203.0.113.30"), None, None, text("9")]);
    assert_eq!(told(&mut bench, 0, 1, &names), [None, text("203.0.113.30"), text("9"), None]);
}

/// A raw header record of `octets` of a frame, said to be one of `length` octets.
fn cut_header(octets: &[u8], length: u32) -> Vec<u8> {
    let padded = octets.len().next_multiple_of(4);
    let mut record = words(&[1, 16 + padded as u32, 1, length, 4, octets.len() as u32]);
    record.extend(octets);
    record.resize(24 + padded, 0);
    record
}

fn sample(source: u32, [input, output]: [u32; 2], records: &[&[u8]]) -> (u32, Vec<u8>) {
    let mut sample = words(&[1, source, 400, 0, 0, input, output, records.len() as u32]);
    sample.extend(records.concat());
    (1, sample)
}

#[test]
fn a_frame_is_not_shorter_than_its_packet() {
    let mut bench = Bench::default();
    let packet = frame([1, 2], 17, &[UDP, &[0; 1400]].concat());
    // The length of what was sampled, and of nothing; the frame's own, with a trailer.
    for length in [64, 0, 1500] {
        bench.feed(6343, &sflow(&[sample(3, [3, 4], &[&cut_header(&packet[..64], length)])]));
    }
    assert_eq!(bench.batches.last()[2].octets, [1442, 1442, 1500]);
    // IPFIX: `dataLinkFrameSize` and `dataLinkFrameSection`; octets are the packet's.
    let fields = [(0, 312, 2), (0, 315, 64)];
    let record = [&[0, 64][..], &packet[..64]].concat();
    bench.feed(1, &ipfix(1, &[(2, &template(256, &fields)), (256, &record)]));
    assert_eq!(bench.v4().octets, [1428]);
}

#[test]
fn what_the_device_has_read_completes_a_header_that_is_cut() {
    let segment = [0x30, 0x39, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x12, 0, 0, 0, 0, 0, 0];
    let packet = frame([1, 2], 6, &segment);
    let read = words(&[3, 32, 40, 6, 1, 2, 12345, 80, 0x12, 0x20]);
    let other = words(&[3, 32, 40, 6, 7, 2, 12345, 80, 0x12, 0x20]);
    let fields = ["srcport", "dstport", "tcpflagsint", "tcpflags.fin"];
    let told = |records: &[&[u8]]| {
        let mut bench = Bench::default();
        bench.feed(6343, &sflow(&[sample(3, [3, 4], records)]));
        told(&mut bench, 2, 0, &fields)
    };
    let whole = some(&["12345", "80", "18", "false"]);
    let flags = cut_header(&packet[..44], 100);
    let ports = cut_header(&packet[..34], 100);
    assert_eq!(told(&[&cut_header(&packet, 100)]), whole);
    for cut in [&flags, &ports] {
        assert_eq!(told(&[cut, &read]), whole);
        assert_eq!(told(&[&read, cut]), whole, "in either order");
    }
    let without = [some(&["12345", "80"]), vec![None; 2]].concat();
    assert_eq!(told(&[&flags]), without);
    assert_eq!(told(&[&flags, &other]), without, "another packet");
    assert_eq!(told(&[&ports])[2..], [None, None]);
    // No flag at all is something that was seen.
    let null = frame([1, 2], 6, &[&segment[..12], &[0x50, 0, 0, 0, 0, 0, 0, 0]].concat());
    assert_eq!(told(&[&cut_header(&null, 100)])[2..], some(&["0", "false"]));
}

#[test]
fn samples_tell_their_direction_by_what_is_sampled() {
    let mut bench = Bench::default();
    let header = raw_header([1, 2], 17, UDP);
    let vlan = 1 << 24 | 3;
    let samples = [(3, [3, 4]), (4, [3, 4]), (9, [3, 4]), (3, [3, 3]), (vlan, [3, 4]), (0, [0, 4])]
        .map(|(source, ends)| sample(source, ends, &[&header]));
    bench.feed(6343, &sflow(&samples));
    let ways: Vec<_> = (0..6).flat_map(|row| told(&mut bench, 2, row, &["direction"])).collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(ways, [text("ingress"), text("egress"), None, None, None, None]);
}

#[test]
fn each_element_of_a_column_fills_it() {
    let mut filled = 0;
    for column in Column::ALL {
        let Some(octets) = column.data_type().octets() else { continue };
        for &element in column.elements() {
            let is_plain =
                |reading: &elements::Reading| reading.meaning == Meaning::Column(*column);
            if elements::reading(&Specifier::iana(element, octets)).is_some_and(|it| is_plain(&it))
            {
                let mut bench = Bench::default();
                let fields = [FLOW, &[(0, element, octets)]].concat();
                let value: Vec<u8> = (1..=octets as u8).collect();
                let record = [RECORD, &value].concat();
                bench.feed(1, &netflow9(0, &[(0, &template(256, &fields)), (256, &record)]));
                let batch = bench.v4();
                assert!(batch.tells(*column, 0), "{column:?} by {element}");
                if octets <= 8 {
                    let number =
                        value.iter().fold(0, |number, octet| number << 8 | u64::from(*octet));
                    assert_eq!(column.number(batch, 0), number, "{column:?} by {element}");
                }
                filled += 1;
            }
        }
    }
    assert!(filled > 25, "{filled}");
}
