//! Pinned links: programs that stay where they are when their agent ends, until the next one puts its own in their place.
//!
//! A link's name says where it is: `NAMESPACE-INTERFACE-DIRECTION-WAY`, the namespace by the inode of its file in /proc and
//! the interface by its index, since names of interfaces change hands, and no name in bpffs has a dot. While a program is
//! moved to the front of its hook, a second link with `-front` behind its name holds the new place.
//!
//! One clsact filter for each side of an interface takes the place of a link on kernels without tcx. It stays by itself;
//! whose it is, its name says (`tc.rs`).

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder},
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::{DirBuilderExt as _, MetadataExt as _},
    },
    path::{Path, PathBuf},
};

use sensor_common::key::Direction;

use crate::{
    links::dump_links,
    netlink::Netlink,
    sys::{self, objects},
    tc::{self, Found, Owner, Side},
};

/// Behind the name of a link that is to take another's place.
const FRONT: &str = "-front";

/// By which hook a link counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    Xdp,
    GenericXdp,
    Tcx,
}

/// Where a link is: what its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub interface: u32,
    /// [`Direction`] by its number.
    pub egress: bool,
    pub way: Way,
}

impl Place {
    pub(crate) fn new(interface: u32, direction: Direction, way: Way) -> Self {
        Self { interface, egress: direction == Direction::Egress, way }
    }

    fn name(self, namespace: u64) -> String {
        let Self { interface, egress, way } = self;
        let direction = if egress { "egress" } else { "ingress" };
        let way = match way {
            Way::Xdp => "xdp",
            Way::GenericXdp => "generic",
            Way::Tcx => "tcx",
        };
        format!("{namespace}-{interface}-{direction}-{way}")
    }

    fn parse(name: &str, namespace: u64) -> Option<Self> {
        let mut parts = name.split('-');
        let found = parts.next()?.parse() == Ok(namespace);
        let interface = parts.next()?.parse().ok()?;
        let egress = match parts.next()? {
            "ingress" => false,
            "egress" => true,
            _ => return None,
        };
        let way = match parts.next()? {
            "xdp" => Way::Xdp,
            "generic" => Way::GenericXdp,
            "tcx" => Way::Tcx,
            _ => return None,
        };
        (found && parts.next().is_none()).then_some(Self { interface, egress, way })
    }
}

/// The name of a link of this agent. What it names stays when this is dropped.
#[derive(Debug)]
pub(crate) struct Pin(PathBuf);

impl Pin {
    /// Unlinks it: the link then ends with its descriptor.
    pub(crate) fn remove(self) {
        unlink(&self.0);
    }

    /// Names `link`, which is at the front of the same hook.
    pub(crate) fn in_front(&self, link: &OwnedFd) -> io::Result<Self> {
        let mut path = self.0.clone().into_os_string();
        path.push(FRONT);
        let path = PathBuf::from(path);
        objects::pin(link.as_fd(), &path)?;
        Ok(Self(path))
    }

    /// Takes the name of the one that it is in front of, which loses it in the same step.
    pub(crate) fn replace(&mut self, other: Self) -> io::Result<()> {
        fs::rename(&self.0, &other.0)?;
        *self = other;
        Ok(())
    }
}

fn unlink(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "cannot remove a pinned link");
        }
        _ => {}
    }
}

/// The links that were found, until somebody takes them over, and where new ones get their names. By default: none, nowhere.
#[derive(Debug, Default)]
pub(crate) struct LinkPins {
    directory: PathBuf,
    /// Whether links are to outlive this agent.
    keep: bool,
    namespace: u64,
    found: BTreeMap<Place, (PathBuf, OwnedFd)>,
    /// Of other namespaces, of interfaces that are no more, or not to be understood; and whether they are at work.
    stale: Vec<(PathBuf, bool)>,
    /// Links that go on with a program of this agent.
    adopted: usize,
    /// Where this agent has clsact filters.
    filters: Vec<(u32, Side)>,
    /// That a link has got no name has been told.
    told: bool,
}

