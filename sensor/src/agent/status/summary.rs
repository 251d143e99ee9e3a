//! A status as one screen of text: what became of every packet and record.

use std::fmt::Write as _;

use sensor_core::flow::initiator::Shares;

use super::{
    Count, Frames, Lost, Policy, Sink, Status, clouds,
    host::{Drain, Host, gaps},
    losses::Losses,
    pushed, stored,
};
use crate::{
    agent::{cloud, exports, intake},
    export::log::line::octets,
};

/// The summary: of what ran, in the order in which data pass.
pub fn text(status: &Status) -> String {
    let mut text = String::new();
    if let Some(Host { drain, coverage, times, .. }) = &status.host {
        text = drains(drain);
        if times.gaps > 0 {
            let gaps = gaps(times.gaps, times.longest_gap);
            // Writing to a `String` cannot fail.
            let _: std::fmt::Result = writeln!(text, "drain gaps: {gaps}");
        }
        text.push_str(&coverage.to_string());
    }
    if let Some(frames) = &status.frames {
        text.push_str(&of_files(frames));
    }
    if let Some(exports) = &status.exports {
        text.push_str(&exports::ledger::text(exports));
    }
    if let Some(logs) = &status.cloud {
        text.push_str(&cloud::ledger::text(logs));
    }
    text.push_str(&clouds::text(&status.followed));
    text.push_str(&pushed::text(status));
    if let Some(report) = &status.intake {
        text.push_str(&intake::summary::text(report));
    }
    flows(&mut text, status);
    text
}

/// What was lost.
pub fn losses(status: &Status) -> Losses {
    let packets = status.host.as_ref().map_or(0, |host| host.drain.unattributed.packets);
    let killed = status.host.as_ref().and_then(|host| host.pins.as_ref());
    let uncaptured = [
        (packets, "packets without a flow: the kernel's flow tables were full"),
        (
            killed.map_or(0, |pins| pins.lost.packets),
            "packets in the memory of the sensor before, which was killed",
        ),
    ];
    let frames = status.frames.unwrap_or_default();
    let unread = [
        (frames.truncated.packets, "frames truncated"),
        (frames.malformed.packets, "frames malformed"),
        (frames.unknown_link.packets, "frames of an unknown link type"),
    ];
    let exports = status.exports.as_ref().map(exports::ledger::losses).unwrap_or_default();
    let cloud = status.cloud.as_ref().map(cloud::ledger::losses).unwrap_or_default();
    let intake = status.intake.as_ref().map(intake::summary::losses).unwrap_or_default();
    Losses::of(uncaptured)
        .and(Losses::of(unread))
        .and(exports)
        .and(cloud)
        .and(clouds::losses(&status.followed))
        .and(intake)
        .and(behind(status))
}

/// Flow records that no policy and no output has seen, in words.
fn unseen(lost: &Lost) -> (u64, String) {
    let whose = match lost.source {
        "host" => "of this host",
        "netflow" => "of NetFlow and IPFIX devices",
        "sflow" => "of sFlow agents",
        _ => "of cloud flow logs",
    };
    let why = match lost.reason {
        "full" => "the engine's queue was full",
        _ => "the engine had ended",
    };
    (lost.flows, format!("flow records {whose} neither analysed nor exported: {why}"))
}

/// What was lost behind the sources.
fn behind(status: &Status) -> Losses {
    let flows = status.sinks.iter();
    let flows =
        flows.map(|sink| (sink.not_sent.flows, format!("flow records not sent to {}", sink.name)));
    let dns = status.dns_sinks.iter();
    let dns = dns.map(|sink| (sink.not_sent, format!("DNS records not sent to {}", sink.name)));
    let hits = status.hits.iter();
    let hits = hits.map(|sink| (sink.not_sent, format!("hits not sent to {}", sink.name)));
    let engine = &status.engine;
    let policies = [
        (engine.sum(|policy| policy.late), "policy matches too late to count"),
        (
            engine.sum(|policy| policy.evicted),
            "policy keys evicted with their counts (max_keys reached)",
        ),
        (engine.refused_labels, "policy labels dropped: no room"),
    ];
    let policies = policies.map(|(count, what)| (count, what.to_owned()));
    let unseen = engine.lost.iter().map(unseen);
    let store = stored::losses(status).map(|(count, what)| (count, what.to_owned()));
    Losses::of(unseen.chain(flows).chain(dns).chain(hits).chain(store).chain(policies))
}

