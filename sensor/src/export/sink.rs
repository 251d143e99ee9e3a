//! What all sinks have in common: a name, a bounded queue with its account, and an end.

use std::{sync::Arc, time::Duration};

use sensor_core::flow::batch::FlowBatch;
use sensor_wire::ipfix::encode::TemplateRefresh;

use super::{
    account::Account,
    queue::{Load, Queue},
    store::report::StoreReport,
};
use crate::clock;

/// What may change of a sink at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// Loads that may wait.
    pub queue: u64,
    /// What else a sink of IPFIX is told.
    pub ipfix: Option<IpfixTuning>,
}

/// What may change of a sink of IPFIX at work, within its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpfixTuning {
    /// How often the sensor reports about itself.
    pub statistics_interval: Duration,
    /// When templates are announced again.
    pub refresh: TemplateRefresh,
}

/// A destination of flow records, or of something else, that works on a thread of its own. Dropping it abandons what waits; [`Self::stop`]
/// and [`Self::end`] do not.
pub trait Sink<T: Load = FlowBatch>: Send + Sync {
    /// Where it all goes, for messages: `tcp://host:port`, a path.
    fn name(&self) -> &str;

    /// Its queue.
    fn queue(&self) -> &Queue<T>;

    /// Tells its queue from those of other sinks that are there at the same time.
    fn queue_id(&self) -> usize {
        std::ptr::from_ref(self.queue()).addr()
    }

    /// Asks it to take nothing more, to put out what waits, and to end within `deadline`. Returns at once.
    fn stop(&self, deadline: Duration);

    /// Waits for the end that [`Self::stop`] asked for. What then still waits counts as not sent.
    fn end(&mut self);

    /// As [`Self::end`], but where what it writes to may take nothing for ever (a pipe that nobody reads) no longer than the
    /// deadline that [`Self::stop`] was given: its thread is left behind, what it had under way counts as not sent.
    fn leave(&mut self) {
        self.end();
    }

    /// Goes on by `tuning`, with its connection, and with what waits.
    fn tune(&self, tuning: Tuning) {
        self.queue().set_bound(tuning.queue);
    }

    /// What went wrong last, also when it has been overcome.
    fn last_error(&self) -> Option<String> {
        None
    }

    /// Whether its receiver takes messages, and how many times it stopped doing so, or did not from the start; `None` where
    /// there is no connection.
    fn connection(&self) -> Option<(bool, u64)> {
        None
    }

    /// How many times what it puts out was sent again since nobody acknowledged it, and the receiver counts it once all the same;
    /// none where nothing is sent again.
    fn repeated(&self) -> Option<u64> {
        None
    }

    /// How the flow store stands that it writes to; none elsewhere.
    fn store(&self) -> Option<StoreReport> {
        None
    }

    /// True once nobody will ever take what it puts out (a closed pipe).
    fn is_pointless(&self) -> bool {
        false
    }

    /// Offers a load. False when there is no room, or after [`Self::stop`]: its records are then counted as not sent.
    /// Never waits.
    fn offer(&self, load: &Arc<T>) -> bool {
        self.queue().offer(load, clock::now())
    }

    /// As [`Self::offer`], but waits for room: for replay, which can wait.
    fn offer_waiting(&self, load: &Arc<T>) -> bool {
        self.queue().offer_waiting(load, clock::now())
    }

    /// The account as it stands.
    fn account(&self) -> Account<T::Amount> {
        self.queue().account()
    }

    /// [`Self::end`], and the final account.
    fn join(mut self) -> Account<T::Amount>
    where
        Self: Sized,
    {
        self.end();
        self.account()
    }
}
