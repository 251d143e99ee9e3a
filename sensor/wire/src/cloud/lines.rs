//! Lines out of octets that come in pieces. A line may be of any length; one that is too long to be a record is told as such,
//! and its octets are not kept.

use super::text::find;

/// Octets of the longest line that is read: forty fields of the length of an ARN have room many times over.
pub const LONGEST: usize = 64 << 10;

/// Cuts octets into lines.
#[derive(Debug, Default)]
pub struct Lines {
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
    /// The line under way is too long: what comes up to its end is passed over.
    skips: bool,
    /// Lines so far.
    count: u64,
    /// Octets of these lines, with those that end them.
    octets: u64,
    /// Octets of the line under way.
    under_way: u64,
}

/// A line, or that there was one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// Its octets, without those that end it.
    Whole(&'a [u8]),
    /// It was longer than [`LONGEST`].
    TooLong,
}

impl Lines {
    /// Calls `each` with the number (from 1) and the octets of every line that is complete now.
    #[inline(always)]
    pub fn feed(&mut self, mut octets: &[u8], mut each: impl FnMut(u64, Line<'_>)) {
        if self.skips || !self.begun.is_empty() {
            let Some(end) = find(octets, b'\n') else { return self.begin(octets) };
            self.begin(&octets[..end]);
            self.octets += std::mem::take(&mut self.under_way) + 1;
            octets = &octets[end + 1..];
            self.end(&mut each);
        }
        while let Some(end) = find(octets, b'\n') {
            self.count += 1;
            self.octets += end as u64 + 1;
            let line =
                if end > LONGEST { Line::TooLong } else { Line::Whole(trimmed(&octets[..end])) };
            each(self.count, line);
            octets = &octets[end + 1..];
        }
        self.begin(octets);
    }

    /// The last line, where nothing ended it.
    pub fn finish(&mut self, mut each: impl FnMut(u64, Line<'_>)) {
        if self.skips || !self.begun.is_empty() {
            self.end(&mut each);
        }
    }

    /// Octets up to the end of the last line that is complete.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    fn begin(&mut self, octets: &[u8]) {
        self.under_way += octets.len() as u64;
        self.skips |= self.begun.len() + octets.len() > LONGEST;
        if self.skips {
            self.begun.clear();
        } else {
            self.begun.extend_from_slice(octets);
        }
    }

    fn end(&mut self, each: &mut impl FnMut(u64, Line<'_>)) {
        self.count += 1;
        match std::mem::take(&mut self.skips) {
            true => each(self.count, Line::TooLong),
            false => each(self.count, Line::Whole(trimmed(&self.begun))),
        }
        self.begun.clear();
    }
}

/// Without a carriage return at the end.
fn trimmed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(pieces: &[&[u8]]) -> Vec<(u64, Option<Vec<u8>>)> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        let mut each = |number, line: Line<'_>| {
            found.push((
                number,
                match line {
                    Line::Whole(octets) => Some(octets.to_vec()),
                    Line::TooLong => None,
                },
            ));
        };
        pieces.iter().for_each(|piece| lines.feed(piece, &mut each));
        lines.finish(each);
        assert!(lines.begun.capacity() <= 2 * LONGEST, "{}", lines.begun.capacity());
        found
    }

    #[test]
    fn a_line_of_a_gigabyte_costs_no_memory() {
        let piece = vec![b'x'; 1 << 20];
        let mut pieces: Vec<&[u8]> = vec![b"a\n"];
        pieces.extend(std::iter::repeat_n(&piece[..], 1024));
        pieces.push(b"y\nb");
        assert_eq!(all(&pieces), [(1, Some(b"a".to_vec())), (2, None), (3, Some(b"b".to_vec()))]);
    }

    #[test]
    fn a_long_line_in_one_piece_is_too_long_as_well() {
        let mut piece = vec![b'x'; LONGEST + 1];
        piece.extend(b"\r\nb\r\n");
        assert_eq!(all(&[&piece]), [(1, None), (2, Some(b"b".to_vec()))]);
    }

    proptest! {
        #[test]
        fn lines_are_the_same_however_they_come(text in "[ab\n]{0,60}", cut in 1..7_usize) {
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(cut).collect();
            let mut expected: Vec<&str> = text.split('\n').collect();
            if expected.last() == Some(&"") {
                expected.pop();
            }
            let found: Vec<_> = all(&pieces).into_iter().map(|(_, line)| line.expect("short")).collect();
            let expected: Vec<_> = expected.into_iter().map(|line| line.as_bytes().to_vec()).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
