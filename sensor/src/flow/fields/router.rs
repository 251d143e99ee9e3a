//! How the fields that only routers tell are read from a row: absent where the batch has no such column.

use super::{Row, Value};
use crate::flow::{
    batch::Source,
    router::{Action, AddressColumn, Exporter},
};

impl<'a> Row<'a> {
    /// The device that exported the flow; none for the host's own flows.
    pub fn exporter(&self) -> Option<&'a Exporter> {
        self.batch.router.exporter_of(self.row)
    }

    pub(super) fn sample_rate(&self) -> Value<'a> {
        let rate = self.batch.sample_rate(self.row);
        rate.map_or(Value::Absent, |rate| Value::Integer(rate.into()))
    }

    pub(super) fn scaled(&self, amount: u64) -> Value<'a> {
        Value::Integer(self.batch.scaled(self.row, amount))
    }

    /// The number in a column that may have no rows.
    pub(super) fn optional<T: Copy + Into<u64>>(&self, column: &[T]) -> Value<'a> {
        column.get(self.row).map_or(Value::Absent, |number| Value::Integer((*number).into()))
    }

    /// The number in a column of which the host always knows what is in it; of routers' as [`Row::told`].
    pub(super) fn known<T: Copy + Into<u64>>(&self, column: &[T]) -> Value<'a> {
        match self.batch.observed_by {
            Source::Host => self.optional(column),
            Source::NetFlow | Source::Sflow => self.told(column),
        }
    }

    /// The number in a column that may have no rows, where 0 says that nobody told.
    pub(super) fn told<T: Copy + Into<u64>>(&self, column: &[T]) -> Value<'a> {
        match self.optional(column) {
            Value::Integer(0) => Value::Absent,
            value => value,
        }
    }

    pub(super) fn mac(&self, column: &[[u8; 6]]) -> Value<'a> {
        column.get(self.row).map_or(Value::Absent, |mac| Value::Mac(*mac))
    }

    pub(super) fn received(&self) -> Value<'a> {
        match self.batch.router.received.get(self.row) {
            Some(milliseconds) => Value::Integer(milliseconds / 1000),
            None => Value::Absent,
        }
    }

    pub(super) fn address(&self, column: AddressColumn) -> Value<'a> {
        self.batch.router.address(column, self.row).map_or(Value::Absent, Value::Ip)
    }

    pub(super) fn action(&self) -> Value<'a> {
        let action = self.batch.router.action.get(self.row).copied().and_then(Action::from_number);
        Value::text(action.map(Action::name))
    }

    pub(super) fn application(&self) -> Value<'a> {
        let number = self.batch.router.application.get(self.row).copied().unwrap_or(0);
        let name = self.exporter().and_then(|exporter| exporter.applications.get(&number));
        Value::text(name.map(String::as_str))
    }

    pub(super) fn tags(&self) -> Value<'a> {
        let number = self.batch.tags.get(self.row).copied().unwrap_or(0);
        let tags = match self.batch.tag_sets.get(number) {
            [] => self.exporter().map_or(&[][..], |exporter| &exporter.tags),
            tags => tags,
        };
        if tags.is_empty() { Value::Absent } else { Value::Texts(tags) }
    }

    pub(super) fn vrf(&self, column: &[u32]) -> Value<'a> {
        let name = column
            .get(self.row)
            .and_then(|number| self.exporter().and_then(|exporter| exporter.vrfs.get(number)));
        Value::text(name.map(String::as_str))
    }
}
