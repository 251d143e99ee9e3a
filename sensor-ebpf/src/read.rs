//! From the packet's bytes to what is done with its headers, each address family on a path of its own.

use sensor_common::packet::{Headers, Link, Reject, ethertype, ip, parse_link};

use crate::{
    hook::{Frame, Start},
    packet::Packet,
};

/// What is done with a frame once it has been read.
pub trait Sink {
    /// An IPv4 packet.
    fn v4(&mut self, frame: &Frame, packet: &Packet, headers: &Headers);
    /// An IPv6 packet.
    fn v6(&mut self, frame: &Frame, packet: &Packet, headers: &Headers);
    /// A frame of which no flow can be named.
    fn reject(&mut self, frame: &Frame, reason: Reject);
}

/// Reads the headers that `packet` holds into `sink`.
#[inline(always)]
pub fn headers(frame: &Frame, packet: &Packet, sink: &mut impl Sink) {
    read(frame, packet, sink, Short::IsFinal);
}

/// Reads the headers into `sink`; when some lie behind what `packet` holds, has `pull` bring them forward, once.
#[inline(always)]
pub fn headers_pulled(
    frame: &Frame,
    mut packet: Packet,
    pull: impl Fn() -> Packet,
    sink: &mut impl Sink,
) {
    let mut short =
        if packet.length() < frame.length as usize { Short::MayBePulled } else { Short::IsFinal };
    while let Outcome::FellShort = read(frame, &packet, sink, short) {
        short = Short::IsFinal;
        packet = pull();
    }
}

/// What it means when headers go on behind the bytes at hand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Short {
    IsFinal,
    MayBePulled,
}

enum Outcome {
    Done,
    /// Nothing was done with the frame yet.
    FellShort,
}

#[inline(always)]
fn read(frame: &Frame, packet: &Packet, sink: &mut impl Sink, short: Short) -> Outcome {
    let link = match frame.start {
        Start::Ethernet => parse_link(packet),
        Start::Ip(ethertype) => Ok(Link { ethertype, vlan: 0, length: 0 }),
    };
    let fell_short = || short == Short::MayBePulled && packet.fell_short();
    let link = match link {
        Ok(link) => link,
        Err(_) if fell_short() => return Outcome::FellShort,
        Err(reason) => {
            sink.reject(frame, reason);
            return Outcome::Done;
        }
    };
    let available = frame.length.wrapping_sub(link.length as u32);
    let mut headers = Headers { vlan: link.vlan, ..Headers::EMPTY };
    match link.ethertype {
        ethertype::IPV4 => {
            let parsed = ip::parse_v4(packet, link.length, available, &mut headers);
            if fell_short() {
                return Outcome::FellShort;
            }
            match parsed {
                Ok(()) => sink.v4(frame, packet, &headers),
                Err(reason) => sink.reject(frame, reason),
            }
        }
        ethertype::IPV6 => {
            let parsed = ip::parse_v6(packet, link.length, available, &mut headers);
            if fell_short() {
                return Outcome::FellShort;
            }
            match parsed {
                Ok(()) => sink.v6(frame, packet, &headers),
                Err(reason) => sink.reject(frame, reason),
            }
        }
        _ => sink.reject(frame, Reject::NonIp),
    }
    Outcome::Done
}
