//! Datagrams that lie: those of the corpus cut off and changed at every octet, and made ones. Nothing panics, and the
//! ledger balances.

use std::net::SocketAddr;

use sensor_wire::{
    batches::Batches,
    decoder::{Decoder, Options},
    device::directory::Limits,
    ledger::{Ledger, Skipped},
};

use crate::{
    corpus::{assert_whole, cases, datagrams},
    messages::{ipfix as message, template},
};

const FROM: &str = "192.0.2.1:2055";

fn from() -> SocketAddr {
    FROM.parse().expect("an address")
}

/// Decodes `octets` with what the collector knows, and checks the books.
fn feed(decoder: &mut Decoder, batches: &mut Batches, octets: &[u8]) {
    decoder.datagram(from(), 1_700_000_000_000, octets, batches);
    let ledger = decoder.ledger();
    assert_eq!(ledger.octets, ledger.accounted(), "{octets:x?}\n{ledger:#?}");
}

/// Datagrams of a case of which every octet is tried; of the others every eighth.
const THOROUGH: usize = 2;

#[test]
fn datagrams_cut_off_and_changed_at_every_octet() {
    let Some(cases) = cases() else { return };
    for case in cases {
        let mut decoder = Decoder::new(Options::default());
        let mut batches = Batches::default();
        let all = datagrams(&case);
        for (number, datagram) in all.iter().enumerate() {
            let whole = &datagram.payload;
            let (start, step) = if number < THOROUGH { (0, 1) } else { (number % 8, 8) };
            feed(&mut decoder, &mut batches, whole);
            for length in (start..whole.len()).step_by(step) {
                feed(&mut decoder, &mut batches, &whole[..length]);
            }
            let mut changed = whole.clone();
            for place in (start..whole.len()).step_by(step) {
                changed[place] ^= 0xff;
                feed(&mut decoder, &mut batches, &changed);
                changed[place] = whole[place];
                batches.take(false, |batch| assert_whole(&batch));
            }
        }
        batches.take(true, |batch| assert_whole(&batch));
    }
}

#[test]
fn templates_that_would_blow_up() {
    let mut decoder = Decoder::new(Options::default());
    let mut batches = Batches::default();
    let empty = vec![(8, 0); 300];
    feed(&mut decoder, &mut batches, &message(&[(2, template(256, &empty))]));
    let long = vec![(8, 60_000); 2];
    feed(&mut decoder, &mut batches, &message(&[(2, template(257, &long))]));
    // 65,535 fields are announced, one is there.
    let mut lies = template(258, &[(8, 4)]);
    lies[2..4].copy_from_slice(&[0xff; 2]);
    feed(&mut decoder, &mut batches, &message(&[(2, lies)]));
    let ledger = decoder.ledger();
    assert_eq!(ledger.skipped[Skipped::TemplateEmpty], 1204);
    assert_eq!(ledger.skipped[Skipped::TemplateTooLong], 12);
    assert_eq!(ledger.skipped[Skipped::TemplateTruncated], 8);
    // 14,000 empty fields beside one octet: a record is an octet, and costs no more than that.
    let mut fields = vec![(8, 0); 14_000];
    fields.push((4, 1));
    let sets = [(2, template(259, &fields)), (259, vec![6; 8000])];
    feed(&mut decoder, &mut batches, &message(&sets));
    assert_eq!(decoder.ledger().data_records, 8000);
    assert_eq!(decoder.ledger().skipped[Skipped::NoFlow], 8000);
}

