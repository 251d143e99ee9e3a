//! People at their desks: the web, the domain, the chatter of the segment.

use std::net::IpAddr;

use sensor_common::packet::ip::protocol::{TCP, UDP};

use crate::day::{
    flow::Course,
    habit::{HOUR, Habit, Hours, MINUTE, Rhythm, SECOND},
    scene::Scene,
    site::{self, DIRECTORIES, FILES, PRINTING, PROXY, RESOLVERS, Size, ip},
};

pub fn habits(size: Size) -> Vec<Habit> {
    (0..size.desks).flat_map(|number| desk(number, size)).collect()
}

fn desk(number: u64, size: Size) -> Vec<Habit> {
    let seed = 0x0100_0000 + number * 256;
    let me = site::desk(number);
    let mut habits = web(number, me, seed);
    habits.extend(domain(number, me, seed + 64, size));
    habits.extend(segment(me, seed + 128));
    habits
}

fn web(number: u64, me: IpAddr, seed: u64) -> Vec<Habit> {
    let pushes = move |seed: u64, port: u16, gap: u64| {
        let server = site::outside_at(12, number % 40);
        let own = 49_152 + (seed % 16_000) as u16;
        Habit::new(Rhythm::Every(gap, gap / 20), seed, move |scene| {
            // Either side may have something to say first.
            if scene.random.once_in(3) {
                scene.lasting((server, port), (me, own), (2, 230), (1, 60));
            } else {
                scene.lasting((me, own), (server, port), (2, 180), (2, 260));
            }
        })
    };
    let mut habits = vec![
        Habit::new(Rhythm::Often(70, Hours::Office), seed, move |scene| page(scene, number, me)),
        Habit::new(Rhythm::Often(9, Hours::Office), seed + 1, move |scene| dead_servers(scene, me)),
        Habit::new(Rhythm::Often(3, Hours::Office), seed + 2, move |scene| {
            let server = site::outside(scene.random, 13, 90);
            let (packets, time) = (scene.random.range(4_000, 180_000), 1_200_000);
            let duration = scene.random.range(9_000, time);
            let (sent, back) = ((packets / 2, packets * 26), (packets, packets * 1400));
            scene.tcp(duration, me, (server, 443), sent, back);
        }),
        // Files that go to the company's store outside.
        Habit::new(Rhythm::Often(4, Hours::Office), seed + 3, move |scene| {
            let server = site::outside(scene.random, 14, 30);
            let packets = scene.random.range(300, 40_000);
            let (sent, back) = ((packets, packets * 1300), (packets / 2, packets * 26));
            scene.tcp(packets * 4, me, (server, 443), sent, back);
        }),
        // Is the line up?
        Habit::new(Rhythm::Often(1, Hours::Office), seed + 4, move |scene| {
            let (target, count) = (ip("8.8.8.8"), scene.random.range(4, 30));
            scene.ping(me, target, count, true);
        }),
        Habit::new(Rhythm::Every(4 * HOUR, MINUTE), seed + 5, move |scene| {
            scene.udp(30, me, (site::outside_at(15, number % 9), 123), (1, 76), (1, 76));
        }),
        pushes(seed + 6, 443, 55 * SECOND),
        pushes(seed + 7, 443, 240 * SECOND),
    ];
    if number % 4 == 1 {
        let push = IpAddr::from([17, 57, 144, 20 + (number % 20) as u8]);
        habits.push(Habit::new(Rhythm::Every(10 * MINUTE, SECOND), seed + 8, move |scene| {
            scene.lasting((me, 51_007), (push, 5223), (2, 190), (2, 230));
        }));
    }
    habits
}

