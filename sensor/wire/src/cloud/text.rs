//! Numbers, addresses and the beginning out of octets, without a detour by `str` where it counts.

use std::net::Ipv6Addr;

/// The place of the first `needle`.
#[inline(always)]
pub fn find(octets: &[u8], needle: u8) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let wanted = LOW * u64::from(needle);
    let (words, rest) = octets.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let differs = u64::from_le_bytes(*word) ^ wanted;
        // The lowest octet that is zero is found truly; those above it may not be.
        let found = differs.wrapping_sub(LOW) & !differs & HIGH;
        if found != 0 {
            return Some(at * 8 + (found.trailing_zeros() / 8) as usize);
        }
    }
    rest.iter().position(|octet| *octet == needle).map(|at| words.len() * 8 + at)
}

/// The first octet that is no space, byte-order mark included.
pub fn first(octets: &[u8]) -> Option<&u8> {
    octets.iter().find(|octet| !matches!(octet, b' ' | b'\t' | b'\r' | b'\n' | 0xef | 0xbb | 0xbf))
}

/// What every octet of digits has beside their values.
const DIGITS: u128 = u128::from_le_bytes([b'0'; 16]);
const DOTS: u128 = u128::from_le_bytes([b'.'; 16]);

/// Up to 16 octets, `N` at least and twice as many at most, the first in the lowest place; nothing behind them. They are read as what
/// they begin with, and what they end with.
#[inline(always)]
fn word<const N: usize>(octets: &[u8]) -> Option<u128> {
    let half = |octets: &[u8; N]| {
        let mut half = [0; 8];
        half[..N].copy_from_slice(octets);
        u128::from(u64::from_le_bytes(half))
    };
    let (first, last) = (octets.first_chunk()?, octets.last_chunk()?);
    Some(half(first) | half(last) << (8 * (octets.len() - N) % 128))
}

/// For each octet whether it is more than nine, a bit each.
#[inline(always)]
fn above_nine(octets: u128) -> u32 {
    const LOW: u128 = u128::from_le_bytes([0x7f; 16]);
    const ROOM: u128 = u128::from_le_bytes([0x7f - 9; 16]);
    const HIGH: u128 = u128::from_le_bytes([0x80; 16]);
    gathered((((octets & LOW) + ROOM) | octets) & HIGH)
}

/// For each octet whether it is 0, a bit each.
#[inline(always)]
fn zeros(octets: u128) -> u32 {
    const LOW: u128 = u128::from_le_bytes([0x7f; 16]);
    gathered(!(((octets & LOW) + LOW) | octets | LOW))
}

