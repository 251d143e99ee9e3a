//! Addresses of interfaces: twelve hexadecimal digits in capitals, as logs have them most often.

/// As it is shown, and as a number; none of what is no such address.
pub fn of(told: &[u8]) -> Option<([u8; 12], u64)> {
    let (mut shown, mut number, mut count) = ([0; 12], 0_u64, 0);
    for octet in told.iter().filter(|octet| !matches!(octet, b'-' | b':')) {
        let digit = char::from(*octet).to_digit(16)?;
        *shown.get_mut(count)? = octet.to_ascii_uppercase();
        number = number << 4 | u64::from(digit);
        count += 1;
    }
    (count == shown.len()).then_some((shown, number))
}

/// A number for what is no address: those of two need only differ most often.
pub fn other(told: &[u8]) -> u64 {
    let mix = |hash: u64, octet: &u8| (hash ^ u64::from(*octet)).wrapping_mul(0x100_0000_01b3);
    told.iter().fold(0xcbf2_9ce4_8422_2325, mix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_however_it_is_written() {
        for text in ["000D3AF8801A", "000d3af8801a", "00-0D-3A-F8-80-1A", "00:0d:3a:f8:80:1a"] {
            assert_eq!(of(text.as_bytes()), Some((*b"000D3AF8801A", 0x000d_3af8_801a)), "{text}");
        }
        for text in ["", "AABB", "+00D3AF8801A", "000D3AF8801G", "000D3AF8801A00"] {
            assert_eq!(of(text.as_bytes()), None, "{text}");
        }
        assert_ne!(other(b"AABB"), other(b"AABC"));
    }
}
