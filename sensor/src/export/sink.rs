//! What all sinks have in common: a name, a bounded queue with its account, and an end.

use std::{sync::Arc, time::Duration};

use super::{account::Account, clock, queue::Queue};
use crate::flow::batch::FlowBatch;

/// A destination of flow records that works on a thread of its own. Dropping it abandons what waits; [`Self::stop`]
/// and [`Self::end`] do not.
pub trait Sink: Send + Sync {
    /// Where the records go, for messages: `tcp://host:port`, a path.
    fn name(&self) -> &str;

    /// Its queue.
    fn queue(&self) -> &Queue;

    /// Asks it to take nothing more, to put out what waits, and to end within `deadline`. Returns at once.
    fn stop(&self, deadline: Duration);

    /// Waits for the end that [`Self::stop`] asked for. What then still waits counts as not sent.
    fn end(&mut self);

    /// True once nobody will ever take what it puts out (a closed pipe).
    fn is_pointless(&self) -> bool {
        false
    }

    /// Offers a batch. False when there is no room, or after [`Self::stop`]: its records are then counted as not sent.
    /// Never waits.
    fn offer(&self, batch: &Arc<FlowBatch>) -> bool {
        self.queue().offer(batch, clock::now())
    }

    /// As [`Self::offer`], but waits for room: for replay, which can wait.
    fn offer_waiting(&self, batch: &Arc<FlowBatch>) -> bool {
        self.queue().offer_waiting(batch, clock::now())
    }

    /// The account as it stands.
    fn account(&self) -> Account {
        self.queue().account()
    }

    /// [`Self::end`], and the final account.
    fn join(mut self) -> Account
    where
        Self: Sized,
    {
        self.end();
        self.account()
    }
}
