//! The kernel side, with an agent that dies where the test says: what it held is dropped, with nothing put in order.

use std::{
    fs::File,
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use aya::maps::{Array, Map, MapData};
use sensor_common::{
    key::{V4_WORDS, V6_WORDS},
    layout::names,
    ledger::Count,
};
use sensor_core::flow::delta::{DeltaSink, FlowDelta};
use sensor_kernel::{
    self, Loaded, Options, Programs,
    attach::{Attachment, HookChange, HookEvent, IngressWish},
    drain::Drain,
    grace::Grace,
    links,
    pins::{Inherited, PinError, Pins},
};
use tests::{
    bpf::{self, Hook},
    root,
};

use crate::wire::{Bpffs, FLOWS, NEAR, Wire};

/// Adds up what the drain hands over, and dies when it has got so many records.
#[derive(Default)]
struct Sum {
    count: Count,
    records: u16,
    dies_at: Option<u16>,
}

impl Sum {
    fn dying_at(record: u16) -> Self {
        Self { dies_at: Some(record), ..Self::default() }
    }

    fn add(&mut self, delta: &FlowDelta) {
        assert!(delta.start <= delta.end, "{delta:?}");
        if self.dies_at == Some(self.records) {
            // What it was given is in its memory by now, which is lost.
            self.count.add(delta.packets, delta.layer2_octets);
            panic::resume_unwind(Box::new("killed"));
        }
        self.count.add(delta.packets, delta.layer2_octets);
        self.records += 1;
    }
}

impl DeltaSink for Sum {
    fn v4(&mut self, _: &[u64; V4_WORDS], delta: &FlowDelta) {
        self.add(delta);
    }

    fn v6(&mut self, _: &[u64; V6_WORDS], delta: &FlowDelta) {
        self.add(delta);
    }
}

/// The hooks by which received packets are counted.
#[derive(Clone, Copy, Debug)]
enum By {
    Xdp,
    Tcx,
    Clsact,
}

/// Where agents come and go.
struct Site {
    wire: Wire,
    bpffs: Bpffs,
}

/// How an agent is started.
struct How<'a> {
    by: By,
    memory: u64,
    grace: Option<Grace>,
    interfaces: &'a [&'a str],
    keep: bool,
}

impl Default for How<'_> {
    fn default() -> Self {
        Self { by: By::Tcx, memory: 0, grace: None, interfaces: &[NEAR], keep: true }
    }
}

/// An agent. To drop it is to kill it.
struct Run {
    attachments: Vec<Attachment>,
    drain: Drain,
    programs: Programs,
    released: usize,
    inherited: Option<Inherited>,
    /// What it has passed on.
    passed_on: Count,
}

impl Site {
    fn new() -> Result<Self> {
        Ok(Self { wire: Wire::new()?, bpffs: Bpffs::mount()? })
    }

    fn pins(&self) -> PathBuf {
        self.bpffs.path().join("pins")
    }

    fn start(&self, how: How<'_>) -> Result<Run> {
        let How { by, memory, grace, interfaces, keep } = how;
        self.wire.near.enter(|| {
            let pins = match keep {
                true => Some(Pins::open(&self.pins())?),
                false => Pins::left_in(&self.pins())?,
            };
            let without_tcx = matches!(by, By::Clsact);
            let options = Options { memory, grace, pins, without_tcx, ..Options::default() };
            let Loaded { mut programs, mut drain, .. } =
                sensor_kernel::load(sensor_object::OBJECT, options)?;
            let wish = match by {
                By::Xdp => IngressWish::NativeXdp,
                By::Tcx | By::Clsact => IngressWish::Tc,
            };
            let links = links::list()?;
            let attachments = interfaces.iter().map(|name| {
                let link = links.iter().find(|link| link.name == *name).context("the veth end")?;
                Ok(programs.attach(link, wish)?)
            });
            let attachments = attachments.collect::<Result<Vec<_>>>()?;
            let released = programs.release_unclaimed();
            let mut sum = Sum::default();
            let inherited = drain.begin(&mut sum)?;
            let mut run = Run {
                attachments,
                drain,
                programs,
                released,
                inherited,
                passed_on: Count::default(),
            };
            run.pass_on(sum);
            Ok(run)
        })?
    }
}

