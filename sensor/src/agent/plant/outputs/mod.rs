//! Where records and hits go: every collector, the IPFIX files, the logs of flows and of DNS records, and the outputs of hits, each
//! with its own queue and account.
//!
//! * `ways`: which ones a configuration asks for, and how each is started; `options`: of sinks.
//! * `lent`: batches that outputs still read.

mod lent;
mod options;
mod ways;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use sensor_core::{
    dns::DnsBatch,
    flow::{
        batch::FlowBatch,
        interfaces::{Interfaces, SharedInterfaces},
    },
    policy::alert::Alert,
    sync::Unpoisoned as _,
};

use self::{
    lent::LentBatches,
    ways::{Starter, Way},
};
use super::{recent::RecentHits, taps::Taps, top::PrintOptions};
use crate::{
    agent::{
        config::Config,
        mode::Mode,
        status::{self, Status},
    },
    clock,
    export::{
        held::ring::Ring,
        hits::{self, Hits, held::HeldHits},
        ipfix::metering::MeteringProcess,
        queue::Load,
        set::{Prepared, Running, SinkSet, Swapped},
    },
};

/// How long an output that a reload ends may take for what waits.
const FLUSH_DEADLINE: Duration = Duration::from_secs(5);

/// Outputs that are ready to take the place of the old.
pub struct PreparedOutputs {
    records: Prepared<Way, FlowBatch>,
    dns: Prepared<Way, DnsBatch>,
    hits: Prepared<hits::Way, Alert>,
}

/// What is left to do once they have.
pub struct SwappedOutputs {
    records: Swapped<Way, FlowBatch>,
    dns: Swapped<Way, DnsBatch>,
    hits: Swapped<hits::Way, Alert>,
}

/// How far outputs have to come.
pub struct Marks(Vec<(usize, u64)>);

/// How far an output has to come until it has what it was offered so far.
fn mark<T: Load>(running: &Running<Way, T>) -> (usize, u64) {
    (running.sink.queue_id(), running.sink.queue().taken())
}

/// Whether one of these is the output of a mark, and has not come so far.
fn is_behind<T: Load>(sinks: &[Running<Way, T>], (id, mark): &(usize, u64)) -> bool {
    let sink = sinks.iter().find(|running| running.sink.queue_id() == *id);
    sink.is_some_and(|running| running.sink.queue().settled() < *mark)
}

/// Whether it prints, and nobody reads that any more.
fn is_closed_stdout<T: Load>(running: &Running<Way, T>) -> bool {
    matches!(running.plan, Way::Stdout(_)) && running.sink.is_pointless()
}

/// Whether nobody takes anything of it; `closed` is whether nobody reads standard output.
fn is_pointless<T: Load>(running: &Running<Way, T>, closed: bool) -> bool {
    running.sink.is_pointless() || closed && matches!(running.plan, Way::Stdout(_))
}

fn has_room<T: Load>(running: &Running<Way, T>) -> bool {
    let queue = running.sink.queue();
    let takes = running.sink.connection().is_none_or(|(connected, _)| connected);
    !takes || running.sink.is_pointless() || queue.queued() <= queue.bound() / 2
}

/// Sinks of flow records, of DNS records and of hits.
pub struct Outputs {
    sinks: SinkSet<Way, FlowBatch>,
    dns: SinkSet<Way, DnsBatch>,
    hits: Hits,
    starter: Starter,
    lent: Mutex<LentBatches>,
    taps: Arc<Taps>,
    recent: RecentHits,
    mode: Mode,
}

impl Outputs {
    /// Starts every output that `config` names. `shown` says how flows are printed, `interfaces` will name their interfaces.
    ///
    /// # Errors
    /// When a file or a certificate cannot be opened. A collector that cannot be reached is no error.
    pub fn start(
        config: &Config,
        mode: Mode,
        shown: &PrintOptions,
        interfaces: &SharedInterfaces,
    ) -> anyhow::Result<Self> {
        let starter = Starter {
            format: shown.format(),
            interfaces: interfaces.clone(),
            metering: MeteringProcess::new(),
            reopen: Arc::default(),
            sinks: Mutex::default(),
            held: config
                .console
                .as_ref()
                .filter(|_| mode == Mode::Live)
                .map(|console| Arc::new(Ring::new(console.held, clock::now()))),
            held_hits: (mode == Mode::Live && config.console.is_some()).then(Arc::default),
        };
        let ways = starter.ways(config, mode);
        let sinks = SinkSet::start(ways.clone(), |way| starter.start(way))?;
        let dns = SinkSet::start(ways::of_dns(config, mode), |way| starter.start_dns(way))?;
        let hits = Hits::start(starter.hits(config, mode, &ways), &starter.reopen)?;
        let (lent, taps, recent) = Default::default();
        Ok(Self { sinks, dns, hits, starter, lent, taps, recent, mode })
    }

