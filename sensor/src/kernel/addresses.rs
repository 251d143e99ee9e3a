//! The addresses of this host: those of all interfaces of the network namespace.
//!
//! Layout: linux/if_addr.h.

use std::{io, net::IpAddr};

use super::{
    error::KernelError,
    netlink::{Netlink, attributes},
};

/// Octets of `struct ifaddrmsg`.
const HEADER: usize = 8;

/// The addresses, sorted, each once; those of the loopback interface among them.
///
/// # Errors
/// When rtnetlink does not answer.
pub fn list() -> Result<Vec<IpAddr>, KernelError> {
    dump().map_err(|source| KernelError::System { attempt: "list addresses", source })
}

fn dump() -> io::Result<Vec<IpAddr>> {
    let answers = Netlink::open()?.dump(libc::RTM_GETADDR, &[0; HEADER])?;
    let mut addresses: Vec<_> = answers.iter().filter_map(|(_, body)| read(body)).collect();
    addresses.sort_unstable();
    addresses.dedup();
    Ok(addresses)
}

/// Reads an `RTM_NEWADDR` message. On point-to-point links `IFA_ADDRESS` is the peer, and `IFA_LOCAL` the own address.
fn read(body: &[u8]) -> Option<IpAddr> {
    let (mut address, mut local) = (None, None);
    for (attribute, value) in attributes(body.get(HEADER..)?) {
        match attribute {
            libc::IFA_ADDRESS => address = octets(value),
            libc::IFA_LOCAL => local = octets(value),
            _ => {}
        }
    }
    local.or(address)
}

fn octets(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => <[u8; 4]>::try_from(value).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(value).ok().map(IpAddr::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::netlink::push_attribute, *};

    #[test]
    fn the_own_end_of_a_link_counts() {
        let mut body = vec![0; HEADER];
        assert_eq!(read(&body), None);
        push_attribute(&mut body, libc::IFA_ADDRESS, &[192, 0, 2, 2]);
        assert_eq!(read(&body), Some([192, 0, 2, 2].into()));
        push_attribute(&mut body, libc::IFA_LOCAL, &[192, 0, 2, 1]);
        assert_eq!(read(&body), Some([192, 0, 2, 1].into()));
        push_attribute(&mut body, libc::IFA_LOCAL, &[1, 2, 3]);
        assert_eq!(read(&body), Some([192, 0, 2, 2].into()));
    }

    #[test]
    fn this_host_has_a_loopback_address() {
        let addresses = list().expect("rtnetlink answers anybody");
        assert!(addresses.contains(&[127, 0, 0, 1].into()), "{addresses:?}");
    }
}
