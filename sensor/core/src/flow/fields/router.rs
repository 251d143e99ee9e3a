//! How the fields that only routers tell are read from a row: absent where the batch has no such column.

use super::{Row, Value};
use crate::flow::device::Device;

impl<'a> Row<'a> {
    /// The device that exported the flow; none for the host's own flows.
    pub fn device(&self) -> Option<&'a Device> {
        self.batch.device_of(self.row)
    }

    pub(super) fn application(&self) -> Value<'a> {
        let number = self.batch.application.get(self.row).copied().unwrap_or(0);
        let name = self.device().and_then(|device| device.applications.get(&number));
        Value::text(name.map(String::as_str))
    }

    pub(super) fn tags(&self) -> Value<'a> {
        let number = self.batch.tags.get(self.row).copied().unwrap_or(0);
        let tags = match self.batch.tag_sets.get(number) {
            [] => self.device().map_or(&[][..], |device| &device.tags),
            tags => tags,
        };
        if tags.is_empty() { Value::Absent } else { Value::Texts(tags) }
    }

    pub(super) fn vrf(&self, column: &[u32]) -> Value<'a> {
        let name = column
            .get(self.row)
            .and_then(|number| self.device().and_then(|device| device.vrfs.get(number)));
        Value::text(name.map(String::as_str))
    }
}
