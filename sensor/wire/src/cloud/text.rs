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

/// A number in decimal, with nothing around it.
#[inline(always)]
pub fn number(octets: &[u8]) -> Option<u64> {
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

/// An IPv4 address in dotted decimal, as a number in host order.
#[inline(always)]
pub fn ipv4(octets: &[u8]) -> Option<u32> {
    let (mut address, mut part, mut digits, mut dots) = (0_u32, 0_u32, 0, 0);
    for octet in octets {
        let digit = octet.wrapping_sub(b'0');
        if digit <= 9 {
            // No zeros in front: some would read them as octal.
            if digits == 3 || digits > 0 && part == 0 {
                return None;
            }
            part = part * 10 + u32::from(digit);
            digits += 1;
        } else if *octet == b'.' && digits > 0 && part <= 255 && dots < 3 {
            address = address << 8 | part;
            (part, digits, dots) = (0, 0, dots + 1);
        } else {
            return None;
        }
    }
    (digits > 0 && part <= 255 && dots == 3).then_some(address << 8 | part)
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
    fn what_is_no_number_is_none() {
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
