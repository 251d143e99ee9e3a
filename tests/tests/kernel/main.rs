//! The programs in the kernel, by `BPF_PROG_TEST_RUN`: the packet fixtures, super-packets, full tables, the clock.
//!
//! Stands alone, as the virtual machine with another kernel runs it without cargo: `kernel-tests --test-threads=1`.
//! Needs root.

#![expect(unsafe_code, reason = "map values as the structures that they are; system calls")]

mod flood;
mod harness;
mod loopback;
mod scattered;
mod segments;

use sensor_common::{
    key::{Direction, KeyV4},
    layout::names,
    ledger::{Count, Ledger},
    table::SlotV4,
    tcp,
};
use tests::fixtures::{self, build};

use harness::*;

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
fn a_header_of_the_device_before_the_packet_is_passed_over() {
    let Some(mut kernel) = kernel() else { return };
    // To a test run the network header is what follows 14 octets: here those of a device that has such a header.
    for program in [names::PROGRAM_TC_INGRESS_L3, names::PROGRAM_TC_EGRESS_L3] {
        for row in fixtures::all() {
            let ethertype = u16::from_be_bytes([row.frame[12], row.frame[13]]);
            if ![build::IPV4, build::IPV6].contains(&ethertype) || row.expected.is_err() {
                continue;
            }
            kernel.run_tc(program, &row.frame, None);
            let taken = kernel.take(0);
            let context = format!("{}, {program}", row.name);
            assert_eq!(taken.verdict(&context), row.expected, "{context}");
            taken.assert_balance(&context);
        }
    }
}

#[test]
fn packets_are_counted_in_the_generation_of_the_moment() {
    let Some(mut kernel) = kernel() else { return };
    let frame = build::ethernet(build::IPV6, &build::ipv6(build::UDP, &build::udp(1)));
    for generation in [0_u32, 1, 2, 3, u32::MAX] {
        kernel.fill(generation);
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
    assert_eq!((slot.ttl_min, slot.ttl_max, tcp::all(slot.tcp_flags)), (61, 64, 0x13));
    assert_eq!(tcp::first(slot.tcp_flags), tcp::SYN, "of the packet that made the slot");
    taken.assert_balance("one flow");
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
