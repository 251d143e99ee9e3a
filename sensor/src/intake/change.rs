//! Other options for an intake that runs: in two steps, so that what cannot be had changes nothing.

use std::sync::{Arc, Mutex};

use super::{
    Intake, Running,
    error::IntakeError,
    keeper::Keeper,
    options::{Listener, Options},
    relay::Relay,
    shard::{DecoderShard, SharedDecoder, lock},
    share,
    sockets::Planned,
    state,
    stream::{Service, Streams, Terms},
    thread::thread,
    worker,
};

pub use super::sockets::Changed;

/// Other options, with all that they need opened.
pub struct Change {
    options: Options,
    sockets: Planned,
    relay: Relay,
}

impl Intake {
    /// Opens what `options` ask for and is not there. Nothing has changed so far, and dropping the change leaves it so. The
    /// number of workers stays as it is: which of them knows a device's templates follows from it.
    ///
    /// # Errors
    /// When an address cannot be listened at, a certificate not read, a receiver of forwarded datagrams not found.
    pub fn prepare(&self, options: &Options) -> Result<Change, IntakeError> {
        let mut running = self.running();
        let workers = self.parts.desks.len();
        let udp: Vec<&Listener> = options.listeners.iter().filter(|l| !l.is_stream()).collect();
        let relay = self.parts.relay().changed_to(&options.forwards, &udp)?;
        if let Some(state) = options.kept() {
            if running.options.kept().is_none_or(|before| before.path != state.path) {
                // Before anything is lost: a file that cannot be written is a mistake.
                state::probe(&state.path)?;
            }
            if running.keeper.is_none() {
                running.keeper = Some(Keeper::start(&self.parts, self.beginnings.keeping)?);
            }
        }
        // Threads without anything to do wait for it.
        if !udp.is_empty() && running.workers.is_empty() {
            for index in 0..workers {
                let (parts, sink, stop) =
                    (self.parts.clone(), self.sink.clone(), self.stop.clone());
                let first = self.beginnings.decoding;
                let work = move || worker::run(index, &parts, &sink, &stop);
                running.workers.push(thread(&format!("intake-{index}"), first, work)?);
            }
        }
        if options.listeners.iter().any(Listener::is_stream) && running.streams.is_none() {
            running.streams = Some(self.start_streams(options)?);
        }
        let sockets = running.sockets.plan(options, workers, running.streams.as_ref())?;
        Ok(Change { options: options.clone(), sockets, relay })
    }

    fn has_devices(&self) -> bool {
        let has = |desk: &SharedDecoder| lock(desk).decoder.directory().devices().next().is_some();
        self.parts.desks.iter().any(has)
    }

    fn start_streams(&self, options: &Options) -> Result<Streams, IntakeError> {
        let rules = Arc::new(options.rules.clone());
        let memory = share(options.memory, self.parts.desks.len(), true);
        let desk = DecoderShard::new(&rules, memory, options.inner_headers);
        let desk = Arc::new(Mutex::new(desk));
        let terms = Terms::of(options, &rules);
        let service = Arc::new(Service::new(desk, self.sink.clone(), terms, options));
        let streams = Streams::start(service, self.beginnings.decoding)?;
        // It is the first.
        let _ = self.parts.streams.set(streams.shared().clone());
        Ok(streams)
    }

    /// Goes on with `change`. What it leaves as it was is not touched: sockets keep what waits in them, devices their templates, and
    /// connections go on.
    pub fn apply(&self, change: Change) -> Changed {
        let Change { options, sockets, relay } = change;
        let mut running = self.running();
        let Running { options: before, share: share_before, streams, keeper, .. } = &mut *running;
        let rules = Arc::new(options.rules.clone());
        // First who is listened to, and what they are called: then whoever comes finds everything.
        let memory = share(options.memory, self.parts.desks.len(), streams.is_some());
        let decoding = (memory, options.inner_headers);
        if !rules.are(&before.rules) || decoding != (*share_before, before.inner_headers) {
            let of_streams = streams.iter().map(|streams| &streams.shared().desk);
            for desk in self.parts.desks.iter().chain(of_streams) {
                lock(desk).reconfigure(&rules, memory, options.inner_headers);
            }
            *share_before = memory;
        }
        if let Some(streams) = streams {
            streams.shared().change(Terms::of(&options, &rules), &options);
        }
        if let Some(keeper) = keeper
            && options.kept() != before.kept()
        {
            // Before the first datagram, and not over what is known since.
            if let (None, Some(state), false) = (before.kept(), options.kept(), self.has_devices())
            {
                self.restore(&state.path);
            }
            keeper.change(options.kept().cloned());
        }
        self.parts.set_relay(relay);
        let buffer = options.receive_buffer;
        let buffer = (buffer != before.receive_buffer).then_some(buffer);
        let Running { sockets: open, streams, options: in_force, .. } = &mut *running;
        *in_force = options;
        open.change(sockets, buffer, &self.parts, streams.as_ref())
    }
}
