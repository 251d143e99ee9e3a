//! TCP flags of a flow: those of all its packets, OR-ed, and beside them SYN and ACK of its first packet, which say who opened
//! the connection. OR-ed flags do not: client and server both send SYN and ACK in the course of it.
//!
//! The program that makes a slot writes both with one store, and the packets that follow OR theirs to it as ever.

/// No more data from the sender.
pub const FIN: u16 = 0x01;
/// Synchronize sequence numbers: the first segment of either side.
pub const SYN: u16 = 0x02;
/// Reset the connection.
pub const RST: u16 = 0x04;
/// Hand the data to the program at once.
pub const PSH: u16 = 0x08;
/// The acknowledgement field is significant.
pub const ACK: u16 = 0x10;
/// The urgent pointer is significant.
pub const URG: u16 = 0x20;
/// ECN: congestion was met (RFC 3168).
pub const ECE: u16 = 0x40;
/// ECN: the congestion window was reduced.
pub const CWR: u16 = 0x80;

/// The flags of a TCP header.
const ALL: u16 = 0x1ff;
/// How far the first packet's SYN and ACK are moved up.
const FIRST: u32 = 8;

/// What a flow holds whose first packet has `flags`.
#[inline(always)]
pub const fn of_first(flags: u16) -> u16 {
    flags | (flags & (SYN | ACK)) << FIRST
}

/// The flags of all packets.
#[inline(always)]
pub const fn all(held: u16) -> u16 {
    held & ALL
}

/// SYN and ACK of the first packet.
#[inline(always)]
pub const fn first(held: u16) -> u16 {
    held >> FIRST & (SYN | ACK)
}

/// What a flow holds after two parts of it: `earlier` has its first packet.
#[inline(always)]
pub const fn joined(earlier: u16, later: u16) -> u16 {
    earlier | all(later)
}

/// As [`joined`], of parts that began within one tick of the clock: nothing comes before a SYN without ACK, and nothing but
/// that before a SYN with ACK.
pub fn joined_at_once(one: u16, other: u16) -> u16 {
    let opens = |held| first(held) == SYN;
    let answers = |held| first(held) == SYN | ACK;
    if opens(other) || !opens(one) && answers(other) {
        joined(other, one)
    } else {
        joined(one, other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_the_first_packet_outlive_those_of_the_others() {
        for flags in 0..=ALL {
            let held = of_first(flags) | 0x1ff;
            assert_eq!((all(held), first(held)), (0x1ff, flags & (SYN | ACK)));
        }
    }

    #[test]
    fn of_two_parts_the_earlier_tells_the_first_packet() {
        let (opening, answer, data) = (of_first(SYN), of_first(SYN | ACK), of_first(ACK));
        assert_eq!(first(joined(data, opening)), ACK);
        assert_eq!(all(joined(data, opening)), SYN | ACK);
        for (one, other, expected) in [
            (opening, data, SYN),
            (opening, answer, SYN),
            (answer, data, SYN | ACK),
            (data, data, ACK),
        ] {
            assert_eq!(first(joined_at_once(one, other)), expected);
            assert_eq!(first(joined_at_once(other, one)), expected);
            assert_eq!(all(joined_at_once(one, other)), all(one | other));
        }
    }
}
