//! The parser against bytes that nobody meant as packets, and the few packets that all others are changed from. What
//! each header kind must read as stands in the packet fixtures of the end-to-end tests.

extern crate std;

use std::{vec, vec::Vec};

use proptest::prelude::*;

use super::*;

/// Ethernet, IPv4 with one option word, TCP with SYN and ACK, four octets of payload.
fn tcp_v4() -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00];
    frame.extend([
        0x46, 0x10, 0, 48, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 0,
    ]);
    frame.extend([0x30, 0x39, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x12, 0xff, 0xff, 0, 0, 0, 0]);
    frame.extend([1, 2, 3, 4]);
    frame
}

/// Ethernet, two VLAN tags, two MPLS labels, IPv6 with hop-by-hop options and a first fragment, UDP.
fn udp_v6() -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xa8];
    frame.extend([0, 7, 0x81, 0x00, 0, 8, 0x88, 0x47]);
    frame.extend([0, 1, 0, 64, 0, 1, 1, 64]);
    frame.extend([0x6a, 0xb0, 0, 0, 0, 28, 0, 255]);
    frame.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    frame.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    frame.extend([44, 0, 1, 4, 0, 0, 0, 0]);
    frame.extend([17, 0, 0, 1, 0, 0, 0, 9]);
    frame.extend([0x30, 0x39, 0, 53, 0, 12, 0, 0, 1, 2, 3, 4]);
    frame
}

fn parse_whole(frame: &[u8]) -> Result<Headers, Reject> {
    parse(frame, frame.len() as u32)
}

#[test]
fn reads_every_field_of_an_ipv4_packet() {
    let headers = parse_whole(&tcp_v4()).unwrap();
    let expected = Headers {
        protocol: ip::protocol::TCP,
        tos: 0x10,
        ttl: 64,
        tcp_flags: 0x12,
        ports: 12_345 << 16 | 80,
        octets: 48,
        link_length: 14,
        headers_length: 14 + 24 + 20,
        source: [u32::from_ne_bytes([10, 0, 0, 1]), 0, 0, 0],
        destination: [u32::from_ne_bytes([10, 0, 0, 2]), 0, 0, 0],
        macs: [[2, 0, 0, 0], [0, 1, 2, 0], [0, 0, 0, 2]].map(u32::from_ne_bytes),
        ..Headers::EMPTY
    };
    assert_eq!(headers, expected);
    assert_eq!((headers.source_port(), headers.destination_port()), (12_345, 80));
}

#[test]
fn reads_every_field_of_an_ipv6_packet() {
    let address =
        |last| [[0x20, 1, 0xd, 0xb8], [0; 4], [0; 4], [0, 0, 0, last]].map(u32::from_ne_bytes);
    let expected = Headers {
        v6: true,
        protocol: ip::protocol::UDP,
        tos: 0xab,
        ttl: 255,
        fragment: Fragment::First,
        vlan: 7,
        ports: 12_345 << 16 | 53,
        octets: 68,
        link_length: 30,
        headers_length: 30 + 40 + 8 + 8 + 8,
        source: address(1),
        destination: address(2),
        macs: [[2, 0, 0, 0], [0, 1, 2, 0], [0, 0, 0, 2]].map(u32::from_ne_bytes),
        ..Headers::EMPTY
    };
    assert_eq!(parse_whole(&udp_v6()), Ok(expected));
}

#[test]
fn a_packet_cut_by_a_snapshot_length_keeps_its_octets() {
    for frame in [tcp_v4(), udp_v6()] {
        let whole = parse_whole(&frame).unwrap();
        let cut = parse(&frame[..frame.len() - 14], frame.len() as u32).unwrap();
        assert_eq!(cut.octets, whole.octets);
        assert_eq!((cut.source, cut.destination), (whole.source, whole.destination));
        assert_eq!(cut.tcp_flags, 0, "cut off");
    }
}

#[test]
fn a_packet_without_link_header_reads_as_the_same() {
    for (frame, ethertype) in [(tcp_v4(), ethertype::IPV4), (udp_v6(), ethertype::IPV6)] {
        let framed = parse_whole(&frame).unwrap();
        let packet = &frame[framed.link_length as usize..];
        let bare = parse_network(packet, ethertype, 0, packet.len() as u32, 0, [0; 3]).unwrap();
        let expected = Headers {
            vlan: 0,
            macs: [0; 3],
            link_length: 0,
            headers_length: framed.headers_length - framed.link_length,
            ..framed
        };
        assert_eq!(bare, expected);
    }
}

/// What holds of any bytes that the parser takes for a packet.
fn check(bytes: &[u8], frame_length: u32) -> Result<(), TestCaseError> {
    let Ok(headers) = parse(bytes, frame_length) else { return Ok(()) };
    prop_assert!(headers.link_length as usize <= MAX_LINK_HEADER);
    prop_assert!(headers.link_length + headers.octets <= frame_length);
    let header = if headers.v6 { 40 } else { 20 };
    prop_assert!(headers.octets >= header);
    prop_assert!(headers.headers_length >= headers.link_length + header);
    prop_assert!(headers.vlan < 4096 && headers.tcp_flags < 512);
    prop_assert!(headers.protocol == ip::protocol::TCP || headers.tcp_flags == 0);
    prop_assert!(
        headers.fragment != Fragment::Later || (headers.ports, headers.tcp_flags) == (0, 0)
    );
    if !headers.v6 {
        prop_assert_eq!(
            (&headers.source[1..], &headers.destination[1..]),
            (&[0; 3][..], &[0; 3][..])
        );
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes_are_a_sound_packet_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200), more in 0..9000_u32) {
        check(&bytes, bytes.len() as u32)?;
        check(&bytes, bytes.len() as u32 + more)?;
    }

    #[test]
    fn a_packet_with_changed_octets_is_a_sound_packet_or_none(
        v6 in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut frame = if v6 { udp_v6() } else { tcp_v4() };
        for (at, value) in changes {
            let at = at.index(frame.len());
            frame[at] = value;
        }
        check(&frame, frame.len() as u32)?;
        let whole = frame.len() as u32;
        frame.truncate(cut.index(frame.len()));
        check(&frame, frame.len() as u32)?;
        check(&frame, whole)?;
    }

    #[test]
    fn what_lies_behind_the_packet_changes_nothing(v6 in any::<bool>(), behind in prop::collection::vec(any::<u8>(), 0..64)) {
        let frame = if v6 { udp_v6() } else { tcp_v4() };
        let longer = [&frame[..], &behind[..]].concat();
        prop_assert_eq!(parse_whole(&longer), parse_whole(&frame));
    }
}
