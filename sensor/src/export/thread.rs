//! Threads that are waited for, but not for ever: one that writes to a pipe that nobody reads never comes back.

use std::{
    io,
    sync::{
        Mutex,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};

use sensor_core::sync::Unpoisoned as _;

/// A running thread.
#[derive(Debug)]
pub struct Thread {
    handle: JoinHandle<()>,
    /// Nothing comes from it; it ends with the thread.
    ended: Mutex<Receiver<()>>,
}

impl Thread {
    /// Starts `work` in a thread called `name`.
    ///
    /// # Errors
    /// When the system has no more threads.
    pub fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (end, ended) = channel::<()>();
        let work = move || {
            let _end = end;
            work();
        };
        Ok(Self {
            handle: Builder::new().name(name.to_owned()).spawn(work)?,
            ended: Mutex::new(ended),
        })
    }

    /// Waits for its end. A panic has been reported by the panic hook.
    pub fn join(self) {
        let _ = self.handle.join();
    }

    /// As [`Self::join`], until `end` at most. False when it then still runs: it is left behind.
    pub fn join_until(self, end: Instant) -> bool {
        let time = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let ended = self.ended.lock().unpoisoned().recv_timeout(time);
        let running = ended == Err(RecvTimeoutError::Timeout);
        if !running {
            self.join();
        }
        !running
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_hangs_is_left_behind() {
        let (go, wait) = channel::<()>();
        let thread = Thread::start("hangs", move || {
            let _ = wait.recv();
        })
        .unwrap();
        assert!(!thread.join_until(Instant::now()));
        drop(go);
        let thread = Thread::start("ends", || ()).unwrap();
        assert!(thread.join_until(Instant::now() + Duration::from_secs(60)));
        let thread = Thread::start("panics", || panic!("on purpose")).unwrap();
        assert!(thread.join_until(Instant::now() + Duration::from_secs(60)));
    }
}
