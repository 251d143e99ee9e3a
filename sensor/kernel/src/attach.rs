//! Hooking the programs into an interface, by the best way that it offers.
//!
//! Received packets: native XDP, unless the device calls for another way (`choice.rs`); else tcx (clsact below Linux 6.6),
//! which can hold many programs and counts super-packets as their segments; generic XDP only when it is asked for, because it sees frames after the kernel has
//! merged them. Sent packets: tcx, or clsact. XDP and tcx links end with the process; for clsact see `tc.rs`.
//!
//! Where several programs can be attached, ours goes first: one in front of it could end the run, and its packets would
//! pass unseen. Ours end no run. `Hooks::verify` looks whether they are still there and still first.

use std::{
    fmt, io,
    os::fd::{AsFd, OwnedFd},
    time::Instant,
};

use sensor_common::key::Direction;

use super::{
    choice::{self, Choice, Plan, TagsBeside},
    device,
    error::KernelError,
    guard::Guard,
    handover::Handover,
    hold::{Hook, Moves, Standing},
    links::{Link, LinkLayer},
    pins::{self, LinkPins},
    sys::{self, LinkType},
    tc::{self, Filter, Owner, Side},
    ways::{self, Way, reasons},
};

pub use super::ways::{EgressMode, IngressMode, IngressWish, PassedOver};

/// Programs at work on an interface. They go with this, but for those that are pinned: they go by [`Attachment::detach`].
#[derive(Debug)]
pub struct Attachment {
    link: Link,
    wish: IngressWish,
    ingress: Place<IngressMode>,
    egress: Place<EgressMode>,
}

/// Where a program of one direction is.
#[derive(Debug)]
struct Place<M> {
    mode: M,
    passed_over: Vec<PassedOver>,
    /// `None` after it was taken off and could not be attached again.
    hook: Option<Hook>,
    moves: Moves,
    /// That it stands behind others, or nowhere, has been told.
    told: bool,
}

/// What has become of an attached program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookEvent {
    /// Which one.
    pub direction: Direction,
    /// What.
    pub change: HookChange,
}

/// As [`HookEvent::change`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookChange {
    /// It had been taken off, or its interface had been made anew, and is attached again.
    Reattached,
    /// It has been taken off and cannot be attached again, for this reason; attempts go on.
    Missing(String),
    /// These had been put in front of it; it has been moved before them.
    Moved(Vec<String>),
    /// These run before it and may keep packets from it.
    Behind(Vec<String>),
}

/// The loaded programs, as descriptors.
#[derive(Debug)]
pub(super) struct Hooks {
    pub ingress: OwnedFd,
    pub tc_ingress: OwnedFd,
    pub tc_egress: OwnedFd,
    pub tc_ingress_l3: OwnedFd,
    pub tc_egress_l3: OwnedFd,
    /// Whether the kernel has tcx.
    pub tcx: bool,
    /// Whether this executable can be a clsact guard.
    pub guarded: bool,
    /// Started with the first clsact filter.
    pub guard: Option<Guard>,
    /// Moves programs to the front.
    pub handover: Handover,
    /// Links that outlive agents.
    pub pins: LinkPins,
}

impl Hooks {
    /// Attaches both directions of `link`.
    pub(super) fn attach(
        &mut self,
        link: &Link,
        wish: IngressWish,
    ) -> Result<Attachment, KernelError> {
        let ingress = self.attach_ingress(link, wish)?;
        let egress = self.attach_egress(link)?;
        Ok(Attachment { link: link.clone(), wish, ingress, egress })
    }

    fn attach_ingress(
        &mut self,
        link: &Link,
        wish: IngressWish,
    ) -> Result<Place<IngressMode>, KernelError> {
        let plan = choice::ingress(link, wish);
        self.take(link, "ingress", plan, |hooks, mode| hooks.hook_ingress(link, mode))
    }

    fn attach_egress(&mut self, link: &Link) -> Result<Place<EgressMode>, KernelError> {
        self.take(link, "egress", choice::egress(), |hooks, mode| hooks.hook_egress(link, mode))
    }

