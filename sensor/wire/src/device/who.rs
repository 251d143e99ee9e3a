//! By what the decoder knows a device: the address from which its messages come. An sFlow agent is known by the address that
//! it tells, behind the one that its datagrams come from: nobody vouches for what a datagram says, so that nothing it tells
//! reaches the device that really has that address.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// By what a device is known: numbers, which every datagram looks up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Who {
    /// Where its messages come from.
    pub(super) source: u128,
    /// What an sFlow agent says that its address is; 0 for the source itself.
    agent: u128,
}

impl From<IpAddr> for Who {
    fn from(source: IpAddr) -> Self {
        Self { source: number(source), agent: 0 }
    }
}

impl From<SocketAddr> for Who {
    #[inline]
    fn from(source: SocketAddr) -> Self {
        let source = match source {
            SocketAddr::V4(source) => source.ip().to_ipv6_mapped().to_bits(),
            SocketAddr::V6(source) => source.ip().to_bits(),
        };
        Self { source, agent: 0 }
    }
}

/// An IPv4 address is the IPv4-mapped IPv6 address.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn address(number: u128) -> IpAddr {
    Ipv6Addr::from_bits(number).to_canonical()
}

impl Who {
    /// The agent at `address`, whose datagrams come from this source.
    #[must_use]
    pub fn agent(self, address: IpAddr) -> Self {
        let agent = number(address);
        Self { agent: if agent == self.source { 0 } else { agent }, ..self }
    }

    /// Where its messages come from.
    pub fn source(self) -> IpAddr {
        address(self.source)
    }

    /// Its address.
    pub fn device(self) -> IpAddr {
        address(if self.is_agent() { self.agent } else { self.source })
    }

    pub(super) fn is_agent(self) -> bool {
        self.agent != 0
    }
}
