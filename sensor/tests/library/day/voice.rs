//! Telephones on desks: registration, calls, the trunk to the operator.

use sensor_common::packet::ip::protocol::UDP;

use crate::day::{
    flow::{Course, End},
    habit::{HOUR, Habit, Hours, MINUTE, Rhythm, SECOND},
    scene::Scene,
    site::{self, LOGS, PRINTING, Size, VOICE},
};

pub fn habits(size: Size) -> Vec<Habit> {
    let mut habits = Vec::new();
    for number in 0..size.phones {
        let seed = 0x0400_0000 + number * 256;
        let me = site::telephone(number);
        // Half of them use the port of the service on both ends.
        let own = if number.is_multiple_of(2) { 5060 } else { 11_780 + number as u16 };
        habits.push(Habit::new(Rhythm::Every(5 * MINUTE, 20 * SECOND), seed, move |scene| {
            let volumes = ((2, 1_300), (2, 1_100));
            scene.exchange(UDP, 40, (me, own), (VOICE, 5060), volumes, Course::Datagrams);
        }));
        // The server asks whether the telephone is there.
        habits.push(Habit::new(Rhythm::Every(MINUTE, 0), seed + 1, move |scene| {
            let volumes = ((1, 480), (1, 520));
            scene.exchange(UDP, 9, (VOICE, 5060), (me, own), volumes, Course::Datagrams);
        }));
        habits.push(Habit::new(Rhythm::Often(6, Hours::Office), seed + 2, move |scene| {
            let there = (VOICE, even(scene, 10_000, 20_000));
            let here = (me, even(scene, 16_384, 32_768));
            let duration = scene.random.range(20 * SECOND, 12 * MINUTE);
            stream(scene, here, there, duration);
            let (trunk, far) = (site::outside_at(26, 1), even(scene, 10_000, 60_000));
            let near = even(scene, 10_000, 20_000);
            if scene.random.once_in(2) {
                stream(scene, (VOICE, near), (trunk, far), duration);
            }
        }));
        habits.push(Habit::new(Rhythm::Every(12 * HOUR, HOUR), seed + 3, move |scene| {
            scene.udp(60, me, (PRINTING, 69), (4, 190), (4, 2_000));
            scene.udp(900, me, (PRINTING, 40_000), (30, 1_000), (30, 16_000));
            scene.web(me, (PRINTING, 80));
            scene.datagrams((me, 514), (LOGS, 514), (3, 500));
        }));
    }
    habits.push(Habit::new(Rhythm::Every(30 * SECOND, 0), 0x0480_0000, |scene| {
        let trunk = site::outside_at(26, 0);
        let volumes = ((2, 1_000), (2, 1_100));
        scene.exchange(UDP, 30, (VOICE, 5060), (trunk, 5060), volumes, Course::Datagrams);
        scene.lasting((VOICE, 40_061), (site::outside_at(26, 2), 5061), (3, 900), (3, 900));
    }));
    habits
}

fn even(scene: &mut Scene<'_>, low: u64, high: u64) -> u16 {
    (scene.random.range(low, high) & !1) as u16
}

/// Fifty packets a second each way, and the reports beside them.
fn stream(scene: &mut Scene<'_>, here: End, there: End, duration: u64) {
    let packets = duration / 20;
    let volume = (packets, packets * 200);
    scene.exchange(UDP, duration, here, there, (volume, volume), Course::Datagrams);
    let reports = (duration / 5_000 + 1, (duration / 5_000 + 1) * 96);
    let (here, there) = ((here.0, here.1 + 1), (there.0, there.1 + 1));
    scene.exchange(UDP, duration, here, there, (reports, reports), Course::Datagrams);
}
