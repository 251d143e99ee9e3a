//! Full tables.

use std::collections::HashMap;

use sensor_common::key::{Direction, KeyV4, KeyV6};
use tests::fixtures::build;

use super::harness::{GEOMETRY, Hook, kernel};

/// Flows sent at full tables: far more than there is room for.
const FLOOD: u32 = 12_000;

#[test]
fn full_tables_fold_flows_and_lose_nothing() {
    let Some(mut kernel) = kernel() else { return };
    for hook in [Hook::Ingress, Hook::TcEgress] {
        for v6 in [false, true] {
            // So many near ends that the fold region overflows too.
            let mut sent: HashMap<u32, u64> = HashMap::new();
            for flow in 0..FLOOD {
                let near = flow % 1_000;
                kernel.run(hook, &flood_frame(v6, hook.direction(), flow, near));
                *sent.entry(near).or_default() += 1;
            }
            let taken = kernel.take(0);
            let context = format!("{hook:?}, IPv6 {v6}");
            let ledger = &taken.ledger;
            taken.assert_balance(&context);
            assert_eq!(ledger.seen.packets, u64::from(FLOOD), "{context}");
            let used = (taken.v4.len() + taken.v6.len()) as u32;
            assert!(used <= GEOMETRY.region(), "{context}");
            assert!(used > GEOMETRY.slots / 2, "{context}: {used} slots used before folding");

            let v4 = taken.v4.iter().map(|slot| {
                let KeyV4 { source, destination, common } = KeyV4::unpack(&slot.key);
                (common, slot.packets, u32::from_be(source), u32::from_be(destination))
            });
            let v6 = taken.v6.iter().map(|slot| {
                let KeyV6 { source, destination, common } = KeyV6::unpack(&slot.key);
                (common, slot.packets, u32::from_be(source[3]), u32::from_be(destination[3]))
            });
            let mut folded = 0;
            let mut counted: HashMap<u32, u64> = HashMap::new();
            for (common, packets, source, destination) in v4.chain(v6) {
                let (near, near_port, far, far_port) = match hook.direction() {
                    Direction::Ingress => {
                        (destination, common.destination_port, source, common.source_port)
                    }
                    Direction::Egress => {
                        (source, common.source_port, destination, common.destination_port)
                    }
                };
                assert_eq!(near_port, NEAR_PORT, "{context}");
                if common.folded {
                    assert_eq!((far, far_port), (0, 0), "{context}: the far end is gone");
                    folded += u64::from(packets);
                } else {
                    assert_eq!((packets, far_port), (1, FAR_PORT), "{context}");
                }
                *counted.entry(near & 0xffff).or_default() += u64::from(packets);
            }
            assert_eq!(ledger.folded.packets, folded, "{context}");
            assert!(folded > 0 && ledger.unattributed.packets > 0, "{context}: {ledger:?}");
            let missing: u64 =
                sent.iter().map(|(near, n)| n - counted.get(near).unwrap_or(&0)).sum();
            assert_eq!(ledger.unattributed.packets, missing, "{context}");
        }
    }
}

const NEAR_PORT: u16 = 53;
const FAR_PORT: u16 = 1_234;

/// A datagram between the host `near` and one of many far ones.
fn flood_frame(v6: bool, direction: Direction, far: u32, near: u32) -> Vec<u8> {
    let (mut ports, far, near) = ([FAR_PORT, NEAR_PORT], 0x0a00_0000 | far, 0xc0a8_0000 | near);
    let mut addresses = [far, near];
    if direction == Direction::Egress {
        ports.reverse();
        addresses.reverse();
    }
    let mut udp = build::udp(5);
    udp[..2].copy_from_slice(&ports[0].to_be_bytes());
    udp[2..4].copy_from_slice(&ports[1].to_be_bytes());
    let [source, destination] = addresses.map(u32::to_be_bytes);
    if v6 {
        let mut packet = build::ipv6(build::UDP, &udp);
        packet[20..24].copy_from_slice(&source);
        packet[36..40].copy_from_slice(&destination);
        build::ethernet(build::IPV6, &packet)
    } else {
        let mut packet = build::ipv4(build::UDP, &udp);
        packet[12..16].copy_from_slice(&source);
        packet[16..20].copy_from_slice(&destination);
        build::ethernet(build::IPV4, &packet)
    }
}