    /// Takes the first way of `plan` that works.
    fn take<M: Copy + Way>(
        &mut self,
        link: &Link,
        direction: &'static str,
        plan: Plan<M>,
        mut hook: impl FnMut(&mut Self, M) -> Result<Hook, String>,
    ) -> Result<Place<M>, KernelError> {
        let Choice { taken, passed_over } = plan.first(|mode| hook(self, mode));
        match taken {
            Some((mode, hook)) => {
                let (hook, moves) = (Some(hook), Moves::default());
                Ok(Place { mode, passed_over, hook, moves, told: false })
            }
            None => Err(KernelError::Attach {
                interface: link.name.clone(),
                direction,
                reasons: reasons(&passed_over),
            }),
        }
    }

    /// Looks whether the programs of `attachment` are still in place and first; attaches or moves them where they are not.
    pub(super) fn verify(&mut self, attachment: &mut Attachment, now: Instant) -> Vec<HookEvent> {
        let Attachment { link, wish, ingress, egress } = attachment;
        let l3 = link.link_layer == LinkLayer::Ip;
        let program = if l3 { &self.tc_ingress_l3 } else { &self.tc_ingress }.try_clone();
        let ingress =
            self.restore(ingress, program, now, |hooks| hooks.attach_ingress(link, *wish));
        let program = if l3 { &self.tc_egress_l3 } else { &self.tc_egress }.try_clone();
        let egress = self.restore(egress, program, now, |hooks| hooks.attach_egress(link));
        [(Direction::Ingress, ingress), (Direction::Egress, egress)]
            .into_iter()
            .filter_map(|(direction, change)| Some(HookEvent { direction, change: change? }))
            .collect()
    }

    /// Has `program`, whose place this is, be there and, where that can be, first; tells what had become of it.
    fn restore<M>(
        &mut self,
        place: &mut Place<M>,
        program: io::Result<OwnedFd>,
        now: Instant,
        attach: impl FnOnce(&mut Self) -> Result<Place<M>, KernelError>,
    ) -> Option<HookChange> {
        let standing = program.and_then(|program| match &mut place.hook {
            Some(hook) => {
                let own = sys::program_info(program.as_fd())?;
                Ok((hook.standing(&own)?, program))
            }
            None => Ok((Standing::Lost, program)),
        });
        let (standing, program) = match standing {
            Ok(standing) => standing,
            Err(error) => {
                tracing::debug!(%error, "cannot query whether a program is still attached");
                return None; // The next look will tell, or the interface is told to be gone.
            }
        };
        let in_front = match (standing, &mut place.hook) {
            (Standing::First, _) => {
                place.told = false;
                return None;
            }
            (Standing::Behind(others), Some(hook)) => {
                if !(hook.may_move() && place.moves.allow(now)) {
                    let told = std::mem::replace(&mut place.told, true);
                    return (!told).then_some(HookChange::Behind(others));
                }
                match self.handover.move_to_front(hook, program.as_fd()) {
                    Ok(()) => {
                        place.told = false;
                        return Some(HookChange::Moved(others));
                    }
                    Err(error) => tracing::debug!(%error, "re-attaching a program"),
                }
                Some(others)
            }
            (Standing::Lost | Standing::Behind(_), _) => None,
        };
        // One program cannot be at one hook twice: it has to go before it comes.
        let was_held = place.hook.take().map(Hook::take_off).is_some();
        match attach(self) {
            Ok(new) => {
                *place = Place { moves: place.moves, ..new };
                Some(in_front.map_or(HookChange::Reattached, HookChange::Moved))
            }
            // An interface that has just gone is told to be gone before the second attempt.
            Err(_) if was_held => None,
            Err(error) => {
                let told = std::mem::replace(&mut place.told, true);
                (!told).then(|| HookChange::Missing(error.to_string()))
            }
        }
    }

