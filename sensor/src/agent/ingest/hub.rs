//! From requests to sources: which sources there are, and what holds for all requests.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use sensor_core::sync::Unpoisoned as _;
use tokio::sync::Semaphore;

use super::{delivery::Channel, figures::Figures, refusal::Refusal};
use crate::agent::config::ingest::IngestConfig;

/// What holds for all requests.
pub(super) struct Settings {
    pub(super) max_body: usize,
    pub(super) rate: u64,
    max_requests: u64,
    /// Who has one may have a body in memory.
    pub(super) permits: Arc<Semaphore>,
}

/// Everything. Clones share it.
#[derive(Clone)]
pub struct Hub(Arc<Shared>);

struct Shared {
    /// None for sources that are starting or ending.
    sources: Mutex<HashMap<String, Option<Arc<Channel>>>>,
    settings: Mutex<Arc<Settings>>,
    figures: Arc<Figures>,
}

impl Default for Hub {
    fn default() -> Self {
        let settings = Settings {
            max_body: 0,
            rate: 0,
            max_requests: 0,
            permits: Arc::new(Semaphore::new(0)),
        };
        Self(Arc::new(Shared {
            sources: Mutex::default(),
            settings: Mutex::new(Arc::new(settings)),
            figures: Arc::default(),
        }))
    }
}

impl Hub {
    /// From now on these bounds hold.
    pub(super) fn configure(&self, config: &IngestConfig) {
        let mut settings = self.0.settings.lock().unpoisoned();
        let permits = if settings.max_requests == config.max_requests {
            settings.permits.clone()
        } else {
            Arc::new(Semaphore::new(config.max_requests as usize))
        };
        *settings = Arc::new(Settings {
            max_body: config.max_body as usize,
            rate: config.rate,
            max_requests: config.max_requests,
            permits,
        });
    }

    pub(super) fn settings(&self) -> Arc<Settings> {
        self.0.settings.lock().unpoisoned().clone()
    }

    pub(super) fn figures(&self) -> Arc<Figures> {
        self.0.figures.clone()
    }

    /// A source called `name` is going to start: until then its senders are told to come back.
    pub fn announce(&self, name: &str) {
        self.0.sources.lock().unpoisoned().entry(name.to_owned()).or_default();
    }

    pub(super) fn open(&self, name: &str, channel: Arc<Channel>) {
        self.0.sources.lock().unpoisoned().insert(name.to_owned(), Some(channel));
    }

    pub(super) fn close(&self, name: &str) {
        if let Some(source) = self.0.sources.lock().unpoisoned().get_mut(name) {
            *source = None;
        }
    }

    /// Of the sources that are not open, only those stay for which `is_configured` holds.
    pub fn forget(&self, is_configured: impl Fn(&str) -> bool) {
        let mut sources = self.0.sources.lock().unpoisoned();
        sources.retain(|name, source| source.is_some() || is_configured(name));
    }

    /// The source called `name`.
    ///
    /// # Errors
    /// Where there is none, or not now.
    pub(super) fn source(&self, name: &str) -> Result<Arc<Channel>, Refusal> {
        match self.0.sources.lock().unpoisoned().get(name) {
            Some(Some(channel)) => Ok(channel.clone()),
            Some(None) => Err(Refusal::Closed),
            None => Err(Refusal::NoSource),
        }
    }
}
