//! What goes in comes out again, and the framing is as RFC 7011 says.

use proptest::prelude::*;
use sensor_common::key::Direction;
use sensor_core::flow::{
    batch::{Addresses, DIRECTION_UNTOLD, FlowBatch, Source, TCP_FLAGS_UNTOLD},
    columns::Column,
    fields::{FIELDS, Row, Value},
    interfaces::Interfaces,
    protocol,
    testing::{told_by_others, told_by_router},
    totals::Totals,
};

use super::{
    decode::{DecodedMessage, MessageDecoder, Record, split_message},
    encode::{Encoder, EncoderOptions, MINIMUM_MESSAGE_SIZE, Progress, TemplateRefresh},
    options::{Interface, Loss, Statistics, TEXT_LIMIT},
    template::RowClass,
};
use crate::{batches::Batches, decoder::Decoder, ledger::Skipped};

mod flows;
mod options;

const OPTIONS: EncoderOptions = EncoderOptions {
    message_size: 1400,
    observation_domain: 7,
    refresh: TemplateRefresh::Never,
    hits: None,
};
const NOW: u64 = 1_700_000_000_123;

/// A batch of which row n has the n-th of `rows` as its seed: every field differs, every bit is used.
fn batch(ip_version: u8, rows: &[(u64, bool)]) -> FlowBatch {
    let mut batch = match ip_version {
        4 => FlowBatch::v4(Source::Host),
        _ => FlowBatch::v6(Source::Host),
    };
    for (seed, folded) in rows {
        let mut state = *seed;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state ^ state >> 33
        };
        let mut wide = || u128::from(random()) << 64 | u128::from(random());
        match &mut batch.addresses {
            Addresses::V4 { source, destination } => {
                source.push(wide() as u32);
                destination.push(wide() as u32);
            }
            Addresses::V6 { source, destination } => {
                source.push(wide());
                destination.push(wide());
            }
        }
        batch.source_port.push(random() as u16);
        batch.destination_port.push(random() as u16);
        batch.icmp_type_code.push(random() as u16);
        batch.protocol.push(random() as u8);
        batch.tos.push(random() as u8);
        batch.tcp_flags.push(random() as u16 & !TCP_FLAGS_UNTOLD);
        batch.interface.push(random() as u32);
        batch.direction.push(random() as u8 & 1);
        batch.vlan.push(random() as u16);
        batch.octets.push(random());
        batch.packets.push(random());
        batch.layer2_octets.push(random());
        batch.start.push(random());
        batch.end.push(random());
        batch.ttl_min.push(random() as u8);
        batch.ttl_max.push(random() as u8);
        batch.source_mac.push(random().to_be_bytes()[..6].try_into().unwrap());
        batch.destination_mac.push(random().to_be_bytes()[..6].try_into().unwrap());
        batch.fragment.push(0);
        batch.folded.push(u8::from(*folded));
        batch.end_reason.push(random() as u8);
        batch.initiator.push((random() % 3) as u8);
    }
    batch
}

/// The record that row `row` must become, from IANA's registry and not from the templates: (element, octets, value).
fn expected(batch: &FlowBatch, row: usize) -> Vec<(u16, usize, u128)> {
    let mac = |mac: [u8; 6]| mac.iter().fold(0, |number, octet| number << 8 | u128::from(*octet));
    let egress = batch.direction[row] == Direction::Egress as u8;
    let (ingress_interface, egress_interface) =
        if egress { (0, batch.interface[row]) } else { (batch.interface[row], 0) };
    let mut fields = match &batch.addresses {
        Addresses::V4 { source, destination } => {
            vec![(8, 4, source[row].into()), (12, 4, destination[row].into())]
        }
        Addresses::V6 { source, destination } => {
            vec![(27, 16, source[row]), (28, 16, destination[row])]
        }
    };
    let v6 = batch.ip_version() == 6;
    fields.extend([
        (if v6 { 139 } else { 32 }, 2, batch.icmp_type_code[row].into()),
        (7, 2, batch.source_port[row].into()),
        (11, 2, batch.destination_port[row].into()),
        (4, 1, batch.protocol[row].into()),
        (5, 1, batch.tos[row].into()),
        (6, 2, batch.tcp_flags[row].into()),
        (61, 1, batch.direction[row].into()),
        (10, 4, ingress_interface.into()),
        (14, 4, egress_interface.into()),
        (58, 2, batch.vlan[row].into()),
        (1, 8, batch.octets[row].into()),
        (2, 8, batch.packets[row].into()),
        (352, 8, batch.layer2_octets[row].into()),
        (152, 8, batch.start[row].into()),
        (153, 8, batch.end[row].into()),
        (136, 1, batch.end_reason[row].into()),
        (239, 1, batch.initiator[row].into()),
        (52, 1, batch.ttl_min[row].into()),
        (53, 1, batch.ttl_max[row].into()),
        (56, 6, mac(batch.source_mac[row])),
        (80, 6, mac(batch.destination_mac[row])),
        (60, 1, batch.ip_version().into()),
    ]);
    fields.sort_unstable();
    fields
}

