//! The hour in which nothing is wrong: no policy that is on as shipped may speak.

use std::collections::BTreeMap;

use crate::{
    Bench,
    benign::{HOUR, ROLES, START, hour},
    feed::{View, batches, context},
    line, stock_policies,
};

/// What the policies that are on say of the hour, each policy with a line of it.
fn said(view: View, roles: bool) -> BTreeMap<String, String> {
    let policies = stock_policies().into_iter().filter(|policy| policy.enabled);
    let known = if roles { &ROLES[..] } else { &[] };
    let mut bench = Bench::new(policies, context(known.iter().copied(), view));
    for batch in batches(&hour(), view) {
        bench.observe(batch);
    }
    let events = bench.finish(START + HOUR + 600_000);
    events.iter().map(|event| (event.policy.name.clone(), line(event))).collect()
}

#[track_caller]
fn check_silent(view: View) {
    let said = said(view, true);
    assert!(said.is_empty(), "{said:#?}");
}

#[test]
fn the_hour_is_ordinary_and_always_the_same() {
    let records = hour();
    assert!(records.len() > 60_000, "{} records", records.len());
    assert!(records.is_sorted_by_key(|record| record.end));
    let again = hour();
    assert!(
        records.iter().zip(&again).all(|(one, other)| format!("{one:?}") == format!("{other:?}"))
    );
}

#[test]
fn a_router_sees_nothing() {
    check_silent(View::Router);
}

#[test]
fn two_routers_on_the_path_see_nothing() {
    check_silent(View::TwoRouters);
}

#[test]
fn one_packet_of_400_shows_nothing() {
    check_silent(View::Sampled(400));
}

#[test]
fn hosts_see_nothing() {
    for host in ["10.0.0.80", "10.0.0.53", "10.0.0.22", "10.0.0.25", "10.0.0.90", "10.0.2.12"] {
        check_silent(View::Host(host.parse().expect("an address")));
    }
}

/// The hosts whose trade looks like an attack, when nobody has said what they are.
#[test]
fn without_roles_those_who_need_one_are_told() {
    let said = said(View::Router, false);
    let names: Vec<_> = said.keys().map(String::as_str).collect();
    assert_eq!(names, WITHOUT_ROLES, "{said:#?}");
}

const WITHOUT_ROLES: [&str; 6] = [
    "admin_service_open_to_internet",
    "exfil_volume",
    "lateral_ssh_fanout",
    "ping_sweep",
    "scan_udp_services",
    "vpn_protocol_leaving",
];
