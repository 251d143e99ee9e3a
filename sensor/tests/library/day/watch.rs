//! What watches: metrics, checks, management of devices, logs.

use sensor_common::packet::ip::protocol::{TCP, UDP};

use crate::day::{
    flow::Course,
    habit::{Habit, Hours, MINUTE, Rhythm, SECOND},
    scene::Scene,
    site::{self, AUTOMATION, LOGS, MONITORING, ROUTER, Size, WEB, WIRELESS, ip},
};

pub fn habits(size: Size) -> Vec<Habit> {
    let look = size.watch * MINUTE;
    let mut habits = Vec::new();
    for number in 0..size.servers {
        let seed = 0x0a00_0000 + number * 256;
        let target = site::plain(number);
        habits.push(Habit::new(Rhythm::Every(look, 0), seed, move |scene| {
            scene.tcp(40, MONITORING, (target, 9100), (9, 900), (16, 19_000));
            scene.ping(MONITORING, target, 1, true);
        }));
        habits.push(Habit::new(
            Rhythm::Every(look * 5, SECOND),
            seed + 1,
            move |scene| match number % 4 {
                0 => scene.tcp(20, MONITORING, (target, 22), (6, 400), (5, 380)),
                1 => scene.touch(MONITORING, (target, 443)),
                2 => scene.tcp(20, MONITORING, (target, 10_050), (6, 400), (5, 380)),
                _ => scene.udp(20, MONITORING, (target, 161), (4, 340), (4, 800)),
            },
        ));
        habits.push(Habit::new(Rhythm::Every(look, 9 * SECOND), seed + 2, move |scene| {
            ship_logs(scene, number);
        }));
        // A job that asks an interface each minute, and the cloud's credentials.
        habits.push(Habit::new(Rhythm::Every(look, 0), seed + 3, move |scene| {
            if number.is_multiple_of(3) {
                let api = site::outside_at(49, number);
                scene.tcp(250, target, (api, 443), (12, 2_300), (11, 4_400));
            }
        }));
    }
    // Hosts that are no more, and are still on the list.
    habits.push(Habit::new(Rhythm::Every(look, 0), 0x0a80_0000, |scene| {
        for gone in [240, 241, 242] {
            scene.unanswered(MONITORING, (site::plain(gone), 9100), 3);
            scene.ping(MONITORING, site::plain(gone), 1, false);
        }
    }));
    // Switches, access points, printers, by SNMP and by echo.
    habits.push(Habit::new(Rhythm::Every(look * 5, 0), 0x0a80_0001, |scene| {
        for device in 0..60 {
            let access_point = ip(&format!("10.20.2.{}", 1 + device));
            scene.udp(90, WIRELESS, (access_point, 161), (5, 420), (5, 2_400));
            scene.ping(WIRELESS, access_point, 1, true);
            scene.later(600);
        }
    }));
    habits.push(Habit::new(Rhythm::Every(look, SECOND), 0x0a80_0002, |scene| {
        scene.datagrams((ROUTER, 50_055), (MONITORING, 2055), (40, 56_000));
        let outside = site::outside(scene.random, 50, 12);
        let port = scene.translated_port();
        let volumes = ((9, 1_000), (14, 16_000));
        scene.exchange(TCP, 200, (outside, port), (WEB, 443), volumes, Course::Whole);
    }));
    // Configuration is brought to all servers, twice a day.
    for (at, hour) in [4, 14].into_iter().enumerate() {
        let servers = size.servers;
        let rhythm = Rhythm::At(hour * 60 * MINUTE);
        habits.push(Habit::new(rhythm, 0x0a80_0010 + at as u64, move |scene| {
            for number in 0..servers {
                let target = site::plain(number);
                for _ in 0..3 {
                    scene.tcp(20_000, AUTOMATION, (target, 22), (140, 30_000), (120, 26_000));
                    scene.later(1_500);
                }
            }
        }));
    }
    // A path that is traced by hand.
    habits.push(Habit::new(Rhythm::Often(2, Hours::Office), 0x0a80_0020, |scene| {
        let (me, target) = (site::desk(1), site::outside(scene.random, 10, 100));
        for hop in 0..30 {
            let ends = ((me, 50_123), (target, 33_434 + hop));
            let volumes = ((1, 60), (0, 0));
            scene.exchange(UDP, 0, ends.0, ends.1, volumes, Course::Datagrams);
            let router = site::outside(scene.random, 51, 15);
            scene.icmp(router, me, (11, 0), (1, 56));
            scene.later(40);
        }
    }));
    habits
}

/// Logs go to the collector, and from some hosts to one of the services for it, on the port that the service has given.
fn ship_logs(scene: &mut Scene<'_>, number: u64) {
    let me = site::plain(number);
    scene.datagrams((me, 40_514), (LOGS, 514), (6, 1_500));
    let service = site::outside_at(48, number % 12);
    let volumes = ((12, 7_000), (6, 340));
    let (protocol, port) = match number % 9 {
        0 => (TCP, 10_516),
        1 => (TCP, 6514),
        2 => (UDP, 10_000 + (number * 997 % 45_000) as u16),
        3 => (TCP, 9997),
        4 => (TCP, 8088),
        5 => (TCP, 10_000 + (number * 991 % 45_000) as u16),
        6 => (TCP, 5044),
        7 => (TCP, 12_201),
        _ => (TCP, 443),
    };
    let course = if protocol == TCP { Course::Lasting } else { Course::Datagrams };
    scene.exchange(protocol, 2_000, (me, 42_514), (service, port), volumes, course);
}
