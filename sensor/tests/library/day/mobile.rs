//! Telephones that people carry, calls over Wi-Fi, and meetings in the browser.

use std::net::{IpAddr, Ipv4Addr};

use sensor_common::packet::ip::protocol::UDP;

use crate::day::{
    flow::Course,
    habit::{Habit, Hours, MINUTE, Rhythm, SECOND},
    scene::Scene,
    site::{self, RESOLVERS, Size, ip},
};

pub fn habits(size: Size) -> Vec<Habit> {
    let mut habits: Vec<Habit> =
        (0..size.phones).flat_map(|number| telephone(number, site::mobile(number))).collect();
    habits.extend((0..size.desks).map(|number| {
        let me = site::desk(number);
        Habit::new(Rhythm::Often(3, Hours::Office), 0x0380_0000 + number, move |scene| {
            meeting(scene, me);
        })
    }));
    habits
}

fn telephone(number: u64, me: IpAddr) -> Vec<Habit> {
    let seed = 0x0300_0000 + number * 256;
    let push = if number.is_multiple_of(2) {
        (IpAddr::from([17, 57, 145, 10 + (number % 50) as u8]), 5223)
    } else {
        (site::outside_at(21, number % 12), 5228)
    };
    let gateway = site::outside_at(22, number % 3);
    let mut habits = vec![
        Habit::new(Rhythm::Every(15 * MINUTE, 20 * SECOND), seed, move |scene| {
            scene.lasting((me, 49_900), push, (2, 210), (2, 190));
        }),
        Habit::new(Rhythm::Often(40, Hours::Office), seed + 1, move |scene| {
            for _ in 0..scene.random.range(1, 6) {
                let resolver = scene.random.of(&RESOLVERS);
                scene.look_up(me, resolver);
                scene.later(400);
                let server = site::outside(scene.random, 10, 4_000);
                if scene.random.once_in(2) {
                    scene.udp(20_000, me, (server, 443), (60, 9_000), (150, 160_000));
                } else {
                    scene.web(me, (server, 443));
                }
            }
        }),
        // Whom the telephone looks for in every network it enters.
        Habit::new(Rhythm::Often(8, Hours::Office), seed + 2, move |scene| {
            scene.datagrams((me, 5353), (ip("224.0.0.251"), 5353), (4, 600));
            scene.unanswered(me, (ip("192.168.178.1"), 49_000), 2);
            scene.datagrams((me, 68), (ip("255.255.255.255"), 67), (2, 656));
        }),
    ];
    if number % 3 != 2 {
        // The tunnel to the operator: set up, kept, and used for a call now and then.
        habits.push(Habit::new(Rhythm::Often(4, Hours::Always), seed + 3, move |scene| {
            let volumes = ((4, 2_900), (3, 2_500));
            let port = scene.random.of(&[500, 500, 49_500]);
            scene.exchange(UDP, 900, (me, port), (gateway, 500), volumes, Course::Datagrams);
            scene.later(900);
            let volumes = ((8, 6_100), (7, 5_400));
            scene.exchange(UDP, 2_900, (me, 4500), (gateway, 4500), volumes, Course::Datagrams);
        }));
        habits.push(Habit::new(Rhythm::Every(22 * SECOND, SECOND), seed + 4, move |scene| {
            scene.datagrams((me, 4500), (gateway, 4500), (1, 29));
        }));
        habits.push(Habit::new(Rhythm::Often(3, Hours::Office), seed + 5, move |scene| {
            let duration = scene.random.range(30 * SECOND, 20 * MINUTE);
            let packets = duration / 20;
            let volume = (packets, packets * 150);
            let ends = ((me, 4500), (gateway, 4500));
            scene.exchange(UDP, duration, ends.0, ends.1, (volume, volume), Course::Datagrams);
        }));
    }
    habits
}

/// Ports at which the services of meetings take media.
const RELAYS: [u16; 14] =
    [3478, 3478, 3479, 3480, 3481, 8801, 8802, 8810, 9000, 5004, 10_000, 19_302, 19_305, 443];

/// A meeting: a relay that carries it, and the other ways that both ends try first.
fn meeting(scene: &mut Scene<'_>, me: IpAddr) {
    let own = scene.random.of(&[50_000, 50_020, 50_040, 0]);
    let own = if own == 0 { scene.port() } else { own + scene.random.range(0, 20) as u16 };
    let stun = site::outside(scene.random, 23, 9);
    scene.exchange(UDP, 80, (me, own), (stun, 3478), ((2, 96), (2, 128)), Course::Datagrams);
    for _ in 0..scene.random.range(2, 14) {
        let candidate = candidate(scene);
        let checks = scene.random.range(2, 16);
        // What no router knows the way to does not answer.
        let answers = scene.random.once_in(5) && !nowhere(candidate.0);
        let answered = if answers { (checks, checks * 112) } else { (0, 0) };
        let volumes = ((checks, checks * 120), answered);
        scene.exchange(UDP, checks * 400, (me, own), candidate, volumes, Course::Datagrams);
        scene.later(60);
    }
    let duration = scene.random.range(2 * MINUTE, 65 * MINUTE);
    let packets = duration / 12;
    let volumes = ((packets, packets * 480), (packets * 2, packets * 1_100));
    let course = if scene.random.once_in(6) { Course::Woken } else { Course::Datagrams };
    // Now and then both ends find each other without a relay, wherever the other one is.
    let peer = if scene.random.once_in(6) {
        let peer = site::outside(scene.random, 24, 6_000);
        (peer, scene.peer_port())
    } else {
        let relay = site::outside(scene.random, 23, 60);
        (relay, scene.random.of(&RELAYS))
    };
    scene.exchange(UDP, duration, (me, own), peer, volumes, course);
}

/// Addresses that tunnels and translators hand out on the host itself.
const NOWHERE: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(198, 18, 0, 1)),
    IpAddr::V4(Ipv4Addr::new(198, 18, 0, 2)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 2)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 4)),
];

fn nowhere(address: IpAddr) -> bool {
    NOWHERE.contains(&address)
}

/// An address and port at which the other end says it may be reached.
fn candidate(scene: &mut Scene<'_>) -> (IpAddr, u16) {
    let random = &mut *scene.random;
    let low = random.range(2, 250) as u8;
    let address = match random.range(0, 12) {
        0..=3 => site::outside(random, 24, 6_000),
        4 | 5 => IpAddr::from([192, 168, random.range(0, 3) as u8, low]),
        6 => IpAddr::from([172, 17, 0, low]),
        7 => IpAddr::from([10, 8, 0, low]),
        8 => IpAddr::from([100, 64 + (low & 63), 7, low]),
        // Tunnels and virtual switches that hand out what nobody owns, and addresses that an interface gave itself.
        9 => random.of(&NOWHERE),
        10 => IpAddr::from([169, 254, low, low]),
        _ => IpAddr::V4(Ipv4Addr::new(25, low, 3, low)),
    };
    (address, scene.peer_port())
}