    /// Starts the outputs that `config` names and that are not there. Nothing has changed so far.
    ///
    /// # Errors
    /// When a new output cannot be started.
    pub fn prepare(&self, config: &Config) -> anyhow::Result<PreparedOutputs> {
        let ways = self.starter.ways(config, self.mode);
        let records = self.sinks.prepare(ways.clone(), |way| self.starter.start(way));
        let prepared = records.and_then(|records| {
            let dns = ways::of_dns(config, self.mode);
            let dns = self.dns.prepare(dns, |way| self.starter.start_dns(way))?;
            let hits = self.hits.prepare(self.starter.hits(config, self.mode, &ways))?;
            Ok(PreparedOutputs { records, dns, hits })
        });
        if prepared.is_err() {
            self.starter.retain(&self.sinks.read());
        }
        prepared
    }

    /// From here on flows and hits go to the outputs of `prepared`. Those that are as they were keep their connection, their queue
    /// and their sequence numbers.
    pub fn swap(&self, prepared: PreparedOutputs) -> SwappedOutputs {
        let PreparedOutputs { records, dns, hits } = prepared;
        SwappedOutputs {
            records: self.sinks.swap(records),
            dns: self.dns.swap(dns),
            hits: self.hits.swap(hits),
        }
    }

    /// Ends the outputs that are not wanted any more: what they have waiting they still put out, within a deadline. Starts those
    /// that need the place of one of them.
    ///
    /// # Errors
    /// When one of these cannot be started; the old one then takes its place again.
    pub fn settle(&self, swapped: SwappedOutputs) -> anyhow::Result<()> {
        let SwappedOutputs { records, dns, hits } = swapped;
        let records =
            self.sinks.settle(records, FLUSH_DEADLINE, |way: &Way| self.starter.start(way));
        let dns = self.dns.settle(dns, FLUSH_DEADLINE, |way: &Way| self.starter.start_dns(way));
        let hits = self.hits.settle(hits, FLUSH_DEADLINE);
        self.starter.retain(&self.sinks.read());
        records?;
        dns?;
        Ok(hits?)
    }

    /// Hands a batch to every sink; gives back one that none of them needs any more, this or an earlier one.
    pub fn offer(&self, batch: FlowBatch) -> Option<FlowBatch> {
        let sinks = self.sinks.read();
        let tapped = self.taps.are_open();
        if batch.is_empty() || sinks.is_empty() && !tapped {
            return Some(batch);
        }
        let mut batch = batch;
        batch.offered = clock::now();
        let batch = Arc::new(batch);
        for running in &*sinks {
            // What is turned away is in the sink's account.
            if self.mode.waits() {
                running.sink.offer_waiting(&batch);
            } else {
                running.sink.offer(&batch);
            }
        }
        drop(sinks);
        if tapped {
            self.taps.offer(&batch);
        }
        self.lent.lock().unpoisoned().exchange(batch)
    }

    /// Hands DNS records to every sink of such.
    pub fn offer_dns(&self, batch: DnsBatch) {
        if batch.is_empty() {
            return;
        }
        let batch = Arc::new(batch);
        for running in &*self.dns.read() {
            // What is turned away is in the sink's account.
            if self.mode.waits() {
                running.sink.offer_waiting(&batch);
            } else {
                running.sink.offer(&batch);
            }
        }
    }

    /// Whether those that take records now have room for half of what they may hold.
    pub fn have_room(&self) -> bool {
        self.sinks.read().iter().all(has_room) && self.dns.read().iter().all(has_room)
    }

