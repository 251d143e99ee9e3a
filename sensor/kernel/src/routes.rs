//! Default routes, of both address families: which devices they lead to.
//!
//! Layouts: linux/rtnetlink.h.

use std::{collections::BTreeSet, io};

use super::netlink::{Netlink, attributes, u16_at, u32_at};

/// `struct rtmsg`.
const HEADER: usize = 12;
/// The routing table that holds the default route (`RT_TABLE_MAIN`).
const MAIN_TABLE: u32 = 254;

/// Devices of the default routes of the lowest metric, by index, for each address family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefaultRoutes {
    /// Those of IPv4.
    pub v4: BTreeSet<u32>,
    /// Those of IPv6.
    pub v6: BTreeSet<u32>,
}

impl DefaultRoutes {
    /// True when a default route leads to the device `index`.
    pub fn contains(&self, index: u32) -> bool {
        self.v4.contains(&index) || self.v6.contains(&index)
    }

    /// Takes over what is there now; a family that has no default route now keeps the one that it had.
    pub(super) fn follow(&mut self, now: Self) {
        for (kept, now) in [(&mut self.v4, now.v4), (&mut self.v6, now.v6)] {
            if !now.is_empty() {
                *kept = now;
            }
        }
    }

    pub(super) fn dump(netlink: &mut Netlink) -> io::Result<Self> {
        let mut of = |family: libc::c_int| -> io::Result<BTreeSet<u32>> {
            let mut body = [0; HEADER];
            body[0] = family as u8;
            let answers = netlink.dump(libc::RTM_GETROUTE, &body)?;
            Ok(lowest(answers.iter().filter_map(|(_, body)| read(body)).collect()))
        };
        Ok(Self { v4: of(libc::AF_INET)?, v6: of(libc::AF_INET6)? })
    }
}

/// The devices of the routes of the lowest metric.
fn lowest(routes: Vec<(u32, Vec<u32>)>) -> BTreeSet<u32> {
    let lowest = routes.iter().map(|(metric, _)| *metric).min();
    let best = routes.into_iter().filter(|(metric, _)| Some(*metric) == lowest);
    best.flat_map(|(_, devices)| devices).collect()
}

/// Whether an `RTM_NEWROUTE` or `RTM_DELROUTE` message is about a default route.
pub(super) fn is_default(body: &[u8]) -> bool {
    read(body).is_some()
}

/// Metric and devices of an `RTM_NEWROUTE` message, if it is about a default route.
fn read(body: &[u8]) -> Option<(u32, Vec<u32>)> {
    const UNICAST: u8 = 1;
    let (prefix_length, route_type) = (*body.get(1)?, *body.get(7)?);
    let (mut table, mut metric, mut devices) = (u32::from(*body.get(4)?), 0, Vec::new());
    for (attribute, value) in attributes(body.get(HEADER..)?) {
        match attribute {
            libc::RTA_TABLE => table = u32_at(value, 0)?,
            libc::RTA_PRIORITY => metric = u32_at(value, 0)?,
            libc::RTA_OIF => devices.push(u32_at(value, 0)?),
            libc::RTA_MULTIPATH => devices.extend(next_hops(value)),
            _ => {}
        }
    }
    let is_default =
        prefix_length == 0 && route_type == UNICAST && table == MAIN_TABLE && !devices.is_empty();
    is_default.then_some((metric, devices))
}

/// Devices of a multipath route: a sequence of `struct rtnexthop`, each with attributes of its own.
fn next_hops(mut bytes: &[u8]) -> Vec<u32> {
    let mut devices = Vec::new();
    while let (Some(length), Some(device)) = (u16_at(bytes, 0), u32_at(bytes, 4)) {
        devices.push(device);
        match bytes.get(usize::from(length).next_multiple_of(4)..) {
            Some(rest) if length >= 8 => bytes = rest,
            _ => break,
        }
    }
    devices
}

#[cfg(test)]
mod tests {
    use super::{super::netlink::attribute, *};

    #[test]
    fn default_routes_are_told_from_others() {
        let route = |prefix: u8, table: u8, attributes: &[Vec<u8>]| {
            let mut body = vec![libc::AF_INET as u8, prefix, 0, 0, table, 0, 0, 1, 0, 0, 0, 0];
            body.extend(attributes.concat());
            body
        };
        let device = attribute(libc::RTA_OIF, &3u32.to_ne_bytes());
        let metric = attribute(libc::RTA_PRIORITY, &100u32.to_ne_bytes());
        assert_eq!(read(&route(0, 254, &[metric, device.clone()])), Some((100, vec![3])));
        assert_eq!(read(&route(24, 254, std::slice::from_ref(&device))), None);
        assert_eq!(read(&route(0, 255, &[device])), None);
        let hop = |device: u32| [&[8, 0, 0, 0][..], &device.to_ne_bytes()].concat();
        let paths = attribute(libc::RTA_MULTIPATH, &[hop(4), hop(5)].concat());
        assert_eq!(read(&route(0, 254, &[paths])), Some((0, vec![4, 5])));
        assert_eq!(next_hops(&[0, 0, 0, 0, 9, 0, 0, 0]), [9], "a length of 0 does not loop");
    }

    #[test]
    fn the_lowest_metric_counts() {
        let routes = vec![(100, vec![3]), (50, vec![4, 5]), (50, vec![6])];
        assert_eq!(lowest(routes), [4, 5, 6].into());
        assert_eq!(lowest(Vec::new()), [].into());
    }
}
