//! Three incidents to hunt for, spread over two days: a beacon, a scan of the inside, and an exfiltration.

use std::net::Ipv4Addr;

use sensor_core::flow::batch::{Addresses, FlowBatch};

use super::{Record, Traffic, put_rest};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
/// Milliseconds of a day.
pub const DAY: u64 = 24 * HOUR;

/// The host that calls home every two minutes, and where that is.
pub const BEACON: (Ipv4Addr, Ipv4Addr) = (Ipv4Addr::new(10, 0, 7, 77), Ipv4Addr::new(45, 66, 7, 8));
/// The host that looks for file servers in the night of the second day, from 02:00 on.
pub const SCANNER: Ipv4Addr = Ipv4Addr::new(10, 0, 3, 9);
/// The hosts that it tries.
pub const SCANNED: u32 = 1200;
/// The host that sends 36 GB away on the second day, from 03:10 on for an hour, and whither.
pub const EXFILTRATION: (Ipv4Addr, Ipv4Addr) =
    (Ipv4Addr::new(10, 0, 0, 50), Ipv4Addr::new(198, 51, 100, 23));

/// One record of an incident.
#[derive(Clone, Copy, Debug)]
pub struct Planted {
    /// When it ends, milliseconds since the epoch.
    pub end: u64,
    addresses: (Ipv4Addr, Ipv4Addr),
    ports: (u16, u16),
    flags: u16,
    packets: u64,
    octets: u64,
    duration: u64,
}

/// The records of all incidents of two days that start at `begin`, milliseconds since the epoch, by time.
pub fn of_two_days(begin: u64) -> Vec<Planted> {
    let beacon = (0..2 * DAY / (2 * MINUTE)).map(|turn| Planted {
        // A few seconds early or late, as such programs do it to hide.
        end: begin + turn * 2 * MINUTE + turn * 2_654_435_761 % 4_000,
        addresses: BEACON,
        ports: (40_000 + (turn % 20_000) as u16, 5050),
        flags: 0x1b,
        packets: 6,
        octets: 702,
        duration: 210,
    });
    let scan = (0..SCANNED).map(|host| Planted {
        end: begin + DAY + 2 * HOUR + u64::from(host) * 1_000,
        addresses: (SCANNER, Ipv4Addr::from(0x0a00_1000 + host)),
        ports: (50_000 + (host % 10_000) as u16, 445),
        flags: 0x02,
        packets: 1,
        octets: 52,
        duration: 0,
    });
    let exfiltration = (0..360).map(|turn| Planted {
        end: begin + DAY + 3 * HOUR + 10 * MINUTE + turn * 10_000,
        addresses: EXFILTRATION,
        ports: (61_000, 443),
        flags: 0x18,
        packets: 70_000,
        octets: 100_000_000,
        duration: 10_000,
    });
    let mut all: Vec<_> = beacon.chain(scan).chain(exfiltration).collect();
    all.sort_by_key(|planted| planted.end);
    all
}

impl Traffic {
    /// Adds records of incidents to a batch of IPv4.
    pub fn plant(batch: &mut FlowBatch, planted: &[Planted]) {
        for own in planted {
            if let Addresses::V4 { source, destination } = &mut batch.addresses {
                source.push(own.addresses.0.into());
                destination.push(own.addresses.1.into());
                put_rest(batch, &own.record(), own.end);
            }
        }
        batch.level();
    }
}

impl Planted {
    /// What of it is no address.
    fn record(&self) -> Record {
        // Hosts that stand for the two: of those, the generator knows the profiles.
        let is_inside = self.addresses.1.octets()[0] == 10;
        Record {
            v6: false,
            source: 1,
            destination: if is_inside { 2 } else { super::INSIDE },
            ports: self.ports,
            protocol: 6,
            octets: self.octets,
            packets: self.packets,
            flags: self.flags,
            tos: 0,
            interfaces: (1, 9),
            device: 0,
            out: true,
            duration: self.duration,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incidents_are_within_two_days_and_in_order() {
        let all = of_two_days(1_000);
        assert_eq!(all.len(), 1440 + 1200 + 360);
        assert!(all.is_sorted_by_key(|planted| planted.end));
        assert!(all.iter().all(|planted| (1_000..1_000 + 2 * DAY).contains(&planted.end)));
    }
}
