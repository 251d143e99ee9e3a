//! A flow tuple of Azure: values separated by commas.
//!
//! * network security groups, version 1: `time,source,destination,port,port,T,I,A`; version 2 has the state of the flow and
//!   four counters behind that: `...,A,C,packets,octets,packets,octets`
//! * virtual networks: `time,source,destination,port,port,6,I,C,NX,packets,octets,packets,octets`

use sensor_common::key::Direction;

use crate::cloud::{
    both::{Counts, ends},
    flows::Ends,
    ledger::Reason,
    text::{find, number},
    underway::Part,
};

/// Which log a tuple stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// That of a network security group.
    SecurityGroup,
    /// That of a virtual network.
    VirtualNetwork,
}

/// A tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuple {
    /// When it was written, milliseconds since the epoch.
    pub time: u64,
    /// Who opened the flow, and whom it reached.
    pub ends: Ends,
    /// Their ports, where they are told.
    pub ports: (Option<u16>, Option<u16>),
    /// IP protocol.
    pub protocol: u8,
    /// Of the packets of who opened it, as the interface sees them.
    pub direction: Direction,
    /// Part of its life; none where the log does not tell, or of a flow that was denied.
    pub part: Option<Part>,
    /// A rule denied it.
    pub denied: bool,
    /// It was not encrypted where it had to be, and dropped.
    pub dropped: bool,
    /// From who opened it.
    pub out: Counts,
    /// To who opened it.
    pub back: Counts,
    /// Values that the format does not have, behind the others.
    pub more: u64,
}

/// Times below, in seconds, have less than ten digits.
const EARLIEST: u64 = 1_000_000_000;
/// Times from here, in seconds, have more than ten digits.
const LATEST: u64 = 10_000_000_000;
/// Octets of the longest code of encryption.
const LONGEST_CODE: usize = 64;

type Fault<'l> = (Reason, &'l [u8]);

/// Values one after the other.
struct Values<'l> {
    rest: Option<&'l [u8]>,
}

impl<'l> Values<'l> {
    /// The next one; none where the tuple has ended.
    #[inline(always)]
    fn next(&mut self) -> Option<&'l [u8]> {
        let rest = self.rest?;
        let Some(end) = find(rest, b',') else {
            self.rest = None;
            return Some(rest);
        };
        self.rest = Some(&rest[end + 1..]);
        Some(&rest[..end])
    }

    /// The next one, that must be there.
    #[inline(always)]
    fn must(&mut self, line: &'l [u8]) -> Result<&'l [u8], Fault<'l>> {
        self.next().ok_or((Reason::Values, line))
    }

    /// A counter, where it is told.
    #[inline(always)]
    fn counter(&mut self) -> Result<Option<u64>, Fault<'l>> {
        match self.next() {
            None | Some([]) => Ok(None),
            Some(octets) => number(octets).map(Some).ok_or((Reason::Number, octets)),
        }
    }
}

impl Tuple {
    /// Takes a tuple apart: it, and how it was encrypted as the log says; empty where it does not.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    #[inline(always)]
    pub fn parse(kind: Kind, line: &[u8]) -> Result<(Self, &[u8]), Fault<'_>> {
        let mut values = Values { rest: Some(line) };
        let time = time(values.must(line)?)?;
        let ends = ends(values.must(line)?, values.must(line)?)?;
        let ports = (port(values.must(line)?)?, port(values.must(line)?)?);
        let protocol = protocol(values.must(line)?)?;
        let direction = match values.must(line)? {
            b"I" | b"i" => Direction::Ingress,
            b"O" | b"o" => Direction::Egress,
            other => return Err((Reason::Value, other)),
        };
        let (part, denied, encryption) = match kind {
            Kind::SecurityGroup => {
                let denied = match values.must(line)? {
                    b"A" | b"a" => false,
                    b"D" | b"d" => true,
                    other => return Err((Reason::Value, other)),
                };
                let part = match values.next() {
                    None | Some([]) => None,
                    Some(state) => Some(part(state)?),
                };
                (part.filter(|_| !denied), denied, &[][..])
            }
            Kind::VirtualNetwork => {
                let (part, denied) = match values.must(line)? {
                    b"D" | b"d" => (None, true),
                    state => (Some(part(state)?), false),
                };
                let encryption = values.next().unwrap_or_default();
                if encryption.len() > LONGEST_CODE {
                    return Err((Reason::Value, encryption));
                }
                (part, denied, encryption)
            }
        };
        let out = Counts { packets: values.counter()?, octets: values.counter()? };
        let back = Counts { packets: values.counter()?, octets: values.counter()? };
        let mut more = 0;
        while values.next().is_some() {
            more += 1;
        }
        let dropped = is_dropped(encryption);
        let tuple =
            Self { time, ends, ports, protocol, direction, part, denied, dropped, out, back, more };
        Ok((tuple, encryption))
    }
}

