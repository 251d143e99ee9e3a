//! Datagrams that are made to cost as much as can be, on a collector that was prepared for them: of 1,500 octets, and of the
//! most that UDP carries.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use sensor_wire::{
    batches::Batches,
    decoder::{Decoder, Options},
};

use crate::messages::{ipfix, options, template};

/// Octets of the datagrams, and how often each is sent.
const SIZES: [(usize, usize); 2] = [(FRAME, 400), (65_504, 20)];
/// Octets of a datagram that needs no fragments.
const FRAME: usize = 1500;
/// What a datagram may cost for each [`FRAME`] octets, in microseconds: work is in proportion to octets.
const LIMIT: f64 = 100.0;
/// Ports of a device that never sends from one twice, as far as anybody remembers.
const NEW_PORTS: u16 = 50_000;
const NOW: u64 = 1_700_000_000_000;

/// What is sent before, once; and the datagrams that are measured, over and over.
struct Attack {
    what: &'static str,
    before: Vec<Vec<u8>>,
    sent: Vec<Vec<u8>>,
}

/// Prints what each attack costs: the median of the dearest of its datagrams.
pub fn run() {
    for (size, rounds) in SIZES {
        let limit = LIMIT * size as f64 / FRAME as f64;
        println!(
            "\nHostile datagrams of {size} octets, one core; microseconds a datagram, median and worst\n"
        );
        let mut within = true;
        let moving = [waiting(size), templates(size)].map(|attack| {
            let what = [attack.what, ", from ever new ports"].concat();
            (what, attack, NEW_PORTS)
        });
        let attacks = attacks(size).into_iter().map(|attack| (attack.what.to_owned(), attack, 1));
        for (what, attack, ports) in attacks.chain(moving) {
            let (median, worst) = measure(&attack, rounds, ports);
            let [median, worst] = [median, worst].map(|spent| spent.as_secs_f64() * 1e6);
            within &= median <= limit;
            let over =
                if median > limit { format!("  MORE THAN {limit:.0}") } else { String::new() };
            println!("{what:<58}{median:>9.1}{worst:>9.1}{over}");
        }
        println!("{} within {limit:.0}", if within { "all" } else { "not all" });
    }
}

/// `ports` is the number of ports from which the datagrams come in turn.
fn measure(attack: &Attack, rounds: usize, ports: u16) -> (Duration, Duration) {
    let mut from = SocketAddr::from(([192, 0, 2, 66], 4739));
    let options = Options { inner_headers: true, ..Options::default() };
    let mut decoder = Decoder::new(options);
    let mut batches = Batches::default();
    for octets in &attack.before {
        decoder.datagram(from, NOW, octets, &mut batches);
        batches.take(true, drop);
    }
    let mut spent: Vec<Vec<Duration>> = vec![Vec::new(); attack.sent.len()];
    for _ in 0..rounds {
        for (octets, spent) in attack.sent.iter().zip(&mut spent) {
            from.set_port(4739 + (from.port() - 4738) % ports);
            let start = Instant::now();
            decoder.datagram(from, NOW, octets, &mut batches);
            spent.push(start.elapsed());
            batches.exchange(false, Some);
        }
    }
    let medians = spent.iter_mut().map(|spent| {
        spent.sort_unstable();
        (spent[rounds / 2], spent[rounds - 1])
    });
    medians.max().unwrap_or_default()
}

const VARIABLE: u16 = u16::MAX;

/// What is left of a datagram of `size` octets for the one set of a message.
const fn body(size: usize) -> usize {
    size - 16 - 4
}

