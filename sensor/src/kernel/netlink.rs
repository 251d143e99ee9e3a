//! A few questions and orders to rtnetlink, message by message.
//!
//! Only the handful of attributes that the agent needs is read, and everything else skipped: what a newer kernel adds
//! cannot break it. Layouts: linux/netlink.h, linux/rtnetlink.h. All numbers are in host order.

use std::io;

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

/// Octets of `struct nlmsghdr`.
const HEADER: usize = 16;

/// A socket to rtnetlink. It belongs to the network namespace of the thread that opened it.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: Socket,
    sequence: u32,
}

/// An answer: message type, and what stands behind the message header.
pub(super) type Answer = (u16, Vec<u8>);

impl Netlink {
    /// Opens a socket.
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Asks for all objects of a kind.
    pub(super) fn dump(&mut self, message_type: u16, body: &[u8]) -> io::Result<Vec<Answer>> {
        self.exchange(message_type, libc::NLM_F_DUMP, body)
    }

    /// Gives an order, with `flags` beside the usual, and waits until it has been carried out.
    pub(super) fn order(
        &mut self,
        message_type: u16,
        flags: libc::c_int,
        body: &[u8],
    ) -> io::Result<()> {
        self.exchange(message_type, libc::NLM_F_ACK | flags, body).map(drop)
    }

    fn exchange(
        &mut self,
        message_type: u16,
        flags: libc::c_int,
        body: &[u8],
    ) -> io::Result<Vec<Answer>> {
        self.sequence += 1;
        let mut message = Vec::with_capacity(HEADER + body.len());
        message.extend_from_slice(&((HEADER + body.len()) as u32).to_ne_bytes());
        message.extend_from_slice(&message_type.to_ne_bytes());
        message.extend_from_slice(&((libc::NLM_F_REQUEST | flags) as u16).to_ne_bytes());
        message.extend_from_slice(&self.sequence.to_ne_bytes());
        message.extend_from_slice(&0u32.to_ne_bytes());
        message.extend_from_slice(body);
        self.socket.send(&message, 0)?;
        let mut answers = Vec::new();
        loop {
            let (datagram, _) = self.socket.recv_from_full()?;
            if read_answers(&datagram, self.sequence, &mut answers)? {
                return Ok(answers);
            }
        }
    }
}

/// Appends the messages of a datagram that answer `sequence`; true once the exchange is over.
fn read_answers(datagram: &[u8], sequence: u32, answers: &mut Vec<Answer>) -> io::Result<bool> {
    let mut rest = datagram;
    while let Some(length) = u32_at(rest, 0).map(|length| length as usize) {
        if length < HEADER || length > rest.len() {
            return Err(io::Error::other("rtnetlink sent a message that contradicts itself"));
        }
        let (message, body) = (&rest[..length], &rest[HEADER..length]);
        if u32_at(message, 8) == Some(sequence) {
            match libc::c_int::from(u16_at(message, 4).unwrap_or(0)) {
                libc::NLMSG_DONE => return Ok(true),
                libc::NLMSG_ERROR => {
                    return match u32_at(body, 0).unwrap_or(0) as i32 {
                        0 => Ok(true),
                        error => Err(io::Error::from_raw_os_error(-error)),
                    };
                }
                message_type => answers.push((message_type as u16, body.to_vec())),
            }
        }
        rest = &rest[aligned(length).min(rest.len())..];
    }
    Ok(false)
}

/// The attributes (`struct nlattr`) in `bytes`, as type and value; stops where they contradict themselves.
pub(super) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(rest, 0)?);
        // The two highest bits tell of nesting and byte order.
        let attribute_type = u16_at(rest, 2)? & 0x3fff;
        let value = rest.get(4..length)?;
        rest = &rest[aligned(length).min(rest.len())..];
        Some((attribute_type, value))
    })
}

/// Appends an attribute, padded.
pub(super) fn push_attribute(message: &mut Vec<u8>, attribute_type: u16, value: &[u8]) {
    message.extend_from_slice(&((4 + value.len()) as u16).to_ne_bytes());
    message.extend_from_slice(&attribute_type.to_ne_bytes());
    message.extend_from_slice(value);
    message.resize(aligned(message.len()), 0);
}

/// A string attribute, without the zero that ends it.
pub(super) fn text(value: &[u8]) -> String {
    let end = value.iter().position(|&octet| octet == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

/// The number at `offset`.
pub(super) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..offset + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

/// The number at `offset`.
pub(super) fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    bytes.get(offset..offset + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

/// Messages and attributes begin at multiples of four octets.
fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(attribute_type: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_attribute(&mut bytes, attribute_type, value);
        bytes
    }

    fn message(message_type: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = ((HEADER + body.len()) as u32).to_ne_bytes().to_vec();
        bytes.extend_from_slice(&message_type.to_ne_bytes());
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(&sequence.to_ne_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(body);
        bytes.resize(aligned(bytes.len()), 0);
        bytes
    }

    #[test]
    fn attributes_are_walked_by_their_aligned_lengths() {
        let mut bytes = attribute(3, b"eth0\0");
        bytes.extend(attribute(4 | 0x8000, &1500u32.to_ne_bytes()));
        let found: Vec<_> = attributes(&bytes).collect();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].0, text(found[0].1)), (3, "eth0".to_owned()));
        assert_eq!((found[1].0, u32_at(found[1].1, 0)), (4, Some(1500)));
    }

    #[test]
    fn attributes_that_contradict_themselves_end_the_walk() {
        let good = attribute(1, b"x");
        for bad in [&[0u8, 0, 1, 0][..], &[3, 0, 1, 0], &[200, 0, 1, 0], &[8]] {
            let bytes = [&good[..], bad].concat();
            assert_eq!(attributes(&bytes).count(), 1, "{bad:?}");
        }
    }

    #[test]
    fn answers_end_with_done_or_an_error_and_strangers_are_skipped() {
        let mut answers = Vec::new();
        let datagram =
            [message(16, 7, b"abc"), message(16, 6, b"late"), message(16, 7, b"d")].concat();
        assert!(!read_answers(&datagram, 7, &mut answers).unwrap());
        assert!(
            read_answers(&message(libc::NLMSG_DONE as u16, 7, &[0; 4]), 7, &mut answers).unwrap()
        );
        assert_eq!(answers, [(16, b"abc".to_vec()), (16, b"d".to_vec())]);
        let error = message(libc::NLMSG_ERROR as u16, 7, &(-libc::ENODEV).to_ne_bytes());
        let error = read_answers(&error, 7, &mut answers).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
        assert!(
            read_answers(&message(libc::NLMSG_ERROR as u16, 7, &[0; 4]), 7, &mut answers).unwrap()
        );
        assert!(read_answers(&5u32.to_ne_bytes(), 7, &mut answers).is_err());
    }
}
