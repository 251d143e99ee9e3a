//! Datagrams that lie: those of the corpus cut off and changed at every octet, and made ones. Nothing panics, and the
//! ledger balances.

use std::net::SocketAddr;

use sensor::wire::{
    batches::Batches,
    collector::{Collector, Options},
    exporter::directory::Limits,
    ledger::Skipped,
};

use crate::corpus::{assert_whole, cases, datagrams};

const FROM: &str = "192.0.2.1:2055";

fn from() -> SocketAddr {
    FROM.parse().expect("an address")
}

/// Decodes `octets` with what the collector knows, and checks the books.
fn feed(collector: &mut Collector, batches: &mut Batches, octets: &[u8]) {
    collector.datagram(from(), 1_700_000_000_000, octets, batches);
    let ledger = collector.ledger();
    assert_eq!(ledger.octets, ledger.accounted(), "{octets:x?}\n{ledger:#?}");
}

#[test]
fn datagrams_cut_off_and_changed_at_every_octet() {
    let Some(cases) = cases() else { return };
    for case in cases {
        let mut collector = Collector::new(Options::default());
        let mut batches = Batches::default();
        let all = datagrams(&case);
        let few = all.iter().filter(|datagram| datagram.payload.len() < 2000).take(2);
        for datagram in few {
            let whole = &datagram.payload;
            feed(&mut collector, &mut batches, whole);
            for length in 0..whole.len() {
                feed(&mut collector, &mut batches, &whole[..length]);
            }
            let mut changed = whole.clone();
            for place in 0..whole.len() {
                changed[place] ^= 0xff;
                feed(&mut collector, &mut batches, &changed);
                changed[place] = whole[place];
                batches.take(false, |batch| assert_whole(&batch));
            }
        }
        batches.take(true, |batch| assert_whole(&batch));
    }
}

/// An IPFIX message of these sets.
fn message(sets: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut octets = vec![0; 16];
    octets[1] = 10;
    for (id, body) in sets {
        octets.extend(id.to_be_bytes());
        octets.extend((body.len() as u16 + 4).to_be_bytes());
        octets.extend(body);
    }
    let length = octets.len() as u16;
    octets[2..4].copy_from_slice(&length.to_be_bytes());
    octets
}

/// A template record.
fn template(id: u16, fields: &[(u16, u16)]) -> Vec<u8> {
    let mut octets = [id.to_be_bytes(), (fields.len() as u16).to_be_bytes()].concat();
    for (element, length) in fields {
        octets.extend([element.to_be_bytes(), length.to_be_bytes()].concat());
    }
    octets
}

#[test]
fn templates_that_would_blow_up() {
    let mut collector = Collector::new(Options::default());
    let mut batches = Batches::default();
    let empty = vec![(8, 0); 300];
    feed(&mut collector, &mut batches, &message(&[(2, template(256, &empty))]));
    let long = vec![(8, 60_000); 2];
    feed(&mut collector, &mut batches, &message(&[(2, template(257, &long))]));
    // 65,535 fields are announced, one is there.
    let mut lies = template(258, &[(8, 4)]);
    lies[2..4].copy_from_slice(&[0xff; 2]);
    feed(&mut collector, &mut batches, &message(&[(2, lies)]));
    let ledger = collector.ledger();
    assert_eq!(ledger.skipped[Skipped::TemplateEmpty], 1204);
    assert_eq!(ledger.skipped[Skipped::TemplateTooLong], 12);
    assert_eq!(ledger.skipped[Skipped::TemplateTruncated], 8);
    // 14,000 empty fields beside one octet: a record is an octet, and costs no more than that.
    let mut fields = vec![(8, 0); 14_000];
    fields.push((4, 1));
    let sets = [(2, template(259, &fields)), (259, vec![6; 8000])];
    feed(&mut collector, &mut batches, &message(&sets));
    assert_eq!(collector.ledger().data_records, 8000);
    assert_eq!(collector.ledger().skipped[Skipped::NoFlow], 8000);
}

#[test]
fn sflow_counts_of_billions() {
    let mut collector = Collector::new(Options::default());
    let mut batches = Batches::default();
    let words =
        |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
    let header = [5, 1, 0xc000_0201, 0, 1, 0];
    for count in [0, 1, u32::MAX] {
        let mut datagram = words(&header);
        datagram.extend(words(&[count]));
        feed(&mut collector, &mut batches, &datagram);
        // A flow sample with as many records, and a gateway record with as many path segments.
        for records in [1, u32::MAX] {
            let gateway = [1003, 36, 1, 0xc000_0202, 1, 2, 3, u32::MAX, 2, u32::MAX, 7];
            let mut sample = vec![1, 1, 100, 0, 0, 2, 3, records];
            sample.extend(gateway);
            let mut datagram = words(&header);
            datagram.extend(words(&[count, 1, sample.len() as u32 * 4]));
            datagram.extend(words(&sample));
            feed(&mut collector, &mut batches, &datagram);
        }
    }
    assert_eq!(batches.rows(), 0);
}

#[test]
fn a_flood_of_templates_leaves_an_honest_exporter_alone() {
    let limits = Limits { total: 1 << 20, ..Limits::default() };
    let mut collector = Collector::new(Options { limits, ..Options::default() });
    let mut batches = Batches::default();
    let fields = [(8, 4), (12, 4), (1, 4), (2, 4)];
    let honest = message(&[(2, template(256, &fields)), (256, vec![1; 16])]);
    feed(&mut collector, &mut batches, &honest);
    for number in 0..20_000_u32 {
        let mut flood = message(&[(2, template(256, &fields)), (2, template(257, &fields))]);
        flood[12..16].copy_from_slice(&number.to_be_bytes());
        let source = SocketAddr::from((number.to_be_bytes(), 2055));
        collector.datagram(source, 1_700_000_000_000, &flood, &mut batches);
        // The same from one address with ever new domains.
        collector.datagram(SocketAddr::from(([198, 51, 100, 1], 1)), 1, &flood, &mut batches);
    }
    assert!(collector.exporters().used() <= limits.total, "{}", collector.exporters().used());
    assert!(collector.exporters().evictions > 1000);
    let before = batches.rows();
    feed(&mut collector, &mut batches, &message(&[(256, vec![1; 16])]));
    assert_eq!(batches.rows(), before + 1, "the honest exporter's template is still there");
}
