//! Bloom filters of columns: which values a row group may have.
//!
//! The crate `parquet` reads the header of a filter unchecked, as it does those of pages: a list of booleans in it costs as many steps as it
//! claims values, and a length that does not fit the octets cuts the filter elsewhere than its writer did, so that it denies values which are
//! there. So the header is read here, and only a filter that is as long as everything says becomes one of the crate's.

use parquet::{
    bloom_filter::Sbbf,
    file::reader::{ChunkReader as _, Length as _},
};

use super::{
    delta::zigzag,
    fault::Fault,
    shapes::FILTER_HEADER,
    source::Source,
    thrift::{self, DEEPEST, Found, Walk},
};

/// Octets of the longest header that is read: those of all writers have about twenty.
const MOST_HEADER: u64 = 256;
/// Octets of a block, of which a filter is made.
const BLOCK: u64 = 32;

/// Where a filter is, as the metadata says.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Where it begins.
    pub begin: i64,
    /// Octets of its header and its blocks together, where that is said.
    pub length: Option<i32>,
}

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    /// Its own octets.
    own: u64,
    /// Octets of the blocks behind it.
    blocks: u64,
}

/// Reads a filter; none where it has no blocks, so that it says nothing.
///
/// # Errors
/// Where it cannot be read, is of a kind that is not known, or is not as long as it says.
pub fn read(source: &Source, place: Place) -> Result<Option<Sbbf>, Fault> {
    let wrong = |what: &str| Fault::Malformed(format!("a Bloom filter {what}"));
    let begin = u64::try_from(place.begin).map_err(|_| wrong("that begins before the file"))?;
    let left = source.len().checked_sub(begin).ok_or(Fault::Cut)?;
    let header = source.get_bytes(begin, left.min(MOST_HEADER) as usize)?;
    let header = header_of(&header).ok_or_else(|| wrong("whose header cannot be read"))?;
    let whole = header.own + header.blocks;
    let is_as_said = place.length.is_none_or(|said| u64::try_from(said) == Ok(whole));
    if !is_as_said || header.blocks % BLOCK != 0 {
        return Err(wrong("that is not as long as it says"));
    }
    if header.blocks == 0 {
        return Ok(None);
    }
    let octets = usize::try_from(header.blocks).map_err(|_| Fault::Page(header.blocks))?;
    Ok(Some(Sbbf::new(&source.get_bytes(begin + header.own, octets)?)))
}

/// What octets say that begin with a header; nothing where they do not, or where it is of another kind of filter.
fn header_of(octets: &[u8]) -> Option<Header> {
    if thrift::find(octets, FILTER_HEADER) != Found::Whole {
        return None;
    }
    let mut walk = Walk::new(octets);
    let (mut blocks, mut known) = (None, [false; 3]);
    let read = walk.members(|walk, member, kind| match member {
        1 => {
            blocks = u64::try_from(zigzag(walk.number()?)).ok();
            Ok(())
        }
        // Blocks, of xxHash, not compressed: of each of these unions, the first is the one that the format has so far.
        2..=4 => walk.members(|walk, variant, kind| {
            known[member as usize - 2] = variant == 1;
            walk.value(kind, DEEPEST)
        }),
        _ => walk.value(kind, DEEPEST),
    });
    read.ok()?;
    let blocks = blocks.filter(|blocks| known == [true; 3] && *blocks <= i32::MAX as u64)?;
    Some(Header { own: (octets.len() - walk.left()) as u64, blocks })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    /// A filter that has some values, as the crate writes it: its header, and its blocks.
    fn written() -> (Vec<u8>, usize) {
        let mut filter = Sbbf::new_with_num_of_bytes(64);
        (0..5_u32).for_each(|value| filter.insert(&value));
        let mut octets = Vec::new();
        filter.write(&mut octets).expect("written");
        let header = octets.len() - 64;
        (octets, header)
    }

    fn read_of(octets: Vec<u8>, length: Option<i32>) -> Result<Option<Sbbf>, Fault> {
        read(&Source::new(Arc::new(octets)), Place { begin: 0, length })
    }

    #[test]
    fn a_filter_is_read_as_it_was_written() {
        let (octets, _) = written();
        let whole = octets.len() as i32;
        for length in [None, Some(whole)] {
            // What stands behind it is not of it.
            let more = [&octets[..], &[0xff; 300]].concat();
            let filter = read_of(more, length).expect("readable").expect("blocks");
            assert!((0..5_u32).all(|value| filter.check(&value)));
            assert_eq!(filter.num_blocks(), 2);
        }
        let short = octets[..octets.len() - 1].to_vec();
        assert!(matches!(read_of(short, None), Err(Fault::Cut)));
    }

    #[test]
    fn a_filter_that_is_not_as_long_as_it_says_denies_nothing() {
        let (octets, header) = written();
        let whole = octets.len() as i32;
        for length in [whole - 32, whole - 1, whole + 1, 0, -1, i32::MIN] {
            let more = [&octets[..], &[0; 300]].concat();
            let fault = read_of(more, Some(length)).expect_err("refused");
            assert!(fault.to_string().contains("as long as it says"), "{length}: {fault}");
        }
        // Numbers of octets, by the zigzag of the format: one that is no number of blocks, none, and more than there are.
        let with = |number: &[u8]| {
            let end = 1 + octets[1..].iter().position(|octet| octet & 0x80 == 0).expect("an end");
            [&octets[..1], number, &octets[end + 1..header], &[0; 300]].concat()
        };
        let of = |number: &[u8]| read_of(with(number), None);
        assert!(matches!(of(&[62]), Err(Fault::Malformed(_))));
        assert!(matches!(of(&[0]), Ok(None)));
        assert!(matches!(of(&[0x80, 0x80, 0x80, 0x80, 0x0e]), Err(Fault::Cut)));
        assert!(matches!(of(&[1]), Err(Fault::Malformed(_))), "-1");
    }

    #[test]
    fn headers_that_ask_for_steps_or_are_of_another_kind_are_refused() {
        let (octets, header) = written();
        let behind = |octets: &[u8]| [octets, &[0; 300]].concat();
        // Instead of its end, a list of two thousand million booleans.
        let list = [0x19, 0xf1, 0xff, 0xff, 0xff, 0xff, 0x07, 0];
        let hostile = [&octets[..header - 1], &list, &octets[header..]].concat();
        assert!(matches!(read_of(behind(&hostile), None), Err(Fault::Malformed(_))));
        // The unions are the structures `1c .. 00 00` behind the number: another member than the first.
        let union = octets[..header].windows(2).position(|pair| pair == [0x1c, 0x1c]);
        let mut other = octets.clone();
        other[union.expect("a union") + 1] = 0x2c;
        assert!(matches!(read_of(behind(&other), None), Err(Fault::Malformed(_))));
        assert!(matches!(read_of(Vec::new(), None), Err(Fault::Malformed(_))));
    }

    proptest! {
        #[test]
        fn any_octets_are_a_filter_or_a_fault(octets in proptest::collection::vec(any::<u8>(), 0..200), begin: i64, length: Option<i32>) {
            let source = Source::new(Arc::new(octets));
            for begin in [begin, begin.rem_euclid(200)] {
                if let Ok(Some(filter)) = read(&source, Place { begin, length }) {
                    prop_assert!(filter.num_blocks() > 0);
                }
            }
        }
    }
}
