//! Routers: what they tell each other, tunnels between sites, and what they do for others.

use sensor_common::packet::ip::protocol::{TCP, UDP};

use crate::day::{
    flow::Course,
    habit::{Habit, Hours, MINUTE, Rhythm, SECOND},
    scene::Message,
    site::{self, DIRECTORIES, ROUTER, SECOND_ROUTER, Size, VPN_GATEWAY, ip, server},
};

/// Protocols by which routers speak to a group: OSPF, EIGRP, PIM, VRRP, IGMP.
const GROUPS: [(u8, &str); 5] = [
    (89, "224.0.0.5"),
    (88, "224.0.0.10"),
    (103, "224.0.0.13"),
    (112, "224.0.0.18"),
    (2, "224.0.0.22"),
];

pub fn habits(size: Size) -> Vec<Habit> {
    let second = SECOND_ROUTER;
    let mut habits = vec![];
    for (number, router) in [ROUTER, second].into_iter().enumerate() {
        let seed = 0x0f00_0000 + number as u64 * 256;
        let other = [second, ROUTER][number];
        habits.push(Habit::new(Rhythm::Every(size.slower() * MINUTE, 0), seed, move |scene| {
            for (protocol, group) in GROUPS {
                let message =
                    Message { protocol, icmp: (0, 0), volume: (6, 480), duration: 50_000 };
                scene.message((router, 0), (ip(group), 0), message);
            }
            // Paths for traffic engineering.
            let message =
                Message { protocol: 46, icmp: (0, 0), volume: (2, 400), duration: 30_000 };
            scene.message((router, 0), (other, 0), message);
            scene.datagrams((router, 646), (ip("224.0.0.2"), 646), (12, 840));
            scene.datagrams((router, 1985), (ip("224.0.0.2"), 1985), (20, 960));
            scene.datagrams((router, 49_152), (other, 3784), (1_000, 52_000));
            scene.datagrams((router, 319), (ip("224.0.1.129"), 319), (60, 4_800));
        }));
        habits.push(Habit::new(Rhythm::Often(5, Hours::Office), seed + 1, move |scene| {
            let host = site::desk(scene.random.range(0, size.desks));
            scene.icmp(router, host, (5, 1), (1, 56));
        }));
        // Leases, logins of administrators, access points.
        habits.push(Habit::new(Rhythm::Every(4 * MINUTE, SECOND), seed + 2, move |scene| {
            let volumes = ((1, 340), (1, 340));
            let directory = (DIRECTORIES[0], 67);
            scene.exchange(UDP, 3, (router, 67), directory, volumes, Course::Datagrams);
            scene.udp(20, router, (DIRECTORIES[1], 1812), (2, 300), (2, 260));
            scene.tcp(90, router, (DIRECTORIES[1], 49), (8, 640), (7, 560));
        }));
    }
    habits.push(Habit::new(
        Rhythm::Every(size.slower() * 30 * SECOND, 0),
        0x0f10_0000,
        move |scene| {
            scene.lasting((ROUTER, 40_646), (second, 646), (2, 200), (2, 200));
            scene.lasting((site::outside_at(75, 1), 50_179), (ROUTER, 179), (1, 71), (1, 71));
            for point in 0..4 {
                let point = ip(&format!("10.20.2.{}", 1 + point));
                scene.udp(9_000, point, (server(98), 5246), (4, 500), (4, 480));
                scene.udp(9_000, point, (server(98), 5247), (400, 300_000), (500, 600_000));
            }
        },
    ));
    // The branch: keys over 500, data as ESP; a cloud over 4500, and over GRE.
    habits.push(Habit::new(Rhythm::Every(size.slower() * MINUTE, 0), 0x0f10_0001, |scene| {
        let (branch, cloud) = (site::outside_at(76, 1), site::outside_at(76, 2));
        for (from, to) in [(VPN_GATEWAY, branch), (branch, VPN_GATEWAY)] {
            let volume = (9_000, 6_000_000);
            let message = Message { protocol: 50, icmp: (0, 0), volume, duration: 58_000 };
            scene.message((from, 0), (to, 0), message);
        }
        let volumes = ((2, 260), (2, 260));
        scene.exchange(UDP, 40, (VPN_GATEWAY, 500), (branch, 500), volumes, Course::Datagrams);
        let volumes = ((3_000, 2_000_000), (4_000, 3_000_000));
        let ends = ((VPN_GATEWAY, 4500), (cloud, 4500));
        scene.exchange(UDP, 58_000, ends.0, ends.1, volumes, Course::Datagrams);
        let volume = (900, 400_000);
        let message = Message { protocol: 47, icmp: (0, 0), volume, duration: 58_000 };
        scene.message((ROUTER, 0), (site::outside_at(76, 3), 0), message);
    }));
    // An administrator looks at a switch.
    habits.push(Habit::new(Rhythm::Often(4, Hours::Office), 0x0f10_0002, |scene| {
        let switch = ip("10.20.2.200");
        let volumes = ((300, 20_000), (400, 60_000));
        let port = scene.port();
        scene.exchange(TCP, 200_000, (site::desk(1), port), (switch, 22), volumes, Course::Whole);
        scene.web(site::desk(1), (switch, 443));
    }));
    habits
}
