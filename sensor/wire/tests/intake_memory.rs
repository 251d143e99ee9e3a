//! The memory that devices are said to take is the memory that they take: an allocator counts.
#![expect(unsafe_code, reason = "an allocator that counts")]

#[path = "messages/mod.rs"]
mod messages;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    net::SocketAddr,
};

use sensor_wire::{
    batches::Batches,
    decoder::{Decoder, Options},
    device::directory::Limits,
};

use messages::ipfix;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
}

/// Octets of an allocation with what the allocator needs beside them: glibc's are multiples of 16, and have 8 before them.
fn whole(size: usize) -> isize {
    (size + 8).next_multiple_of(16).max(32) as isize
}

fn count(octets: isize) {
    let _ = HELD.try_with(|held| held.set(held.get() + octets));
}

struct Counting;

// SAFETY: all is left to the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(whole(layout.size()));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-whole(layout.size()));
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const NOW: u64 = 1_700_000_000_000;

/// What a device sends.
type Messages = Vec<Vec<u8>>;

/// A template of `fields` fields of four octets.
fn template(id: u16, fields: u16) -> Vec<u8> {
    let fields: Vec<_> = (0..fields).map(|field| (8 + field, 4)).collect();
    messages::template(id, &fields)
}

fn fixed() -> Vec<u8> {
    let mut octets = vec![0; 24 + 48];
    (octets[1], octets[3]) = (5, 1);
    octets
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Counters and names of `interfaces`.
fn sflow(agent: u32, interfaces: u32) -> Vec<u8> {
    let mut octets = words(&[5, 1, 0xc633_0000 + agent, 0, 1, 0, interfaces]);
    for index in 0..interfaces {
        let counters =
            [&[1, 88, index + 1, 6, 0, 1_000_000_000, 1, 3, 0, 1][..], &[0; 14]].concat();
        let name = [1005, 8, 4, u32::from_be_bytes(*b"eth0")];
        let body = words(&[&[1, index + 1, 2], &counters[..], &name].concat());
        octets.extend(words(&[2, body.len() as u32]));
        octets.extend(body);
    }
    octets
}

/// What is measured, from how many addresses (0: one, and as many agents behind it), and what number `n` of them sends.
type Case = (&'static str, u32, Box<dyn Fn(u32) -> Messages>);

fn cases() -> Vec<Case> {
    let data = |id: u16| ipfix(&[(id, vec![1; 40])]);
    vec![
        ("one datagram of NetFlow 5", 4_000, Box::new(|_| vec![fixed()])),
        (
            "a template of 2 fields, and data",
            4_000,
            Box::new(move |_| vec![ipfix(&[(2, template(256, 2))]), data(256)]),
        ),
        (
            "templates of 20 fields, and data",
            1_000,
            Box::new(move |_| {
                let told = (256..266).map(|id| (2, template(id, 20))).collect::<Vec<_>>();
                let data = (256..266).map(data);
                [ipfix(&told)].into_iter().chain(data).collect()
            }),
        ),
        (
            "many templates of one field",
            10,
            Box::new(|_| {
                let part = |n: u16| (0..180).flat_map(move |m| template(256 + n * 180 + m, 1));
                (0..20).map(|n| ipfix(&[(2, part(n).collect())])).collect()
            }),
        ),
        (
            "sets that wait",
            100,
            Box::new(|_| {
                let set = |n: u16| (300 + n, vec![1; 1 + n as usize % 90]);
                (0..20)
                    .map(|n| ipfix(&(0..10).map(|m| set(n * 10 + m)).collect::<Vec<_>>()))
                    .collect()
            }),
        ),
        ("agents of sFlow with 24 interfaces", 0, Box::new(|n| vec![sflow(n, 24)])),
        (
            "names of interfaces",
            50,
            Box::new(|_| {
                let told = ipfix(&[(3, messages::options(300, &[(10, 2), (82, 12)]))]);
                let name = |n: u16| [&n.to_be_bytes()[..], b"GigEther0/12"].concat();
                let part = |n: u16| (n * 80..n * 80 + 80).flat_map(name);
                let flow = ipfix(&[(2, template(256, 1)), (256, vec![1; 4])]);
                let names = (0..10).map(|n| ipfix(&[(300, part(n).collect())]));
                [told].into_iter().chain(names).chain([flow]).collect()
            }),
        ),
    ]
}

#[test]
fn the_budget_counts_what_is_allocated() {
    for (what, devices, messages) in cases() {
        let limits = Limits { total: 1 << 30, ..Limits::default() };
        let mut batches = Batches::default();
        let mut decoder = Decoder::new(Options { limits, ..Options::default() });
        // Memory that the decoder needs for itself.
        let sources = if devices == 0 { 900 } else { devices };
        let mut feed = |collector: &mut Decoder, n: u32| {
            let address = if devices == 0 { 0xc000_0201 } else { 0x0a00_0000 + n };
            for octets in messages(n) {
                let from = SocketAddr::from((address.to_be_bytes(), 4739));
                collector.datagram(from, NOW, &octets, &mut batches);
            }
            batches.take(true, drop);
            batches = Batches::default();
        };
        feed(&mut decoder, 0);
        let (held, used) = (HELD.get(), decoder.directory().used());
        (1..sources).for_each(|n| feed(&mut decoder, n));
        let taken = (HELD.get() - held) as f64;
        let said = (decoder.directory().used() - used) as f64;
        let part = said / taken;
        eprintln!("{what}: {taken} octets taken, {said} said, {part:.2}");
        assert!((0.95..=1.9).contains(&part), "{what}: {part:.2} of {taken} octets");
    }
}
