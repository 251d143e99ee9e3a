//! Numbers of few bits in runs, repeated or packed: levels, and indexes into dictionaries (`RLE`).

use super::bits::{pack, varint};

/// Numbers of a group of packed ones.
const GROUP: usize = 8;

/// Appends numbers of `width` bits.
pub fn write(numbers: &[u32], width: u32, out: &mut Vec<u8>) {
    let (mut at, mut packed) = (0, 0);
    while at < numbers.len() {
        let rest = &numbers[at..];
        let is_run = rest.len() >= GROUP && rest[..GROUP].iter().all(|own| *own == rest[0]);
        if !is_run {
            at += GROUP.min(rest.len());
            continue;
        }
        let length = rest.iter().take_while(|own| **own == rest[0]).count();
        flush(&numbers[packed..at], width, out);
        varint((length as u64) << 1, out);
        out.extend_from_slice(&rest[0].to_le_bytes()[..width.div_ceil(8) as usize]);
        at += length;
        packed = at;
    }
    flush(&numbers[packed..], width, out);
}

/// A run of packed numbers; the last group is filled up.
fn flush(numbers: &[u32], width: u32, out: &mut Vec<u8>) {
    if numbers.is_empty() {
        return;
    }
    let groups = numbers.len().div_ceil(GROUP);
    varint((groups as u64) << 1 | 1, out);
    let padding = std::iter::repeat_n(0, groups * GROUP - numbers.len());
    pack(numbers.iter().map(|own| u64::from(*own)).chain(padding), width, out);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sensor_wire::cloud::columnar::runs::Runs;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(runs in proptest::collection::vec((any::<u32>(), 1..40_usize), 0..30), width in 1..33_u32) {
            let mask = u32::MAX >> (32 - width);
            let numbers: Vec<u32> =
                runs.iter().flat_map(|(number, count)| vec![number & mask; *count]).collect();
            let mut octets = Vec::new();
            write(&numbers, width, &mut octets);
            let mut found = Vec::new();
            prop_assert_eq!(Runs::new(octets.into(), width as usize).read(numbers.len(), &mut found), Some(()));
            prop_assert_eq!(found, numbers);
        }
    }
}