/// What a decoded record holds, in the same shape, without its `flowKeyIndicator`.
fn held(record: &Record) -> Vec<(u16, usize, u128)> {
    let mut fields: Vec<_> = record
        .fields
        .iter()
        .filter(|(element, _)| *element != 173)
        .map(|(element, value)| (*element, value.len(), record.number(*element).unwrap()))
        .collect();
    fields.sort_unstable();
    fields
}

fn encode_all(encoder: &mut Encoder, batches: &[FlowBatch]) -> Vec<(Vec<u8>, Totals)> {
    let mut messages = Vec::new();
    for batch in batches {
        encoder
            .encode(batch, NOW, |message| messages.push((message.bytes.to_vec(), message.totals)));
    }
    messages
}

fn has_empty_set(message: &[u8]) -> bool {
    let mut sets = &message[16..];
    while let [_, _, high, low, ..] = *sets {
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length <= 4 {
            return true;
        }
        sets = &sets[length..];
    }
    false
}

fn flows(messages: &[DecodedMessage]) -> impl Iterator<Item = &Record> {
    messages.iter().flat_map(|message| &message.records).filter(|record| record.scope == 0)
}

/// Decodes and checks what must be true of any sequence of messages of one session.
fn decode_all(messages: &[(Vec<u8>, Totals)], limit: usize) -> Vec<DecodedMessage> {
    let mut decoder = MessageDecoder::default();
    let mut sequence = 0;
    let mut decoded = Vec::new();
    for (bytes, totals) in messages {
        assert!(bytes.len() <= limit);
        assert_eq!(split_message(bytes).unwrap(), (&bytes[..], &[][..]));
        assert!(!has_empty_set(bytes));
        let message = decoder.decode(bytes).unwrap();
        assert_eq!(message.sequence, sequence, "counts the data records before");
        assert_eq!((message.export_time, message.observation_domain), (1_700_000_000, 7));
        sequence += message.records.len() as u32;
        let sum = |element| {
            flows(std::slice::from_ref(&message))
                .fold(0u64, |sum, record| sum.wrapping_add(record.number(element).unwrap() as u64))
        };
        assert_eq!((totals.packets, totals.octets), (sum(2), sum(1)));
        decoded.push(message);
    }
    decoded
}

proptest! {
    #[test]
    fn decoding_inverts_encoding(
        v4 in prop::collection::vec(any::<(u64, bool)>(), 0..60),
        v6 in prop::collection::vec(any::<(u64, bool)>(), 0..60),
        message_size in 0..=u16::MAX,
    ) {
        let batches = [batch(4, &v4), batch(6, &v6)];
        let mut encoder = Encoder::new(EncoderOptions { message_size, ..OPTIONS });
        let messages = encode_all(&mut encoder, &batches);
        let messages = decode_all(&messages, message_size.max(MINIMUM_MESSAGE_SIZE).into());

        let mut wanted = Vec::new();
        for batch in &batches {
            for folded in [0, 1] {
                let rows = (0..batch.len()).filter(|row| batch.folded[*row] == folded);
                wanted.extend(rows.map(|row| (batch, row)));
            }
        }
        prop_assert_eq!(flows(&messages).count(), wanted.len());
        for (record, (batch, row)) in flows(&messages).zip(wanted) {
            prop_assert_eq!(held(record), expected(batch, row));
            prop_assert_eq!(record.number(173).is_some(), batch.folded[row] == 1);
        }
    }

    #[test]
    fn foreign_octets_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300), body in prop::collection::vec(0..6u8, 0..80)) {
        let mut decoder = MessageDecoder::default();
        let _ = decoder.decode(&bytes);
        let mut message = vec![0, 10, 0, 16 + body.len() as u8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        message.extend(&body);
        let _ = decoder.decode(&message);
        let _ = split_message(&bytes);
    }

    #[test]
    fn a_truncated_message_is_told(cut in 0..1000usize) {
        let messages = encode_all(&mut Encoder::new(OPTIONS), &[batch(4, &[(1, false); 5])]);
        let whole = &messages[0].0;
        prop_assert!(MessageDecoder::default().decode(&whole[..cut.min(whole.len() - 1)]).is_err());
    }
}

