//! What a question is answered with.

use super::{LimitReached, common::Shared, groups::Groups, rows::Rows};

/// What was asked for.
pub enum Answer {
    /// The rows, in order.
    Rows(Rows),
    /// The groups. [`Groups::check`] says whether these are all.
    Groups(Box<Groups>),
    /// What the queries have in common, by time and by values.
    Common(Result<Vec<Shared>, LimitReached>),
}
