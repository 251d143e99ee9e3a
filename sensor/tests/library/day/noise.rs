//! What knocks on every public address, all day, and wants nothing of this company in particular.

use std::net::IpAddr;

use sensor_common::{
    packet::ip::protocol::{ICMP, TCP, UDP},
    tcp::{ACK, FIN, PSH, RST, SYN, URG},
};

use crate::day::{
    flow::Course,
    habit::{Habit, Hours, MINUTE, Rhythm, SECOND},
    scene::{Message, Scene},
    site::{self, BASTION, MAIL, NAMES, Size, VPN_GATEWAY, WEB},
};

/// Ports that are tried most, and those that researchers and worms add.
const WANTED: [u16; 44] = [
    21, 22, 22, 23, 23, 23, 25, 80, 80, 81, 102, 110, 111, 135, 139, 143, 389, 443, 443, 445, 445,
    502, 631, 1080, 1433, 1723, 2323, 2375, 3306, 3389, 3389, 5060, 5432, 5555, 5900, 5985, 6379,
    7547, 8080, 8443, 9200, 11_211, 27_017, 37_215,
];

/// The same over UDP.
const WANTED_UDP: [u16; 24] = [
    17, 19, 53, 69, 111, 123, 137, 161, 389, 427, 500, 520, 623, 631, 1194, 1434, 1900, 2222, 3702,
    5060, 5353, 9_600, 20_000, 47_808,
];

fn victims() -> [(IpAddr, u16); 12] {
    let empty = |number| (IpAddr::from([62, 96, 10, number]), 1);
    [
        (WEB, 443),
        (MAIL, 25),
        (NAMES, 53),
        (VPN_GATEWAY, 443),
        (BASTION, 22),
        empty(1),
        empty(2),
        empty(3),
        empty(4),
        empty(5),
        empty(6),
        empty(7),
    ]
}

pub fn habits(size: Size) -> Vec<Habit> {
    let mut habits = vec![
        Habit::new(Rhythm::Often(size.strangers, Hours::Always), 0x1000_0000, stranger),
        // Whoever answers to packets that somebody sent in our name.
        Habit::new(Rhythm::Often(size.strangers / 20, Hours::Always), 0x1000_0001, backscatter),
        Habit::new(Rhythm::Often(25, Hours::Always), 0x1000_0002, made_by_hand),
        Habit::new(Rhythm::Often(14, Hours::Always), 0x1000_0003, survey),
        Habit::new(Rhythm::Often(8, Hours::Always), 0x1000_0004, voice_probe),
    ];
    // Guessers who are patient, and one who is less so.
    for guesser in 0..6 {
        let gap = [40, 55, 70, 90, 140, 25][guesser as usize] * SECOND;
        let source = site::outside_at(82, guesser * 31);
        let rhythm = Rhythm::Every(gap, gap / 3);
        habits.push(Habit::new(rhythm, 0x1010_0000 + guesser, move |scene| {
            let port = scene.random.range(1024, 65_536) as u16;
            let volumes = ((17, 2_900), (15, 3_800));
            scene.exchange(TCP, 3_000, (source, port), (BASTION, 22), volumes, Course::Whole);
        }));
    }
    // Mailboxes of names that are on every list.
    habits.push(Habit::new(Rhythm::Every(50 * SECOND, 40 * SECOND), 0x1010_0100, |scene| {
        let source = site::outside(scene.random, 83, 9);
        let port = scene.random.range(1024, 65_536) as u16;
        let volumes = ((12, 1_500), (11, 4_400));
        let mailbox = scene.random.of(&[993, 587, 465]);
        scene.exchange(TCP, 4_000, (source, port), (MAIL, mailbox), volumes, Course::Whole);
    }));
    habits
}

/// One of very many: a packet or two to one port.
fn stranger(scene: &mut Scene<'_>) {
    let source = site::outside(scene.random, 80, 60_000);
    let (target, open) = scene.random.of(&victims());
    // Some tools take a low port of their own, to get past old filters.
    let own = match scene.random.range(0, 12) {
        0 => scene.random.of(&[20, 22, 53, 80, 88, 123, 443, 500, 1_000]),
        _ => scene.random.range(1024, 65_536) as u16,
    };
    let client = (source, own);
    let wanted = scene.random.of(&WANTED);
    let refuses = target.is_ipv4() && open != 1;
    match scene.random.range(0, 20) {
        // The port that is open: half-open, or with a question.
        0 if refuses => {
            let flags = Course::Flags(SYN | RST, SYN | ACK);
            scene.exchange(TCP, 40, client, (target, open), ((2, 100), (1, 60)), flags);
        }
        1 | 2 if refuses => {
            let volumes = ((6, 640), (5, 4_300));
            scene.exchange(TCP, 300, client, (target, open), volumes, Course::Whole);
        }
        3..=5 => {
            let wanted = scene.random.of(&WANTED_UDP);
            let own = if scene.random.once_in(6) { wanted } else { own };
            let volumes = ((1, 70), (0, 0));
            scene.exchange(UDP, 0, (source, own), (target, wanted), volumes, Course::Datagrams);
        }
        6 => scene.ping(source, target, 1, refuses),
        7 => {
            let flags = Course::Flags(ACK, RST);
            let volumes = ((1, 40), (u64::from(refuses), 40));
            scene.exchange(TCP, 1, client, (target, wanted), volumes, flags);
        }
        8..=11 if refuses => {
            let volumes = ((1, 44), (1, 40));
            scene.exchange(TCP, 1, client, (target, wanted), volumes, Course::Refused);
        }
        12 => {
            let any = scene.random.range(1, 65_536) as u16;
            let volumes = ((1, 44), (0, 0));
            scene.exchange(TCP, 0, client, (target, any), volumes, Course::Unanswered);
        }
        _ => {
            let volumes = ((1, 44), (0, 0));
            scene.exchange(TCP, 0, client, (target, wanted), volumes, Course::Unanswered);
        }
    }
}

