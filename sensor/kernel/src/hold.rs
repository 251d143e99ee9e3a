//! What holds a program in place, and whether it still does.
//!
//! Others may take our programs off an interface (`bpftool link detach`, `tc qdisc del`), an interface may go and come
//! again under its old name and number, and a program that is put in front of ours may end the run, so that ours sees
//! nothing. None of that is told by the kernel: it has to be asked, and is, as often as the tables are drained.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use super::{
    pins::Pin,
    sys::{self, LinkType, ProgramInfo},
    tc::Filter,
};

/// What keeps a program at an interface; it goes with this value, unless it is pinned: then with [`Hook::take_off`].
#[derive(Debug)]
pub(super) enum Hook {
    /// An XDP link: alone in its place.
    Xdp {
        /// Ends when this is closed.
        link: OwnedFd,
        /// Where.
        interface: u32,
        /// The link's name, if it has one: it then goes on when this is closed.
        pin: Option<Pin>,
    },
    /// A tcx link, one of several at its hook.
    Tcx {
        /// Ends when this is closed.
        link: OwnedFd,
        /// Where.
        interface: u32,
        /// On which side.
        side: LinkType,
        /// As above.
        pin: Option<Pin>,
    },
    /// A clsact filter, one of several on its side.
    Filter(Filter),
}

/// How a program stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Every packet comes to it first.
    First,
    /// These run before it and may keep packets from it.
    Behind(Vec<String>),
    /// It is not there any more.
    Lost,
}

impl Hook {
    /// How the program that this holds stands; `own` is what the kernel says of it.
    pub(super) fn standing(&mut self, own: &ProgramInfo) -> io::Result<Standing> {
        match self {
            Self::Xdp { link, interface, .. } => Ok(match is_at(link.as_fd(), *interface)? {
                Some(_) => Standing::First,
                None => Standing::Lost,
            }),
            Self::Tcx { link, interface, side, .. } => {
                let Some(id) = is_at(link.as_fd(), *interface)? else { return Ok(Standing::Lost) };
                let programs = sys::tcx_programs(*interface, *side)?;
                let in_front = programs.iter().take_while(|&&(_, link)| link != id);
                Ok(behind(in_front.filter_map(|&(program, _)| stranger(program, own)).collect()))
            }
            Self::Filter(filter) => Ok(filter.others_in_front()?.map_or(Standing::Lost, behind)),
        }
    }

    /// Has it hold `program` instead, at the same place and in one step.
    pub(super) fn replace(&mut self, program: BorrowedFd<'_>) -> io::Result<()> {
        match self {
            Self::Xdp { link, .. } | Self::Tcx { link, .. } => {
                sys::link_update(link.as_fd(), program)
            }
            Self::Filter(filter) => filter.replace(program),
        }
    }

    /// Puts `program` before everything at the place that this is at.
    pub(super) fn in_front(&self, program: BorrowedFd<'_>) -> io::Result<Self> {
        match self {
            Self::Xdp { .. } => Err(io::Error::other("one program alone is at an XDP hook")),
            Self::Tcx { interface, side, pin, .. } => {
                let link = sys::link_create(program, *interface, *side, sys::TCX_FIRST)?;
                let pin = pin.as_ref().map(|pin| pin.in_front(&link)).transpose()?;
                Ok(Self::Tcx { link, interface: *interface, side: *side, pin })
            }
            Self::Filter(filter) => filter.in_front(program).map(Self::Filter),
        }
    }

    /// Gives its place up to `front`, which was made by [`Hook::in_front`].
    pub(super) fn give_way_to(&mut self, mut front: Self) -> io::Result<()> {
        if let (Self::Tcx { pin: old, .. }, Self::Tcx { pin: Some(new), .. }) =
            (&mut *self, &mut front)
            && let Some(old) = old.take()
        {
            new.replace(old)?;
        }
        std::mem::replace(self, front).take_off();
        Ok(())
    }

    /// Takes the program off, be it pinned or not.
    pub(super) fn take_off(self) {
        match self {
            Self::Xdp { pin, .. } | Self::Tcx { pin, .. } => {
                if let Some(pin) = pin {
                    pin.remove();
                }
            }
            Self::Filter(filter) => filter.remove(),
        }
    }

    /// Whether another attempt could bring it to the front.
    pub(super) fn may_move(&self) -> bool {
        match self {
            Self::Xdp { .. } => false,
            Self::Tcx { .. } => true,
            Self::Filter(filter) => filter.may_move(),
        }
    }
}

fn behind(others: Vec<String>) -> Standing {
    if others.is_empty() { Standing::First } else { Standing::Behind(others) }
}

/// The link's number while it hooks into `interface`.
fn is_at(link: BorrowedFd<'_>, interface: u32) -> io::Result<Option<u32>> {
    let info = sys::link_info(link)?;
    Ok((info.interface == interface).then_some(info.id))
}

/// The name of a program, unless it is the same as `own`: another sensor's, which lets every packet by, and with which
/// there is no point in fighting for the first place.
fn stranger(program: u32, own: &ProgramInfo) -> Option<String> {
    // Without CAP_SYS_ADMIN the kernel does not say who it is.
    let info = sys::program_by_id(program).and_then(|program| sys::program_info(program.as_fd()));
    match info {
        Ok(info) if info == *own => None,
        Ok(info) if !info.name.is_empty() => Some(format!("{} (program {program})", info.name)),
        _ => Some(format!("program {program}")),
    }
}

/// How often a program may be moved to the front: another that insists on being first as well is not to be fought with
/// for ever.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moves {
    first: Option<Instant>,
    count: u32,
}

/// Moves within [`PERIOD`].
const MOVES: u32 = 3;
/// How long moves are remembered.
const PERIOD: Duration = Duration::from_hours(1);

impl Moves {
    /// Whether it may be moved at `now`; counts as a move if so.
    pub(super) fn allow(&mut self, now: Instant) -> bool {
        if self.first.is_none_or(|first| now.duration_since(first) >= PERIOD) {
            *self = Self { first: Some(now), count: 0 };
        }
        let allowed = self.count < MOVES;
        self.count += u32::from(allowed);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rival_is_given_way_after_three_moves_an_hour() {
        let start = Instant::now();
        let mut moves = Moves::default();
        let allowed = [0, 1, 3599, 3599, 3600, 3601, 7199, 7199, 7200]
            .map(|seconds| moves.allow(start + Duration::from_secs(seconds)));
        assert_eq!(allowed, [true, true, true, false, true, true, true, false, true]);
    }
}
