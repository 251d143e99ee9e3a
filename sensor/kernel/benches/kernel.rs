//! What one packet costs in the kernel, beside what else could be done with it.
//!
//! First by test run: the product's XDP program and the usual design (per-CPU hash map, nanosecond clock), each
//! over an empty program. Then live frames over a veth pair: how many a receiver drops in a second, without and
//! with counting them in flows. The sides of a comparison take turns, and processor time is what counts, since
//! machines are busy with other things too.
//!
//! Needs root and `<target>/bpf/bench.o` (`cargo xtask build`).

#![expect(unsafe_code, reason = "system calls that the standard library has no face for")]

use std::{fs, os::fd::AsRawFd, path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use aya::{
    Ebpf, EbpfLoader,
    maps::{Array, MapData, PerCpuArray},
    programs::{TestRun, TestRunAttrs, TestRunOptions, Xdp, XdpMode},
    util::nr_cpus,
};
use sensor_common::layout::{GENERATIONS, Geometry, names};

/// Slots of a region: what 128 MiB come to on two CPUs.
const SLOTS: u32 = 131_072;
const REPEAT: u32 = 1_000_000;
const ROUNDS: usize = 7;
const LIVE_FRAMES: u32 = 4_000_000;

fn main() -> Result<()> {
    // SAFETY: takes no argument and cannot fail.
    let root = unsafe { libc::geteuid() } == 0;
    ensure!(root, "loading eBPF programs needs root: `sudo -E cargo xtask bench kernel`");
    let object = object()?;
    test_runs(&object)?;
    live_frames(&object)
}

/// The bench object beside the agent's, which the build script found.
fn object() -> Result<Vec<u8>> {
    let path = PathBuf::from(sensor_object::PATH).with_file_name("bench.o");
    fs::read(&path)
        .with_context(|| format!("{}: build it with `cargo xtask build`", path.display()))
}

fn load(object: &[u8]) -> Result<Ebpf> {
    let geometry = Geometry::new(SLOTS);
    let rows = nr_cpus().map_err(|(_, error)| error)? as u32 * GENERATIONS;
    let mut loader = EbpfLoader::new();
    for name in [names::FLOWS_V4, names::FLOWS_V6, names::USED_V4, names::USED_V6] {
        loader.map_max_entries(name, rows * geometry.region());
    }
    let words = [geometry.slots, geometry.fold_slots];
    loader
        .map_max_entries(names::BOOKS, rows / GENERATIONS)
        .override_global(names::GEOMETRY_V4, &words, true)
        .override_global(names::GEOMETRY_V6, &words, true)
        .override_global(names::HASH_SEED, &0x5eed_0123_4567_89ab_u64, true);
    Ok(loader.load(object)?)
}

/// A TCP segment without payload between two hosts.
fn packet(v6: bool) -> Vec<u8> {
    let mut frame = vec![0; 12];
    if v6 {
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 6, 64]);
        frame.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        frame.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    } else {
        frame.extend([8, 0, 0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    }
    frame.extend([0x12, 0x34, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]);
    frame.resize(frame.len().max(64), 0);
    frame
}

/// The median of the rounds of each of `programs`, which take turns, in ns per packet.
fn measure<const N: usize>(bpf: &mut Ebpf, programs: [&str; N], packet: &[u8]) -> Result<[f64; N]> {
    let mut rounds = [[0.0; ROUNDS]; N];
    for round in 0..ROUNDS {
        for (program, rounds) in programs.iter().zip(&mut rounds) {
            let program: &mut Xdp =
                bpf.program_mut(program).context("no such program")?.try_into()?;
            let mut options = TestRunOptions::new();
            options.data_in = Some(packet);
            options.repeat = REPEAT;
            // The kernel's own figure is cut to whole nanoseconds.
            let start = cpu_time();
            program.test_run(options)?;
            rounds[round] = (cpu_time() - start).as_secs_f64() * 1e9 / f64::from(REPEAT);
        }
    }
    Ok(rounds.map(median))
}

fn median(mut values: [f64; ROUNDS]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[ROUNDS / 2]
}

fn test_runs(object: &[u8]) -> Result<()> {
    println!("ns per packet by test run, {REPEAT} repeats, median of {ROUNDS} rounds");
    println!(
        "{:>5} {:>8} {:>7} {:>9} {:>7} {:>11} {:>7} {:>7}",
        "", "flows", "empty", "product", "over", "percpu_hash", "over", "ratio"
    );
    for v6 in [false, true] {
        for flows in [1, 4_096, 65_536_u32] {
            let mut bpf = load(object)?;
            // One flow needs nothing that varies; where something does, the empty program varies it too.
            let programs = if flows == 1 {
                ["pass", "table", "percpu_hash"]
            } else {
                ["pass_vary", "table_vary", "percpu_hash_vary"]
            };
            for program in programs {
                let program: &mut Xdp =
                    bpf.program_mut(program).context("no such program")?.try_into()?;
                program.load()?;
            }
            set(&mut bpf, "FLOWS_MASK", flows - 1)?;
            let [empty, product, reference] = measure(&mut bpf, programs, &packet(v6))?;
            println!(
                "{:>5} {flows:>8} {empty:>7.1} {product:>9.1} {:>7.1} {reference:>11.1} {:>7.1} {:>6.1}x",
                if v6 { "IPv6" } else { "IPv4" },
                product - empty,
                reference - empty,
                (reference - empty) / (product - empty).max(1.0),
            );
        }
    }
    Ok(())
}

fn set(bpf: &mut Ebpf, map: &str, value: u32) -> Result<()> {
    let mut map: Array<&mut MapData, u32> = bpf.map_mut(map).context("no such map")?.try_into()?;
    Ok(map.set(0, value, 0)?)
}

fn live_frames(object: &[u8]) -> Result<()> {
    println!(
        "\nMpps over a veth pair, {LIVE_FRAMES} live frames a round, median of {ROUNDS} rounds"
    );
    println!("{:>14} {:>10} {:>10} {:>7}", "flows", "XDP_DROP", "flow_drop", "share");
    let veth = Veth::new()?;
    for flows in [1, 4_096, 65_536_u32] {
        let mut rates = [[0.0; ROUNDS]; 2];
        for round in 0..ROUNDS {
            for (receiver, rates) in ["drop_all", "flow_drop"].into_iter().zip(&mut rates) {
                rates[round] = veth.rate(object, receiver, flows)?;
            }
        }
        let [drop, flow] = rates.map(median);
        println!("{flows:>14} {drop:>10.2} {flow:>10.2} {:>6.0}%", 100.0 * flow / drop);
    }
    Ok(())
}

/// A veth pair between two namespaces of our own; both go when this is dropped.
struct Veth {
    sender: String,
    receiver: String,
}

impl Veth {
    fn new() -> Result<Self> {
        let id = std::process::id();
        let veth = Self { sender: format!("bench-a-{id}"), receiver: format!("bench-b-{id}") };
        let (a, b) = (&veth.sender, &veth.receiver);
        ip(&["netns", "add", a])?;
        ip(&["netns", "add", b])?;
        ip(&["-n", a, "link", "add", "va", "type", "veth", "peer", "name", "vb", "netns", b])?;
        ip(&["-n", a, "link", "set", "va", "up"])?;
        ip(&["-n", b, "link", "set", "vb", "up"])?;
        Ok(veth)
    }

    /// Millions of frames a second that the program `receiver` sees of as many as the other end can send.
    fn rate(&self, object: &[u8], receiver: &str, flows: u32) -> Result<f64> {
        enter(&self.receiver)?;
        let mut receiving = load(object)?;
        let program: &mut Xdp =
            receiving.program_mut(receiver).context("no such program")?.try_into()?;
        program.load()?;
        program.attach("vb", XdpMode::Driver)?;

        enter(&self.sender)?;
        let mut sending = load(object)?;
        set(&mut sending, "FLOWS_MASK", flows - 1)?;
        // SAFETY: a string that ends in NUL.
        set(&mut sending, "OUTPUT", unsafe { libc::if_nametoindex(c"va".as_ptr()) })?;
        let program: &mut Xdp =
            sending.program_mut("generate").context("no such program")?.try_into()?;
        program.load()?;
        let packet = packet(false);
        let run = |frames| -> Result<()> {
            let mut options = TestRunOptions::new();
            options.data_in = Some(&packet);
            options.repeat = frames;
            options.attrs = TestRunAttrs::new().xdp_live_frames(64);
            program.test_run(options)?;
            Ok(())
        };
        run(flows * 4)?;
        let before = received(&receiving)?;
        let start = cpu_time();
        run(LIVE_FRAMES)?;
        let seconds = (cpu_time() - start).as_secs_f64();
        Ok((received(&receiving)? - before) as f64 / seconds / 1e6)
    }
}

impl Drop for Veth {
    fn drop(&mut self) {
        for namespace in [&self.sender, &self.receiver] {
            if let Err(error) = ip(&["netns", "delete", namespace]) {
                eprintln!("{error:#}");
            }
        }
    }
}

fn received(bpf: &Ebpf) -> Result<u64> {
    let map: PerCpuArray<&MapData, u64> = bpf.map("RECEIVED").context("no such map")?.try_into()?;
    Ok(map.get(&0, 0)?.iter().sum())
}

fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(arguments).output().context("run `ip`")?;
    if !output.status.success() {
        bail!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Moves this thread into a network namespace made by `ip netns`.
fn enter(namespace: &str) -> Result<()> {
    let file = fs::File::open(format!("/var/run/netns/{namespace}"))?;
    // SAFETY: an open file descriptor of a namespace.
    let result = unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) };
    ensure!(result == 0, "enter namespace {namespace}: {}", std::io::Error::last_os_error());
    Ok(())
}

/// Processor time of this thread: what other programs do meanwhile does not count. The kernel runs both the test
/// runs and the receiving end of the veth pair within it.
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid clock and a structure to write to.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
