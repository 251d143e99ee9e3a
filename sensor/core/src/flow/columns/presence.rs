//! Which rows of a column tell something: the one place that knows how a batch says that nobody told.
//!
//! Producers write what the table of columns says into rows of which they know nothing, or leave a whole column without
//! rows. Whoever reads asks here, or tests for what [`Column::absence`] says.

use super::{Absence, Column, FlowBatch, Reader};
use crate::flow::source::Source;

/// Which rows of a batch tell something in a column.
#[derive(Clone, Copy)]
pub enum Presence<'a> {
    /// All of them.
    All,
    /// None of them.
    None,
    /// Those in which some number does not stand.
    Rows(ToldRows<'a>),
}

/// The rows of a column in which the number does not stand that says "not told".
#[derive(Clone, Copy)]
pub struct ToldRows<'a> {
    batch: &'a FlowBatch,
    column: Column,
    untold: u64,
}

impl FlowBatch {
    /// Which rows tell something in `column`.
    #[inline(always)]
    pub fn presence(&self, column: Column) -> Presence<'_> {
        let rows = |untold| Presence::Rows(ToldRows { batch: self, column, untold });
        match column.absence() {
            Absence::Never => Presence::All,
            Absence::Mark(mark) => rows(mark),
            Absence::Whole if self.untold & column.bit() != 0 => Presence::None,
            Absence::Whole => Presence::All,
            Absence::Batch | Absence::Zero if !column.is_filled(self) => Presence::None,
            Absence::Zero if self.observed_by != Source::Host => rows(0),
            Absence::Batch | Absence::Zero => Presence::All,
        }
    }

    /// Whether `row` tells something in `column`.
    #[inline(always)]
    pub fn tells(&self, column: Column, row: usize) -> bool {
        self.presence(column).at(row)
    }
}

impl Presence<'_> {
    /// Whether `row` tells something.
    #[inline(always)]
    pub fn at(&self, row: usize) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Rows(rows) => rows.at(row),
        }
    }

    /// Whether any row tells something.
    pub fn any(&self) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Rows(rows) => rows.any(),
        }
    }

    /// Whether all rows tell something.
    pub fn all(&self) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Rows(rows) => rows.all(),
        }
    }
}

/// Rows that are looked at together: to stop at the first that differs takes longer than to look at a few more.
const STEP: usize = 64;

impl ToldRows<'_> {
    #[inline(always)]
    fn at(&self, row: usize) -> bool {
        match self.column.reader() {
            Reader::U128(rows) => {
                rows(self.batch).get(row).is_some_and(|number| *number != self.untold.into())
            }
            Reader::Lists(lists) => !lists(self.batch).get(row).is_empty(),
            _ => self.column.number(self.batch, row) != self.untold,
        }
    }

    fn any(&self) -> bool {
        self.has(true)
    }

    fn all(&self) -> bool {
        !self.has(false)
    }

    /// Whether there is a row that tells something, or one that does not.
    fn has(&self, telling: bool) -> bool {
        fn has<T: Copy + PartialEq + TryFrom<u64>>(rows: &[T], untold: u64, telling: bool) -> bool {
            let Ok(untold) = T::try_from(untold) else { return telling && !rows.is_empty() };
            let is_one = |number: &T| (*number != untold) == telling;
            rows.chunks(STEP).any(|rows| rows.iter().fold(false, |any, row| any | is_one(row)))
        }
        let Self { batch, untold, .. } = *self;
        match self.column.reader() {
            Reader::U8(rows) => has(rows(batch), untold, telling),
            Reader::U16(rows) => has(rows(batch), untold, telling),
            Reader::U32(rows) => has(rows(batch), untold, telling),
            Reader::U64(rows) => has(rows(batch), untold, telling),
            Reader::U128(rows) => has(rows(batch), untold, telling),
            Reader::Mac(_) | Reader::Lists(_) => {
                (0..batch.len()).any(|row| self.at(row) == telling)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{
        batch::{DIRECTION_UNTOLD, TCP_FLAGS_UNTOLD},
        testing::{flow, push},
    };

    /// Two flows of a router: what it tells of the first it does not tell of the second.
    fn batch(observed_by: Source) -> FlowBatch {
        let mut batch = flow(1, 1000, 2000, 10);
        push(&mut batch, 2, 3000, 4000, 20);
        batch.observed_by = observed_by;
        batch.ttl_min = vec![9, 0];
        batch.tcp_flags = vec![0, TCP_FLAGS_UNTOLD];
        batch.direction = vec![0, DIRECTION_UNTOLD];
        batch.next_hop_v6 = vec![1 << 64, 0];
        batch.source_as = vec![0, 0];
        batch.nat_source_port = vec![0, 0];
        batch.ttl_max.clear();
        batch.as_path.put(0, [64_500].into_iter());
        batch
    }

    #[test]
    fn rows_are_told_one_by_one() {
        let batch = batch(Source::NetFlow);
        for (column, told) in [
            (Column::TtlMin, [true, false]),
            (Column::TtlMax, [false, false]),
            (Column::TcpFlags, [true, false]),
            (Column::Direction, [true, false]),
            (Column::NextHopV6, [true, false]),
            (Column::NatSourcePort, [false, false]),
            (Column::SourceAs, [true, true]),
            (Column::SourcePort, [true, true]),
        ] {
            assert_eq!([0, 1].map(|row| batch.tells(column, row)), told, "{column:?}");
            assert_eq!(batch.presence(column).any(), told != [false; 2], "{column:?}");
            assert_eq!(batch.presence(column).all(), told == [true; 2], "{column:?}");
        }
    }

    #[test]
    fn the_host_s_zeros_are_values() {
        let batch = batch(Source::Host);
        assert!(batch.tells(Column::TtlMin, 1));
        assert!(matches!(batch.presence(Column::TtlMin), Presence::All));
        assert!(matches!(batch.presence(Column::TtlMax), Presence::None));
    }

    #[test]
    fn what_says_that_nobody_told_fits_in_the_column() {
        for column in Column::ALL {
            if let Absence::Mark(mark) = column.absence() {
                assert!(mark <= column.maximum(), "{column:?}");
                assert!(mark == 0 || column.is_required(), "{column:?}");
            }
        }
    }
}
