//! MAC addresses as numbers, and as they stand at the head of a frame.

/// The highest number of a MAC address.
pub const HIGHEST: u64 = (1 << 48) - 1;

/// A MAC address as a number of 48 bits.
pub fn number([a, b, c, d, e, f]: [u8; 6]) -> u64 {
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

/// The MAC address with this number.
pub fn octets(number: u64) -> [u8; 6] {
    let [_, _, a, b, c, d, e, f] = number.to_be_bytes();
    [a, b, c, d, e, f]
}

/// Destination and source from the first twelve octets of an Ethernet frame, as the packet parser keeps them.
pub fn of_frame(words: [u32; 3]) -> ([u8; 6], [u8; 6]) {
    let [a, b, c] = words.map(u32::to_ne_bytes);
    ([a[0], a[1], a[2], a[3], b[0], b[1]], [b[2], b[3], c[0], c[1], c[2], c[3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_octets() {
        let address = [0, 0x1b, 0x21, 0xab, 0xcd, 0xef];
        assert_eq!(number(address), 0x1b_21ab_cdef);
        assert_eq!(octets(number(address)), address);
        assert_eq!(number([0xff; 6]), HIGHEST);
    }

    #[test]
    fn a_frame_names_its_destination_first() {
        let frame: [u8; 12] = std::array::from_fn(|at| at as u8);
        let words = [0, 4, 8]
            .map(|at| u32::from_ne_bytes([frame[at], frame[at + 1], frame[at + 2], frame[at + 3]]));
        assert_eq!(of_frame(words), ([0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]));
    }
}
