//! Which datagrams a receiver gets: by their protocol, and by who sent them.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use sensor_wire::device::state;

/// A protocol of exports, told by the version at the start of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// NetFlow 5.
    NetFlow5,
    /// NetFlow 7.
    NetFlow7,
    /// NetFlow 9 (RFC 3954).
    NetFlow9,
    /// IPFIX (RFC 7011).
    Ipfix,
    /// sFlow 5.
    Sflow,
}

impl Protocol {
    /// All, in the order of their names.
    pub const ALL: [Self; 5] =
        [Self::NetFlow5, Self::NetFlow7, Self::NetFlow9, Self::Ipfix, Self::Sflow];

    /// As the configuration writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NetFlow5 => "netflow5",
            Self::NetFlow7 => "netflow7",
            Self::NetFlow9 => "netflow9",
            Self::Ipfix => "ipfix",
            Self::Sflow => "sflow",
        }
    }

    /// That of a datagram; none where its version is of none of them.
    pub fn of(datagram: &[u8]) -> Option<Self> {
        match *datagram {
            [0, 5, ..] => Some(Self::NetFlow5),
            [0, 7, ..] => Some(Self::NetFlow7),
            [0, 9, ..] => Some(Self::NetFlow9),
            [0, 10, ..] => Some(Self::Ipfix),
            [0, 0, 0, 5, ..] => Some(Self::Sflow),
            _ => None,
        }
    }
}

/// What a receiver gets; empty lists let everything through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Selection {
    pub protocols: Vec<Protocol>,
    pub devices: Vec<IpNet>,
}

impl Selection {
    /// Whether it gets `datagram`, which has come from `from`.
    pub(super) fn takes(&self, from: SocketAddr, datagram: &[u8]) -> bool {
        let is_asked = |protocol: Protocol| self.protocols.contains(&protocol);
        let protocol = self.protocols.is_empty() || Protocol::of(datagram).is_some_and(is_asked);
        let address: IpAddr = state::address(from);
        let is_of = |network: &IpNet| network.contains(&address);
        protocol && (self.devices.is_empty() || self.devices.iter().any(is_of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_and_senders() {
        let from = |text: &str| text.parse::<SocketAddr>().unwrap();
        let one = from("[::ffff:10.1.2.3]:9000");
        assert!(Selection::default().takes(one, b"anything"));
        let netflow = Selection {
            protocols: vec![Protocol::NetFlow5, Protocol::NetFlow9],
            devices: vec!["10.1.0.0/16".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
        };
        for (sender, datagram, taken) in [
            ("10.1.2.3:1", &[0, 5, 1][..], true),
            ("[2001:db8::7]:1", &[0, 9], true),
            ("10.2.0.1:1", &[0, 9], false),
            ("[2001:db9::7]:1", &[0, 9], false),
            ("10.1.2.3:1", &[0, 10], false),
            ("10.1.2.3:1", &[0, 0, 0, 5], false),
            ("10.1.2.3:1", &[0], false),
            ("10.1.2.3:1", b"GET /", false),
        ] {
            assert_eq!(netflow.takes(from(sender), datagram), taken, "{sender} {datagram:?}");
        }
        assert!(netflow.takes(one, &[0, 5]));
        let names: Vec<_> = Protocol::ALL.map(Protocol::name).into();
        assert_eq!(names, ["netflow5", "netflow7", "netflow9", "ipfix", "sflow"]);
        for (protocol, datagram) in Protocol::ALL.into_iter().zip([
            &[0, 5, 9, 9][..],
            &[0, 7, 9, 9],
            &[0, 9, 9, 9],
            &[0, 10, 9, 9],
            &[0, 0, 0, 5],
        ]) {
            assert_eq!(Protocol::of(datagram), Some(protocol));
        }
    }
}
