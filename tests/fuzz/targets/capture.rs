//! The capture reader and everything behind it: flow records of the frames, and the exports of routers in them. Any file
//! ends, and no frame is lost.

#![no_main]

use std::ops::ControlFlow;

use libfuzzer_sys::fuzz_target;
use sensor::replay::{
    capture::CaptureReader,
    exports::{self, Counts, Datagram},
    packets,
};
use sensor_common::ledger::{Count, Ledger};
use sensor_core::flow::{aggregator::Aggregator, batch::Source, cache::CacheOptions};

fuzz_target!(|file: &[u8]| {
    let Ok(mut capture) = CaptureReader::from_reader(file) else { return };
    let (mut ledger, mut unknown_link) = (Ledger::default(), Count::default());
    let mut recorded = 0;
    let options = CacheOptions { max_flows: 16, ..CacheOptions::default() };
    let mut aggregator = Aggregator::new(Source::Host, options, 0, |batch| {
        recorded += batch.packets.iter().sum::<u64>()
    });
    while let Ok(Some(frame)) = capture.next() {
        aggregator.expire(frame.timestamp_ns / 1_000_000);
        packets::count(&frame, &mut ledger, &mut unknown_link, &mut aggregator);
    }
    aggregator.finish();
    drop(aggregator);
    let others = [ledger.non_ip, ledger.truncated, ledger.malformed, unknown_link];
    assert_eq!(
        ledger.seen.packets,
        recorded + others.iter().map(|count| count.packets).sum::<u64>()
    );

    let Ok(mut capture) = CaptureReader::from_reader(file) else { return };
    let (mut counts, mut octets) = (Counts::default(), 0);
    // Cut short is an answer, too.
    let _ = exports::frames(&mut capture, &mut counts, &mut |datagram: Datagram<'_>| {
        octets += datagram.octets.len();
        ControlFlow::Continue(())
    });
    assert!(octets <= file.len());
});
