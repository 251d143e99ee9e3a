//! A PPPoE session without daemons: the kernel's sockets for it (RFC 2516) and its PPP, told of each other as pppd does
//! (`Documentation/networking/ppp_generic.rst`). Discovery and negotiation are left out: both ends know the session.

use std::{
    fs::{File, OpenOptions},
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
};

use anyhow::{Context, Result};
use tests::netns::Netns;

use crate::sys::{check, ioctl_int};

const AF_PPPOX: i32 = 24;
const PX_PROTO_OE: i32 = 0;

// linux/ppp-ioctl.h
const PPPIOCGCHAN: u64 = 0x8004_7437;
const PPPIOCATTCHAN: u64 = 0x4004_7438;
const PPPIOCNEWUNIT: u64 = 0xc004_743e;
const PPPIOCCONNECT: u64 = 0x4004_743a;

/// The number of the session, in network order.
const SESSION: [u8; 2] = 0x0777_u16.to_be_bytes();

/// One end; its device goes with it.
#[derive(Debug)]
pub struct End {
    _session: OwnedFd,
    _channel: File,
    _unit: File,
}

/// `struct sockaddr_pppox` (linux/if_pppox.h), which is packed.
#[repr(C, packed)]
struct Address {
    family: u16,
    protocol: u32,
    session: [u8; 2],
    remote: [u8; 6],
    device: [u8; 16],
}

/// Makes `ppp0` in `netns` over the Ethernet device `device`, whose peer has the MAC address `remote`.
///
/// # Errors
/// When the kernel refuses, or has no PPP.
pub fn dial(netns: &Netns, device: &str, remote: [u8; 6]) -> Result<End> {
    netns.enter(|| -> Result<End> {
        let open = || OpenOptions::new().read(true).write(true).open("/dev/ppp");
        // SAFETY: no pointers; the descriptor is owned by nobody else.
        let session = unsafe {
            let number = check(libc::socket(AF_PPPOX, libc::SOCK_STREAM, PX_PROTO_OE));
            OwnedFd::from_raw_fd(number.context("a socket for PPPoE")?)
        };
        let mut name = [0; 16];
        name[..device.len()].copy_from_slice(device.as_bytes());
        let address = Address {
            family: AF_PPPOX as u16,
            protocol: PX_PROTO_OE as u32,
            session: SESSION,
            remote,
            device: name,
        };
        // SAFETY: the address is valid for the length that is told.
        let connected = unsafe {
            libc::connect(
                session.as_raw_fd(),
                (&raw const address).cast(),
                size_of::<Address>() as libc::socklen_t,
            )
        };
        check(connected).context("connect the session")?;
        let (mut number, mut unit_number) = (0, -1);
        ioctl_int(&session, PPPIOCGCHAN, &mut number).context("the channel of the session")?;
        let channel = open().context("open /dev/ppp")?;
        ioctl_int(&channel, PPPIOCATTCHAN, &mut number).context("attach the channel")?;
        let unit = open().context("open /dev/ppp")?;
        ioctl_int(&unit, PPPIOCNEWUNIT, &mut unit_number).context("make a device")?;
        ioctl_int(&channel, PPPIOCCONNECT, &mut unit_number).context("connect the device")?;
        Ok(End { _session: session, _channel: channel, _unit: unit })
    })?
}
