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
pub fn next<'a>(rest: &mut Octets<'a>, ledger: &mut Ledger) -> Option<Set<'a>> {
    loop {
        if rest.len() < HEADER || rest.0.iter().all(|octet| *octet == 0) {
            ledger.padding += rest.len() as u64;
            rest.0 = &[];
            return None;
        }
        // Some align sets, or fill the message up, with zeros that no length counts.
        if rest.0.starts_with(&[0; HEADER]) {
            ledger.padding += HEADER as u64;
            rest.0 = &rest.0[HEADER..];
            continue;
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
        return Some(Set { id, body });
    }
}
