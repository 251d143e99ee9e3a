//! Datagrams of sFlow.

use sensor_core::flow::interfaces::Interface;

use super::{Arrival, Worker, fixed::Units};
use crate::{
    batches::Batches,
    device::{
        names::{Name, text},
        session::{SFLOW, SessionKey},
        state::{DeviceState, Parts},
        succession::Sign,
    },
    ledger::{Ledger, Skipped},
    octets::Octets,
    records::{append::MessageScope, fill::Times},
    sflow::{
        counters::{InterfaceCounters, Reading},
        datagram::{self, Counters, Header},
    },
};

/// Interfaces whose counters are kept for a device.
const MOST_INTERFACES: usize = 16_384;
/// Octets of memory that an interface's counters take, about: their place in a table that is half full.
const INTERFACE_COST: usize = 2 * size_of::<(u32, InterfaceCounters)>() + 32;

impl Worker<'_> {
    pub(super) fn sampled(
        &mut self,
        device: &mut DeviceState,
        arrival: Arrival,
        rest: &mut Octets<'_>,
        batches: &mut Batches,
    ) {
        let all = rest.len();
        let Some(header) = Header::take(rest) else {
            device.ledger.skip(Skipped::HeaderTruncated, all);
            rest.0 = &[];
            return;
        };
        let mut ledger = Ledger { headers: (all - rest.len()) as u64, ..Ledger::default() };
        // The agent numbers its datagrams, whichever way they come.
        let key = SessionKey { version: SFLOW, port: 0, domain: header.domain };
        let uptime = Some(header.uptime);
        let sign = Sign { at: arrival.now, number: header.sequence, uptime };
        device.hear(&key, sign, None);
        let mut keeper = Keeper { device, key, arrival, limit: self.limits.device };
        let count = header.samples;
        let inner = self.scratch.inner_headers;
        datagram::samples(rest, count, inner, self.packets, &mut keeper, &mut ledger);
        device.renew_names(arrival.now);
        let Parts { identity, relayed, rates, ledger: all, .. } = device.parts(&key, None);
        let context = MessageScope {
            version: 5,
            received: arrival.now,
            // Its datagrams tell no time.
            skew: 0,
            times: Times { export: arrival.now, uptime: None },
            boot: None,
            device: identity,
            relayed,
            rates,
            shared: (None, &*self.tables),
        };
        self.packets.append(&context, &mut batches.sflow, &mut ledger);
        *all += ledger;
        let units = Units { records: Some(1), most: 1 };
        self.counted(device, key, arrival, sign, units, ledger.flow_rows as u32);
    }
}

/// Keeps what samples tell besides packets.
struct Keeper<'a> {
    device: &'a mut DeviceState,
    key: SessionKey,
    arrival: Arrival,
    limit: usize,
}

impl Counters for Keeper<'_> {
    fn interface(&mut self, index: u32, reading: Reading) {
        let device = &mut *self.device;
        let known = device.interfaces.contains_key(&index);
        if !known {
            let full = device.interfaces.len() >= MOST_INTERFACES
                || device.total_cost() + INTERFACE_COST > self.limit
                || !self.arrival.may_grow;
            if full {
                return;
            }
            device.cost += INTERFACE_COST;
        }
        device.interfaces.entry(index).or_default().update(reading, self.arrival.now);
    }

    fn name(&mut self, index: u32, name: &[u8]) {
        if self.device.total_cost() < self.limit && self.arrival.may_grow {
            let DeviceState { identity, names, cost, .. } = &mut *self.device;
            let interface = Interface { name: text(name), alias: String::new() };
            *cost += names.put(Name::Interface(index, interface), identity);
        }
    }

    fn sample(&mut self, source: u32, sequence: u32) {
        self.device.streams.sample(&self.key, source, sequence);
    }
}