impl LinkPins {
    /// Looks what is pinned in `directory`, which is made where links are to be pinned.
    pub(super) fn open(directory: PathBuf, keep: bool) -> io::Result<Self> {
        if keep && !directory.exists() {
            DirBuilder::new().mode(0o700).create(&directory)?;
        }
        let namespace = fs::metadata("/proc/thread-self/ns/net")?.ino();
        let mut pins = Self { directory, keep, namespace, ..Self::default() };
        pins.complete_moves()?;
        for (name, path) in pins.names()? {
            let place = Place::parse(&name, namespace);
            let link = objects::get(&path);
            match (place, link) {
                (Some(place), Ok(link)) if is_at(&link, place) => {
                    pins.found.insert(place, (path, link));
                }
                (_, link) => {
                    let info = link.and_then(|link| sys::link_info(link.as_fd()));
                    pins.stale.push((path, info.is_ok_and(|info| info.interface != 0)));
                }
            }
        }
        Ok(pins)
    }

    /// The names in the directory; none where there is none.
    fn names(&self) -> io::Result<Vec<(String, PathBuf)>> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        entries
            .map(|entry| {
                let entry = entry?;
                Ok((entry.file_name().to_string_lossy().into_owned(), entry.path()))
            })
            .collect()
    }

    /// Ends moves to the front that an agent was killed in: the link in front counts whatever the one behind does not, and
    /// goes on alone when that goes (`handover.rs`).
    fn complete_moves(&self) -> io::Result<()> {
        for (name, path) in self.names()? {
            if let Some(behind) = name.strip_suffix(FRONT) {
                fs::rename(path, self.directory.join(behind))?;
            }
        }
        Ok(())
    }

    /// The link that an agent before has left at `place`, for `program` to go on with in one step: each packet comes to one
    /// of the two programs.
    pub(crate) fn claim(
        &mut self,
        place: Place,
        program: impl AsFd,
    ) -> Option<(OwnedFd, Option<Pin>)> {
        let (path, link) = self.found.remove(&place)?;
        let updated = is_at(&link, place).then(|| sys::link_update(link.as_fd(), program.as_fd()));
        match updated {
            Some(Ok(())) => {
                self.adopted += 1;
                if self.keep {
                    return Some((link, Some(Pin(path))));
                }
                unlink(&path);
                Some((link, None))
            }
            updated => {
                if let Some(Err(error)) = updated {
                    tracing::warn!(
                        path = %path.display(),
                        %error,
                        "the kernel does not take our program into the pinned link: attaching anew"
                    );
                }
                unlink(&path);
                None
            }
        }
    }

    /// Names a new link, where links are to be pinned.
    pub(crate) fn pin(&mut self, link: &OwnedFd, place: Place) -> Option<Pin> {
        if !self.keep {
            return None;
        }
        let path = self.directory.join(place.name(self.namespace));
        // Of an interface that had the same index, or of a link that was taken off.
        unlink(&path);
        self.stale.retain(|(stale, _)| *stale != path);
        match objects::pin(link.as_fd(), &path) {
            Ok(()) => Some(Pin(path)),
            Err(error) => {
                if !std::mem::replace(&mut self.told, true) {
                    tracing::warn!(
                        path = %path.display(),
                        %error,
                        "cannot pin a link: it ends with the sensor, and packets until the next start are not counted"
                    );
                }
                None
            }
        }
    }

    /// Takes off links that an agent before has left in the way of, or beside, what is to count at `place`.
    pub(crate) fn release_beside(&mut self, place: Place, in_the_way: impl Fn(Way) -> bool) {
        let beside = |other: &Place| {
            other.interface == place.interface
                && other.egress == place.egress
                && other.way != place.way
                && in_the_way(other.way)
        };
        let found: Vec<Place> = self.found.keys().copied().filter(beside).collect();
        for other in found {
            if let Some((path, _link)) = self.found.remove(&other) {
                tracing::info!(
                    path = %path.display(),
                    "counting by another hook than the sensor before: packets of this moment may be missed or counted twice"
                );
                unlink(&path);
            }
        }
    }

    /// Takes off all links that nobody has claimed. Returns how many were still at work.
    pub(crate) fn release(&mut self) -> usize {
        let stale = std::mem::take(&mut self.stale);
        let found = std::mem::take(&mut self.found);
        stale
            .iter()
            .map(|(path, _)| path)
            .chain(found.values().map(|(path, _)| path))
            .for_each(|path| unlink(path));
        if !self.keep {
            // It may not be there.
            let _ = fs::remove_dir(&self.directory);
        }
        found.len() + stale.iter().filter(|(_, at_work)| *at_work).count()
    }

    /// Whether links are to outlive this agent.
    pub(crate) fn keep(&self) -> bool {
        self.keep
    }

    /// Links that go on with a program of this agent.
    pub(crate) fn adopted(&self) -> usize {
        self.adopted
    }

    /// Whether there is a directory at all.
    pub(crate) fn is_open(&self) -> bool {
        self.namespace != 0
    }

    /// A clsact filter that was found goes on with a program of this agent.
    pub(crate) fn adopt_filter(&mut self, interface: u32, side: Side) {
        self.adopted += 1;
        self.own_filter(interface, side);
    }

    /// A clsact filter of this agent is there.
    pub(crate) fn own_filter(&mut self, interface: u32, side: Side) {
        self.filters.push((interface, side));
    }

    /// Removes clsact filters that agents before have left where this one has none. Returns how many.
    pub(crate) fn release_filters(&mut self) -> usize {
        if !self.is_open() {
            return 0;
        }
        match self.sweep_filters() {
            Ok(removed) => removed,
            Err(error) => {
                tracing::warn!(%error, "cannot list the clsact filters that sensors before have left");
                0
            }
        }
    }

    fn sweep_filters(&self) -> io::Result<usize> {
        let owner = Owner::Pins(self.mark());
        let mut netlink = Netlink::open()?;
        let mut removed = 0;
        for link in dump_links(&mut netlink)? {
            let stale = |found: &Found| {
                found.owner == owner && !self.filters.contains(&(link.index, found.side))
            };
            // An interface that is gone in the meantime is no reason to leave the others.
            removed += tc::sweep(&mut netlink, link.index, stale).unwrap_or(0);
        }
        Ok(removed)
    }

    /// What marks clsact filters as pinned here, among those of other agents: a digest (FNV-1a) of the directory.
    pub(crate) fn mark(&self) -> u32 {
        let octets = self.directory.as_os_str().as_encoded_bytes();
        octets.iter().fold(0x811c_9dc5, |digest, &octet| {
            (digest ^ u32::from(octet)).wrapping_mul(0x0100_0193)
        })
    }
}

/// Whether `link` hooks into its interface still.
fn is_at(link: &OwnedFd, place: Place) -> bool {
    sys::link_info(link.as_fd()).is_ok_and(|info| info.interface == place.interface)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_where_a_link_is() {
        for direction in [Direction::Ingress, Direction::Egress] {
            for way in [Way::Xdp, Way::GenericXdp, Way::Tcx] {
                let place = Place::new(17, direction, way);
                let name = place.name(4_026_531_840);
                assert!(!name.contains('.'), "bpffs has none: {name}");
                assert_eq!(Place::parse(&name, 4_026_531_840), Some(place));
                assert_eq!(Place::parse(&name, 4_026_531_841), None, "another namespace");
                assert_eq!(Place::parse(&format!("{name}{FRONT}"), 4_026_531_840), None);
            }
        }
        for name in ["", "1", "1-2", "1-2-ingress", "1-2-sideways-xdp", "1-x-ingress-xdp"] {
            assert_eq!(Place::parse(name, 1), None, "{name}");
        }
    }
}
