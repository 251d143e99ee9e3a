//! The thread that writes the state file of a source: it may open files, and sees nothing of what objects hold. The one that decodes
//! sees that, and may nothing.

use std::{
    io,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread::Builder,
};

use sensor_core::sync::Unpoisoned as _;

use super::{
    journal::Journal,
    state::{State, Step},
};

/// The way to the thread; it ends with it.
#[derive(Debug)]
pub struct Keeper {
    steps: Sender<Step>,
    results: Receiver<Result<(), String>>,
}

impl Keeper {
    /// Starts the thread, which keeps steps in `journal`. `state` is what they lead to.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(mut journal: Journal, state: Arc<Mutex<State>>) -> io::Result<Self> {
        let (steps, asked) = channel::<Step>();
        let (answer, results) = channel();
        Builder::new().name("cloud-state".to_owned()).spawn(move || {
            for step in asked {
                let state = state.lock().unpoisoned();
                let kept = journal.keep(&step, &state);
                drop(state);
                let kept = kept.map_err(|error| format!("{:#}", anyhow::Error::new(error)));
                if answer.send(kept).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { steps, results })
    }

    /// Keeps a step: once this returns, it outlives a loss of power. The state has made it already.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub fn keep(&self, step: &Step) -> Result<(), String> {
        const GONE: &str = "the thread of the state file has ended";
        self.steps.send(step.clone()).map_err(|_| GONE.to_owned())?;
        self.results.recv().map_err(|_| GONE.to_owned())?
    }
}