impl Run {
    fn pass_on(&mut self, Sum { count, .. }: Sum) {
        self.drain.receipts().passed_on(count.packets, count.octets);
        self.passed_on.add(count.packets, count.octets);
    }

    fn flip(&mut self) -> Result<()> {
        let mut sum = Sum::default();
        let epoch = self.drain.flip(&mut sum)?;
        ensure!(epoch.imbalance.is_none(), "{epoch:?}");
        self.pass_on(sum);
        Ok(())
    }

    /// Drains both generations.
    fn flip_both(&mut self) -> Result<()> {
        self.flip()?;
        self.flip()
    }

    /// Drains, and is killed when the drain has handed over `record` records and one more; returns what was lost with it.
    fn die_in_drain(mut self, record: u16) -> Result<Count> {
        let mut sum = Sum::dying_at(record);
        let died = panic::catch_unwind(AssertUnwindSafe(|| self.drain.flip(&mut sum)));
        ensure!(died.is_err(), "there were only {} records", sum.records);
        Ok(sum.count)
    }

    fn inherited(&self) -> Result<&Inherited> {
        let inherited = self.inherited.as_ref().context("an agent was here before")?;
        ensure!(inherited.epoch.imbalance.is_none(), "{inherited:?}");
        Ok(inherited)
    }
}

fn plus(mut one: Count, other: Count) -> Count {
    one.add(other.packets, other.octets);
    one
}

/// A way to wait that fails, so that the drain ends between the switch of generations and the first record.
fn no_grace() -> Result<Grace> {
    let none = || File::open("/dev/null").map(Into::into);
    Ok(Grace::MapOfMaps { outer: none()?, inner: none()? })
}

#[test]
fn a_drain_may_be_cut_short_anywhere() -> Result<()> {
    if !root("a_drain_may_be_cut_short_anywhere") {
        return Ok(());
    }
    let site = Site::new()?;
    let (mut sent, mut passed_on, mut lost) = <(Count, Count, Count)>::default();
    let mut send = |packets| -> Result<()> {
        sent = plus(sent, site.wire.send(packets)?);
        Ok(())
    };
    // Between the switch and the first record, with nothing drained so far.
    let mut run = site.start(How { grace: Some(no_grace()?), ..How::default() })?;
    send(500)?;
    ensure!(run.flip().is_err(), "the wait fails");
    drop(run);
    send(300)?;
    // In the first record, in the middle, in the last one. Then at once after the start: what an agent takes over may be lost
    // with it, too.
    for (number, record) in [0, FLOWS / 2, FLOWS - 1].into_iter().enumerate() {
        let mut run = site.start(How::default())?;
        let now = run.inherited()?.lost;
        ensure!((number == 0) == (now == Count::default()), "{number}: {now:?}");
        send(500)?;
        run.flip_both()?;
        send(400)?;
        passed_on = plus(passed_on, run.passed_on);
        lost = plus(lost, run.die_in_drain(record)?);
        send(300)?;
    }
    // What it drains, and has not passed on, is lost when it is killed after the drain.
    let mut run = site.start(How::default())?;
    passed_on = plus(passed_on, run.passed_on);
    send(600)?;
    let mut sum = Sum::default();
    run.drain.flip(&mut sum)?;
    lost = plus(lost, sum.count);
    drop(run);
    send(100)?;
    let mut run = site.start(How::default())?;
    ensure!(run.inherited()?.lost == sum.count, "{:?}", run.inherited);
    run.flip_both()?;
    passed_on = plus(passed_on, run.passed_on);
    site.wire.is_lossless()?;
    println!("sent {sent:?} = passed on {passed_on:?} + lost {lost:?}");
    ensure!(run.drain.receipts().lost() == lost, "{:?}", run.drain.receipts().lost());
    ensure!(plus(passed_on, lost) == sent, "{passed_on:?} + {lost:?} of {sent:?}");
    // One set of tables throughout, and the directory as it was.
    let names = site.bpffs.list()?;
    ensure!(names.iter().filter(|name| name.starts_with("tables-")).count() == 9, "{names:?}");
    Ok(())
}