#[test]
fn sflow_counts_of_billions() {
    let mut decoder = Decoder::new(Options::default());
    let mut batches = Batches::default();
    let words =
        |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
    let header = [5, 1, 0xc000_0201, 0, 1, 0];
    for count in [0, 1, u32::MAX] {
        let mut datagram = words(&header);
        datagram.extend(words(&[count]));
        feed(&mut decoder, &mut batches, &datagram);
        // A flow sample with as many records, and a gateway record with as many path segments.
        for records in [1, u32::MAX] {
            let gateway = [1003, 36, 1, 0xc000_0202, 1, 2, 3, u32::MAX, 2, u32::MAX, 7];
            let mut sample = vec![1, 1, 100, 0, 0, 2, 3, records];
            sample.extend(gateway);
            let mut datagram = words(&header);
            datagram.extend(words(&[count, 1, sample.len() as u32 * 4]));
            datagram.extend(words(&sample));
            feed(&mut decoder, &mut batches, &datagram);
        }
    }
    assert_eq!(batches.rows(), 0);
}

#[test]
fn a_flood_of_templates_leaves_an_honest_device_alone() {
    let limits = Limits { total: 1 << 20, ..Limits::default() };
    let mut decoder = Decoder::new(Options { limits, ..Options::default() });
    let mut batches = Batches::default();
    let fields = [(8, 4), (12, 4), (1, 4), (2, 4)];
    let honest = message(&[(2, template(256, &fields)), (256, vec![1; 16])]);
    feed(&mut decoder, &mut batches, &honest);
    for number in 0..20_000_u32 {
        let mut flood = message(&[(2, template(256, &fields)), (2, template(257, &fields))]);
        flood[12..16].copy_from_slice(&number.to_be_bytes());
        let source = SocketAddr::from((number.to_be_bytes(), 2055));
        decoder.datagram(source, 1_700_000_000_000, &flood, &mut batches);
        // The same from one address with ever new domains.
        decoder.datagram(SocketAddr::from(([198, 51, 100, 1], 1)), 1, &flood, &mut batches);
    }
    assert!(decoder.directory().used() <= limits.total, "{}", decoder.directory().used());
    assert!(decoder.directory().evicted.count > 1000);
    let before = batches.rows();
    feed(&mut decoder, &mut batches, &message(&[(256, vec![1; 16])]));
    assert_eq!(batches.rows(), before + 1, "the honest device's template is still there");
}

/// The ledger after a fresh collector was fed these.
fn ledger_of(datagrams: &[Vec<u8>]) -> Ledger {
    let mut decoder = Decoder::new(Options::default());
    let mut batches = Batches::default();
    for octets in datagrams {
        feed(&mut decoder, &mut batches, octets);
    }
    decoder.ledger()
}

#[test]
fn a_template_of_65535_fields() {
    // As many as fit a message: the count says more than there are.
    let mut octets = template(256, &[(8, 4); 16_000]);
    octets[2..4].copy_from_slice(&[0xff; 2]);
    let ledger = ledger_of(&[message(&[(2, octets)])]);
    assert_eq!(ledger.skipped[Skipped::TemplateTruncated], 64_004);
    // In NetFlow 9, whose messages have no length, all of them: records of 65,535 octets.
    let mut octets = vec![0, 9, 0, 1];
    octets.extend([0; 16]);
    let fields = template(256, &[(4, 1); 16_350]);
    octets.extend([0, 0]);
    octets.extend((fields.len() as u16 + 4).to_be_bytes());
    octets.extend(&fields);
    let ledger = ledger_of(&[octets]);
    assert_eq!(ledger.templates, fields.len() as u64);
}

#[test]
fn lists_within_lists() {
    // Basic lists (RFC 6313) of basic lists, each of one element less than its holder is long: passed over whole.
    let mut list = Vec::new();
    for _ in 0..200 {
        // Semantic, element 291, variable length, then the length of what follows.
        let length = (list.len() as u16).to_be_bytes();
        list = [&[3, 1, 0x23, 0xff, 0xff, 255, length[0], length[1]], &list[..]].concat();
    }
    let length = (list.len() as u16).to_be_bytes();
    let record = [&[10, 0, 0, 1, 255, length[0], length[1]], &list[..]].concat();
    let fields = template(256, &[(8, 4), (291, 0xffff)]);
    let ledger = ledger_of(&[message(&[(2, fields.clone()), (256, record.clone())])]);
    assert_eq!((ledger.flow_rows, ledger.flows), (1, record.len() as u64));
    // The outermost says that it is longer than its set.
    let lies = [&record[..5], &[0xff, 0xff], &record[7..]].concat();
    let ledger = ledger_of(&[message(&[(2, fields), (256, lies.clone())])]);
    assert_eq!(ledger.skipped[Skipped::RecordTruncated], lies.len() as u64);
}

