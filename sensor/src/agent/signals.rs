//! What the agent does about signals.
//!
//! The default of most of them ends the process, and with it all flows that are still in memory. Here a signal either has a
//! meaning or none: TERM, INT and QUIT stop in order, HUP reloads, USR1 asks for the summary so far; timers, I/O, power and
//! file size signals and the like are of no concern to an agent.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// To stop in order.
    Stop,
    /// To read files anew.
    Reload,
    /// To tell how things stand.
    Report,
}

/// Signals that have a meaning.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    quit: Signal,
    hangup: Signal,
    user: Signal,
}

/// Signals without a meaning whose default would end the process. SIGPIPE is ignored by Rust's start already, as its writers
/// learn of it by an error.
fn meaningless() -> Vec<SignalKind> {
    let raw = [
        libc::SIGVTALRM,
        libc::SIGPROF,
        libc::SIGPWR,
        libc::SIGSTKFLT,
        // Whoever writes beyond a limit gets an error, and accounts for it.
        libc::SIGXFSZ,
    ];
    let realtime = libc::SIGRTMIN()..=libc::SIGRTMAX();
    let named =
        [SignalKind::user_defined2(), SignalKind::alarm(), SignalKind::io(), SignalKind::pipe()];
    named.into_iter().chain(raw.into_iter().chain(realtime).map(SignalKind::from_raw)).collect()
}

impl Signals {
    /// From now on no signal but KILL ends the process by itself. To be called within a tokio runtime.
    ///
    /// # Errors
    /// When the kernel refuses a handler.
    pub fn new() -> io::Result<Self> {
        for kind in meaningless() {
            // The handler stays when its stream is dropped, and does nothing.
            drop(signal(kind)?);
        }
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
            hangup: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
        })
    }

    /// Waits for the next request. Dropping the future loses none.
    pub async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.interrupt.recv() => Request::Stop,
            _ = self.terminate.recv() => Request::Stop,
            _ = self.quit.recv() => Request::Stop,
            _ = self.hangup.recv() => Request::Reload,
            _ = self.user.recv() => Request::Report,
        }
    }
}
