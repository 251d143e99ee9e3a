//! Where software is made: Git, what polls it, builds.

use sensor_common::packet::ip::protocol::TCP;

use crate::day::{
    flow::Course,
    habit::{Habit, Hours, MINUTE, Rhythm, SECOND},
    scene::Scene,
    site::{self, DATABASE, GIT, REGISTRY, RUNNER, Size},
};

pub fn habits(size: Size) -> Vec<Habit> {
    let mut habits = vec![
        // Asks for news of thirty repositories, all at once, every other minute; nobody has given it a role.
        Habit::new(Rhythm::Every(size.watch * 2 * MINUTE, 0), 0x0b00_0000, |scene| {
            let poller = site::plain(1);
            for _ in 0..30 {
                ask(scene, poller, GIT);
                scene.later(700);
            }
        }),
        // Another, for one repository outside, and one of a partner that polls ours.
        Habit::new(Rhythm::Every(size.slower() * 9 * SECOND, SECOND), 0x0b00_0001, |scene| {
            ask(scene, site::plain(2), site::outside_at(55, 3));
        }),
        Habit::new(Rhythm::Every(size.slower() * 10 * SECOND, SECOND), 0x0b00_0002, |scene| {
            ask(scene, site::plain(4), GIT);
        }),
    ];
    habits.push(Habit::new(Rhythm::Often(60 + size.desks, Hours::Office), 0x0b00_0003, build));
    for number in (0..size.desks).filter(|number| number % 5 == 0) {
        let me = site::desk(number);
        habits.push(Habit::new(
            Rhythm::Often(25, Hours::Office),
            0x0b10_0000 + number,
            move |scene| {
                let outside = site::outside(scene.random, 55, 6);
                let server = if scene.random.once_in(3) { outside } else { GIT };
                match scene.random.range(0, 3) {
                    0 => scene.tcp(4_000, me, (server, 22), (60, 9_000), (400, 500_000)),
                    1 => scene.tcp(4_000, me, (server, 443), (60, 9_000), (400, 500_000)),
                    _ => ask(scene, me, server),
                }
            },
        ));
        // A shell that stays open.
        habits.push(Habit::new(
            Rhythm::Often(4, Hours::Office),
            0x0b20_0000 + number,
            move |scene| {
                let target = site::plain(scene.random.range(0, 9));
                let duration = scene.random.range(30 * SECOND, 90 * MINUTE);
                scene.tcp(
                    duration,
                    me,
                    (target, 22),
                    (duration / 900, duration / 9),
                    (duration / 700, duration / 3),
                );
            },
        ));
    }
    habits
}

/// Is there anything new? Git over SSH, in one record.
fn ask(scene: &mut Scene<'_>, client: std::net::IpAddr, server: std::net::IpAddr) {
    let answer = scene.random.range(5_600, 9_500);
    let port = scene.port();
    let volumes = ((20, 4_700), (19, answer));
    let duration = scene.random.range(300, 1_400);
    scene.exchange(TCP, duration, (client, port), (server, 22), volumes, Course::Whole);
}

/// A build: sources, packages from many places, a database for its tests, a result that is stored.
fn build(scene: &mut Scene<'_>) {
    scene.tcp(3_000, RUNNER, (GIT, 22), (50, 7_000), (600, 800_000));
    for _ in 0..scene.random.range(20, 90) {
        let mirror = site::outside(scene.random, 56, 40);
        let weight = scene.random.range(3, 700);
        let (sent, back) = ((weight / 2 + 7, 1_200 + weight * 30), (weight + 6, weight * 1400));
        match scene.random.range(0, 40) {
            0 => scene.unanswered(RUNNER, (mirror, 443), 2),
            1 => scene.web(RUNNER, (mirror, 80)),
            _ => scene.tcp(900, RUNNER, (mirror, 443), sent, back),
        }
        scene.later(300);
    }
    for _ in 0..scene.random.range(5, 45) {
        scene.tcp(40, RUNNER, (DATABASE, 5432), (14, 2_600), (12, 6_500));
        scene.later(900);
    }
    scene.tcp(9_000, RUNNER, (REGISTRY, 5000), (60_000, 85_000_000), (30_000, 1_600_000));
    // It is rolled out.
    if scene.random.once_in(4) {
        for target in 0..12 {
            scene.tcp(4_000, RUNNER, (site::plain(target), 22), (90, 40_000), (70, 11_000));
            scene.later(2_000);
        }
    }
}
