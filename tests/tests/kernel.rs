//! The programs in the kernel, by `BPF_PROG_TEST_RUN`: the packet fixtures, super-packets, full tables, the clock.
//!
//! Stands alone, as the virtual machine with another kernel runs it without cargo: `kernel-tests --test-threads=1`.
//! Needs root.

#![expect(unsafe_code, reason = "map values as the structures that they are; system calls")]

use std::{
    collections::HashMap,
    mem,
    net::IpAddr,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use aya::{
    Ebpf, EbpfLoader, Pod,
    maps::{Array, MapData},
    programs::{ProgramError, SchedClassifier, TestRun, TestRunOptions, TestRunResult, Xdp},
};
use sensor_common::{
    key::{Common, Direction, KeyV4, KeyV6},
    layout::{GENERATIONS, Geometry, MIN_SLOTS, names, row},
    ledger::{Count, Ledger},
    packet::Reject,
    table::{SlotV4, SlotV6},
};
use tests::fixtures::{self, Flow, build};

/// What XDP programs return to let a packet pass.
const XDP_PASS: u32 = 2;
/// What tc programs return to leave a packet to whoever comes next (-1).
const TC_ACT_UNSPEC: u32 = u32::MAX;
/// The interface that test runs happen on: loopback.
const LOOPBACK: u32 = 1;
const GEOMETRY: Geometry = Geometry::new(MIN_SLOTS);
/// Shortest frames that the kernel takes for a test run.
const SHORTEST: usize = 14;

/// A structure of the maps.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Value<T>(T);

// SAFETY: the structures of `sensor_common` hold integers without padding between them.
unsafe impl<T: Copy + 'static> Pod for Value<T> {}

/// The loaded object. Programs run on one CPU, which this thread is bound to, and in generation 0.
struct Kernel {
    ebpf: Ebpf,
}

/// The object, loaded once for all tests (verifying it takes seconds in an emulated machine), with empty tables.
fn kernel() -> Option<MutexGuard<'static, Kernel>> {
    static KERNEL: OnceLock<Option<Mutex<Kernel>>> = OnceLock::new();
    let kernel = KERNEL.get_or_init(|| Kernel::load().map(Mutex::new)).as_ref()?;
    bind_to_first_cpu();
    // What a failed test has left behind goes with the rest.
    let mut kernel = kernel.lock().unwrap_or_else(PoisonError::into_inner);
    kernel.set(names::GENERATION, 0, 0_u32);
    kernel.take(0);
    kernel.take(1);
    Some(kernel)
}

/// A hook's program, how it is run, and what it must return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hook {
    Ingress,
    TcIngress,
    TcEgress,
}

impl Hook {
    const ALL: [Self; 3] = [Self::Ingress, Self::TcIngress, Self::TcEgress];

    fn direction(self) -> Direction {
        if self == Self::TcEgress { Direction::Egress } else { Direction::Ingress }
    }
}

impl Kernel {
    /// The object loaded with small tables, or nothing where that is not possible.
    ///
    /// # Panics
    /// Where it is not possible and `CI=true`.
    fn load() -> Option<Self> {
        let object = sensor::kernel::OBJECT;
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
            .map_max_entries(names::LEDGERS, GENERATIONS)
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

    fn xdp(&mut self, name: &str) -> &mut Xdp {
        self.ebpf.program_mut(name).expect("program").try_into().expect("XDP")
    }

    fn tc(&mut self, name: &str) -> &mut SchedClassifier {
        self.ebpf.program_mut(name).expect("program").try_into().expect("tc")
    }

    /// Runs a hook's program over `frame` and checks that the packet passes.
    fn run(&mut self, hook: Hook, frame: &[u8]) {
        match hook {
            Hook::Ingress => {
                let result = run(self.xdp(names::PROGRAM_INGRESS), frame, None);
                assert_eq!(result.return_value, XDP_PASS);
            }
            Hook::TcIngress => self.run_tc(names::PROGRAM_TC_INGRESS, frame, None),
            Hook::TcEgress => self.run_tc(names::PROGRAM_TC_EGRESS, frame, None),
        }
    }

    fn run_tc(&mut self, name: &str, frame: &[u8], skb: Option<&[u8]>) {
        assert_eq!(run(self.tc(name), frame, skb).return_value, TC_ACT_UNSPEC);
    }

    fn get<T: Copy + 'static>(&self, map: &str, index: u32) -> T {
        let map: Array<&MapData, Value<T>> =
            self.ebpf.map(map).expect("map").try_into().expect("array of this size");
        map.get(&index, 0).expect("element").0
    }

