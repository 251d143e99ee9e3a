//! A flow tuple as almost all are: whole, of IPv4, with nothing unusual in it. Its values are found all at once and read without a loop
//! over digits, whose number a processor cannot guess. Whatever is not ordinary is left to [`Tuple::parse`].

use sensor_common::key::Direction;

use super::tuple::{EARLIEST, Kind, LATEST, LONGEST_CODE, Tuple, is_dropped};
use crate::cloud::{
    both::Counts,
    flows::Ends,
    json::block::{self, places},
    underway::Part,
};

/// Octets that a tuple is looked for in: the longest beginning, up to the ports, a block behind it, and a word that may begin there.
pub const WINDOW: usize = ENDS + 8;
/// Octets in which a value may begin: more than a tuple has, and where it has more, a wrong one is looked at.
const ENDS: usize = 2 * block::LENGTH;

/// Reads the tuple that `window` begins with, behind its quotation mark: it, how it was encrypted, and its octets.
#[inline(always)]
pub fn read(kind: Kind, window: &[u8; WINDOW]) -> Option<(Tuple, &[u8], usize)> {
    let mut values = Values { window, at: 0, marks: 0, unusual: false };
    values.look()?;
    let time = values.time();
    let source = values.address();
    let destination = values.address();
    let ports = (Some(values.port()), Some(values.port()));
    values.look()?;
    let protocol = match (kind, values.first()) {
        (Kind::SecurityGroup, b'T') => values.letter(6),
        (Kind::SecurityGroup, b'U') => values.letter(17),
        _ => values.octet(b',').0,
    };
    let direction = match values.first() {
        b'I' => values.letter(Direction::Ingress),
        b'O' => values.letter(Direction::Egress),
        _ => return None,
    };
    let mut denied = false;
    if kind == Kind::SecurityGroup {
        denied = match values.first() {
            b'A' => values.letter(false),
            b'D' => values.letter(true),
            _ => return None,
        };
    }
    let mut part = match values.first() {
        b'B' => values.letter(Some(Part::Begin)),
        b'C' => values.letter(Some(Part::Continue)),
        b'E' => values.letter(Some(Part::End)),
        b'D' if kind == Kind::VirtualNetwork => {
            denied = true;
            values.letter(None)
        }
        _ => return None,
    };
    if denied {
        part = None;
    }
    let encryption = match kind {
        Kind::SecurityGroup => &[][..],
        Kind::VirtualNetwork => values.text()?,
    };
    let out = Counts { packets: values.count(b','), octets: values.count(b',') };
    let back = Counts { packets: values.count(b','), octets: values.count(b'"') };
    if values.unusual || values.at > ENDS || !(EARLIEST * 1000..LATEST * 1000).contains(&time) {
        return None;
    }
    let tuple = Tuple {
        time,
        ends: Ends::V4(source, destination),
        ports,
        protocol,
        direction,
        part,
        denied,
        dropped: is_dropped(encryption),
        out,
        back,
        more: 0,
    };
    Some((tuple, encryption, values.at - 1))
}

/// Values one after the other.
struct Values<'w> {
    window: &'w [u8; WINDOW],
    /// Where the next one begins.
    at: usize,
    /// Of the octets from there on, those that are no digits: a bit each.
    marks: u64,
    /// Something was not ordinary: what was read since means nothing.
    unusual: bool,
}

/// What every octet of digits has beside their values.
const VALUES: u64 = 0x0f0f_0f0f_0f0f_0f0f;

impl<'w> Values<'w> {
    /// Looks for what is no digit in the next block.
    #[inline(always)]
    fn look(&mut self) -> Option<()> {
        let block = self.window.get(self.at..)?.first_chunk()?;
        self.marks = places(block, |octet| octet.wrapping_sub(b'0') > 9);
        Some(())
    }

    /// The first octet of the next value.
    #[inline(always)]
    fn first(&self) -> u8 {
        self.window[self.at % ENDS]
    }

    /// Takes so many octets, of which all but the one behind them are digits; where they begin.
    #[inline(always)]
    fn take(&mut self, count: usize, mark: u8) -> usize {
        let begin = self.at;
        self.unusual |= self.window[(begin + count) % ENDS] != mark;
        self.at = begin + count + 1;
        self.marks = self.marks >> (count & 63) >> 1;
        begin
    }

