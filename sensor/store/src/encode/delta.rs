//! Numbers by their differences (`DELTA_BINARY_PACKED`): times and what else ascends.

use super::bits::{pack, varint, width, zigzag};

/// Numbers of a block, and of each of its parts.
const BLOCK: usize = 128;
const PART: usize = 32;

/// Appends numbers.
pub fn write(numbers: &[u64], out: &mut Vec<u8>) {
    varint(BLOCK as u64, out);
    varint((BLOCK / PART) as u64, out);
    varint(numbers.len() as u64, out);
    let first = numbers.first().copied().unwrap_or(0);
    zigzag(first as i64, out);
    let (mut before, mut differences) = (first, [0_i64; BLOCK]);
    for block in numbers.get(1..).unwrap_or(&[]).chunks(BLOCK) {
        for (difference, number) in differences.iter_mut().zip(block) {
            *difference = number.wrapping_sub(before) as i64;
            before = *number;
        }
        let differences = &differences[..block.len()];
        let least = differences.iter().copied().min().unwrap_or(0);
        zigzag(least, out);
        let widths = out.len();
        out.extend_from_slice(&[0; BLOCK / PART]);
        for (at, part) in differences.chunks(PART).enumerate() {
            let above = |own: &i64| own.wrapping_sub(least) as u64;
            let bits = width(part.iter().map(above).fold(0, |all, own| all | own));
            out[widths + at] = bits as u8;
            let padding = std::iter::repeat_n(0, PART - part.len());
            pack(part.iter().map(above).chain(padding), bits, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use parquet::basic::{Encoding, Type};
    use proptest::prelude::*;
    use sensor_wire::cloud::columnar::delta::write_out;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(near in any::<bool>(), numbers in proptest::collection::vec(any::<u64>(), 0..400)) {
            let numbers: Vec<u64> = numbers.into_iter().map(|own| if near { own % 90 } else { own }).collect();
            let (mut octets, mut plain) = (Vec::new(), Vec::new());
            write(&numbers, &mut octets);
            let (encoding, rows) = (Encoding::DELTA_BINARY_PACKED, numbers.len());
            let read = write_out(Type::INT64, encoding, &octets, rows, rows * 8, &mut plain);
            prop_assert_eq!(read, Some(()));
            let found: Vec<u64> = plain.as_chunks().0.iter().map(|own| u64::from_le_bytes(*own)).collect();
            prop_assert_eq!(found, numbers);
        }
    }
}
