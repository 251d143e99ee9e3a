//! The kernel side as the agent sees it: the only room that knows aya, bpf(2) and rtnetlink.
//!
//! [`load`] puts the eBPF object into the kernel and returns its ends, each for a thread of its own: [`Programs`],
//! which attaches to interfaces; [`Drain`], which turns the flow tables over and hands flows to a
//! [`DeltaSink`](sensor_core::flow::delta::DeltaSink); [`KernelLog`], which passes on what the programs have to say.
//! [`LinkWatch`](watch::LinkWatch) tells which interfaces to attach to, now and later.
//!
//! * [`drain`]: the protocol by which no packet is lost, and why it is sound. With [`accounts`], which prove it.
//! * [`coverage`], with [`counters`]: the second witness, which would know of packets that no program saw.
//! * [`attach`]: modes and fallbacks; [`choice`]: which comes first; `hold`: whether programs are still where they were put;
//!   `handover`: how they are moved; [`links`], [`routes`] and
//!   [`watch`]: which interfaces; [`addresses`]: of this host.
//! * [`pins`]: what goes on while no agent runs, and how the next takes it over.
//! * [`device`], `drivers`, [`outlook`]: what attaching would come to, said without attaching.
//! * [`budget`], [`probe`], [`clock`], [`grace`]: memory, kernel features, time, waiting.
//! * `object`, `maps`, `sys`, `ethtool`, `netlink`, `tc`, [`guard`]: the border itself; [`refusal`]: what the verifier says.
//!   `unsafe` is in `maps`, `sys` and `ethtool` only.

// They panic when the other end is gone; the command line's `stdio` writes.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod accounts;
pub mod addresses;
pub mod attach;
pub mod budget;
pub mod choice;
pub mod clock;
pub mod counters;
pub mod coverage;
pub mod device;
pub mod drain;
mod drivers;
pub mod error;
mod ethtool;
pub mod grace;
pub mod guard;
mod handover;
mod hold;
pub mod links;
pub mod log;
mod maps;
mod netlink;
mod object;
pub mod outlook;
pub mod pins;
pub mod probe;
pub mod refusal;
pub mod routes;
pub mod sys;
mod tc;
pub mod watch;
mod ways;

use std::{
    os::fd::{AsFd as _, OwnedFd},
    sync::Arc,
    time::Instant,
};

use aya::Ebpf;
use sensor_common::{crossing::Crossing, layout::names};

use self::{
    attach::{Attachment, HookEvent, Hooks, IngressWish},
    budget::{Budget, DEFAULT_MEMORY},
    clock::ClockSource,
    device::Devices,
    drain::Drain,
    error::KernelError,
    grace::Grace,
    handover::Handover,
    links::Link,
    log::KernelLog,
    maps::{Books, ClockReadings, FlowTable},
    object::descriptor,
    pins::{Adopted, Pins, Plan},
    probe::{Features, Means},
    sys::ProgramInfo,
};

/// How to load.
#[derive(Debug)]
pub struct Options {
    /// Kernel memory for tables, lists and ledgers, octets.
    pub memory: u64,
    /// How to wait for grace periods; `None` asks the kernel.
    pub grace: Option<Grace>,
    /// Do without tcx, as on kernels before 6.6.
    pub without_tcx: bool,
    /// This executable's `main` begins with [`guard::serve`], so it can guard clsact filters.
    pub guarded: bool,
    /// What agents before have left, and where to leave tables and links.
    pub pins: Option<Pins>,
    /// Where the verifier's log goes, should it refuse a program.
    pub verifier_logs: refusal::Directory,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            memory: DEFAULT_MEMORY,
            grace: None,
            without_tcx: false,
            guarded: false,
            pins: None,
            verifier_logs: refusal::Directory::default(),
        }
    }
}

/// The ends of a loaded object.
pub struct Loaded {
    /// Attaches.
    pub programs: Programs,
    /// Drains.
    pub drain: Drain,
    /// Passes on the programs' log, if they write one.
    pub log: Option<KernelLog>,
}

