//! What a device says of itself: records of options, and data records that name things or other devices.

use super::{OptionsRecord, Worker};
use crate::{
    device::{
        options,
        session::{Session, SessionKey},
        state::DeviceState,
        templates::KnownTemplate,
    },
    records::{decode, fields::fields},
    template::compile::Plan,
};

impl Worker<'_> {
    /// Learns the devices that data records name.
    pub(super) fn relayed(&self, device: &mut DeviceState, plan: &Plan, set: &[u8]) {
        let places = [plan.single.device_v4, plan.single.device_v6];
        if places == [None; 2] {
            return;
        }
        let mut anchors = Vec::new();
        let (rows, _) = decode::records_of(plan, set, &mut anchors);
        for row in 0..rows.len() {
            if let Some(address) = rows.address(places, row)
                && address != device.address
                && device.total_cost() < self.limits.device
            {
                device.cost += device.relayed.learn(address, self.profile);
            }
        }
    }

    /// Learns the names in data records beside the numbers that they name.
    pub(super) fn names(&self, device: &mut DeviceState, known: &KnownTemplate, set: &[u8]) {
        let mut anchors = Vec::new();
        let (rows, _) = decode::records_of(known.plan(), set, &mut anchors);
        for (start, end) in (0..rows.len()).map(|row| rows.bounds(row)) {
            if device.total_cost() >= self.limits.device {
                return;
            }
            let DeviceState { identity, names, cost, .. } = &mut *device;
            *cost += options::learn_names(&known.template, &set[start..end], identity, names);
        }
    }

    /// Learns what records of options say, and returns how many there are.
    pub(super) fn options(
        &mut self,
        device: &mut DeviceState,
        known: &KnownTemplate,
        key: &SessionKey,
        set: &[u8],
    ) -> usize {
        let mut anchors = Vec::new();
        let (mut rows, mut end) = decode::records_of(known.plan(), set, &mut anchors);
        decode::leave_padding(set, &mut rows, &mut end);
        decode::rest(known.plan(), &set[end..], &mut device.ledger);
        let domain = key.domain;
        if let Some(trace) = &mut self.trace {
            trace.records(known, set, Vec::new());
        }
        for row in 0..rows.len() {
            let (start, end) = rows.bounds(row);
            let record = &set[start..end];
            if device.total_cost() < self.limits.device
                && let Some(subjects) = device.subjects(key)
            {
                device.cost += options::learn(&known.template, record, domain, subjects);
            }
            if let Some(kept) = &mut self.kept {
                kept.push(OptionsRecord {
                    device: device.address,
                    domain,
                    template: known.template.id,
                    fields: fields(&known.template, record)
                        .map(|(specifier, value)| (*specifier, value.to_vec()))
                        .collect(),
                });
            }
        }
        device.streams.change(key, Session::account_shared);
        let count = rows.len();
        device.ledger.options += end as u64;
        device.ledger.data_records += count as u64;
        device.ledger.options_records += count as u64;
        count
    }
}
