//! The half of a store that appends: records go into a journal, which is handed over to the other half once it is full or old.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use sensor_core::flow::batch::FlowBatch;

use crate::{
    accounts::{Accounts, Shed},
    error::Error,
    figures::JournalFigures,
    journal::writer::Writer,
    store::{Full, Shared, Watched},
};

/// Appends batches.
#[derive(Debug)]
pub struct Appender {
    shared: Arc<Shared>,
    journal: Option<Writer>,
    next: u64,
    /// Octets of journals that were written.
    octets: u64,
}

impl Appender {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let next = shared.next.load(Relaxed);
        Self { shared, journal: None, next, octets: 0 }
    }

    /// The accounts of the store.
    pub fn accounts(&self) -> &Accounts {
        &self.shared.accounts
    }

    /// Octets of journals that it has written.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// What others see of the store.
    pub fn watched(&self) -> Watched {
        Watched(self.shared.clone())
    }

    /// Appends a batch. What cannot be stored is counted, and the next batch is tried anew.
    ///
    /// # Errors
    /// Why not all of it was stored, or may not outlast a failure of the machine.
    pub fn append(&mut self, batch: &FlowBatch, now: u64) -> Result<(), Error> {
        let rows = batch.len() as u64;
        if rows == 0 {
            return Ok(());
        }
        let options = self.shared.options;
        if self.journal.as_ref().is_some_and(|own| {
            let (first, next) = own.sequence();
            own.is_full() || (next > first && next - first + rows > options.segment_rows)
        }) {
            self.roll();
        }
        let before = self.next;
        let mut octets = 0;
        let result = self.journal(now).and_then(|own| {
            let before = own.length();
            let result = own.append(batch, now, options.sync);
            octets = own.length() - before;
            result
        });
        self.octets += octets;
        self.next = self.journal.as_ref().map_or(self.next, |own| own.sequence().1);
        let stored = self.next - before;
        self.shared.accounts.stored(stored);
        self.shared.next.store(self.next, Relaxed);
        if let Err(error) = &result {
            let why = if error.is_full() { Shed::DiskFull } else { Shed::Error };
            self.shared.accounts.shed(why, rows - stored);
            if error.is_full() {
                self.shared.is_pressed.store(true, Relaxed);
            }
        }
        self.publish();
        result
    }

    /// Lets others see what the journal has.
    fn publish(&self) {
        let journal = self.journal.as_ref().filter(|own| own.sequence().1 > own.sequence().0);
        self.shared.journals().open = journal.map(figures);
    }

    /// The journal that is being written, a new one if there is none.
    fn journal(&mut self, now: u64) -> Result<&mut Writer, Error> {
        let own = match self.journal.take() {
            Some(own) => own,
            None => Writer::create(&self.shared.folder.journal(self.next), self.next, now)?,
        };
        Ok(self.journal.insert(own))
    }

    /// Does what is due by now: to be called at least every second.
    ///
    /// # Errors
    /// When the system cannot make the journal outlast a failure of the machine.
    pub fn tick(&mut self, now: u64) -> Result<(), Error> {
        let options = self.shared.options;
        let Some(own) = &mut self.journal else { return Ok(()) };
        let result = own.sync_if_due(now, options.sync);
        let (first, next) = own.sequence();
        // A clock that was set back is no reason to wait.
        let is_old = now.abs_diff(own.begun()) >= options.segment_age;
        if next > first && (is_old || own.is_full() || next - first >= options.segment_rows) {
            self.roll();
        }
        result
    }

    /// Ends the journal, which the keeper then seals.
    fn roll(&mut self) {
        let Some(own) = self.journal.take() else { return };
        let (first, next) = own.sequence();
        let mut journals = self.shared.journals();
        journals.open = None;
        if next > first {
            journals.full.push_back(Full { sequence: (first, next), figures: figures(&own) });
        } else {
            // It has nothing but a head; at the next start it is deleted otherwise.
            let _ = self.shared.folder.delete(own.path());
        }
    }

    /// Ends the journal, so that nothing of it is lost whatever happens to the machine.
    ///
    /// # Errors
    /// When the system cannot.
    pub fn close(mut self, now: u64) -> Result<(), Error> {
        let result = self.journal.as_mut().map_or(Ok(()), |own| own.sync(now));
        self.roll();
        result
    }
}

fn figures(own: &Writer) -> JournalFigures {
    JournalFigures { begun: own.begun(), octets: own.length() }
}
