//! Which thread keeps which capabilities, and giving up the others.
//!
//! On Linux every thread has capabilities of its own, and hands them to the threads that it starts. So what is started by a
//! thread without any has none, whoever starts it: [`born`]. What opens its sockets first and starts its threads then gives
//! up in each of them: [`keep`].

use std::{
    io, panic,
    sync::OnceLock,
    thread::{self, Builder},
};

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set,
    clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
    set_no_new_privs,
};

/// What the configuration of the start takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Packets of this host are captured.
    pub captures: bool,
    /// There are listeners, whose buffers may have to be larger than `net.core.rmem_max`.
    pub listens: bool,
    /// One of them is at a port that is kept from ordinary users.
    pub low_ports: bool,
    /// Datagrams are forwarded with the devices' addresses.
    pub keeps_source: bool,
    /// There are files that root can use only because permissions do not hold for it.
    pub foreign_files: bool,
}

/// What a thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It attaches to the interfaces of the start; then it goes on as [`Role::Lead`].
    Start,
    /// It follows interfaces and attaches to them. Every other thread has a part of what it has.
    Lead,
    /// It puts another configuration in force: it opens listeners, forwards and files.
    Reload,
    /// It drains the kernel's tables.
    Drain,
    /// It opens files of the configuration while the agent runs.
    Files,
    /// It works on what has come from outside.
    Nothing,
}

impl Role {
    /// What it keeps of the capabilities that the agent has. The table is in `docs/SECURITY.md`.
    pub fn kept(self, needs: &Needs) -> CapabilitySet {
        let when = |needed: bool, set| if needed { set } else { CapabilitySet::empty() };
        let files = when(needs.foreign_files, CapabilitySet::DAC_OVERRIDE);
        // For receive buffers; also those of a listener that a reload brings first.
        let reload = when(needs.captures || needs.listens, CapabilitySet::NET_ADMIN)
            | when(needs.low_ports, CapabilitySet::NET_BIND_SERVICE)
            | when(needs.keeps_source, CapabilitySet::NET_RAW)
            | files;
        // Before Linux 5.19 every command of bpf(2) takes CAP_BPF; later ones ask for it only where something is made.
        let drain = when(needs.captures, CapabilitySet::BPF);
        match self {
            // With CAP_SYS_ADMIN the kernel names programs of others, such as one that has the slot of XDP.
            Self::Start => drain | reload | when(needs.captures, CapabilitySet::SYS_ADMIN),
            // CAP_PERFMON is for the verifier, which has seen all programs by now.
            Self::Lead => drain | reload,
            Self::Reload => reload,
            Self::Drain => drain,
            Self::Files => files,
            Self::Nothing => CapabilitySet::empty(),
        }
    }

    /// What it keeps for good.
    fn lasting(self, needs: &Needs) -> CapabilitySet {
        match self {
            Self::Start => Self::Lead.kept(needs),
            role => role.kept(needs),
        }
    }
}

/// What the agent needs, once that is known.
static NEEDS: OnceLock<Needs> = OnceLock::new();

/// From now on [`keep`] and [`born`] go by these.
pub fn decide(needs: Needs) {
    let _ = NEEDS.set(needs);
}

/// Gives up, in this thread, all that it does not need for `role`, for good. Where that has not been decided, because no agent
/// was started in this process, nothing is given up.
///
/// # Errors
/// Where a sandbox around the process forbids the calls.
pub fn keep(role: Role) -> io::Result<()> {
    match NEEDS.get() {
        Some(needs) => reduce_to(role.kept(needs), role.lasting(needs)),
        None => Ok(()),
    }
}

/// As [`keep`], in a thread that has begun. What cannot be given up has been said at the start.
pub fn kept(role: Role) {
    let _ = keep(role);
}

/// Gives up everything, in this thread.
pub fn give_up() {
    let _ = reduce_to(CapabilitySet::empty(), CapabilitySet::empty());
}

/// Does `work` in a thread that has what `role` keeps, so that every thread that comes of it has no more.
///
/// # Errors
/// When the system refuses a thread.
pub fn born<T: Send>(role: Role, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let work = || {
            kept(role);
            work()
        };
        let thread = Builder::new().name("start".to_owned()).spawn_scoped(scope, work)?;
        Ok(thread.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked)))
    })
}

/// What `work` says in a thread without any capability; none where there can be no such thread.
pub fn without_any<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    thread::scope(|scope| {
        let work = || {
            let none = CapabilitySet::empty();
            reduce_to(none, none).ok().map(|()| work())
        };
        let thread = Builder::new().spawn_scoped(scope, work).ok()?;
        thread.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked))
    })
}

/// What this thread may do.
pub fn held() -> CapabilitySet {
    capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective)
}

/// A capability that was given up at the start since nothing took it then, by its name, and what takes it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// Its name.
    pub name: &'static str,
    /// What takes it.
    pub taken_by: &'static str,
}

