//! Which pieces of an archive are read for a question, and why others are not.

use std::net::IpAddr;

use super::{
    archive::Piece,
    bounds::{Bounds, Verdict, judge},
    question::{Question, Said},
};
use crate::{
    flow::{columns::Column, profile::Side},
    nql::typed::Typed,
};

/// What becomes of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is not read: its records were received at another time.
    Time,
    /// It is not read: between the least and the greatest values of its columns there is no match.
    Statistics,
    /// It is not read: its filters say that it has none of the addresses.
    Filter,
    /// It is read, and its rows are judged.
    Read,
    /// What is needed of it is read; all rows match, as its bounds say.
    ReadUnasked,
}

/// The queries of a question.
pub(super) struct Asked {
    /// Each with what holds for all of them.
    pub queries: Vec<Typed>,
    /// Fulfilled where one of them is.
    pub any: Typed,
    from: u64,
    to: u64,
}

impl Asked {
    pub(super) fn of(question: &Question) -> Self {
        let query = &question.query;
        let queries = match &question.said {
            Said::Rows(_) | Said::Groups(..) => vec![query.clone()],
            Said::Common(common) if *query == Typed::Constant(true) => common.queries.clone(),
            Said::Common(common) => {
                let both = |own: &Typed| Typed::And(vec![query.clone(), own.clone()]);
                common.queries.iter().map(both).collect()
            }
        };
        let any = Typed::any(queries.clone());
        Self { queries, any, from: question.from, to: question.to }
    }

    /// Whether some of the records of that time, the first and the last of which are given, were received at the right one.
    pub(super) fn may_be_in_time(&self, (first, last): (u64, u64)) -> bool {
        self.from <= last && first < self.to
    }

    /// Whether all were.
    pub(super) fn is_in_time(&self, received: Option<(u64, u64)>) -> bool {
        match received {
            Some((first, last)) => self.from <= first && last < self.to,
            None => self.from == 0 && self.to == u64::MAX,
        }
    }

    /// Whether a record received then was received at the right time.
    pub(super) fn has(&self, received: u64) -> bool {
        self.from <= received && received < self.to
    }

    /// What becomes of a piece.
    pub(super) fn fate(&self, piece: &Piece, bounds: &dyn Bounds) -> Fate {
        if piece.rows == 0 || piece.received.is_some_and(|times| !self.may_be_in_time(times)) {
            return Fate::Time;
        }
        match judge(&self.any, &WithoutFilters(bounds)) {
            Verdict::None => Fate::Statistics,
            Verdict::All if self.queries.len() == 1 => Fate::ReadUnasked,
            Verdict::Some | Verdict::All => match judge(&self.any, bounds) {
                Verdict::None => Fate::Filter,
                Verdict::Some | Verdict::All => Fate::Read,
            },
        }
    }
}

/// Bounds without the filters: these are read only where nothing else decides.
struct WithoutFilters<'b>(&'b dyn Bounds);

impl Bounds for WithoutFilters<'_> {
    fn numbers(&self, column: Column) -> Option<(u64, u64)> {
        self.0.numbers(column)
    }

    fn all_tell(&self, column: Column) -> bool {
        self.0.all_tell(column)
    }

    fn addresses(&self, side: Side) -> Option<(IpAddr, IpAddr)> {
        self.0.addresses(side)
    }

    fn may_have(&self, _side: Side, _address: IpAddr) -> bool {
        true
    }
}
