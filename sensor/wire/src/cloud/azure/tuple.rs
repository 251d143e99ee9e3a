//! A flow tuple of Azure: values separated by commas.
//!
//! * network security groups, version 1: `time,source,destination,port,port,T,I,A`; version 2 has the state of the flow and
//!   four counters behind that: `...,A,C,packets,octets,packets,octets`
//! * virtual networks: `time,source,destination,port,port,6,I,C,NX,packets,octets,packets,octets`

use sensor_common::key::Direction;

use crate::cloud::{
    both::Counts,
    flows::Ends,
    json::values::ends,
    ledger::Reason,
    text::{find, ipv4, ipv6, number},
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
pub const EARLIEST: u64 = 1_000_000_000;
/// Times from here, in seconds, have more than ten digits.
pub const LATEST: u64 = 10_000_000_000;
/// Octets of the longest code of encryption.
pub const LONGEST_CODE: usize = 64;

type Fault<'l> = (Reason, &'l [u8]);

/// Values one after the other. What is ordinary is read in one pass; whatever is not is cut out at its comma first, so that it can
/// be told.
struct Values<'l> {
    line: &'l [u8],
    /// Where the next value begins; behind the end where there is none.
    at: usize,
}

impl<'l> Values<'l> {
    fn is_ended(&self) -> bool {
        self.at > self.line.len()
    }

    /// The next one; empty where there is none.
    #[inline(always)]
    fn next(&mut self) -> &'l [u8] {
        let rest = self.line.get(self.at..).unwrap_or_default();
        let end = find(rest, b',').unwrap_or(rest.len());
        self.at += end + 1;
        &rest[..end]
    }

    /// # Errors
    /// There is no other one.
    #[inline(always)]
    fn must(&self) -> Result<(), Fault<'l>> {
        if self.is_ended() { Err((Reason::Values, self.line)) } else { Ok(()) }
    }

    /// Whether a value ends at `end`.
    #[inline(always)]
    fn ends_at(&self, end: usize) -> bool {
        self.line.get(end).is_none_or(|octet| *octet == b',')
    }

    /// A number, where one is told; another value for what it is.
    #[inline(always)]
    fn number(&mut self) -> Result<Option<u64>, &'l [u8]> {
        let (mut number, mut end) = (0_u64, self.at);
        while let Some(octet) = self.line.get(end) {
            let digit = octet.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            number = number.wrapping_mul(10).wrapping_add(digit.into());
            end += 1;
        }
        let length = end.wrapping_sub(self.at);
        // What has so few digits is not too high.
        if length > 19 || !self.ends_at(end) {
            return self.unusual_number();
        }
        self.at = end + 1;
        Ok((length != 0).then_some(number))
    }

    #[cold]
    fn unusual_number(&mut self) -> Result<Option<u64>, &'l [u8]> {
        let value = self.next();
        number(value).map(Some).ok_or(value)
    }

    /// A number that is not too high for the type, where one is told.
    #[inline(always)]
    fn narrow<T: TryFrom<u64>>(&mut self) -> Result<Option<T>, &'l [u8]> {
        let begin = self.at;
        match self.number()?.map(T::try_from) {
            None => Ok(None),
            Some(Ok(narrow)) => Ok(Some(narrow)),
            Some(Err(_)) => Err(&self.line[begin..self.at - 1]),
        }
    }

    /// A letter, as a capital.
    #[inline(always)]
    fn letter(&mut self) -> Result<u8, &'l [u8]> {
        match self.line.get(self.at) {
            Some(octet) if octet.is_ascii_alphabetic() && self.ends_at(self.at + 1) => {
                self.at += 2;
                Ok(octet.to_ascii_uppercase())
            }
            _ => Err(self.next()),
        }
    }

    /// An IPv4 address; another value for what it is.
    #[inline(always)]
    fn ipv4(&mut self) -> Result<u32, &'l [u8]> {
        /// Octets of the longest one.
        const LONGEST: usize = 15;
        let rest = self.line.get(self.at..).unwrap_or_default();
        let end = rest.iter().take(LONGEST + 1).position(|octet| *octet == b',');
        let end = end.unwrap_or(rest.len());
        match ipv4(&rest[..end]) {
            Some(address) => {
                self.at += end + 1;
                Ok(address)
            }
            None => Err(self.next()),
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
        let mut values = Values { line, at: 0 };
        let time = time(&mut values)?;
        values.must()?;
        let source = values.ipv4();
        values.must()?;
        let ends = match (source, values.ipv4()) {
            (Ok(source), Ok(destination)) => Ends::V4(source, destination),
            (source, destination) => unusual_ends(source, destination)?,
        };
        values.must()?;
        let source_port = values.narrow().map_err(|what| (Reason::Number, what))?;
        values.must()?;
        let ports = (source_port, values.narrow().map_err(|what| (Reason::Number, what))?);
        values.must()?;
        let protocol = protocol(&mut values)?;
        values.must()?;
        let direction = match values.letter() {
            Ok(b'I') => Direction::Ingress,
            Ok(b'O') => Direction::Egress,
            other => return Err(values.not_known(other)),
        };
        values.must()?;
        let mut denied = false;
        let mut part = None;
        let mut encryption = &[][..];
        match kind {
            Kind::SecurityGroup => {
                denied = match values.letter() {
                    Ok(b'A') => false,
                    Ok(b'D') => true,
                    other => return Err(values.not_known(other)),
                };
                part = match values.letter() {
                    // The first version ends here.
                    Err([]) => None,
                    state => Some(values.part(state)?).filter(|_| !denied),
                };
            }
            Kind::VirtualNetwork => {
                match values.letter() {
                    Ok(b'D') => denied = true,
                    state => part = Some(values.part(state)?),
                }
                encryption = values.next();
                if encryption.len() > LONGEST_CODE {
                    return Err((Reason::Value, encryption));
                }
            }
        }
        let mut counter = || values.number().map_err(|what| (Reason::Number, what));
        let out = Counts { packets: counter()?, octets: counter()? };
        let back = Counts { packets: counter()?, octets: counter()? };
        let mut more = 0;
        while !values.is_ended() {
            values.next();
            more += 1;
        }
        let dropped = is_dropped(encryption);
        let tuple =
            Self { time, ends, ports, protocol, direction, part, denied, dropped, out, back, more };
        Ok((tuple, encryption))
    }
}