fn attacks(size: usize) -> Vec<Attack> {
    // One template, and a data set full of octets that `octet` makes.
    fn records_of(
        size: usize,
        what: &'static str,
        fields: &[(u16, u16)],
        octet: &dyn Fn(usize) -> u8,
    ) -> Attack {
        Attack {
            what,
            before: vec![ipfix(&[(2, template(256, fields))])],
            sent: vec![ipfix(&[(256, (0..body(size)).map(octet).collect())])],
        }
    }
    let records = |what, fields: &[(u16, u16)], octet: fn(usize) -> u8| {
        records_of(size, what, fields, &octet)
    };
    let mut attacks = vec![
        records("records of one octet that tell of no flow", &[(4, 1)], |_| 6),
        records("records of an empty field", &[(82, VARIABLE)], |_| 0),
        records("flows of four octets", &[(8, 4)], |at| at as u8),
        records("flows of an address and an empty field", &[(8, 4), (371, VARIABLE)], |_| 0),
        records(
            "flows with 100 empty fields",
            &[&[(8, 4)][..], &[(371, VARIABLE); 100]].concat(),
            |_| 0,
        ),
        records("biflows of IPv6", &[(27, 16), (231, 1), (232, 1)], |_| 1),
        records("flows of either family", &[(8, 4), (27, 16), (1, 1), (7, 2)], |at| (at % 7) as u8),
        records("flows with a sampler each", &[(8, 4), (48, 2)], |at| (at * 31) as u8),
        records("connections of a firewall", &[(8, 4), (148, 4), (233, 1), (231, 1)], |at| {
            if at % 10 == 8 { 5 } else { (at * 7) as u8 }
        }),
        records("frames of no packet", &[(315, VARIABLE)], |_| 0),
        records("packets in packets", &[(313, VARIABLE)], |at| {
            // IPv4 headers of 20 octets within each other, of protocol 4.
            let header = [0x45, 0, 0, 99, 0, 0, 0, 0, 64, 4, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
            if at % 101 == 0 { 100 } else { header[(at % 101 - 1) % 20] }
        }),
        records("names beside flows, each another", &[(8, 4), (10, 1), (82, 1)], |at| {
            (at * 31 + at / 6) as u8
        }),
        records("names beside flows, always the same", &[(8, 4), (10, 1), (82, 1)], |_| b'a'),
    ];
    attacks.extend([
        templates(size),
        layouts(size),
        names(size),
        waiting(size),
        awaited(size),
        released(size),
        zeros(size),
        empty_sets(size),
        withdrawals(size),
        withdrawals_beside_options(size),
    ]);
    attacks.extend(sflow(size));
    attacks
}

/// Ever new templates, as many as fit.
fn templates(size: usize) -> Attack {
    let datagram = |turn: u16| {
        let all = (0..body(size) as u16 / 8).flat_map(|n| template(256 + n, &[(n, 1 + turn)]));
        ipfix(&[(2, all.collect())])
    };
    Attack { what: "templates that change", before: vec![], sent: vec![datagram(0), datagram(1)] }
}

/// A template of as many fields as fit, which changes, and octets for it.
fn layouts(size: usize) -> Attack {
    let fields: Vec<_> = (0..(body(size) as u16 - 78) / 4).map(|n| (1 + n, 1)).collect();
    let turned: Vec<_> = fields.iter().rev().copied().collect();
    let datagram = |fields: &[(u16, u16)]| ipfix(&[(2, template(256, fields)), (256, vec![1; 70])]);
    Attack {
        what: "a template of all fields that fit, which changes",
        before: vec![],
        sent: vec![datagram(&fields), datagram(&turned)],
    }
}

/// Options that rename interfaces between flows, where there are many names.
fn names(size: usize) -> Attack {
    let scheme = ipfix(&[(3, options(300, &[(10, 2), (82, 2)])), (2, template(256, &[(8, 4)]))]);
    let many = (0..190_u16).map(|part| {
        let all = (0..350).flat_map(|n| [(part * 350 + n).to_be_bytes(), *b"ab"].concat());
        ipfix(&[(300, all.collect())])
    });
    let datagram = |name: &[u8; 2]| {
        let mut sets = Vec::new();
        for n in 0..body(size) as u16 / 16 {
            sets.push((300, [n.to_be_bytes(), *name].concat()));
            sets.push((256, vec![10, 0, 0, 1]));
        }
        ipfix(&sets)
    };
    Attack {
        what: "one of 60,000 names changes before each flow",
        before: [scheme].into_iter().chain(many).collect(),
        sent: vec![datagram(b"cd"), datagram(b"ef")],
    }
}

/// Datagrams that wait for a template, the template, and its withdrawal. What waits was paid for by earlier datagrams.
fn released(size: usize) -> Attack {
    let mut sent = vec![ipfix(&[(999, vec![7; body(size)])]); (125 << 10) / body(size)];
    sent.push(ipfix(&[(2, template(999, &[(8, 4)]))]));
    sent.push(ipfix(&[(2, vec![3, 0xe7, 0, 0])]));
    Attack { what: "a template for which 128 KiB of sets have waited", before: vec![], sent }
}

/// Sets that wait for their templates, which never come.
fn waiting(size: usize) -> Attack {
    let sets: Vec<_> = (0..body(size) as u16 / 5).map(|n| (300 + n, vec![1])).collect();
    Attack { what: "sets of unknown templates", before: vec![], sent: vec![ipfix(&sets)] }
}

/// As many sets wait as may, and other templates than theirs come.
fn awaited(size: usize) -> Attack {
    let wait: Vec<_> = (0..256).map(|n| (50_000 + n, vec![1])).collect();
    let all = (0..body(size) as u16 / 8).flat_map(|n| template(256 + n, &[(8, 4)])).collect();
    Attack {
        what: "templates while sets wait for others",
        before: vec![ipfix(&wait)],
        sent: vec![ipfix(&[(2, all)])],
    }
}

/// Zeros that might be padding, but for the last octet.
fn zeros(size: usize) -> Attack {
    let mut octets = ipfix(&[(256, vec![0; body(size)])]);
    octets[16..20].fill(0);
    if let Some(last) = octets.last_mut() {
        *last = 1;
    }
    Attack { what: "zeros, and something behind them", before: vec![], sent: vec![octets] }
}

fn empty_sets(size: usize) -> Attack {
    let sets = vec![(256, vec![]); body(size) / 4];
    let before = vec![ipfix(&[(2, template(256, &[(8, 4)]))])];
    Attack { what: "sets without records", before, sent: vec![ipfix(&sets)] }
}

fn withdrawals(size: usize) -> Attack {
    let all = [0, 2, 0, 0].repeat(body(size) / 4);
    Attack {
        what: "all templates withdrawn, again and again",
        before: vec![],
        sent: vec![ipfix(&[(2, all)])],
    }
}

/// All templates of flows, one, are withdrawn again and again, beside as many of options as there is memory for.
fn withdrawals_beside_options(size: usize) -> Attack {
    let before = (0..20_u16).map(|part| {
        let all = (0..1000).flat_map(|n| options(300 + part * 1000 + n, &[(10, 4)]));
        ipfix(&[(3, all.collect())])
    });
    let all = [template(256, &[(8, 4)]), vec![0, 2, 0, 0]].concat().repeat(body(size) / 12);
    Attack {
        what: "all templates of flows withdrawn beside many of options",
        before: before.collect(),
        sent: vec![ipfix(&[(2, all)])],
    }
}

fn sflow(size: usize) -> Vec<Attack> {
    let words =
        |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
    let datagram = |samples: Vec<u8>| {
        let mut octets = words(&[5, 1, 0xc000_0201, 0, 1, 0, u32::MAX]);
        octets.extend(samples);
        octets.truncate(size);
        octets
    };
    let attack = |what, samples| Attack { what, before: vec![], sent: vec![datagram(samples)] };
    let sample = |body: &[u32]| words(&[&[1, body.len() as u32 * 4], body].concat());
    // The least that is a flow: an IPv4 record.
    let flow = sample(&[&[1, 1, 100, 0, 0, 2, 3, 1, 3, 32, 64, 17], &[7; 6][..]].concat());
    // A path of empty segments, and no communities.
    let segments = (size - 220) / 8;
    let gateway = [&[1, 9, 1, 2, 3, segments as u32][..], &[2, 0].repeat(segments), &[0, 50]];
    let gateway = gateway.concat();
    let record = [&[1003, gateway.len() as u32 * 4], &gateway[..]].concat();
    let path = sample(&[&[1, 1, 100, 0, 0, 2, 3, 1][..], &record].concat());
    let name = |index: u32, letter: u32| {
        words(&[2, 28, 1, index, 1, 1005, 8, 4, letter << 24 | 0x0061_6161])
    };
    let count = size as u32 / 36;
    let named = |letter: u32| (0..count).flat_map(|index| name(index, letter)).collect::<Vec<_>>();
    vec![
        attack("sFlow: empty samples", words(&[9, 0]).repeat(size / 8)),
        attack("sFlow: the shortest flows", flow.repeat(size / flow.len())),
        attack(
            "sFlow: samples of ever new sources",
            (0..count).flat_map(|n| sample(&[1, n, 1, 0, 0, 1, 2, 0])).collect(),
        ),
        attack("sFlow: a path of empty segments", path),
        Attack {
            what: "sFlow: ports that change their names",
            before: vec![],
            sent: vec![datagram(named(0x62)), datagram(named(0x63))],
        },
    ]
}