#[test]
fn programs_of_each_hook_are_exchanged_under_load() -> Result<()> {
    if !root("programs_of_each_hook_are_exchanged_under_load") {
        return Ok(());
    }
    for by in [By::Xdp, By::Tcx, By::Clsact] {
        let site = Site::new()?;
        let first = site.start(How { by, ..How::default() })?;
        let ((mut last, mut passed_on), sent) = site.wire.load(|| {
            let (mut run, mut passed_on) = (first, Count::default());
            run.flip()?;
            passed_on = plus(passed_on, run.passed_on);
            drop(run);
            run = site.start(How { by, ..How::default() })?;
            Ok((run, passed_on))
        })?;
        last.flip_both()?;
        passed_on = plus(passed_on, last.passed_on);
        site.wire.is_lossless()?;
        println!("{by:?}: sent {sent:?}");
        ensure!(passed_on == sent, "{by:?}: {passed_on:?} of {sent:?}");
        ensure!(last.programs.adopted().context("pins")?.links == 2, "{by:?}");
    }
    Ok(())
}

/// The number in front of a word of the state's description that the version follows.
const STATE_VERSION: u32 = 4;

/// Has the tables in `set` be those of a build with another layout version.
fn make_foreign(site: &Site, set: &str) -> Result<()> {
    let map = MapData::from_pin(site.pins().join(set).join("state"))?;
    let mut words: Array<_, u64> = Map::Array(map).try_into()?;
    let version = words.get(&STATE_VERSION, 0)?;
    ensure!(version >> 48 == 1, "the version stands first in the description: {version:#x}");
    Ok(words.set(STATE_VERSION, version + 1, 0)?)
}

#[test]
fn tables_of_other_sizes_or_another_layout_are_drained_and_replaced_under_load() -> Result<()> {
    if !root("tables_of_other_sizes_or_another_layout_are_drained_and_replaced_under_load") {
        return Ok(());
    }
    for by in [By::Tcx, By::Clsact] {
        let site = Site::new()?;
        let first = site.start(How { by, ..How::default() })?;
        let ((mut last, mut passed_on, lost), sent) = site.wire.load(|| {
            let (mut run, mut passed_on, mut lost) = (first, Count::default(), Count::default());
            run.flip()?;
            passed_on = plus(passed_on, run.passed_on);
            thread::sleep(Duration::from_millis(100));
            lost = plus(lost, run.die_in_drain(FLOWS / 2)?);
            run = site.start(How { by, memory: 16 << 20, ..How::default() })?;
            let inherited = run.inherited()?;
            ensure!(inherited.former == 1 && inherited.lost == lost, "{inherited:?}");
            ensure!(inherited.epoch.records_v4 > 0, "{inherited:?}");
            run.flip()?;
            passed_on = plus(passed_on, run.passed_on);
            drop(run);
            make_foreign(&site, "tables-2")?;
            run = site.start(How { by, memory: 16 << 20, ..How::default() })?;
            ensure!(run.inherited()?.former == 1, "{:?}", run.inherited);
            ensure!(run.inherited()?.lost == Count::default(), "{:?}", run.inherited);
            Ok((run, passed_on, lost))
        })?;
        last.flip_both()?;
        passed_on = plus(passed_on, last.passed_on);
        site.wire.is_lossless()?;
        println!("{by:?}: sent {sent:?} = passed on {passed_on:?} + lost {lost:?}");
        ensure!(plus(passed_on, lost) == sent, "{by:?}: {passed_on:?} + {lost:?} of {sent:?}");
        ensure!(last.drain.receipts().lost() == lost, "what was lost is known of all tables");
        let names = site.bpffs.list()?;
        let sets: Vec<_> = names.iter().filter(|name| name.ends_with("/state")).collect();
        ensure!(sets == ["tables-3/state"], "{names:?}");
    }
    Ok(())
}