#[test]
fn lengths_that_lie() {
    let fields = template(256, &[(8, 4), (12, 4)]);
    let whole = message(&[(2, fields), (256, vec![1; 16])]);
    // The message says that it is shorter than its header, and longer than it is.
    for length in [0_u16, 15, 17, u16::MAX] {
        let mut lies = whole.clone();
        lies[2..4].copy_from_slice(&length.to_be_bytes());
        let ledger = ledger_of(&[lies]);
        assert_eq!(ledger.octets, ledger.accounted(), "{length}");
    }
    // The data set says so.
    for (length, reason) in [(0_u16, Skipped::SetTooShort), (3, Skipped::SetTooShort)] {
        let mut lies = whole.clone();
        let place = whole.len() - 18;
        lies[place..place + 2].copy_from_slice(&length.to_be_bytes());
        assert_eq!(ledger_of(&[lies]).skipped[reason], 20, "{length}");
    }
    let mut lies = whole.clone();
    let place = whole.len() - 18;
    lies[place..place + 2].copy_from_slice(&[0xff; 2]);
    let ledger = ledger_of(&[lies]);
    assert_eq!(ledger.flow_rows, 2, "whole records are read: {ledger:#?}");
}

#[test]
fn the_longest_datagram_of_all() {
    const LONGEST: usize = 65_507;
    for version in [5_u8, 7, 9, 10] {
        for fill in [0, 1, 0xff] {
            let mut octets = vec![fill; LONGEST];
            octets[..2].copy_from_slice(&[0, version]);
            let ledger = ledger_of(&[octets]);
            assert_eq!(ledger.accounted(), LONGEST as u64, "{version} {fill}");
        }
    }
    let mut octets = vec![0; LONGEST];
    octets[..8].copy_from_slice(&[0, 0, 0, 5, 0, 0, 0, 1]);
    assert_eq!(ledger_of(&[octets]).accounted(), LONGEST as u64);
    // Full of records.
    let fields = template(256, &[(8, 4), (12, 4)]);
    let mut sets = vec![(2, fields)];
    sets.extend([(256, vec![1; 32_000]), (256, vec![1; 32_000])]);
    let ledger = ledger_of(&[message(&sets)]);
    assert_eq!(ledger.flow_rows, 8000);
}

#[test]
fn all_versions_by_one_port() {
    let fields = template(256, &[(8, 4), (12, 4)]);
    let ipfix = message(&[(2, fields.clone()), (256, vec![1; 8])]);
    let mut netflow9 = vec![0, 9, 0, 1];
    netflow9.extend([0; 16]);
    // The same template number with another layout.
    let turned = template(256, &[(12, 4), (8, 4), (1, 4)]);
    netflow9.extend([0, 0]);
    netflow9.extend((turned.len() as u16 + 4).to_be_bytes());
    netflow9.extend(turned);
    netflow9.extend([1, 0, 0, 16]);
    netflow9.extend([1; 12]);
    let mut netflow5 = vec![0, 5, 0, 1];
    netflow5.extend([0; 20 + 48]);
    let sflow = [5, 1, 0xc000_0201, 0, 1, 0, 0].map(u32::to_be_bytes).concat();
    let unknown = vec![0, 11, 7, 7];
    let ledger =
        ledger_of(&[ipfix.clone(), netflow9, netflow5, sflow, unknown, ipfix, Vec::new(), vec![0]]);
    assert_eq!((ledger.flow_rows, ledger.datagrams), (4, 8));
    assert_eq!(ledger.skipped[Skipped::Version], 4 + 1);
    assert_eq!(ledger.octets, ledger.accounted());
}
