//! Batches for tests: random ones, and one flow at a time.
//!
//! Random values come from small pools, so that conditions on them are true often enough to matter.

use std::sync::Arc;

use proptest::{collection::vec, prelude::*, sample::select};
use sensor_common::{
    key::{Common, Direction, KeyV4, KeyV6},
    packet::Fragment,
};

use super::{
    batch::{EndReason, FlowBatch, Part, Source, TCP_FLAGS_UNTOLD},
    columns::{Column, Visitor},
    delta::FlowDelta,
    device::Device,
    initiator::Initiator,
    interfaces::{Interface, Interfaces},
    mac,
    point::{ObservationPoint, PointAttribute, Points},
    ports::PortLabels,
    profile::{AutonomousSystem, Profile, Profiles},
    properties::{CommonProperties, CommonProperty, PropertySets},
    tags::TagSets,
};

const PORTS: [u16; 9] = [0, 22, 53, 67, 68, 123, 1023, 1024, 65535];
const LABELS: [&str; 4] = ["production", "development", "scanner", "Scanner"];
const COUNTRIES: [&str; 3] = ["US", "DE", "CA"];
const CATEGORIES: [&str; 3] = ["botnets", "scanners", "phishing"];

/// A batch of one flow; see [`push`].
pub fn flow(host: u16, start: u64, end: u64, octets: u64) -> FlowBatch {
    let mut batch = FlowBatch::v4(Source::Host);
    push(&mut batch, host, start, end, octets);
    batch
}

/// Adds a flow; see [`counts`].
pub fn push(batch: &mut FlowBatch, host: u16, start: u64, end: u64, octets: u64) {
    let (key, counts) = counts(host, start, end, octets);
    batch.push(&key, &counts, EndReason::IdleTimeout);
}

/// A flow of datagrams from port 1000 of 10.0.0.0 + `host` to port 2000 of 10.0.0.200, an octet each.
pub fn counts(host: u16, start: u64, end: u64, octets: u64) -> (KeyV4, FlowDelta) {
    let common = Common {
        source_port: 1000,
        destination_port: 2000,
        interface: 1,
        protocol: 17,
        tos: 0,
        vlan: 0,
        direction: Direction::Ingress,
        fragment: Fragment::None,
        folded: false,
    };
    let address = |host: u16| (0x0a00_0000 | u32::from(host)).to_be();
    let counts = FlowDelta {
        octets,
        packets: octets,
        layer2_octets: octets,
        start,
        end,
        tcp_flags: 0,
        ttl_min: 64,
        ttl_max: 64,
        macs: [0; 3],
    };
    (KeyV4 { source: address(host), destination: address(200), common }, counts)
}

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
            owner_as: AutonomousSystem { number: Some([0, 1, 3][i % 3]), organisation: None },
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

/// Batches of up to `rows` flows, of either family, of the host or of routers, with or without profiles.
pub fn batches(rows: usize) -> impl Strategy<Value = FlowBatch> {
    (host_batches(rows), any::<Option<u64>>()).prop_map(|(batch, router)| match router {
        Some(seed) => told_by_others(batch, seed),
        None => batch,
    })
}

