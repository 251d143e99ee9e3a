//! Super-packets: one buffer in the kernel, many packets on the wire.

use aya::programs::TcAttachType;
use sensor_common::{layout::names, ledger::Count};
use tests::fixtures::build::*;

use super::{
    harness::kernel,
    loopback::{Attached, Loopback, VirtioHeader},
};

#[test]
fn a_super_packet_counts_as_the_wire_will_have_it() {
    let Some(mut kernel) = kernel() else { return };
    let packet = ipv4(TCP, &tcp(0x18, 3_000));
    let frame = ethernet(VLAN, &tag(5, IPV4, &packet));
    // With the kernel's count of segments, and without, as virtual machines hand packets over.
    for (segments, size, expected) in [(3, 1_000, 3), (0, 1_000, 3), (0, 999, 4), (0, 0, 1)] {
        kernel.run_tc(names::PROGRAM_TC_EGRESS, &frame, Some(&skb(segments, size, 0)));
        let taken = kernel.take(0);
        let context = format!("{segments} segments of {size}");
        let slot = &taken.v4[0];
        assert_eq!(slot.packets, expected, "{context}");
        assert_eq!(slot.octets, u64::from(expected) * 40 + 3_000, "{context}");
        assert_eq!(slot.overhead, expected * 18, "{context}");
        let further = u64::from(expected - 1);
        let segmented = Count { packets: further, octets: further * 58 };
        assert_eq!(taken.ledger.segmented, segmented, "{context}");
        assert_eq!(taken.ledger.seen.octets, frame.len() as u64, "{context}");
        taken.assert_balance(&context);
    }
}

/// `struct __sk_buff` (include/uapi/linux/bpf.h) with what a super-packet has in it.
fn skb(segments: u32, size: u32, wire_length: u32) -> [u8; 192] {
    let mut skb = [0; 192];
    skb[160..164].copy_from_slice(&wire_length.to_ne_bytes());
    skb[164..168].copy_from_slice(&segments.to_ne_bytes());
    skb[176..180].copy_from_slice(&size.to_ne_bytes());
    skb
}

