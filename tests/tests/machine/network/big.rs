//! BIG TCP over IPv4, which ip(8) knows later than kernels do.

use std::fs;

use anyhow::{Context, Result, ensure};
use socket2::{Domain, Protocol, Socket, Type};
use tests::netns::Netns;

use super::index;

/// linux/if_link.h
const IFLA_GSO_IPV4_MAX_SIZE: u16 = 63;
const IFLA_GRO_IPV4_MAX_SIZE: u16 = 64;

/// The first kernel that has it.
const SINCE: (u32, u32) = (6, 3);

/// Whether this kernel has it.
pub fn has_v4() -> Result<bool> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let mut numbers = release.split(['.', '-']).map(str::parse);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        anyhow::bail!("no release of a kernel: {release}");
    };
    Ok((major, minor) >= SINCE)
}

/// Lets super-packets of `device` be as large as `size`, sent and received ones.
pub fn allow_v4(netns: &Netns, device: &str, size: u32) -> Result<()> {
    let index: u32 = index(netns, device)?;
    // `struct ifinfomsg`: of its numbers only the index is given.
    let mut body = [0, index, 0, 0].map(u32::to_ne_bytes).concat();
    for attribute in [IFLA_GSO_IPV4_MAX_SIZE, IFLA_GRO_IPV4_MAX_SIZE] {
        body.extend([8_u16, attribute].map(u16::to_ne_bytes).concat());
        body.extend(size.to_ne_bytes());
    }
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16;
    let mut message = (16 + body.len() as u32).to_ne_bytes().to_vec();
    message.extend([libc::RTM_NEWLINK, flags].map(u16::to_ne_bytes).concat());
    message.extend([1_u32, 0].map(u32::to_ne_bytes).concat());
    message.extend(body);
    let mut answer = [std::mem::MaybeUninit::uninit(); 20];
    netns.enter(|| -> Result<()> {
        let domain = Domain::from(libc::AF_NETLINK);
        let socket = Socket::new(domain, Type::RAW, Some(Protocol::from(libc::NETLINK_ROUTE)))?;
        socket.send(&message)?;
        let length = socket.recv(&mut answer)?;
        ensure!(length == answer.len(), "an answer of {length} octets");
        Ok(())
    })??;
    // SAFETY: it was filled, as its length says.
    let answer = answer.map(|octet| unsafe { octet.assume_init() });
    let error = i32::from_ne_bytes(answer[16..].try_into().context("the error")?);
    ensure!(error == 0, "{device}: {}", std::io::Error::from_raw_os_error(-error));
    Ok(())
}