/// The encryption that a virtual network asks for was not to be had, and what had to be encrypted was dropped.
#[inline(always)]
fn is_dropped(encryption: &[u8]) -> bool {
    encryption.len() > 2
        && matches!(encryption, b"NX_SW_NOT_READY" | b"NX_NOT_ACCEPTED" | b"NX_NOT_SUPPORTED")
}

/// A time in milliseconds: seconds and milliseconds both occur in logs of virtual networks, and the digits tell.
#[inline(always)]
fn time(octets: &[u8]) -> Result<u64, Fault<'_>> {
    match number(octets) {
        Some(seconds) if (EARLIEST..LATEST).contains(&seconds) => Ok(seconds * 1000),
        Some(time) if (EARLIEST * 1000..LATEST * 1000).contains(&time) => Ok(time),
        _ => Err((Reason::Time, octets)),
    }
}

#[inline(always)]
fn port(octets: &[u8]) -> Result<Option<u16>, Fault<'_>> {
    match octets {
        [] => Ok(None),
        octets => match number(octets).map(u16::try_from) {
            Some(Ok(port)) => Ok(Some(port)),
            _ => Err((Reason::Number, octets)),
        },
    }
}

#[inline(always)]
fn protocol(octets: &[u8]) -> Result<u8, Fault<'_>> {
    match octets {
        b"6" | b"T" | b"t" => Ok(6),
        b"17" | b"U" | b"u" => Ok(17),
        octets => match number(octets) {
            Some(number) => u8::try_from(number).map_err(|_| (Reason::Number, octets)),
            None => Err((Reason::Value, octets)),
        },
    }
}

