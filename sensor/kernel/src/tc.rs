//! clsact filters, for kernels without tcx.
//!
//! A filter stays when the process that made it dies, so each carries its owner in its name, `flow-sensor/PID`: the
//! owner removes it on its way out, its guard if it is killed (`guard.rs`), and the next agent if the guard was
//! killed as well. One that is to stay (`pins`) is called `flow-sensor/pins-DIGEST` after the directory of pins: the next agent
//! puts its program into it. The clsact qdisc itself goes when the last filter has gone, whoever's that was.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
    path::Path,
    process,
};

use super::netlink::{Answer, Netlink, attributes, push_attribute, text, u32_at};

/// What the names of our filters begin with.
const NAME_PREFIX: &str = "flow-sensor/";
/// What follows it in those that are to stay.
const PINS: &str = "pins-";

/// Whose a filter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A process's, with which it is to go.
    Process(u32),
    /// Every agent's that uses the directory of pins with this digest, one after the other.
    Pins(u32),
}

impl Owner {
    /// This process.
    pub(super) fn this_process() -> Self {
        Self::Process(process::id())
    }

    fn name(self) -> String {
        match self {
            Self::Process(id) => format!("{NAME_PREFIX}{id}"),
            Self::Pins(digest) => format!("{NAME_PREFIX}{PINS}{digest:08x}"),
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        let owner = name.strip_prefix(NAME_PREFIX)?;
        match owner.strip_prefix(PINS) {
            Some(digest) => u32::from_str_radix(digest, 16).ok().map(Self::Pins),
            None => owner.parse().ok().map(Self::Process),
        }
    }
}

/// Parent and handle of the clsact qdisc (`TC_H_CLSACT` of linux/pkt_sched.h).
const CLSACT_PARENT: u32 = 0xffff_fff1;
/// As above.
const CLSACT_HANDLE: u32 = 0xffff_0000;

/// `ETH_P_ALL` in network order: filters see every protocol.
const ALL_PROTOCOLS: u32 = (libc::ETH_P_ALL as u16).to_be() as u32;

/// The priority that runs first, where it stands in `tcm_info`. Of several filters there the newest runs first.
const FIRST_PRIORITY: u32 = 1 << 16;

/// Attributes of linux/rtnetlink.h and linux/pkt_cls.h.
const TCA_KIND: u16 = 1;
/// As above.
const TCA_OPTIONS: u16 = 2;
/// As above.
const TCA_BPF_FD: u16 = 6;
/// As above.
const TCA_BPF_NAME: u16 = 7;
/// As above.
const TCA_BPF_FLAGS: u16 = 8;
/// The chain of a filter; packets begin with chain 0.
const TCA_CHAIN: u16 = 11;
/// The program's return value is the verdict.
const BPF_FLAG_DIRECT_ACTION: u32 = 1;

/// Octets of `struct tcmsg`.
const TC_HEADER: usize = 20;

/// A side of the clsact qdisc, as the parent of its filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Side {
    /// Received packets.
    Ingress = 0xffff_fff2,
    /// Sent packets.
    Egress = 0xffff_fff3,
}

/// A filter of this process. Removed on drop, unless it is pinned.
#[derive(Debug)]
pub(super) struct Filter {
    interface: u32,
    /// As it was made.
    found: Found,
    /// The first priority is taken by filters of another kind, which cannot be mixed with ours.
    shut_out: bool,
    /// Kept because it belongs to the interface's network namespace.
    netlink: Netlink,
}

impl Filter {
    /// Puts `program` into the filter that agents with the pins of digest `mark` have left on `side` of an interface, in one
    /// step; `None` where there is none. From then on it is `owner`'s. Of two, which a handover was cut short with, the one
    /// behind goes first: the one in front counts what it does not.
    pub(super) fn adopt(
        interface: u32,
        side: Side,
        mark: u32,
        owner: Owner,
        program: BorrowedFd<'_>,
    ) -> io::Result<Option<Self>> {
        let mut netlink = Netlink::open()?;
        let (ours, _) = filters(&mut netlink, interface, side)?;
        let mut ours = ours.into_iter().filter(|found| found.owner == Owner::Pins(mark));
        let Some(found) = ours.next() else { return Ok(None) };
        for behind in ours {
            sweep(&mut netlink, interface, |found| *found == behind)?;
        }
        let mut filter = Self { interface, found, shut_out: false, netlink };
        filter.found.owner = owner;
        filter.replace(program)?;
        Ok(Some(filter))
    }