    /// How many digits the next value has.
    #[inline(always)]
    fn length(&self) -> usize {
        // Where there is no mark, as good as none.
        (self.marks | 1 << 63).trailing_zeros() as usize
    }

    /// Takes a letter, which stands for this.
    #[inline(always)]
    fn letter<T>(&mut self, what: T) -> T {
        self.take(1, b',');
        what
    }

    /// Takes a value of whatever octets.
    #[inline(always)]
    fn text(&mut self) -> Option<&'w [u8]> {
        let rest = self.window.get(self.at..)?;
        let length = match rest {
            [_, _, b',', ..] => 2,
            _ => rest.iter().take(LONGEST_CODE + 1).position(|octet| *octet == b',')?,
        };
        let text = &rest[..length];
        self.unusual |=
            length > 63 || text.iter().any(|octet| matches!(octet, b'"' | b'\\' | b','));
        self.take(length, b',');
        Some(text)
    }

    /// The word that begins there.
    #[inline(always)]
    fn word(&self, begin: usize) -> [u8; 8] {
        let begin = begin % ENDS;
        let mut word = [0; 8];
        word.copy_from_slice(&self.window[begin..begin + 8]);
        word
    }

    /// The number that so many digits tell, one at least and eight at most.
    #[inline(always)]
    fn digits(&self, begin: usize, count: usize) -> u64 {
        let word = u64::from_le_bytes(self.word(begin));
        // What is behind the digits goes, and zeros come before them.
        let digits = (word & VALUES) << (64_usize.wrapping_sub(8 * count) % 64);
        // Numbers of two digits each, of four, of eight.
        let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
        let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
        fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff
    }

    #[inline(always)]
    fn time(&mut self) -> u64 {
        // Milliseconds of this century.
        const LENGTH: usize = 13;
        self.unusual |= self.length() != LENGTH;
        let begin = self.take(LENGTH, b',');
        self.digits(begin, LENGTH - 8) * 100_000_000 + self.digits(begin + LENGTH - 8, 8)
    }

    /// A number of three digits at most that an octet holds, and how many these are.
    #[inline(always)]
    fn octet(&mut self, mark: u8) -> (u8, usize) {
        /// 255.
        const HIGHEST: u32 = 0x02_05_05;
        let length = self.length();
        self.unusual |= length.wrapping_sub(1) > 2;
        let begin = self.take(length, mark);
        let word = u64::from_le_bytes(self.word(begin)) as u32 & VALUES as u32;
        let digits = word << (32_usize.wrapping_sub(8 * length) % 32);
        // The last of them is in the highest octet, where hundreds, tens and ones meet.
        let number = (digits.wrapping_mul(1 + (10 << 8) + (100 << 16)) >> 24) as u8;
        self.unusual |= digits.swap_bytes() > HIGHEST;
        (number, length)
    }

    #[inline(always)]
    fn address(&mut self) -> u32 {
        /// The lowest numbers of so many digits: zeros in front would be read as octal by some.
        const LOWEST: [u8; 4] = [0, 0, 10, 100];
        let mut address = 0;
        for mark in [b'.', b'.', b'.', b','] {
            let (number, length) = self.octet(mark);
            self.unusual |= number < LOWEST[length % 4];
            address = address << 8 | u32::from(number);
        }
        address
    }

    #[inline(always)]
    fn port(&mut self) -> u16 {
        let length = self.length();
        self.unusual |= length.wrapping_sub(1) > 7;
        let begin = self.take(length, b',');
        let number = self.digits(begin, length);
        self.unusual |= number > u64::from(u16::MAX);
        number as u16
    }

    #[inline(always)]
    fn count(&mut self, mark: u8) -> Option<u64> {
        let length = self.length();
        let begin = self.take(length, mark);
        match length {
            0 => None,
            1..=8 => Some(self.digits(begin, length)),
            9..=16 => {
                let high = self.digits(begin, length - 8);
                Some(high * 100_000_000 + self.digits(begin + length - 8, 8))
            }
            _ => {
                self.unusual = true;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VNET: &str = "1782658803422,10.0.0.4,172.16.254.5,12345,443,6,O,C,NX,10,1500,8,1200";
    const GROUP: &str = "1782658803422,10.0.0.4,8.8.8.8,12345,53,U,I,A,E,1,66,,";

    /// The tuple that stands in a blob, with something behind it.
    fn within(tuple: &str, behind: &str) -> Vec<u8> {
        let mut text = format!("{tuple}\"{behind}").into_bytes();
        text.resize(text.len().max(WINDOW), b' ');
        text
    }

    fn agrees(kind: Kind, tuple: &str, behind: &str) -> bool {
        let text = within(tuple, behind);
        let window = text.first_chunk().expect("enough");
        match read(kind, window) {
            None => false,
            Some((own, encryption, length)) => {
                assert_eq!(length, tuple.len(), "{tuple}");
                assert_eq!(Ok((own, encryption)), Tuple::parse(kind, tuple.as_bytes()), "{tuple}");
                true
            }
        }
    }

    #[test]
    fn what_is_ordinary_is_read_here() {
        let behind = ",\"1782658803422,1.1.1.1,2.2.2.2,1,2,6,I,B,NX,0,0,0,0\"]";
        for (kind, tuple) in [(Kind::VirtualNetwork, VNET), (Kind::SecurityGroup, GROUP)] {
            assert!(agrees(kind, tuple, behind), "{tuple}");
            assert!(agrees(kind, tuple, ""), "{tuple}");
        }
        assert!(agrees(Kind::SecurityGroup, &GROUP.replace(",A,", ",D,"), ""));
        for (from, to) in [
            ("10.0.0.4", "255.255.255.255"),
            ("10.0.0.4", "0.0.0.0"),
            (",443,", ",65535,"),
            (",6,", ",255,"),
            (",1500,", ",99999999,"),
            (",C,", ",D,"),
            ("NX", "NX_LOCAL_DST"),
            ("NX", "NX_NOT_SUPPORTED"),
            (",1500,", ",9999999999999999,"),
            (",10,1500,8,1200", ",,,,"),
        ] {
            assert!(agrees(Kind::VirtualNetwork, &VNET.replace(from, to), behind), "{to}");
        }
    }

    #[test]
    fn what_is_not_ordinary_is_left_to_others() {
        for (from, to) in [
            ("1782658803422", "1782658803"),
            ("1782658803422", "178265880342x"),
            ("10.0.0.4", "10.0.0.256"),
            ("10.0.0.4", "10.0.00.4"),
            ("10.0.0.4", "10.0..4"),
            ("10.0.0.4", "10.0.4"),
            ("10.0.0.4", "2001:db8::4"),
            (",443,", ",65536,"),
            (",443,", ",4-3,"),
            (",443,", ",,"),
            (",6,", ",256,"),
            (",O,", ",Q,"),
            (",C,", ",c,"),
            (",1500,", ",15\\u0030,"),
            (",1500,", ",12345678901234567,"),
            (",1200", ",1200,"),
            (",1200", ""),
            ("", ""),
        ] {
            let tuple = if to.is_empty() && from.is_empty() {
                "1".repeat(200)
            } else {
                VNET.replace(from, to)
            };
            assert!(!agrees(Kind::VirtualNetwork, &tuple, ""), "{tuple}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_here_is_read_so_everywhere(
            is_vnet in any::<bool>(),
            at in 0..80_usize,
            length in 0..4_usize,
            new in "[0-9,.\"A-Z\\\\:x]{0,9}",
            behind in "[0-9,.\"\\]]{0,200}",
        ) {
            let (kind, tuple) = match is_vnet {
                true => (Kind::VirtualNetwork, VNET),
                false => (Kind::SecurityGroup, GROUP),
            };
            let at = at.min(tuple.len());
            let end = (at + length).min(tuple.len());
            let tuple = [&tuple[..at], &new, &tuple[end..]].concat();
            // A string ends at its first quotation mark.
            let tuple = tuple.split('"').next().unwrap_or_default();
            agrees(kind, tuple, &behind);
        }
    }
}
