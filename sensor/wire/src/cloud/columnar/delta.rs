//! Pages that are encoded by differences, written out plainly: how many values such a page holds, and how long they are, it says itself.

use parquet::basic::{Encoding, Type};

use super::limits::MOST_PAGE;

/// Appends to `plain` the values that `octets` hold, `most` of them at most and of so many octets in all, in the encoding `PLAIN`;
/// nothing where they contradict themselves.
pub fn write_out(
    physical: Type,
    encoding: Encoding,
    octets: &[u8],
    most: usize,
    most_octets: usize,
    plain: &mut Vec<u8>,
) -> Option<()> {
    match (physical, encoding) {
        (Type::INT32, Encoding::DELTA_BINARY_PACKED) => {
            let (numbers, _) = numbers(octets, most)?;
            numbers.iter().for_each(|number| plain.extend((*number as i32).to_le_bytes()));
        }
        (Type::INT64, Encoding::DELTA_BINARY_PACKED) => {
            let (numbers, _) = numbers(octets, most)?;
            let begin = plain.len();
            plain.resize(begin + numbers.len() * 8, 0);
            let (places, _) = plain[begin..].as_chunks_mut();
            for (place, number) in places.iter_mut().zip(numbers) {
                *place = number.to_le_bytes();
            }
        }
        (Type::BYTE_ARRAY, Encoding::DELTA_LENGTH_BYTE_ARRAY) => {
            let (lengths, mut rest) = numbers(octets, most)?;
            for length in lengths {
                let value;
                (value, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                value_of(plain, value, most_octets)?;
            }
        }
        (Type::BYTE_ARRAY, Encoding::DELTA_BYTE_ARRAY) => {
            let (prefixes, behind) = numbers(octets, most)?;
            let (lengths, mut rest) = numbers(behind, most)?;
            if prefixes.len() != lengths.len() {
                return None;
            }
            let mut before = Vec::new();
            for (prefix, length) in prefixes.into_iter().zip(lengths) {
                let suffix;
                (suffix, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                let prefix =
                    usize::try_from(prefix).ok().filter(|prefix| *prefix <= before.len())?;
                before.truncate(prefix);
                before.extend_from_slice(suffix);
                value_of(plain, &before, most_octets)?;
            }
        }
        _ => return None,
    }
    Some(())
}

/// Appends a value of octets.
fn value_of(plain: &mut Vec<u8>, value: &[u8], most: usize) -> Option<()> {
    if plain.len() + 4 + value.len() > most {
        return None;
    }
    plain.extend((value.len() as u32).to_le_bytes());
    plain.extend_from_slice(value);
    Some(())
}

/// The numbers that `octets` begin with, encoded by `DELTA_BINARY_PACKED`, and what is behind them.
fn numbers(mut octets: &[u8], most: usize) -> Option<(Vec<i64>, &[u8])> {
    let rest = &mut octets;
    let block = usize::try_from(varint(rest)?).ok().filter(|block| *block <= MOST_PAGE)?;
    let parts = usize::try_from(varint(rest)?).ok()?;
    let count = usize::try_from(varint(rest)?).ok().filter(|count| *count <= most)?;
    let mut value = zigzag(varint(rest)?);
    let each = block.checked_div(parts)?;
    // The format says so: parts of whole octets, whatever the width of a difference.
    if each == 0 || each % 32 != 0 || each * parts != block {
        return None;
    }
    let mut numbers = Vec::with_capacity(count.min(MOST_PAGE / 8));
    if count != 0 {
        numbers.push(value);
    }
    while numbers.len() < count {
        let least = zigzag(varint(rest)?);
        let (widths, mut behind) = rest.split_at_checked(parts)?;
        for width in widths {
            let wanted = each.min(count - numbers.len());
            if wanted == 0 {
                break;
            }
            let width = usize::from(*width);
            if width > 64 || numbers.len() + wanted > MOST_PAGE / 8 {
                return None;
            }
            let part;
            (part, behind) = behind.split_at_checked(width * each / 8)?;
            // The same step again and again, as most times have it.
            if width == 0 {
                numbers.extend(
                    (1..=wanted as i64).map(|at| value.wrapping_add(least.wrapping_mul(at))),
                );
                value = value.wrapping_add(least.wrapping_mul(wanted as i64));
                continue;
            }
            numbers.extend((0..wanted).map(|at| {
                value =
                    value.wrapping_add(least).wrapping_add(bits(part, at * width, width) as i64);
                value
            }));
        }
        *rest = behind;
    }
    Some((numbers, octets))
}

/// `width` bits from the bit `at` on.
#[inline(always)]
fn bits(octets: &[u8], at: usize, width: usize) -> u64 {
    let behind = &octets[at / 8..];
    // Nearly all are so short, and not the last.
    if width <= 56
        && let Some(word) = behind.first_chunk()
    {
        return (u64::from_le_bytes(*word) >> (at % 8)) & ((1 << width) - 1);
    }
    let mut word = [0; 16];
    let length = behind.len().min(word.len());
    word[..length].copy_from_slice(&behind[..length]);
    let bits = (u128::from_le_bytes(word) >> (at % 8)) as u64;
    if width == 64 { bits } else { bits & ((1 << width) - 1) }
}

/// The number that comes first, in groups of seven bits.
pub fn varint(octets: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = octets.split_first()?;
        *octets = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// A number with a sign, whose least bit that is.
pub fn zigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}
