//! Selection by name, glob and default route; what came and what went; messages as the kernel sends them.

use super::{super::netlink::attribute, *};

fn link(index: u32, name: &str) -> Link {
    Link {
        index,
        name: name.into(),
        alternatives: Vec::new(),
        link_layer: LinkLayer::Ethernet,
        mtu: 1500,
        lower: None,
        upper: None,
        kind: String::new(),
        by_vlan: false,
        tags_for: None,
    }
}

fn selection(patterns: &[&str]) -> Selection {
    Selection::new(LinkPatterns::new(patterns).unwrap())
}

fn none() -> DefaultRoutes {
    DefaultRoutes::default()
}

fn routes(v4: &[u32], v6: &[u32]) -> DefaultRoutes {
    DefaultRoutes { v4: v4.iter().copied().collect(), v6: v6.iter().copied().collect() }
}

#[test]
fn names_globs_and_the_default_route_select() {
    let links = || vec![link(1, "lo"), link(2, "eth0"), link(3, "veth1"), link(4, "veth22")];
    let mut chosen = selection(&["veth?", AUTO]);
    assert_eq!(
        chosen.update(links(), routes(&[2], &[])),
        [LinkEvent::Appeared(link(2, "eth0")), LinkEvent::Appeared(link(3, "veth1"))]
    );
    assert_eq!(chosen.update(links(), routes(&[2], &[])), []);
    assert_eq!(chosen.update(links(), none()), [], "a default route that is gone for a moment");
    assert_eq!(
        chosen.update(links(), routes(&[4], &[])),
        [left(link(2, "eth0"), "eth0"), LinkEvent::Appeared(link(4, "veth22"))]
    );
}

#[test]
fn each_family_has_its_default_route() {
    let links = || vec![link(2, "eth0"), link(3, "eth1"), link(4, "eth2")];
    let mut chosen = selection(&[AUTO]);
    assert_eq!(
        chosen.update(links(), routes(&[2], &[3])),
        [LinkEvent::Appeared(link(2, "eth0")), LinkEvent::Appeared(link(3, "eth1"))]
    );
    assert_eq!(chosen.update(links(), routes(&[], &[3])), [], "IPv4's is gone for a moment");
    assert_eq!(
        chosen.update(links(), routes(&[4], &[])),
        [left(link(2, "eth0"), "eth0"), LinkEvent::Appeared(link(4, "eth2"))]
    );
    assert_eq!(
        chosen.update(vec![link(3, "eth1")], routes(&[4], &[3])),
        [LinkEvent::Gone(link(4, "eth2"))]
    );
}

#[test]
fn removal_recreation_and_renaming_are_told() {
    let mut chosen = selection(&["eth*"]);
    chosen.update(vec![link(2, "eth0")], none());
    assert_eq!(
        chosen.update(vec![link(5, "eth0")], none()),
        [LinkEvent::Gone(link(2, "eth0")), LinkEvent::Appeared(link(5, "eth0"))]
    );
    assert_eq!(chosen.update(vec![link(5, "eth9")], none()), [LinkEvent::Renamed(link(5, "eth9"))]);
    assert_eq!(
        chosen.update(vec![link(5, "wan")], none()),
        [left(link(5, "eth9"), "wan")],
        "renamed away"
    );
    assert_eq!(
        chosen.update(vec![link(5, "eth9")], none()),
        [LinkEvent::Appeared(link(5, "eth9"))]
    );
}

#[test]
fn what_is_asked_for_outright_must_be_there() {
    let links = vec![link(1, "lo"), link(2, "eth0")];
    let error = selection(&["eth1"]).check(&links).unwrap_err();
    assert_eq!(error.to_string(), "no interface named `eth1`; available: lo, eth0");
    assert!(matches!(selection(&[AUTO]).check(&links), Err(KernelError::NoDefaultRoute { .. })));
    selection(&["veth*"]).check(&links).unwrap();
}

fn left(link: Link, now_called: &str) -> LinkEvent {
    LinkEvent::Left(Left { link, now_called: now_called.into() })
}

fn also(index: u32, name: &str, alternatives: &[&str]) -> Link {
    let alternatives = alternatives.iter().map(|&name| name.to_owned()).collect();
    Link { alternatives, ..link(index, name) }
}

