//! What can be asked of a row, once names of fields have become columns.
//!
//! A [`Test`] is total: it holds or does not, a value cannot be absent. Where a field may be (TCP flags of a UDP flow),
//! lowering adds the test of its presence, and the rules of boolean algebra apply without exception.
//!
//! A test of a column of which whole batches tell nothing ([`Absence::Whole`](crate::flow::columns::Absence)) holds only where
//! the batch tells it. That is asked once per batch and test: a conjunction of presence and test would keep the sets of
//! `dstport == 80 || dstport == 443` apart. The rules by which sets of one subject become one hold of such tests as well.

use std::sync::Arc;

use crate::{
    flow::{
        columns::Column,
        device::AddressColumn,
        fields::{By, Quantity},
        profile::Side,
    },
    nql::{
        lists::{ListForm, NamedList},
        sets::{AddressSet, IntegerSet},
        typed::{Comparison, Predicate, Subject, Typed},
    },
};

/// What is the same in all rows of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// The flows are the host's own.
    Host,
    /// The flows are of a cloud's flow log.
    Cloud,
    /// The batch does not say that it tells nothing in the column.
    Told(Column),
    /// The column has rows. One without reads as 0.
    Filled(Column),
    /// A query that any row answers for all.
    Query(Box<Typed>),
}

/// One test of a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// The number lies in the set.
    Number(Quantity, IntegerSet),
    /// The number lies in the list as of now.
    ListedNumber(Quantity, Arc<NamedList>, ListForm),
    /// One of these TCP flags is set.
    Flags(u16),
    /// The address lies in the set.
    Address(Side, AddressSet),
    /// The address lies in the list as of now.
    ListedAddress(Side, Arc<NamedList>),
    /// The profile of the address fulfils a predicate.
    Profile(Side, Subject, Predicate),
    /// The labels of the port in the column fulfil a predicate, taken as a port of the protocol with this number.
    PortLabel(Column, u8, Predicate),
    /// The ports of both ends compare so, the source's on the left.
    Ports(Comparison),
    /// Both ends have the same address.
    SameAddress,
    /// The address in the column lies in the set; there may be none.
    OptionalAddress(AddressColumn, AddressSet),
    /// Decided by the batch alone.
    Batch(Shape),
    /// Decided by what the device tells about a number.
    Told(By, Box<Typed>),
    /// Anything else: decided row by row by the reference evaluator.
    Row(Box<Typed>),
}

impl Test {
    /// The columns without any of which it holds of no flow: those that it asks for and that a batch may not tell.
    pub fn untellable(&self) -> u128 {
        match self {
            Self::Number(Quantity::Column(column), _)
            | Self::ListedNumber(Quantity::Column(column), ..)
            | Self::PortLabel(column, ..) => column.untellable(),
            Self::Ports(_) => Column::PORTS,
            _ => 0,
        }
    }

    /// What it comes to, where that is the same for all rows.
    pub fn constant(&self) -> Option<bool> {
        match self {
            Self::Number(quantity, set) => match set.ranges() {
                [] => Some(false),
                _ if self.untellable() != 0 => None,
                [(0, high)] if *high >= quantity.maximum() => Some(true),
                _ => None,
            },
            Self::Address(_, set) | Self::OptionalAddress(_, set) => {
                set.is_empty().then_some(false)
            }
            _ => None,
        }
    }
}