    /// Hooks `program` into `side` of an interface, in front of the filters that are there where the kernel allows that.
    pub(super) fn attach(
        interface: u32,
        side: Side,
        owner: Owner,
        program: BorrowedFd<'_>,
    ) -> io::Result<Self> {
        let mut netlink = Netlink::open()?;
        let create = libc::NLM_F_CREATE | libc::NLM_F_EXCL;
        let mut qdisc = header(interface, CLSACT_HANDLE, CLSACT_PARENT, 0);
        push_attribute(&mut qdisc, TCA_KIND, b"clsact\0");
        match netlink.order(libc::RTM_NEWQDISC, create, &qdisc) {
            Err(error) if error.raw_os_error() != Some(libc::EEXIST) => return Err(error),
            _ => {}
        }
        let mut order = |priority| {
            // Handle 0: the kernel finds a free one.
            let place = header(interface, 0, side as u32, priority | ALL_PROTOCOLS);
            netlink.make(libc::RTM_NEWTFILTER, create, &holding(place, owner, program))
        };
        let ((_, made), shut_out) = match order(FIRST_PRIORITY) {
            // All filters of a priority are of one kind and for one protocol.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                (order(0)?, true) // The kernel chooses a late one.
            }
            result => (result?, false),
        };
        let found = found(owner, side, &made)
            .ok_or_else(|| io::Error::other("rtnetlink did not report the new filter"))?;
        Ok(Self { interface, found, shut_out, netlink })
    }

    /// Another one with `program`, before this one and all others.
    pub(super) fn in_front(&self, program: BorrowedFd<'_>) -> io::Result<Self> {
        let filter = Self::attach(self.interface, self.found.side, self.found.owner, program)?;
        if filter.shut_out {
            return Err(io::Error::other("the first priority is taken by filters of another kind"));
        }
        Ok(filter)
    }

    /// Has it run `program` instead. Each packet comes to one of the two.
    pub(super) fn replace(&mut self, program: BorrowedFd<'_>) -> io::Result<()> {
        let Found { owner, side, info, handle } = self.found;
        let place = header(self.interface, handle, side as u32, info);
        // Without `NLM_F_CREATE`: what somebody took off does not come back by this.
        self.netlink.order(libc::RTM_NEWTFILTER, 0, &holding(place, owner, program))
    }

    /// Whether another attempt could bring it further to the front.
    pub(super) fn may_move(&self) -> bool {
        !self.shut_out
    }

    /// What runs before it, but for filters of other agents of our kind, which let everything by; `None` when it is no
    /// longer there.
    pub(super) fn others_in_front(&mut self) -> io::Result<Option<Vec<String>>> {
        let answers = dump(&mut self.netlink, self.interface, self.found.side)?;
        let chain_0 = answers.iter().filter(|(_, body)| runs_at_once(attributes_of(body)));
        let mut others = Vec::new();
        for (_, body) in chain_0 {
            match owner(attributes_of(body)) {
                Some(owner) if found(owner, self.found.side, body) == Some(self.found) => {
                    return Ok(Some(others));
                }
                Some(_) => {}
                // One of kind u32 comes with its hash tables.
                None if others.last() == Some(&label(body)) => {}
                None => others.push(label(body)),
            }
        }
        Ok(None)
    }
}

impl Filter {
    /// Removes it, be it pinned or not.
    pub(super) fn remove(mut self) {
        self.sweep_own();
    }

    fn sweep_own(&mut self) {
        let own = self.found;
        if let Err(error) = sweep(&mut self.netlink, self.interface, |found| *found == own) {
            // Gone with its interface, most likely.
            tracing::debug!(%error, interface = self.interface, "clsact filter not removed");
        }
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        if let Owner::Process(_) = self.found.owner {
            self.sweep_own();
        }
    }
}

/// One of our filters, of this process or another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Whose it is.
    pub owner: Owner,
    /// Where it sits.
    pub side: Side,
    /// Priority, in the upper half, and protocol.
    info: u32,
    /// Handle under that priority.
    handle: u32,
}

