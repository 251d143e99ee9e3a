//! The sets of a NetFlow 9 or IPFIX message, with every octet in the ledger.

use super::{
    ledger::{Ledger, Skipped},
    octets::Octets,
};

/// A set, without its header of [`HEADER`] octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set<'a> {
    /// Set identifier.
    pub id: u16,
    /// What follows the header.
    pub body: &'a [u8],
}

/// Octets of a set's header.
pub const HEADER: usize = 4;

/// Takes the next set from `rest`, the rest of a message. Padding and what is no set goes to the ledger; none when nothing
/// more can be told apart.
///
/// Work is in proportion to what is taken.
pub fn next<'a>(rest: &mut Octets<'a>, ledger: &mut Ledger) -> Option<Set<'a>> {
    // Some align sets, or fill the message up, with zeros that no length counts. A set may begin with one: its identifier
    // is 0 (templates of NetFlow 9) or below 256.
    let zeros = rest.0.iter().take_while(|octet| **octet == 0).count();
    let padding = if zeros == rest.len() { zeros } else { zeros - zeros % HEADER };
    ledger.padding += padding as u64;
    rest.take(padding)?;
    if rest.len() < HEADER {
        ledger.padding += rest.len() as u64;
        rest.0 = &[];
        return None;
    }
    let all = rest.0;
    let (Some(id), Some(length)) = (rest.u16(), rest.u16()) else { return None };
    let Some(length) = usize::from(length).checked_sub(HEADER) else {
        ledger.skip(Skipped::SetTooShort, all.len());
        rest.0 = &[];
        return None;
    };
    let body = match rest.take(length) {
        Some(body) => {
            ledger.headers += HEADER as u64;
            body
        }
        // Cut off, or the length lies: the records that are whole are read, and the header counts as what is wrong.
        None => {
            ledger.skip(Skipped::SetOverrun, HEADER);
            std::mem::take(&mut rest.0)
        }
    };
    Some(Set { id, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sets of a message, and the octets of padding between them.
    fn sets(octets: &[u8]) -> (Vec<(u16, usize)>, Ledger) {
        let (mut rest, mut ledger) = (Octets(octets), Ledger::default());
        let found = std::iter::from_fn(|| next(&mut rest, &mut ledger));
        (found.map(|set| (set.id, set.body.len())).collect(), ledger)
    }

    #[test]
    fn zeros_between_sets_are_padding() {
        for (zeros, padding) in [(0, 0), (4, 4), (8, 8), (4000, 4000)] {
            let octets = [&[1, 0, 0, 5, 7][..], &vec![0; zeros], &[0, 3, 0, 4]].concat();
            let (found, ledger) = sets(&octets);
            assert_eq!(found, [(256, 1), (3, 0)], "{zeros} zeros");
            assert_eq!((ledger.padding, ledger.skipped.total()), (padding, 0));
        }
    }

    #[test]
    fn zeros_at_the_end_are_padding_in_whatever_number() {
        for zeros in 0..12 {
            let (found, ledger) = sets(&[&[1, 0, 0, 4][..], &vec![0; zeros]].concat());
            assert_eq!((found.as_slice(), ledger.padding), (&[(256, 0)][..], zeros as u64));
        }
        let (found, ledger) = sets(&[0, 0, 0, 0, 1, 2]);
        assert_eq!((found.as_slice(), ledger.padding), (&[][..], 6), "too few for a set");
    }

    #[test]
    fn a_set_of_number_0_is_no_padding() {
        let (found, ledger) = sets(&[0, 0, 0, 0, 0, 0, 0, 5, 9]);
        assert_eq!((found.as_slice(), ledger.padding), (&[(0, 1)][..], 4));
    }
}
