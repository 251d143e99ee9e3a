//! A few questions and orders to rtnetlink, and questions to generic netlink, message by message.
//!
//! Only the handful of attributes that the agent needs is read, and everything else skipped: what a newer kernel adds
//! cannot break it. Layouts: linux/netlink.h, linux/rtnetlink.h. All numbers are in host order.

use std::io;

use netlink_sys::{
    Socket, SocketAddr,
    protocols::{NETLINK_GENERIC, NETLINK_ROUTE},
};

/// Octets of `struct nlmsghdr`.
const HEADER: usize = 16;

/// A socket to rtnetlink or generic netlink. It belongs to the network namespace of the thread that opened it.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: Socket,
    sequence: u32,
}

/// How often a dump is repeated that the kernel could not take in one piece.
const DUMP_ATTEMPTS: usize = 10;

/// An answer: message type, and what stands behind the message header.
pub(super) type Answer = (u16, Vec<u8>);

/// What has been answered so far.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answers {
    list: Vec<Answer>,
    /// What was dumped changed meanwhile (`NLM_F_DUMP_INTR`): something may be missing, or listed twice.
    inconsistent: bool,
}

impl Netlink {
    /// Opens a socket to rtnetlink.
    pub(super) fn open() -> io::Result<Self> {
        Self::to(NETLINK_ROUTE)
    }

    /// Opens a socket to generic netlink.
    pub(super) fn generic() -> io::Result<Self> {
        Self::to(NETLINK_GENERIC)
    }

    fn to(protocol: isize) -> io::Result<Self> {
        let mut socket = Socket::new(protocol)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Asks for all objects of a kind, again where they changed while they were listed.
    ///
    /// # Errors
    /// [`io::ErrorKind::Interrupted`] when they changed each time: worth another try later.
    pub(super) fn dump(&mut self, message_type: u16, body: &[u8]) -> io::Result<Vec<Answer>> {
        consistent(|| self.exchange(message_type, libc::NLM_F_DUMP, body))
    }

    /// Asks for one object.
    pub(super) fn get(&mut self, message_type: u16, body: &[u8]) -> io::Result<Vec<Answer>> {
        self.exchange(message_type, libc::NLM_F_ACK, body).map(|answers| answers.list)
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

    /// As [`Netlink::order`], for an order that makes something: what the kernel says of it.
    pub(super) fn make(
        &mut self,
        message_type: u16,
        flags: libc::c_int,
        body: &[u8],
    ) -> io::Result<Answer> {
        let flags = libc::NLM_F_ACK | libc::NLM_F_ECHO | flags;
        let answers = self.exchange(message_type, flags, body)?;
        let made = answers.list.into_iter().find(|&(answer, _)| answer == message_type);
        made.ok_or_else(|| io::Error::other("rtnetlink returned no handle of the new filter"))
    }

    fn exchange(
        &mut self,
        message_type: u16,
        flags: libc::c_int,
        body: &[u8],
    ) -> io::Result<Answers> {
        self.sequence += 1;
        let mut message = Vec::with_capacity(HEADER + body.len());
        message.extend_from_slice(&((HEADER + body.len()) as u32).to_ne_bytes());
        message.extend_from_slice(&message_type.to_ne_bytes());
        message.extend_from_slice(&((libc::NLM_F_REQUEST | flags) as u16).to_ne_bytes());
        message.extend_from_slice(&self.sequence.to_ne_bytes());
        message.extend_from_slice(&0u32.to_ne_bytes());
        message.extend_from_slice(body);
        self.socket.send(&message, 0)?;
        let mut answers = Answers::default();
        loop {
            let (datagram, _) = self.socket.recv_from_full()?;
            if read_answers(&datagram, self.sequence, &mut answers)? {
                return Ok(answers);
            }
        }
    }
}

/// The first answers in which nothing changed while they were given.
fn consistent(mut ask: impl FnMut() -> io::Result<Answers>) -> io::Result<Vec<Answer>> {
    for _ in 0..DUMP_ATTEMPTS {
        let answers = ask()?;
        if !answers.inconsistent {
            return Ok(answers.list);
        }
    }
    Err(io::Error::new(io::ErrorKind::Interrupted, "it changes faster than it can be listed"))
}

/// A message of rtnetlink.
pub(super) struct Message<'a> {
    /// `nlmsg_type`
    pub(super) message_type: u16,
    flags: u16,
    sequence: u32,
    /// What stands behind the header.
    pub(super) body: &'a [u8],
}

/// The messages of a datagram; an error where one contradicts itself, which ends them.
pub(super) fn messages(datagram: &[u8]) -> impl Iterator<Item = io::Result<Message<'_>>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let length = u32_at(rest, 0)? as usize;
        let header = (u16_at(rest, 4), u16_at(rest, 6), u32_at(rest, 8));
        let (Some(body), (Some(message_type), Some(flags), Some(sequence))) =
            (rest.get(HEADER..length), header)
        else {
            rest = &[];
            return Some(Err(io::Error::other("rtnetlink sent a message that contradicts itself")));
        };
        rest = &rest[aligned(length).min(rest.len())..];
        Some(Ok(Message { message_type, flags, sequence, body }))
    })
}

