//! What the records of one sampled packet say: its headers, and how the device forwarded it.

use sensor_common::packet::Headers;
use sensor_core::flow::batch::{DIRECTION_UNTOLD, TCP_FLAGS_UNTOLD};

use crate::{
    ledger::Skipped,
    octets::Octets,
    records::sample::{self, Carrier},
    tunnel,
};

/// Formats of flow records (enterprise 0).
mod format {
    pub const RAW_HEADER: u32 = 1;
    pub const IPV4: u32 = 3;
    pub const IPV6: u32 = 4;
    pub const SWITCH: u32 = 1001;
    pub const ROUTER: u32 = 1002;
    pub const GATEWAY: u32 = 1003;
    pub const USER: u32 = 1004;
    pub const DECAPSULATE_INGRESS: u32 = 1028;
}

/// Which of the packets in a sampled header is the flow's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// That on the wire.
    Outer,
    /// The innermost of those that can be found.
    Inner,
    /// That at this place, where the device says that it takes the outer headers away.
    At(u32),
}

impl Layer {
    /// What the records in `body` say, where the inner packet is asked for.
    pub fn of(records: Octets<'_>, inner: bool) -> Self {
        if !inner {
            return Self::Outer;
        }
        let mut rest = records;
        let mut next = || {
            let (format, length) = (rest.u32()?, rest.u32()?);
            Some((format, rest.take(length as usize)?))
        };
        let place = std::iter::from_fn(&mut next)
            .find(|(format, _)| *format == format::DECAPSULATE_INGRESS)
            .and_then(|(_, record)| Octets(record).u32());
        place.map_or(Self::Inner, Self::At)
    }
}

/// Header protocols of raw headers.
mod header_protocol {
    pub const ETHERNET: u32 = 1;
    pub const IPV4: u32 = 11;
    pub const IPV6: u32 = 12;
}

/// A sampled packet, while its records are read.
#[derive(Debug)]
pub struct Sample {
    /// All but its headers.
    pub packet: Packet,
    /// The headers that were sampled.
    headers: Headers,
    /// Why there are none, if there are not.
    sampled: Result<(), Skipped>,
    /// What the device says that it has read in them.
    told: Option<Headers>,
}

/// What is told of a sampled packet besides its headers.
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    /// Octets of the frame on the wire.
    pub length: u32,
    /// [`sensor_common::key::Direction`] as a number, or [`DIRECTION_UNTOLD`]: of the interface that is sampled, the packet
    /// came in or went out.
    pub direction: u8,
    /// One of how many packets was sampled.
    pub rate: u32,
    /// Ingress interface.
    pub input: u32,
    /// Egress interface.
    pub output: u32,
    /// True when the device dropped it.
    pub rejected: bool,
    /// VLAN at ingress, as the switch says; none when it does not.
    pub source_vlan: Option<u16>,
    /// VLAN at egress.
    pub destination_vlan: u16,
    /// IPv4 next hop.
    pub next_hop_v4: u32,
    /// IPv6 next hop.
    pub next_hop_v6: u128,
    /// AS of the source.
    pub source_as: u32,
    /// AS of the destination.
    pub destination_as: u32,
    /// AS path and communities, as ranges of the numbers gathered beside.
    pub as_path: (u32, u32),
    /// See `as_path`.
    pub communities: (u32, u32),
}

impl Default for Packet {
    fn default() -> Self {
        Self {
            length: 0,
            direction: DIRECTION_UNTOLD,
            rate: 0,
            input: 0,
            output: 0,
            rejected: false,
            source_vlan: None,
            destination_vlan: 0,
            next_hop_v4: 0,
            next_hop_v6: 0,
            source_as: 0,
            destination_as: 0,
            as_path: (0, 0),
            communities: (0, 0),
        }
    }
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            packet: Packet::default(),
            headers: Headers::EMPTY,
            sampled: Err(Skipped::NonIp),
            told: None,
        }
    }
}

impl Sample {
    /// Reads the record of format `format` in `body`. Numbers of lists go to `lists`.
    ///
    /// # Errors
    /// Why it was not read.
    pub fn read(
        &mut self,
        format: u32,
        body: &[u8],
        layer: Layer,
        lists: &mut Vec<u32>,
    ) -> Result<(), Skipped> {
        let mut body = Octets(body);
        match format {
            format::RAW_HEADER => self.raw_header(&mut body, layer),
            format::IPV4 => self.ipv4(&mut body),
            format::IPV6 => self.ipv6(&mut body),
            format::SWITCH => self.packet.switch(&mut body),
            format::ROUTER => self.packet.router(&mut body),
            format::GATEWAY => self.packet.gateway(&mut body, lists),
            // Where the inner packet begins was read before; whoever wants the outer one needs it not.
            format::USER | format::DECAPSULATE_INGRESS => Some(()),
            _ => return Err(Skipped::Format),
        }
        .ok_or(Skipped::StructureTruncated)
    }

    fn raw_header(&mut self, body: &mut Octets<'_>, layer: Layer) -> Option<()> {
        let (protocol, length, _stripped) = (body.u32()?, body.u32()?, body.u32()?);
        let header_length = body.u32()? as usize;
        let header = body.take(header_length)?;
        let longest = &mut self.packet.length;
        *longest = length.max(*longest);
        if let Layer::At(place) = layer
            && let Some(headers) = tunnel::at(header, place as usize, length)
        {
            (self.headers, self.sampled) = (headers, Ok(()));
            return Some(());
        }
        let carrier = match protocol {
            header_protocol::ETHERNET => Carrier::Frame,
            header_protocol::IPV4 | header_protocol::IPV6 => Carrier::Packet,
            _ => {
                self.sampled = Err(Skipped::Format);
                return Some(());
            }
        };
        let inner = layer != Layer::Outer;
        self.sampled = sample::parse(header, carrier, Some(length), inner, &mut self.headers)
            .map(|length| *longest = length.max(*longest));
        Some(())
    }

