//! Files: NFS with its ports below 1024, shares, and backups at night.

use sensor_common::packet::ip::protocol::{TCP, UDP};

use crate::day::{
    flow::Course,
    habit::{HOUR, Habit, Hours, MINUTE, Rhythm, SECOND},
    site::{self, BACKUP, FILES, NFS, Size},
};

pub fn habits(size: Size) -> Vec<Habit> {
    let mut habits = Vec::new();
    let clients = (0..size.nodes).map(site::node).chain((0..8).map(site::plain));
    for (number, me) in clients.enumerate() {
        let seed = 0x0e00_0000 + number as u64 * 256;
        let own = 700 + (number * 13 % 300) as u16;
        habits.push(Habit::new(
            Rhythm::Every(size.slower() * 30 * SECOND, SECOND),
            seed,
            move |scene| {
                let packets = scene.random.range(4, 900);
                let volumes = ((packets, packets * 300), (packets, packets * 900));
                scene.exchange(TCP, 9_000, (me, own), (NFS, 2049), volumes, Course::Lasting);
            },
        ));
        // Mounting: the list of ports, the daemons that mount and lock, and their calls back.
        habits.push(Habit::new(Rhythm::Often(6, Hours::Always), seed + 1, move |scene| {
            let low = scene.random.range(600, 1_023) as u16;
            for (port, protocol) in
                [(111, UDP), (111, TCP), (20_048, TCP), (892, UDP), (662, UDP), (875, UDP)]
            {
                let volumes =
                    if protocol == TCP { ((6, 500), (5, 420)) } else { ((1, 84), (1, 60)) };
                let course = if protocol == TCP { Course::Whole } else { Course::Datagrams };
                scene.exchange(protocol, 4, (me, low), (NFS, port), volumes, course);
                scene.later(30);
            }
            let back = scene.random.range(600, 1_023) as u16;
            let volumes = ((1, 128), (1, 60));
            scene.exchange(UDP, 4, (NFS, back), (me, 662), volumes, Course::Datagrams);
        }));
    }
    // At night everything is fetched, by agent, by rsync, by share; then it leaves for a second place.
    for number in 0..size.servers {
        let rhythm = Rhythm::At(HOUR + number * 90 * SECOND);
        habits.push(Habit::new(rhythm, 0x0e10_0000 + number, move |scene| {
            let target = site::plain(number);
            let port = [9102, 22, 873, 445, 10_000, 13_724][(number % 6) as usize];
            let packets = scene.random.range(20_000, 900_000);
            let (sent, back) = ((packets / 2, packets * 30), (packets, packets * 1_400));
            scene.tcp(packets / 2, BACKUP, (target, port), sent, back);
        }));
    }
    habits.push(Habit::new(Rhythm::At(HOUR), 0x0e20_0000, |scene| {
        let packets = 20_000_000;
        let (sent, back) = ((packets / 2, packets * 30), (packets, packets * 1_400));
        scene.tcp(40 * MINUTE, BACKUP, (FILES, 445), sent, back);
    }));
    habits.push(Habit::new(Rhythm::At(3 * HOUR), 0x0e20_0001, |scene| {
        for part in 0..40 {
            let store = site::outside_at(70, part % 6);
            let packets = scene.random.range(200_000, 1_400_000);
            let (sent, back) = ((packets, packets * 1_400), (packets / 2, packets * 26));
            scene.tcp(packets / 5, BACKUP, (store, 443), sent, back);
            scene.later(200_000);
        }
    }));
    habits
}
