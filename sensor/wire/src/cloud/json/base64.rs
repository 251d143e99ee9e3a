//! Base64 (RFC 4648), in which messages carry what is no JSON of their own: both alphabets, with or without padding.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What an octet stands for; 64 and above for nothing.
const VALUES: [u8; 256] = {
    let mut values = [64; 256];
    let mut at = 0;
    while at < 64 {
        values[ALPHABET[at] as usize] = at as u8;
        at += 1;
    }
    (values[b'-' as usize], values[b'_' as usize]) = (62, 63);
    values
};

/// Appends what `text` stands for; false where it is no base64.
#[must_use]
pub fn decode(text: &[u8], octets: &mut Vec<u8>) -> bool {
    let text = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    octets.reserve(text.len() / 4 * 3 + 2);
    let (groups, rest) = text.as_chunks::<4>();
    let mut any = 0;
    for group in groups {
        let values = group.map(|octet| VALUES[usize::from(octet)]);
        any |= values[0] | values[1] | values[2] | values[3];
        let bits = values.iter().fold(0_u32, |bits, value| bits << 6 | u32::from(*value));
        octets.extend_from_slice(&bits.to_be_bytes()[1..]);
    }
    let mut bits = 0_u32;
    for octet in rest {
        let value = VALUES[usize::from(*octet)];
        any |= value;
        bits = bits << 6 | u32::from(value);
    }
    match rest.len() {
        2 => octets.push((bits >> 4) as u8),
        3 => octets.extend_from_slice(&((bits >> 2) as u16).to_be_bytes()),
        _ => {}
    }
    any < 64 && rest.len() != 1
}

/// The opposite, in the ordinary alphabet and with padding: for whoever makes messages.
pub fn encode(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len().div_ceil(3) * 4);
    for group in octets.chunks(3) {
        let bits = (0..3)
            .fold(0_u32, |bits, at| bits << 8 | group.get(at).map_or(0, |octet| u32::from(*octet)));
        for at in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at > group.len() { '=' } else { digit.into() });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(text: &str) -> Option<Vec<u8>> {
        let mut octets = Vec::new();
        decode(text.as_bytes(), &mut octets).then_some(octets)
    }

    #[test]
    fn the_examples_of_the_standard_are_read() {
        for (text, expected) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(decoded(text).as_deref(), Some(expected.as_bytes()), "{text}");
        }
        assert_eq!(decoded("-_8="), decoded("+/8="));
        for text in ["Z", "Zm9vY", "Zm 9", "Zm9v\n", "====", "Z===", "{}"] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn octets_are_read_as_they_are_written(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(decoded(&encode(&octets)), Some(octets));
        }

        #[test]
        fn any_octets_are_read_or_rejected(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = decode(&octets, &mut Vec::new());
        }
    }
}
