//! Our own decoder reads our messages: the flows come out as they went in.

use sensor_core::flow::initiator::opened;

use super::*;

/// What the decoder makes of the encoder's messages: the flows again, except for what no element carries; the batch that was
/// filled last.
fn collected(batch: &FlowBatch) -> FlowBatch {
    collected_all(batch).last()[usize::from(batch.ip_version() == 6)].clone()
}

/// The same, all batches.
fn collected_all(batch: &FlowBatch) -> Batches {
    let mut decoder = Decoder::default();
    let mut batches = Batches::default();
    let from = "192.0.2.1:4739".parse().unwrap();
    for (message, _) in encode_all(&mut Encoder::new(OPTIONS), std::slice::from_ref(batch)) {
        decoder.datagram(from, NOW, &message, &mut batches);
    }
    let ledger = decoder.ledger();
    assert_eq!(ledger.skipped.total(), 0);
    assert_eq!(ledger.octets, ledger.accounted());
    batches
}

/// Flows of which it was seen or told who opened them, follows from what else the record says, is guessed, or is unknown.
#[test]
fn who_opened_a_connection_is_known_to_a_collector_as_well() {
    const SYN: u16 = 0x02;
    const ACK: u16 = 0x10;
    let cases = [
        // Protocol, ports, flags, type of ICMP, packets, what was seen.
        (6, [22, 40_443], SYN | ACK, 0, 9, 1),
        (6, [40_443, 22], SYN | ACK, 0, 9, 2),
        (17, [53, 40_443], 0, 0, 2, 1),
        (47, [0, 0], 0, 0, 2, 2),
        (6, [22, 40_443], SYN, 0, 3, 0),
        (6, [22, 40_443], SYN | ACK, 0, 1, 0),
        (1, [0, 0], 0, 8 << 8, 2, 0),
        (1, [0, 0], 0, 0, 2, 0),
        (6, [22, 40_443], ACK, 0, 9, 0),
        (17, [50_000, 50_001], 0, 0, 2, 0),
    ];
    let mut sent = batch(4, &cases.map(|_| (1, false)));
    for (row, (protocol, ports, flags, icmp, packets, initiator)) in cases.into_iter().enumerate() {
        sent.protocol[row] = protocol;
        [sent.source_port[row], sent.destination_port[row]] = ports;
        sent.tcp_flags[row] = flags;
        sent.icmp_type_code[row] = icmp;
        sent.packets[row] = packets;
        sent.initiator[row] = initiator;
    }
    let got = collected(&sent);
    for (row, case) in cases.iter().enumerate() {
        assert_eq!(opened(&got, row), opened(&sent, row), "{case:?}");
    }
    let known = |row| opened(&sent, row).is_some_and(|opened| !opened.guessed);
    assert_eq!(
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(known).map(u8::from),
        [1, 1, 1, 1, 1, 1, 1, 1, 0, 0]
    );
}

proptest! {
    #[test]
    fn what_was_encoded_is_collected(
        v6 in any::<bool>(),
        seeds in prop::collection::vec(any::<u64>(), 1..200),
    ) {
        let rows: Vec<_> = seeds.iter().map(|seed| (*seed, false)).collect();
        let sent = batch(if v6 { 6 } else { 4 }, &rows);
        let got = collected(&sent);
        match (&sent.addresses, &got.addresses) {
            (Addresses::V4 { source: a, destination: b }, Addresses::V4 { source: c, destination: d }) => {
                prop_assert_eq!((a, b), (c, d));
            }
            (Addresses::V6 { source: a, destination: b }, Addresses::V6 { source: c, destination: d }) => {
                prop_assert_eq!((a, b), (c, d));
            }
            _ => prop_assert!(false, "another family"),
        }
        prop_assert_eq!(&sent.source_port, &got.source_port);
        prop_assert_eq!(&sent.destination_port, &got.destination_port);
        prop_assert_eq!(&sent.protocol, &got.protocol);
        prop_assert_eq!(&sent.tos, &got.tos);
        prop_assert_eq!(&sent.direction, &got.direction);
        prop_assert_eq!(&sent.octets, &got.octets);
        prop_assert_eq!(&sent.packets, &got.packets);
        prop_assert_eq!(&sent.layer2_octets, &got.layer2_octets);
        prop_assert_eq!(&sent.start, &got.start);
        prop_assert_eq!(&sent.end, &got.end);
        prop_assert_eq!(&sent.ttl_min, &got.ttl_min);
        prop_assert_eq!(&sent.ttl_max, &got.ttl_max);
        prop_assert_eq!(&sent.source_mac, &got.source_mac);
        prop_assert_eq!(&sent.destination_mac, &got.destination_mac);
        prop_assert_eq!(&sent.end_reason, &got.end_reason);
        for row in 0..sent.len() {
            prop_assert_eq!(sent.tcp_flags[row] & 0x1ff, got.tcp_flags[row]);
            prop_assert_eq!(sent.vlan[row] & 0xfff, got.vlan[row]);
            let (input, output) = (got.interface[row], got.output_interface[row]);
            let seen = if sent.is_egress(row) { (output, input) } else { (input, output) };
            prop_assert_eq!(seen, (sent.interface[row], 0));
            let icmp = matches!(sent.protocol[row], 1 | 58);
            let wanted = match (icmp, sent.icmp_type_code[row]) {
                (true, 0) => sent.destination_port[row],
                (true, told) => told,
                (false, _) => 0,
            };
            prop_assert_eq!(wanted, got.icmp_type_code[row]);
        }
    }
}