#[test]
fn an_agent_without_pins_takes_over_what_another_has_pinned_and_leaves_nothing() -> Result<()> {
    if !root("an_agent_without_pins_takes_over_what_another_has_pinned_and_leaves_nothing") {
        return Ok(());
    }
    for by in [By::Tcx, By::Clsact] {
        let site = Site::new()?;
        let first = site.start(How { by, ..How::default() })?;
        let ((mut last, mut passed_on), sent) = site.wire.load(|| {
            let mut run = first;
            run.flip()?;
            let passed_on = run.passed_on;
            drop(run);
            run = site.start(How { by, keep: false, ..How::default() })?;
            ensure!(run.programs.adopted().context("pins")?.links == 2, "{by:?}");
            Ok((run, passed_on))
        })?;
        last.flip_both()?;
        passed_on = plus(passed_on, last.passed_on);
        site.wire.is_lossless()?;
        ensure!(passed_on == sent, "{by:?}: {passed_on:?} of {sent:?}");
        ensure!(site.bpffs.list()? == [""; 0], "{:?}", site.bpffs.list()?);
        drop(last);
        let filters = site.wire.near.run(&format!("tc filter show dev {NEAR} ingress"))?;
        ensure!(filters.is_empty(), "its own end takes the filter off: {filters}");
    }
    Ok(())
}

#[test]
fn what_is_captured_no_more_is_detached_after_its_packets_were_drained() -> Result<()> {
    if !root("what_is_captured_no_more_is_detached_after_its_packets_were_drained") {
        return Ok(());
    }
    for by in [By::Tcx, By::Clsact] {
        let site = Site::new()?;
        site.wire.connect("vd", "vc", 4)?;
        drop(site.start(How { by, interfaces: &[NEAR, "vd"], ..How::default() })?);
        let sent = site.wire.send(100)?;
        let mut run = site.start(How { by, interfaces: &["vd"], ..How::default() })?;
        ensure!(run.released == 2, "{by:?}: {} programs released", run.released);
        run.flip_both()?;
        ensure!(run.passed_on == sent, "{by:?}: {:?} of {sent:?}", run.passed_on);
        site.wire.send(100)?;
        run.flip_both()?;
        ensure!(run.passed_on == sent, "{by:?}: nothing counts there any more");
        // One that is made anew while no agent runs, under the old name, has another index and no program.
        drop(run);
        site.wire.near.run("ip link delete vd")?;
        site.wire.connect("vd", "vc", 4)?;
        let run = site.start(How { by, interfaces: &["vd"], ..How::default() })?;
        ensure!(run.programs.adopted().context("pins")?.links == 0, "{by:?}");
        let links =
            site.bpffs.list()?.into_iter().filter(|name| name.starts_with("links/")).count();
        let expected = if matches!(by, By::Clsact) { 0 } else { 2 };
        ensure!(links == expected, "{by:?}: {:?}", site.bpffs.list()?);
    }
    Ok(())
}

#[test]
fn another_hook_takes_the_place_of_the_one_before() -> Result<()> {
    if !root("another_hook_takes_the_place_of_the_one_before") {
        return Ok(());
    }
    let site = Site::new()?;
    let mut sent = Count::default();
    let mut passed_on = Count::default();
    for by in [By::Xdp, By::Tcx, By::Xdp] {
        let mut run = site.start(How { by, ..How::default() })?;
        sent = plus(sent, site.wire.send(500)?);
        run.flip_both()?;
        passed_on = plus(passed_on, run.passed_on);
        ensure!(passed_on == sent, "{by:?}: {passed_on:?} of {sent:?}");
        let names = site.bpffs.list()?;
        let links = names.iter().filter(|name| name.contains("ingress")).count();
        ensure!(links == 1, "{by:?}: {names:?}");
    }
    Ok(())
}

