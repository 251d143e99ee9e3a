//! From the packet's bytes to what is done with its headers, each address family on a path of its own.

use sensor_common::packet::{Headers, Link, Reject, ethertype, ip, parse_link};

use crate::{
    frame::{Frame, Start},
    packet::Source,
};

/// What is done with a frame once it has been read.
pub trait Sink {
    /// An IPv4 packet.
    fn v4(&mut self, frame: &Frame, packet: &impl Source, headers: &Headers);
    /// An IPv6 packet.
    fn v6(&mut self, frame: &Frame, packet: &impl Source, headers: &Headers);
    /// A frame of which no flow can be named.
    fn reject(&mut self, frame: &Frame, reason: Reject);
}

/// Reads the headers of a frame into `sink`.
#[inline(always)]
pub fn headers(frame: &Frame, packet: &impl Source, sink: &mut impl Sink) {
    let link = match frame.start {
        Start::Ethernet => parse_link(packet),
        Start::Ip(ethertype, length) => Ok(Link { ethertype, vlan: 0, length }),
    };
    let link = match link {
        Ok(link) => link,
        Err(reason) => return sink.reject(frame, reason),
    };
    let length = packet.forget(link.length);
    let available = frame.length.wrapping_sub(length as u32);
    let mut headers = Headers { vlan: link.vlan, ..Headers::EMPTY };
    match link.ethertype {
        ethertype::IPV4 => match ip::parse_v4(packet, length, available, &mut headers) {
            Ok(()) => sink.v4(frame, packet, &headers),
            Err(reason) => sink.reject(frame, reason),
        },
        ethertype::IPV6 => match ip::parse_v6(packet, length, available, &mut headers) {
            Ok(()) => sink.v6(frame, packet, &headers),
            Err(reason) => sink.reject(frame, reason),
        },
        _ => sink.reject(frame, Reject::NonIp),
    }
}