/// The rows of a batch in the order in which they are written.
fn order(batch: &FlowBatch) -> Vec<usize> {
    let mut rows: Vec<_> = (0..batch.len()).collect();
    rows.sort_by_key(|row| {
        RowClass::union(batch, super::super::template::shape(batch)).of_row(batch, *row).0
    });
    rows
}

/// Whether a column tells something of any row, where 0 tells nothing.
fn tells_some<T: Default + PartialEq>(column: &[T]) -> bool {
    column.iter().any(|value| *value != T::default())
}

/// Fields that say who told of the flow and when, and names that a device gives: those are another's behind us.
const OF_THE_DEVICE: [&str; 15] = [
    "flowrtime",
    "flowtype",
    "flowversion",
    "flowsrcname",
    "flowsrcip",
    "site",
    "tags",
    "interface",
    "inputname",
    "outputname",
    "inputalias",
    "outputalias",
    "application",
    "inputvrf",
    "outputvrf",
];

/// Rows of what is not told are 0, as producers write them.
fn zero_untold(batch: &mut FlowBatch) {
    let untold = batch.untold;
    let is_untold = |column: Column| untold & column.bit() != 0;
    macro_rules! zero {
        ($($column:ident $field:ident)*) => {$(
            if is_untold(Column::$column) {
                batch.$field.fill(0);
            }
        )*};
    }
    zero!(IcmpTypeCode icmp_type_code Tos tos Octets octets Packets packets Fragment fragment);
    zero!(SourcePort source_port DestinationPort destination_port);
    if is_untold(Column::Octets) {
        // Those of frames stand for them.
        batch.layer2_octets.clear();
    }
    if is_untold(Column::Start) {
        batch.start.clone_from(&batch.end);
    }
}