fn backscatter(scene: &mut Scene<'_>) {
    let (victim, _) = scene.random.of(&victims());
    let source = site::outside(scene.random, 84, 3_000);
    let port = scene.random.range(1024, 65_536) as u16;
    let service = scene.random.of(&[80, 443, 443, 22, 25_565, 53, 8080]);
    let flags = scene.random.of(&[SYN | ACK, SYN | ACK, RST | ACK, RST]);
    match scene.random.range(0, 6) {
        0 => {
            let code = scene.random.of(&[1, 3, 13]);
            scene.icmp(source, victim, (3, code), (1, 56));
        }
        1 => scene.icmp(source, victim, (11, 0), (1, 56)),
        _ => {
            let count = scene.random.range(1, 4);
            let volumes = ((count, count * 44), (0, 0));
            let course = Course::Flags(flags, 0);
            scene.exchange(TCP, count * 900, (source, service), (victim, port), volumes, course);
        }
    }
}

/// Packets that no ordinary stack sends.
fn made_by_hand(scene: &mut Scene<'_>) {
    let source = site::outside(scene.random, 85, 400);
    let (target, _) = scene.random.of(&victims());
    let port = scene.random.range(1024, 65_536) as u16;
    let wanted = scene.random.of(&WANTED);
    let one = |protocol| Message { protocol, icmp: (0, 0), volume: (1, 60), duration: 0 };
    match scene.random.range(0, 9) {
        // Is there a tunnel that takes packets of anybody?
        0 => scene.message((source, 0), (target, 0), one(4)),
        1 => scene.message((source, 0), (target, 0), one(41)),
        2 => scene.message((source, 0), (target, 0), one(47)),
        3 => scene.message((source, 0), (target, 0), one(132)),
        4 => {
            let icmp = scene.random.of(&[(13, 0), (17, 0), (15, 0)]);
            let message = Message { icmp, ..one(ICMP) };
            scene.message((source, 0), (target, 0), message);
        }
        5 => {
            let flags = scene.random.of(&[0, FIN, FIN | PSH | URG, PSH, SYN | PSH]);
            let volumes = ((1, 40), (0, 0));
            let course = Course::Flags(flags, 0);
            scene.exchange(TCP, 0, (source, port), (target, wanted), volumes, course);
        }
        6 => {
            let overlay = scene.random.of(&[4789, 8472, 6081, 2152, 51_820, 1701, 3544]);
            scene.datagrams((source, port), (target, overlay), (1, 90));
        }
        // An address that cannot be, of a network that filters nothing.
        7 => {
            let nobody = IpAddr::from([240, 7, 3, scene.random.range(1, 250) as u8]);
            scene.datagrams((nobody, port), (target, 53), (1, 60));
        }
        _ => {
            let volumes = ((2, 120), (0, 0));
            let course = Course::Unanswered;
            scene.exchange(TCP, 900, (source, 0), (target, 0), volumes, course);
        }
    }
}

/// A project that looks at some services of every address, slowly.
fn survey(scene: &mut Scene<'_>) {
    let source = site::outside(scene.random, 86, 90);
    let (target, open) = scene.random.of(&victims());
    for _ in 0..scene.random.range(8, 30) {
        let port = scene.random.range(32_768, 61_000) as u16;
        let wanted = scene.random.of(&WANTED);
        let course = if open == 1 { Course::Unanswered } else { Course::Refused };
        let back = (u64::from(open != 1), 40);
        scene.exchange(TCP, 1, (source, port), (target, wanted), ((1, 44), back), course);
        scene.later(70 * SECOND);
    }
}

/// Looks for telephone servers from their own port.
fn voice_probe(scene: &mut Scene<'_>) {
    let source = site::outside(scene.random, 87, 60);
    for (target, _) in victims() {
        let own = scene.random.of(&[5060, 5061, 5_070, 49_000]);
        scene.datagrams((source, own), (target, 5060), (1, 420));
        scene.later(MINUTE / 20);
    }
}
