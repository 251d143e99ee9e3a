//! Made-up traffic of a day, the same for a seed: what benchmarks measure and other engines are compared on.
//!
//! Of 50 million records in 23.2 hours, an eighth is IPv6; 20,000 addresses inside talk to 400,000 outside, some far more than others
//! (Zipf); four of five records stand beside that of the other direction. Routers tell 17 fields of each.

pub mod incidents;
pub mod reading;

use std::sync::Arc;

use sensor_core::flow::{
    batch::{Addresses, FlowBatch, Source},
    columns::Column,
    device::Device,
    profile::{AutonomousSystem, Profile, Profiles},
};

/// When the day begins: 2026-11-30, 00:00 UTC.
pub const BEGIN: u64 = 1_795_996_800_000;
/// Records of the day.
pub const DAY: u64 = 50_000_000;
/// Its milliseconds.
const LENGTH: u64 = 83_520_000;
const INSIDE: u64 = 20_000;
const OUTSIDE: u64 = 400_000;
const SERVICES: [u16; 20] = [
    443, 80, 53, 123, 22, 25, 993, 445, 3389, 8080, 8443, 389, 88, 1433, 3306, 5432, 5060, 161,
    179, 514,
];
const PROFILES: u64 = 200;
const DEVICES: u64 = 8;

/// Records of the day, one after the other.
pub struct Traffic {
    random: u64,
    begin: u64,
    /// Milliseconds in which `records` are made.
    length: u64,
    records: u64,
    /// Records that were made.
    made: u64,
    profiles: Arc<Profiles>,
    devices: Vec<Arc<Device>>,
    waiting: Option<Record>,
}

#[derive(Clone, Copy)]
struct Record {
    v6: bool,
    source: u64,
    destination: u64,
    ports: (u16, u16),
    protocol: u8,
    octets: u64,
    packets: u64,
    flags: u16,
    tos: u8,
    interfaces: (u32, u32),
    device: u32,
    out: bool,
    duration: u64,
}

impl Traffic {
    /// The day of a seed.
    pub fn new(seed: u64) -> Self {
        Self::over(seed, BEGIN, LENGTH, DAY)
    }

    /// As many records from `begin` on in `length` milliseconds, both since the epoch and in milliseconds.
    pub fn over(seed: u64, begin: u64, length: u64, records: u64) -> Self {
        let profiles = Profiles::default();
        for number in 1..PROFILES {
            let system = AutonomousSystem {
                number: Some(64_000 + number as u32),
                organisation: Some(format!("Organisation {number}")),
            };
            let role = [("role".to_owned(), vec![format!("role-{}", number % 17)])];
            profiles.intern(Profile {
                labels: if number < 40 { role.into() } else { [].into() },
                internal: Some(number < 40),
                owner_as: system,
                country: Some(["DE", "US", "NL", "CA"][(number % 4) as usize].to_owned()),
                ..Profile::default()
            });
        }
        let device = |number: u64| {
            let mut own = Device::new([192, 0, 2, number as u8].into());
            own.name = format!("router-{number}");
            Arc::new(own)
        };
        Self {
            random: seed,
            begin,
            length,
            records: records.max(1),
            made: 0,
            profiles: Arc::new(profiles),
            devices: (0..DEVICES).map(device).collect(),
            waiting: None,
        }
    }

    /// When the next record ends.
    pub fn now(&self) -> u64 {
        self.begin
            + (u128::from(self.made) * u128::from(self.length) / u128::from(self.records)) as u64
    }

    /// The next `rows` records: those of IPv4 and those of IPv6.
    pub fn batches(&mut self, rows: usize) -> [FlowBatch; 2] {
        let batch = |batch: FlowBatch| FlowBatch {
            profiles: self.profiles.clone(),
            devices: self.devices.clone(),
            untold: Column::Fragment.bit() | Column::IcmpTypeCode.bit(),
            ..batch
        };
        let mut batches =
            [batch(FlowBatch::v4(Source::NetFlow)), batch(FlowBatch::v6(Source::NetFlow))];
        for _ in 0..rows {
            let record = match self.waiting.take() {
                Some(record) => record,
                None => self.record(),
            };
            let end = self.now();
            put(&mut batches[usize::from(record.v6)], &record, end);
            self.made += 1;
        }
        batches.iter_mut().for_each(FlowBatch::level);
        batches
    }

