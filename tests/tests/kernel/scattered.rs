//! Headers that no program can read directly: packets whose first octets alone are in one piece.
//!
//! A test run makes buffers in one piece only, so these packets travel: a packet socket tells the kernel how many octets
//! to keep together, which it does in packets of a page and more.

use aya::programs::TcAttachType;
use sensor_common::{
    layout::names,
    packet::{Reject, parse},
};
use tests::fixtures::{self, Flow, build};

use super::{
    harness::kernel,
    loopback::{Attached, Loopback, VirtioHeader},
};

/// More than a page: the kernel keeps shorter packets in one piece.
const FRAME: usize = 5_000;

/// An Ethernet header is always in one piece.
const ETHERNET: usize = 14;

#[test]
fn headers_in_pieces_read_as_headers_in_one() {
    let Some(mut kernel) = kernel() else { return };
    let loopback = Loopback::new().expect("a namespace with its loopback interface");
    for (hook, program) in [
        (TcAttachType::Egress, names::PROGRAM_TC_EGRESS),
        (TcAttachType::Ingress, names::PROGRAM_TC_INGRESS),
    ] {
        let mut attached = Attached::new(&mut kernel, program, hook);
        for row in fixtures::all() {
            let whole = row.frame.len();
            let mut frame = row.frame;
            // What lies behind the packet is no part of it, and what the row expects of the frame's end has a row that
            // test runs make.
            frame.resize(FRAME, 0);
            let expected = expected(&frame, hook);
            for linear in ETHERNET..=whole {
                let header = VirtioHeader { linear: linear as u16, ..VirtioHeader::default() };
                loopback.send(&frame, header).expect("send");
                let taken = attached.take(1);
                let context = format!("{}, {program}, {linear} octets in one piece", row.name);
                assert_eq!(taken.verdict(&context), expected, "{context}");
                taken.assert_balance(&context);
            }
        }
    }
}

/// What a record must say of `frame` at `hook`: what the parser on the host reads.
fn expected(frame: &[u8], hook: TcAttachType) -> Result<Flow, Reject> {
    let read =
        |frame: &[u8]| parse(frame, frame.len() as u32).map(|headers| fixtures::flow(&headers));
    let tagged = [build::VLAN, build::QINQ].map(u16::to_be_bytes).contains(&[frame[12], frame[13]]);
    if !tagged || hook != TcAttachType::Ingress {
        return read(frame);
    }
    // Before ingress the kernel takes the outer tag out and keeps it beside the frame, where it counts all the same.
    let vlan = u16::from_be_bytes([frame[14], frame[15]]) & 0xfff;
    read(&[&frame[..12], &frame[16..]].concat()).map(|flow| Flow { vlan, ..flow })
}