/// A page: names, a handful of servers over TCP or QUIC, connections made in advance.
fn page(scene: &mut Scene<'_>, number: u64, me: IpAddr) {
    let parts = scene.random.range(2, 12);
    for _ in 0..parts {
        let resolver = scene.random.of(&RESOLVERS);
        scene.look_up(me, resolver);
        scene.later(300);
        let server = site::outside(scene.random, 10, 4_000);
        match scene.random.range(0, 12) {
            0..=2 => {
                let requests = scene.random.range(4, 160);
                let duration = scene.random.range(400, 100_000);
                let (sent, back) = ((requests, requests * 160), (requests * 3, requests * 3300));
                let course =
                    if scene.random.once_in(8) { Course::Woken } else { Course::Datagrams };
                let port = scene.port();
                scene.exchange(UDP, duration, (me, port), (server, 443), (sent, back), course);
            }
            3 if number.is_multiple_of(3) => {
                let server = site::outside_v6(scene.random, 1, 500);
                scene.web(site::desk_v6(number), (server, 443));
            }
            4 if number % 5 == 2 => scene.web(me, (PROXY, 3128)),
            5 => scene.touch(me, (server, 443)),
            6 if scene.random.once_in(3) => scene.web(me, (server, 80)),
            7 if scene.random.once_in(20) => {
                let port = scene.random.of(&[8443, 8080, 4443, 2083, 10_443, 9443, 5001, 81]);
                scene.web(me, (server, port));
            }
            _ => scene.web(me, (server, 443)),
        }
    }
}

/// Servers that are down, blocked, or gone.
fn dead_servers(scene: &mut Scene<'_>, me: IpAddr) {
    for _ in 0..scene.random.range(1, 7) {
        let server = site::outside(scene.random, 16, 700);
        let port = if scene.random.once_in(6) { 80 } else { 443 };
        match scene.random.range(0, 4) {
            0 => scene.refused(me, (server, port)),
            // The old and the new form of the address at once.
            1 => {
                let syns = scene.random.range(1, 4);
                scene.unanswered(me, (server, port), syns);
                scene.now += 250;
                scene.unanswered(me, (server, port), syns);
            }
            _ => {
                let syns = scene.random.range(2, 6);
                scene.unanswered(me, (server, port), syns);
            }
        }
        scene.later(2_000);
    }
}

fn domain(number: u64, me: IpAddr, seed: u64, size: Size) -> Vec<Habit> {
    let share = 50_000 + (number * 37 % 9_000) as u16;
    let mut habits = vec![
        // Logging on in the morning.
        Habit::new(
            Rhythm::At(8 * HOUR + number * 17 * SECOND % (70 * MINUTE)),
            seed,
            move |scene| {
                for step in 0..scene.random.range(12, 30) {
                    let directory = scene.random.of(&DIRECTORIES);
                    let port = scene.random.of(&[88, 88, 88, 389, 389, 135, 49_667, 445, 3268, 53]);
                    if port == 53 {
                        scene.look_up(me, directory);
                    } else if step == 3 {
                        scene.udp(4, me, (directory, 389), (1, 220), (1, 210));
                    } else {
                        scene.tcp(200, me, (directory, port), (9, 3100), (8, 3300));
                    }
                    scene.later(700);
                }
            },
        ),
        Habit::new(Rhythm::Every(90 * MINUTE, 30 * MINUTE), seed + 1, move |scene| {
            for port in [88, 389, 445, 135, 49_670] {
                let directory = scene.random.of(&DIRECTORIES);
                scene.tcp(300, me, (directory, port), (11, 2600), (10, 4100));
                scene.later(200);
            }
        }),
        Habit::new(Rhythm::Every(HOUR, MINUTE), seed + 2, move |scene| {
            let directory = scene.random.of(&DIRECTORIES);
            let volumes = ((1, 96), (1, 96));
            scene.exchange(UDP, 2, (me, 123), (directory, 123), volumes, Course::Datagrams);
        }),
        // A share that stays connected, and its reconnection after the machine slept.
        Habit::new(Rhythm::Every(2 * MINUTE, 4 * SECOND), seed + 3, move |scene| {
            scene.lasting((me, share), (FILES, 445), (3, 420), (2, 330));
        }),
        Habit::new(Rhythm::Often(3, Hours::Office), seed + 4, move |scene| {
            for _ in 0..scene.random.range(1, 6) {
                scene.tcp(400, me, (FILES, 445), (18, 4200), (16, 4900));
                scene.later(900);
            }
        }),
        Habit::new(Rhythm::Often(7, Hours::Office), seed + 5, move |scene| {
            let packets = scene.random.range(60, 60_000);
            let volumes = ((packets / 2, packets * 40), (packets, packets * 1350));
            scene.exchange(TCP, packets, (me, share), (FILES, 445), volumes, Course::Lasting);
        }),
        // Printing, and looking how the printer is.
        Habit::new(Rhythm::Often(3, Hours::Office), seed + 6, move |scene| {
            let printer = site::printer(number % 6);
            match number % 3 {
                0 => scene.tcp(9_000, me, (printer, 9100), (300, 390_000), (160, 8_000)),
                1 => scene.tcp(9_000, me, (printer, 631), (300, 390_000), (160, 8_000)),
                _ => scene.tcp(9_000, me, (PRINTING, 445), (300, 390_000), (160, 8_000)),
            }
        }),
        Habit::new(Rhythm::Every(10 * MINUTE, SECOND), seed + 7, move |scene| {
            scene.udp(60, me, (site::printer(number % 6), 161), (4, 320), (4, 420));
        }),
    ];
    // Updates that neighbours hand to each other; some of the neighbours are off.
    let desks = size.desks;
    habits.push(Habit::new(Rhythm::Often(3, Hours::Office), seed + 8, move |scene| {
        for _ in 0..scene.random.range(3, 16) {
            let peer = site::desk(scene.random.range(0, desks));
            match scene.random.range(0, 6) {
                0 => scene.unanswered(me, (peer, 7680), 3),
                1 => scene.refused(me, (peer, 7680)),
                2 => scene.touch(me, (peer, 7680)),
                _ => scene.tcp(30_000, me, (peer, 7680), (900, 60_000), (2400, 3_300_000)),
            }
            scene.later(9_000);
        }
    }));
    // The helpdesk looks at somebody's screen.
    if number == 3 {
        habits.push(Habit::new(Rhythm::Often(6, Hours::Office), seed + 9, move |scene| {
            let other = site::desk(scene.random.range(0, desks));
            scene.tcp(600_000, me, (other, 3389), (9_000, 900_000), (14_000, 15_000_000));
        }));
    }
    habits
}

