//! The part of an answer that one thread has.

use super::{common, groups::Groups, question::Said, rows::Rows, run::Answer};

/// What was found so far.
pub(super) enum Part {
    Rows(Rows),
    Groups(Box<Groups>),
    /// For each query.
    Common(Vec<Groups>),
}

impl Part {
    pub(super) fn of(said: &Said) -> Self {
        match said {
            Said::Rows(page) => Self::Rows(Rows::new(page.order, page.most, page.after)),
            Said::Groups(grouping, distinct) => {
                Self::Groups(Box::new(Groups::counting(grouping, distinct)))
            }
            Said::Common(common) => {
                let grouping = common.grouping();
                Self::Common(common.queries.iter().map(|_| Groups::new(&grouping)).collect())
            }
        }
    }

    /// Adds what another thread has found.
    pub(super) fn merge(&mut self, other: Self) {
        match (self, other) {
            (Self::Rows(own), Self::Rows(other)) => own.merge(other),
            (Self::Groups(own), Self::Groups(other)) => own.merge(&other),
            (Self::Common(own), Self::Common(others)) => {
                own.iter_mut().zip(&others).for_each(|(own, other)| own.merge(other));
            }
            _ => debug_assert!(false, "parts of different answers"),
        }
    }

    pub(super) fn into_answer(self) -> Answer {
        match self {
            Self::Rows(rows) => Answer::Rows(rows),
            Self::Groups(groups) => Answer::Groups(groups),
            Self::Common(queries) => Answer::Common(common::shared(queries)),
        }
    }
}
