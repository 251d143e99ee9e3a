//! Records of devices that go on where an earlier one of the same flow was cut by the device's active timeout.
//!
//! The host's flow cache knows where it cuts. Of devices it has to be found out: a record that was cut is remembered, and the
//! next one of its key that begins within the idle timeout goes on with it. What is remembered has a bound; a flow that is
//! forgotten is not marked, and is counted.

use std::hash::{DefaultHasher, Hash, Hasher};

use sensor_common::{
    packet::ip::protocol,
    tcp::{FIN, RST, SYN},
};

use super::{
    addresses::Addresses,
    batch::{EndReason, FlowBatch, Source},
    columns::Column,
    prefetch::prefetch,
};

/// A record that a device does not give a reason for was cut if it is at least this long, milliseconds: no device has a
/// shorter active timeout.
const SHORTEST_CUT: u64 = 10_000;
/// Milliseconds of silence after which a flow is another: devices' idle timeouts are seldom shorter than 15 seconds.
const SILENCE: u64 = 15_000;

/// Slots of a set, in one cache line.
const WAYS: usize = 4;
/// Sets: 65,536 flows in 1 MiB.
const SETS: usize = 1 << 14;

/// A record that was cut.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Bits of the key's hash.
    tag: u32,
    /// Low bits of the first packet's time.
    start: u32,
    /// The last packet, milliseconds since the epoch; 0 for a free slot.
    end: u64,
}

#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Set([Slot; WAYS]);

/// The cut records of all devices.
#[derive(Debug, Default)]
pub struct Cuts {
    /// None until a device has sent flows.
    sets: Vec<Set>,
    hashes: Vec<u64>,
    evicted: u64,
}

impl Cuts {
    /// Cut flows that were forgotten for others before they could have gone on.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Marks the records of a batch that go on, and remembers those that were cut.
    ///
    /// Samples of sFlow are packets: nothing cuts them.
    pub fn look(&mut self, batch: &mut FlowBatch) {
        if batch.observed_by != Source::NetFlow {
            return;
        }
        if self.sets.is_empty() {
            self.sets = vec![Set::default(); SETS];
        }
        hash_rows(batch, &mut self.hashes);
        for hash in &self.hashes {
            prefetch(&self.sets[place(*hash)]);
        }
        for row in 0..batch.len() {
            if self.look_at(batch, row) {
                if batch.continued.is_empty() {
                    batch.continued.resize(batch.len(), 0);
                }
                batch.continued[row] = 1;
            }
        }
    }

    /// Whether a record goes on.
    #[inline]
    fn look_at(&mut self, batch: &FlowBatch, row: usize) -> bool {
        let hash = self.hashes[row];
        let (tag, start, end) = ((hash >> 32) as u32, batch.start[row], batch.end[row]);
        let flags = match batch.protocol[row] {
            protocol::TCP => batch.tcp_flags_of(row).unwrap_or(0),
            _ => 0,
        };
        let set = &mut self.sets[place(hash)].0;
        let own = set.iter().position(|slot| slot.end != 0 && slot.tag == tag);
        let continued = own.is_some_and(|own| {
            let before = set[own];
            // The same start: the device tells when the flow began, with every record of it.
            let follows = (before.end..before.end.saturating_add(SILENCE)).contains(&start)
                || before.start == start as u32 && end > before.end;
            follows && flags & SYN == 0
        });
        if was_cut(batch, row, flags) {
            let at = own.unwrap_or_else(|| oldest(set));
            let lost = own.is_none() && set[at].end.saturating_add(SILENCE) > end;
            self.evicted += u64::from(lost && set[at].end != 0);
            set[at] = Slot { tag, start: start as u32, end: end.max(1) };
        } else if let Some(own) = own {
            set[own] = Slot::default();
        }
        continued
    }
}

/// Whether the active timeout ended a record.
#[inline(always)]
fn was_cut(batch: &FlowBatch, row: usize, flags: u16) -> bool {
    match batch.end_reason[row] {
        0 => {
            flags & (FIN | RST) == 0
                && batch.end[row].saturating_sub(batch.start[row]) >= SHORTEST_CUT
        }
        reason => reason == EndReason::ActiveTimeout as u8,
    }
}

/// A free slot, or the one whose record ended first.
#[inline(always)]
fn oldest(set: &[Slot; WAYS]) -> usize {
    let mut oldest = 0;
    for at in 1..WAYS {
        if set[at].end < set[oldest].end {
            oldest = at;
        }
    }
    oldest
}

#[inline(always)]
fn place(hash: u64) -> usize {
    hash as usize & (SETS - 1)
}

