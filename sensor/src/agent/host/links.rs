//! Attaches to interfaces as they appear, and lets go of them as they vanish.

use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use sensor_kernel::{
    Programs,
    attach::{Attachment, HookChange, HookEvent, IngressWish},
    error::KernelError,
    links::{AUTO, Left, Link, LinkEvent, Selection},
};

use super::{
    coverage::{self, Coverage},
    hooks,
    names::Names,
};
use crate::{
    agent::{config::interface::IngressWishes, plant::Plant, status::host::Interface},
    stdio,
};

/// How long a packet may take from an interface's counter to our program.
const UNDER_WAY: Duration = Duration::from_millis(20);

/// How often it is tried again to attach to an interface that refused it.
const AGAIN: Duration = Duration::from_secs(5);

/// The interfaces that are being watched.
pub struct Attachments {
    // Before the programs: what is attached goes first.
    attached: BTreeMap<u32, Attachment>,
    /// Interfaces that could not be attached to, and when that is tried again.
    refused: BTreeMap<u32, (Link, Instant)>,
    programs: Programs,
    wishes: IngressWishes,
    coverage: Coverage,
    /// Programs that were put back where they had been.
    restored: u64,
    /// Names under which no interface is there, and whether one was.
    awaited: BTreeMap<String, bool>,
    names: Names,
    plant: Arc<Plant>,
}

impl Attachments {
    /// Attaches to all links of `selection`, and shows on stderr how. Names outlive their interfaces by `linger`: records
    /// of one that is gone may still be under way.
    ///
    /// # Errors
    /// When there are links, and none can be attached.
    pub fn new(
        programs: Programs,
        wishes: IngressWishes,
        selection: &Selection,
        linger: Duration,
        plant: Arc<Plant>,
    ) -> anyhow::Result<Self> {
        let coverage = Coverage::new().context("cannot read the interface counters")?;
        let mut all = Self {
            attached: BTreeMap::new(),
            refused: BTreeMap::new(),
            programs,
            wishes,
            coverage,
            restored: 0,
            awaited: selection.awaited().iter().map(|name| (name.clone(), false)).collect(),
            names: Names::new(linger),
            plant,
        };
        let mut refused = Vec::new();
        selection.links().for_each(|link| all.names.set(link.index, &link.name));
        all.tell_names();
        for link in selection.links() {
            if let Err(error) = all.attach(link) {
                refused.push(error);
                all.try_later(link);
            }
        }
        // Each is shown once: here, or by whoever gets it.
        let fatal = refused.pop_if(|_| all.attached.is_empty());
        refused.iter().for_each(not_watched);
        if let Some(error) = fatal {
            return Err(error).context("no interface can be captured");
        }
        let released = all.programs.release_unclaimed();
        if released > 0 {
            tracing::info!(
                programs = released,
                "detached what a sensor before had left pinned and this one does not capture"
            );
        }
        selection.all_counted_twice().iter().for_each(|twice| tracing::warn!("{twice}"));
        Ok(all)
    }

