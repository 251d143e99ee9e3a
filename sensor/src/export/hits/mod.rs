//! Events of policies on their way out. Each output has a queue and an account of its own (of events), takes the events
//! that its filter lets through, and works on a thread of its own.
//!
//! * [`options`]: where to and how.
//! * [`selection`]: which events an output takes.
//! * [`render`]: the forms of an event.
//! * [`trial`]: an event that is none, to try outputs with.
//! * [`spool`]: rendered events on disk, until somebody takes them.
//! * `output`: one output: queue, thread, end.
//! * `process`: its loop: take in, deliver, wait out an outage.
//! * `deliver`: the ways out: files, the journal, syslog, webhooks.

use std::{sync::Arc, time::Duration};

use sensor_core::policy::event::Event;

use self::{error::HitsError, options::OutputOptions, output::Output, selection::Selection};
use super::{account::Account, files::Reopen, queue::Load, sink::Sink};

pub mod error;
pub mod options;
pub mod render;
pub mod selection;
pub mod spool;
pub mod trial;

mod deliver;
mod output;
mod process;
mod status;

/// An event counts as one, whatever it tells of.
impl Load for Event {
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

/// All outputs of events.
pub struct Hits {
    outputs: Vec<(Selection, Box<dyn Sink<Event>>)>,
}

impl Hits {
    /// Starts every output. Files are opened anew before the next event is written when `reopen` is asked to.
    ///
    /// # Errors
    /// When a file, a spool or a certificate cannot be opened. A receiver that cannot be reached is no error.
    pub fn start(outputs: Vec<OutputOptions>, reopen: &Arc<Reopen>) -> Result<Self, HitsError> {
        let start = |options: OutputOptions| -> Result<_, HitsError> {
            let selection = options.selection.clone();
            let output: Box<dyn Sink<Event>> = Box::new(Output::start(options, reopen)?);
            Ok((selection, output))
        };
        let outputs = outputs.into_iter().map(start).collect::<Result<_, _>>()?;
        Ok(Self { outputs })
    }

    /// Adds an output of another kind, which takes what `selection` lets through.
    pub fn add(&mut self, selection: Selection, output: Box<dyn Sink<Event>>) {
        self.outputs.push((selection, output));
    }

    /// Offers an event to every output that wants it. Never waits; what has no room is in the output's account.
    pub fn offer(&self, event: &Arc<Event>) {
        for (selection, output) in &self.outputs {
            if selection.takes(event) {
                output.offer(event);
            }
        }
    }

    /// As [`Self::offer`], but waits for room: for replay, which can wait.
    pub fn offer_waiting(&self, event: &Arc<Event>) {
        for (selection, output) in &self.outputs {
            if selection.takes(event) {
                output.offer_waiting(event);
            }
        }
    }

    /// As [`Self::offer`], to all outputs, whatever their filters say: to try them.
    pub fn offer_to_all(&self, event: &Arc<Event>) {
        for (_, output) in &self.outputs {
            output.offer(event);
        }
    }

    /// True when there is no output.
    pub fn is_empty(&self) -> bool {
        self.outputs.is_empty()
    }

    /// True once nobody reads what is printed, and there is no other output.
    pub fn is_pointless(&self) -> bool {
        !self.outputs.is_empty() && self.outputs.iter().all(|(_, output)| output.is_pointless())
    }

    /// How every output stands.
    pub fn reports(&self) -> Vec<Report> {
        let report = |(_, output): &(Selection, Box<dyn Sink<Event>>)| Report {
            output: output.name().to_owned(),
            account: output.account(),
            error: output.last_error(),
        };
        self.outputs.iter().map(report).collect()
    }

    /// Sends what waits, within `deadline`, and returns how every output ended. What then lies in a spool stays there as
    /// `spooled`, for the next start.
    pub fn finish(self, deadline: Duration) -> Vec<Report> {
        self.stop(deadline);
        self.end(true)
    }

    /// Asks all outputs to end within `deadline`. Returns at once.
    pub fn stop(&self, deadline: Duration) {
        for (_, output) in &self.outputs {
            output.stop(deadline);
        }
    }

    /// Waits for the end that [`Self::stop`] asked for, and returns how every output ended. `patient`: also for one that
    /// writes to a pipe that nobody reads.
    pub fn end(mut self, patient: bool) -> Vec<Report> {
        for (_, output) in &mut self.outputs {
            if patient {
                output.end();
            } else {
                output.leave();
            }
        }
        self.reports()
    }
}

/// How an output stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its name.
    pub output: String,
    /// Its account, of events.
    pub account: Account<u64>,
    /// What went wrong last, also when it has been overcome.
    pub error: Option<String>,
}
