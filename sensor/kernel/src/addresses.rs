//! The addresses of this host: those of all interfaces of the network namespace, or of one.
//!
//! Layout: linux/if_addr.h.

use std::{io, net::IpAddr};

use super::{
    error::KernelError,
    links,
    netlink::{Answer, Netlink, attributes, u32_at},
};

/// Flags of an address that nothing may be sent from: `IFA_F_DADFAILED`, `IFA_F_TENTATIVE`.
const UNUSABLE: u8 = 0x08 | 0x40;

/// Octets of `struct ifaddrmsg`.
const HEADER: usize = 8;

/// The addresses, sorted, each once; those of the loopback interface among them.
///
/// # Errors
/// When rtnetlink does not answer.
pub fn list() -> Result<Vec<IpAddr>, KernelError> {
    dump().map_err(failed)
}

/// The addresses of the interface `name`, in the kernel's order, those that are neither tentative nor duplicates.
///
/// # Errors
/// When there is no such interface, or rtnetlink does not answer.
pub fn of(name: &str) -> Result<Vec<IpAddr>, KernelError> {
    let links = links::list()?;
    let Some(link) = links.iter().find(|link| link.is_called(name)) else {
        let present = links::listed(&links);
        return Err(KernelError::NoInterface { name: name.to_owned(), present });
    };
    let answers = dump_all().map_err(failed)?;
    let of_link = answers.iter().filter(|(_, body)| {
        u32_at(body, 4) == Some(link.index)
            && body.get(2).is_some_and(|flags| flags & UNUSABLE == 0)
    });
    Ok(of_link.filter_map(|(_, body)| read(body)).collect())
}

fn failed(source: io::Error) -> KernelError {
    KernelError::System { attempt: "list addresses", source }
}

fn dump_all() -> io::Result<Vec<Answer>> {
    Netlink::open()?.dump(libc::RTM_GETADDR, &[0; HEADER])
}

fn dump() -> io::Result<Vec<IpAddr>> {
    let mut addresses: Vec<_> = dump_all()?.iter().filter_map(|(_, body)| read(body)).collect();
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
    #[test]
    fn an_interface_has_its_own() {
        assert!(of("lo").unwrap().contains(&[127, 0, 0, 1].into()));
        let error = of("nosuch0").unwrap_err().to_string();
        assert!(error.starts_with("no interface named `nosuch0`"), "{error}");
    }
}
