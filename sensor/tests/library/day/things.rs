//! Cameras, printers, displays, sensors: things that report to a cloud or a broker and look for each other.

use std::net::IpAddr;

use sensor_common::packet::ip::protocol::{TCP, UDP};

use crate::day::{
    flow::Course,
    habit::{HOUR, Habit, Hours, MINUTE, Rhythm, SECOND},
    site::{self, BROKER, LOGS, MAIL, RECORDER, RESOLVERS, Size, ip},
};

pub fn habits(size: Size) -> Vec<Habit> {
    let slower = size.slower();
    let mut habits: Vec<Habit> =
        (0..size.cameras).flat_map(|number| camera(number, slower)).collect();
    habits.extend((0..size.things).flat_map(|number| thing(number, slower)));
    habits.extend((0..6).flat_map(printer));
    habits.push(Habit::new(Rhythm::Every(10 * MINUTE, SECOND), 0x0580_0000, |scene| {
        // The recorder looks for cameras, and asks each about its state.
        scene.datagrams((RECORDER, 50_100), (ip("239.255.255.250"), 3702), (2, 1_300));
    }));
    habits
}

fn camera(number: u64, slower: u64) -> Vec<Habit> {
    let seed = 0x0500_0000 + number * 256;
    let me = site::camera(number);
    let control = [554, 8000, 37_777, 7070][(number % 4) as usize];
    let own = 40_000 + number as u16;
    vec![
        // A stream that never ends.
        Habit::new(Rhythm::Every(slower * MINUTE, 0), seed, move |scene| {
            let volumes = ((1_500, 90_000), (15_000, 19_000_000));
            let (near, far) = ((RECORDER, own), (me, control));
            scene.exchange(TCP, 59_000, near, far, volumes, Course::Lasting);
        }),
        Habit::new(Rhythm::Every(30 * MINUTE, MINUTE), seed + 1, move |scene| {
            scene.web(RECORDER, (me, 80));
            scene.datagrams((me, 3702), (ip("239.255.255.250"), 3702), (1, 700));
            scene.datagrams((me, 37_810), (ip("239.255.255.251"), 37_810), (1, 300));
        }),
        Habit::new(Rhythm::Every(17 * MINUTE, MINUTE), seed + 2, move |scene| {
            let server = site::outside_at(15, number % 20);
            let port = scene.random.of(&[123, 40_123]);
            let volumes = ((1, 76), (1, 76));
            scene.exchange(UDP, 30, (me, port), (server, 123), volumes, Course::Datagrams);
        }),
        // The vendor's service that makes it reachable.
        Habit::new(Rhythm::Every(slower * 25 * SECOND, SECOND), seed + 3, move |scene| {
            if number % 3 == 1 {
                let server = site::outside_at(40, number % 5);
                let port = [32_100, 8_800, 10_240][(number % 3) as usize];
                let volumes = ((1, 80), (1, 60));
                scene.exchange(UDP, 60, (me, 32_108), (server, port), volumes, Course::Datagrams);
            }
        }),
    ]
}

/// Where things report: protocol, port, milliseconds between.
const CLOUDS: [(u8, u16, u64); 14] = [
    (TCP, 8883, 60_000),
    (TCP, 443, 45_000),
    (TCP, 1883, 30_000),
    (UDP, 8053, 15_000),
    (TCP, 9543, 120_000),
    (TCP, 11_095, 60_000),
    (TCP, 8886, 60_000),
    (UDP, 1700, 10_000),
    (TCP, 9999, 90_000),
    (TCP, 15_063, 90_000),
    (UDP, 5684, 50_000),
    (TCP, 4070, 300_000),
    (TCP, 5671, 60_000),
    (UDP, 443, 60_000),
];

fn thing(number: u64, slower: u64) -> Vec<Habit> {
    let seed = 0x0600_0000 + number * 256;
    let me = site::thing(number);
    let (protocol, port, gap) = CLOUDS[(number % 14) as usize];
    let cloud = site::outside_at(41, number % 30);
    let own = 33_000 + (number * 389 % 28_000) as u16;
    let all = ip("255.255.255.255");
    vec![
        Habit::new(Rhythm::Every(slower * gap, gap / 50), seed, move |scene| {
            let volumes = ((2, 190), (2, 150));
            let course = if protocol == TCP { Course::Lasting } else { Course::Datagrams };
            scene.exchange(protocol, 300, (me, own), (cloud, port), volumes, course);
        }),
        // The connection breaks and is made again.
        Habit::new(Rhythm::Often(5, Hours::Always), seed + 1, move |scene| {
            let resolver = scene.random.of(&RESOLVERS);
            scene.look_up(me, resolver);
            if protocol == TCP {
                scene.unanswered(me, (cloud, port), 3);
                scene.now += 8_000;
                scene.tcp(4_000, me, (cloud, port), (14, 2_900), (13, 6_100));
            }
        }),
        Habit::new(Rhythm::Every(slower * 30 * SECOND, SECOND), seed + 2, move |scene| {
            if number.is_multiple_of(2) {
                let port = if number.is_multiple_of(4) { 1883 } else { 8883 };
                scene.lasting((me, own + 1), (BROKER, port), (2, 180), (1, 60));
            }
        }),
        // How things find each other.
        Habit::new(Rhythm::Every(2 * MINUTE, 5 * SECOND), seed + 3, move |scene| {
            match number % 7 {
                0 => scene.datagrams((me, own), (all, 6667), (1, 200)),
                1 => scene.datagrams((me, 10_001), (all, 10_001), (1, 180)),
                2 => scene.datagrams((me, 47_808), (ip("10.20.140.255"), 47_808), (1, 60)),
                3 => scene.datagrams((me, own), (ip("224.0.1.187"), 5683), (1, 120)),
                4 => scene.datagrams((me, own), (ip("239.255.255.250"), 1900), (3, 600)),
                5 => scene.datagrams((me, 3671), (ip("224.0.23.12"), 3671), (1, 80)),
                _ => scene.datagrams((me, 5353), (ip("224.0.0.251"), 5353), (2, 400)),
            }
        }),
        Habit::new(Rhythm::Often(12, Hours::Office), seed + 4, move |scene| {
            // A telephone or a desk controls it.
            let who = site::desk(number % 6);
            let port = [6668, 8009, 1400, 9999, 56_700, 7000, 8060][(number % 7) as usize];
            scene.tcp(3_000, who, (me, port), (14, 2_000), (13, 2_400));
        }),
        Habit::new(Rhythm::Every(HOUR, MINUTE), seed + 5, move |scene| {
            scene.udp(30, me, (site::outside_at(15, number % 20), 123), (1, 76), (1, 76));
        }),
    ]
}

fn printer(number: u64) -> Vec<Habit> {
    let seed = 0x0700_0000 + number * 256;
    let me: IpAddr = site::printer(number);
    vec![
        Habit::new(Rhythm::Every(20 * MINUTE, MINUTE), seed, move |scene| {
            let server = site::outside_at(42, number % 3);
            scene.web(me, (server, 443));
            scene.datagrams((me, 5353), (ip("224.0.0.251"), 5353), (3, 900));
        }),
        Habit::new(Rhythm::Often(6, Hours::Office), seed + 1, move |scene| {
            // A page that was scanned goes by mail.
            scene.tcp(5_000, me, (MAIL, 25), (300, 400_000), (140, 8_000));
            scene.datagrams((me, 514), (LOGS, 514), (2, 300));
        }),
    ]
}
