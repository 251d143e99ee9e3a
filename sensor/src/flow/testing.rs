//! Random batches for property tests.
//!
//! Values come from small pools, so that conditions on them are true often enough to matter.

use std::sync::Arc;

use proptest::{collection::vec, prelude::*, sample::select};
use sensor_common::{
    key::{Common, Direction, KeyV4, KeyV6},
    packet::Fragment,
};

use super::{
    batch::{EndReason, FlowBatch, Source},
    delta::FlowDelta,
    profile::{Profile, Profiles, System},
};

const PORTS: [u16; 9] = [0, 22, 53, 67, 68, 123, 1023, 1024, 65535];
const LABELS: [&str; 4] = ["production", "development", "scanner", "Scanner"];
const COUNTRIES: [&str; 3] = ["US", "DE", "CA"];
const CATEGORIES: [&str; 3] = ["botnets", "scanners", "phishing"];

/// A table of profiles in which every attribute is known for some and unknown for others.
pub fn profiles() -> Profiles {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let profiles = Profiles::default();
    for (i, labels) in
        [&LABELS[..1], &LABELS[1..2], &LABELS[..3], &LABELS[3..], &[]].iter().enumerate()
    {
        let mut profile = Profile {
            internal: [Some(true), Some(false), None][i % 3],
            local: [None, Some(true), Some(false)][i % 3],
            bogon: [Some(false), Some(true)][i % 2].filter(|_| i != 4),
            country: COUNTRIES.get(i).map(|&country| country.to_owned()),
            location: (i % 2 == 0).then_some((500_000 * i as i32, -1)),
            reputation: (i != 1).then(|| texts(&CATEGORIES[..i.min(3)])),
            owner_as: System { number: Some([0, 1, 3][i % 3]), organisation: None },
            ..Profile::default()
        };
        if !labels.is_empty() {
            profile.labels.insert("role".to_owned(), texts(labels));
            profile.labels.insert("name".to_owned(), texts(&labels[..1]));
        }
        profiles.intern(profile);
    }
    profiles
}

/// Batches of up to `rows` flows, of either family, with or without profiles.
pub fn batches(rows: usize) -> impl Strategy<Value = FlowBatch> {
    (any::<bool>(), any::<bool>(), vec(flows(), 1..rows)).prop_map(|(v6, looked_up, flows)| {
        let mut batch = if v6 { FlowBatch::v6(Source::Host) } else { FlowBatch::v4(Source::Host) };
        let profiles = profiles();
        for flow in flows {
            let octets = |address: u32| address.to_be();
            if v6 {
                let address = |number: u32| [0x2001_0db8_u32.to_be(), 0, 0, octets(number & 3)];
                let (source, destination) = (address(flow.source), address(flow.destination));
                batch.push(
                    &KeyV6 { source, destination, common: flow.key },
                    &flow.counts,
                    flow.end,
                );
            } else {
                let (source, destination) = (octets(flow.source), octets(flow.destination));
                batch.push(
                    &KeyV4 { source, destination, common: flow.key },
                    &flow.counts,
                    flow.end,
                );
            }
            if looked_up {
                batch.source_profile.push(flow.profiles.0);
                batch.destination_profile.push(flow.profiles.1);
            }
        }
        batch.profiles = Arc::new(profiles);
        batch
    })
}

#[derive(Clone, Debug)]
struct Flow {
    source: u32,
    destination: u32,
    key: Common,
    counts: FlowDelta,
    end: EndReason,
    profiles: (u32, u32),
}

fn flows() -> impl Strategy<Value = Flow> {
    let port = || select(PORTS.to_vec());
    let address = || select(vec![0x0a00_0001_u32, 0x0a00_0000, 0x0b00_0000, 0xc000_0202, 0]);
    let small = || select(vec![0_u8, 1, 40, 64, 255]);
    let key = (
        (port(), port(), select(vec![6_u8, 6, 17, 1, 58, 132, 253]), small()),
        (select(vec![0_u16, 1, 40]), any::<bool>(), 0..3_u8, any::<bool>(), 1..4_u32),
    )
        .prop_map(
            |(
                (source_port, destination_port, protocol, tos),
                (vlan, out, part, folded, interface),
            )| {
                Common {
                    source_port,
                    destination_port,
                    interface,
                    protocol,
                    tos,
                    vlan,
                    direction: if out { Direction::Egress } else { Direction::Ingress },
                    fragment: [Fragment::None, Fragment::First, Fragment::Later][usize::from(part)],
                    folded,
                }
            },
        );
    let counts = (
        select(vec![1_u64, 40, 1500, 3000]),
        1..4_u64,
        select(vec![0_u64, 1, 3, 1500]),
        0..512_u16,
        small(),
        small(),
    )
        .prop_map(|(octets, packets, duration, tcp_flags, ttl_min, ttl_max)| FlowDelta {
            octets,
            packets,
            layer2_octets: octets + 14,
            start: 12_000,
            end: 12_000 + duration,
            tcp_flags,
            ttl_min,
            ttl_max,
            macs: [0; 3],
        });
    let end = select(vec![EndReason::IdleTimeout, EndReason::EndOfFlow]);
    (address(), address(), key, counts, end, (0..7_u32, 0..7_u32)).prop_map(
        |(source, destination, key, counts, end, profiles)| Flow {
            source,
            destination,
            key,
            counts,
            end,
            profiles,
        },
    )
}
