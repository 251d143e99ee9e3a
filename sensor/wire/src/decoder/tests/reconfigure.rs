//! What is configured changes while devices are known: their templates and what they have told stay.

use super::*;
use crate::device::{directory::Limits, room::Standing};

/// Options that give every device this profile.
fn options(profile: DeviceProfile) -> Options {
    Options { profile: Box::new(move |_| profile.clone()), ..Options::default() }
}

fn named(name: &str) -> DeviceProfile {
    DeviceProfile { name: name.to_owned(), ..DeviceProfile::default() }
}

#[test]
fn a_device_has_another_name_and_rate_and_its_templates_stay() {
    let mut bench = Bench { decoder: Decoder::new(options(named("old"))), ..Bench::default() };
    bench.feed(1, &ipfix(1, &[(2, &template(256, FLOW)), (256, RECORD)]));
    let profile = DeviceProfile {
        site: "here".to_owned(),
        tags: vec!["edge".to_owned()],
        sample_rate: Some(10),
        ..named("new")
    };
    bench.decoder.reconfigure(options(profile));
    bench.feed(1, &ipfix(1, &[(256, RECORD)]));
    let batch = bench.v4();
    let device = |row| {
        let device = batch.device_of(row).expect("it is of a device");
        (&*device.name, &*device.site, device.tags.len())
    };
    assert_eq!([device(0), device(1)], [("old", "", 0), ("new", "here", 1)]);
    assert_eq!(batch.sample_rate, [0, 10]);
    assert_eq!(bench.decoder.ledger().waiting, 0);
}

#[test]
fn configured_names_of_interfaces_come_and_go_and_told_ones_stay() {
    let interface = |name: &str| DeviceProfile {
        interfaces: [(3, name.to_owned())].into(),
        ..DeviceProfile::default()
    };
    let mut bench = Bench::default();
    let told = |id: u16, index: u8, name: &[u8; 4]| {
        let record = [&[0, 0, 0, index], name.as_slice(), b"up\0\0"].concat();
        let fields = options_template(id, 1, &[(0, 10, 4), (0, 82, 4), (0, 83, 4)]);
        ipfix(1, &[(3, &fields), (id, &record)])
    };
    bench.feed(1, &told(300, 3, b"ge-3"));
    bench.feed(1, &told(300, 4, b"ge-4"));
    let names = |bench: &mut Bench| {
        bench.feed(1, &ipfix(1, &[(2, &template(256, FLOW)), (256, RECORD)]));
        let batch = bench.v4();
        let device = batch.device_of(batch.len() - 1).expect("it is of a device").clone();
        [3, 4].map(|index| device.interfaces.name(index).map(str::to_owned))
    };
    let some = |name: &str| Some(name.to_owned());
    assert_eq!(names(&mut bench), [some("ge-3"), some("ge-4")]);
    bench.decoder.reconfigure(options(interface("wan")));
    assert_eq!(names(&mut bench), [some("wan"), some("ge-4")]);
    bench.feed(1, &told(300, 3, b"ge-3"));
    assert_eq!(names(&mut bench), [some("wan"), some("ge-4")], "what is configured goes first");
    bench.decoder.reconfigure(Options::default());
    assert_eq!(names(&mut bench), [None, some("ge-4")]);
    bench.feed(1, &told(300, 3, b"ge-3"));
    assert_eq!(names(&mut bench), [some("ge-3"), some("ge-4")], "told again");
}

/// A device whose room is reserved from now on is there when others take all the room; one of which it is no more goes.
#[test]
fn standing_follows_the_configuration() {
    let limits = Limits { total: 64 << 10, ..Limits::default() };
    let first = IpAddr::from([192, 0, 2, 1]);
    let with = |named: bool| {
        let profile = move |address: IpAddr| DeviceProfile {
            standing: if named && address == first { Standing::Named } else { Standing::Unknown },
            ..DeviceProfile::default()
        };
        Options { limits, profile: Box::new(profile), ..Options::default() }
    };
    for before in [false, true] {
        let mut bench = Bench { decoder: Decoder::new(with(before)), ..Bench::default() };
        bench.feed(1, &ipfix(1, &[(2, &template(256, FLOW))]));
        bench.decoder.reconfigure(with(!before));
        for n in 0..1000_u16 {
            let [high, low] = n.to_be_bytes();
            let from = SocketAddr::from(([198, 51, high, low], 1));
            let octets = ipfix(1, &[(2, &template(256, FLOW))]);
            bench.decoder.datagram(from, NOW + u64::from(n), &octets, &mut bench.batches);
        }
        assert_eq!(bench.decoder.directory().device(first).is_some(), !before);
        assert!(bench.decoder.directory().used() <= limits.total);
    }
}

#[test]
fn memory_that_is_taken_away_is_given_back_when_others_come() {
    let with = |total: usize| Options {
        limits: Limits { total, ..Limits::default() },
        ..Options::default()
    };
    let mut decoder = Decoder::new(with(1 << 20));
    let mut batches = Batches::default();
    let mut come = |decoder: &mut Decoder, from: u16, to: u16| {
        for n in from..to {
            let [high, low] = n.to_be_bytes();
            let from = SocketAddr::from(([198, 51, high, low], 1));
            let octets = ipfix(1, &[(2, &template(256, FLOW))]);
            decoder.datagram(from, NOW + u64::from(n), &octets, &mut batches);
        }
    };
    come(&mut decoder, 0, 200);
    let before = decoder.directory().used();
    decoder.reconfigure(with(before / 2));
    come(&mut decoder, 200, 201);
    assert!(decoder.directory().used() <= before / 2, "{}", decoder.directory().used());
    assert!(decoder.directory().device(IpAddr::from([198, 51, 0, 200])).is_some());
}