    /// A number of 32 bits (PCG).
    fn draw(&mut self) -> u64 {
        let old = self.random;
        self.random =
            old.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = ((old >> 18 ^ old) >> 27) as u32;
        mixed.rotate_right((old >> 59) as u32).into()
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.draw() * bound) >> 32
    }

    /// A number below `bound`, as often as it is small.
    fn skewed(&mut self, bound: u64) -> u64 {
        let part = self.draw() as f64 / (1_u64 << 32) as f64;
        ((bound as f64 + 1.0).powf(part) - 1.0) as u64
    }

    /// A record; most of the time, that of the other direction will be next.
    fn record(&mut self) -> Record {
        let v6 = self.below(8) == 0;
        let (inside, outside) = (self.skewed(INSIDE), INSIDE + self.skewed(OUTSIDE));
        let protocol = [6, 6, 6, 6, 6, 6, 6, 17, 17, 6][self.below(10) as usize];
        let service = SERVICES[self.skewed(SERVICES.len() as u64) as usize];
        let client = 32_768 + self.below(28_232) as u16;
        let packets = 1 + self.skewed(2000);
        let record = Record {
            v6,
            source: inside,
            destination: outside,
            ports: (client, service),
            protocol,
            octets: packets * (40 + self.below(300)),
            packets,
            flags: if protocol == 6 {
                [0x1b, 0x1b, 0x1b, 0x02, 0x1f][self.below(5) as usize]
            } else {
                0
            },
            tos: if self.below(20) == 0 { 0xb8 } else { 0 },
            interfaces: (1 + self.below(8) as u32, 9),
            device: (inside % DEVICES) as u32,
            out: true,
            duration: self.skewed(60_000),
        };
        if self.below(3) < 2 {
            let packets = 1 + self.skewed(2000);
            self.waiting = Some(Record {
                source: record.destination,
                destination: record.source,
                ports: (record.ports.1, record.ports.0),
                packets,
                octets: packets * (40 + self.below(1400)),
                interfaces: (record.interfaces.1, record.interfaces.0),
                out: false,
                ..record
            });
        }
        record
    }
}

/// The address of a host, inside below [`INSIDE`]: scattered over networks.
fn v4(host: u64) -> u32 {
    let scattered = (host as u32).wrapping_mul(0x9e37_79b1);
    if host < INSIDE {
        0x0a00_0000 | host as u32
    } else {
        // Neither inside nor 0.
        0x1000_0000 | scattered >> 2
    }
}

fn v6(host: u64) -> u128 {
    let prefix = if host < INSIDE {
        0x2001_0db8_0000_u128
    } else {
        0x2600_0000_0000 | u128::from(host % 4096)
    };
    prefix << 80 | u128::from(host.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn profile(host: u64) -> u32 {
    if host < INSIDE { (1 + host % 39) as u32 } else { (40 + host % (PROFILES - 40)) as u32 }
}

fn put(batch: &mut FlowBatch, record: &Record, end: u64) {
    match &mut batch.addresses {
        Addresses::V4 { source, destination } => {
            source.push(v4(record.source));
            destination.push(v4(record.destination));
        }
        Addresses::V6 { source, destination } => {
            source.push(v6(record.source));
            destination.push(v6(record.destination));
        }
    }
    put_rest(batch, record, end);
}

/// All but the addresses.
fn put_rest(batch: &mut FlowBatch, record: &Record, end: u64) {
    batch.source_port.push(record.ports.0);
    batch.destination_port.push(record.ports.1);
    batch.protocol.push(record.protocol);
    batch.octets.push(record.octets);
    batch.packets.push(record.packets);
    batch.tcp_flags.push(record.flags);
    batch.tos.push(record.tos);
    batch.interface.push(record.interfaces.0);
    batch.output_interface.push(record.interfaces.1);
    batch.device.push(record.device);
    batch.direction.push(record.out.into());
    batch.source_profile.push(profile(record.source));
    batch.destination_profile.push(profile(record.destination));
    batch.start.push(end - record.duration);
    batch.end.push(end);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn traffic_is_as_it_is_said_to_be() {
        let mut traffic = Traffic::new(1);
        let (mut rows, mut v6, mut reversed) = (0, 0, 0);
        let mut addresses = BTreeSet::new();
        for _ in 0..25 {
            for batch in traffic.batches(4000) {
                rows += batch.len();
                let mut ends = Vec::new();
                match &batch.addresses {
                    Addresses::V4 { source, destination } => {
                        ends.extend(
                            source
                                .iter()
                                .zip(destination)
                                .map(|(a, b)| (u128::from(*a), u128::from(*b))),
                        );
                    }
                    Addresses::V6 { source, destination } => {
                        v6 += source.len();
                        ends.extend(source.iter().copied().zip(destination.iter().copied()));
                    }
                }
                reversed +=
                    ends.windows(2).filter(|two| two[0] == (two[1].1, two[1].0)).count() * 2;
                addresses.extend(ends.iter().flat_map(|(a, b)| [*a, *b]));
                assert!(batch.end.is_sorted());
            }
        }
        assert_eq!(rows, 100_000);
        assert!((11_500..13_500).contains(&v6), "{v6}");
        assert!((78_000..82_000).contains(&reversed), "{reversed}");
        assert!((15_000..50_000).contains(&addresses.len()), "{}", addresses.len());
        let again = Traffic::new(1).batches(4000);
        assert_eq!(again[0].octets, Traffic::new(1).batches(4000)[0].octets);
    }
}
