//! The drain against programs that run at the same time: every packet is accounted for, in every epoch. Without the
//! grace period it is not, which shows that these tests would see a fault.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};
use sensor_common::{
    key::{KeyV4, V4_WORDS, V6_WORDS},
    layout::{MIN_SLOTS, names},
};
use sensor_core::flow::delta::{DeltaSink, FlowDelta};
use sensor_kernel::{
    self, Loaded, Options, Programs,
    accounts::Totals,
    attach::{Attachment, IngressMode, IngressWish},
    drain::Drain,
    grace::Grace,
    links,
    log::KernelLog,
    sys,
};
use tests::{cpu, frames, netns::Netns, root};

/// Adds up what the drain hands over.
#[derive(Default)]
struct Sum {
    packets: u64,
    layer2_octets: u64,
    folded: u64,
    earliest: u64,
    latest: u64,
}

impl Sum {
    fn add(&mut self, delta: &FlowDelta) {
        assert!(delta.start <= delta.end, "{delta:?}");
        self.packets += delta.packets;
        self.layer2_octets += delta.layer2_octets;
        self.earliest =
            if self.earliest == 0 { delta.start } else { self.earliest.min(delta.start) };
        self.latest = self.latest.max(delta.end);
    }
}

impl DeltaSink for Sum {
    fn v4(&mut self, key: &[u64; V4_WORDS], delta: &FlowDelta) {
        self.folded += u64::from(KeyV4::unpack(key).common.folded) * delta.packets;
        self.add(delta);
    }

    fn v6(&mut self, _: &[u64; V6_WORDS], delta: &FlowDelta) {
        self.add(delta);
    }
}

/// The programs with the smallest tables, and nothing but the test to run them.
///
/// `ingress` is attached to an interface that is down: before a repeated test run the kernel puts a program that no
/// interface has into its XDP dispatcher, and takes it out afterwards, which takes a grace period each time.
struct Kernel {
    _attachment: Attachment,
    ingress: OwnedFd,
    drain: Drain,
    log: KernelLog,
    _programs: Programs,
    _netns: Netns,
}

impl Kernel {
    fn load(grace: Option<Grace>) -> Result<Self> {
        let Loaded { mut programs, drain, log } = sensor_kernel::load(
            sensor_object::OBJECT,
            Options { memory: 0, grace, ..Options::default() },
        )?;
        let netns = Netns::new("kn-drain")?;
        netns.run("ip link add parked type veth peer name peer")?;
        let attachment = netns.enter(|| -> Result<Attachment> {
            let links = links::list()?;
            let link = links.iter().find(|link| link.name == "parked").context("the veth end")?;
            Ok(programs.attach(link, IngressWish::NativeXdp)?)
        })??;
        ensure!(attachment.ingress() == IngressMode::NativeXdp, "{attachment}");
        Ok(Self {
            ingress: programs.descriptor(names::PROGRAM_INGRESS)?,
            _attachment: attachment,
            drain,
            log: log.context("the programs' log")?,
            _programs: programs,
            _netns: netns,
        })
    }
}

/// What one generator sends, over and over: IPv4 and IPv6 flows of many lengths, ARP, runts, and contradictions.
fn variety(cpu: u32) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for flow in 0..600 {
        let flow = cpu << 16 | flow;
        all.push(frames::udp_v4(flow, 60 + flow as usize % 1400));
        if flow.is_multiple_of(3) {
            all.push(frames::udp_v6(flow, 62 + flow as usize % 1400));
        }
        if flow.is_multiple_of(50) {
            let mut malformed = frames::udp_v4(flow, 60);
            malformed[14] = 0x42; // A header of 8 octets.
            all.extend([frames::arp(), frames::udp_v4(flow, 60)[..20].to_vec(), malformed]);
        }
    }
    all
}

/// Packets and octets that generators have sent.
#[derive(Default)]
struct Sent {
    packets: AtomicU64,
    octets: AtomicU64,
}