/// What `now` takes of what was `held` at the start and given up by `before`.
pub fn given_up(held: CapabilitySet, before: &Needs, now: &Needs) -> Option<GivenUp> {
    let low_ports = (
        CapabilitySet::NET_BIND_SERVICE,
        now.low_ports && !before.low_ports,
        GivenUp { name: "CAP_NET_BIND_SERVICE", taken_by: "a [[listen]] at such a low port" },
    );
    let keeps_source = (
        CapabilitySet::NET_RAW,
        now.keeps_source && !before.keeps_source,
        GivenUp { name: "CAP_NET_RAW", taken_by: "`keep_source` of a [[forward]]" },
    );
    let found = [low_ports, keeps_source].into_iter();
    let mut found = found.filter(|(set, is_new, _)| *is_new && held.contains(*set));
    found.next().map(|(_, _, given_up)| given_up)
}

/// Leaves this thread what it has of `set`, in no set that a program could inherit, and lets no program that it starts have
/// more than `lasting`.
fn reduce_to(set: CapabilitySet, lasting: CapabilitySet) -> io::Result<()> {
    let sets = capabilities(None)?;
    // First: it takes a capability that goes. Who lacks it has a service manager or a container that has done it.
    if sets.effective.contains(CapabilitySet::SETPCAP) {
        // The kernel knows fewer than 64, and says where they end.
        let all = (0..u64::BITS).map(|number| CapabilitySet::from_bits_retain(1 << number));
        for capability in all.filter(|one| !lasting.contains(*one)) {
            match capability_is_in_bounding_set(capability) {
                Ok(true) => remove_capability_from_bounding_set(capability)?,
                Ok(false) => {}
                Err(_) => break,
            }
        }
    }
    clear_ambient_capability_set()?;
    let kept = sets.permitted & set;
    let inheritable = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable })?;
    Ok(set_no_new_privs(true)?)
}

/// The names of what this thread has of `set`, sorted.
pub fn names(set: CapabilitySet) -> Vec<String> {
    let Ok(sets) = capabilities(None) else { return Vec::new() };
    let held = sets.permitted & set;
    let mut names: Vec<String> = held.iter_names().map(|(name, _)| format!("CAP_{name}")).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [Role; 5] = [Role::Lead, Role::Reload, Role::Drain, Role::Files, Role::Nothing];

    fn kept(needs: Needs) -> [String; 5] {
        ROLES.map(|role| {
            let names = role.kept(&needs);
            names.iter_names().map(|(name, _)| name.to_owned()).collect::<Vec<_>>().join(" ")
        })
    }

    #[test]
    fn every_role_keeps_what_its_work_takes() {
        let none = Needs::default();
        assert_eq!(kept(none), ["", "", "", "", ""]);
        let captures = Needs { captures: true, ..none };
        assert_eq!(kept(captures), ["NET_ADMIN BPF", "NET_ADMIN", "BPF", "", ""]);
        let listens = Needs { listens: true, ..none };
        assert_eq!(kept(listens), ["NET_ADMIN", "NET_ADMIN", "", "", ""]);
        let receives = Needs { low_ports: true, keeps_source: true, ..listens };
        let all = "NET_BIND_SERVICE NET_ADMIN NET_RAW";
        assert_eq!(kept(receives), [all, all, "", "", ""]);
        let foreign = Needs { foreign_files: true, ..captures };
        let reload = "DAC_OVERRIDE NET_ADMIN";
        let expected = [&format!("{reload} BPF"), reload, "BPF", "DAC_OVERRIDE", ""];
        assert_eq!(kept(foreign), expected);
    }

    #[test]
    fn no_role_has_more_than_the_lead() {
        for bits in 0..32 {
            let bit = |at: u32| bits >> at & 1 == 1;
            let needs = Needs {
                captures: bit(0),
                listens: bit(1),
                low_ports: bit(2),
                keeps_source: bit(3),
                foreign_files: bit(4),
            };
            let lead = Role::Lead.kept(&needs);
            assert!(ROLES.iter().all(|role| lead.contains(role.kept(&needs))), "{needs:?}");
            assert_eq!(Role::Start.lasting(&needs), lead, "{needs:?}");
        }
    }

    #[test]
    fn what_is_taken_later_and_was_given_up_is_known() {
        let all = CapabilitySet::all();
        let before = Needs { listens: true, ..Needs::default() };
        let now = Needs { low_ports: true, keeps_source: true, ..before };
        let name = |held, before: &Needs, now: &Needs| {
            given_up(held, before, now).map(|given_up| given_up.name)
        };
        assert_eq!(name(all, &before, &before), None);
        assert_eq!(name(all, &before, &now), Some("CAP_NET_BIND_SERVICE"));
        assert_eq!(name(CapabilitySet::NET_RAW, &before, &now), Some("CAP_NET_RAW"));
        assert_eq!(name(all, &now, &now), None);
        // Who never had it is told so where it is missed.
        assert_eq!(name(CapabilitySet::empty(), &before, &now), None);
    }

    #[test]
    fn a_thread_without_any_starts_others_without_any() {
        let found = without_any(|| {
            let sets = |()| capabilities(None).expect("asked");
            let own = sets(());
            let child = thread::spawn(move || sets(())).join().expect("no panic");
            let privileges = rustix::thread::no_new_privs().expect("asked");
            (own, child, privileges)
        });
        let (own, child, no_new_privileges) = found.expect("a thread");
        let empty = CapabilitySet::empty();
        let none = CapabilitySets { effective: empty, permitted: empty, inheritable: empty };
        assert_eq!((own, child), (none, none));
        assert!(no_new_privileges);
    }
}
