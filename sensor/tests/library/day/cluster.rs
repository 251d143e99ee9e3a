//! A Kubernetes cluster: nodes, pods, their names, probes and deployments.

use std::net::IpAddr;

use sensor_common::packet::ip::protocol::{TCP, UDP};

use crate::day::{
    flow::Course,
    habit::{Habit, Hours, MINUTE, Rhythm, SECOND},
    scene::Scene,
    site::{self, DATABASE, REGISTRY, RESOLVERS, Size, ip, server},
};

/// The address at which the cluster answers for names, and that of the cache on each node.
const CLUSTER_DNS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 96, 0, 10));
const NODE_CACHE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(169, 254, 20, 10));
const CONTROL: IpAddr = server(60);

pub fn habits(size: Size) -> Vec<Habit> {
    let mut habits = Vec::new();
    for number in 0..size.nodes {
        habits.extend(node(number, size));
        for pod in 0..size.pods {
            habits.extend(pod_habits(number, pod, size));
        }
    }
    habits.push(Habit::new(Rhythm::Often(8, Hours::Office), 0x0880_0000, move |scene| {
        deployment(scene, size);
    }));
    habits
}

fn node(number: u64, size: Size) -> Vec<Habit> {
    let seed = 0x0800_0000 + number * 0x1_0000;
    let me = site::node(number);
    let other = site::node((number + 1) % size.nodes);
    let watch = size.watch;
    vec![
        Habit::new(Rhythm::Every(watch * 10 * SECOND, 0), seed, move |scene| {
            scene.lasting((me, 41_000), (CONTROL, 6443), (4, 2_000), (4, 1_900));
        }),
        Habit::new(Rhythm::Every(watch * MINUTE, 0), seed + 1, move |scene| {
            scene.tcp(60, CONTROL, (me, 10_250), (9, 1_500), (12, 14_000));
            // The network of the pods between nodes: one source port for each connection in it.
            for _ in 0..scene.random.range(4, 20) {
                let port = scene.random.range(32_768, 61_000) as u16;
                let volumes = ((60, 40_000), (0, 0));
                scene.exchange(UDP, 20_000, (me, port), (other, 8472), volumes, Course::Datagrams);
                scene.later(900);
            }
        }),
        // Probes: some ask for a page, some only connect; one looks at a pod that has just gone.
        Habit::new(Rhythm::Every(watch * MINUTE, 0), seed + 2, move |scene| {
            for pod in 0..size.pods {
                let target = site::pod(number, pod);
                match pod % 4 {
                    0 | 2 => scene.touch(me, (target, 8080)),
                    1 => scene.knock(me, (target, 9000)),
                    _ => scene.tcp(9, me, (target, 8080), (6, 480), (5, 520)),
                }
                scene.later(90);
            }
        }),
        // Credentials of the cloud.
        Habit::new(Rhythm::Every(5 * MINUTE, 9 * SECOND), seed + 3, move |scene| {
            for _ in 0..scene.random.range(1, 5) {
                scene.tcp(9, me, (ip("169.254.169.254"), 80), (6, 700), (5, 1_400));
                scene.later(90);
            }
        }),
        // The name server of the cluster keeps connections to the resolvers.
        Habit::new(Rhythm::Every(watch * 5 * SECOND, SECOND), seed + 4, move |scene| {
            let coredns = site::pod(number, 240);
            let resolver = RESOLVERS[(number % 2) as usize];
            scene.lasting((coredns, 45_000), (resolver, 53), (12, 1_100), (12, 2_600));
        }),
        Habit::new(Rhythm::Every(watch * MINUTE, 0), seed + 5, move |scene| {
            scene.tcp(40, CONTROL, (me, 2379), (12, 3_000), (11, 3_600));
            scene.lasting((me, 42_380), (CONTROL, 2380), (20, 6_000), (20, 5_000));
            let host = site::outside_at(48, number % 4);
            // The agent that ships logs to a service.
            scene.lasting((me, 43_516), (host, 10_516), (30, 31_000), (12, 700));
        }),
    ]
}

fn pod_habits(node: u64, number: u64, size: Size) -> Vec<Habit> {
    let seed = 0x0900_0000 + node * 0x1_0000 + number * 64;
    let me = site::pod(node, number);
    let neighbour = site::pod((node + 1) % size.nodes, (number * 7 + 1) % size.pods);
    let a_day = 24 * 60 / size.watch;
    let mut habits = vec![
        // A name is tried with each search domain, over IPv4 and IPv6: ten questions for one name.
        Habit::new(Rhythm::Often(a_day / 4, Hours::Always), seed, move |scene| {
            names(scene, me);
        }),
        Habit::new(Rhythm::Often(a_day, Hours::Office), seed + 1, move |scene| {
            let port = scene.random.of(&[8080, 8443, 9090, 50_051, 6379, 9092, 15_008, 3000]);
            scene.tcp(120, me, (neighbour, port), (10, 2_400), (9, 5_200));
        }),
    ];
    match number % 5 {
        // A connection for each request, without a pool.
        0 => habits.push(Habit::new(Rhythm::Often(a_day, Hours::Office), seed + 2, move |scene| {
            for _ in 0..scene.random.range(1, 9) {
                scene.tcp(30, me, (DATABASE, 5432), (11, 1_900), (10, 5_600));
                scene.later(200);
            }
        })),
        // Interfaces of others; the node translates, with any port.
        1 => habits.push(Habit::new(Rhythm::Often(a_day, Hours::Always), seed + 2, move |scene| {
            let (host, port) = (site::outside(scene.random, 45, 60), scene.translated_port());
            let (client, volumes) = ((site::node(node), port), ((14, 4_000), (12, 9_000)));
            scene.exchange(TCP, 400, client, (host, 443), volumes, Course::Whole);
        })),
        // Crawls, hooks and feeds: some of the targets are dead.
        2 => habits.push(Habit::new(
            Rhythm::Often(a_day / 8 + 4, Hours::Always),
            seed + 2,
            move |scene| {
                let host = site::outside(scene.random, 46, 900);
                match scene.random.range(0, 8) {
                    0 => scene.unanswered(me, (host, 443), 4),
                    1 => scene.refused(me, (host, 443)),
                    _ => scene.web(me, (host, 443)),
                }
            },
        )),
        _ => {}
    }
    habits
}

fn names(scene: &mut Scene<'_>, me: IpAddr) {
    let cache = if scene.random.once_in(3) { CLUSTER_DNS } else { NODE_CACHE };
    for _ in 0..5 {
        let question = scene.random.range(62, 98);
        scene.udp(2, me, (cache, 53), (2, question * 2), (2, question * 2 + 180));
    }
    if scene.random.once_in(30) {
        scene.tcp(4, me, (cache, 53), (6, 420), (5, 1_900));
    }
}

/// New pods take the place of old ones: images are pulled, and for a moment connections go to those that went.
fn deployment(scene: &mut Scene<'_>, size: Size) {
    for node in 0..size.nodes {
        let me = site::node(node);
        for _ in 0..4 {
            let back = (9_000, 12_500_000);
            scene.tcp(4_000, me, (REGISTRY, 5000), (4_500, 240_000), back);
            scene.later(400);
        }
        let ingress = site::pod(node, 1);
        for gone in 0..scene.random.range(1, 3) {
            let target = site::pod((node + gone) % size.nodes, 200 + gone);
            if scene.random.once_in(2) {
                scene.unanswered(ingress, (target, 8080), 3);
            } else {
                scene.refused(ingress, (target, 8080));
            }
            scene.later(900);
        }
    }
}
