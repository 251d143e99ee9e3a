//! Mail: what other servers bring, what ours delivers, and mailboxes of people on the road.

use sensor_common::packet::ip::protocol::TCP;

use crate::day::{
    flow::Course,
    habit::{Habit, Hours, MINUTE, Rhythm, SECOND},
    site::{self, MAIL, Size},
};

pub fn habits(size: Size) -> Vec<Habit> {
    let letters = size.desks * 22 + 300;
    let mut habits = vec![
        Habit::new(Rhythm::Often(letters, Hours::Office), 0x0c00_0000, |scene| {
            let (sender, port) = (site::outside(scene.random, 60, 700), scene.translated_port());
            let weight = scene.random.range(4, 300);
            let volumes = ((weight + 12, weight * 1_200), (weight / 2 + 14, 3_600));
            scene.exchange(TCP, 2_600, (sender, port), (MAIL, 25), volumes, Course::Whole);
        }),
        // Newsletters and alarms go out in bursts; some servers are dead, or refuse.
        Habit::new(Rhythm::Often(letters / 3, Hours::Office), 0x0c00_0001, |scene| {
            for _ in 0..scene.random.range(1, 5) {
                let target = site::outside(scene.random, 61, 500);
                match scene.random.range(0, 20) {
                    0 => scene.unanswered(MAIL, (target, 25), 5),
                    1 => scene.refused(MAIL, (target, 25)),
                    _ => scene.tcp(2_600, MAIL, (target, 25), (26, 14_000), (22, 3_900)),
                }
                scene.later(2_000);
            }
        }),
        Habit::new(Rhythm::At(10 * 60 * MINUTE), 0x0c00_0002, |scene| {
            for _ in 0..180 {
                let target = site::outside(scene.random, 61, 500);
                if scene.random.once_in(25) {
                    scene.unanswered(MAIL, (target, 25), 5);
                } else {
                    scene.tcp(2_600, MAIL, (target, 25), (26, 24_000), (22, 3_900));
                }
                scene.later(4_000);
            }
        }),
    ];
    for number in 0..size.phones {
        // A carrier gives many of them one address.
        let carrier = site::outside_at(62, number % 9);
        habits.push(Habit::new(
            Rhythm::Every(15 * MINUTE, 30 * SECOND),
            0x0c10_0000 + number,
            move |scene| {
                let port = scene.translated_port();
                let mailbox = if number.is_multiple_of(6) { 587 } else { 993 };
                let volumes = ((16, 2_600), (15, 7_500));
                let server = (MAIL, mailbox);
                scene.exchange(TCP, 900, (carrier, port), server, volumes, Course::Whole);
            },
        ));
    }
    for number in 0..size.desks {
        let me = site::desk(number);
        let own = 50_900 + number as u16;
        habits.push(Habit::new(
            Rhythm::Every(5 * MINUTE, 20 * SECOND),
            0x0c20_0000 + number,
            move |scene| scene.lasting((me, own), (MAIL, 993), (4, 520), (4, 1_400)),
        ));
    }
    habits
}