#[test]
fn alternative_names_are_as_good_as_the_first() {
    let links = || vec![also(2, "eth0", &["uplink", "enx0200"]), also(3, "eth1", &["dmz"])];
    for pattern in ["uplink", "enx*", "eth0"] {
        let mut chosen = selection(&[pattern]);
        let appeared = LinkEvent::Appeared(links().remove(0));
        assert_eq!(chosen.update(links(), none()), [appeared], "{pattern}");
        chosen.check(&links()).unwrap();
    }
    let mut chosen = selection(&["uplink", "eth0"]);
    assert_eq!(chosen.update(links(), none()).len(), 1, "it is watched once");
    let error = selection(&["lan"]).check(&links()).unwrap_err().to_string();
    assert!(error.ends_with("available: eth0 (also uplink, enx0200), eth1 (also dmz)"), "{error}");
    let mut chosen = selection(&["dmz"]);
    chosen.update(links(), none());
    let without = vec![link(3, "eth1")];
    let expected = [left(also(3, "eth1", &["dmz"]), "eth1"), LinkEvent::Lost("dmz".into())];
    assert_eq!(chosen.update(without, none()), expected, "its alternative name was taken from it");
}

#[test]
fn what_is_waited_for_is_found_once() {
    let mut chosen = selection(&["eth0", "eth1", "veth*", AUTO]);
    chosen.update(vec![link(2, "eth0")], none());
    assert!(chosen.awaited().is_empty(), "nobody waits unless he is asked to");
    chosen.wait_for_the_missing();
    assert_eq!(chosen.awaited().iter().collect::<Vec<_>>(), [AUTO, "eth1"]);
    let links = || vec![link(2, "eth0"), also(3, "wan", &["eth1"])];
    assert_eq!(
        chosen.update(links(), none()),
        [LinkEvent::Appeared(links().remove(1)), LinkEvent::Found("eth1".into())]
    );
    assert_eq!(chosen.update(links(), routes(&[2], &[])), [LinkEvent::Found(AUTO.into())]);
    assert!(chosen.awaited().is_empty());
}

#[test]
fn what_was_there_and_is_lost_is_waited_for_again() {
    let mut chosen = selection(&["eth0", "never0", "veth*", AUTO]);
    let all = || vec![link(2, "eth0"), link(3, "veth1")];
    chosen.update(all(), routes(&[2], &[]));
    let lost = |name: &str| LinkEvent::Lost(name.into());
    assert_eq!(
        chosen.update(vec![link(3, "veth1")], none()),
        [LinkEvent::Gone(link(2, "eth0")), lost(AUTO), lost("eth0")],
        "a default route that leads to a device that is gone leads nowhere"
    );
    assert_eq!(
        chosen.awaited().iter().collect::<Vec<_>>(),
        [AUTO, "eth0"],
        "and not what never was"
    );
    assert_eq!(chosen.update(vec![], none()), [LinkEvent::Gone(link(3, "veth1"))], "nor a glob");
    let found = |name: &str| LinkEvent::Found(name.into());
    assert_eq!(
        chosen.update(vec![link(9, "eth0")], routes(&[9], &[])),
        [LinkEvent::Appeared(link(9, "eth0")), found(AUTO), found("eth0")]
    );
    // Made anew between two looks: it was never lost.
    let anew = [LinkEvent::Gone(link(9, "eth0")), LinkEvent::Appeared(link(10, "eth0"))];
    assert_eq!(chosen.update(vec![link(10, "eth0")], routes(&[10], &[])), anew);
    // Renamed to what nobody asked for, and back.
    let mut chosen = selection(&["eth0"]);
    chosen.update(vec![link(2, "eth0")], none());
    assert_eq!(
        chosen.update(vec![link(2, "wan0")], none()),
        [left(link(2, "eth0"), "wan0"), lost("eth0")]
    );
    assert_eq!(
        chosen.update(vec![link(2, "eth0")], none()),
        [LinkEvent::Appeared(link(2, "eth0")), found("eth0")]
    );
}

#[test]
fn an_interface_that_is_asked_for_no_longer_says_why() {
    let said = |name: &str| Left { link: link(2, "eth0"), now_called: name.into() }.to_string();
    assert_eq!(said("eth0"), "eth0: detached: no longer selected");
    assert_eq!(said("wan0"), "eth0: detached: renamed to wan0, which is not selected");
}