/// What a host says to its segment.
fn segment(me: IpAddr, seed: u64) -> Vec<Habit> {
    let group = |at: &str| ip(at);
    let (mdns, ssdp, llmnr, wsd, all) = (
        group("224.0.0.251"),
        group("239.255.255.250"),
        group("224.0.0.252"),
        group("239.255.255.250"),
        group("255.255.255.255"),
    );
    let broadcast = ip("10.20.100.255");
    vec![
        Habit::new(Rhythm::Often(50, Hours::Office), seed, move |scene| {
            scene.datagrams((me, 5353), (mdns, 5353), (2, 210));
        }),
        Habit::new(Rhythm::Often(25, Hours::Office), seed + 1, move |scene| {
            let port = scene.port();
            scene.datagrams((me, port), (ssdp, 1900), (4, 800));
            scene.later(900);
            let port = scene.port();
            scene.datagrams((me, port), (llmnr, 5355), (2, 130));
        }),
        Habit::new(Rhythm::Often(12, Hours::Office), seed + 2, move |scene| {
            scene.datagrams((me, 137), (broadcast, 137), (3, 234));
            scene.datagrams((me, 138), (broadcast, 138), (1, 229));
            let port = scene.port();
            scene.datagrams((me, port), (wsd, 3702), (4, 2600));
            let (finder, port) =
                scene.random.of(&[(57_621, 57_621), (17_500, 17_500), (27_036, 27_036)]);
            scene.datagrams((me, finder), (broadcast, port), (1, 72));
        }),
        Habit::new(Rhythm::Every(4 * HOUR, MINUTE), seed + 3, move |scene| {
            scene.udp(9, me, (DIRECTORIES[0], 67), (1, 328), (1, 328));
            scene.datagrams((ip("0.0.0.0"), 68), (all, 67), (1, 328));
        }),
        // What comes too late for its connection.
        Habit::new(Rhythm::Often(5, Hours::Office), seed + 4, move |scene| {
            let (server, port) = (site::outside(scene.random, 10, 4_000), scene.port());
            let flags = scene.random.of(&[0x04, 0x14, 0x11, 0x10]);
            let volumes = ((1, 40), (0, 0));
            scene.exchange(TCP, 0, (me, port), (server, 443), volumes, Course::Flags(flags, 0));
        }),
    ]
}
