//! The drain thread: turns the kernel's flow tables over, ends flows, and hands their records to the outputs.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use super::outputs::Outputs;
use crate::{
    engine::Engine,
    export::clock::now,
    flow::{
        batch::{FlowBatch, Source},
        cache::CacheOptions,
    },
    kernel::{
        accounts::{Epoch, Totals},
        drain::Drain,
        error::KernelError,
        log::KernelLog,
    },
};

/// How often the fill of the tables is looked at between two drains.
const GLANCE: Duration = Duration::from_millis(50);

/// What a drain thread knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// All epochs.
    pub totals: Totals,
    /// Flows that ended early because the cache was full.
    pub evicted: u64,
}

/// What joins the thread to the rest of the agent.
#[derive(Clone, Copy)]
pub struct Link<'a> {
    /// How things stand behind each drain.
    pub shown: &'a Mutex<Drained>,
    /// Closed when it is to end.
    pub stop: &'a Receiver<()>,
}

/// Drains every `interval`, or earlier when a table fills, until it is to stop; then once more, and ends all flows.
///
/// # Errors
/// When the kernel refuses to go on.
pub fn run(
    mut drain: Drain,
    mut log: Option<KernelLog>,
    cache: CacheOptions,
    seed: u64,
    interval: Duration,
    outputs: &Arc<Outputs>,
    agent: Link<'_>,
) -> Result<Drained, KernelError> {
    let sink = outputs.clone();
    let mut engine =
        Engine::new(Source::Host, cache, seed, move |batch: FlowBatch| drop(sink.offer(batch)));
    let mut totals = Totals::default();
    let mut stopping = false;
    while !stopping {
        stopping = wait(interval, &drain, agent.stop);
        let epoch = drain.flip(&mut engine)?;
        book(&epoch, &mut totals, outputs);
        engine.expire(now());
        let drained = Drained { totals, evicted: engine.cache().evicted() };
        *agent.shown.lock().unwrap_or_else(PoisonError::into_inner) = drained;
        if let Some(log) = &mut log {
            log.pass_on();
        }
    }
    engine.finish();
    Ok(Drained { totals, evicted: engine.cache().evicted() })
}

/// Waits for the next drain; true when it is the last.
fn wait(interval: Duration, drain: &Drain, stop: &Receiver<()>) -> bool {
    let end = Instant::now() + interval;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        match stop.recv_timeout(left.min(GLANCE)) {
            Err(RecvTimeoutError::Timeout) if drain.pressure() => return false,
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return true,
        }
    }
}

fn book(epoch: &Epoch, totals: &mut Totals, outputs: &Outputs) {
    totals.add(epoch);
    if let Some(imbalance) = epoch.imbalance {
        tracing::error!(
            "the ledger of this drain is out of balance by {} packets and {} octets",
            imbalance.packets,
            imbalance.octets
        );
    }
    let accounts = &epoch.accounts;
    let ignored = [accounts.non_ip, accounts.truncated, accounts.malformed, accounts.unattributed];
    let packets = ignored.iter().map(|count| count.packets).sum();
    let octets = ignored.iter().map(|count| count.octets).sum();
    outputs.add_ignored(packets, octets, now());
}