#[test]
fn bad_patterns_are_refused() {
    for pattern in ["", "eth[0", &"a".repeat(LONGEST_NAME)] {
        let error = LinkPatterns::new([pattern]).unwrap_err();
        assert!(matches!(error, KernelError::BadPattern { .. }), "{pattern}");
    }
}

#[test]
fn a_vlan_device_and_a_bond_member_count_twice() {
    let mut chosen = selection(&["*"]);
    let vlan = Link { lower: Some(2), ..link(3, "eth0.5") };
    let member = Link { upper: Some(5), ..link(4, "eth1") };
    let stranger = Link { lower: Some(77), ..link(6, "veth0") };
    let (one, other) =
        (Link { lower: Some(8), ..link(7, "a") }, Link { lower: Some(7), ..link(8, "b") });
    let links = vec![link(2, "eth0"), vlan, member, link(5, "bond0"), stranger, one, other];
    chosen.update(links, none());
    let pair = |a: &str, b: &str| CountedTwice::Pair(a.into(), b.into());
    assert_eq!(
        chosen.all_counted_twice(),
        [pair("eth0", "eth0.5"), pair("eth1", "bond0"), pair("b", "a")]
    );
}

#[test]
fn no_glob_means_the_loopback_device() {
    let mut chosen = selection(&["*", "l*"]);
    let events = chosen.update(vec![link(1, "lo"), link(2, "lan0")], none());
    assert_eq!(events, [LinkEvent::Appeared(link(2, "lan0"))]);
}

#[test]
fn who_joins_a_bridge_later_counts_twice_from_then_on_and_is_told_once() {
    let twice = |event: &LinkEvent| matches!(event, LinkEvent::CountedTwice(_));
    let mut chosen = selection(&["*", "lo"]);
    let links = |upper| vec![link(1, "lo"), Link { upper, ..link(2, "eth0") }, link(3, "br0")];
    let told: Vec<_> = chosen.update(links(None), none()).into_iter().filter(twice).collect();
    assert_eq!(told, [LinkEvent::CountedTwice(CountedTwice::Loopback("lo".into()))]);
    assert_eq!(
        chosen.update(links(Some(3)), none()),
        [LinkEvent::CountedTwice(CountedTwice::Pair("eth0".into(), "br0".into()))]
    );
    assert_eq!(chosen.update(links(Some(3)), none()), []);
    assert_eq!(chosen.update(links(None), none()), []);
    assert_eq!(chosen.update(links(Some(3)), none()).len(), 1, "and again when it joins again");
}

#[test]
fn link_messages_are_read() {
    let message = |arphrd: u16, more: &[u8]| {
        let mut body = vec![0, 0];
        body.extend_from_slice(&arphrd.to_ne_bytes());
        body.extend_from_slice(&7u32.to_ne_bytes());
        body.extend_from_slice(&[0; 8]);
        body.extend(attribute(libc::IFLA_IFNAME, b"eth0.5\0"));
        body.extend(attribute(libc::IFLA_MTU, &9000u32.to_ne_bytes()));
        body.extend(attribute(libc::IFLA_LINK, &2u32.to_ne_bytes()));
        body.extend_from_slice(more);
        body
    };
    let read = read_link(&message(1, &[])).unwrap();
    assert_eq!(read, Link { mtu: 9000, lower: Some(2), ..link(7, "eth0.5") });
    let names = [attribute(53, b"uplink\0"), attribute(9, b"?"), attribute(53, b"enx0200\0")];
    let named = read_link(&message(1, &attribute(52 | 0x8000, &names.concat()))).unwrap();
    assert_eq!(named.names().collect::<Vec<_>>(), ["eth0.5", "uplink", "enx0200"]);
    let elsewhere = attribute(libc::IFLA_LINK_NETNSID, &0u32.to_ne_bytes());
    assert_eq!(read_link(&message(1, &elsewhere)).unwrap().lower, None);
    for (kind, upper) in [(&b"bond\0"[..], Some(5)), (b"vrf\0", None)] {
        let mut more = attribute(libc::IFLA_MASTER, &5u32.to_ne_bytes());
        more.extend(attribute(libc::IFLA_LINKINFO, &attribute(INFO_SLAVE_KIND, kind)));
        assert_eq!(read_link(&message(1, &more)).unwrap().upper, upper);
    }
    assert_eq!(read_link(&message(65534, &[])).unwrap().link_layer, LinkLayer::Ip);
    assert_eq!(read_link(&message(772, &[])).unwrap().link_layer, LinkLayer::Ethernet);
    assert_eq!(read_link(&message(1, &[])[..18]), None);
}

