//! The own address that messages leave from, where it is not left to the kernel: an address, or an interface whose
//! address it is at that moment, whichever way the packets take (as `source Loopback0` on routers).

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr, SocketAddrV6, UdpSocket},
};

use super::error::NetError;

/// Where messages leave from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The address that the kernel chooses, by the route.
    #[default]
    Any,
    /// This address.
    Address(IpAddr),
    /// An address of this interface.
    Interface(InterfaceAddress),
}

/// An interface, and how its addresses are found.
#[derive(Clone)]
pub struct InterfaceAddress {
    /// Its name.
    pub name: String,
    /// The addresses that an interface of this name has now, the kernel's first choice first.
    pub addresses: fn(&str) -> io::Result<Vec<IpAddr>>,
}

impl Source {
    /// Whether messages to `host`, an address or a name, can leave from here now.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, host: &str) -> io::Result<()> {
        let own = match self {
            Self::Any => return Ok(()),
            Self::Address(address) => vec![*address],
            Self::Interface(InterfaceAddress { name, addresses }) => addresses(name)?,
        };
        let host = host.split('%').next().unwrap_or_default().parse::<IpAddr>();
        match host.map(|address| SocketAddr::new(address, 0)) {
            Ok(to) if usable(&own, to).is_empty() => return Err(other_family(to)),
            Err(_) if own.is_empty() => {
                return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, "it has no address"));
            }
            _ => {}
        }
        match self {
            // Which link a link-local one is of, the way to the host tells.
            Self::Address(address) if !is_link_local(*address) => {
                UdpSocket::bind((*address, 0)).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Addresses to bind to on the way to `to`, the best first, port 0; none where the choice is the kernel's.
    pub(in crate::export) fn candidates(
        &self,
        to: SocketAddr,
    ) -> Result<Vec<SocketAddr>, NetError> {
        let error = |source| NetError::Source { source_address: self.to_string(), source };
        match self {
            Self::Any => Ok(Vec::new()),
            Self::Address(address) => match usable(&[*address], to) {
                list if list.is_empty() => Err(error(other_family(to))),
                list => Ok(list),
            },
            Self::Interface(InterfaceAddress { name, addresses }) => {
                match usable(&addresses(name).map_err(error)?, to) {
                    list if list.is_empty() => Err(error(other_family(to))),
                    list => Ok(list),
                }
            }
        }
    }
}

fn other_family(to: SocketAddr) -> io::Error {
    let family = if to.is_ipv4() { "IPv4" } else { "IPv6" };
    io::Error::new(io::ErrorKind::AddrNotAvailable, format!("it has no {family} address"))
}

/// Those of `addresses` that can send to `to`, whose scope it shares first.
fn usable(addresses: &[IpAddr], to: SocketAddr) -> Vec<SocketAddr> {
    let wanted = is_link_local(to.ip());
    let family = addresses.iter().filter(|address| address.is_ipv4() == to.is_ipv4());
    let (mut first, second): (Vec<IpAddr>, Vec<IpAddr>) =
        family.partition(|address| is_link_local(**address) == wanted);
    first.extend(second);
    let scope = if let SocketAddr::V6(to) = to { to.scope_id() } else { 0 };
    let socket = |address| match address {
        // Only a link-local address needs the link with it.
        IpAddr::V6(v6) if is_link_local(address) => SocketAddrV6::new(v6, 0, 0, scope).into(),
        address => SocketAddr::new(address, 0),
    };
    first.into_iter().map(socket).collect()
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any address"),
            Self::Address(address) => address.fmt(f),
            Self::Interface(interface) => f.write_str(&interface.name),
        }
    }
}

impl PartialEq for InterfaceAddress {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for InterfaceAddress {}

impl fmt::Debug for InterfaceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_of_the_family_and_scope_of_the_other_end_comes_first() {
        let all = ["fe80::1", "2001:db8::1", "169.254.1.1", "192.0.2.1", "192.0.2.2"];
        let all = all.map(|address| address.parse().unwrap());
        let texts = |to: &str| -> Vec<String> {
            usable(&all, socket(to)).iter().map(SocketAddr::to_string).collect()
        };
        assert_eq!(texts("198.51.100.1:4739"), ["192.0.2.1:0", "192.0.2.2:0", "169.254.1.1:0"]);
        assert_eq!(texts("[2001:db8:1::1]:4739"), ["[2001:db8::1]:0", "[fe80::1]:0"]);
        assert_eq!(texts("[fe80::9%3]:4739"), ["[fe80::1%3]:0", "[2001:db8::1]:0"]);
    }

    #[test]
    fn what_cannot_be_is_told_with_its_name() {
        let interface = InterfaceAddress {
            name: "mgmt0".into(),
            addresses: |_| Ok(vec![IpAddr::from([192, 0, 2, 1])]),
        };
        let error = |source: Source, to| source.candidates(socket(to)).unwrap_err().to_string();
        assert_eq!(
            error(Source::Interface(interface), "[2001:db8::1]:1"),
            "cannot send from mgmt0: it has no IPv6 address"
        );
        assert_eq!(
            error(Source::Address([0, 0, 0, 0, 0, 0, 0, 1].into()), "192.0.2.1:1"),
            "cannot send from ::1: it has no IPv4 address"
        );
    }
}
