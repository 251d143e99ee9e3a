//! What takes lots away.

use std::future::Future;

use super::lot::Lot;

/// The way of lots to a server or a broker.
pub trait Carrier: Send + 'static {
    /// Hands over a lot, and comes back when the other end has said that it has it. The same lot may come again, with the same token.
    fn deliver(&mut self, lot: &Lot) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Why a lot was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It may be later: the other end is down, overloaded, lacks what rows go into, or does not know us.
    Later(String),
    /// It never will be.
    Refused(String),
}
