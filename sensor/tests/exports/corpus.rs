//! The corpus of export datagrams: where it lies, its datagrams, and what the collector makes of them.
//!
//! The corpus is optional: it lies where `SENSOR_CORPORA` says, else beside the workspace in `../shared/corpora`.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use sensor::replay::capture::CaptureReader;
use sensor_common::packet;
use sensor_core::flow::batch::{Addresses, FlowBatch};
use sensor_wire::{
    batches::Batches,
    decoder::{Decoder, Options},
};

use crate::corpora;

/// A datagram of a capture.
pub struct Datagram {
    pub from: SocketAddr,
    /// Milliseconds since the epoch.
    pub received: u64,
    pub payload: Vec<u8>,
}

/// The folders of all cases, by name; none when there is no corpus.
pub fn cases() -> Option<Vec<PathBuf>> {
    let exports = corpora::folder("exports")?;
    let cases = corpora::entries(&exports);
    assert!(cases.len() > 200, "{} cases in {}", cases.len(), exports.display());
    Some(cases)
}

/// The case's name.
pub fn name(case: &Path) -> &str {
    case.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// The UDP payloads in the case's capture.
pub fn datagrams(case: &Path) -> Vec<Datagram> {
    let mut reader = CaptureReader::open(&case.join("input.pcap")).expect("a capture");
    let mut datagrams = Vec::new();
    while let Some(frame) = reader.next().expect("a whole capture") {
        let headers = packet::parse(frame.data, frame.data.len() as u32).expect("an IP packet");
        let source: IpAddr = if headers.v6 {
            let words = headers.source.map(u32::from_be);
            let number = words.iter().fold(0, |number, word| number << 32 | u128::from(*word));
            IpAddr::V6(number.into())
        } else {
            IpAddr::V4(u32::from_be(headers.source[0]).into())
        };
        let end = headers.link_length as usize + headers.octets as usize;
        datagrams.push(Datagram {
            from: SocketAddr::new(source, headers.source_port()),
            received: frame.timestamp_ns / 1_000_000,
            payload: frame.data[headers.headers_length as usize..end].to_vec(),
        });
    }
    datagrams
}

/// The collector after all datagrams of a case, and its flows. The ledger must balance after each.
pub fn collect(case: &Path) -> (Decoder, Batches) {
    let mut decoder = Decoder::new(Options { keep_options: true, ..Options::default() });
    let mut batches = Batches::default();
    for datagram in datagrams(case) {
        decoder.datagram(datagram.from, datagram.received, &datagram.payload, &mut batches);
        let ledger = decoder.ledger();
        assert_eq!(ledger.octets, ledger.accounted(), "{}: {ledger:#?}", name(case));
    }
    for batch in batches.all() {
        assert_whole(batch);
    }
    (decoder, batches)
}

/// Every column has a value for every row, or none at all.
pub fn assert_whole(batch: &FlowBatch) {
    let rows = batch.len();
    let (source, destination) = match &batch.addresses {
        Addresses::V4 { source, destination } => (source.len(), destination.len()),
        Addresses::V6 { source, destination } => (source.len(), destination.len()),
    };
    let all = [
        source,
        destination,
        batch.source_port.len(),
        batch.destination_port.len(),
        batch.icmp_type_code.len(),
        batch.protocol.len(),
        batch.tos.len(),
        batch.tcp_flags.len(),
        batch.interface.len(),
        batch.direction.len(),
        batch.vlan.len(),
        batch.octets.len(),
        batch.packets.len(),
        batch.start.len(),
        batch.end.len(),
        batch.fragment.len(),
        batch.folded.len(),
        batch.end_reason.len(),
        batch.device.len(),
        batch.version.len(),
        batch.received.len(),
        batch.sample_rate.len(),
    ];
    assert!(all.iter().all(|length| *length == rows), "{all:?} for {rows} rows");
    let optional = [
        batch.layer2_octets.len(),
        batch.ttl_min.len(),
        batch.ttl_max.len(),
        batch.source_mac.len(),
        batch.destination_mac.len(),
        batch.output_interface.len(),
        batch.destination_vlan.len(),
        batch.next_hop_v4.len(),
        batch.next_hop_v6.len(),
        batch.source_as.len(),
        batch.destination_as.len(),
        batch.action.len(),
        batch.application.len(),
        batch.input_vrf.len(),
        batch.output_vrf.len(),
    ];
    assert!(
        optional.iter().all(|length| *length == rows || *length == 0),
        "{optional:?} of {rows}"
    );
}