/// The highest bits of octets that have no other ones.
#[inline(always)]
fn gathered(highest: u128) -> u32 {
    let half = |half: u64| ((half >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32;
    half(highest as u64) | half((highest >> 64) as u64) << 8
}

/// A number in decimal, with nothing around it.
#[inline(always)]
pub fn number(octets: &[u8]) -> Option<u64> {
    // Times, and what was counted in a busy minute: how many digits these have is guessed rightly.
    if let 8..=16 = octets.len() {
        return long_number(octets);
    }
    if octets.is_empty() || octets.len() > 20 {
        return None;
    }
    // What has so few digits cannot be too high.
    let (sure, rest) = octets.split_at(octets.len().min(19));
    let mut number = 0_u64;
    for octet in sure {
        let digit = octet.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + u64::from(digit);
    }
    for octet in rest {
        let digit = octet.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(digit.into())?;
    }
    Some(number)
}

/// A number of 8 digits at least and 16 at most.
#[inline(always)]
fn long_number(octets: &[u8]) -> Option<u64> {
    // As if there were zeros in front of them.
    let digits = (word::<8>(octets)? ^ DIGITS) << (8 * (16 - octets.len()) % 128);
    if above_nine(digits) != 0 {
        return None;
    }
    // Numbers of two digits each, of four, of eight.
    let half = |half: u64| {
        let pairs = half.wrapping_mul(10).wrapping_add(half >> 8) & 0x00ff_00ff_00ff_00ff;
        let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
        fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff
    };
    Some(half(digits as u64) * 100_000_000 + half((digits >> 64) as u64))
}

/// An IPv4 address in dotted decimal, as a number in host order: all of it at once, since a processor cannot guess where the dots are.
#[inline(always)]
pub fn ipv4(octets: &[u8]) -> Option<u32> {
    /// The lowest numbers of so many digits: zeros in front would be read as octal by some.
    const LOWEST: [u32; 4] = [0, 0, 10, 100];
    let length = octets.len() as u32;
    let word = match length {
        8..=15 => word::<8>(octets)?,
        7 => word::<4>(octets)?,
        _ => return None,
    };
    let digits = word ^ DIGITS;
    let mut left = above_nine(digits) & !(u32::MAX << length);
    // What is no digit is a dot, or there are other dots.
    let mut wrong = left ^ zeros(word ^ DOTS);
    left |= 1 << length;
    let (mut address, mut begin) = (0, 0);
    for _ in 0..4 {
        let end = left.trailing_zeros();
        left &= left.wrapping_sub(1);
        let count = end.wrapping_sub(begin);
        wrong |= u32::from(count.wrapping_sub(1) > 2);
        // The last digit is in the highest octet, where hundreds, tens and ones meet.
        let part = ((digits >> (begin.wrapping_mul(8) % 128)) as u32)
            << (32_u32.wrapping_sub(count.wrapping_mul(8)) % 32);
        let number = part.wrapping_mul(1 + (10 << 8) + (100 << 16)) >> 24;
        wrong |= u32::from(part.swap_bytes() > 0x02_05_05);
        wrong |= u32::from(number < LOWEST[count as usize % 4]);
        address = address << 8 | number;
        begin = end + 1;
    }
    (wrong == 0 && left == 0).then_some(address)
}

/// An IPv6 address, as a number in host order.
pub fn ipv6(octets: &[u8]) -> Option<u128> {
    let text = std::str::from_utf8(octets).ok()?;
    text.parse::<Ipv6Addr>().ok().map(u128::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_digitsis_none() {
        for text in
            ["", "-", "+1", "1 ", "0x1", "18446744073709551616", "99999999999999999999", "１"]
        {
            assert_eq!(number(text.as_bytes()), None, "{text}");
        }
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(number(b"00012"), Some(12));
    }

    #[test]
    fn what_is_no_address_is_none() {
        for text in [
            "",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "1..2.3",
            "1.2.3.",
            "01.2.3.4",
            "1.2.3.4 ",
            "::1",
            "1000.1.1.1",
        ] {
            assert_eq!(ipv4(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn numbers_and_addresses_are_read_as_they_are_written(any in any::<u64>(), v4 in any::<u32>(), v6 in any::<u128>()) {
            prop_assert_eq!(number(any.to_string().as_bytes()), Some(any));
            let text = std::net::Ipv4Addr::from(v4).to_string();
            prop_assert_eq!(ipv4(text.as_bytes()), Some(v4));
            let text = Ipv6Addr::from(v6).to_string();
            prop_assert_eq!(ipv6(text.as_bytes()), Some(v6));
        }

        #[test]
        fn the_first_is_found(octets in proptest::collection::vec(0x0a_u8..0x0d, 0..40)) {
            prop_assert_eq!(find(&octets, 0x0a), octets.iter().position(|octet| *octet == 0x0a));
        }

        #[test]
        fn what_is_nearly_an_address_is_one_or_none(address in any::<[u8; 4]>(), at in any::<prop::sample::Index>(), with in ".?", length in 0..2_usize) {
            let address = std::net::Ipv4Addr::from(address).to_string();
            let at = at.index(address.len());
            let text = [&address[..at], &with, &address[(at + length).min(address.len())..]].concat();
            prop_assert_eq!(ipv4(text.as_bytes()), text.parse::<std::net::Ipv4Addr>().ok().map(u32::from), "{}", text);
            prop_assert_eq!(number(text.as_bytes()), text.parse::<u64>().ok().filter(|_| !text.starts_with('+')), "{}", text);
        }

        #[test]
        fn digits_with_another_octet_among_them_are_no_number(digits in "[0-9]{1,20}", at in any::<prop::sample::Index>(), with in any::<u8>()) {
            let mut octets = digits.clone().into_bytes();
            prop_assert_eq!(number(&octets), digits.parse().ok());
            let at = at.index(octets.len());
            octets[at] = with;
            let expected = std::str::from_utf8(&octets).ok().filter(|_| with.is_ascii_digit()).and_then(|text| text.parse().ok());
            prop_assert_eq!(number(&octets), expected);
        }

        #[test]
        fn any_text_is_an_address_as_the_standard_library_says(text in "[0-9.]{0,16}") {
            let expected = text.parse::<std::net::Ipv4Addr>().ok().map(u32::from);
            prop_assert_eq!(ipv4(text.as_bytes()), expected);
        }
    }
}
