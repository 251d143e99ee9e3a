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

/// Packets that an interface has counted, by [`Direction`](sensor_common::key::Direction).
pub type Packets = [u64; 2];

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
    pub fn read(&mut self, interfaces: &[u32]) -> io::Result<HashMap<u32, Packets>> {
        if interfaces.len() >= MANY {
            let answers = self.0.dump(RTM_GETSTATS, &request(0))?;
            return Ok(answers.iter().filter_map(|(_, body)| packets(body)).collect());
        }
        let mut read = HashMap::new();
        for &interface in interfaces {
            match self.0.get(RTM_GETSTATS, &request(interface)) {
                Ok(answers) => read.extend(answers.iter().filter_map(|(_, body)| packets(body))),
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

/// Index and packets of an `RTM_NEWSTATS` message.
fn packets(body: &[u8]) -> Option<(u32, Packets)> {
    let index = u32_at(body, 4)?;
    let (_, statistics) =
        attributes(body.get(STATS_HEADER..)?).find(|(found, _)| *found == STATS_LINK_64)?;
    // `struct rtnl_link_stats64` begins with `rx_packets` and `tx_packets`.
    Some((index, [u64_at(statistics, 0)?, u64_at(statistics, 8)?]))
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
        assert_eq!(packets(&body), Some((7, [1 << 33, 2 << 33])));
        assert_eq!(packets(&request(7)), None, "without the attribute");
        assert_eq!(packets(&body[..20]), None, "cut short");
    }
}
