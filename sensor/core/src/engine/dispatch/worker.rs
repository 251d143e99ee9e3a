//! A thread that asks one shard of the policies.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread::{self, JoinHandle},
};

use super::{
    outbox::Outbox,
    stage::{Gone, Output, Stage},
};
use crate::policy::{detector::Shard, sources::View};

/// Batches that a worker may be behind the lead: enough that neither waits for the other's longer ones, and few enough that
/// a recall is quick.
const BEHIND: usize = 4;

/// What a worker is to do; with the numbers that the outbox has given.
pub(super) enum Order {
    /// Ask the shard of a batch.
    Observe(u64, Arc<Stage>),
    /// Follow the clock.
    Advance(u64, Arc<View>),
    /// Give the shard back.
    Give,
    /// Go on with this one.
    Take(Shard),
}

/// A worker, as the lead knows it.
pub(super) struct Worker {
    /// None once it is to end.
    orders: Option<SyncSender<Order>>,
    shards: Receiver<Shard>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts a thread for `shard`.
    ///
    /// # Errors
    /// When the system refuses it.
    pub(super) fn start<O: Output>(
        number: usize,
        shard: Shard,
        outbox: Arc<Outbox<O>>,
    ) -> io::Result<Self> {
        let (orders, told) = sync_channel(BEHIND);
        let (give, shards) = channel();
        let thread = thread::Builder::new()
            .name(format!("engine-{}", number + 1))
            .spawn(move || run(Some(shard), &told, &give, &outbox))?;
        Ok(Self { orders: Some(orders), shards, thread: Some(thread) })
    }

    /// Tells it what to do, once it has room for it.
    pub(super) fn send(&self, order: Order) -> Result<(), Gone> {
        self.orders.as_ref().ok_or(Gone)?.send(order).map_err(|_| Gone)
    }

    /// The shard that it gives back; none where it has ended by itself.
    pub(super) fn take(&self) -> Option<Shard> {
        self.shards.recv().ok()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // That it panicked has been told.
            let _ = thread.join();
        }
    }
}

/// Follows orders until there are none.
fn run<O: Output>(
    mut shard: Option<Shard>,
    orders: &Receiver<Order>,
    give: &Sender<Shard>,
    outbox: &Outbox<O>,
) {
    let mut found = Vec::new();
    while let Ok(order) = orders.recv() {
        let number = match (order, &mut shard) {
            (Order::Observe(number, stage), own) => {
                if let Some(own) = own {
                    let Stage { batch, interfaces, clocked } = &*stage;
                    own.observe(batch, interfaces, clocked, &mut found);
                }
                number
            }
            (Order::Advance(number, view), own) => {
                own.iter_mut().for_each(|own| own.advance(&view, &mut found));
                number
            }
            (Order::Give, own) => {
                // Nobody takes it where the lead has gone.
                own.take().into_iter().for_each(|own| drop(give.send(own)));
                continue;
            }
            (Order::Take(new), own) => {
                *own = Some(new);
                continue;
            }
        };
        outbox.report(number, &mut found);
    }
}
