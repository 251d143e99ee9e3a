//! Frames of many flows in turn, at a steady rate, past the queueing discipline.

#![expect(unsafe_code, reason = "sendmmsg(2) takes pointers")]

use std::{
    io,
    os::fd::AsRawFd,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, Socket, Type};
use tests::frames;

/// Octets of a frame, without its checksum.
const FRAME: usize = 60;
/// Frames of one system call.
const BATCH: usize = 256;
/// `PACKET_QDISC_BYPASS` of linux/if_packet.h: frames go straight to the driver.
const PACKET_QDISC_BYPASS: libc::c_int = 20;

/// The frames, and the socket that they leave by.
pub struct Sender {
    socket: Socket,
    frames: Vec<[u8; FRAME]>,
}

impl Sender {
    /// Frames of `flows` UDP flows, to leave by `interface` of this thread's namespace.
    pub fn new(interface: &str, flows: u32) -> Result<Self> {
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
        socket.bind(&address(interface)?).with_context(|| format!("bind to {interface}"))?;
        let one: libc::c_int = 1;
        // SAFETY: the value lives, and its length is told.
        let set = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_PACKET,
                PACKET_QDISC_BYPASS,
                (&raw const one).cast(),
                size_of_val(&one) as libc::socklen_t,
            )
        };
        ensure!(set == 0, io::Error::last_os_error());
        let frame = |flow| frames::udp_v4(flow, FRAME).try_into().ok().context("another length");
        Ok(Self { socket, frames: (0..flows).map(frame).collect::<Result<_>>()? })
    }

    /// Sends `count` frames, one of each flow in turn, at `rate` a second or as fast as it can; returns the time that took.
    pub fn send(&self, count: u64, rate: u32) -> Result<Duration> {
        let start = Instant::now();
        let mut sent = 0;
        while sent < count {
            let from = (sent % self.frames.len() as u64) as usize;
            let most = BATCH.min((count - sent) as usize);
            let batch = &self.frames[from..self.frames.len().min(from + most)];
            sent += self.batch(batch)? as u64;
            let due = start + Duration::from_secs_f64(sent as f64 / f64::from(rate));
            // Sleeping less than this takes longer than asked.
            if let Some(early) = due.checked_duration_since(Instant::now())
                && early > Duration::from_micros(200)
            {
                thread::sleep(early);
            }
        }
        Ok(start.elapsed())
    }

    /// Hands over the first of `frames`; returns how many.
    fn batch(&self, frames: &[[u8; FRAME]]) -> io::Result<usize> {
        // SAFETY: all zero is a valid header of a message.
        let mut messages: [libc::mmsghdr; BATCH] = unsafe { std::mem::zeroed() };
        let mut parts: [libc::iovec; BATCH] =
            [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: FRAME }; BATCH];
        for ((message, part), frame) in messages.iter_mut().zip(&mut parts).zip(frames) {
            part.iov_base = frame.as_ptr().cast_mut().cast();
            message.msg_hdr.msg_iov = part;
            message.msg_hdr.msg_iovlen = 1;
        }
        let count = frames.len().min(BATCH) as u32;
        // SAFETY: `count` messages point to parts and frames that outlive the call.
        let sent =
            unsafe { libc::sendmmsg(self.socket.as_raw_fd(), messages.as_mut_ptr(), count, 0) };
        match usize::try_from(sent) {
            Ok(sent) => Ok(sent),
            Err(_) => match io::Error::last_os_error() {
                full if full.raw_os_error() == Some(libc::ENOBUFS) => Ok(0),
                error => Err(error),
            },
        }
    }
}

fn address(interface: &str) -> Result<SockAddr> {
    let path = format!("/sys/class/net/{interface}/ifindex");
    let index = std::ffi::CString::new(interface)?;
    // SAFETY: the name ends with a zero octet and outlives the call.
    let index = unsafe { libc::if_nametoindex(index.as_ptr()) };
    ensure!(index != 0, "{path}: {}", io::Error::last_os_error());
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: sockaddr_ll is one of the addresses that the storage is for.
    let link = unsafe { storage.view_as::<libc::sockaddr_ll>() };
    link.sll_family = libc::AF_PACKET as u16;
    link.sll_ifindex = index as i32;
    // SAFETY: it was filled in as what its length says.
    Ok(unsafe { SockAddr::new(storage, size_of::<libc::sockaddr_ll>() as libc::socklen_t) })
}
