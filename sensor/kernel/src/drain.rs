//! The drain: how flows leave the kernel's tables without losing a packet.
//!
//! Each CPU has two generations of the tables, their lists and its ledger. The programs read their CPU's generation word
//! once per packet and then touch only their own CPU's rows of that generation. A flip goes thus:
//!
//! 1. Store the other generation in the word of each CPU.
//! 2. Wait for a grace period.
//! 3. For each CPU: read the retired ledger, hand each listed slot to the sink, free it, clear the list.
//! 4. Compare what the ledgers counted since this generation was last drained with what lay in the slots.
//!
//! Why that is sound. XDP and tc programs run within an RCU read-side critical section. A run that began before the
//! wait has ended when the wait is over; a run that begins during the wait sees the stores of step 1, since the grace
//! period orders it before. So in steps 3 and 4 no program writes to the retired generation or still will: plain
//! reads suffice, nothing is torn, and the books, closed at the same instant as the table, must balance exactly. Step
//! 1 of the *next* flip, a release store, makes that generation current again: whoever sees it sees the freed slots.
//!
//! Why the ledgers are not reset: the programs add to them without atomics, and differences of monotonic counters
//! need no writing. `used`, the length of the lists, is the exception: it is reset while its generation is quiet.
//!
//! Every record that is not handed over, and every packet counted twice, shows up as an imbalance of that epoch.

use std::time::Instant;

use sensor_common::{
    key::{V4_WORDS, V6_WORDS},
    layout::row,
    ledger::Ledger,
    table::Slot,
};
use sensor_core::flow::delta::{DeltaSink, FlowDelta};

use super::{
    accounts::Epoch,
    budget::Budget,
    clock::{ClockSource, JiffiesClock, Steady},
    error::KernelError,
    grace::Grace,
    maps::{Books, FlowTable},
};

/// The agent's end of the kernel tables. Belongs to one thread.
#[derive(Debug)]
pub struct Drain {
    pub(super) v4: FlowTable<V4_WORDS>,
    pub(super) v6: FlowTable<V6_WORDS>,
    pub(super) books: Books,
    pub(super) clock: ClockSource,
    pub(super) grace: Grace,
    pub(super) budget: Budget,
    /// Each ledger as it was when its generation was last drained.
    pub(super) settled: Vec<Ledger>,
}

impl Drain {
    /// Retires the generation that the programs fill, and hands its flows to `sink`.
    ///
    /// Takes a grace period (10 ms, give or take) and some 50 ns per record. A final flip after detaching brings
    /// what is left.
    ///
    /// # Errors
    /// When the grace period cannot be waited for. Nothing is read then, and nothing lost: the next flip makes the
    /// undrained generation current again, with what it holds, and the one after brings it.
    pub fn flip(&mut self, sink: &mut impl DeltaSink) -> Result<Epoch, KernelError> {
        let start = Instant::now();
        let mut epoch = Epoch { early: self.pressure(), ..Epoch::default() };
        let clock = self.clock.clock();
        let retired = self.books.generation() & 1;
        self.books.set_generation(retired ^ 1);
        let flipped = Instant::now();
        self.grace.wait()?;
        epoch.grace = flipped.elapsed();
        for cpu in 0..self.budget.cpus {
            self.settle(cpu, retired, clock, sink, &mut epoch);
        }
        epoch.imbalance = epoch.accounts.imbalance();
        epoch.took = start.elapsed();
        Ok(epoch)
    }

    /// Drains one CPU's row of the retired generation and closes its books.
    fn settle(
        &mut self,
        cpu: u32,
        generation: u32,
        clock: JiffiesClock,
        sink: &mut impl DeltaSink,
        epoch: &mut Epoch,
    ) {
        let ledger = self.books.ledger(cpu, generation);
        let row = row(cpu, generation);
        if ledger == self.settled[row as usize] {
            return; // An idle CPU.
        }
        for (fullest, used) in epoch.fullest.iter_mut().zip(ledger.used) {
            *fullest = (*fullest).max(used);
        }
        let recorded = &mut epoch.accounts.recorded;
        epoch.records_v4 += self.v4.take(row, ledger.used[0], |slot| {
            let delta = delta(slot, clock);
            recorded.add(delta.packets, delta.layer2_octets);
            sink.v4(&slot.key, &delta);
        });
        epoch.records_v6 += self.v6.take(row, ledger.used[1], |slot| {
            let delta = delta(slot, clock);
            recorded.add(delta.packets, delta.layer2_octets);
            sink.v6(&slot.key, &delta);
        });
        self.books.clear_used(cpu, generation);
        let settled = &mut self.settled[row as usize];
        epoch.accounts.add_ledger(&ledger, settled);
        *settled = Ledger { used: [0; 2], ..ledger };
    }

    /// True when a region that the programs fill is more than half full: time for an early flip. Reads memory only,
    /// so it may be asked every few milliseconds.
    pub fn pressure(&self) -> bool {
        let generation = self.books.generation();
        (0..self.budget.cpus).any(|cpu| {
            let [v4, v6] = self.books.used(cpu, generation);
            v4 > self.budget.v4.slots / 2 || v6 > self.budget.v6.slots / 2
        })
    }

    /// The time that flows have, and how far the time of day has been set from it.
    pub fn steady(&self) -> Steady {
        self.clock.steady()
    }

    /// The sizes of the tables.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }
}

/// What a slot counted, in steady time.
#[inline]
fn delta<const N: usize>(slot: &Slot<N>, clock: JiffiesClock) -> FlowDelta {
    FlowDelta {
        octets: slot.octets,
        packets: u64::from(slot.packets),
        layer2_octets: slot.octets + u64::from(slot.overhead),
        start: clock.time_of(slot.first),
        end: clock.time_of(slot.last),
        tcp_flags: slot.tcp_flags,
        ttl_min: slot.ttl_min,
        ttl_max: slot.ttl_max,
        macs: slot.macs,
    }
}