/// Hashes of the flow keys of all rows. They are the same in every run, as what policies find should be.
fn hash_rows(batch: &FlowBatch, hashes: &mut Vec<u64>) {
    let devices: Vec<u64> = batch
        .devices
        .iter()
        .map(|device| {
            let mut hasher = DefaultHasher::new();
            device.id.hash(&mut hasher);
            hasher.finish()
        })
        .collect();
    hashes.clear();
    hashes.extend((0..batch.len()).map(|row| {
        let device = batch.device.get(row).and_then(|place| devices.get(*place as usize));
        let [source, destination] = match &batch.addresses {
            Addresses::V4 { source, destination } => {
                [source[row], destination[row]].map(u128::from)
            }
            Addresses::V6 { source, destination } => [source[row], destination[row]],
        };
        let ports = u64::from(batch.source_port[row]) << 48
            | u64::from(batch.destination_port[row]) << 32
            | u64::from(batch.icmp_type_code[row]) << 16
            | u64::from(batch.vlan[row]);
        let others = u64::from(batch.interface[row]) << 32
            | u64::from(batch.direction[row]) << 16
            | u64::from(batch.protocol[row]) << 8
            | u64::from(batch.tos[row]);
        let output = Column::OutputInterface.number(batch, row);
        let words = [
            source as u64,
            (source >> 64) as u64,
            destination as u64,
            (destination >> 64) as u64,
            ports,
            others,
            output,
        ];
        words.into_iter().fold(device.copied().unwrap_or(0), mix)
    }));
}

#[inline(always)]
fn mix(state: u64, word: u64) -> u64 {
    let product = u128::from(state ^ word ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::testing::{devices, flow, push};

    const T: u64 = 1_700_000_000_000;

    /// A record of `host` from and to these seconds.
    fn record(host: u16, seconds: [u64; 2]) -> FlowBatch {
        let mut batch = flow(host, T + seconds[0] * 1000, T + seconds[1] * 1000, 1);
        batch.observed_by = Source::NetFlow;
        batch.continued.clear();
        batch.end_reason = vec![0];
        batch.devices = devices();
        batch.device = vec![0];
        batch
    }

    fn marked(cuts: &mut Cuts, mut batch: FlowBatch) -> bool {
        cuts.look(&mut batch);
        batch.continued.first() == Some(&1)
    }

    #[test]
    fn a_long_flow_is_one_flow() {
        let mut cuts = Cuts::default();
        let records = [[0, 59], [61, 119], [120, 150], [170, 171], [172, 173]];
        let told = records.map(|seconds| marked(&mut cuts, record(1, seconds)));
        assert_eq!(told, [false, true, true, false, false]);
        assert_eq!(cuts.evicted(), 0);
    }

    #[test]
    fn the_reason_counts_where_it_is_told() {
        for (reason, expected) in [(1, false), (2, true), (3, false), (0, false)] {
            let mut cuts = Cuts::default();
            let mut short = record(1, [0, 5]);
            short.end_reason = vec![reason];
            marked(&mut cuts, short);
            assert_eq!(marked(&mut cuts, record(1, [6, 9])), expected, "{reason}");
        }
    }

    #[test]
    fn another_connection_is_no_continuation() {
        let tcp = |seconds, flags| {
            let mut batch = record(1, seconds);
            batch.protocol = vec![protocol::TCP];
            batch.tcp_flags = vec![flags];
            batch
        };
        for (first, second, expected) in
            [(0x12, 0x10, true), (0x12, 0x12, false), (0x11, 0x10, false), (0x14, 0x10, false)]
        {
            let mut cuts = Cuts::default();
            marked(&mut cuts, tcp([0, 59], first));
            let told = marked(&mut cuts, tcp([60, 70], second));
            assert_eq!(told, expected, "{first:#x} {second:#x}");
        }
    }

    #[test]
    fn keys_and_devices_are_told_apart() {
        let mut cuts = Cuts::default();
        marked(&mut cuts, record(1, [0, 59]));
        assert!(!marked(&mut cuts, record(2, [60, 70])));
        let mut elsewhere = record(1, [60, 70]);
        elsewhere.device = vec![1];
        assert!(!marked(&mut cuts, elsewhere));
        let mut answer = record(1, [60, 70]);
        answer.source_port[0] += 1;
        assert!(!marked(&mut cuts, answer));
        assert!(marked(&mut cuts, record(1, [60, 70])));
        // What the host saw, the cache has marked.
        let mut own = record(1, [71, 80]);
        own.observed_by = Source::Host;
        assert!(!marked(&mut cuts, own));
    }

    #[test]
    fn a_device_may_tell_the_start_of_the_flow_with_each_record() {
        let mut cuts = Cuts::default();
        assert!(!marked(&mut cuts, record(1, [0, 60])));
        assert!(marked(&mut cuts, record(1, [0, 120])));
        assert!(!marked(&mut cuts, record(1, [0, 120])), "the same once more");
    }

    #[test]
    fn what_is_forgotten_is_counted() {
        let mut cuts = Cuts::default();
        let mut batch = record(0, [0, 59]);
        for host in 1..60_000 {
            push(&mut batch, host, T, T + 59_000, 1);
            batch.source_port[usize::from(host)] = host;
            batch.device.push(0);
        }
        for round in 0..3 {
            batch.destination_port.fill(round);
            batch.end_reason.fill(0);
            batch.continued.clear();
            cuts.look(&mut batch);
        }
        let held = (WAYS * SETS) as u64;
        assert!(cuts.evicted() >= 180_000 - held, "{}", cuts.evicted());
        // Those of long ago leave room without a loss.
        let before = cuts.evicted();
        batch.destination_port.fill(9);
        batch.start.fill(T + 600_000);
        batch.end.fill(T + 659_000);
        batch.continued.clear();
        cuts.look(&mut batch);
        assert!(cuts.evicted() - before < 12_000, "{}", cuts.evicted() - before);
    }
}
