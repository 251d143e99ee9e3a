//! What is told of the interfaces that are asked for: as values, and in words.

use std::{collections::BTreeSet, fmt};

use super::Link;

/// A change in the interfaces that are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// It is there now: attach.
    Appeared(Link),
    /// It has another name now.
    Renamed(Link),
    /// It has been removed, or is in another network namespace now.
    Gone(Link),
    /// It is there, and no longer asked for: let go.
    Left(Left),
    /// What was waited for under this name, or as [`AUTO`](super::AUTO), is there now.
    Found(String),
    /// What was there under this name, or as [`AUTO`](super::AUTO), is so no longer, and is waited for from now on.
    Lost(String),
    /// Other interfaces are asked for, of which these are waited for.
    Awaiting(BTreeSet<String>),
    /// A device above it tells frames apart by their VLAN tags from now on.
    Tagged(Link),
    /// These two see the same packets now.
    CountedTwice(CountedTwice),
}

/// An interface that is asked for no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// As it was when it was asked for.
    pub link: Link,
    /// Its name of now: another one, where it was renamed.
    pub now_called: String,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { link, now_called } = self;
        if *now_called == link.name {
            return write!(f, "{}: detached: no longer selected", link.name);
        }
        write!(f, "{}: detached: renamed to {now_called}, which is not selected", link.name)
    }
}

/// Traffic that is counted twice, on one interface or on two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CountedTwice {
    /// What the second sends and receives passes through the first, too, both by name: a VLAN device and its parent, a
    /// bond or bridge and its member.
    Pair(String, String),
    /// The loopback device, by name, on which every packet goes out and comes in again.
    Loopback(String),
}

impl fmt::Display for CountedTwice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pair(carrier, user) => write!(
                f,
                "{carrier} and {user} see the same packets: their traffic is counted twice; capture only one of them"
            ),
            Self::Loopback(name) => write!(
                f,
                "every packet on {name} is sent and received: its traffic is counted twice, once in each direction"
            ),
        }
    }
}
