//! Events of policies on their way out. Each output has a queue and an account of its own (of events), takes the events
//! that its filter lets through, and works on a thread of its own.
//!
//! * [`options`]: where to and how.
//! * [`selection`]: which events an output takes.
//! * [`render`]: the forms of an event.
//! * [`trial`]: an event that is none, to try outputs with.
//! * [`held`]: the newest events in memory.
//! * [`spool`]: rendered events on disk, until somebody takes them.
//! * `output`: one output: queue, thread, end.
//! * `process`: its loop: take in, deliver, wait out an outage.
//! * `deliver`: the ways out: files, the journal, syslog, webhooks.

use std::{sync::Arc, time::Duration};

use sensor_core::policy::alert::Alert;

use self::{
    error::HitsError,
    held::HeldHits,
    options::{Destination, OutputOptions},
    output::Output,
    selection::Selection,
};
use super::{
    files::Reopen,
    held::sink::HeldSink,
    ipfix::IpfixAlertSink,
    queue::Load,
    set::{self, Plan, Prepared, Running, SinkSet, Swapped},
    sink::{Sink, Tuning},
    store::options::StoredHitsOptions,
};

pub mod error;
pub mod held;
pub mod options;
pub mod render;
pub mod selection;
pub mod spool;
pub mod trial;

mod deliver;
mod output;
mod process;
mod status;

/// Events that may wait to be stored.
const STORED: u64 = 4096;

/// An event counts as one, whatever it tells of.
impl Load for Alert {
    type Amount = u64;

    fn amount(&self) -> u64 {
        1
    }
}

/// Reads what an output needs, certificates and secrets above all, and starts nothing.
///
/// # Errors
/// What keeps it from being started, its files apart.
pub fn check(options: &OutputOptions) -> Result<(), HitsError> {
    deliver::check(&options.destination, options.format)
}

/// An output of events, of its own or of an IPFIX sink.
#[derive(Clone)]
pub enum Way {
    /// One of its own.
    Own(Box<OutputOptions>),
    /// That of an IPFIX sink, and what it takes.
    Ipfix(Selection, IpfixAlertSink),
    /// Into memory; it takes all of them.
    Held(Selection, Arc<HeldHits>),
}

impl Way {
    /// One of its own.
    pub fn own(options: OutputOptions) -> Self {
        Self::Own(Box::new(options))
    }

    /// That in memory.
    pub fn held(held: Arc<HeldHits>) -> Self {
        Self::Held(Selection::default(), held)
    }

    /// That in the folder of the flow store.
    pub fn stored(options: StoredHitsOptions) -> Self {
        Self::own(OutputOptions {
            destination: Destination::Store(options),
            selection: Selection::default(),
            format: render::Format::Json,
            queue: STORED,
            spool: None,
        })
    }

    fn selection(&self) -> &Selection {
        match self {
            Self::Own(options) => &options.selection,
            Self::Ipfix(selection, _) | Self::Held(selection, _) => selection,
        }
    }

    fn start(&self, reopen: &Arc<Reopen>) -> Result<Box<dyn Sink<Alert>>, HitsError> {
        Ok(match self {
            Self::Own(options) => Box::new(Output::start((**options).clone(), reopen)?),
            Self::Ipfix(_, hits) => Box::new(hits.clone()),
            Self::Held(_, held) => {
                Box::new(HeldSink::start(held.clone(), STORED).map_err(HitsError::Start)?)
            }
        })
    }
}

impl Plan for Way {
    /// What an output takes may change while it runs.
    fn is_served_by(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Own(own), Self::Own(other)) => {
                OutputOptions { selection: other.selection.clone(), ..(**own).clone() } == **other
            }
            (Self::Ipfix(_, own), Self::Ipfix(_, other)) => own.is(other),
            (Self::Held(_, own), Self::Held(_, other)) => Arc::ptr_eq(own, other),
            _ => false,
        }
    }

    fn place(&self) -> Option<String> {
        let Self::Own(options) = self else { return None };
        let OutputOptions { destination, spool, .. } = &**options;
        match (destination, spool) {
            (_, Some(spool)) => Some(spool.directory.display().to_string()),
            (Destination::File(_) | Destination::Store(_) | Destination::Stdout { .. }, None) => {
                Some(destination.to_string())
            }
            _ => None,
        }
    }

    fn tuning(&self) -> Tuning {
        let queue = match self {
            Self::Own(options) => options.queue,
            Self::Ipfix(_, sink) => sink.queue().bound(),
            Self::Held(..) => STORED,
        };
        Tuning { queue, ipfix: None }
    }
}

