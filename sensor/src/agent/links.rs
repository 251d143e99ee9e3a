//! Attaches to interfaces as they appear, and lets go of them as they vanish.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;

use super::{names::Names, outputs::Outputs};
use crate::{
    kernel::{
        Programs,
        attach::{Attachment, IngressWish},
        error::KernelError,
        links::{Link, LinkEvent, Selection},
    },
    stdio,
};

/// The interfaces that are being watched.
pub struct Attachments {
    // Before the programs: what is attached goes first.
    attached: BTreeMap<u32, Attachment>,
    programs: Programs,
    wish: IngressWish,
    names: Names,
    outputs: Arc<Outputs>,
}

impl Attachments {
    /// Attaches to all links of `selection`, and shows on stderr how. Names outlive their interfaces by `linger`: records
    /// of one that is gone may still be under way.
    ///
    /// # Errors
    /// When there are links, and none can be attached.
    pub fn new(
        programs: Programs,
        wish: IngressWish,
        selection: &Selection,
        linger: Duration,
        outputs: Arc<Outputs>,
    ) -> anyhow::Result<Self> {
        let names = Names::new(linger);
        let mut all = Self { attached: BTreeMap::new(), programs, wish, names, outputs };
        let mut refused = None;
        selection.links().for_each(|link| all.names.set(link.index, &link.name));
        all.tell_names();
        for link in selection.links() {
            if let Err(error) = all.attach(link) {
                refused = Some(error);
            }
        }
        if let (true, Some(error)) = (all.attached.is_empty(), refused) {
            return Err(error).context("no interface can be watched");
        }
        selection.all_counted_twice().iter().for_each(|twice| tracing::warn!("{twice}"));
        Ok(all)
    }

    /// Follows changes, all that have come by now.
    pub fn follow(&mut self, events: &[LinkEvent]) {
        // Names first, in one go: records must not come before the name of their interface, and a burst of changes must
        // not be told to every collector event by event.
        for event in events {
            match event {
                LinkEvent::Appeared(link) | LinkEvent::Renamed(link) => {
                    self.names.set(link.index, &link.name);
                }
                LinkEvent::Gone(link) | LinkEvent::Left(link) => {
                    self.names.release(link.index, Instant::now());
                }
                LinkEvent::CountedTwice(_) => {}
            }
        }
        self.tell_names();
        for event in events {
            match event {
                // An error has been shown; the other interfaces go on.
                LinkEvent::Appeared(link) => drop(self.attach(link)),
                LinkEvent::Renamed(link) => {
                    tracing::info!("interface {} is now called {}", link.index, link.name);
                }
                LinkEvent::Gone(link) => self.detach_from(link, "gone"),
                LinkEvent::Left(link) => self.detach_from(link, "let go, no longer asked for"),
                LinkEvent::CountedTwice(twice) => tracing::warn!("{twice}"),
            }
        }
    }

    /// Tells the outputs which names have come and which need no longer be known.
    pub fn tell_names(&mut self) {
        if let Some(names) = self.names.changes(Instant::now()) {
            self.outputs.set_interfaces(names.clone());
        }
    }

    /// Detaches from all.
    pub fn detach(&mut self) {
        self.attached.clear();
    }

    fn attach(&mut self, link: &Link) -> Result<(), KernelError> {
        match self.programs.attach(link, self.wish) {
            Ok(attachment) => {
                stdio::note(&attachment);
                self.attached.insert(link.index, attachment);
                Ok(())
            }
            Err(error) => {
                tracing::error!("{error}");
                Err(error)
            }
        }
    }

    fn detach_from(&mut self, link: &Link, why: &str) {
        if self.attached.remove(&link.index).is_some() {
            stdio::note(format_args!("{}: {why}", link.name));
        }
    }
}
