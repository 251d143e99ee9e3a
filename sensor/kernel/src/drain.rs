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
//! An agent may be killed at any point of this. How far each row was drained is therefore kept beside the tables, and
//! written in one step when a row is done ([`super::pins`]): what an agent had taken of a row before it was killed is the
//! difference of its ledger and what still lies in its slots. [`Drain::begin`] puts that right.
//!
//! Every record that is not handed over, and every packet counted twice, shows up as an imbalance of that epoch.

use std::{sync::Arc, time::Instant};

use sensor_common::{
    key::{V4_WORDS, V6_WORDS},
    layout::row,
    ledger::Count,
    table::Slot,
};
use sensor_core::flow::delta::{DeltaSink, FlowDelta};

use super::{
    accounts::{Counters, Epoch, add},
    budget::Budget,
    clock::{ClockSource, JiffiesClock, Steady},
    error::KernelError,
    grace::Grace,
    maps::{Books, FlowTable},
    pins::{self, Heritage, Inherited, State},
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
    /// Each ledger as it was when its generation was last drained, and what became of what was drained.
    pub(super) state: Arc<State>,
    /// Of agents before, until [`Drain::begin`].
    pub(super) heritage: Option<Heritage>,
}

/// Takes note of what the outputs were given, for an agent that may be killed: the next one then knows what was lost.
#[derive(Clone, Debug)]
pub struct Receipts(Arc<State>);

impl Receipts {
    /// Outputs have been given records of so many packets and octets of frames.
    pub fn passed_on(&self, packets: u64, octets: u64) {
        self.0.change(|totals| add(&mut totals.passed_on, Count { packets, octets }));
    }

    /// What was lost in the memory of agents that were killed, since the tables, or those before them, were made.
    pub fn lost(&self) -> Count {
        self.0.totals().lost
    }
}

impl Drain {
    /// Deals with tables of agents before: finishes a drain that one was killed in, drains tables that this agent does not
    /// go on with, and removes those. `None` where there are none. To be called before the first flip, when no program of
    /// other agents is attached any more.
    ///
    /// # Errors
    /// As [`Drain::flip`]; the next call then begins anew.
    pub fn begin(&mut self, sink: &mut impl DeltaSink) -> Result<Option<Inherited>, KernelError> {
        let start = Instant::now();
        if self.heritage.is_none() {
            return Ok(None);
        }
        // A flip may have been cut short while CPU after CPU got the word.
        let current = self.books.generation() & 1;
        self.books.set_generation(current);
        self.grace.wait()?;
        let Some(Heritage { mut own, mut former }) = self.heritage.take() else { return Ok(None) };
        let mut inherited = Inherited { former: former.len(), ..Inherited::default() };
        let Inherited { epoch, lost, .. } = &mut inherited;
        let clock = self.clock.clock();
        let tables = own.iter().chain(&former);
        *lost = pins::untold(tables);
        let own = own.iter_mut().map(|tables| (tables, Some(current ^ 1)));
        for (tables, generation) in own.chain(former.iter_mut().map(|tables| (tables, None))) {
            for row in tables.rows(generation) {
                add(lost, tables.settle(row, clock, sink, epoch));
            }
        }
        let told = *lost;
        self.state.change(|totals| add(&mut totals.lost, told));
        former.iter().for_each(|tables| pins::absorb(&self.state, tables));
        epoch.imbalance = epoch.accounts.imbalance();
        epoch.took = start.elapsed();
        Ok(Some(inherited))
    }

    /// Where to take note of what outputs were given.
    pub fn receipts(&self) -> Receipts {
        Receipts(self.state.clone())
    }

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
        let (counters, settled) = (Counters::from(&ledger), self.state.settled(row));
        if counters == settled {
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
        epoch.accounts.add_counters(&counters.since(&settled));
        self.state.settle(row, &counters);
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
pub(super) fn delta<const N: usize>(slot: &Slot<N>, clock: JiffiesClock) -> FlowDelta {
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
