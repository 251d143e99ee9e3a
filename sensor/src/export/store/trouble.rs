//! What goes wrong again and again: told when it begins and when it is over, and not in between.

use std::{error::Error, io, sync::Mutex};

use sensor_core::sync::Unpoisoned as _;
use sensor_store::error::Error as StoreError;

use crate::files;

/// The trouble of one thread.
#[derive(Debug)]
pub struct Trouble {
    store: String,
    what: &'static str,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    now: Option<String>,
    last: Option<String>,
    times: u64,
}

impl Trouble {
    /// None so far. `what` is what it leads to.
    pub fn new(store: &str, what: &'static str) -> Self {
        Self { store: store.to_owned(), what, state: Mutex::default() }
    }

    /// Takes note of how an attempt went.
    pub fn note(&self, failed: Option<&StoreError>) {
        let mut state = self.state.lock().unpoisoned();
        let Some(error) = failed else {
            if state.now.take().is_some() {
                let times = std::mem::take(&mut state.times);
                tracing::info!(store = %self.store, failures = times, "the flow store can be written again");
            }
            return;
        };
        let text = text(error);
        state.times += 1;
        if state.now.is_none() {
            tracing::error!(store = %self.store, error = text, "{}", self.what);
        }
        state.last = Some(text.clone());
        state.now = Some(text);
    }

    /// What is wrong now.
    pub fn now(&self) -> Option<String> {
        self.state.lock().unpoisoned().now.clone()
    }

    /// What went wrong last.
    pub fn last(&self) -> Option<String> {
        self.state.lock().unpoisoned().last.clone()
    }
}

/// An error with its causes, and what helps.
pub fn text(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    let mut remedy = String::new();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        if let Some(error) = error.downcast_ref::<io::Error>() {
            remedy = files::remedy(error).to_string();
        }
        cause = error.source();
    }
    text + &remedy
}