/// Removes those of our filters on an interface that `unwanted` picks, and the qdisc if nothing is left on it. Returns
/// how many filters were removed.
pub(super) fn sweep(
    netlink: &mut Netlink,
    interface: u32,
    unwanted: impl Fn(&Found) -> bool,
) -> io::Result<usize> {
    let (mut removed, mut left) = (0, 0);
    for side in [Side::Ingress, Side::Egress] {
        let (ours, others) = filters(netlink, interface, side)?;
        left += others;
        for filter in ours {
            if unwanted(&filter) {
                let message = header(interface, filter.handle, side as u32, filter.info);
                netlink.order(libc::RTM_DELTFILTER, 0, &message)?;
                removed += 1;
            } else {
                left += 1;
            }
        }
    }
    if removed > 0 && left == 0 {
        let message = header(interface, CLSACT_HANDLE, CLSACT_PARENT, 0);
        netlink.order(libc::RTM_DELQDISC, 0, &message)?;
    }
    Ok(removed)
}

/// Removes filters whose owner is no longer alive. Returns how many there were.
pub(super) fn sweep_orphans(interface: u32) -> io::Result<usize> {
    let dead = |found: &Found| match found.owner {
        Owner::Process(id) => !Path::new(&format!("/proc/{id}")).exists(),
        Owner::Pins(_) => false,
    };
    sweep(&mut Netlink::open()?, interface, dead)
}

/// What others have on both sides of an interface's clsact qdisc, by name; needs no privilege.
pub(super) fn others(interface: u32) -> io::Result<Vec<String>> {
    let mut netlink = Netlink::open()?;
    let mut found = Vec::new();
    for side in [Side::Ingress, Side::Egress] {
        let answers = match dump(&mut netlink, interface, side) {
            // No such qdisc, or none of that class.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOENT)) => {
                continue;
            }
            answers => answers?,
        };
        let others = answers.iter().filter(|(_, body)| owner(attributes_of(body)).is_none());
        found.extend(others.map(|(_, body)| label(body)));
    }
    found.dedup();
    Ok(found)
}

/// Our filters on one side, and how many of others there are.
fn filters(netlink: &mut Netlink, interface: u32, side: Side) -> io::Result<(Vec<Found>, usize)> {
    let (mut ours, mut others) = (Vec::new(), 0);
    for (_, body) in &dump(netlink, interface, side)? {
        match owner(attributes_of(body)) {
            Some(owner) => ours.extend(found(owner, side, body)),
            None => others += 1,
        }
    }
    Ok((ours, others))
}

/// Which of our filters a message is about.
fn found(owner: Owner, side: Side, message: &[u8]) -> Option<Found> {
    Some(Found { owner, side, info: u32_at(message, 16)?, handle: u32_at(message, 8)? })
}

/// The messages about filters on one side, in the order in which they run.
fn dump(netlink: &mut Netlink, interface: u32, side: Side) -> io::Result<Vec<Answer>> {
    let mut answers = netlink.dump(libc::RTM_GETTFILTER, &header(interface, 0, side as u32, 0))?;
    // Of each priority, a message about itself precedes those about its filters: with handle 0.
    answers.retain(|(_, body)| u32_at(body, 8).is_some_and(|handle| handle != 0));
    Ok(answers)
}

/// The message that has `program` run at a place, the `struct tcmsg` that it begins with.
fn holding(mut place: Vec<u8>, owner: Owner, program: BorrowedFd<'_>) -> Vec<u8> {
    let mut options = Vec::new();
    push_attribute(&mut options, TCA_BPF_FD, &(program.as_raw_fd() as u32).to_ne_bytes());
    let name = format!("{}\0", owner.name());
    push_attribute(&mut options, TCA_BPF_NAME, name.as_bytes());
    push_attribute(&mut options, TCA_BPF_FLAGS, &BPF_FLAG_DIRECT_ACTION.to_ne_bytes());
    push_attribute(&mut place, TCA_KIND, b"bpf\0");
    push_attribute(&mut place, TCA_OPTIONS, &options);
    place
}

