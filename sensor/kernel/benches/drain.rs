//! What it costs to get records out of the kernel and into the flow cache.
//!
//! Our drain, which reads and frees slots in shared memory, beside `BPF_MAP_LOOKUP_AND_DELETE_BATCH` on a kernel hash
//! map of the same content: the best that is to be had there. Both sides take turns over several rounds, each into
//! a cache of its own that knows the flows already. The wait for the grace period is left out, since it is sleep
//! and not work: nothing runs the programs meanwhile.
//!
//! Needs root and the eBPF object (`cargo xtask build`).

#![expect(unsafe_code, reason = "bpf(2) batch calls take pointers")]

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use sensor_common::{
    key::{V4_WORDS, V6_WORDS},
    layout::names,
};
use sensor_core::flow::{
    aggregator::Aggregator,
    batch::{FlowBatch, Source},
    cache::CacheOptions,
    delta::{DeltaSink, FlowDelta},
};
use sensor_kernel::{self, Loaded, Options, clock::JiffiesClock, drain::Drain, grace::Grace, sys};

/// Flows of a round (a power of two), and flows that the cache knows, of which each round has others. The largest round
/// is half of what the default tables hold for one CPU.
const CASES: [[u32; 2]; 3] = [[4_096, 4_096], [65_536, 65_536], [65_536, 983_040]];
const ROUNDS: usize = 15;

fn main() -> Result<()> {
    pin()?;
    println!("million records per second on one core, IPv4, median of {ROUNDS} rounds");
    println!(
        "{:>8} {:>8} {:>9} {:>9} {:>9} {:>9} {:>7}",
        "records", "known", "drain", "+ merge", "batch", "+ merge", "ratio"
    );
    for [flows, known] in CASES {
        let [drain, drain_merge, batch, batch_merge] = measure(flows, known)?;
        let ratio = drain_merge / batch_merge;
        println!(
            "{flows:>8} {known:>8} {drain:>9.1} {drain_merge:>9.1} {batch:>9.1} {batch_merge:>9.1} {ratio:>7.1}"
        );
    }
    Ok(())
}

