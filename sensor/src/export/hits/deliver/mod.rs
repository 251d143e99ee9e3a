//! The ways out, behind one face: a batch of rendered messages is handed over whole, or the failure says how far it got
//! and whether it is worth another try.

use std::sync::Arc;

use sensor_core::policy::alert::Alert;
use tokio::sync::Notify;

use self::{
    file::HitFile, journal::Journal, stdout::Stdout, store::StoredHits, syslog::Syslog,
    webhook::Webhook,
};
use super::{
    error::HitsError,
    options::{Destination, SyslogOptions},
    render::{Detail, Format, journal as journal_form, stored, syslog as syslog_form, text},
};
use crate::{
    clock,
    export::files::{Reopen, retention::Deleted},
};

mod file;
mod journal;
mod outcome;
mod stdout;
mod store;
mod syslog;
mod webhook;

pub use outcome::{Failure, Message, Verdict};

/// How an output writes an event.
#[derive(Clone, Debug)]
pub enum Renderer {
    /// In one line.
    Line(Format),
    /// For a terminal.
    Terminal(text::Style),
    /// As a syslog message.
    Syslog(syslog_form::Sender),
    /// As it is kept in the flow store.
    Stored,
    /// As fields of the journal, under this identifier.
    Journal(String),
}

impl Renderer {
    /// The event in that form.
    pub fn render(&self, event: &Alert) -> Message {
        let mut out = Vec::new();
        match self {
            Self::Line(format) => format.write(&mut out, event, Detail::Full),
            Self::Terminal(style) => text::write(&mut out, event, *style),
            Self::Syslog(sender) => return syslog_form::message(event, sender),
            Self::Stored => stored::write(&mut out, event, clock::now()),
            Self::Journal(tag) => return journal_form::fields(event, tag),
        }
        out
    }
}

/// Reads what a destination needs besides its files; opens nothing.
pub fn check(destination: &Destination, format: Format) -> Result<(), HitsError> {
    let name = destination.to_string();
    match destination {
        Destination::Syslog(options) => Syslog::new(options.clone())
            .map(drop)
            .map_err(|source| HitsError::Net { output: name, source }),
        Destination::Webhook(options) => Webhook::new(options.clone(), format, &name).map(drop),
        Destination::Stdout { .. }
        | Destination::File(_)
        | Destination::Store(_)
        | Destination::Journal { .. } => Ok(()),
    }
}

/// An open way out.
pub enum Delivery {
    Stdout(Stdout),
    File(HitFile),
    Store(StoredHits),
    Journal(Journal),
    Syslog(Box<Syslog>),
    Webhook(Box<Webhook>),
}

impl Delivery {
    /// Opens what must be there from the start, files and certificates.
    pub fn open(
        destination: Destination,
        format: Format,
        reopen: Arc<Reopen>,
    ) -> Result<(Self, Renderer), HitsError> {
        let name = destination.to_string();
        Ok(match destination {
            Destination::Stdout { verbose } => (
                Self::Stdout(Stdout::new()),
                match stdout::is_terminal() {
                    true => Renderer::Terminal(text::Style { colour: true, verbose }),
                    false if verbose && format == Format::Text => {
                        Renderer::Terminal(text::Style { colour: false, verbose })
                    }
                    false => Renderer::Line(format),
                },
            ),
            Destination::File(options) => {
                (Self::File(HitFile::open(options, reopen)?), Renderer::Line(format))
            }
            Destination::Store(options) => {
                (Self::Store(StoredHits::open(&options)?), Renderer::Stored)
            }
            Destination::Journal { socket, tag } => {
                (Self::Journal(Journal::new(socket)), Renderer::Journal(tag))
            }
            Destination::Syslog(options) => {
                let renderer = Renderer::Syslog(sender(&options, format));
                let syslog = Syslog::new(options)
                    .map_err(|source| HitsError::Net { output: name, source })?;
                (Self::Syslog(Box::new(syslog)), renderer)
            }
            Destination::Webhook(options) => {
                let webhook = Webhook::new(options, format, &name)?;
                (Self::Webhook(Box::new(webhook)), Renderer::Line(format))
            }
        })
    }

    /// Hands `batch` over and returns the octets that this took.
    pub async fn deliver(&mut self, batch: &[Message]) -> Result<usize, Failure> {
        match self {
            Self::Stdout(stdout) => stdout.deliver(batch),
            Self::File(file) => file.deliver(batch),
            Self::Store(store) => store.deliver(batch),
            Self::Journal(journal) => journal.deliver(batch).await,
            Self::Syslog(syslog) => syslog.deliver(batch).await,
            Self::Webhook(webhook) => webhook.deliver(batch).await,
        }
    }

    /// What has been deleted since this was last asked, to make room for others.
    pub fn take_deleted(&mut self) -> Deleted {
        match self {
            Self::File(file) => file.take_deleted(),
            Self::Store(store) => store.take_deleted(),
            _ => Deleted::default(),
        }
    }

    /// Waits for more that is to be delivered.
    pub async fn idle(&mut self, arrived: &Notify) {
        match self {
            Self::Store(store) => store.idle(arrived).await,
            _ => arrived.notified().await,
        }
    }

    /// Ends in order.
    pub async fn close(&mut self) {
        if let Self::Syslog(syslog) = self {
            syslog.close().await;
        }
    }
}

fn sender(options: &SyslogOptions, format: Format) -> syslog_form::Sender {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    syslog_form::Sender {
        facility: options.facility,
        host: host.trim().to_owned(),
        tag: options.tag.clone(),
        process: std::process::id(),
        enterprise: options.enterprise,
        format,
    }
}
