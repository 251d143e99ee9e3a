//! What interfaces themselves say that they have received and sent: rtnetlink's 64 bit statistics.

use std::{collections::HashMap, io};

use super::netlink::{Netlink, attributes, u32_at, u64_at};

/// `RTM_GETSTATS` of linux/rtnetlink.h.
const RTM_GETSTATS: u16 = 94;
/// Octets of `struct if_stats_msg`.
const STATS_HEADER: usize = 12;
/// `IFLA_STATS_LINK_64` of linux/if_link.h.
const STATS_LINK_64: u16 = 1;
/// Of so many interfaces and more, all are listed in one go.
const MANY: usize = 16;

/// What an interface has counted: the statistics that tell what passed, and what was lost before any program saw it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Packets received and sent, by [`Direction`](sensor_common::key::Direction).
    pub packets: [u64; 2],
    /// Octets received and sent, by direction.
    pub octets: [u64; 2],
    /// Received with an error.
    pub rx_errors: u64,
    /// Received and dropped by driver or stack: no memory, no protocol, a filter.
    pub rx_dropped: u64,
    /// Not received since the receive ring overflowed (`rx_over_errors`).
    pub rx_over: u64,
    /// Not received since a FIFO of the device overflowed (`rx_fifo_errors`).
    pub rx_fifo: u64,
    /// Not received since the host gave the device no buffer (`rx_missed_errors`).
    pub rx_missed: u64,
    /// Received on a device that nobody handles, such as the idle member of a bond.
    pub rx_nohandler: u64,
    /// Dropped instead of sent.
    pub tx_dropped: u64,
}

/// Asks interfaces of the network namespace in which it was made.
#[derive(Debug)]
pub struct InterfaceCounters(Netlink);

impl InterfaceCounters {
    /// Opens a socket to rtnetlink.
    ///
    /// # Errors
    /// When the kernel gives none.
    pub fn open() -> io::Result<Self> {
        Netlink::open().map(Self)
    }

    /// What `interfaces` have counted by now. Those that are gone are left out.
    ///
    /// # Errors
    /// When rtnetlink does not answer.
    pub fn read(&mut self, interfaces: &[u32]) -> io::Result<HashMap<u32, LinkCounters>> {
        if interfaces.len() >= MANY {
            let answers = self.0.dump(RTM_GETSTATS, &request(0))?;
            return Ok(answers.iter().filter_map(|(_, body)| counters(body)).collect());
        }
        let mut read = HashMap::new();
        for &interface in interfaces {
            match self.0.get(RTM_GETSTATS, &request(interface)) {
                Ok(answers) => read.extend(answers.iter().filter_map(|(_, body)| counters(body))),
                Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }
}

/// `struct if_stats_msg` that asks for the statistics of `interface`, or of all where that is 0.
fn request(interface: u32) -> [u8; STATS_HEADER] {
    let mut body = [0; STATS_HEADER];
    body[4..8].copy_from_slice(&interface.to_ne_bytes());
    body[8..12].copy_from_slice(&(1u32 << (STATS_LINK_64 - 1)).to_ne_bytes());
    body
}

/// Index and counters of an `RTM_NEWSTATS` message.
fn counters(body: &[u8]) -> Option<(u32, LinkCounters)> {
    let index = u32_at(body, 4)?;
    let (_, statistics) =
        attributes(body.get(STATS_HEADER..)?).find(|(found, _)| *found == STATS_LINK_64)?;
    // `struct rtnl_link_stats64` of linux/if_link.h: 64 bit numbers in this order. Older kernels have fewer of them.
    let at = |place: usize| u64_at(statistics, 8 * place);
    let later = |place| at(place).unwrap_or(0);
    let counters = LinkCounters {
        packets: [at(0)?, at(1)?],
        octets: [at(2)?, at(3)?],
        rx_errors: later(4),
        rx_dropped: later(6),
        tx_dropped: later(7),
        rx_over: later(11),
        rx_fifo: later(14),
        rx_missed: later(15),
        rx_nohandler: later(23),
    };
    Some((index, counters))
}

#[cfg(test)]
mod tests {
    use super::{super::netlink::push_attribute, *};

    #[test]
    fn statistics_are_read_by_their_place() {
        let mut statistics = Vec::new();
        for number in 1..=25u64 {
            statistics.extend_from_slice(&(number << 33).to_ne_bytes());
        }
        let mut body = request(7).to_vec();
        push_attribute(&mut body, STATS_LINK_64, &statistics);
        let expected = LinkCounters {
            packets: [1 << 33, 2 << 33],
            octets: [3 << 33, 4 << 33],
            rx_errors: 5 << 33,
            rx_dropped: 7 << 33,
            tx_dropped: 8 << 33,
            rx_over: 12 << 33,
            rx_fifo: 15 << 33,
            rx_missed: 16 << 33,
            rx_nohandler: 24 << 33,
        };
        assert_eq!(counters(&body), Some((7, expected)));
        assert_eq!(counters(&request(7)), None, "without the attribute");
        assert_eq!(counters(&body[..20]), None, "cut short");
    }
}
