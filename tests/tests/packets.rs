//! The packet fixtures through the parser as the agent runs it. Needs neither root nor a kernel.

use sensor_common::packet::{Fragment, Reject, parse};
use tests::fixtures::{self, Flow, flow};

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