/// Appends the messages of a datagram that answer `sequence`; true once the exchange is over.
fn read_answers(datagram: &[u8], sequence: u32, answers: &mut Answers) -> io::Result<bool> {
    for message in messages(datagram) {
        let message = message?;
        if message.sequence != sequence {
            continue;
        }
        answers.inconsistent |= libc::c_int::from(message.flags) & libc::NLM_F_DUMP_INTR != 0;
        match libc::c_int::from(message.message_type) {
            libc::NLMSG_DONE => return Ok(true),
            libc::NLMSG_ERROR => {
                return match u32_at(message.body, 0).unwrap_or(0) as i32 {
                    0 => Ok(true),
                    error => Err(io::Error::from_raw_os_error(-error)),
                };
            }
            _ => answers.list.push((message.message_type, message.body.to_vec())),
        }
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

/// An attribute, padded.
#[cfg(test)]
pub(super) fn attribute(attribute_type: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_attribute(&mut bytes, attribute_type, value);
    bytes
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
pub(super) fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    bytes.get(offset..offset + 8)?.try_into().ok().map(u64::from_ne_bytes)
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
        let mut answers = Answers::default();
        let datagram =
            [message(16, 7, b"abc"), message(16, 6, b"late"), message(16, 7, b"d")].concat();
        assert!(!read_answers(&datagram, 7, &mut answers).unwrap());
        assert!(
            read_answers(&message(libc::NLMSG_DONE as u16, 7, &[0; 4]), 7, &mut answers).unwrap()
        );
        assert_eq!(answers.list, [(16, b"abc".to_vec()), (16, b"d".to_vec())]);
        assert!(!answers.inconsistent);
        let error = message(libc::NLMSG_ERROR as u16, 7, &(-libc::ENODEV).to_ne_bytes());
        let error = read_answers(&error, 7, &mut answers).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
        assert!(
            read_answers(&message(libc::NLMSG_ERROR as u16, 7, &[0; 4]), 7, &mut answers).unwrap()
        );
        assert!(read_answers(&5u32.to_ne_bytes(), 7, &mut answers).is_err());
    }
    #[test]
    fn a_dump_that_was_interrupted_is_repeated() {
        let mut torn = message(16, 7, b"abc");
        torn[6..8].copy_from_slice(&(libc::NLM_F_DUMP_INTR as u16).to_ne_bytes());
        let done = message(libc::NLMSG_DONE as u16, 7, &[0; 4]);
        let mut asked = 0;
        let mut ask = |torn_until: usize| {
            asked = 0;
            consistent(|| {
                asked += 1;
                let first = if asked < torn_until { torn.clone() } else { message(16, 7, b"xyz") };
                let mut answers = Answers::default();
                assert!(read_answers(&[first, done.clone()].concat(), 7, &mut answers)?);
                Ok(answers)
            })
        };
        assert_eq!(ask(4).unwrap(), [(16, b"xyz".to_vec())]);
        assert_eq!(ask(usize::MAX).unwrap_err().kind(), io::ErrorKind::Interrupted);
        assert_eq!(asked, DUMP_ATTEMPTS);
    }
}
