//! A stream of datagrams, two octets of length before each; through the decoder, whose books must balance.

#![allow(dead_code, reason = "no target uses all of it")]

use sensor_wire::{
    batches::Batches,
    decoder::{Decoder, Options},
};

/// Hands the datagrams in `octets` on, one after the other.
pub fn each(octets: &[u8], mut datagram: impl FnMut(&[u8])) {
    let mut rest = octets;
    while let Some((length, behind)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(behind.len());
        let (octets, behind) = behind.split_at(length);
        datagram(octets);
        rest = behind;
    }
}

/// Decodes the datagrams in `octets`, each after `prepare`.
pub fn collect(octets: &[u8], prepare: impl Fn(&mut [u8])) {
    let options = Options { inner_headers: true, keep_options: true, ..Options::default() };
    let mut decoder = Decoder::new(options);
    let mut batches = Batches::default();
    let from = ([192, 0, 2, 1], 2055).into();
    each(octets, |datagram| {
        let mut datagram = datagram.to_vec();
        prepare(&mut datagram);
        decoder.datagram(from, 1_700_000_000_000, &datagram, &mut batches);
        let ledger = decoder.ledger();
        assert_eq!(ledger.octets, ledger.accounted());
    });
    batches.take(true, |batch| assert_eq!(batch.len(), batch.octets.len()));
}
