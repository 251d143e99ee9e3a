//! The loaded object: frames in, what one generation counted out.

use std::{
    mem,
    net::IpAddr,
    sync::{Mutex, MutexGuard, OnceLock},
};

use aya::{
    Ebpf, EbpfLoader, Pod,
    maps::{Array, MapData},
    programs::{ProgramError, SchedClassifier, TestRun, TestRunOptions, TestRunResult, Xdp},
};
use sensor_common::{
    books::CpuBooks,
    key::{Common, Direction, KeyV4, KeyV6},
    layout::{GENERATIONS, Geometry, MIN_SLOTS, names, parity},
    ledger::{Count, Ledger},
    packet::Reject,
    table::{SlotV4, SlotV6},
    tcp,
};
use sensor_core::sync::Unpoisoned as _;
use tests::fixtures::{self, Flow};

/// What XDP programs return to let a packet pass.
pub const XDP_PASS: u32 = 2;
/// What tc programs return to leave a packet to whoever comes next (-1).
pub const TC_ACT_UNSPEC: u32 = u32::MAX;
/// The interface that test runs happen on: loopback.
pub const LOOPBACK: u32 = 1;
pub const GEOMETRY: Geometry = Geometry::new(MIN_SLOTS);
/// Shortest frames that the kernel takes for a test run.
pub const SHORTEST: usize = 14;

/// A structure of the maps.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Value<T>(T);

// SAFETY: the structures of `sensor_common` hold integers without padding between them.
unsafe impl<T: Copy + 'static> Pod for Value<T> {}

/// The loaded object. Programs run on one CPU, which this thread is bound to, and in generation 0.
pub struct Kernel {
    ebpf: Ebpf,
}

/// The object, loaded once for all tests (verifying it takes seconds in an emulated machine), with empty tables.
pub fn kernel() -> Option<MutexGuard<'static, Kernel>> {
    static KERNEL: OnceLock<Option<Mutex<Kernel>>> = OnceLock::new();
    let kernel = KERNEL.get_or_init(|| Kernel::load().map(Mutex::new)).as_ref()?;
    bind_to_first_cpu();
    // What a failed test has left behind goes with the rest.
    let mut kernel = kernel.lock().unpoisoned();
    kernel.fill(0);
    kernel.take(0);
    kernel.take(1);
    Some(kernel)
}

/// A hook's program, how it is run, and what it must return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    Ingress,
    TcIngress,
    TcEgress,
}

impl Hook {
    pub const ALL: [Self; 3] = [Self::Ingress, Self::TcIngress, Self::TcEgress];

    pub fn direction(self) -> Direction {
        if self == Self::TcEgress { Direction::Egress } else { Direction::Ingress }
    }
}

impl Kernel {
    /// The object loaded with small tables, or nothing where that is not possible.
    ///
    /// # Panics
    /// Where it is not possible and `CI=true`.
    pub fn load() -> Option<Self> {
        let object = sensor_object::OBJECT;
        // SAFETY: takes no argument and cannot fail.
        let root = unsafe { libc::geteuid() } == 0;
        if object.is_empty() || !root {
            let missing = if root {
                "eBPF object not built; run `cargo xtask build`"
            } else {
                "eBPF programs need root; run `sudo -E cargo xtask test`"
            };
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{missing}");
            println!("skipped: {missing}");
            return None;
        }
        let mut loader = EbpfLoader::new();
        let geometry = [GEOMETRY.slots, GEOMETRY.fold_slots];
        // Rows for the first CPU are enough: nothing runs on another.
        for name in [names::FLOWS_V4, names::FLOWS_V6, names::USED_V4, names::USED_V6] {
            loader.map_max_entries(name, GENERATIONS * GEOMETRY.region());
        }
        let ebpf = loader
            .map_max_entries(names::BOOKS, 1)
            .override_global(names::GEOMETRY_V4, &geometry, true)
            .override_global(names::GEOMETRY_V6, &geometry, true)
            .override_global(names::HASH_SEED, &0x0123_4567_89ab_cdef_u64, true)
            .load(object)
            .expect("load the eBPF object");
        let mut kernel = Self { ebpf };
        for name in [names::PROGRAM_INGRESS, names::PROGRAM_CLOCK] {
            accepted(name, kernel.xdp(name).load());
        }
        for name in [
            names::PROGRAM_TC_INGRESS,
            names::PROGRAM_TC_EGRESS,
            names::PROGRAM_TC_INGRESS_L3,
            names::PROGRAM_TC_EGRESS_L3,
        ] {
            accepted(name, kernel.tc(name).load());
        }
        Some(kernel)
    }