    /// How far each output on this host has to come until it has written what it was offered so far.
    pub fn marks(&self) -> Marks {
        let sinks = self.sinks.read();
        let local = sinks.iter().filter(|running| running.plan.is_local());
        let flows = local.map(mark);
        let dns = self.dns.read();
        Marks(flows.chain(dns.iter().map(mark)).collect())
    }

    /// Whether all have come so far. One that a reload has ended has written what it had, or has counted it.
    pub fn are_past(&self, marks: &Marks) -> bool {
        let (sinks, dns) = (self.sinks.read(), self.dns.read());
        !marks.0.iter().any(|mark| is_behind(&sinks, mark) || is_behind(&dns, mark))
    }

    /// Hands an event to every output of hits.
    pub fn offer_alert(&self, event: Alert) {
        let event = Arc::new(event);
        self.recent.add(&event);
        if self.mode.waits() {
            self.hits.offer_waiting(&event);
        } else {
            self.hits.offer(&event);
        }
    }

    /// Lets flow logs and files of hits be opened anew.
    pub fn reopen(&self) {
        self.starter.reopen.request();
    }

    /// Fills in how every output stands.
    pub fn report(&self, status: &mut Status) {
        status.sinks = self.sinks.reports().into_iter().map(status::Sink::of).collect();
        status.dns_sinks = self.dns.reports().into_iter().map(status::Sink::of).collect();
        status.hits = self.hits.reports().into_iter().map(status::Sink::of).collect();
        status.recent_hits = self.recent.report();
        self.report_store(status);
    }

    fn report_store(&self, status: &mut Status) {
        let found = self.sinks.store();
        status.store =
            found.map(|(report, not_sent)| status::store::Store::of(report, not_sent.flows));
    }

    /// The records that are held, where some are.
    pub fn held(&self) -> Option<&Arc<Ring>> {
        self.starter.held.as_ref()
    }

    /// The hits that are held, where some are.
    pub fn held_hits(&self) -> Option<&Arc<HeldHits>> {
        self.starter.held_hits.as_ref()
    }

    /// Who looks at live flows.
    pub fn taps(&self) -> &Arc<Taps> {
        &self.taps
    }

    /// True where nothing is put out.
    pub fn is_empty(&self) -> bool {
        self.sinks.is_empty() && self.dns.is_empty() && self.hits.is_empty()
    }

    /// True once nobody reads what is printed, and nothing else is put out.
    pub fn is_pointless(&self) -> bool {
        let (sinks, dns) = (self.sinks.read(), self.dns.read());
        // One of them finds out for both, and the other one may never have anything to write.
        let closed = sinks.iter().any(is_closed_stdout) || dns.iter().any(is_closed_stdout);
        let sinks = sinks.iter().all(|running| is_pointless(running, closed));
        let sinks = sinks && dns.iter().all(|running| is_pointless(running, closed));
        let hits = self.hits.is_empty() || self.hits.is_pointless();
        sinks && hits && !self.is_empty()
    }

    /// True once nobody reads what is printed, whatever else is put out.
    pub fn is_unread(&self) -> bool {
        self.sinks.has_pointless() || self.dns.has_pointless() || self.hits.has_pointless()
    }

    /// Tells collectors the names of the interfaces.
    pub fn set_interfaces(&self, interfaces: &Interfaces) {
        self.starter.metering.set_interfaces(interfaces);
    }

    /// Counts packets that no flow record tells of, for the sinks' statistics. `now` is ms since the epoch.
    pub fn add_ignored(&self, packets: u64, octets: u64, now: u64) {
        self.starter.metering.add_ignored(packets, octets, now);
    }

    /// Sends what waits, within `deadline`, and fills in how every output ended. In a replay whoever reads the standard output
    /// may take longer.
    pub fn finish(self, deadline: Duration, status: &mut Status) {
        self.sinks.stop(deadline);
        self.dns.stop(deadline);
        self.hits.stop(deadline);
        let patient = self.mode.waits();
        self.sinks.end(patient);
        self.dns.end(patient);
        status.sinks = self.sinks.reports().into_iter().map(status::Sink::of).collect();
        status.dns_sinks = self.dns.reports().into_iter().map(status::Sink::of).collect();
        self.report_store(status);
        status.hits = self.hits.end(patient).into_iter().map(status::Sink::of).collect();
    }
}