#[inline(always)]
fn part(state: &[u8]) -> Result<Part, Fault<'_>> {
    match state {
        b"B" | b"b" => Ok(Part::Begin),
        b"C" | b"c" => Ok(Part::Continue),
        b"E" | b"e" => Ok(Part::End),
        other => Err((Reason::Value, other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VNET: &str = "1782658803422,10.0.0.4,10.0.0.5,12345,443,6,O,C,NX,10,1500,8,1200";

    fn vnet(text: &str) -> Result<Tuple, Fault<'_>> {
        Tuple::parse(Kind::VirtualNetwork, text.as_bytes()).map(|(tuple, _)| tuple)
    }

    fn counts(packets: u64, octets: u64) -> Counts {
        Counts { packets: Some(packets), octets: Some(octets) }
    }

    #[test]
    fn tuples_of_virtual_networks_are_taken_apart() {
        let whole = Tuple {
            time: 1_782_658_803_422,
            ends: Ends::V4(0x0a00_0004, 0x0a00_0005),
            ports: (Some(12_345), Some(443)),
            protocol: 6,
            direction: Direction::Egress,
            part: Some(Part::Continue),
            denied: false,
            dropped: false,
            out: counts(10, 1500),
            back: counts(8, 1200),
            more: 0,
        };
        assert_eq!(vnet(VNET), Ok(whole));
        // Ten digits are seconds.
        let seconds = VNET.replace("1782658803422", "1699990055");
        assert_eq!(vnet(&seconds), Ok(Tuple { time: 1_699_990_055_000, ..whole }));
        let v6 = VNET.replace("10.0.0.4", "2001:db8::4").replace("10.0.0.5", "fd00::5");
        let (source, destination) = (0x2001_0db8 << 96 | 4, 0xfd00 << 112 | 5);
        assert_eq!(vnet(&v6), Ok(Tuple { ends: Ends::V6(source, destination), ..whole }));
        let icmp = VNET.replace(",12345,443,6,", ",0,0,1,");
        assert_eq!(vnet(&icmp), Ok(Tuple { ports: (Some(0), Some(0)), protocol: 1, ..whole }));
        let more = format!("{VNET},1,x,");
        assert_eq!(vnet(&more), Ok(Tuple { more: 3, ..whole }));
    }

    #[test]
    fn what_is_empty_or_left_out_is_not_told() {
        for text in [
            "1699990055,10.0.0.4,10.0.0.5,12345,443,6,I,E,NX",
            "1699990055,10.0.0.4,10.0.0.5,12345,443,6,I,E,NX,,,,",
        ] {
            let tuple = vnet(text).expect("whole");
            assert_eq!((tuple.out, tuple.back), (Counts::default(), Counts::default()));
            assert_eq!((tuple.part, tuple.direction), (Some(Part::End), Direction::Ingress));
        }
        let group = |text: &'static str| {
            Tuple::parse(Kind::SecurityGroup, text.as_bytes()).expect("whole").0
        };
        let first = group("1487282421,192.0.2.95,10.1.0.4,51529,5358,T,I,D");
        assert_eq!((first.part, first.denied, first.protocol), (None, true, 6));
        let second = group("1542110402,94.102.49.190,10.5.16.4,28746,443,U,I,D,B,,,,");
        assert_eq!((second.part, second.denied, second.protocol), (None, true, 17));
        let begin = group("1542110377,10.5.16.4,13.67.143.118,59831,443,T,O,A,B,,,,");
        assert_eq!((begin.part, begin.out), (Some(Part::Begin), Counts::default()));
        let end = group("1542110379,10.5.16.4,13.67.143.117,59932,443,T,O,A,E,1,66,2,77");
        assert_eq!((end.out, end.back), (counts(1, 66), counts(2, 77)));
    }

    #[test]
    fn denied_and_encrypted_tuples_say_so() {
        let denied =
            vnet("1699990100,192.168.1.1,10.0.0.1,8080,53,17,I,D,X,1,64,0,0").expect("whole");
        assert_eq!((denied.part, denied.denied, denied.out), (None, true, counts(1, 64)));
        for (code, dropped) in [
            ("X", false),
            ("NX", false),
            ("NX_HW_NOT_SUPPORTED", false),
            ("NX_SW_NOT_READY", true),
            ("NX_NOT_ACCEPTED", true),
            ("NX_NOT_SUPPORTED", true),
            ("NX_LOCAL_DST", false),
            ("NX_FALLBACK", false),
            ("NX_OF_TOMORROW", false),
        ] {
            let text = VNET.replace("NX", code);
            let (tuple, encryption) =
                Tuple::parse(Kind::VirtualNetwork, text.as_bytes()).expect("whole");
            assert_eq!((encryption, tuple.dropped), (code.as_bytes(), dropped));
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (from, to, expected) in [
            ("1782658803422", "not-a-timestamp", (Reason::Time, "not-a-timestamp")),
            ("1782658803422", "178265880", (Reason::Time, "178265880")),
            ("1782658803422", "178265880342", (Reason::Time, "178265880342")),
            ("1782658803422", "17826588034220", (Reason::Time, "17826588034220")),
            ("1782658803422", "", (Reason::Time, "")),
            ("10.0.0.4", "10.0.0.256", (Reason::Address, "10.0.0.256")),
            ("10.0.0.5", "", (Reason::Address, "")),
            ("10.0.0.4", "2001:db8::1", (Reason::Families, "10.0.0.5")),
            ("12345", "65536", (Reason::Number, "65536")),
            (",6,", ",256,", (Reason::Number, "256")),
            (",6,", ",X,", (Reason::Value, "X")),
            (",6,", ",,", (Reason::Value, "")),
            (",O,", ",Q,", (Reason::Value, "Q")),
            (",C,", ",Z,", (Reason::Value, "Z")),
            (",1500,", ",1.5,", (Reason::Number, "1.5")),
            (",1500,", ",-1,", (Reason::Number, "-1")),
            (",1500,", ",18446744073709551616,", (Reason::Number, "18446744073709551616")),
        ] {
            let text = VNET.replacen(from, to, 1);
            let (reason, what) = vnet(&text).expect_err("wrong");
            assert_eq!((reason, std::str::from_utf8(what).expect("text")), expected, "{text}");
        }
        let cut = "1782658803422,10.0.0.4,10.0.0.5,12345,443,6,O";
        assert_eq!(vnet(cut), Err((Reason::Values, cut.as_bytes())));
        let group = Tuple::parse(Kind::SecurityGroup, cut.as_bytes());
        assert_eq!(group.map(drop), Err((Reason::Values, cut.as_bytes())));
        let long = VNET.replace("NX", &"N".repeat(65));
        assert_eq!(vnet(&long).map(drop).map_err(|(reason, _)| reason), Err(Reason::Value));
    }
}