    fn hook_ingress(&mut self, link: &Link, mode: IngressMode) -> Result<Hook, String> {
        let (xdp, tc) = match link.link_layer {
            LinkLayer::Ethernet => (Some(&self.ingress), &self.tc_ingress),
            LinkLayer::Ip => (None, &self.tc_ingress_l3),
        };
        let mut xdp = |way, flags| {
            let program = xdp.ok_or(ways::NO_ETHERNET)?;
            let place = pins::Place::new(link.index, Direction::Ingress, way);
            // One link alone has room, so the other kind has to go first. What counts by tc stays until this one does: most
            // often there is still no XDP to be had.
            self.pins.release_beside(place, |way| way != pins::Way::Tcx);
            let (descriptor, pin) = match self.pins.claim(place, program) {
                Some(claimed) => claimed,
                None => {
                    let made = sys::link_create(program.as_fd(), link.index, LinkType::Xdp, flags)
                        .map_err(|error| xdp_reason(&error, link, program))?;
                    let pin = self.pins.pin(&made, place);
                    (made, pin)
                }
            };
            self.pins.release_beside(place, |_| true);
            Ok(Hook::Xdp { link: descriptor, interface: link.index, pin })
        };
        match mode {
            IngressMode::NativeXdp => xdp(pins::Way::Xdp, sys::XDP_NATIVE),
            IngressMode::GenericXdp => xdp(pins::Way::GenericXdp, sys::XDP_GENERIC),
            IngressMode::TcxIngress if !self.tcx => Err(NO_TCX.into()),
            IngressMode::TcxIngress => {
                tcx(&mut self.pins, link, LinkType::TcxIngress, Direction::Ingress, tc)
            }
            IngressMode::ClsactIngress => {
                let filter = clsact(&mut self.pins, link, Side::Ingress, tc)?;
                self.guard(filter)
            }
        }
    }

    fn hook_egress(&mut self, link: &Link, mode: EgressMode) -> Result<Hook, String> {
        let program = match link.link_layer {
            LinkLayer::Ethernet => &self.tc_egress,
            LinkLayer::Ip => &self.tc_egress_l3,
        };
        match mode {
            EgressMode::Tcx if !self.tcx => Err(NO_TCX.into()),
            EgressMode::Tcx => {
                tcx(&mut self.pins, link, LinkType::TcxEgress, Direction::Egress, program)
            }
            EgressMode::Clsact => {
                let filter = clsact(&mut self.pins, link, Side::Egress, program)?;
                self.guard(filter)
            }
        }
    }

    /// Takes off what agents before have left and none has claimed. Returns how many programs that were.
    pub(super) fn release_unclaimed(&mut self) -> usize {
        let mut released = self.pins.release();
        // Filters are not listed before: that takes a look at every interface.
        if !self.tcx {
            released += self.pins.release_filters();
        }
        released
    }

    /// Has the filters of this process guarded from now on.
    fn guard(&mut self, filter: Filter) -> Result<Hook, String> {
        if self.guarded && self.guard.is_none() && !self.pins.keep() {
            let guard =
                Guard::start().map_err(|error| format!("no guard for the filter: {error}"))?;
            self.guard = Some(guard);
        }
        Ok(Hook::Filter(filter))
    }
}

/// What tcx takes.
const NO_TCX: &str = "needs Linux 6.6";

/// Attaches through tcx, or puts the program into the link that an agent before has left.
fn tcx(
    pins: &mut LinkPins,
    link: &Link,
    side: LinkType,
    direction: Direction,
    program: &OwnedFd,
) -> Result<Hook, String> {
    let interface = link.index;
    let place = pins::Place::new(interface, direction, pins::Way::Tcx);
    if let Some((link, pin)) = pins.claim(place, program) {
        return Ok(Hook::Tcx { link, interface, side, pin });
    }
    // Rather a moment without than one with both: what counts by XDP goes first.
    pins.release_beside(place, |_| true);
    let link = sys::link_create(program.as_fd(), interface, side, sys::TCX_FIRST)
        .map_err(|error| error.to_string())?;
    let pin = pins.pin(&link, place);
    Ok(Hook::Tcx { link, interface, side, pin })
}