/// Frames with a packet in a tunnel, and the octets before its payload.
fn tunnels() -> Vec<(&'static str, Vec<u8>, usize)> {
    let inner_v4 = ipv4(TCP, &tcp(0x18, PAYLOAD));
    let inner_v6 = ipv6(UDP, &udp(PAYLOAD));
    let (frame_v4, frame_v6) = (ethernet(IPV4, &inner_v4), ethernet(IPV6, &inner_v6));
    let tagged = ethernet(VLAN, &tag(5, IPV4, &inner_v4));
    let over_udp = |header: &[u8], inner: &[u8]| {
        let mut datagram = udp(header.len() + inner.len());
        datagram[8..].copy_from_slice(&[header, inner].concat());
        datagram
    };
    let vxlan = [8, 0, 0, 0, 0, 0, 5, 0];
    let gpe = |next| [0x0c, 0, 0, next, 0, 0, 5, 0];
    let geneve = |words: u8, kind: u16| {
        let mut header = vec![words, 0];
        header.extend(kind.to_be_bytes());
        header.resize(8 + usize::from(words) * 4, 0);
        header
    };
    let gre = |flags: u16, kind: u16, inner: &[u8]| {
        let mut packet = [flags.to_be_bytes(), kind.to_be_bytes()].concat();
        packet.resize(4 + flags.count_ones() as usize * 4, 0);
        packet.extend(inner);
        packet
    };
    let (tcp_v4, udp_v6) = (20 + 20, 40 + 8);
    let in_v4 = |protocol, payload: &[u8]| ethernet(IPV4, &ipv4(protocol, payload));
    let in_v6 = |protocol, payload: &[u8]| ethernet(IPV6, &ipv6(protocol, payload));
    let mut rows: Vec<(&str, Vec<u8>, usize)> = vec![
        ("VXLAN", in_v4(UDP, &over_udp(&vxlan, &frame_v4)), 34 + 8 + 8 + 14 + tcp_v4),
        ("VXLAN over IPv6", in_v6(UDP, &over_udp(&vxlan, &frame_v6)), 54 + 8 + 8 + 14 + udp_v6),
        ("VXLAN, tag inside", in_v4(UDP, &over_udp(&vxlan, &tagged)), 34 + 8 + 8 + 18 + tcp_v4),
        ("VXLAN GPE, IPv4", in_v4(UDP, &over_udp(&gpe(1), &inner_v4)), 34 + 8 + 8 + tcp_v4),
        ("VXLAN GPE, IPv6", in_v4(UDP, &over_udp(&gpe(2), &inner_v6)), 34 + 8 + 8 + udp_v6),
        ("VXLAN GPE, Ethernet", in_v4(UDP, &over_udp(&gpe(3), &frame_v6)), 34 + 8 + 22 + udp_v6),
        ("bare IPv4 over UDP", in_v4(UDP, &over_udp(&[], &inner_v4)), 34 + 8 + tcp_v4),
        ("bare IPv6 over UDP", in_v4(UDP, &over_udp(&[], &inner_v6)), 34 + 8 + udp_v6),
        ("IP in IP", in_v4(4, &inner_v4), 34 + tcp_v4),
        ("IPv6 in IPv4", in_v4(41, &inner_v6), 34 + udp_v6),
        ("IPv4 in IPv6", in_v6(4, &inner_v4), 54 + tcp_v4),
        ("GRE", in_v4(47, &gre(0, IPV4, &inner_v4)), 34 + 4 + tcp_v4),
        ("GRE with a key", in_v4(47, &gre(0x2000, IPV6, &inner_v6)), 34 + 8 + udp_v6),
        ("GRE with all fields", in_v6(47, &gre(0xb000, IPV4, &inner_v4)), 54 + 16 + tcp_v4),
        ("Ethernet in GRE", in_v4(47, &gre(0, 0x6558, &frame_v4)), 34 + 4 + 14 + tcp_v4),
    ];
    for (words, kind, inner, headers) in [
        (0, 0x6558, &frame_v4, 14 + tcp_v4),
        (3, 0x6558, &frame_v6, 14 + udp_v6),
        (2, IPV4, &inner_v4, tcp_v4),
    ] {
        let frame = in_v4(UDP, &over_udp(&geneve(words, kind), inner));
        rows.push(("GENEVE", frame, 34 + 8 + 8 + usize::from(words) * 4 + headers));
    }
    rows
}

/// Payload octets of the packets in tunnels: three segments of a thousand.
const PAYLOAD: usize = 3_000;

#[test]
fn segments_of_a_tunnel_repeat_the_headers_of_both_packets() {
    let Some(mut kernel) = kernel() else { return };
    for (name, frame, headers) in tunnels() {
        assert_eq!(frame.len(), headers + PAYLOAD, "{name}: the row itself");
        let wire = (frame.len() + 2 * headers) as u32;
        for (program, skb) in [
            (names::PROGRAM_TC_INGRESS, skb(3, 1_000, 0)),
            // As a virtual machine hands it over.
            (names::PROGRAM_TC_INGRESS, skb(0, 1_000, 0)),
            (names::PROGRAM_TC_EGRESS, skb(3, 1_000, wire)),
        ] {
            kernel.run_tc(program, &frame, Some(&skb));
            let taken = kernel.take(0);
            let context = format!("{name}, {program}, {:?}", &skb[160..168]);
            let expected = Count { packets: 3, octets: u64::from(wire) };
            assert_eq!(taken.records(), expected, "{context}");
            taken.assert_balance(&context);
        }
    }
}

#[test]
fn what_the_kernel_has_counted_goes_before_what_the_headers_say() {
    let Some(mut kernel) = kernel() else { return };
    // A header that the parser knows nothing of: 12 octets of authentication before TCP.
    let packet = ipv4(51, &authentication(TCP, 1, &tcp(0x18, PAYLOAD)));
    let frame = ethernet(IPV4, &packet);
    let headers = (frame.len() - PAYLOAD) as u32;
    let wire = frame.len() as u32 + 2 * headers;
    kernel.run_tc(names::PROGRAM_TC_EGRESS, &frame, Some(&skb(3, 1_000, wire)));
    let taken = kernel.take(0);
    assert_eq!(taken.records(), Count { packets: 3, octets: u64::from(wire) });
    taken.assert_balance("counted by the kernel");
}