fn drains(drain: &Drain) -> String {
    let mut text = format!(
        "\nledger of {} drains ({} early), {} IPv4 and {} IPv6 table records\n",
        drain.drains, drain.early, drain.records_v4, drain.records_v6
    );
    rows(
        &mut text,
        &[
            ("seen", drain.seen),
            ("added by segmentation", drain.segmented),
            ("= in flow records", drain.recorded),
            ("  of these folded", drain.folded),
            ("+ not IP", drain.non_ip),
            ("+ truncated", drain.truncated),
            ("+ malformed", drain.malformed),
            ("+ without a flow", drain.unattributed),
        ],
    );
    text.push_str(&match drain.out_of_balance {
        0 => "balanced: every packet and octet is accounted for\n".to_owned(),
        n => format!("OUT OF BALANCE in {n} drains: this is a bug, please report it\n"),
    });
    text
}

fn of_files(frames: &Frames) -> String {
    let mut text = String::from("\nledger\n");
    rows(
        &mut text,
        &[
            ("frames", frames.seen),
            ("= in flow records", frames.recorded()),
            ("+ not IP", frames.non_ip),
            ("+ truncated", frames.truncated),
            ("+ malformed", frames.malformed),
            ("+ of an unknown link type", frames.unknown_link),
        ],
    );
    text
}

/// Rows of packets and octets; those without a packet are left out.
fn rows(text: &mut String, rows: &[(&str, Count)]) {
    for (name, count) in rows.iter().filter(|(_, count)| *count != Count::default()) {
        // Writing to a `String` cannot fail.
        let _: std::fmt::Result = writeln!(
            text,
            "  {name:<26} {:>15} packets {:>18} octets  {:>8}B",
            count.packets,
            count.octets,
            octets(count.octets)
        );
    }
}

/// Files that rotation has deleted, where there are any.
fn rotated<A>(text: &mut String, sink: &Sink<A>) {
    if sink.deleted_files > 0 {
        text.push_str(&format!(
            "  {} rotated files deleted ({} octets)\n",
            sink.deleted_files, sink.deleted_octets
        ));
    }
}

/// What became of flow records.
fn flows(text: &mut String, status: &Status) {
    let cache = status.cache.unwrap_or_default();
    if cache.active > 0 {
        text.push_str(&format!("{} flows are active in the flow cache\n", cache.active));
    }
    if cache.evicted > 0 {
        text.push_str(&format!("{} flows ended early: the flow cache was full\n", cache.evicted));
    }
    if let Some(held_back) = status.held_back {
        text.push_str(&format!("{held_back} flow records did not match the filter\n"));
    }
    if let Some(held_back) = status.dns_held_back {
        text.push_str(&format!("{held_back} DNS records did not match the filter\n"));
    }
    for sink in &status.dns_sinks {
        text.push_str(&format!(
            "{}: {} DNS records sent, {} not sent\n",
            sink.name, sink.sent, sink.not_sent
        ));
        rotated(text, sink);
    }
    for sink in &status.sinks {
        text.push_str(&format!(
            "{}: {} flow records sent, {} not sent ({} packets, {} octets in those sent)\n",
            sink.name, sink.sent.flows, sink.not_sent.flows, sink.sent.packets, sink.sent.octets,
        ));
        rotated(text, sink);
    }
    text.push_str(&stored::text(status));
    policies(text, status);
    for sink in &status.hits {
        text.push_str(&format!(
            "hits to {}: {} sent, {} spooled, {} not sent\n",
            sink.name, sink.sent, sink.spooled, sink.not_sent
        ));
        rotated(text, sink);
        if let Some(error) = &sink.error {
            text.push_str(&format!("  last failure: {error}\n"));
        }
    }
}