impl<'l> Values<'l> {
    /// What the last value was, which stands for nothing.
    #[cold]
    fn not_known(&self, value: Result<u8, &'l [u8]>) -> Fault<'l> {
        let letter = |_| &self.line[self.at - 2..self.at - 1];
        (Reason::Value, value.map_or_else(|value| value, letter))
    }

    /// The part of a flow's life that the last value stands for.
    #[inline(always)]
    fn part(&self, state: Result<u8, &'l [u8]>) -> Result<Part, Fault<'l>> {
        match state {
            Ok(b'B') => Ok(Part::Begin),
            Ok(b'C') => Ok(Part::Continue),
            Ok(b'E') => Ok(Part::End),
            other => Err(self.not_known(other)),
        }
    }
}

/// Addresses of which one at least is none of IPv4.
#[cold]
fn unusual_ends<'l>(
    source: Result<u32, &'l [u8]>,
    destination: Result<u32, &'l [u8]>,
) -> Result<Ends, Fault<'l>> {
    match (source, destination) {
        (Err(source), Err(destination)) => ends(source, destination),
        (Err(source), Ok(_)) if ipv6(source).is_none() => Err((Reason::Address, source)),
        (Ok(_), Err(destination)) if ipv6(destination).is_none() => {
            Err((Reason::Address, destination))
        }
        (Err(mixed), _) | (_, Err(mixed)) => Err((Reason::Families, mixed)),
        (Ok(source), Ok(destination)) => Ok(Ends::V4(source, destination)),
    }
}

/// The encryption that a virtual network asks for was not to be had, and what had to be encrypted was dropped.
#[inline(always)]
pub fn is_dropped(encryption: &[u8]) -> bool {
    encryption.len() > 2
        && matches!(encryption, b"NX_SW_NOT_READY" | b"NX_NOT_ACCEPTED" | b"NX_NOT_SUPPORTED")
}

/// A time in milliseconds: seconds and milliseconds both occur in logs of virtual networks, and the digits tell.
#[inline(always)]
fn time<'l>(values: &mut Values<'l>) -> Result<u64, Fault<'l>> {
    match values.number() {
        Ok(Some(time)) if (EARLIEST * 1000..LATEST * 1000).contains(&time) => Ok(time),
        Ok(Some(seconds)) if (EARLIEST..LATEST).contains(&seconds) => Ok(seconds * 1000),
        Ok(_) => Err((Reason::Time, &values.line[..values.at - 1])),
        Err(what) => Err((Reason::Time, what)),
    }
}

#[inline(always)]
fn protocol<'l>(values: &mut Values<'l>) -> Result<u8, Fault<'l>> {
    match values.line.get(values.at) {
        Some(b'0'..=b'9') => match values.narrow() {
            Ok(number) => Ok(number.unwrap_or(0)),
            Err(what) => Err((Reason::Number, what)),
        },
        _ => match values.letter() {
            Ok(b'T') => Ok(6),
            Ok(b'U') => Ok(17),
            other => Err(values.not_known(other)),
        },
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
        let cut = "1782658803422,10.0.0.4,10.0.0.5";
        assert_eq!(vnet(cut), Err((Reason::Values, cut.as_bytes())));
        for (from, to, expected) in [
            ("1782658803422", "not-a-timestamp", (Reason::Time, "not-a-timestamp")),
            ("1782658803422", "178265880", (Reason::Time, "178265880")),
            ("1782658803422", "178265880342", (Reason::Time, "178265880342")),
            ("1782658803422", "17826588034220", (Reason::Time, "17826588034220")),
            ("1782658803422", "", (Reason::Time, "")),
            ("10.0.0.4", "10.0.0.256", (Reason::Address, "10.0.0.256")),
            ("10.0.0.5", "", (Reason::Address, "")),
            ("10.0.0.4", "2001:db8::1", (Reason::Families, "2001:db8::1")),
            ("10.0.0.5", "2001:db8::1", (Reason::Families, "2001:db8::1")),
            ("10.0.0.5", "10.0.0.5.255.255", (Reason::Address, "10.0.0.5.255.255")),
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
