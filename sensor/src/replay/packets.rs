//! Captured frames into flow counts, through the packet parser that runs in the kernel.

use sensor_common::{
    key::{Common, Direction, KeyV4, KeyV6},
    ledger::{Count, Ledger},
    packet::{self, Headers, Reject},
    segments::Segments,
    table::Increment,
};
use sensor_core::flow::delta::{DeltaSink, FlowDelta};

use super::{capture::Frame, link::Link};

/// Counts `frame` in `ledger`, and in its flow in `sink`, or in `unknown_link` when its link type cannot be read. The
/// interface is 0 and the direction ingress: a capture does not tell.
pub fn count(
    frame: &Frame<'_>,
    ledger: &mut Ledger,
    unknown_link: &mut Count,
    sink: &mut impl DeltaSink,
) {
    let frame_length = frame.wire_length.max(frame.data.len() as u32);
    ledger.seen.add(1, frame_length.into());
    let Some(parsed) = parse(frame, frame_length) else {
        unknown_link.add(1, frame_length.into());
        return;
    };
    let headers = match parsed {
        Ok(headers) => headers,
        Err(reason) => return ledger.reject(reason).add(1, frame_length.into()),
    };
    let increment = Increment::new(&headers, frame_length, &Segments::ONE);
    let delta = FlowDelta::packet(&increment, headers.macs, frame.timestamp_ns / 1_000_000);
    let common = Common::new(&headers, 0, Direction::Ingress, headers.vlan);
    if headers.v6 {
        let key = KeyV6 { source: headers.source, destination: headers.destination, common };
        sink.v6(&key.pack(), &delta);
    } else {
        let key = KeyV4 { source: headers.source[0], destination: headers.destination[0], common };
        sink.v4(&key.pack(), &delta);
    }
}

/// `None`: a link type that cannot be read.
fn parse(frame: &Frame<'_>, frame_length: u32) -> Option<Result<Headers, Reject>> {
    Some(match Link::of(frame) {
        Link::Ethernet => packet::parse(frame.data, frame_length),
        Link::Other(Some(ethertype), offset) => {
            packet::parse_network(frame.data, ethertype, offset, frame_length, 0, [0; 3])
        }
        Link::Other(None, _) => Err(Reject::Truncated),
        Link::Unknown => return None,
    })
}