fn host_batches(rows: usize) -> impl Strategy<Value = FlowBatch> {
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
                    flow.part,
                );
            } else {
                let (source, destination) = (octets(flow.source), octets(flow.destination));
                batch.push(
                    &KeyV4 { source, destination, common: flow.key },
                    &flow.counts,
                    flow.part,
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

/// The flows of a batch as routers might tell them: what the host always knows may lack, what only routers know may be
/// there, and 0 says that it is not told.
pub fn told_by_router(mut batch: FlowBatch, seed: u64) -> FlowBatch {
    fn some<T>(column: &mut Vec<T>, rows: usize, mut next: impl FnMut() -> T) {
        *column = (0..rows).map(|_| next()).collect();
    }
    let mut random = Random(seed);
    batch.observed_by = if random.below(2) == 0 { Source::NetFlow } else { Source::Sflow };
    let rows = batch.len();
    macro_rules! lack {
        ($($column:ident)*) => {$(if random.below(2) == 0 { batch.$column.clear(); })*};
    }
    lack!(layer2_octets ttl_min ttl_max source_mac destination_mac initiator continued);
    if random.below(2) == 0 {
        batch.end_reason.fill(0);
    }
    for column in Column::ALL.iter().filter(|column| column.is_of_routers()) {
        if is_of_clouds(*column) {
            continue;
        }
        let below = match column {
            Column::OutputInterface | Column::SourceAs | Column::DestinationAs => 4,
            Column::Version => 11,
            Column::NatSourcePort => 1000,
            _ => 3,
        };
        if random.below(2) == 0 {
            batch.visit(*column, Tell { rows, below, random: &mut random });
        }
    }
    if random.below(2) == 0 {
        some(&mut batch.received, rows, || random.below(5_000_000));
    }
    if random.below(2) == 0 {
        some(&mut batch.application, rows, || random.below(3).into());
    }
    for way in &mut batch.direction {
        *way = random.below(3) as u8;
    }
    if random.below(2) == 0 {
        for flags in &mut batch.tcp_flags {
            if random.below(2) == 0 {
                *flags = TCP_FLAGS_UNTOLD;
            }
        }
    }
    let addresses =
        [&mut batch.next_hop_v4, &mut batch.nat_source_v4, &mut batch.nat_destination_v4];
    for address in addresses.into_iter().flatten() {
        *address = address.checked_shl(28).unwrap_or(0);
    }
    if random.below(2) == 0 {
        for rate in &mut batch.sample_rate {
            *rate = rate.saturating_mul(u32::MAX);
        }
    }
    batch.devices = devices();
    batch
}

/// The flows of a batch as routers or clouds might tell them.
pub fn told_by_others(batch: FlowBatch, seed: u64) -> FlowBatch {
    let batch = told_by_router(batch, seed);
    if seed.is_multiple_of(3) { told_by_cloud(batch, &mut Random(!seed)) } else { batch }
}

/// Columns that only clouds fill stand behind the others.
fn is_of_clouds(column: Column) -> bool {
    column >= Column::ObservationPoint
}

/// The flows as a cloud might tell them.
fn told_by_cloud(mut batch: FlowBatch, random: &mut Random) -> FlowBatch {
    let rows = batch.len();
    for column in Column::ALL.iter().filter(|column| is_of_clouds(**column)) {
        if random.below(2) == 0 {
            batch.visit(*column, Tell { rows, below: 3, random });
        }
    }
    for address in &mut batch.via_v4 {
        *address = address.checked_shl(28).unwrap_or(0);
    }
    let (points, properties) = told_by_clouds();
    (batch.points, batch.properties) = (Arc::new(points), Arc::new(properties));
    batch.observed_by = [Source::Aws, Source::AzureVnet, Source::Gcp][random.below(3) as usize];
    let untold = [
        Column::UNTOLD_BY_CLOUDS,
        Column::Tos.bit() | Column::Start.bit() | Column::Octets.bit(),
        Column::Packets.bit(),
        Column::PORTS,
        Column::DestinationPort.bit() | Column::IcmpTypeCode.bit(),
        Column::SourcePort.bit(),
    ];
    batch.untold = untold[random.below(untold.len() as u64) as usize];
    for column in Column::ALL {
        // What stands in rows of ports that are not told nobody reads.
        if batch.untold & column.bit() & !Column::PORTS != 0 {
            batch.visit(*column, Zero);
        }
    }
    // Milliseconds are not visited.
    if batch.untold & Column::Start.bit() != 0 {
        batch.start.fill(0);
    }
    batch
}

/// Fills a column with zeros.
struct Zero;

impl Visitor for Zero {
    fn unsigned8(self, column: &mut Vec<u8>) {
        column.fill(0);
    }

    fn unsigned16(self, column: &mut Vec<u16>) {
        column.fill(0);
    }

    fn unsigned32(self, column: &mut Vec<u32>) {
        column.fill(0);
    }

    fn unsigned64(self, column: &mut Vec<u64>) {
        column.fill(0);
    }

    fn ipv4_address(self, _: &mut Vec<u32>) {}
    fn ipv6_address(self, _: &mut Vec<u128>) {}
    fn mac_address(self, _: &mut Vec<[u8; 6]>) {}
}

/// Points and properties to be numbered, two of each besides those of which nothing is told.
fn told_by_clouds() -> (Points, PropertySets) {
    let (points, all) = (Points::default(), PropertySets::default());
    for text in ["a", "tcp"] {
        let mut point = ObservationPoint::default();
        for attribute in PointAttribute::ALL {
            point.set(attribute, text);
        }
        points.intern(point);
        let mut properties = CommonProperties::default();
        for property in CommonProperty::ALL {
            properties.set(property, text);
        }
        all.intern(properties);
    }
    (points, all)
}

/// Fills a column with small numbers.
struct Tell<'a> {
    rows: usize,
    /// What they are below.
    below: u64,
    random: &'a mut Random,
}

impl Tell<'_> {
    fn fill<T>(self, column: &mut Vec<T>, number: impl Fn(u64) -> T) {
        *column = (0..self.rows).map(|_| number(self.random.below(self.below))).collect();
    }
}