/// Attaches through clsact, after removing what a killed agent left, or puts the program into the filter that an agent
/// before has left to stay.
fn clsact(
    pins: &mut LinkPins,
    link: &Link,
    side: Side,
    program: &OwnedFd,
) -> Result<Filter, String> {
    let owner = match pins.keep() {
        true => Owner::Pins(pins.mark()),
        false => Owner::this_process(),
    };
    if pins.is_open() {
        match Filter::adopt(link.index, side, pins.mark(), owner, program.as_fd()) {
            Ok(Some(filter)) => {
                pins.adopt_filter(link.index, side);
                return Ok(filter);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(%error, interface = link.name, "clsact filter not taken over");
            }
        }
    }
    match tc::sweep_orphans(link.index) {
        Ok(0) => {}
        Ok(count) => tracing::warn!(
            interface = link.name,
            count,
            "removed clsact filters left by a killed agent"
        ),
        Err(error) => tracing::debug!(%error, interface = link.name, "clsact filters not listed"),
    }
    let filter = Filter::attach(link.index, side, owner, program.as_fd());
    let filter = filter.map_err(|error| error.to_string())?;
    pins.own_filter(link.index, side);
    Ok(filter)
}

/// Why a device refuses an XDP link of `program`, in words.
fn xdp_reason(error: &io::Error, link: &Link, program: &OwnedFd) -> String {
    match error.raw_os_error() {
        Some(libc::EBUSY | libc::EEXIST) => {
            let own = sys::program_info(program.as_fd());
            let holder = own.and_then(|own| device::in_xdp_slot(link.index, own));
            ways::slot_taken(holder.ok().flatten().as_ref())
        }
        _ => refusal_in_words(error, link.mtu),
    }
}

/// As [`xdp_reason`], where the slot is free.
fn refusal_in_words(error: &io::Error, mtu: u32) -> String {
    match error.raw_os_error() {
        Some(libc::EOPNOTSUPP) => ways::NO_NATIVE_XDP.into(),
        Some(libc::EINVAL | libc::ERANGE | libc::E2BIG | libc::EMSGSIZE) => {
            ways::refused_at(mtu, &error.to_string())
        }
        Some(libc::ENOMEM | libc::ENOSPC) => format!("the driver has no free queues ({error})"),
        _ => error.to_string(),
    }
}

impl Attachment {
    /// Takes the programs off, be they pinned or not.
    pub fn detach(self) {
        let Self { ingress, egress, .. } = self;
        ingress.hook.into_iter().chain(egress.hook).for_each(Hook::take_off);
    }

    /// The interface, as it was when attached or renamed.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// The interface is as `link` says now: it has another name.
    pub fn set_link(&mut self, link: &Link) {
        self.link.clone_from(link);
    }

    /// How received packets are seen.
    pub fn ingress(&self) -> IngressMode {
        self.ingress.mode
    }

    /// How sent packets are seen.
    pub fn egress(&self) -> EgressMode {
        self.egress.mode
    }

    /// What the user wished for received packets.
    pub fn wish(&self) -> IngressWish {
        self.wish
    }

    /// VLAN tags of the interface, which is as `link` says now, that are beside frames and so not seen.
    pub fn unseen_tags(&self, link: &Link) -> Option<TagsBeside> {
        self.ingress.mode.unseen_tags(link)
    }

    /// Better ways that were not taken, ingress first.
    pub fn passed_over(&self) -> impl Iterator<Item = &PassedOver> {
        self.ingress.passed_over.iter().chain(&self.egress.passed_over)
    }
}

/// One line, such as `eth0: ingress tcx (native XDP: driver has none), egress tcx`.
impl fmt::Display for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let because = |f: &mut fmt::Formatter<'_>, passed_over: &[PassedOver]| {
            if passed_over.is_empty() { Ok(()) } else { write!(f, " ({})", reasons(passed_over)) }
        };
        write!(f, "{}: ingress {}", self.link.name, self.ingress.mode)?;
        because(f, &self.ingress.passed_over)?;
        write!(f, ", egress {}", self.egress.mode)?;
        because(f, &self.egress.passed_over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_in_words() {
        let reason = |code| refusal_in_words(&io::Error::from_raw_os_error(code), 9000);
        assert_eq!(reason(libc::EOPNOTSUPP), "driver has none");
        assert!(reason(libc::ERANGE).contains("MTU 9000"));
    }
}
