//! The packet fixtures through the parser as the agent runs it. Needs neither root nor a kernel.

use std::net::IpAddr;

use sensor_common::packet::{Fragment, Headers, Reject, parse};
use tests::fixtures::{self, Flow};

fn flow(headers: &Headers) -> Flow {
    let address = |words: [u32; 4]| -> IpAddr {
        let octets: Vec<u8> = words.into_iter().flat_map(u32::to_ne_bytes).collect();
        if headers.v6 {
            <[u8; 16]>::try_from(&octets[..]).expect("sixteen octets").into()
        } else {
            [octets[0], octets[1], octets[2], octets[3]].into()
        }
    };
    Flow {
        source: address(headers.source),
        destination: address(headers.destination),
        source_port: headers.source_port(),
        destination_port: headers.destination_port(),
        protocol: headers.protocol,
        tos: headers.tos,
        ttl: headers.ttl,
        vlan: headers.vlan,
        fragment: headers.fragment,
        tcp_flags: headers.tcp_flags,
        octets: headers.octets,
    }
}

#[test]
fn each_packet_reads_as_its_row_says() {
    for row in fixtures::all() {
        let parsed = parse(&row.frame[..], row.frame.len() as u32);
        assert_eq!(parsed.map(|headers| flow(&headers)), row.expected, "{}", row.name);
    }
}

#[test]
fn a_cut_packet_names_the_same_addresses_or_none() {
    for row in fixtures::all() {
        for length in 0..row.frame.len() {
            // As a capture with a snapshot length has it, and as a frame that was sent that short.
            for frame_length in [row.frame.len(), length] {
                let cut = parse(&row.frame[..length], frame_length as u32);
                let context = format!("{}, {length} of {frame_length} octets", row.name);
                match (cut.map(|headers| flow(&headers)), row.expected) {
                    (Ok(cut), Ok(whole)) => {
                        let sure = |flow: &Flow| {
                            (flow.source, flow.destination, flow.vlan, flow.tos, flow.ttl)
                        };
                        assert_eq!(sure(&cut), sure(&whole), "{context}");
                        // The fragment header of IPv6 may be among what is missing.
                        assert!(
                            [Fragment::None, whole.fragment].contains(&cut.fragment),
                            "{context}"
                        );
                        assert!(cut.octets <= whole.octets, "{context}");
                        assert!([0, whole.source_port].contains(&cut.source_port), "{context}");
                        assert!(
                            [0, whole.destination_port].contains(&cut.destination_port),
                            "{context}"
                        );
                    }
                    (Ok(cut), Err(reason)) => panic!("{context}: {cut:?} of what is {reason:?}"),
                    (Err(Reject::Truncated | Reject::NonIp | Reject::Malformed), _) => {}
                }
            }
        }
    }
}
