//! What is asked of stored flows.

use std::sync::Arc;

use super::{
    archive::Wanted,
    group_by::GroupBy,
    groups::{Distinct, Grouping},
    rows::{Order, Place},
    sums::Metric,
};
use crate::{
    enrich::active::ActiveContext,
    flow::{columns::Column, fields::Needs, interfaces::Interfaces},
    nql::typed::Typed,
};

/// A question.
#[derive(Clone, Debug)]
pub struct Question {
    /// Which flows.
    pub query: Typed,
    /// Received from then on, milliseconds since the epoch.
    pub from: u64,
    /// Received before that.
    pub to: u64,
    /// What is said of them.
    pub said: Said,
}

/// What is said of the flows that a query selects.
#[derive(Clone, Debug)]
pub enum Said {
    /// They themselves.
    Rows(Page),
    /// Sums over groups of them; with no fields to group by, over all. Buckets of time are those of receipt.
    Groups(Grouping, Distinct),
    /// What several queries have in common.
    Common(Common),
}

/// Some of the rows, in an order.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Which come first.
    pub order: Order,
    /// How many, at most.
    pub most: usize,
    /// Only those behind this one, the last of the page before.
    pub after: Option<Place>,
    /// The columns that are read of them.
    pub needs: Needs,
    /// All that match are counted, although they need not be read to find the first.
    pub count_all: bool,
}

/// Queries, and what flows that fulfil them are to have in common (intersections).
#[derive(Clone, Debug)]
pub struct Common {
    /// The queries, [`MOST_QUERIES`] at most; [`Question::query`] holds for all of them.
    pub queries: Vec<Typed>,
    /// What they have in common.
    pub by: Vec<GroupBy>,
    /// Milliseconds within which they have it: buckets of time; none for the whole time.
    pub period: Option<u64>,
    /// What is summed up for each query.
    pub metrics: Vec<Metric>,
    /// Groups that are held for each query, at most.
    pub most_groups: usize,
}

/// Queries of an intersection, at most.
pub const MOST_QUERIES: usize = 5;

/// How a question is answered.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads, at least one.
    pub threads: usize,
    /// By which labels and other context of addresses.
    pub labels: Labels,
    /// Names of this host's interfaces.
    pub interfaces: Arc<Interfaces>,
}

/// Which context addresses have.
#[derive(Clone, Debug, Default)]
pub enum Labels {
    /// That of then, as it is stored with the records.
    #[default]
    Then,
    /// That of now: addresses are looked up anew.
    Now(Arc<ActiveContext>),
}

/// The columns that hang on the context.
const CONTEXT: u128 = Column::SourceProfile.bit() | Column::DestinationProfile.bit();

/// The columns by which a record's addresses are looked up.
const LOOKED_UP: Needs = Needs {
    columns: Column::ObservationPoint.bit()
        | Column::SourceLabels.bit()
        | Column::DestinationLabels.bit(),
    source: true,
    destination: true,
};

impl Labels {
    /// The context by which records are to be enriched that `needs` are read of; none where what is stored will do.
    pub(super) fn context(&self, needs: Needs) -> Option<&Arc<ActiveContext>> {
        match self {
            Self::Now(context) if needs.columns & (CONTEXT | Column::PORTS) != 0 => Some(context),
            _ => None,
        }
    }

    /// Whether addresses are looked up anew for `needs`.
    pub(super) fn looks_up(&self, needs: Needs) -> bool {
        matches!(self, Self::Now(_)) && needs.columns & CONTEXT != 0
    }

    /// What is read so that `needs` can be had.
    pub(super) fn stored(&self, needs: Needs) -> Needs {
        match self {
            Self::Now(_) if needs.columns & CONTEXT != 0 => {
                needs.without(Needs::columns(CONTEXT)).and(LOOKED_UP)
            }
            _ => needs,
        }
    }
}

impl Said {
    /// What is read of the rows that it is said of.
    pub(super) fn wanted(&self) -> Wanted {
        match self {
            Self::Rows(page) => Wanted { needs: page.needs, received: true, sequence: true },
            Self::Groups(grouping, distinct) => Wanted {
                needs: grouping.needs().and(distinct.needs()),
                received: grouping.period.is_some(),
                sequence: false,
            },
            Self::Common(common) => Wanted {
                needs: common.grouping().needs(),
                received: common.period.is_some(),
                sequence: false,
            },
        }
    }
}

impl Common {
    pub(super) fn grouping(&self) -> Grouping {
        Grouping {
            by: self.by.clone(),
            period: self.period,
            metrics: self.metrics.clone(),
            most_groups: self.most_groups,
        }
    }
}
