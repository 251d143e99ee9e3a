//! What travels beside flows: statistics, and the names of interfaces.

use super::*;

#[test]
fn statistics_and_interface_names_arrive() {
    let mut encoder = Encoder::new(OPTIONS);
    let long = "ä".repeat(100);
    encoder.set_interfaces(&[
        Interface { index: 2, name: "eth0".into(), description: String::new() },
        Interface { index: 3, name: "veth".into(), description: long.clone() },
    ]);
    assert_eq!(encoder.announce(NOW), Progress::Done);
    let mut messages = vec![(encoder.finish(NOW).unwrap().bytes.to_vec(), Totals::default())];
    encoder.next_message();
    let mut ignored = Loss::default();
    ignored.add(Totals { flows: 0, packets: 3, octets: 180 }, NOW);
    ignored.add(Totals { flows: 0, packets: 1, octets: 60 }, NOW + 5);
    let statistics = Statistics {
        observation_domain: 7,
        process: 42,
        exported_octets: 1001,
        exported_messages: 11,
        exported_flows: 101,
        ignored,
        not_sent: Loss { totals: Totals { flows: 5, packets: 6, octets: 7 }, first: 8, last: 9 },
    };
    encoder.append_statistics(&statistics);
    messages.push((encoder.finish(NOW).unwrap().bytes.to_vec(), Totals::default()));

    let messages = decode_all(&messages, 1400);
    let names: Vec<_> = messages[0].records.iter().map(|record| record.fields.clone()).collect();
    let text = |text: &str| text.as_bytes().to_vec();
    assert_eq!(names[0], [(10, vec![0, 0, 0, 2]), (82, text("eth0")), (83, vec![])]);
    assert_eq!(names[1][2], (83, text(&long[..TEXT_LIMIT])), "cut between characters");
    let numbers: Vec<Vec<_>> = messages[1]
        .records
        .iter()
        .map(|record| {
            let number =
                |value: &Vec<u8>| value.iter().fold(0, |n, octet| n << 8 | u64::from(*octet));
            record.fields.iter().map(|(element, value)| (*element, number(value))).collect()
        })
        .collect();
    assert_eq!(numbers[0], [(149, 7), (143, 42), (41, 11), (42, 101), (40, 1001)]);
    assert_eq!(numbers[1], [(149, 7), (143, 42), (164, 4), (165, 240), (323, NOW), (323, NOW + 5)]);
    assert_eq!(numbers[2], [(144, 42), (166, 5), (167, 6), (168, 7), (323, 8), (323, 9)]);
    let scopes: Vec<_> = messages[1].records.iter().map(|record| record.scope).collect();
    assert_eq!(scopes, [2, 2, 1]);
}

/// The indices of the interfaces whose names `encoder` announces at `now`, over as many messages as that takes.
fn announced_names(encoder: &mut Encoder, decoder: &mut MessageDecoder, now: u64) -> Vec<u64> {
    let mut indices = Vec::new();
    loop {
        let progress = encoder.announce(now);
        if let Some(message) = encoder.finish(now) {
            let records = decoder.decode(message.bytes).unwrap().records;
            indices.extend(records.iter().map(|record| record.number(10).unwrap() as u64));
        }
        encoder.next_message();
        if progress == Progress::Done {
            return indices;
        }
    }
}

fn named(index: u32, name: &str) -> Interface {
    Interface { index, name: name.into(), description: String::new() }
}

#[test]
fn only_names_that_are_new_are_announced_and_all_with_the_templates() {
    let refresh = TemplateRefresh::Every { milliseconds: 1000, messages: 1000 };
    let mut encoder = Encoder::new(EncoderOptions { refresh, ..OPTIONS });
    let mut decoder = MessageDecoder::default();
    let mut names =
        |encoder: &mut Encoder, after: u64| announced_names(encoder, &mut decoder, NOW + after);
    encoder.set_interfaces(&[named(2, "eth0")]);
    assert_eq!(names(&mut encoder, 0), [2]);
    encoder.set_interfaces(&[named(2, "eth0")]);
    assert_eq!(names(&mut encoder, 1), [0; 0], "nothing new");
    encoder.set_interfaces(&[named(2, "eth0"), named(3, "eth1"), named(4, "eth2")]);
    assert_eq!(names(&mut encoder, 2), [3, 4]);
    encoder.set_interfaces(&[named(2, "wan"), named(3, "eth1")]);
    assert_eq!(names(&mut encoder, 3), [2], "renamed");
    encoder.set_interfaces(&[named(3, "eth1"), named(5, "eth3")]);
    encoder.set_interfaces(&[named(3, "eth1")]);
    assert_eq!(names(&mut encoder, 4), [0; 0], "gone before it was announced");
    assert_eq!(names(&mut encoder, 1000), [3], "with the templates, those that are there");
}

#[test]
fn two_thousand_interfaces_one_after_the_other_cost_each_its_own_record() {
    let mut encoder = Encoder::new(OPTIONS);
    let mut decoder = MessageDecoder::default();
    let mut all = Vec::new();
    for index in 1..=2000 {
        all.push(named(index, "veth"));
        encoder.set_interfaces(&all);
        assert_eq!(announced_names(&mut encoder, &mut decoder, NOW), [u64::from(index)]);
    }
}