#[test]
fn the_first_message_is_as_the_rfc_draws_it() {
    let mut batch = batch(4, &[(1, false)]);
    batch.octets[0] = 0x0102_0304_0506_0708;
    let (message, totals) = encode_all(&mut Encoder::new(OPTIONS), &[batch]).remove(0);
    assert_eq!(totals.flows, 1);
    assert_eq!(message[..2], [0, 10], "version");
    assert_eq!(message[2..4], (message.len() as u16).to_be_bytes(), "length");
    assert_eq!(message[4..8], 1_700_000_000u32.to_be_bytes(), "export time");
    assert_eq!(message[8..12], [0; 4], "no data records sent before");
    assert_eq!(message[12..16], [0, 0, 0, 7], "observation domain");
    assert_eq!(message[16..18], [0, 2], "template set");
    assert_eq!(
        message[20..28],
        [1, 0, 0, 24, 0, 8, 0, 4],
        "template 256, 24 fields, element 8 of 4 octets"
    );
    let set = message.len() - 4 - 86;
    assert_eq!(message[set..set + 4], [1, 0, 0, 90], "data set of template 256");
}

#[test]
fn messages_are_filled() {
    let messages = encode_all(&mut Encoder::new(OPTIONS), &[batch(4, &[(1, false); 200])]);
    let (_, full) = messages.split_last().unwrap();
    for (message, _) in full {
        assert!(message.len() + 86 > 1400, "{} octets leave room for a record", message.len());
    }
}

#[test]
fn records_of_small_batches_share_a_message() {
    let mut encoder = Encoder::new(OPTIONS);
    for seed in 0..3 {
        let batch = batch(4, &[(seed, false)]);
        assert_eq!(encoder.append(&batch, &mut Default::default(), NOW), Progress::Done);
    }
    assert_eq!(encoder.pending().flows, 3);
    assert_eq!(encoder.finish(NOW).unwrap().totals.flows, 3);
    encoder.next_message();
    assert!(encoder.finish(NOW).is_none());
}

#[test]
fn the_key_of_a_folded_flow_lacks_its_remote_end() {
    let mut batch = batch(6, &[(1, true), (2, true)]);
    batch.direction = vec![Direction::Ingress as u8, Direction::Egress as u8];
    let messages = decode_all(&encode_all(&mut Encoder::new(OPTIONS), &[batch]), 1400);
    let key = |record: &Record| -> Vec<u16> {
        let indicator = record.number(173).unwrap();
        let fields = record.fields.iter().enumerate();
        fields.filter(|(n, _)| indicator >> n & 1 == 1).map(|(_, (element, _))| *element).collect()
    };
    let keys: Vec<_> = flows(&messages).map(key).collect();
    assert_eq!(keys[0], [28, 139, 11, 4, 5, 61, 10, 14, 58, 60], "ingress: the source is remote");
    assert_eq!(keys[1], [27, 7, 4, 5, 61, 10, 14, 58, 60], "egress: the destination is remote");
}

#[test]
fn templates_come_again_after_the_interval_or_the_messages() {
    let refresh = TemplateRefresh::Every { milliseconds: 1000, messages: 3 };
    let mut encoder = Encoder::new(EncoderOptions { refresh, ..OPTIONS });
    let batch = batch(4, &[(1, false)]);
    let mut announces = |now| {
        let mut templates = 0;
        encoder.encode(&batch, now, |message| {
            templates +=
                MessageDecoder::default().decode(message.bytes).map_or(0, |m| m.templates.len());
        });
        templates > 0
    };
    let told: Vec<_> = [0, 1, 2, 3, 4, 1003, 1004].into_iter().map(&mut announces).collect();
    assert_eq!(told, [true, false, false, true, false, true, false]);
}

#[test]
fn on_a_reliable_transport_templates_come_once() {
    let batches = vec![batch(4, &[(1, false); 100]); 50];
    let messages = decode_all(&encode_all(&mut Encoder::new(OPTIONS), &batches), 1400);
    let templates: Vec<_> = messages.iter().flat_map(|message| &message.templates).collect();
    assert_eq!(templates.len(), 4 + 4);
}

#[test]
fn the_smallest_message_holds_every_piece() {
    let mut encoder = Encoder::new(EncoderOptions { message_size: 0, ..OPTIONS });
    encoder.set_interfaces(&[Interface {
        index: 1,
        name: "n".repeat(200),
        description: "d".repeat(200),
    }]);
    let mut messages = encode_all(&mut encoder, &[batch(6, &[(1, false), (2, true)])]);
    encoder.append_statistics(&Statistics::default());
    messages.push((encoder.finish(NOW).unwrap().bytes.to_vec(), Totals::default()));
    let messages = decode_all(&messages, MINIMUM_MESSAGE_SIZE.into());
    assert_eq!(messages.iter().map(|message| message.templates.len()).sum::<usize>(), 8);
    assert_eq!(messages.iter().map(|message| message.records.len()).sum::<usize>(), 1 + 2 + 3);
}

#[test]
fn a_template_that_would_blow_up_records_is_refused() {
    let mut message = vec![0, 10, 0, 28, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    message.extend([0, 2, 0, 12, 1, 0, 0, 1, 0, 8, 0, 0]);
    assert_eq!(MessageDecoder::default().decode(&message), Err(Skipped::TemplateEmpty));
}
