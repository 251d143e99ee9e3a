//! The vulnerability scanner of the company, which has a label: by night it does to every host what an intruder would.

use std::net::IpAddr;

use sensor_common::{
    packet::ip::protocol::TCP,
    tcp::{ACK, FIN, PSH, RST, SYN, URG},
};

use crate::day::{
    flow::Course,
    habit::{HOUR, Habit, MINUTE, Rhythm, SECOND},
    scene::Scene,
    site::{self, GIT, SCANNER, Size, WEB},
};

pub fn habits(size: Size) -> Vec<Habit> {
    let desks = (0..size.desks).map(site::desk);
    let things = (0..size.things).map(site::thing);
    let servers = (0..size.servers).map(site::plain);
    let targets: Vec<IpAddr> = servers.chain(things).chain(desks).chain([WEB, GIT]).collect();
    let ports = if size.desks < 50 { 130 } else { 1_000 };
    let mut habits: Vec<Habit> = targets
        .into_iter()
        .enumerate()
        .map(|(number, target)| {
            let number = number as u64;
            let rhythm = Rhythm::At(22 * HOUR + number * 90 * MINUTE / 300);
            Habit::new(rhythm, 0x1100_0000 + number, move |scene| scan(scene, target, ports))
        })
        .collect();
    // Who is there at all?
    habits.push(Habit::new(Rhythm::At(22 * HOUR - 9 * MINUTE), 0x1110_0000, move |scene| {
        for number in 0..250 {
            scene.ping(SCANNER, site::plain(number), 1, number < size.servers);
            scene.later(120);
        }
    }));
    // Our own addresses from outside are looked at from inside as well.
    habits.push(Habit::new(Rhythm::At(23 * HOUR + 50 * MINUTE), 0x1110_0001, |scene| {
        for number in 0..80 {
            let target = site::outside_at(90, number);
            scene.unanswered(SCANNER, (target, 443), 1);
            scene.later(400);
        }
    }));
    habits
}

fn scan(scene: &mut Scene<'_>, target: IpAddr, ports: u64) {
    for port in 1..ports {
        match port {
            22 | 80 | 443 => scene.knock(SCANNER, (target, port as u16)),
            _ if port % 3 == 0 => scene.unanswered(SCANNER, (target, port as u16), 1),
            _ => scene.refused(SCANNER, (target, port as u16)),
        }
        if port.is_multiple_of(20) {
            scene.later(200);
        }
    }
    // Which system is it?
    for flags in [
        FIN,
        0,
        FIN | PSH | URG,
        SYN | FIN | PSH | URG,
        SYN | FIN,
        SYN | FIN | RST | PSH | ACK | URG,
    ] {
        for port in [22, 80, 443, 7] {
            let own = scene.port();
            let course = Course::Flags(flags, RST | ACK);
            let volumes = ((1, 60), (1, 40));
            scene.exchange(TCP, 1, (SCANNER, own), (target, port), volumes, course);
        }
    }
    for port in [69, 111, 123, 137, 161, 500, 623, 1434, 1900, 5353, 47_808] {
        scene.udp(1, SCANNER, (target, port), (1, 70), (0, 0));
        scene.icmp(target, SCANNER, (3, 3), (1, 98));
    }
    scene.icmp(target, SCANNER, (3, 13), (1, 98));
    // Passwords that devices are sold with.
    for port in [22, 23, 445, 3389, 5900, 5432, 21] {
        for _ in 0..12 {
            scene.tcp(900, SCANNER, (target, port), (14, 2_100), (12, 2_400));
            scene.later(SECOND);
        }
    }
    for port in [4444, 1080, 9001, 1099, 502, 631, 9100, 3128, 10_250, 6667] {
        scene.tcp(90, SCANNER, (target, port), (9, 900), (8, 700));
    }
}
