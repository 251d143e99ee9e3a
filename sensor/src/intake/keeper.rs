//! The thread that writes the state file from time to time, and once more at the end.

use std::{
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{error::IntakeError, options::State, parts::Parts, state, thread::thread};

/// Between two looks where no state is kept; none of them does anything.
const IDLE: Duration = Duration::from_hours(1);

/// The thread, and what it is told.
pub(super) struct Keeper {
    change: Sender<Option<State>>,
    thread: JoinHandle<()>,
}

impl Keeper {
    /// Starts the thread, which begins with `first` and keeps nothing yet.
    pub(super) fn start(parts: &Arc<Parts>, first: fn()) -> Result<Self, IntakeError> {
        let (change, changes) = mpsc::channel();
        let parts = parts.clone();
        let thread = thread("intake-state", first, move || keep(&changes, &parts))?;
        Ok(Self { change, thread })
    }

    /// From now on what devices tell is kept as `state` says. A file that it takes leave of is written once more.
    pub(super) fn change(&self, state: Option<State>) {
        // It has ended only where it panicked, which has been shown.
        let _ = self.change.send(state);
    }

    /// Writes the file for the last time, and ends.
    pub(super) fn stop(self) {
        drop(self.change);
        let _ = self.thread.join();
    }
}

fn keep(changes: &Receiver<Option<State>>, parts: &Parts) {
    let mut state: Option<State> = None;
    let mut written = Instant::now();
    // Of the path in force.
    let mut failing = false;
    let mut write = |state: &Option<State>, written: &mut Instant| {
        if let Some(state) = state {
            state::save(&state.path, &parts.desks, &mut failing);
        }
        *written = Instant::now();
    };
    loop {
        let interval = state.as_ref().map_or(IDLE, |state| state.interval);
        match changes.recv_timeout(interval.saturating_sub(written.elapsed())) {
            Ok(new) => {
                let path = |state: &Option<State>| state.as_ref().map(|state| state.path.clone());
                if path(&state) != path(&new) {
                    write(&state, &mut written);
                }
                state = new;
            }
            Err(RecvTimeoutError::Timeout) => write(&state, &mut written),
            Err(RecvTimeoutError::Disconnected) => return write(&state, &mut written),
        }
    }
}
