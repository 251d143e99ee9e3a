//! `decode --raw` and `decode --compare`: any datagrams of one device, one after the other, through netflow_parser to text and
//! JSON, and through both decoders at once.

#![no_main]

mod stream;

use libfuzzer_sys::fuzz_target;
use sensor::{
    agent::exports::raw::{
        self,
        compare::{Comparer, report::Capture},
    },
    replay::exports::Datagram,
};

fuzz_target!(|octets: &[u8]| {
    let Ok(mut decoder) = raw::ReferenceDecoder::new() else { return };
    let from = ([192, 0, 2, 1], 2055).into();
    let Ok(mut comparer) = Comparer::new(Default::default()) else { return };
    let (mut capture, mut differences) = (Capture::default(), 0_u64);
    let mut line = String::new();
    stream::each(octets, |octets| {
        let datagram = Datagram { from, to: None, received: 1_700_000_000_000, octets };
        for json in [false, true] {
            line.clear();
            raw::write(&mut decoder, &datagram, json, &mut line);
            assert!(!line.is_empty());
        }
        comparer.datagram(&datagram, &mut capture, &mut |_| differences += 1);
        assert_eq!(capture.differences, differences, "what is counted is told");
    });
});
