//! Fingerprints of objects that grow: whether what was read of one is still what it begins with.

use std::io::{self, Read};

use super::seam::Content;

/// Octets at the beginning, and before the end of what was read, that are compared.
const EDGE: u64 = 1 << 10;

/// The fingerprint of the first `length` octets of an object: of the first and last of them. None where it has less.
///
/// # Errors
/// When it cannot be read.
pub fn of(content: &mut Content, length: u64) -> io::Result<Option<u64>> {
    let Some(first) = sum(content, 0, EDGE.min(length))? else { return Ok(None) };
    let edge = length.saturating_sub(EDGE);
    let Some(last) = sum(content, edge, length - edge)? else { return Ok(None) };
    // 0 stands for none.
    Ok(Some((u64::from(first) << 32 | u64::from(last)).max(1)))
}

fn sum(content: &mut Content, from: u64, length: u64) -> io::Result<Option<u32>> {
    let mut octets = Vec::new();
    content.open(from)?.take(length).read_to_end(&mut octets)?;
    Ok((octets.len() as u64 == length).then(|| crc32fast::hash(&octets)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_octets(octets: &[u8], length: u64) -> Option<u64> {
        of(&mut Content::Octets(octets.to_vec().into()), length).expect("memory")
    }

    #[test]
    fn it_tells_growth_from_other_content() {
        let octets: Vec<u8> = (0..5000_u32).map(|at| (at / 7) as u8).collect();
        let print = of_octets(&octets, 3000);
        assert!(print.is_some());
        assert_eq!(of_octets(&octets[..3000], 3000), print);
        assert_eq!(of_octets(&octets[..2999], 3000), None);
        for (at, same) in [(0, false), (1023, false), (1976, false), (2999, false), (3000, true)] {
            let mut other = octets.clone();
            other[at] ^= 1;
            assert_eq!(of_octets(&other, 3000) == print, same, "octet {at}");
        }
        assert_eq!(of_octets(b"", 0), Some(1));
    }
}