impl Visitor for Tell<'_> {
    fn unsigned8(self, column: &mut Vec<u8>) {
        self.fill(column, |number| number as u8);
    }

    fn unsigned16(self, column: &mut Vec<u16>) {
        self.fill(column, |number| number as u16);
    }

    fn unsigned32(self, column: &mut Vec<u32>) {
        self.fill(column, |number| number as u32);
    }

    fn unsigned64(self, column: &mut Vec<u64>) {
        self.fill(column, |number| number);
    }

    fn ipv4_address(self, column: &mut Vec<u32>) {
        self.fill(column, |number| number as u32);
    }

    fn ipv6_address(self, column: &mut Vec<u128>) {
        self.fill(column, u128::from);
    }

    fn mac_address(self, column: &mut Vec<[u8; 6]>) {
        self.fill(column, mac::octets);
    }
}

/// Two devices: one of which much is known, and one of which nothing is.
pub fn devices() -> Vec<Arc<Device>> {
    let text = |text: &str| text.to_owned();
    let interface = |name| Interface { name: text(name), alias: text("a") };
    let named = Device {
        name: text("a"),
        site: text("b"),
        tags: vec![text("a"), text("tcp")],
        interfaces: Interfaces([(0, interface("eth0")), (2, interface("b"))].into()),
        applications: [(0, text("a")), (1, text("b"))].into(),
        vrfs: [(0, text("a")), (2, text("b"))].into(),
        ..Device::new([10, 0, 0, 1].into())
    };
    vec![Arc::new(named), Arc::new(Device::new([192, 0, 2, 2].into()))]
}

/// Gives a batch tags and labels of ports.
pub fn mark(batch: &mut FlowBatch, seed: u64) {
    let mut random = Random(seed);
    let mut sets = TagSets::default();
    for tags in [&["a"][..], &["b", "tcp"], &["host"]] {
        sets.intern(tags.iter().copied());
    }
    batch.tag_sets = Arc::new(sets);
    batch.tags = (0..batch.len()).map(|_| random.below(5) as u32).collect();
    let mut labels = PortLabels::default();
    for (protocol, port, label) in
        [(6, 443, "a"), (6, 53, "b"), (17, 53, "a"), (6, 0, "tcp"), (6, 22, "a")]
    {
        labels.add(protocol, port, label);
    }
    batch.port_labels = Arc::new(labels);
}

/// Numbers by a linear congruential generator (Knuth, MMIX).
pub struct Random(pub u64);

impl Random {
    /// A number of 31 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound
    }
}

#[derive(Clone, Debug)]
struct Flow {
    source: u32,
    destination: u32,
    key: Common,
    counts: FlowDelta,
    part: Part,
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
    let part = (end, 0..3_u8, any::<bool>()).prop_map(|(reason, initiator, continued)| Part {
        reason,
        initiator: Initiator::from_number(initiator),
        continued,
    });
    (address(), address(), key, counts, part, (0..7_u32, 0..7_u32)).prop_map(
        |(source, destination, key, counts, part, profiles)| Flow {
            source,
            destination,
            key,
            counts,
            part,
            profiles,
        },
    )
}
