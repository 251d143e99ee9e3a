//! Evaluating queries over columns allocates nothing once a first batch has been seen: not per flow, not per chunk, not
//! per batch.
#![expect(unsafe_code, reason = "an allocator that counts")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use sensor_core::{
    flow::{
        batch::{Addresses, FlowBatch, Source},
        interfaces::Interfaces,
    },
    nql::{
        Filter, Options,
        columns::{Program, Scratch},
        lists::{ListValues, Lists},
    },
};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: all is left to the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const QUERIES: [&str; 14] = [
    "dstport < 1024 && !(srcport == 53 || srcport == 123)",
    "srcip in $blocked || dstport in $ports",
    "ip == 10.0.0.0/8 && tcpflags.syn == true",
    "srcinternal == true && label.dst.role == database",
    "srcmac == 02:00:00:00:00:01 || srcmac in $macs",
    "flowbrate > 1000",
    "srcport == dstport",
    "inputname == eth0",
    "direction == egress && fragment != none",
    "icmptype == 8 || icmpcode == 3",
    "duration > 100 && bytesperpacket < 100",
    "protocol in $protocols",
    "srcgeo.countrycode == dstgeo.countrycode",
    "flowtype == host && ipversion == 4",
];

fn batch(rows: u32) -> FlowBatch {
    let mut batch = FlowBatch::v4(Source::Host);
    for row in 0..rows {
        if let Addresses::V4 { source, destination } = &mut batch.addresses {
            source.push(row << 18);
            destination.push(row);
        }
        batch.source_port.push(row as u16);
        batch.destination_port.push(row as u16 % 100);
        batch.icmp_type_code.push(row as u16);
        batch.protocol.push([1, 6, 17][row as usize % 3]);
        batch.tos.push(0);
        batch.tcp_flags.push(row as u16 & 0xff);
        batch.interface.push(row % 3);
        batch.direction.push((row & 1) as u8);
        batch.vlan.push(0);
        batch.octets.push(row.into());
        batch.packets.push(1);
        batch.layer2_octets.push(row.into());
        batch.start.push(0);
        batch.end.push(row.into());
        batch.ttl_min.push(64);
        batch.ttl_max.push(64);
        batch.source_mac.push([2, 0, 0, 0, 0, row as u8]);
        batch.destination_mac.push([2, 0, 0, 0, 0, 2]);
        batch.fragment.push(0);
        batch.folded.push(0);
        batch.end_reason.push(1);
    }
    batch
}

#[test]
fn nothing_is_allocated_after_the_first_batch() {
    let mut lists = Lists::default();
    lists.set("blocked", ListValues::parse("10.0.0.0/8\n192.0.2.1"));
    lists.set("ports", ListValues::parse("22\n443"));
    lists.set("macs", ListValues::parse("02:00:00:00:00:07"));
    lists.set("protocols", ListValues::parse("tcp\n17"));
    let mut queries: Vec<_> = QUERIES.iter().map(|query| (*query).to_owned()).collect();
    // Enough sets of ports to be looked up together.
    queries.extend((0..50).map(|port| format!("dstport == {port} && protocol == tcp")));
    let typed = queries.iter().map(|query| match Filter::compile(query, &Options::new(&lists)) {
        Ok(filter) => filter.typed,
        Err(errors) => panic!("{query}: {errors:?}"),
    });
    let program = Program::compile(&typed.collect::<Vec<_>>());
    let interfaces = Interfaces::default();
    let mut scratch = Scratch::default();
    let batches = [batch(3000), batch(5000), batch(1)];
    let mut found = vec![0; queries.len()];
    let mut evaluate = |batch: &FlowBatch| {
        let before = ALLOCATIONS.get();
        program.evaluate(batch, &interfaces, &mut scratch, |matched| {
            found[matched.query] += matched.rows.count();
        });
        ALLOCATIONS.get() - before
    };
    assert_ne!(evaluate(&batches[0]), 0, "the counter counts");
    for batch in &batches {
        assert_eq!(evaluate(batch), 0, "{} rows", batch.len());
    }
    assert_ne!(found[0], 0);
    assert_ne!(found[1], 0);
}
