//! `[capture]`: what packets are taken from the kernel, and how.

use std::{path::PathBuf, time::Duration};

use globset::Glob;
use sensor_core::settings::{
    schema::{Key, Origin, Setting, Table, Value, table},
    value::ByteSize,
};
use sensor_kernel::{budget::DEFAULT_MEMORY, links::is_glob, watch::Missing};

use super::{
    faults::Faults,
    interface::{self, Interface, InterfaceConfig},
};

table! {
    /// `[capture]`
    Capture {
        /// Interfaces to watch: names, globs such as `eth*`, or `auto` for the devices of the default routes. Not given and
        /// with a `[[listen]]` or `[[cloud]]`: none.
        interfaces: Vec<Setting<String>> = vec![Setting::default_of("auto".to_owned())];
        /// How often the kernel's flow tables are drained.
        interval: Duration = Duration::from_secs(1);
        /// Memory for the kernel's flow tables, over all CPUs.
        kernel_memory: ByteSize = ByteSize(DEFAULT_MEMORY);
        /// Use generic XDP on every interface that no `[[interface]]` matches. It counts merged packets once: too few packets.
        generic_xdp: bool = false;
        /// Leave programs and tables in the kernel when the sensor ends, so that packets are counted until the next start.
        pin: bool = false;
        /// Where they are pinned: a directory on a bpffs, of this sensor's own.
        pin_path: PathBuf = PathBuf::from(PINS);
    }
}

/// Where links and tables are pinned, unless told otherwise.
pub const PINS: &str = "/sys/fs/bpf/sensor";

/// What outlives the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinsConfig {
    /// Whether links and tables stay when the agent ends.
    pub keep: bool,
    /// Where: also where an agent before may have left some.
    pub path: PathBuf,
}

/// `[capture]`
#[derive(Clone, Debug, PartialEq)]
pub struct CaptureConfig {
    /// An interface that several match is watched once. None only where flows of others are taken in.
    pub interfaces: Vec<InterfacePattern>,
    /// What becomes of those that are not there at the start: who types a name wants it now, a configuration may be ahead of
    /// the interfaces of its host.
    pub missing: Missing,
    /// Time between two drains of the kernel tables, 100 ms to 60 s.
    pub interval: Duration,
    /// Bytes for the kernel's flow tables, over all CPUs.
    pub kernel_memory: u64,
    /// Links and tables that outlive the agent.
    pub pins: PinsConfig,
    /// By which hooks interfaces are watched; the first that matches counts.
    pub hooks: Vec<InterfaceConfig>,
}

/// Which interfaces are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InterfacePattern {
    /// The devices of the default routes, of IPv4 and of IPv6.
    Auto,
    /// The interface of this name.
    Name(String),
    /// Every interface whose name matches.
    Glob(Glob),
}

/// Judges `[capture]` and all `[[interface]]` tables; `takes_in`: whether flows
/// of others are taken in: of routers, or of clouds.
pub(super) fn resolve(
    raw: &Capture,
    interface: &[Setting<Interface>],
    takes_in: bool,
    faults: &mut Faults,
) -> CaptureConfig {
    let intervals = Duration::from_millis(100)..=Duration::from_mins(1);
    let memory = ByteSize(4 << 20)..=ByteSize(64 << 30);
    let interfaces = interfaces(&raw.interfaces, takes_in, faults);
    // Where all that is named has faults, these are enough.
    if raw.interfaces.value.is_empty() || takes_in && !raw.interfaces.is_given() {
        without_effect(raw, interface, faults);
    }
    CaptureConfig {
        interfaces,
        missing: match raw.interfaces.origin {
            Origin::Flag(_) => Missing::Refused,
            Origin::File(_) | Origin::Default => Missing::Awaited,
        },
        interval: faults.in_range(&raw.interval, "capture.interval", intervals),
        kernel_memory: faults.in_range(&raw.kernel_memory, "capture.kernel_memory", memory).0,
        pins: PinsConfig { keep: raw.pin.value, path: raw.pin_path.value.clone() },
        hooks: interface::resolve(interface, raw.generic_xdp.value, faults),
    }
}

/// Reports what asks for something of captured interfaces where none is captured; a file may hold it in store, unless it
/// is required.
fn without_effect(raw: &Capture, interface: &[Setting<Interface>], faults: &mut Faults) {
    const MUST: &str = "applies only to captured interfaces";
    let required = interface.iter().map(|interface| &interface.value.required);
    for required in required.filter(|required| required.value) {
        faults.report(required, "interface.required", MUST, "`capture.interfaces` names none");
    }
    let flags = interface.iter().map(|interface| &interface.origin);
    let flags = flags.chain([&raw.interval.origin, &raw.generic_xdp.origin]);
    for origin in flags.filter(|origin| matches!(origin, Origin::Flag(_))) {
        let flag = Setting { value: (), origin: origin.clone() };
        faults.report(&flag, "", MUST, "there is none: add -i NAME");
    }
}

fn interfaces(
    list: &Setting<Vec<Setting<String>>>,
    takes_in: bool,
    faults: &mut Faults,
) -> Vec<InterfacePattern> {
    const PATH: &str = "capture.interfaces";
    if takes_in && !list.is_given() {
        // Whoever only wants to collect what routers send need not be able to load programs.
        return Vec::new();
    }
    if list.value.is_empty() && !takes_in {
        faults.report(
            list,
            PATH,
            "must name an interface",
            "`[\"auto\"]` selects the default route",
        );
    }
    let mut patterns = Vec::with_capacity(list.value.len());
    for (index, name) in list.value.iter().enumerate() {
        if list.value[..index].iter().any(|earlier| earlier.value == name.value) {
            faults.report(name, PATH, "must name an interface once", "named before");
        }
        match pattern(&name.value) {
            Ok(pattern) => patterns.push(pattern),
            Err(reason) => {
                faults.report(name, PATH, "must contain names, globs or `auto`", &reason);
            }
        }
    }
    patterns
}

fn pattern(name: &str) -> Result<InterfacePattern, String> {
    if name == "auto" {
        return Ok(InterfacePattern::Auto);
    }
    let glob = interface::glob(name)?;
    Ok(match is_glob(name) {
        true => InterfacePattern::Glob(glob),
        false => InterfacePattern::Name(name.to_owned()),
    })
}
