//! SCTP in bulk: messages over several streams, large ones in many chunks and small ones bundled, which leave as
//! super-packets whose parts hang in a list (`net/sctp/output.c`). Nothing may cut or merge those on their way.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
};

use anyhow::{Context, Result, ensure};
use socket2::{Socket, Type};

use tests::peers::PATIENCE;

use crate::{
    sys::set_option,
    traffic::{End, payload},
};

/// IP protocol and level of socket options.
const SCTP: i32 = 132;
const SCTP_DEFAULT_SNDINFO: i32 = 34;

/// Streams of an association; fewer than the kernel offers unasked.
const STREAMS: u16 = 4;
/// Octets of messages: one that fills many packets, one for a packet, and some that share one.
const SIZES: [usize; 8] = [20_000, 1_200, 40, 40, 40, 9_000, 3, 700];
const ROUNDS: u32 = 3;

/// Stream, number within the stream, and octets stand in front of each message.
const HEADER: usize = 10;

/// `struct sctp_sndinfo` (linux/sctp.h).
#[repr(C)]
#[derive(Clone, Copy)]
struct SendInfo {
    stream: u16,
    flags: u16,
    protocol: u32,
    context: u32,
    association: i32,
}

/// Sends all messages from one end to the other. Within a stream order must be kept; between streams there is none.
///
/// # Errors
/// When the association ends early, or a message is missing, damaged or out of order.
pub fn bulk(from: End<'_>, to: End<'_>) -> Result<()> {
    let listener = to.socket(Type::STREAM, Some(SCTP), 0)?;
    listener.listen(1)?;
    let mut client = from.socket(Type::STREAM, Some(SCTP), 0)?;
    client.connect_timeout(&listener.local_addr()?, PATIENCE).context("connect")?;
    let (mut server, _) = listener.accept()?;
    server.set_read_timeout(Some(PATIENCE))?;
    std::thread::scope(|scope| {
        let receiver = scope.spawn(move || receive(&mut server));
        let sent = send(&mut client);
        // Its shutdown lets the other end read to the end.
        drop(client);
        let received = receiver.join().expect("the receiver does not panic");
        // What the receiver knows says more.
        received.context("receive")?;
        sent.context("send")
    })
}

fn send(socket: &mut Socket) -> Result<()> {
    let mut numbers = [0_u32; STREAMS as usize];
    for (n, size) in (0..ROUNDS).flat_map(|_| SIZES).enumerate() {
        let stream = n as u16 % STREAMS;
        let info = SendInfo { stream, flags: 0, protocol: 0, context: 0, association: 0 };
        set_option(socket, SCTP, SCTP_DEFAULT_SNDINFO, info).context("choose a stream")?;
        let number = &mut numbers[usize::from(stream)];
        socket.write_all(&message(stream, *number, size))?;
        *number += 1;
    }
    Ok(())
}

fn message(stream: u16, number: u32, size: usize) -> Vec<u8> {
    let mut message = stream.to_be_bytes().to_vec();
    message.extend(number.to_be_bytes());
    message.extend((size as u32).to_be_bytes());
    message.extend(payload(number as usize, size));
    message
}

/// Messages until the end; each read returns one, or the beginning of one that does not fit into the receive buffer.
fn receive(socket: &mut Socket) -> Result<()> {
    let mut next = BTreeMap::<u16, u32>::new();
    let mut messages = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let mut length = socket.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        ensure!(length >= HEADER, "a message of {length} octets");
        let stream = u16::from_be_bytes([buffer[0], buffer[1]]);
        let number = u32::from_be_bytes(buffer[2..6].try_into()?);
        let size = u32::from_be_bytes(buffer[6..10].try_into()?) as usize;
        ensure!(HEADER + size <= buffer.len(), "a message of {size} octets");
        while length < HEADER + size {
            let more = socket.read(&mut buffer[length..])?;
            ensure!(more > 0, "an end within a message");
            length += more;
        }
        let expected = next.entry(stream).or_default();
        ensure!(number == *expected, "stream {stream}: message {number} instead of {expected}");
        ensure!(buffer[..length] == message(stream, number, size), "message {number} is damaged");
        *expected += 1;
        messages += 1;
    }
    let sent = ROUNDS as usize * SIZES.len();
    ensure!(messages == sent, "{messages} messages of {sent}");
    Ok(())
}