/// How context and policies have fared.
fn policies(text: &mut String, status: &Status) {
    let engine = &status.engine;
    for (count, what) in engine.lost.iter().map(unseen) {
        text.push_str(&format!("{count} {what}\n"));
    }
    let sum = |figure: fn(&Policy) -> u64| engine.sum(figure);
    if !engine.policies.is_empty() {
        text.push_str(&format!(
            "{} policies: {} matches, {} too late to count, {} keys evicted\n",
            engine.policies.len(),
            sum(|policy| policy.matched),
            sum(|policy| policy.late),
            sum(|policy| policy.evicted)
        ));
        if engine.each {
            text.push_str(&each(&engine.policies));
        }
        if engine.inside.records > 0 && !engine.inside.found {
            text.push_str(
                "no record had an internal address: policies that query srcinternal or dstinternal matched nothing; check [networks]\n",
            );
        }
    }
    text.push_str(&initiators(&engine.initiators));
    let reloads = status.reloads;
    if reloads.count > 0 {
        let refused = match reloads.refused {
            0 => String::new(),
            refused => format!(" ({refused} refused)"),
        };
        text.push_str(&format!(
            "{} reloads{refused}: flows waited at most {:.1} ms, {:.1} ms in the last one\n",
            reloads.count,
            reloads.longest_pause.as_secs_f64() * 1e3,
            reloads.last_pause.as_secs_f64() * 1e3
        ));
    }
    for (count, what) in [
        (sum(|policy| policy.untracked), "matches ignored: a field of the key was missing"),
        (engine.ahead, "records had timestamps in the future; arrival time used"),
        (engine.set_back, "backward steps of the clock"),
        (engine.refused_labels, "policy labels dropped: no room"),
        (
            engine.cuts_evicted,
            "cut flows of devices forgotten: `continued` is false where they go on",
        ),
        (engine.coarse, "address profiles without location: profile limit reached"),
    ] {
        if count > 0 {
            text.push_str(&format!("{count} {what}\n"));
        }
    }
}