    /// The programs that are attached.
    pub fn programs(&self) -> &Programs {
        &self.programs
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
                LinkEvent::Gone(link) | LinkEvent::Left(Left { link, .. }) => {
                    self.names.release(link.index, Instant::now());
                }
                LinkEvent::Tagged(_)
                | LinkEvent::CountedTwice(_)
                | LinkEvent::Found(_)
                | LinkEvent::Lost(_)
                | LinkEvent::Awaiting(_) => {}
            }
        }
        self.tell_names();
        for event in events {
            match event {
                LinkEvent::Appeared(link) => {
                    if let Err(error) = self.attach(link) {
                        not_watched(&error);
                        self.try_later(link);
                    }
                }
                LinkEvent::Renamed(link) => {
                    if let Some(attachment) = self.attached.get_mut(&link.index) {
                        tracing::info!(
                            interface = link.name,
                            before = attachment.link().name,
                            "interface renamed; capturing goes on"
                        );
                        attachment.set_link(link);
                    }
                    if let Some((refused, _)) = self.refused.get_mut(&link.index) {
                        refused.clone_from(link);
                    }
                    self.coverage.rename(link.index, &link.name);
                }
                LinkEvent::Gone(link) => {
                    self.detach_from(
                        link,
                        format_args!(
                            "{}: gone: deleted, or moved to another network namespace",
                            link.name
                        ),
                    );
                }
                LinkEvent::Left(left) => self.detach_from(&left.link, left),
                LinkEvent::Tagged(link) => {
                    if let Some(attachment) = self.attached.get(&link.index) {
                        tell_unseen_tags(attachment, link);
                    }
                }
                LinkEvent::CountedTwice(twice) => tracing::warn!("{twice}"),
                LinkEvent::Found(name) => drop(self.awaited.remove(name)),
                LinkEvent::Lost(name) => {
                    lost(name);
                    self.awaited.insert(name.clone(), true);
                }
                LinkEvent::Awaiting(names) => {
                    let known = std::mem::take(&mut self.awaited);
                    names
                        .iter()
                        .filter(|name| !known.contains_key(*name))
                        .for_each(|name| not_yet(name));
                    let was_there = |name: &String| known.get(name).copied().unwrap_or(false);
                    self.awaited =
                        names.iter().map(|name| (name.clone(), was_there(name))).collect();
                }
            }
        }
    }

    /// Names outlive their interfaces by `linger` from now on.
    pub fn set_linger(&mut self, linger: Duration) {
        self.names.set_linger(linger);
    }

    /// Tells the outputs which names have come and which need no longer be known.
    pub fn tell_names(&mut self) {
        if let Some(names) = self.names.changes(Instant::now()) {
            self.plant.set_interfaces(names.clone());
        }
    }

    /// Looks whether programs are where they were put and whether they see what interfaces count; puts right what can be,
    /// and tells.
    pub fn verify(&mut self) {
        let now = Instant::now();
        for attachment in self.attached.values_mut() {
            for event in self.programs.verify(attachment, now) {
                hooks::log_event(&attachment.link().name, &event);
                let HookEvent { change, .. } = &event;
                self.restored +=
                    u64::from(matches!(change, HookChange::Reattached | HookChange::Moved(_)));
            }
        }
        self.coverage.look(now, |interface| self.programs.crossed(interface));
        self.try_again(now);
    }

    /// What refuses programs may take them later: whoever held the slot has gone, memory has been freed.
    fn try_again(&mut self, now: Instant) {
        let due = self.refused.values().filter(|(_, due)| *due <= now);
        let due: Vec<Link> = due.map(|(link, _)| link.clone()).collect();
        for link in due {
            match self.attach(&link) {
                Ok(()) => drop(self.refused.remove(&link.index)),
                Err(error) => {
                    tracing::debug!(%error, "still refused");
                    self.try_later(&link);
                }
            }
        }
    }

    fn try_later(&mut self, link: &Link) {
        self.refused.insert(link.index, (link.clone(), Instant::now() + AGAIN));
    }

    /// Detaches from all but what is pinned; returns what is known of packets that passed unseen.
    pub fn detach(&mut self) -> coverage::Report {
        self.verify();
        // What an interface has counted by now comes to the programs within this time.
        std::thread::sleep(UNDER_WAY);
        self.coverage.look(Instant::now(), |interface| self.programs.crossed(interface));
        self.attached.clear();
        self.report()
    }

    /// What is known by now of packets that passed unseen.
    pub fn report(&self) -> coverage::Report {
        let absent = self.awaited.iter();
        let absent = absent
            .map(|(name, was_there)| coverage::Absent { name: name.clone(), was_there: *was_there })
            .collect();
        coverage::Report { restored: self.restored, absent, ..self.coverage.report() }
    }

    /// The interfaces that are watched now, with the hooks of the programs and what they count themselves.
    pub fn interfaces(&self) -> Vec<Interface> {
        let watched = self.attached.iter().filter_map(|(index, attachment)| {
            let (name, counters) = self.coverage.counters(*index)?;
            Some(Interface::of(name, attachment, &counters))
        });
        watched.collect()
    }

    fn attach(&mut self, link: &Link) -> Result<(), KernelError> {
        let before = self.programs.crossed(link.index);
        let attachment = self.programs.attach(link, self.wishes.of(link))?;
        let crossed = |interface| self.programs.crossed(interface);
        self.coverage.add(link, &before, crossed);
        stdio::note(&attachment);
        if link.kind == "vrf" {
            tracing::warn!(
                interface = link.name,
                "VRF device: only programs on its members see its packets; capture the members"
            );
        }
        tell_unseen_tags(&attachment, link);
        self.attached.insert(link.index, attachment);
        Ok(())
    }

    fn detach_from(&mut self, link: &Link, said: impl fmt::Display) {
        self.refused.remove(&link.index);
        self.coverage.remove(link.index);
        if let Some(attachment) = self.attached.remove(&link.index) {
            attachment.detach();
            stdio::note(said);
        }
    }
}

/// Warns where VLAN tags of an interface, which is as `link` says now, pass unseen.
fn tell_unseen_tags(attachment: &Attachment, link: &Link) {
    let Some(tags) = attachment.unseen_tags(link) else { return };
    let ingress = match attachment.wish() {
        // It was XDP before there were such tags.
        IngressWish::Best => "restart the sensor",
        _ => "ingress = \"auto\" or \"tc\"",
    };
    tracing::warn!(
        interface = link.name,
        lost = "VLAN ids, and 4 octets of each tagged packet",
        remedy = format_args!("{ingress}; or {}", tags.remedy(&link.name)),
        "XDP does not see {tags}"
    );
}

/// Says that the interface `name`, or the default route, is not there yet.
pub fn not_yet(name: &str) {
    match name {
        AUTO => tracing::info!("no default route yet; capturing starts when one appears"),
        interface => {
            tracing::info!(interface, "no such interface yet; capturing starts when it appears");
        }
    }
}

/// Says that the interface `name`, or the default route, is there no longer.
fn lost(name: &str) {
    match name {
        AUTO => tracing::warn!(
            "the default route's interface is gone; capturing goes on when one appears"
        ),
        interface => {
            tracing::warn!(
                interface,
                "no interface has this name any more; capturing goes on when one does"
            );
        }
    }
}

/// Logs an interface that cannot be watched while others are.
fn not_watched(error: &KernelError) {
    tracing::error!("{error}; trying again every {} s", AGAIN.as_secs());
}
