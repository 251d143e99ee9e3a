//! IPFIX messages in a stream of octets (RFC 7011 section 10.4): each begins with its version and its length.

/// Octets of a message's header.
const HEADER: usize = 16;

/// What lies at the front of received octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// A message of so many octets.
    Message(usize),
    /// The beginning of one; more must come.
    Part,
    /// No IPFIX.
    Foreign,
}

/// Looks at the front of `octets`.
pub fn front(octets: &[u8]) -> Front {
    let &[version_high, version_low, length_high, length_low, ..] = octets else {
        let start = &[0, 10][..octets.len().min(2)];
        return if octets.starts_with(start) { Front::Part } else { Front::Foreign };
    };
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    match u16::from_be_bytes([version_high, version_low]) {
        10 if length < HEADER => Front::Foreign,
        10 if octets.len() < length => Front::Part,
        10 => Front::Message(length),
        _ => Front::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_parts_and_others() {
        let mut message = vec![0, 10, 0, 20];
        message.resize(20, 0);
        for end in 0..20 {
            assert_eq!(front(&message[..end]), Front::Part, "{end}");
        }
        assert_eq!(front(&message), Front::Message(20));
        message.push(0);
        assert_eq!(front(&message), Front::Message(20));
        for foreign in [&b"GET / HTTP/1.1"[..], &[0, 9, 0, 20], &[0, 10, 0, 15], &[1], &[0, 11]] {
            assert_eq!(front(foreign), Front::Foreign);
        }
    }
}