/// Runs the ingress program over [`variety`] on both CPUs, until `work` on this thread is done.
fn under_fire<T>(program: BorrowedFd<'_>, work: impl FnOnce() -> Result<T>) -> Result<(T, Sent)> {
    const REPEAT: u32 = 40;
    let (stop, sent) = (AtomicBool::new(false), Sent::default());
    let done = thread::scope(|scope| {
        let fire = |cpu: usize| {
            cpu::pin(cpu).with_context(|| format!("pin to CPU {cpu}"))?;
            let frames = variety(cpu as u32);
            while !stop.load(Ordering::Relaxed) {
                for frame in &frames {
                    let ran = sys::test_run(program, frame, REPEAT)?;
                    ensure!(ran.value == 2, "XDP_PASS, not {}", ran.value);
                    sent.packets.fetch_add(u64::from(REPEAT), Ordering::Relaxed);
                    let octets = frame.len() as u64 * u64::from(REPEAT);
                    sent.octets.fetch_add(octets, Ordering::Relaxed);
                }
            }
            Ok(())
        };
        let generators = [0, 1].map(|cpu| scope.spawn(move || fire(cpu)));
        let done = work();
        stop.store(true, Ordering::Relaxed);
        for generator in generators {
            generator.join().expect("a generator panicked")?;
        }
        done
    })?;
    Ok((done, sent))
}

/// Flips under fire, then until all is drained, and compares with what was sent.
fn race(grace: Option<Grace>, flips: u32) -> Result<()> {
    let mut kernel = Kernel::load(grace)?;
    let drain = &mut kernel.drain;
    let (mut sum, mut totals) = (Sum::default(), Totals::default());
    let ((), sent) = under_fire(kernel.ingress.as_fd(), || {
        for _ in 0..flips {
            let epoch = drain.flip(&mut sum)?;
            assert_eq!(epoch.imbalance, None, "{epoch:?}");
            totals.add(&epoch);
        }
        Ok(())
    })?;
    totals.add(&drain.flip(&mut sum)?);
    let nothing = drain.flip(&mut sum)?;
    assert_eq!(nothing.accounts, Default::default(), "all had been drained");

    let accounts = totals.accounts;
    println!("{totals:?}");
    assert_eq!(totals.out_of_balance, 0);
    assert_eq!(
        (accounts.seen.packets, accounts.seen.octets),
        (sent.packets.into_inner(), sent.octets.into_inner()),
        "seen and sent"
    );
    assert_eq!(
        (accounts.recorded.packets, accounts.recorded.octets),
        (sum.packets, sum.layer2_octets),
        "what the drain counts and what the sink got"
    );
    for (row, count) in [
        ("recorded", accounts.recorded),
        ("non_ip", accounts.non_ip),
        ("truncated", accounts.truncated),
        ("malformed", accounts.malformed),
    ] {
        assert!(count.packets > 0, "{row} has been at work");
    }
    assert!(totals.records_v4 > 0 && totals.records_v6 > 0);
    Ok(())
}

#[test]
fn the_books_balance_in_every_epoch_of_a_race() -> Result<()> {
    if !root("the race between drain and programs") {
        return Ok(());
    }
    race(None, 150)
}

#[test]
fn the_map_of_maps_waits_as_well() -> Result<()> {
    if !root("the race between drain and programs") {
        return Ok(());
    }
    race(Some(Grace::map_of_maps()?), 50)
}

/// The negative control: a drain that does not wait reads slots and ledgers that are being written.
#[test]
fn without_a_grace_period_the_books_do_not_balance() -> Result<()> {
    if !root("the negative control of the drain") {
        return Ok(());
    }
    let mut kernel = Kernel::load(Some(Grace::None))?;
    let drain = &mut kernel.drain;
    let ((flips, found), _) = under_fire(kernel.ingress.as_fd(), || {
        let (mut sum, mut flips, deadline) =
            (Sum::default(), 0u64, Instant::now() + Duration::from_secs(60));
        while Instant::now() < deadline {
            flips += 1;
            if let Some(imbalance) = drain.flip(&mut sum)?.imbalance {
                return Ok((flips, Some(imbalance)));
            }
        }
        Ok((flips, None))
    })?;
    let imbalance =
        found.with_context(|| format!("{flips} flips without a grace period all balanced"))?;
    println!("flip {flips}: {imbalance}");
    Ok(())
}

