//! What requests reach.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{
    entry::{self, Entries, NoRandom},
    guard::{Hosts, Known},
    look::Looker,
};
use crate::{
    agent::{
        config::{Config, console::ConsoleConfig},
        control::observer::Observer,
        plant::Plant,
        web::token::TokenFile,
    },
    clock,
    console::desk::Desk,
    export::hits::held::HeldHits,
    stdio,
};

/// Questions that are answered at the same time.
const AT_ONCE: usize = 2;

/// What requests reach. Clones share it.
#[derive(Clone)]
pub struct Served(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) desk: Desk,
    /// Hits as they come.
    pub(super) hits: Option<Arc<HeldHits>>,
    pub(super) turns: Arc<Semaphore>,
    pub(super) entries: Entries,
    pub(super) hosts: Hosts,
    /// Whether browsers speak TLS, here or with a proxy.
    pub(super) secure: bool,
    /// Where people find the page: without a path.
    pub(super) place: String,
    token: Option<TokenFile>,
    now: fn() -> u64,
    monotonic: fn() -> u64,
}

impl Served {
    /// Of an agent at work; none where it holds no records.
    pub fn of(
        console: &ConsoleConfig,
        config: &Config,
        plant: &Arc<Plant>,
        observer: &Arc<Observer>,
    ) -> Option<Self> {
        let desk = Desk {
            held: plant.held()?.clone(),
            store: config.store.as_ref().map(|store| store.records.folder.clone()),
            lists: plant.lists().clone(),
            interfaces: plant.interfaces(),
            timer: Arc::new(|| clock::monotonic() / 1_000_000),
            agent: Arc::new(Looker::new(console, config, plant.clone(), observer.clone())),
        };
        Some(Self::new(console, desk, plant.held_hits().cloned()))
    }

    /// Tells whoever sits before it where the page is.
    pub fn announce(&self) {
        if stdio::error_is_terminal()
            && let Ok(address) = self.invitation()
        {
            stdio::note(format_args!("console: {address} (once; another one: sensor page)"));
        }
    }

    /// By a configuration.
    pub fn new(config: &ConsoleConfig, desk: Desk, hits: Option<Arc<HeldHits>>) -> Self {
        Self::at(config, desk, hits, clock::now, clock::monotonic)
    }

    /// The same by other clocks: milliseconds since the epoch, and nanoseconds that never go back.
    pub fn at(
        config: &ConsoleConfig,
        desk: Desk,
        hits: Option<Arc<HeldHits>>,
        now: fn() -> u64,
        monotonic: fn() -> u64,
    ) -> Self {
        let ConsoleConfig { address, tls, behind_proxy, hosts, .. } = config;
        let secure = tls.is_some() || *behind_proxy;
        let scheme = if secure { "https" } else { "http" };
        let place = match hosts.first() {
            Some(host) if *behind_proxy => format!("{scheme}://{host}"),
            Some(host) if address.ip().is_unspecified() => {
                format!("{scheme}://{host}:{}", address.port())
            }
            _ => format!("{scheme}://{address}"),
        };
        Self(Arc::new(Inner {
            desk,
            hits,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            entries: Entries::default(),
            hosts: Hosts::new(address.ip(), hosts),
            secure,
            place,
            token: entry::token(config),
            now,
            monotonic,
        }))
    }

    /// An address that lets whoever opens it first come in.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn invitation(&self) -> Result<String, NoRandom> {
        let code = self.0.entries.code((self.0.monotonic)())?;
        Ok(format!("{}/login?once={code}", self.0.place))
    }

    pub(super) fn now(&self) -> u64 {
        (self.0.now)()
    }

    /// What a browser is to show that shows this code.
    pub(super) fn enter(&self, code: &str) -> Result<Option<String>, NoRandom> {
        self.0.entries.enter(code, (self.0.monotonic)())
    }
}

impl Known for Served {
    fn is_token(&self, shown: &str) -> Option<bool> {
        let token = self.0.token.as_ref()?;
        let header = format!("Bearer {shown}");
        token.is_borne_by(Some(&header)).ok()
    }

    fn has_entered(&self, shown: &str) -> bool {
        self.0.entries.has(shown, (self.0.monotonic)())
    }
}