    pub fn xdp(&mut self, name: &str) -> &mut Xdp {
        self.ebpf.program_mut(name).expect("program").try_into().expect("XDP")
    }

    pub fn tc(&mut self, name: &str) -> &mut SchedClassifier {
        self.ebpf.program_mut(name).expect("program").try_into().expect("tc")
    }

    /// Runs a hook's program over `frame` and checks that the packet passes.
    pub fn run(&mut self, hook: Hook, frame: &[u8]) {
        match hook {
            Hook::Ingress => {
                let result = run(self.xdp(names::PROGRAM_INGRESS), frame, None);
                assert_eq!(result.return_value, XDP_PASS);
            }
            Hook::TcIngress => self.run_tc(names::PROGRAM_TC_INGRESS, frame, None),
            Hook::TcEgress => self.run_tc(names::PROGRAM_TC_EGRESS, frame, None),
        }
    }

    pub fn run_tc(&mut self, name: &str, frame: &[u8], skb: Option<&[u8]>) {
        assert_eq!(run(self.tc(name), frame, skb).return_value, TC_ACT_UNSPEC);
    }

    pub fn get<T: Copy + 'static>(&self, map: &str, index: u32) -> T {
        let map: Array<&MapData, Value<T>> =
            self.ebpf.map(map).expect("map").try_into().expect("array of this size");
        map.get(&index, 0).expect("element").0
    }

    pub fn set<T: Copy + 'static>(&mut self, map: &str, index: u32, value: T) {
        let mut map: Array<&mut MapData, Value<T>> =
            self.ebpf.map_mut(map).expect("map").try_into().expect("array of this size");
        map.set(index, Value(value), 0).expect("element");
    }

    pub fn ledger(&self, generation: u32) -> Ledger {
        self.get::<CpuBooks>(names::BOOKS, 0).ledgers[parity(generation)]
    }

    /// Has packets counted in `generation` from now on.
    pub fn fill(&mut self, generation: u32) {
        let books = self.get::<CpuBooks>(names::BOOKS, 0);
        self.set(names::BOOKS, 0, CpuBooks { generation, ..books });
    }

    /// Everything that `generation` counted, and forgets it.
    pub fn take(&mut self, generation: u32) -> Taken {
        let ledger = self.ledger(generation);
        let base = GEOMETRY.base(0, generation);
        let mut taken = Taken { ledger, v4: Vec::new(), v6: Vec::new() };
        for at in 0..ledger.used[0] {
            let offset = self.get::<u64>(names::USED_V4, base + at) as u32;
            taken.v4.push(self.get(names::FLOWS_V4, base + offset));
            self.set(names::FLOWS_V4, base + offset, SlotV4::FREE);
        }
        for at in 0..ledger.used[1] {
            let offset = self.get::<u64>(names::USED_V6, base + at) as u32;
            taken.v6.push(self.get(names::FLOWS_V6, base + offset));
            self.set(names::FLOWS_V6, base + offset, SlotV6::FREE);
        }
        let mut books = self.get::<CpuBooks>(names::BOOKS, 0);
        books.ledgers[parity(generation)] = Ledger::default();
        self.set(names::BOOKS, 0, books);
        taken
    }
}

/// What one generation counted.
pub struct Taken {
    pub ledger: Ledger,
    pub v4: Vec<SlotV4>,
    pub v6: Vec<SlotV6>,
}

impl Taken {
    /// Packets and frame octets of the flow records.
    pub fn records(&self) -> Count {
        let mut count = Count::default();
        for slot in &self.v4 {
            count.add(u64::from(slot.packets), slot.octets + u64::from(slot.overhead));
        }
        for slot in &self.v6 {
            count.add(u64::from(slot.packets), slot.octets + u64::from(slot.overhead));
        }
        count
    }