/// Loads the eBPF object, which is empty where it has not been built. Logging must have been set up before, or the programs' log goes nowhere.
///
/// # Errors
/// See [`KernelError`].
pub fn load(object: &[u8], options: Options) -> Result<Loaded, KernelError> {
    if object.is_empty() {
        return Err(KernelError::NotBuilt); // Before anything that takes root.
    }
    let features = Features::probe()?;
    let budget = Budget::new(options.memory, probe::cpu_numbers()?);
    let plan = options.pins.as_ref().map_or(Ok(Plan::default()), |pins| pins.plan(&budget))?;
    let mut ebpf = object::load(object, &budget, plan.set.as_deref(), &options.verifier_logs)?;
    let (adopted, former) = (plan.adopted.is_some(), plan.former.len());
    let (state, heritage) = pins::begin(plan, &budget)?;
    let log = KernelLog::new(&mut ebpf);
    let rows = budget.rows();
    let clock = ClockReadings::new(&ebpf, names::CLOCK)?;
    let drain = Drain {
        v4: FlowTable::new(&ebpf, names::FLOWS_V4, names::USED_V4, budget.v4, rows)?,
        v6: FlowTable::new(&ebpf, names::FLOWS_V6, names::USED_V6, budget.v6, rows)?,
        books: Books::new(&ebpf, budget.cpus)?,
        clock: ClockSource::new(descriptor(&ebpf, names::PROGRAM_CLOCK)?, clock)?,
        grace: options.grace.map_or_else(Grace::new, Ok)?,
        budget,
        state: Arc::new(state),
        heritage: (adopted || former > 0).then_some(heritage),
    };
    let (directory, links) = options.pins.map(Pins::split).unzip();
    let hooks = Hooks {
        ingress: descriptor(&ebpf, names::PROGRAM_INGRESS)?,
        tc_ingress: descriptor(&ebpf, names::PROGRAM_TC_INGRESS)?,
        tc_egress: descriptor(&ebpf, names::PROGRAM_TC_EGRESS)?,
        tc_ingress_l3: descriptor(&ebpf, names::PROGRAM_TC_INGRESS_L3)?,
        tc_egress_l3: descriptor(&ebpf, names::PROGRAM_TC_EGRESS_L3)?,
        tcx: features.tcx && !options.without_tcx,
        guarded: options.guarded,
        guard: None,
        handover: Handover::new(&ebpf, drain.budget.cpus)?,
        pins: links.unwrap_or_default(),
    };
    let books = Books::new(&ebpf, drain.budget.cpus)?;
    let pinned = directory.map(|directory| Pinned { directory, tables: adopted, former });
    Ok(Loaded { programs: Programs { ebpf, hooks, features, books, pinned }, drain, log })
}

/// What was found in a directory of pins, which is held as long as this is there.
struct Pinned {
    directory: pins::Directory,
    tables: bool,
    former: usize,
}

/// The programs of an object, as the kernel knew them after it had verified them.
#[derive(Debug)]
pub struct Trial(Vec<ProgramInfo>);

impl Trial {
    /// Has the kernel verify the programs of `object`, with the smallest tables, and forgets them. Attaches nothing.
    ///
    /// # Errors
    /// As those of [`load`].
    pub fn of(object: &[u8], verifier_logs: &refusal::Directory) -> Result<Self, KernelError> {
        if object.is_empty() {
            return Err(KernelError::NotBuilt);
        }
        Features::probe()?;
        let ebpf = object::load(object, &Budget::new(0, 1), None, verifier_logs)?;
        let source = |source| KernelError::System { attempt: "query a program", source };
        let info = |name| sys::program_info(descriptor(&ebpf, name)?.as_fd()).map_err(source);
        object::ATTACHED.into_iter().map(info).collect::<Result<_, _>>().map(Self)
    }
}

/// To look at interfaces of this thread's network namespace. Where the programs could be loaded, a `trial` tells those of
/// another sensor from others.
///
/// # Errors
/// When rtnetlink does not answer.
pub fn devices(trial: Option<Trial>, means: &Means) -> Result<Devices, KernelError> {
    let own = trial.map(|Trial(programs)| programs).unwrap_or_default();
    Devices::open(own, means.has_tcx())
        .map_err(|source| KernelError::System { attempt: "ask rtnetlink about interfaces", source })
}

/// The loaded programs. Keep it as long as anything is attached.
pub struct Programs {
    ebpf: Ebpf,
    hooks: Hooks,
    features: Features,
    books: Books,
    pinned: Option<Pinned>,
}

impl Programs {
    /// Attaches to both directions of `link`, until the returned value is dropped, or, where links are pinned, until
    /// [`Attachment::detach`]. Drop it before this.
    ///
    /// # Errors
    /// [`KernelError::Attach`] when no way works.
    pub fn attach(&mut self, link: &Link, wish: IngressWish) -> Result<Attachment, KernelError> {
        self.hooks.attach(link, wish)
    }

    /// Looks whether the programs of `attachment` are where they were put, and puts them back where they are not.
    pub fn verify(&mut self, attachment: &mut Attachment, now: Instant) -> Vec<HookEvent> {
        self.hooks.verify(attachment, now)
    }

    /// What the programs have seen by now of `interface` and of those that share its slot (`sensor_common::crossing`).
    pub fn crossed(&self, interface: u32) -> Crossing {
        self.books.crossing(interface)
    }

    /// Takes off programs that an agent before has left where none has been attached since. To be called once all interfaces
    /// of the start are attached to, and before [`Drain::begin`].
    pub fn release_unclaimed(&mut self) -> usize {
        self.hooks.release_unclaimed()
    }

    /// What agents before had left, where pins are in use: what stands in [`Options::pins`].
    pub fn adopted(&self) -> Option<Adopted> {
        let Pinned { directory, tables, former } = self.pinned.as_ref()?;
        let links = self.hooks.pins.adopted();
        Some(Adopted {
            directory: directory.path().to_owned(),
            tables: *tables,
            former: *former,
            links,
        })
    }

    /// What the kernel offers.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// A descriptor of the loaded program `name` (see [`names`]), for [`sys::test_run`].
    ///
    /// # Errors
    /// When there is no such program.
    pub fn descriptor(&self, name: &'static str) -> Result<OwnedFd, KernelError> {
        descriptor(&self.ebpf, name)
    }
}