/// All outputs of events.
pub struct Hits {
    outputs: SinkSet<Way, Alert>,
    reopen: Arc<Reopen>,
}

impl Hits {
    /// Starts every output. Files are opened anew before the next event is written when `reopen` is asked to.
    ///
    /// # Errors
    /// When a file, a spool or a certificate cannot be opened. A receiver that cannot be reached is no error.
    pub fn start(ways: Vec<Way>, reopen: &Arc<Reopen>) -> Result<Self, HitsError> {
        let outputs = SinkSet::start(ways, |way: &Way| way.start(reopen))?;
        Ok(Self { outputs, reopen: reopen.clone() })
    }

    /// Starts the outputs of `ways` that are not there yet: the first step of [`SinkSet`]'s three.
    ///
    /// # Errors
    /// As those of [`Self::start`].
    pub fn prepare(&self, ways: Vec<Way>) -> Result<Prepared<Way, Alert>, HitsError> {
        self.outputs.prepare(ways, |way| way.start(&self.reopen))
    }

    /// The second step.
    pub fn swap(&self, prepared: Prepared<Way, Alert>) -> Swapped<Way, Alert> {
        self.outputs.swap(prepared)
    }

    /// The third step.
    ///
    /// # Errors
    /// As those of [`Self::start`].
    pub fn settle(
        &self,
        swapped: Swapped<Way, Alert>,
        deadline: Duration,
    ) -> Result<(), HitsError> {
        self.outputs.settle(swapped, deadline, |way| way.start(&self.reopen))
    }

    /// Offers an event to every output that wants it. Never waits; what has no room is in the output's account.
    pub fn offer(&self, event: &Arc<Alert>) {
        for Running { plan, sink } in &*self.outputs.read() {
            if plan.selection().takes(event) {
                sink.offer(event);
            }
        }
    }

    /// As [`Self::offer`], but waits for room: for replay, which can wait.
    pub fn offer_waiting(&self, event: &Arc<Alert>) {
        for Running { plan, sink } in &*self.outputs.read() {
            if plan.selection().takes(event) {
                sink.offer_waiting(event);
            }
        }
    }

    /// As [`Self::offer`], to all outputs, whatever their filters say: to try them.
    pub fn offer_to_all(&self, event: &Arc<Alert>) {
        for running in &*self.outputs.read() {
            running.sink.offer(event);
        }
    }

    /// True when there is no output.
    pub fn is_empty(&self) -> bool {
        self.outputs.is_empty()
    }

    /// True once nobody reads what is printed, and there is no other output.
    pub fn is_pointless(&self) -> bool {
        !self.outputs.is_empty() && self.outputs.is_pointless()
    }

    /// True once nobody reads what is printed.
    pub fn has_pointless(&self) -> bool {
        self.outputs.has_pointless()
    }

    /// How every output stands, and those that a reload has ended.
    pub fn reports(&self) -> Vec<Report> {
        self.outputs.reports()
    }

    /// Sends what waits, within `deadline`, and returns how every output ended. What then lies in a spool stays there as
    /// `spooled`, for the next start.
    pub fn finish(self, deadline: Duration) -> Vec<Report> {
        self.stop(deadline);
        self.end(true)
    }

    /// Asks all outputs to end within `deadline`. Returns at once.
    pub fn stop(&self, deadline: Duration) {
        self.outputs.stop(deadline);
    }

    /// Waits for the end that [`Self::stop`] asked for, and returns how every output ended. `patient`: also for one that
    /// writes to a pipe that nobody reads.
    pub fn end(self, patient: bool) -> Vec<Report> {
        self.outputs.end(patient);
        self.reports()
    }
}

/// How an output stands; its account is one of events.
pub type Report = set::Report<u64>;