/// A line for each policy, the one that matched most first.
fn each(policies: &[Policy]) -> String {
    let mut sorted: Vec<&Policy> = policies.iter().collect();
    sorted.sort_by(|one, other| (other.matched, &one.name).cmp(&(one.matched, &other.name)));
    let width = sorted.iter().map(|policy| policy.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for Policy { name, tested, discarded, matched, keys, events, labels, .. } in sorted {
        let discarded = discarded.unwrap_or(0);
        let labels = if *labels > 0 { format!(", {labels} labels") } else { String::new() };
        text.push_str(&format!(
            "  {name:width$}  {tested:>10} tested, {discarded:>8} discarded, {matched:>8} matched, {keys:>6} keys, {events:>5} events{labels}\n"
        ));
    }
    text
}

/// Of which share of the records it is known who opened the connection.
fn initiators(shares: &Shares) -> String {
    let records = shares.records();
    if records == 0 {
        return String::new();
    }
    let percent = |count: u64| 100.0 * count as f64 / records as f64;
    format!(
        "initiator of {records} flow records: {:.1} % known, {:.1} % guessed by the ports, {:.1} % unknown\n",
        percent(shares.known),
        percent(shares.guessed),
        percent(shares.unknown)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::status::{Cache, Engine, Flows};

    fn count(packets: u64, octets: u64) -> Count {
        Count { packets, octets }
    }

    #[test]
    fn the_share_of_known_initiators_is_told() {
        let initiators = Shares { known: 2, guessed: 1, unknown: 1 };
        let engine = Engine { initiators, cuts_evicted: 3, ..Engine::default() };
        let expected = [
            "initiator of 4 flow records: 50.0 % known, 25.0 % guessed by the ports, 25.0 % unknown",
            "3 cut flows of devices forgotten: `continued` is false where they go on",
            "",
        ];
        assert_eq!(text(&Status { engine, ..Status::default() }), expected.join("\n"));
    }

    #[test]
    fn each_policy_has_a_line_where_that_is_wanted() {
        let policy = |name: &str, matched, discarded| Policy {
            name: name.to_owned(),
            tested: 100,
            discarded,
            matched,
            keys: 2,
            events: 1,
            ..Policy::default()
        };
        let policies =
            vec![policy("b", 0, None), policy("long", 7, Some(3)), policy("a", 0, Some(9))];
        let engine = Engine { policies, each: true, ..Engine::default() };
        let expected = [
            "3 policies: 7 matches, 0 too late to count, 0 keys evicted",
            "  long         100 tested,        3 discarded,        7 matched,      2 keys,     1 events",
            "  a            100 tested,        9 discarded,        0 matched,      2 keys,     1 events",
            "  b            100 tested,        0 discarded,        0 matched,      2 keys,     1 events",
            "",
        ];
        let status = Status { engine, ..Status::default() };
        assert_eq!(text(&status), expected.join("\n"));
        let engine = Engine { each: false, ..status.engine };
        assert_eq!(text(&Status { engine, ..Status::default() }).lines().count(), 1);
    }

    #[test]
    fn a_replay_accounts_for_every_frame() {
        let frames = Frames {
            seen: count(10, 1_000),
            non_ip: count(2, 84),
            unknown_link: count(1, 16),
            ..Frames::default()
        };
        let sink =
            Sink { name: "x".to_owned(), deleted_files: 2, deleted_octets: 70, ..Sink::default() };
        let status = Status {
            frames: Some(frames),
            held_back: Some(4),
            sinks: vec![sink],
            ..Status::default()
        };
        let expected = [
            "",
            "ledger",
            "  frames                                  10 packets               1000 octets      1000B",
            "  = in flow records                        7 packets                900 octets       900B",
            "  + not IP                                 2 packets                 84 octets        84B",
            "  + of an unknown link type                1 packets                 16 octets        16B",
            "4 flow records did not match the filter",
            "x: 0 flow records sent, 0 not sent (0 packets, 0 octets in those sent)",
            "  2 rotated files deleted (70 octets)",
            "",
        ];
        assert_eq!(text(&status), expected.join("\n"));
        assert_eq!(losses(&status), Losses(vec!["1 frames of an unknown link type".to_owned()]));
    }

    #[test]
    fn flows_in_the_cache_are_told_while_there_are_any() {
        let told = |active| {
            let cache = Some(Cache { active, evicted: 0 });
            text(&Status { cache, ..Status::default() })
        };
        assert_eq!(told(7), "7 flows are active in the flow cache\n");
        assert_eq!(told(0), "");
    }

    #[test]
    fn what_outputs_and_policies_lose_is_named() {
        let sink = |name: &str, flows| Sink {
            name: name.to_owned(),
            not_sent: Flows { flows, ..Flows::default() },
            ..Sink::default()
        };
        let of_hits = Sink { name: "y".to_owned(), not_sent: 2, ..Sink::default() };
        let policy = |late| Policy { late, matched: 9, ..Policy::default() };
        let lost = Lost { source: "netflow", reason: "full", flows: 7, packets: 9, octets: 900 };
        let status = Status {
            cache: Some(Cache { active: 0, evicted: 9 }),
            held_back: Some(9),
            sinks: vec![sink("x", 3), sink("whole", 0)],
            engine: Engine {
                lost: vec![lost],
                policies: vec![policy(3), policy(1)],
                ..Engine::default()
            },
            hits: vec![of_hits],
            ..Status::default()
        };
        let Losses(lost) = losses(&status);
        assert_eq!(
            lost,
            [
                "7 flow records of NetFlow and IPFIX devices neither analysed nor exported: the engine's queue was full",
                "3 flow records not sent to x",
                "2 hits not sent to y",
                "4 policy matches too late to count"
            ]
        );
    }
}