#[test]
fn kinds_and_what_tells_frames_apart_by_vlan_are_read() {
    let read = |kind: &[u8], lower: Option<u32>, specifics: &[u8]| {
        let mut body = vec![0, 0, 1, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        body.extend(attribute(libc::IFLA_IFNAME, b"x\0"));
        if let Some(lower) = lower {
            body.extend(attribute(libc::IFLA_LINK, &lower.to_ne_bytes()));
        }
        let mut information = attribute(INFO_KIND, kind);
        information.extend(attribute(INFO_DATA, specifics));
        body.extend(attribute(libc::IFLA_LINKINFO | 0x8000, &information));
        let link = read_link(&body).unwrap();
        (link.kind, link.by_vlan)
    };
    let filtering = |on: u8| attribute(IFLA_BR_VLAN_FILTERING, &[on]);
    assert_eq!(read(b"vlan\0", Some(2), &[]), ("vlan".into(), true));
    assert_eq!(read(b"vlan\0", None, &[]), ("vlan".into(), false), "its device is elsewhere");
    assert_eq!(read(b"macvlan\0", Some(2), &[]), ("macvlan".into(), false));
    assert_eq!(read(b"bridge\0", None, &filtering(1)), ("bridge".into(), true));
    assert_eq!(read(b"bridge\0", None, &filtering(0)), ("bridge".into(), false));
}

fn on(upper: u32, link: Link) -> Link {
    Link { upper: Some(upper), ..link }
}

#[test]
fn vlan_devices_and_bridges_are_found_through_bonds_and_bridges() {
    let vlan = |index, name, lower| Link {
        kind: "vlan".into(),
        by_vlan: true,
        lower: Some(lower),
        ..link(index, name)
    };
    let mut links = [
        vlan(20, "eth0.5", 2),
        link(2, "eth0"),
        on(9, link(3, "eth1")),
        on(10, link(9, "bond0")),
        link(10, "br0"),
        vlan(21, "br0.6", 10),
        on(11, link(4, "eth2")),
        Link { by_vlan: true, ..link(11, "br1") },
        link(5, "eth3"),
        on(12, link(6, "eth4")),
        link(12, "br2"),
    ];
    expect_tags(&mut links);
    let found: Vec<_> =
        links.iter().map(|link| (&*link.name, link.tags_for.as_deref().unwrap_or("-"))).collect();
    assert_eq!(
        found,
        [
            ("eth0.5", "-"),
            ("eth0", "eth0.5"),
            ("eth1", "br0.6"),
            ("bond0", "br0.6"),
            ("br0", "br0.6"),
            ("br0.6", "-"),
            ("eth2", "br1"),
            ("br1", "br1"),
            ("eth3", "-"),
            ("eth4", "-"),
            ("br2", "-"),
        ]
    );
    let mut ring = [on(3, link(2, "a")), on(2, link(3, "b")), vlan(4, "c", 9)];
    expect_tags(&mut ring);
    assert!(ring.iter().all(|link| link.tags_for.is_none()));
}

#[test]
fn that_tags_will_come_from_now_on_is_told() {
    let mut chosen = selection(&["eth0"]);
    let tagged = |user: Option<&str>| Link { tags_for: user.map(Into::into), ..link(2, "eth0") };
    assert_eq!(
        chosen.update(vec![tagged(Some("eth0.5"))], none()),
        [LinkEvent::Appeared(tagged(Some("eth0.5")))],
        "what is so from the start is seen when it is attached"
    );
    assert_eq!(chosen.update(vec![tagged(Some("eth0.6"))], none()), []);
    assert_eq!(chosen.update(vec![tagged(None)], none()), []);
    let told = LinkEvent::Tagged(tagged(Some("eth0.7")));
    assert_eq!(chosen.update(vec![tagged(Some("eth0.7"))], none()), [told]);
}

#[test]
fn names_of_interfaces_may_be_alternative_ones() {
    for name in ["eth0", "enp0s31f6-a-name-of-more-than-15", &"a".repeat(127)] {
        assert_eq!(check_name(name), Ok(()), "{name}");
    }
    let long = check_name(&"a".repeat(128));
    assert_eq!(long, Err("128 bytes, a name has 127 at most".to_owned()));
}
