//! What files say of their records without these being read.

use std::net::IpAddr;

use sensor_core::{
    flow::{columns::Column, profile::Side},
    hunt::bounds::Bounds,
};

use crate::{
    cells::{Groups, Told},
    journal::reader::Journal,
    layout::{Form, Item, mark},
    segment::reader::Segment,
};

/// Of a row group of a file.
pub struct OfSegment<'s> {
    /// The file.
    pub segment: &'s Segment,
    /// Which group.
    pub group: usize,
}

/// Of a group of a journal, which has no statistics.
pub struct OfJournal<'j> {
    /// The journal.
    pub journal: &'j Journal,
    /// Which group.
    pub group: usize,
}

fn item(side: Side) -> Item {
    match side {
        Side::Source => Item::Source,
        Side::Destination => Item::Destination,
    }
}

/// Whether each row of a group tells a column.
fn all_tell(groups: &impl Groups, group: usize, column: Column) -> bool {
    // The store knows of each record when it was received; sources do not.
    let is_told = column != Column::Received || groups.groups()[group].whole & column.bit() != 0;
    is_told && groups.told(group, Item::of(column)) == Told::Everywhere
}

impl Bounds for OfSegment<'_> {
    fn numbers(&self, column: Column) -> Option<(u64, u64)> {
        let (item, group) = (Item::of(column), &self.segment.groups()[self.group]);
        // Others are no numbers, or number this file's documents.
        if !matches!(item.form(), Form::Number(_) | Form::Time) {
            return None;
        }
        let (least, most) = self.segment.range(self.group, item)?;
        let (least, most) = (u64::try_from(least).ok()?, u64::try_from(most).ok()?);
        match self.segment.told(self.group, item) {
            Told::Everywhere if all_tell(self.segment, self.group, column) => Some((least, most)),
            // What stands in the other rows of a batch.
            Told::Partly => {
                let mark = mark(column, group.source)?;
                Some((least.min(mark), most.max(mark)))
            }
            Told::Nowhere | Told::Everywhere => None,
        }
    }

    fn all_tell(&self, column: Column) -> bool {
        all_tell(self.segment, self.group, column)
    }

    fn addresses(&self, side: Side) -> Option<(IpAddr, IpAddr)> {
        let (least, most) = self.segment.range(self.group, item(side))?;
        let address = |number: u128| match self.segment.groups()[self.group].v6 {
            true => IpAddr::V6(number.into()),
            false => IpAddr::V4((number as u32).into()),
        };
        Some((address(least), address(most)))
    }

    fn may_have(&self, side: Side, address: IpAddr) -> bool {
        let address = match address {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        // A filter that cannot be read leaves nothing out.
        match self.segment.filter(self.group, item(side)) {
            Ok(Some(filter)) => filter.may_have(address.into()),
            Ok(None) | Err(_) => true,
        }
    }
}

impl Bounds for OfJournal<'_> {
    fn numbers(&self, _column: Column) -> Option<(u64, u64)> {
        None
    }

    fn all_tell(&self, column: Column) -> bool {
        all_tell(self.journal, self.group, column)
    }

    fn addresses(&self, _side: Side) -> Option<(IpAddr, IpAddr)> {
        None
    }

    fn may_have(&self, _side: Side, _address: IpAddr) -> bool {
        true
    }
}