/// Keeps this thread on one CPU, so that each flow has one record.
fn pin() -> io::Result<()> {
    // SAFETY: a CPU set is plain bits, for which all zeros is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is valid, and 0 is a number of it.
    unsafe { libc::CPU_SET(0, &mut set) };
    // SAFETY: the set is valid for its size; 0 is this thread.
    match unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Rates of the drain and the batch calls, each into nothing and into the cache.
fn measure(flows: u32, known: u32) -> Result<[f64; 4]> {
    // The only thread that runs the programs is this one, so there is nothing to wait for.
    let options = Options { grace: Some(Grace::None), ..Options::default() };
    let Loaded { programs, mut drain, log: _ } =
        sensor_kernel::load(sensor_object::OBJECT, options)?;
    let program = programs.descriptor(names::PROGRAM_TC_INGRESS)?;
    let hash = HashMap::new(flows * 2)?;
    let aggregator =
        || Aggregator::new(Source::Host, CacheOptions::default(), 1, |_: FlowBatch| {});
    let (mut ours, mut theirs) = (aggregator(), aggregator());
    let mut rounds = [[0.0; ROUNDS]; 4];
    let windows = (known / flows) as usize;
    for round in 0..windows + ROUNDS {
        let first = (round % windows) as u32 * flows;
        // Packets come in another order each time.
        let order = move |i: u32| {
            first + (i.wrapping_mul(0x9e37_79b1).wrapping_add(round as u32) & (flows - 1))
        };
        let fill = || fill(program.as_fd(), (0..flows).map(order));
        let mut collected = Collected::default();
        fill()?;
        drain.flip(&mut collected)?;
        fill()?;
        let drained = drain_rate(&mut drain, &mut Nothing::default())?;
        fill()?;
        let merged = drain_rate(&mut drain, &mut ours)?;
        let rates = [
            drained,
            merged,
            batch_rate(&hash, &collected.0, &mut Nothing::default())?,
            batch_rate(&hash, &collected.0, &mut theirs)?,
        ];
        // The first rounds make the flows known.
        if let Some(round) = round.checked_sub(windows) {
            for (row, rate) in rounds.iter_mut().zip(rates) {
                row[round] = rate;
            }
        }
    }
    Ok(rounds.map(|mut row| {
        row.sort_by(f64::total_cmp);
        row[ROUNDS / 2]
    }))
}

/// Runs the program once for each flow.
fn fill(program: BorrowedFd<'_>, flows: impl Iterator<Item = u32>) -> Result<()> {
    let mut frame = [0; 64];
    frame[12..24].copy_from_slice(&[8, 0, 0x45, 0, 0, 50, 0, 0, 0, 0, 64, 17]);
    frame[30..38].copy_from_slice(&[192, 0, 2, 1, 0x30, 0x39, 0, 53]);
    for flow in flows {
        frame[26..30].copy_from_slice(&(0x0a00_0000 + flow).to_be_bytes());
        sys::test_run(program, &frame, 1)?;
    }
    Ok(())
}

fn drain_rate(drain: &mut Drain, sink: &mut impl DeltaSink) -> Result<f64> {
    let start = Instant::now();
    let epoch = drain.flip(sink)?;
    let took = start.elapsed().as_secs_f64();
    ensure!(epoch.imbalance.is_none(), "{epoch:?}");
    Ok(epoch.records_v4 as f64 / took / 1e6)
}

fn batch_rate(hash: &HashMap, content: &[Record], sink: &mut impl DeltaSink) -> Result<f64> {
    hash.fill(content)?;
    let clock = JiffiesClock::new(0, 1_700_000_000_000, 250);
    let mut buffers = (vec![[0; V4_WORDS]; BATCH], vec![Value::default(); BATCH]);
    let start = Instant::now();
    let mut records = 0;
    hash.take(&mut buffers, |key, value| {
        records += 1;
        sink.v4(key, &value.delta(clock));
    })?;
    let took = start.elapsed().as_secs_f64();
    ensure!(records == content.len(), "{records} of {} records", content.len());
    Ok(records as f64 / took / 1e6)
}

/// A sink that does next to nothing.
#[derive(Default)]
struct Nothing(u64);

impl DeltaSink for Nothing {
    fn v4(&mut self, key: &[u64; V4_WORDS], delta: &FlowDelta) {
        self.0 = std::hint::black_box(self.0 ^ key[0] ^ delta.octets);
    }

    fn v6(&mut self, _: &[u64; V6_WORDS], _: &FlowDelta) {}
}

/// A flow of the hash map: its key and a slot's worth of counters.
type Record = ([u64; V4_WORDS], Value);

/// The counters of a slot, with the key left out.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Value {
    octets: u64,
    packets: u32,
    first: u32,
    last: u32,
    overhead: u32,
    macs: [u32; 3],
    tcp_flags: u16,
    ttl_min: u8,
    ttl_max: u8,
}

impl Value {
    fn delta(&self, clock: JiffiesClock) -> FlowDelta {
        FlowDelta {
            octets: self.octets,
            packets: u64::from(self.packets),
            layer2_octets: self.octets + u64::from(self.overhead),
            start: clock.time_of(self.first),
            end: clock.time_of(self.last),
            tcp_flags: self.tcp_flags,
            ttl_min: self.ttl_min,
            ttl_max: self.ttl_max,
            macs: self.macs,
        }
    }
}

/// Keeps what a drain brings.
#[derive(Default)]
struct Collected(Vec<Record>);