    fn set<T: Copy + 'static>(&mut self, map: &str, index: u32, value: T) {
        let mut map: Array<&mut MapData, Value<T>> =
            self.ebpf.map_mut(map).expect("map").try_into().expect("array of this size");
        map.set(index, Value(value), 0).expect("element");
    }

    fn ledger(&self, generation: u32) -> Ledger {
        self.get(names::LEDGERS, row(0, generation))
    }

    /// Everything that `generation` counted, and forgets it.
    fn take(&mut self, generation: u32) -> Taken {
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
        self.set(names::LEDGERS, row(0, generation), Ledger::default());
        taken
    }
}

/// What one generation counted.
struct Taken {
    ledger: Ledger,
    v4: Vec<SlotV4>,
    v6: Vec<SlotV6>,
}

impl Taken {
    /// Packets and frame octets of the flow records.
    fn records(&self) -> Count {
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
    fn assert_balance(&self, context: &str) {
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
    fn verdict(&self, context: &str) -> Result<Flow, Reject> {
        let ledger = &self.ledger;
        assert_eq!(ledger.seen.packets, 1, "{context}");
        match (&self.v4[..], &self.v6[..]) {
            ([slot], []) => {
                let key = KeyV4::unpack(&slot.key);
                let address = |word: u32| IpAddr::from(word.to_ne_bytes());
                assert_eq!((slot.ttl_min, slot.packets), (slot.ttl_max, 1), "{context}");
                let addresses = (address(key.source), address(key.destination));
                Ok(flow(addresses, &key.common, slot.ttl_min, slot.tcp_flags, slot.octets))
            }
            ([], [slot]) => {
                let key = KeyV6::unpack(&slot.key);
                assert_eq!((slot.ttl_min, slot.packets), (slot.ttl_max, 1), "{context}");
                let address = fixtures::address_v6;
                let addresses = (address(key.source), address(key.destination));
                Ok(flow(addresses, &key.common, slot.ttl_min, slot.tcp_flags, slot.octets))
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

fn flow(
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

fn accepted(name: &str, loaded: Result<(), ProgramError>) {
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

fn run<P>(program: &P, frame: &[u8], context: Option<&[u8]>) -> TestRunResult
where
    P: for<'a> TestRun<Opts<'a> = TestRunOptions<'a>, Result = TestRunResult>,
{
    let mut options = TestRunOptions::new();
    options.data_in = Some(frame);
    options.ctx_in = context;
    program.test_run(options).expect("test run")
}

fn bind_to_first_cpu() {
    // SAFETY: a CPU set of this size, all zero but for CPU 0.
    let result = unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        libc::CPU_SET(0, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &raw const set)
    };
    assert_eq!(result, 0, "bind to CPU 0: {}", std::io::Error::last_os_error());
}

#[test]
fn each_packet_is_counted_as_its_row_says() {
    let Some(mut kernel) = kernel() else { return };
    for hook in Hook::ALL {
        for row in fixtures::all() {
            kernel.run(hook, &row.frame);
            let taken = kernel.take(0);
            let context = format!("{}, {hook:?}", row.name);
            assert_eq!(taken.verdict(&context), row.expected, "{context}");
            taken.assert_balance(&context);
            assert_eq!(taken.ledger.seen.octets, row.frame.len() as u64, "{context}");
            for common in taken.v4.iter().map(|slot| KeyV4::unpack(&slot.key).common) {
                assert_eq!((common.interface, common.direction), (LOOPBACK, hook.direction()));
            }
            let macs =
                taken.v4.iter().map(|slot| slot.macs).chain(taken.v6.iter().map(|slot| slot.macs));
            for macs in macs {
                assert_eq!(macs.map(u32::to_ne_bytes).concat(), row.frame[..12], "{context}");
            }
            for slot in &taken.v4 {
                assert_eq!(slot.first, slot.last, "{context}");
            }
        }
    }
}

#[test]
fn each_cut_packet_is_counted_as_the_parser_on_the_host_reads_it() {
    let Some(mut kernel) = kernel() else { return };
    for hook in Hook::ALL {
        for row in fixtures::all() {
            for length in shortest(hook, &row.frame)..row.frame.len() {
                let frame = &row.frame[..length];
                kernel.run(hook, frame);
                let taken = kernel.take(0);
                let context = format!("{}, {hook:?}, {length} octets", row.name);
                let parsed = sensor_common::packet::parse(frame, length as u32);
                let expected = parsed.map(|headers| fixtures::flow(&headers));
                assert_eq!(taken.verdict(&context), expected, "{context}");
                taken.assert_balance(&context);
            }
        }
    }
}

/// Octets of `frame` that a test run needs: that of a tc program wants something behind the Ethernet header, and
/// recent kernels a whole IP header where the EtherType names one.
fn shortest(hook: Hook, frame: &[u8]) -> usize {
    if hook == Hook::Ingress {
        return SHORTEST;
    }
    match u16::from_be_bytes([frame[12], frame[13]]) {
        build::IPV4 => SHORTEST + 20,
        build::IPV6 => SHORTEST + 40,
        _ => SHORTEST + 1,
    }
}

#[test]
fn a_jumbo_frame_counts_in_full() {
    let Some(mut kernel) = kernel() else { return };
    // More than a page: the kernel spreads it over several buffers, as a driver does.
    let frame = build::ethernet(build::IPV4, &build::ipv4(build::UDP, &build::udp(8_972)));
    assert_eq!(frame.len(), 14 + 9_000);
    kernel.run(Hook::Ingress, &frame);
    let taken = kernel.take(0);
    assert_eq!(taken.v4[0].octets, 9_000);
    assert_eq!(taken.ledger.seen, Count { packets: 1, octets: 9_014 });
    taken.assert_balance("jumbo frame");
}

#[test]
fn a_super_packet_counts_as_the_wire_will_have_it() {
    let Some(mut kernel) = kernel() else { return };
    let packet = build::ipv4(build::TCP, &build::tcp(0x18, 3_000));
    let frame = build::ethernet(build::VLAN, &build::tag(5, build::IPV4, &packet));
    // With the kernel's count of segments, and without, as virtual machines hand packets over.
    for (segments, size, expected) in [(3, 1_000, 3), (0, 1_000, 3), (0, 999, 4), (0, 0, 1)] {
        kernel.run_tc(names::PROGRAM_TC_EGRESS, &frame, Some(&skb(segments, size)));
        let taken = kernel.take(0);
        let context = format!("{segments} segments of {size}");
        let slot = &taken.v4[0];
        assert_eq!(slot.packets, expected, "{context}");
        assert_eq!(slot.octets, u64::from(expected) * 40 + 3_000, "{context}");
        assert_eq!(slot.overhead, expected * 18, "{context}");
        let further = u64::from(expected - 1);
        let segmented = Count { packets: further, octets: further * 58 };
        assert_eq!(taken.ledger.segmented, segmented, "{context}");
        assert_eq!(taken.ledger.seen.octets, frame.len() as u64, "{context}");
        taken.assert_balance(&context);
    }
}

/// `struct __sk_buff` (include/uapi/linux/bpf.h) with what a super-packet has in it.
fn skb(segments: u32, size: u32) -> [u8; 192] {
    let mut skb = [0; 192];
    skb[164..168].copy_from_slice(&segments.to_ne_bytes());
    skb[176..180].copy_from_slice(&size.to_ne_bytes());
    skb
}

#[test]
fn devices_without_a_link_layer_have_the_kernels_word_for_the_protocol() {
    let Some(mut kernel) = kernel() else { return };
    // A test run takes the EtherType from where Ethernet has it, which is within the source address here.
    let mut v4 = build::ipv4(build::UDP, &build::udp(40));
    v4[12..14].copy_from_slice(&build::IPV4.to_be_bytes());
    let mut v6 = build::ipv6(build::TCP, &build::tcp(0x02, 40));
    v6[12..14].copy_from_slice(&build::IPV6.to_be_bytes());
    for (program, direction) in [
        (names::PROGRAM_TC_INGRESS_L3, Direction::Ingress),
        (names::PROGRAM_TC_EGRESS_L3, Direction::Egress),
    ] {
        for (packet, protocol) in [(&v4, build::UDP), (&v6, build::TCP)] {
            kernel.run_tc(program, packet, None);
            let taken = kernel.take(0);
            let flow = taken.verdict(program).expect("a flow");
            assert_eq!(
                (flow.protocol, flow.octets as usize),
                (protocol, packet.len()),
                "{program}"
            );
            assert_eq!(flow.destination_port, build::DESTINATION_PORT, "{program}");
            for slot in &taken.v4 {
                assert_eq!(KeyV4::unpack(&slot.key).common.direction, direction, "{program}");
                assert_eq!(slot.macs, [0; 3], "{program}: no MAC addresses");
            }
            taken.assert_balance(program);
        }
    }
}

#[test]
fn packets_are_counted_in_the_generation_of_the_moment() {
    let Some(mut kernel) = kernel() else { return };
    let frame = build::ethernet(build::IPV6, &build::ipv6(build::UDP, &build::udp(1)));
    for generation in [0_u32, 1, 2, 3, u32::MAX] {
        kernel.set(names::GENERATION, 0, generation);
        kernel.run(Hook::Ingress, &frame);
        assert_eq!(kernel.ledger(generation ^ 1), Ledger::default(), "generation {generation}");
        let taken = kernel.take(generation);
        assert_eq!(taken.v6.len(), 1, "generation {generation}");
    }
}

#[test]
fn packets_of_one_flow_add_up() {
    let Some(mut kernel) = kernel() else { return };
    for (ttl, flags, payload) in [(63, 0x02, 0), (61, 0x10, 100), (64, 0x11, 7)] {
        let mut packet = build::ipv4(build::TCP, &build::tcp(flags, payload));
        packet[8] = ttl;
        kernel.run(Hook::Ingress, &build::ethernet(build::IPV4, &packet));
    }
    let taken = kernel.take(0);
    let slot = &taken.v4[0];
    assert_eq!((taken.v4.len(), slot.packets, slot.octets), (1, 3, 3 * 40 + 107));
    assert_eq!((slot.ttl_min, slot.ttl_max, slot.tcp_flags), (61, 64, 0x13));
    taken.assert_balance("one flow");
}

/// Flows sent at full tables: far more than there is room for.
const FLOOD: u32 = 12_000;

#[test]
fn full_tables_fold_flows_and_lose_nothing() {
    let Some(mut kernel) = kernel() else { return };
    for hook in [Hook::Ingress, Hook::TcEgress] {
        for v6 in [false, true] {
            // So many near ends that the fold region overflows too.
            let mut sent: HashMap<u32, u64> = HashMap::new();
            for flow in 0..FLOOD {
                let near = flow % 1_000;
                kernel.run(hook, &flood_frame(v6, hook.direction(), flow, near));
                *sent.entry(near).or_default() += 1;
            }
            let taken = kernel.take(0);
            let context = format!("{hook:?}, IPv6 {v6}");
            let ledger = &taken.ledger;
            taken.assert_balance(&context);
            assert_eq!(ledger.seen.packets, u64::from(FLOOD), "{context}");
            let used = (taken.v4.len() + taken.v6.len()) as u32;
            assert!(used <= GEOMETRY.region(), "{context}");
            assert!(used > GEOMETRY.slots / 2, "{context}: {used} slots used before folding");

            let v4 = taken.v4.iter().map(|slot| {
                let KeyV4 { source, destination, common } = KeyV4::unpack(&slot.key);
                (common, slot.packets, u32::from_be(source), u32::from_be(destination))
            });
            let v6 = taken.v6.iter().map(|slot| {
                let KeyV6 { source, destination, common } = KeyV6::unpack(&slot.key);
                (common, slot.packets, u32::from_be(source[3]), u32::from_be(destination[3]))
            });
            let mut folded = 0;
            let mut counted: HashMap<u32, u64> = HashMap::new();
            for (common, packets, source, destination) in v4.chain(v6) {
                let (near, near_port, far, far_port) = match hook.direction() {
                    Direction::Ingress => {
                        (destination, common.destination_port, source, common.source_port)
                    }
                    Direction::Egress => {
                        (source, common.source_port, destination, common.destination_port)
                    }
                };
                assert_eq!(near_port, NEAR_PORT, "{context}");
                if common.folded {
                    assert_eq!((far, far_port), (0, 0), "{context}: the far end is gone");
                    folded += u64::from(packets);
                } else {
                    assert_eq!((packets, far_port), (1, FAR_PORT), "{context}");
                }
                *counted.entry(near & 0xffff).or_default() += u64::from(packets);
            }
            assert_eq!(ledger.folded.packets, folded, "{context}");
            assert!(folded > 0 && ledger.unattributed.packets > 0, "{context}: {ledger:?}");
            let missing: u64 =
                sent.iter().map(|(near, n)| n - counted.get(near).unwrap_or(&0)).sum();
            assert_eq!(ledger.unattributed.packets, missing, "{context}");
        }
    }
}

const NEAR_PORT: u16 = 53;
const FAR_PORT: u16 = 1_234;

/// A datagram between the host `near` and one of many far ones.
fn flood_frame(v6: bool, direction: Direction, far: u32, near: u32) -> Vec<u8> {
    let (mut ports, far, near) = ([FAR_PORT, NEAR_PORT], 0x0a00_0000 | far, 0xc0a8_0000 | near);
    let mut addresses = [far, near];
    if direction == Direction::Egress {
        ports.reverse();
        addresses.reverse();
    }
    let mut udp = build::udp(5);
    udp[..2].copy_from_slice(&ports[0].to_be_bytes());
    udp[2..4].copy_from_slice(&ports[1].to_be_bytes());
    let [source, destination] = addresses.map(u32::to_be_bytes);
    if v6 {
        let mut packet = build::ipv6(build::UDP, &udp);
        packet[20..24].copy_from_slice(&source);
        packet[36..40].copy_from_slice(&destination);
        build::ethernet(build::IPV6, &packet)
    } else {
        let mut packet = build::ipv4(build::UDP, &udp);
        packet[12..16].copy_from_slice(&source);
        packet[16..20].copy_from_slice(&destination);
        build::ethernet(build::IPV4, &packet)
    }
}

#[test]
fn a_record_with_a_full_counter_goes_on_in_another() {
    let Some(mut kernel) = kernel() else { return };
    let frame = build::ethernet(build::IPV4, &build::ipv4(build::UDP, &build::udp(1)));
    kernel.run(Hook::Ingress, &frame);
    let base = GEOMETRY.base(0, 0);
    let offset = kernel.get::<u64>(names::USED_V4, base) as u32;
    let slot = kernel.get::<SlotV4>(names::FLOWS_V4, base + offset);
    kernel.set(names::FLOWS_V4, base + offset, SlotV4 { packets: u32::MAX, ..slot });
    kernel.run(Hook::Ingress, &frame);
    kernel.run(Hook::Ingress, &frame);
    let taken = kernel.take(0);
    let packets: Vec<u32> = taken.v4.iter().map(|slot| slot.packets).collect();
    assert_eq!(packets, [u32::MAX, 2]);
    assert_eq!(taken.v4[0].key, taken.v4[1].key);
}

#[test]
fn the_clock_program_tells_the_kernels_time() {
    let Some(mut kernel) = kernel() else { return };
    let frame = [0; SHORTEST];
    let mut last_jiffies = 0;
    for _ in 0..2 {
        let before = boot_time();
        assert_eq!(run(kernel.xdp(names::PROGRAM_CLOCK), &frame, None).return_value, XDP_PASS);
        let after = boot_time();
        let [jiffies, boot] = kernel.get::<[u64; 2]>(names::CLOCK, 0);
        assert!(before <= boot && boot <= after, "{before} <= {boot} <= {after}");
        assert!(jiffies >= last_jiffies && jiffies != 0, "{jiffies} after {last_jiffies}");
        last_jiffies = jiffies;
    }
    assert_eq!(kernel.ledger(0), Ledger::default(), "counts nothing");
}

/// Nanoseconds since boot, time asleep included.
fn boot_time() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid clock and a structure to write to.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
    assert_eq!(result, 0);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