/// What follows `struct tcmsg` in a message about a filter.
fn attributes_of(filter: &[u8]) -> &[u8] {
    filter.get(TC_HEADER..).unwrap_or_default()
}

/// Whether packets come to a filter by themselves: other chains than the first are jumped to.
fn runs_at_once(filter: &[u8]) -> bool {
    let chain = attributes(filter).find(|(found, _)| *found == TCA_CHAIN);
    chain.is_none_or(|(_, chain)| u32_at(chain, 0) == Some(0))
}

/// What to call a filter of others: its program's name, or its kind and priority.
fn label(message: &[u8]) -> String {
    let value = |bytes, wanted| attributes(bytes).find(|(found, _)| *found == wanted);
    let filter = attributes_of(message);
    let name = value(filter, TCA_OPTIONS).and_then(|(_, options)| value(options, TCA_BPF_NAME));
    if let Some((_, name)) = name {
        return text(name);
    }
    let kind = value(filter, TCA_KIND).map_or_else(|| "filter".to_owned(), |(_, kind)| text(kind));
    let priority = u32_at(message, 16).unwrap_or(0) >> 16;
    format!("{kind} filter of priority {priority}")
}

/// Whose a filter is, if it is one of ours.
fn owner(filter: &[u8]) -> Option<Owner> {
    let value = |bytes, wanted| attributes(bytes).find(|(found, _)| *found == wanted);
    let (_, options) = value(filter, TCA_OPTIONS)?;
    let (_, name) = value(options, TCA_BPF_NAME)?;
    Owner::of_name(&text(name))
}

/// `struct tcmsg`.
fn header(interface: u32, handle: u32, parent: u32, info: u32) -> Vec<u8> {
    let mut message = Vec::with_capacity(TC_HEADER);
    for word in [0, interface, handle, parent, info] {
        message.extend_from_slice(&u32::to_ne_bytes(word));
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_filters_are_told_by_name() {
        let filter = |name: &[u8]| {
            let (mut options, mut filter) = (Vec::new(), Vec::new());
            push_attribute(&mut options, TCA_BPF_FLAGS, &1u32.to_ne_bytes());
            push_attribute(&mut options, TCA_BPF_NAME, name);
            push_attribute(&mut filter, TCA_KIND, b"bpf\0");
            push_attribute(&mut filter, TCA_OPTIONS, &options);
            filter
        };
        for expected in [Owner::Process(4711), Owner::Pins(0x00ab_cdef)] {
            let name = format!("{}\0", expected.name());
            assert_eq!(owner(&filter(name.as_bytes())), Some(expected), "{name}");
        }
        assert_eq!(Owner::Pins(0x00ab_cdef).name(), "flow-sensor/pins-00abcdef");
        let others =
            [&b"tc_ingress\0"[..], b"flow-sensor/\0", b"flow-sensor/x\0", b"flow-sensor/pins-\0"];
        for name in others.into_iter().chain([&b""[..]]) {
            assert_eq!(owner(&filter(name)), None, "{name:?}");
        }
        assert_eq!(owner(&[]), None);
    }

    #[test]
    fn filters_of_others_are_called_by_name_or_kind_and_other_chains_are_told() {
        let message = |kind: &[u8], name: Option<&[u8]>, chain: Option<u32>| {
            let mut message = header(3, 1, Side::Egress as u32, 7 << 16 | ALL_PROTOCOLS);
            push_attribute(&mut message, TCA_KIND, kind);
            if let Some(name) = name {
                let mut options = Vec::new();
                push_attribute(&mut options, TCA_BPF_NAME, name);
                push_attribute(&mut message, TCA_OPTIONS, &options);
            }
            if let Some(chain) = chain {
                push_attribute(&mut message, TCA_CHAIN, &chain.to_ne_bytes());
            }
            message
        };
        let (named, unnamed) =
            (message(b"bpf\0", Some(b"cil_to_netdev\0"), Some(0)), message(b"u32\0", None, None));
        assert_eq!(label(&named), "cil_to_netdev");
        assert_eq!(label(&unnamed), "u32 filter of priority 7");
        assert!(runs_at_once(attributes_of(&named)) && runs_at_once(attributes_of(&unnamed)));
        assert!(!runs_at_once(attributes_of(&message(b"u32\0", None, Some(5)))));
    }
}