impl DeltaSink for Collected {
    fn v4(&mut self, key: &[u64; V4_WORDS], delta: &FlowDelta) {
        let value = Value {
            octets: delta.octets,
            packets: delta.packets as u32,
            first: 1,
            last: 1,
            overhead: (delta.layer2_octets - delta.octets) as u32,
            macs: delta.macs,
            tcp_flags: delta.tcp_flags,
            ttl_min: delta.ttl_min,
            ttl_max: delta.ttl_max,
        };
        self.0.push((*key, value));
    }

    fn v6(&mut self, _: &[u64; V6_WORDS], _: &FlowDelta) {}
}

/// Elements of a batch call.
const BATCH: usize = 65_536;

/// A kernel hash map, reached by batch calls.
struct HashMap(OwnedFd);

/// The batch part of `union bpf_attr`.
#[repr(C)]
struct Batch {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map: u32,
    element_flags: u64,
    flags: u64,
}

impl HashMap {
    fn new(entries: u32) -> Result<Self> {
        const MAP_CREATE: libc::c_int = 0;
        const TYPE_HASH: u32 = 1;
        let key = size_of::<[u64; V4_WORDS]>() as u32;
        let mut attributes = [TYPE_HASH, key, size_of::<Value>() as u32, entries, 0];
        // SAFETY: the array is the map creation part of `union bpf_attr` and holds no pointer.
        let descriptor = unsafe { bpf(MAP_CREATE, &mut attributes) }.context("make a hash map")?;
        // SAFETY: the kernel has just made it for us.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(descriptor as libc::c_int) }))
    }

    fn batch(&self, count: usize) -> Batch {
        Batch {
            in_batch: 0,
            out_batch: 0,
            keys: 0,
            values: 0,
            count: count as u32,
            map: self.0.as_raw_fd() as u32,
            element_flags: 0,
            flags: 0,
        }
    }

    fn fill(&self, content: &[Record]) -> Result<()> {
        const UPDATE_BATCH: libc::c_int = 26;
        let (keys, values): (Vec<_>, Vec<_>) = content.iter().copied().unzip();
        let mut attributes = Batch {
            keys: keys.as_ptr() as u64,
            values: values.as_ptr() as u64,
            ..self.batch(content.len())
        };
        // SAFETY: keys and values are valid for `count` elements of the map's sizes.
        unsafe { bpf(UPDATE_BATCH, &mut attributes) }.context("fill the hash map")?;
        Ok(())
    }

    /// Takes everything out, a batch at a time.
    fn take(
        &self,
        buffers: &mut (Vec<[u64; V4_WORDS]>, Vec<Value>),
        mut each: impl FnMut(&[u64; V4_WORDS], &Value),
    ) -> Result<()> {
        const LOOKUP_AND_DELETE_BATCH: libc::c_int = 25;
        let (keys, values) = buffers;
        let (mut position, mut first) = (0u32, true);
        loop {
            let at = std::ptr::from_mut(&mut position) as u64;
            let mut attributes = Batch {
                in_batch: if first { 0 } else { at },
                out_batch: at,
                keys: keys.as_mut_ptr() as u64,
                values: values.as_mut_ptr() as u64,
                ..self.batch(keys.len())
            };
            // SAFETY: the buffers are valid for `count` elements of the map's sizes, the position for a u32.
            let result = unsafe { bpf(LOOKUP_AND_DELETE_BATCH, &mut attributes) };
            let end = match result {
                Ok(_) => false,
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => true,
                Err(error) => return Err(error).context("empty the hash map"),
            };
            let count = attributes.count as usize;
            keys[..count].iter().zip(&values[..count]).for_each(|(key, value)| each(key, value));
            if end {
                return Ok(());
            }
            first = false;
        }
    }
}

/// Calls bpf(2).
///
/// # Safety
/// `attributes` must be what `command` reads, with every pointer in it valid for its stated length.
unsafe fn bpf<T>(command: libc::c_int, attributes: &mut T) -> io::Result<libc::c_long> {
    // SAFETY: the structure is alive and of the length given; its content is the caller's promise.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attributes), size_of::<T>())
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
