//! Names: resolvers that ask the Internet, and what asks them in bulk.

use sensor_common::packet::ip::protocol::TCP;

use crate::day::{
    flow::Course,
    habit::{Habit, Hours, Rhythm, SECOND},
    site::{self, MAIL, NAMES, RESOLVERS, Size},
};

pub fn habits(size: Size) -> Vec<Habit> {
    let mut habits = Vec::new();
    for (number, resolver) in RESOLVERS.into_iter().enumerate() {
        let seed = 0x0200_0000 + number as u64 * 256;
        habits.push(Habit::new(
            Rhythm::Often(size.desks * 260, Hours::Office),
            seed,
            move |scene| {
                let server = site::outside(scene.random, 30, 1_500);
                let (question, answer) =
                    (scene.random.range(60, 110), scene.random.range(90, 1_400));
                let delay = scene.random.range(4, 200);
                // Some servers are dead, some answers are cut and asked for once more.
                match scene.random.range(0, 60) {
                    0 => scene.udp(2_000, resolver, (server, 53), (2, question * 2), (0, 0)),
                    1 => scene.tcp(90, resolver, (server, 53), (7, 450), (6, 2_300)),
                    2 => scene.unanswered(resolver, (server, 53), 2),
                    3 => scene.refused(resolver, (server, 53)),
                    4 => scene.icmp(server, resolver, (3, 3), (1, 120)),
                    _ => scene.udp(delay, resolver, (server, 53), (1, question), (1, answer)),
                }
            },
        ));
        // A forwarder over TLS, kept open.
        habits.push(Habit::new(Rhythm::Every(25 * SECOND, SECOND), seed + 1, move |scene| {
            let server = site::outside_at(31, number as u64);
            scene.lasting((resolver, 40_853), (server, 853), (4, 520), (4, 1_600));
        }));
        // The zone's other servers.
        habits.push(Habit::new(Rhythm::Often(20, Hours::Always), seed + 2, move |scene| {
            let volumes = ((9, 700), (60, 80_000));
            let port = scene.port();
            scene.exchange(TCP, 700, (resolver, port), (NAMES, 53), volumes, Course::Whole);
        }));
    }
    // Lists of senders, keys and hashes that the mail server asks for: long names, long answers.
    habits.push(Habit::new(
        Rhythm::Often(200 + size.strangers / 10, Hours::Office),
        0x0200_8000,
        |scene| {
            for _ in 0..scene.random.range(6, 22) {
                let question = scene.random.range(70, 140);
                let answer = scene.random.range(90, 1_300);
                let resolver = scene.random.of(&RESOLVERS);
                scene.udp(30, MAIL, (resolver, 53), (1, question), (1, answer));
            }
        },
    ));
    // The Internet asks for our own zone.
    habits.push(Habit::new(
        Rhythm::Often(300 + size.strangers / 4, Hours::Always),
        0x0200_8001,
        |scene| {
            let (asker, port) = (site::outside(scene.random, 32, 9_000), scene.translated_port());
            let volumes = ((1, 78), (1, 310));
            if scene.random.once_in(50) {
                let volumes = ((6, 380), (5, 1_400));
                scene.exchange(TCP, 60, (asker, port), (NAMES, 53), volumes, Course::Whole);
            } else {
                let udp = sensor_common::packet::ip::protocol::UDP;
                scene.exchange(udp, 1, (asker, port), (NAMES, 53), volumes, Course::Datagrams);
            }
        },
    ));
    habits
}
