//! Attaches to interfaces as they appear, and lets go of them as they vanish.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context as _;

use super::outputs::Outputs;
use crate::{
    flow::interfaces::{Interface, Interfaces},
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
    /// Every interface that was ever attached: records of one that is gone may still be under way.
    names: Interfaces,
    outputs: Arc<Outputs>,
}

impl Attachments {
    /// Attaches to all links of `selection`, and shows on stderr how.
    ///
    /// # Errors
    /// When there are links, and none can be attached.
    pub fn new(
        programs: Programs,
        wish: IngressWish,
        selection: &Selection,
        outputs: Arc<Outputs>,
    ) -> anyhow::Result<Self> {
        let names = Interfaces::default();
        let mut all = Self { attached: BTreeMap::new(), programs, wish, names, outputs };
        let mut refused = None;
        for link in selection.links() {
            if let Err(error) = all.attach(link) {
                refused = Some(error);
            }
        }
        if let (true, Some(error)) = (all.attached.is_empty(), refused) {
            return Err(error).context("no interface can be watched");
        }
        for (carrier, user) in selection.counted_twice() {
            tracing::warn!(
                "{} and {} see the same packets: their traffic is counted twice",
                carrier.name,
                user.name
            );
        }
        Ok(all)
    }

    /// Follows a change.
    pub fn follow(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Appeared(link) => {
                // The error has been shown; the other interfaces go on.
                let _ = self.attach(&link);
            }
            LinkEvent::Renamed(link) => {
                tracing::info!("interface {} is now called {}", link.index, link.name);
                self.name(&link);
            }
            LinkEvent::Gone(link) => {
                if self.attached.remove(&link.index).is_some() {
                    stdio::note(format_args!("{}: gone", link.name));
                }
            }
        }
    }

    /// Detaches from all.
    pub fn detach(&mut self) {
        self.attached.clear();
    }

    fn attach(&mut self, link: &Link) -> Result<(), KernelError> {
        self.name(link);
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

    fn name(&mut self, link: &Link) {
        let interface = Interface { name: link.name.clone(), alias: String::new() };
        self.names.0.insert(link.index, interface);
        self.outputs.set_interfaces(self.names.clone());
    }
}