#[test]
fn sctp_repeats_its_common_header_although_the_kernel_counts_it_not() {
    let Some(mut kernel) = kernel() else { return };
    let mut chunks = sctp();
    chunks.resize(12 + 3 * 1_000, 0);
    let frame = ethernet(IPV4, &ipv4(SCTP, &chunks));
    // GSO_BY_FRAGS: the segments are the buffers of a list, however long each is.
    let counted = frame.len() as u32 + 2 * 34;
    kernel.run_tc(names::PROGRAM_TC_EGRESS, &frame, Some(&skb(3, 0xffff, counted)));
    let taken = kernel.take(0);
    let octets = (frame.len() + 2 * (34 + 12)) as u64;
    assert_eq!(taken.records(), Count { packets: 3, octets });
    taken.assert_balance("SCTP");
}

#[test]
fn a_datagram_that_is_no_tunnel_repeats_its_own_headers() {
    let Some(mut kernel) = kernel() else { return };
    // VXLAN of a time: each datagram has an inner packet of its own, which ends before the super-packet does.
    let inner = ethernet(IPV4, &ipv4(TCP, &tcp(0x18, 900)));
    let mut datagram = udp(PAYLOAD);
    datagram[8..16].copy_from_slice(&[8, 0, 0, 0, 0, 0, 5, 0]);
    datagram[16..16 + inner.len()].copy_from_slice(&inner);
    let frame = ethernet(IPV4, &ipv4(UDP, &datagram));
    kernel.run_tc(names::PROGRAM_TC_INGRESS, &frame, Some(&skb(3, 1_000, 0)));
    let octets = (3 * 42 + PAYLOAD) as u64;
    assert_eq!(kernel.take(0).records(), Count { packets: 3, octets });
}

/// The segments that the kernel makes of a super-packet on its way into the loopback interface are what the program at its
/// other end sees one by one, and must be what the program before it has made of the whole.
#[test]
fn a_super_packet_counts_as_the_segments_that_the_kernel_makes_of_it() {
    const TCP_V4: u8 = 1;
    const TCP_V6: u8 = 4;
    const CHECKSUM: u16 = 16;
    let Some(mut kernel) = kernel() else { return };
    let loopback = Loopback::new().expect("a namespace with its loopback interface");
    // No more than 17 pages, which is what a packet socket of Linux 6.1 puts into one buffer.
    let big = 69_000;
    // More than 64 KiB: the kernel's own header stands before TCP (`struct hop_jumbo_hdr`), and no length says how much.
    let mut jumbo = vec![TCP, 0, 0xc2, 4];
    jumbo.extend((8 + 20 + big as u32).to_be_bytes());
    jumbo.extend(tcp(0x10, big));
    let mut big_v6 = ipv6(0, &jumbo);
    big_v6[4..6].fill(0);
    for (name, frame, gso_type, headers) in [
        ("IPv4", ethernet(IPV4, &ipv4(TCP, &tcp(0x10, 20_000))), TCP_V4, 54),
        ("IPv6", ethernet(IPV6, &ipv6(TCP, &tcp(0x10, 20_000))), TCP_V6, 74),
        ("IPv6, more than 64 KiB", ethernet(IPV6, &big_v6), TCP_V6, 82),
    ] {
        let header = VirtioHeader {
            gso_type,
            linear: headers,
            gso_size: 1_400,
            checksum: (headers - 20, CHECKSUM),
        };
        let segments = (frame.len() - usize::from(headers)).div_ceil(1_400) as u64;
        let mut counted = Vec::new();
        for (program, hook, seen) in [
            (names::PROGRAM_TC_EGRESS, TcAttachType::Egress, 1),
            (names::PROGRAM_TC_INGRESS, TcAttachType::Ingress, segments),
        ] {
            let mut attached = Attached::new(&mut kernel, program, hook);
            loopback.send(&frame, header).expect("send");
            let taken = attached.take(seen);
            assert_eq!(taken.ledger.seen.packets, seen, "{name}, {program}");
            taken.assert_balance(&format!("{name}, {program}"));
            counted.push(taken.records());
        }
        assert_eq!(counted[0].packets, segments, "{name}");
        assert_eq!(counted[0], counted[1], "{name}");
    }
}
