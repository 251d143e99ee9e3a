//! Leaving nothing behind on kernels without tcx, even when the agent is killed.
//!
//! clsact filters outlive their maker. So an agent that makes some starts its guard: the same executable in a process
//! of its own, which does nothing but wait for the end of its standard input. That end comes when the agent is gone,
//! however it went; the guard then removes the agent's filters and ends. Who kills the guard as well leaves the
//! filters to the next agent.

use std::{
    ffi::OsString,
    io::{self, Read},
    os::unix::process::CommandExt,
    process::{self, Child, Command, Stdio},
};

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_ambient_set,
    clear_ambient_capability_set, configure_capability_in_ambient_set, set_capabilities,
    set_no_new_privs,
};

use super::{
    links::dump_links,
    netlink::Netlink,
    tc::{self, Found, Owner},
};

/// The argument that makes an executable a guard; the process to guard follows it.
const ARGUMENT: &str = "clsact-guard";

/// The agent's hold on its guard. Drop it after the filters.
#[derive(Debug)]
pub(super) struct Guard(Child);

impl Guard {
    /// Starts this executable as the guard of this process. Its `main` must begin with [`serve`].
    pub(super) fn start() -> io::Result<Self> {
        // What an agent keeps does not pass to programs that it starts, but this one removes filters.
        let _passing = Passing::on();
        Command::new("/proc/self/exe")
            .arg(ARGUMENT)
            .arg(process::id().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Out of the reach of a terminal's interrupt, which is for the agent.
            .process_group(0)
            .spawn()
            .map(Self)
    }
}

/// While it is there, programs that this thread starts have CAP_NET_ADMIN, if the thread has it. (Root's have it anyway.)
struct Passing;

impl Passing {
    fn on() -> Option<Self> {
        let sets = capabilities(None).ok()?;
        let passed = CapabilitySet::NET_ADMIN;
        // Those of a service whose manager has it passed on are not to be changed.
        if !sets.permitted.contains(passed) || capability_is_in_ambient_set(passed).ok()? {
            return None;
        }
        let inheritable = sets.inheritable | passed;
        set_capabilities(None, CapabilitySets { inheritable, ..sets }).ok()?;
        let passing = Self;
        configure_capability_in_ambient_set(passed, true).ok()?;
        Some(passing)
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        // What leaves the inheritable set leaves the ambient set with it.
        if let Ok(sets) = capabilities(None) {
            let inheritable = sets.inheritable - CapabilitySet::NET_ADMIN;
            let _ = set_capabilities(None, CapabilitySets { inheritable, ..sets });
        }
    }
}

/// Gives up all but what removing filters takes.
fn keep_what_releases() -> rustix::io::Result<()> {
    let sets = capabilities(None)?;
    let kept = sets.permitted & CapabilitySet::NET_ADMIN;
    clear_ambient_capability_set()?;
    let inheritable = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable })?;
    set_no_new_privs(true)
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        if let Err(error) = self.0.wait() {
            tracing::debug!(%error, "the clsact guard was not waited for");
        }
    }
}

/// To be called first in `main` with the process's arguments: does a guard's work if this process is one, and then
/// returns true.
pub fn serve(arguments: impl IntoIterator<Item = OsString>) -> bool {
    let mut arguments = arguments.into_iter().skip(1);
    if arguments.next().is_none_or(|first| first != ARGUMENT) {
        return false;
    }
    let agent = arguments.next().and_then(|agent| agent.to_str()?.parse().ok());
    if let Some(agent) = agent {
        // Where that is forbidden, it goes on with what it has.
        let _ = keep_what_releases();
        // There is nobody to tell of a failure; the next agent will find what is left.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        let _ = release(agent);
    }
    true
}

/// Removes the filters of process `agent` from every interface.
fn release(agent: u32) -> io::Result<()> {
    let mut netlink = Netlink::open()?;
    for link in dump_links(&mut netlink)? {
        // An interface that is gone in the meantime is no reason to leave the others.
        let _ = tc::sweep(&mut netlink, link.index, |found: &Found| {
            found.owner == Owner::Process(agent)
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_process_is_no_guard() {
        let arguments = |list: &[&str]| list.iter().map(OsString::from).collect::<Vec<_>>();
        assert!(!serve(arguments(&[])));
        assert!(!serve(arguments(&["sensor"])));
        assert!(!serve(arguments(&["sensor", "run", ARGUMENT])));
    }
}
