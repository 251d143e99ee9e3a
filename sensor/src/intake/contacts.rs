//! Who has sent anything yet: a device is told of in the log when it is heard for the first time, in each protocol and
//! domain.
//!
//! Pure; time is an argument. Whoever makes addresses up makes neither the table nor the log grow without end.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use hashbrown::HashSet;

use super::relay::selection::Protocol;

/// Contacts that are known; beyond, none is told.
const MOST: usize = 1 << 16;
/// Contacts that are told within [`INTERVAL`].
const TOLD: u32 = 30;
/// Milliseconds.
const INTERVAL: u64 = 60_000;

/// A device as it has first been heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Contact {
    /// Where it comes from.
    pub address: IpAddr,
    version: u8,
    /// Observation domain (IPFIX), source identifier (NetFlow 9), engine (NetFlow 5 and 7), sub-agent (sFlow).
    pub domain: u32,
    /// The address that an sFlow agent gives itself.
    pub agent: Option<IpAddr>,
}

impl Contact {
    /// Of a datagram from `address`; none where its header says nothing.
    pub(super) fn of(address: IpAddr, datagram: &[u8]) -> Option<Self> {
        let word = |at: usize| {
            let octets = datagram.get(at..)?.first_chunk::<4>()?;
            Some(u32::from_be_bytes(*octets))
        };
        let protocol = Protocol::of(datagram)?;
        let (domain, agent) = match protocol {
            Protocol::NetFlow5 | Protocol::NetFlow7 => (word(20)? >> 16, None),
            Protocol::NetFlow9 => (word(16)?, None),
            Protocol::Ipfix => (word(12)?, None),
            // RFC 3176's successor, sFlow version 5: type of the agent's address, the address, the sub-agent.
            Protocol::Sflow => match word(4)? {
                1 => (word(12)?, Some(Ipv4Addr::from(word(8)?).into())),
                2 => {
                    let octets = datagram.get(8..)?.first_chunk::<16>()?;
                    (word(24)?, Some(Ipv6Addr::from(*octets).into()))
                }
                _ => return None,
            },
        };
        Some(Self { address, version: protocol as u8, domain, agent })
    }

    fn protocol(&self) -> &'static str {
        Protocol::ALL[usize::from(self.version)].name()
    }
}

impl fmt::Display for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, domain, agent, .. } = self;
        write!(f, "device {address}: first contact ({}, domain {domain}", self.protocol())?;
        match agent.filter(|agent| agent != address) {
            Some(agent) => write!(f, ", agent {agent})"),
            None => write!(f, ")"),
        }
    }
}

/// Those that are known.
#[derive(Debug, Default)]
pub(super) struct Contacts {
    known: HashSet<Contact>,
    since: u64,
    told: u32,
    untold: u64,
}

impl Contacts {
    /// Notes a contact at `now` (milliseconds since the epoch). Some when it is to be told, with how many before it were not.
    pub(super) fn note(&mut self, contact: Contact, now: u64) -> Option<u64> {
        if self.known.contains(&contact) || self.known.len() >= MOST {
            return None;
        }
        self.known.insert(contact);
        if now.saturating_sub(self.since) >= INTERVAL {
            (self.since, self.told) = (now, 0);
        }
        if self.told >= TOLD {
            self.untold += 1;
            return None;
        }
        self.told += 1;
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from(0x0a00_0000 + number).into()
    }

    #[test]
    fn what_headers_tell() {
        let octets =
            |words: &[u32]| words.iter().flat_map(|w| w.to_be_bytes()).collect::<Vec<u8>>();
        let v6 = [0x2001_0db8, 0, 0, 1];
        for (datagram, told) in [
            (octets(&[0x0005_0001, 0, 0, 0, 0, 0x0102_0000]), "netflow5, domain 258"),
            (octets(&[0x0007_0001, 0, 0, 0, 0, 0x0001_0000]), "netflow7, domain 1"),
            (octets(&[0x0009_0001, 0, 0, 0, 77]), "netflow9, domain 77"),
            (octets(&[0x000a_0010, 0, 0, 4_000_000_000]), "ipfix, domain 4000000000"),
            (octets(&[5, 1, 0x0a00_0001, 3]), "sflow, domain 3"),
            (octets(&[5, 1, 0xc633_6401, 3]), "sflow, domain 3, agent 198.51.100.1"),
            (octets(&[&[5, 2][..], &v6, &[9]].concat()), "sflow, domain 9, agent 2001:db8::1"),
        ] {
            let contact = Contact::of(address(1), &datagram).unwrap();
            assert_eq!(contact.to_string(), format!("device 10.0.0.1: first contact ({told})"));
            let end = datagram.len() - 4;
            assert_eq!(Contact::of(address(1), &datagram[..end]), None, "{told}");
        }
        assert_eq!(Contact::of(address(1), b"GET / HTTP/1.1 and more"), None);
        assert_eq!(Contact::of(address(1), &octets(&[5, 3, 0, 0, 0, 0, 0])), None);
    }

    #[test]
    fn once_each_and_not_endlessly_many() {
        let contact = |number: u32| {
            Contact::of(address(number), &[0, 10, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7])
                .unwrap()
        };
        let mut contacts = Contacts::default();
        assert_eq!(contacts.note(contact(0), 0), Some(0));
        assert_eq!(contacts.note(contact(0), 100_000), None);
        let told = (1..70_000).filter(|n| contacts.note(contact(*n), 200_000).is_some()).count();
        assert_eq!((told, contacts.known.len()), (TOLD as usize, MOST));
        let mut contacts = Contacts::default();
        let told = (0..40).filter(|n| contacts.note(contact(*n), 0).is_some()).count();
        assert_eq!(told, 30);
        assert_eq!(contacts.note(contact(40), INTERVAL), Some(10));
        assert_eq!(contacts.note(contact(41), INTERVAL), Some(0));
    }
}