    fn ipv4(&mut self, body: &mut Octets<'_>) -> Option<()> {
        let (length, protocol) = (body.u32()?, body.u32()?);
        let (source, destination) = (body.chunk::<4>()?, body.chunk::<4>()?);
        let mut headers = transport(body, length, protocol)?;
        headers.source[0] = u32::from_ne_bytes(source);
        headers.destination[0] = u32::from_ne_bytes(destination);
        self.told = Some(headers);
        Some(())
    }

    fn ipv6(&mut self, body: &mut Octets<'_>) -> Option<()> {
        let (length, protocol) = (body.u32()?, body.u32()?);
        let (source, destination) = (address_v6(body)?, address_v6(body)?);
        let headers = transport(body, length, protocol)?;
        self.told = Some(Headers { v6: true, source, destination, ..headers });
        Some(())
    }

    /// Its headers, once all its records are read: the sampled ones, which say more than those that the device has read, but
    /// for what was cut off them.
    ///
    /// # Errors
    /// Why there are none.
    pub fn headers(&mut self) -> Result<&Headers, Skipped> {
        match (self.sampled, &self.told) {
            (Ok(()), Some(told)) => complete(&mut self.headers, told),
            (Ok(()), None) => {}
            (Err(_), Some(told)) => {
                self.packet.length = told.octets.max(self.packet.length);
                self.headers = *told;
            }
            (Err(reason), None) => return Err(reason),
        }
        Ok(&self.headers)
    }
}

impl Packet {
    fn switch(&mut self, body: &mut Octets<'_>) -> Option<()> {
        let (source, _) = (body.u32()?, body.u32()?);
        let (destination, _) = (body.u32()?, body.u32()?);
        // Some send all ones for a port without VLAN.
        let vlan = |number: u32| if number < 4095 { number as u16 } else { 0 };
        self.source_vlan = Some(vlan(source));
        self.destination_vlan = vlan(destination);
        Some(())
    }

    fn router(&mut self, body: &mut Octets<'_>) -> Option<()> {
        self.next_hop(body)?;
        body.take(8).map(|_| ())
    }

    fn next_hop(&mut self, body: &mut Octets<'_>) -> Option<()> {
        match body.u32()? {
            1 => self.next_hop_v4 = body.u32()?,
            2 => self.next_hop_v6 = body.chunk().map(u128::from_be_bytes)?,
            _ => {}
        }
        Some(())
    }

    fn gateway(&mut self, body: &mut Octets<'_>, lists: &mut Vec<u32>) -> Option<()> {
        // The BGP next hop stands for the next hop only where the router names none.
        let (v4, v6) = (self.next_hop_v4, self.next_hop_v6);
        self.next_hop(body)?;
        if v4 != 0 || v6 != 0 {
            (self.next_hop_v4, self.next_hop_v6) = (v4, v6);
        }
        let (router_as, source_as, _peer) = (body.u32()?, body.u32()?, body.u32()?);
        let start = lists.len() as u32;
        for _ in 0..body.u32()? {
            let (_kind, length) = (body.u32()?, body.u32()?);
            put_numbers(body, length, lists)?;
        }
        self.as_path = (start, lists.len() as u32);
        // An empty path: the destination is in the router's own AS.
        self.destination_as = lists[start as usize..].last().copied().unwrap_or(router_as);
        self.source_as = if source_as == 0 { router_as } else { source_as };
        let start = lists.len() as u32;
        let length = body.u32()?;
        put_numbers(body, length, lists)?;
        self.communities = (start, lists.len() as u32);
        Some(())
    }
}

/// Puts into `sampled` headers what a device has read of the same packet behind where they were cut.
fn complete(sampled: &mut Headers, told: &Headers) {
    let packet =
        |headers: &Headers| (headers.v6, headers.protocol, headers.source, headers.destination);
    if packet(sampled) != packet(told) {
        // That of another layer: the packet in a tunnel, or around one.
        return;
    }
    if sampled.ports == 0 {
        sampled.ports = told.ports;
    }
    if sampled.tcp_flags == TCP_FLAGS_UNTOLD {
        sampled.tcp_flags = told.tcp_flags;
    }
}

fn put_numbers(body: &mut Octets<'_>, count: u32, lists: &mut Vec<u32>) -> Option<()> {
    let octets = body.take(usize::try_from(count).ok()?.checked_mul(4)?)?;
    lists.extend(octets.as_chunks().0.iter().map(|number| u32::from_be_bytes(*number)));
    Some(())
}

fn address_v6(body: &mut Octets<'_>) -> Option<[u32; 4]> {
    let (words, _) = body.take(16)?.as_chunks();
    let mut address = [0; 4];
    for (word, octets) in address.iter_mut().zip(words) {
        *word = u32::from_ne_bytes(*octets);
    }
    Some(address)
}

/// Ports, TCP flags and type of service behind the addresses of either form.
fn transport(body: &mut Octets<'_>, length: u32, protocol: u32) -> Option<Headers> {
    let (source_port, destination_port) = (body.u32()?, body.u32()?);
    let (flags, tos) = (body.u32()?, body.u32()?);
    Some(Headers {
        protocol: protocol as u8,
        tos: tos as u8,
        tcp_flags: flags as u16 & 0x1ff,
        ports: source_port << 16 | destination_port & 0xffff,
        octets: length,
        ..Headers::EMPTY
    })
}