#[test]
fn two_agents_do_not_share_pins() -> Result<()> {
    if !root("two_agents_do_not_share_pins") {
        return Ok(());
    }
    let bpffs = Bpffs::mount()?;
    let path = bpffs.path().join("pins");
    let first = Pins::open(&path)?;
    let refused = Pins::open(&path).map(drop).expect_err("it is held");
    ensure!(matches!(refused, PinError::Held { .. }), "{refused}");
    let message = refused.to_string();
    ensure!(message.contains(&format!("(process {})", std::process::id())), "{message}");
    ensure!(Pins::left_in(&path).is_err(), "not left over either");
    drop(first);
    Pins::open(&path)?;
    // Elsewhere than in a bpffs there are none, and nothing is made.
    let elsewhere = tempfile::tempdir()?;
    let path = elsewhere.path().join("pins");
    let refused = Pins::open(&path).map(drop).expect_err("no bpffs");
    ensure!(refused.to_string().contains("mount -t bpf bpf"), "{refused}");
    ensure!(!path.exists() && Pins::left_in(&path)?.is_none());
    Ok(())
}

/// A handover that is cut short: what stands in for the program that moves goes on alone.
#[test]
fn a_move_to_the_front_may_be_cut_short() -> Result<()> {
    if !root("a_move_to_the_front_may_be_cut_short") {
        return Ok(());
    }
    for front in [false, true] {
        let site = Site::new()?;
        let first = site.start(How::default())?;
        let pinned = site.bpffs.list()?;
        let name = pinned.iter().find(|name| name.ends_with("-ingress-tcx")).context("a link")?;
        let path = site.pins().join(name);
        let ((mut last, mut passed_on), sent) = site.wire.load(|| {
            let mut run = first;
            run.flip()?;
            let passed_on = run.passed_on;
            // As `kernel/handover.rs` does, step by step.
            let program = |name| run.programs.descriptor(name);
            let array = bpf::pinned(&site.pins().join("tables-1").join(names::HANDOVER))?;
            bpf::put_program(&array, &program(names::PROGRAM_TC_INGRESS)?)?;
            bpf::update_link(&bpf::pinned(&path)?, &program(names::PROGRAM_PREDECESSOR)?)?;
            thread::sleep(Duration::from_millis(20));
            if front {
                let successor = program(names::PROGRAM_SUCCESSOR)?;
                let link = site.wire.near.enter(|| -> Result<_> {
                    let links = links::list()?;
                    let link =
                        links.iter().find(|link| link.name == NEAR).context("the veth end")?;
                    bpf::attach_loaded(link.index, Hook::TcxIngress, &successor, true)
                })??;
                bpf::pin(&link, &PathBuf::from(format!("{}-front", path.display())))?;
                thread::sleep(Duration::from_millis(20));
            }
            drop(run);
            thread::sleep(Duration::from_millis(20));
            Ok((site.start(How::default())?, passed_on))
        })?;
        last.flip_both()?;
        passed_on = plus(passed_on, last.passed_on);
        ensure!(passed_on == sent, "front {front}: {passed_on:?} of {sent:?}");
        ensure!(site.bpffs.list()? == pinned, "front {front}: {:?}", site.bpffs.list()?);
        if !front {
            continue;
        }
        // One that others are put in front of moves there with its name.
        let index = site.wire.near.run(&format!("cat /sys/class/net/{NEAR}/ifindex"))?;
        let index = index.trim().parse()?;
        let other =
            site.wire.near.enter(|| bpf::attach(index, Hook::TcxIngress, bpf::TC_NEXT, true))??;
        let attachment = last.attachments.first_mut().context("it is attached")?;
        let events = site.wire.near.enter(|| last.programs.verify(attachment, Instant::now()))?;
        ensure!(
            matches!(&events[..], [HookEvent { change: HookChange::Moved(_), .. }]),
            "{events:?}"
        );
        drop(other);
        ensure!(site.bpffs.list()? == pinned, "front {front}: {:?}", site.bpffs.list()?);
        drop(last);
        let sent = site.wire.send(100)?;
        let mut run = site.start(How::default())?;
        run.flip_both()?;
        ensure!(run.passed_on == sent, "{:?} of {sent:?}", run.passed_on);
    }
    Ok(())
}