proptest! {
    #[test]
    fn what_others_told_is_collected_and_what_they_did_not_is_absent(
        v6 in any::<bool>(),
        seeds in prop::collection::vec(any::<u64>(), 1..100),
        teller in any::<u64>(),
    ) {
        let rows: Vec<_> = seeds.iter().map(|seed| (*seed, false)).collect();
        let mut sent = told_by_others(batch(if v6 { 6 } else { 4 }, &rows), teller);
        // Whatever else a device leaves out; no element tells of fragments.
        sent.untold |= Column::UNTELLABLE & u128::from(teller).rotate_left(7) & u128::from(teller) | Column::Fragment.bit();
        for row in 0..sent.len() {
            sent.vlan[row] &= 0xfff;
            sent.tcp_flags[row] &= 0x1ff | TCP_FLAGS_UNTOLD;
            // Type and code 0 would be looked for in the port.
            sent.icmp_type_code[row] |= 1;
            // What has no ports says 0, and none of two rows is the other.
            if !protocol::has_ports(sent.protocol[row]) {
                (sent.source_port[row], sent.destination_port[row]) = (0, 0);
            }
            sent.end[row] = NOW + row as u64;
        }
        zero_untold(&mut sent);
        if sent.observed_by.is_cloud() {
            // As clouds tell it: interfaces have no index, and nothing is sampled.
            sent.sample_rate = vec![1; sent.len()];
            sent.interface.fill(0);
            sent.output_interface.clear();
        }
        let mut got = Vec::new();
        collected_all(&sent).take(true, |batch| got.push(batch));
        let found = |from: usize| {
            let of = |batch: &FlowBatch| batch.end.iter().position(|end| *end == sent.end[from]);
            got.iter().find_map(|batch| Some((batch, of(batch)?))).expect("the row is collected")
        };
        prop_assert_eq!(got.iter().map(FlowBatch::len).sum::<usize>(), sent.len());
        let interfaces = Interfaces::default();
        for field in FIELDS.iter().filter(|field| !OF_THE_DEVICE.contains(&field.name)) {
            for from in 0..sent.len() {
                let (got, row) = found(from);
                let value = |batch, row| field.value(Row { batch, row, interfaces: &interfaces });
                let (told, read) = match (value(&sent, from), value(got, row)) {
                    (Value::Absent, Value::Integer(0)) if matches!(field.name, "srcport" | "dstport" | "clientport" | "serverport")
                        && !protocol::has_ports(sent.protocol[from]) => continue,
                    // Clouds do not tell some flags, for which the element has bits all the same.
                    (Value::Absent, Value::Bool(false)) if sent.observed_by.is_cloud()
                        && field.name.starts_with("tcpflags.") => continue,
                    // One interface of two: the other is 0, since both have a place in the record.
                    (Value::Absent, Value::Integer(0)) if matches!(field.name, "input" | "output") => continue,
                    both => both,
                };
                prop_assert_eq!(told, read, "{} of row {}", field.name, row);
            }
        }
        for from in 0..sent.len() {
            let (mine, (theirs, row)) = (&sent, found(from));
            prop_assert_eq!(mine.application.get(from), theirs.application.get(row));
            prop_assert_eq!(mine.input_vrf.get(from), theirs.input_vrf.get(row));
            prop_assert_eq!(mine.output_vrf.get(from), theirs.output_vrf.get(row));
        }
    }

    #[test]
    fn the_field_of_a_column_is_sent_where_a_row_tells_it(router in any::<u64>()) {
        let sent = told_by_router(batch(4, &[(1, false), (2, false), (3, false)]), router);
        let messages = encode_all(&mut Encoder::new(OPTIONS), std::slice::from_ref(&sent));
        let messages = decode_all(&messages, 1400);
        let is_sent = |column: &&Column| column.own_field().is_some() && !column.elements().is_empty();
        for column in Column::ALL.iter().filter(is_sent) {
            let told = (0..sent.len()).any(|row| sent.tells(*column, row));
            for record in flows(&messages) {
                let field = record.number(column.elements()[0]);
                prop_assert_eq!(field.is_some(), told, "{:?}", column);
            }
        }
    }

    #[test]
    fn templates_hold_what_is_told_and_no_more(v6 in any::<bool>(), router in any::<u64>()) {
        let rows: Vec<_> = (1..9).map(|seed| (seed, false)).collect();
        let sent = told_by_router(batch(if v6 { 6 } else { 4 }, &rows), router);
        let messages = encode_all(&mut Encoder::new(OPTIONS), std::slice::from_ref(&sent));
        let messages = decode_all(&messages, 1400);
        let record = flows(&messages).next().unwrap();
        let devices = sent.devices.iter().filter(|of| of.address().is_some_and(|address| address.is_ipv4())).count();
        for (element, told) in [
            (352, !sent.layer2_octets.is_empty()),
            (52, tells_some(&sent.ttl_min)),
            (53, tells_some(&sent.ttl_max)),
            (56, !sent.source_mac.is_empty()),
            (80, !sent.destination_mac.is_empty()),
            (136, tells_some(&sent.end_reason)),
            (239, tells_some(&sent.initiator)),
            (59, !sent.destination_vlan.is_empty()),
            (15, tells_some(&sent.next_hop_v4)),
            (62, tells_some(&sent.next_hop_v6)),
            (16, !sent.source_as.is_empty()),
            (17, !sent.destination_as.is_empty()),
            (34, tells_some(&sent.sample_rate)),
            (95, !sent.application.is_empty()),
            (234, !sent.input_vrf.is_empty()),
            (235, !sent.output_vrf.is_empty()),
            (89, tells_some(&sent.action)),
            (225, tells_some(&sent.nat_source_v4)),
            (226, tells_some(&sent.nat_destination_v4)),
            (281, tells_some(&sent.nat_source_v6)),
            (282, tells_some(&sent.nat_destination_v6)),
            (227, tells_some(&sent.nat_source_port)),
            (228, tells_some(&sent.nat_destination_port)),
            (130, devices > 0),
            (131, false),
        ] {
            prop_assert_eq!(record.number(element).is_some(), told, "element {}", element);
        }
        prop_assert_eq!(record.number(61).is_some(), sent.direction[order(&sent)[0]] != DIRECTION_UNTOLD);
        let flags = |row: usize| (sent.tcp_flags[row], sent.protocol[row]);
        let is_tcp_without = flags(order(&sent)[0]) == (TCP_FLAGS_UNTOLD, 6);
        let seen = sent.tcp_flags.iter().any(|flags| *flags != TCP_FLAGS_UNTOLD);
        prop_assert_eq!(record.number(6).is_some(), seen && !is_tcp_without);
        if let Some(action) = sent.action.get(order(&sent)[0]).filter(|_| tells_some(&sent.action)) {
            prop_assert_eq!(record.number(89), Some([0, 0x40, 0x80][usize::from(*action)]));
        }
    }
}