#[test]
fn a_table_that_fills_calls_for_a_flip_then_folds_and_counts_all_of_it() -> Result<()> {
    if !root("the overfilled table") {
        return Ok(());
    }
    let mut kernel = Kernel::load(None)?;
    let drain = &mut kernel.drain;
    cpu::pin(0)?;
    let send = |flows: std::ops::Range<u32>| -> Result<()> {
        for flow in flows {
            sys::test_run(kernel.ingress.as_fd(), &frames::udp_v4(flow, 100), 1)?;
        }
        Ok(())
    };
    let mut sum = Sum::default();

    send(0..MIN_SLOTS / 4)?;
    assert!(!drain.pressure());
    send(MIN_SLOTS / 4..MIN_SLOTS * 3 / 4)?;
    assert!(drain.pressure());
    let epoch = drain.flip(&mut sum)?;
    assert!(epoch.early && !drain.pressure());
    assert_eq!(epoch.imbalance, None);
    assert_eq!(epoch.accounts.seen.packets, u64::from(MIN_SLOTS * 3 / 4));

    let mut sum = Sum::default();
    // Folded keys here differ in nothing, so they share a slot: only the table itself overflows.
    send(0..MIN_SLOTS * 8)?;
    let epoch = drain.flip(&mut sum)?;
    assert_eq!(epoch.imbalance, None);
    assert!(epoch.accounts.folded.packets > 0, "{epoch:?}");
    assert_eq!(epoch.accounts.folded.packets, sum.folded);
    assert_eq!(epoch.accounts.seen.packets, u64::from(MIN_SLOTS * 8));

    // The freed slots are as good as new.
    send(0..20)?;
    let epoch = drain.flip(&mut sum)?;
    assert_eq!((epoch.records_v4, epoch.imbalance, epoch.early), (20, None, false));
    Ok(())
}

/// Lines of the log of this process.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Collect;

impl log::Log for Collect {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LINES.lock().expect("no panic while held").push(record.args().to_string());
    }

    fn flush(&self) {}
}

#[test]
fn the_programs_say_that_a_table_is_full() -> Result<()> {
    if !root("the log of the programs") {
        return Ok(());
    }
    log::set_logger(&Collect)?;
    log::set_max_level(log::LevelFilter::Info);
    let mut kernel = Kernel::load(None)?;
    for flow in 0..MIN_SLOTS * 4 {
        sys::test_run(kernel.ingress.as_fd(), &frames::udp_v4(flow, 60), 1)?;
    }
    kernel.log.pass_on();
    let lines = LINES.lock().expect("no panic while held");
    assert!(lines.iter().any(|line| line.starts_with("flow table full")), "{lines:?}");
    Ok(())
}

#[test]
fn records_carry_the_time_of_day() -> Result<()> {
    if !root("the clock of the records") {
        return Ok(());
    }
    /// A tick at 100 Hz, and rounding.
    const SLACK: u64 = 11;
    let mut kernel = Kernel::load(None)?;
    let drain = &mut kernel.drain;
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map(|time| time.as_millis() as u64);
    let before = now()?;
    sys::test_run(kernel.ingress.as_fd(), &frames::udp_v4(1, 60), 1)?;
    let after = now()?;
    let mut sum = Sum::default();
    drain.flip(&mut sum)?;
    assert_eq!(sum.packets, 1);
    assert!(
        before <= sum.earliest + SLACK && sum.latest <= after + SLACK,
        "{before} {} {after}",
        sum.latest
    );
    Ok(())
}
