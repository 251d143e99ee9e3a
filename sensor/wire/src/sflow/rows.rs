//! Sampled packets into the columns of a batch: each is a flow of one packet.

use sensor_common::packet::Headers;
use sensor_core::flow::{
    batch::{DIRECTION_UNTOLD, FlowBatch},
    columns::Lists,
    device::Action,
};

use super::packet::{Packet, Sample};
use crate::{
    batches::Pair,
    ledger::{Ledger, Skipped},
    records::{
        append::{MessageScope, count, finish},
        fill::begin_with,
        sample,
    },
};

/// The sampled packets of a datagram, by address family, until they become rows together.
#[derive(Debug, Default)]
pub struct Packets {
    v4: Family,
    v6: Family,
    /// AS paths and communities of all of them.
    pub lists: Vec<u32>,
}

#[derive(Debug, Default)]
struct Family {
    headers: Vec<Headers>,
    packets: Vec<Packet>,
}

impl Packets {
    /// Takes a packet whose records have been read.
    ///
    /// # Errors
    /// Why it has no headers.
    pub fn put(&mut self, sample: &mut Sample) -> Result<(), Skipped> {
        let headers = sample.headers()?;
        let family = if headers.v6 { &mut self.v6 } else { &mut self.v4 };
        family.headers.push(*headers);
        family.packets.push(sample.packet);
        Ok(())
    }

    /// Appends them all to `batches`, and leaves none.
    pub fn append(&mut self, context: &MessageScope<'_>, batches: &mut Pair, ledger: &mut Ledger) {
        for (family, open) in [(&mut self.v4, &mut batches.v4), (&mut self.v6, &mut batches.v6)] {
            if !family.packets.is_empty() {
                append(family, &self.lists, context, open.of(0), ledger);
                family.headers.clear();
                family.packets.clear();
            }
        }
        self.lists.clear();
    }
}

fn append(
    family: &Family,
    lists: &[u32],
    context: &MessageScope<'_>,
    batch: &mut FlowBatch,
    ledger: &mut Ledger,
) {
    let (base, packets) = (batch.len(), &family.packets);
    let end = base + packets.len();
    begin_with(&mut batch.octets, base, 0);
    batch.octets.extend(packets.iter().map(|packet| u64::from(packet.length)));
    optional(&mut batch.layer2_octets, base, packets, |packet| packet.length.into());
    begin_with(&mut batch.interface, base, 0);
    batch.interface.extend(packets.iter().map(|packet| packet.input));
    begin_with(&mut batch.direction, base, DIRECTION_UNTOLD);
    batch.direction.extend(packets.iter().map(|packet| packet.direction));
    begin_with(&mut batch.vlan, base, 0);
    batch.vlan.extend(packets.iter().zip(&family.headers).map(|(packet, headers)| {
        packet.source_vlan.filter(|vlan| *vlan != 0).unwrap_or(headers.vlan)
    }));
    batch.start.resize(end, context.received);
    batch.end.resize(end, context.received);
    sample::extend(batch, base, &family.headers, true);
    let configured = context.rates.configured;
    batch.sample_rate.extend(packets.iter().map(|packet| configured.unwrap_or(packet.rate)));
    optional(&mut batch.output_interface, base, packets, |packet| packet.output);
    optional(&mut batch.destination_vlan, base, packets, |packet| packet.destination_vlan);
    optional(&mut batch.next_hop_v4, base, packets, |packet| packet.next_hop_v4);
    optional(&mut batch.next_hop_v6, base, packets, |packet| packet.next_hop_v6);
    optional(&mut batch.source_as, base, packets, |packet| packet.source_as);
    optional(&mut batch.destination_as, base, packets, |packet| packet.destination_as);
    optional(&mut batch.action, base, packets, |packet| {
        if packet.rejected { Action::Rejected as u8 } else { 0 }
    });
    put_lists(&mut batch.as_path, base, packets, lists, |packet| packet.as_path);
    put_lists(&mut batch.communities, base, packets, lists, |packet| packet.communities);
    finish(batch, base, end, context);
    count(batch, base, ledger);
}

/// Fills a column that need not be there: not when no packet tells and none before did.
fn optional<T: Copy + Default + PartialEq>(
    column: &mut Vec<T>,
    base: usize,
    packets: &[Packet],
    read: impl Fn(&Packet) -> T,
) {
    if column.is_empty() && packets.iter().all(|packet| read(packet) == T::default()) {
        return;
    }
    begin_with(column, base, T::default());
    column.extend(packets.iter().map(read));
}

fn put_lists(
    column: &mut Lists,
    base: usize,
    packets: &[Packet],
    lists: &[u32],
    range: impl Fn(&Packet) -> (u32, u32),
) {
    for (row, packet) in packets.iter().enumerate() {
        let (start, end) = range(packet);
        if start != end {
            column.put(base + row, lists[start as usize..end as usize].iter().copied());
        }
    }
}
