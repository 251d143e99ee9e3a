//! What the company serves: the web, the bastion, tunnels, the database, and the proxy.

use sensor_common::packet::ip::protocol::{TCP, UDP};

use crate::day::{
    flow::Course,
    habit::{Habit, Hours, MINUTE, Rhythm, SECOND},
    site::{self, APPLICATION, BASTION, DATABASE, PROXY, Size, VPN_GATEWAY, WEB},
};

pub fn habits(size: Size) -> Vec<Habit> {
    let visits = 400 + size.desks * 300;
    let mut habits = vec![
        Habit::new(Rhythm::Often(visits, Hours::Office), 0x0d00_0000, |scene| {
            let (visitor, port) = (site::outside(scene.random, 65, 9_000), scene.translated_port());
            let pages = scene.random.range(1, 40);
            let volumes = ((pages + 8, 900 + pages * 160), (pages * 2 + 8, 4_600 + pages * 2_500));
            let client = (visitor, port);
            match scene.random.range(0, 30) {
                0..=3 => {
                    let course = Course::Datagrams;
                    scene.exchange(UDP, 9_000, client, (WEB, 443), volumes, course);
                }
                4 => {
                    let volumes = ((4, 216), (3, 164));
                    scene.exchange(TCP, 9, client, (WEB, 443), volumes, Course::Touched);
                }
                5 | 6 => {
                    scene.exchange(TCP, 4_000, client, (WEB, 80), volumes, Course::Whole);
                }
                7 => scene.exchange(TCP, 4_000, client, (WEB, 443), volumes, Course::Dropped),
                _ => scene.exchange(TCP, 4_000, client, (WEB, 443), volumes, Course::Whole),
            }
        }),
        Habit::new(Rhythm::Every(size.slower() * 7 * SECOND, SECOND), 0x0d00_0001, |scene| {
            scene.lasting((APPLICATION, 40_432), (DATABASE, 5432), (9, 2_000), (9, 7_000));
        }),
        Habit::new(Rhythm::Often(size.desks * 40, Hours::Office), 0x0d00_0002, |scene| {
            scene.tcp(60, APPLICATION, (DATABASE, 5432), (10, 1_700), (9, 5_600));
            scene.later(200);
            scene.tcp(90, WEB, (APPLICATION, 8080), (10, 1_900), (14, 13_000));
        }),
        // People who work from elsewhere.
        Habit::new(Rhythm::Often(20, Hours::Office), 0x0d00_0003, |scene| {
            let (person, port) = (site::outside(scene.random, 66, 20), scene.translated_port());
            let duration = scene.random.range(MINUTE, 50 * MINUTE);
            let volumes = ((duration / 500, duration / 4), (duration / 400, duration));
            scene.exchange(TCP, duration, (person, port), (BASTION, 22), volumes, Course::Whole);
            scene.later(9_000);
            let target = site::plain(scene.random.range(0, 12));
            scene.tcp(duration, BASTION, (target, 22), volumes.0, volumes.1);
        }),
        // The proxy meets the whole web, the dead part of it as well.
        Habit::new(Rhythm::Often(size.desks * 130, Hours::Office), 0x0d00_0004, |scene| {
            let server = site::outside(scene.random, 10, 4_000);
            match scene.random.range(0, 25) {
                0 => scene.unanswered(PROXY, (server, 443), 3),
                1 => scene.refused(PROXY, (server, 443)),
                2 => scene.touch(PROXY, (server, 443)),
                3 => scene.web(PROXY, (server, 80)),
                _ => scene.web(PROXY, (server, 443)),
            }
        }),
    ];
    for number in 0..size.phones / 3 {
        // Tunnels of people at home: by WireGuard, OpenVPN, or IPsec.
        let person = site::outside_at(67, number * 3);
        let (service, own) =
            [(51_820, 51_820), (1194, 40_194), (4500, 4500)][(number % 3) as usize];
        habits.push(Habit::new(
            Rhythm::Every(size.slower() * 25 * SECOND, 0),
            0x0d10_0000 + number,
            move |scene| {
                let (packets, client) = (scene.random.range(1, 4_000), (person, own));
                let volumes = ((packets, packets * 300), (packets, packets * 700));
                let course =
                    if scene.random.once_in(5) { Course::Woken } else { Course::Datagrams };
                scene.exchange(UDP, 9_000, client, (VPN_GATEWAY, service), volumes, course);
            },
        ));
    }
    habits
}