    /// The law of the ledger, in packets and in octets.
    pub fn assert_balance(&self, context: &str) {
        let ledger = &self.ledger;
        let sum =
            |counts: &[Count], field: fn(&Count) -> u64| counts.iter().map(field).sum::<u64>();
        let entered = [ledger.seen, ledger.segmented];
        let records = self.records();
        let found =
            [records, ledger.non_ip, ledger.truncated, ledger.malformed, ledger.unattributed];
        for (name, field) in [
            ("packets", (|count| count.packets) as fn(&Count) -> u64),
            ("octets", |count| count.octets),
        ] {
            assert_eq!(sum(&entered, field), sum(&found, field), "{name}, {context}: {ledger:?}");
        }
    }

    /// The one flow of one packet, or the row of the ledger that has it instead.
    pub fn verdict(&self, context: &str) -> Result<Flow, Reject> {
        let ledger = &self.ledger;
        assert_eq!(ledger.seen.packets, 1, "{context}");
        match (&self.v4[..], &self.v6[..]) {
            ([slot], []) => {
                let key = KeyV4::unpack(&slot.key);
                let address = |word: u32| IpAddr::from(word.to_ne_bytes());
                assert_eq!((slot.ttl_min, slot.packets), (slot.ttl_max, 1), "{context}");
                let addresses = (address(key.source), address(key.destination));
                Ok(flow(
                    addresses,
                    &key.common,
                    slot.ttl_min,
                    tcp::all(slot.tcp_flags),
                    slot.octets,
                ))
            }
            ([], [slot]) => {
                let key = KeyV6::unpack(&slot.key);
                assert_eq!((slot.ttl_min, slot.packets), (slot.ttl_max, 1), "{context}");
                let address = fixtures::address_v6;
                let addresses = (address(key.source), address(key.destination));
                Ok(flow(
                    addresses,
                    &key.common,
                    slot.ttl_min,
                    tcp::all(slot.tcp_flags),
                    slot.octets,
                ))
            }
            ([], []) => {
                let reasons = [
                    (ledger.non_ip, Reject::NonIp),
                    (ledger.truncated, Reject::Truncated),
                    (ledger.malformed, Reject::Malformed),
                ];
                let mut counted = reasons.into_iter().filter(|(count, _)| count.packets != 0);
                let (_, reason) = counted.next().expect("a reason");
                assert!(counted.next().is_none(), "{context}: two reasons");
                Err(reason)
            }
            (v4, v6) => panic!("{context}: {} and {} records of one packet", v4.len(), v6.len()),
        }
    }
}

pub fn flow(
    (source, destination): (IpAddr, IpAddr),
    common: &Common,
    ttl: u8,
    tcp_flags: u16,
    octets: u64,
) -> Flow {
    Flow {
        source,
        destination,
        source_port: common.source_port,
        destination_port: common.destination_port,
        protocol: common.protocol,
        tos: common.tos,
        ttl,
        vlan: common.vlan,
        fragment: common.fragment,
        tcp_flags,
        octets: octets as u32,
    }
}

pub fn accepted(name: &str, loaded: Result<(), ProgramError>) {
    match loaded {
        Ok(()) => {}
        Err(ProgramError::LoadError { io_error, verifier_log }) => {
            let log = verifier_log.to_string();
            let lines: Vec<&str> = log.lines().collect();
            let end = lines[lines.len().saturating_sub(25)..].join("\n");
            panic!("{name} is refused: {io_error}\n{end}");
        }
        Err(error) => panic!("{name}: {error}"),
    }
}

pub fn run<P>(program: &P, frame: &[u8], context: Option<&[u8]>) -> TestRunResult
where
    P: for<'a> TestRun<Opts<'a> = TestRunOptions<'a>, Result = TestRunResult>,
{
    let mut options = TestRunOptions::new();
    options.data_in = Some(frame);
    options.ctx_in = context;
    program.test_run(options).expect("test run")
}

pub fn bind_to_first_cpu() {
    // SAFETY: a CPU set of this size, all zero but for CPU 0.
    let result = unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        libc::CPU_SET(0, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &raw const set)
    };
    assert_eq!(result, 0, "bind to CPU 0: {}", std::io::Error::last_os_error());
}
