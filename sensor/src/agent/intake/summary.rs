//! What became of everything that routers sent, as one screen of text.

use std::fmt::Write as _;

use crate::agent::{exports::ledger::skew, status::losses::Losses};
use crate::intake::report::{
    ConnectionReport, Count, DeviceReport, Ledger, ListenerReport, Report, Skipped,
};

/// Devices that are shown: those with the most datagrams.
const SHOWN: usize = 20;

/// The summary of a run.
pub fn text(report: &Report) -> String {
    let mut text = String::from("\nreceived from routers\n");
    for (name, listener) in &report.listeners {
        let Count { messages, octets } = listener.received;
        line(&mut text, &format!("{name}: {messages} datagrams or messages, {octets} octets"));
        if listener.dropped > 0 {
            line(
                &mut text,
                &format!("{name}: {} datagrams dropped by the kernel", listener.dropped),
            );
        }
        if listener.too_late > 0 {
            line(
                &mut text,
                &format!("{name}: {} datagrams arrived after the stop", listener.too_late),
            );
        }
    }
    let apart = [
        ("refused", report.refused),
        ("beyond rate limits", report.limited),
        ("unprocessed at the stop", report.left),
    ];
    for (what, count) in apart {
        if count.messages > 0 {
            line(
                &mut text,
                &format!("{what}: {} datagrams, {} octets", count.messages, count.octets),
            );
        }
    }
    connections(&mut text, &report.connections);
    for forward in &report.forwards {
        let (name, sent, failed) = (&forward.name, forward.sent, forward.failed);
        line(&mut text, &format!("forwarded to {name}: {sent} datagrams, {failed} not"));
    }
    ledger(&mut text, &report.ledger);
    devices(&mut text, report);
    text.push_str(if report.balances() {
        "balanced: every datagram and octet received is accounted for\n"
    } else {
        "OUT OF BALANCE: this is a bug, please report it\n"
    });
    text
}

/// What of it was lost.
pub fn losses(report: &Report) -> Losses {
    let Report { listeners, devices, connections, ledger, .. } = report;
    let listened = |of: fn(&ListenerReport) -> u64| listeners.values().map(of).sum();
    let exported = |of: fn(&DeviceReport) -> u64| devices.values().map(of).sum();
    let rows: [(u64, &str); 17] = [
        (listened(|listener| listener.dropped), "datagrams dropped by the kernel"),
        (listened(|listener| listener.too_late), "datagrams arrived after the stop"),
        (report.refused.messages, "datagrams refused"),
        (report.limited.messages, "datagrams beyond rate limits"),
        (report.left.messages, "datagrams unprocessed at the stop"),
        (report.turned_away.count, "datagrams of untracked devices: no room"),
        (connections.refused, "connections refused"),
        (connections.too_many + connections.too_many_of_one, "connections too many at once"),
        (connections.broken.total(), "connections broken"),
        (connections.unread, "stream octets outside complete messages"),
        (report.forwards.iter().map(|to| to.failed).sum(), "datagrams not forwarded"),
        (exported(|device| device.lost.flows), "flows lost in transit"),
        (exported(|device| device.lost.datagrams), "datagrams lost in transit"),
        (exported(|device| device.lost.samples), "samples lost in transit"),
        (ledger.waiting, "octets lost waiting for templates that never arrived"),
        (
            ledger.rows_without_out,
            "flows with different OUT counters, which were ignored (see out_counters)",
        ),
        (ledger.totals_forgotten, "flows with running totals were evicted"),
    ];
    let skipped = Skipped::ALL
        .map(|reason| (ledger.skipped[reason], format!("octets skipped: {}", reason.name())));
    Losses::of(rows).and(Losses::of(skipped))
}

fn connections(text: &mut String, connections: &ConnectionReport) {
    let ConnectionReport { accepted, refused, too_many, too_many_of_one, broken, unread } =
        *connections;
    if accepted + refused + too_many + too_many_of_one == 0 {
        return;
    }
    let mut words = format!(
        "connections: {accepted} accepted, {refused} refused, {too_many} too many at once, {} broken",
        broken.total()
    );
    let reasons = broken.reasons().into_iter().filter(|(_, count)| *count > 0);
    let reasons: Vec<_> = reasons.map(|(what, count)| format!("{count} {what}")).collect();
    if !reasons.is_empty() {
        let _: std::fmt::Result = write!(words, " ({})", reasons.join(", "));
    }
    if too_many_of_one > 0 {
        let _: std::fmt::Result = write!(words, ", {too_many_of_one} too many of one address");
    }
    if unread > 0 {
        let _: std::fmt::Result = write!(words, "; {unread} octets outside complete messages");
    }
    line(text, &words);
}

fn ledger(text: &mut String, ledger: &Ledger) {
    let flows = ledger.data_records - ledger.options_records;
    line(
        text,
        &format!(
            "decoded: {} datagrams, {flows} records, {} flows ({} of unknown sampling rate)",
            ledger.datagrams, ledger.flow_rows, ledger.rows_without_rate
        ),
    );
    let rows = [
        ("octets", ledger.octets),
        ("= headers", ledger.headers),
        ("+ flows", ledger.flows),
        ("+ options", ledger.options),
        ("+ counters", ledger.counters),
        ("+ templates", ledger.templates),
        ("+ padding", ledger.padding),
        ("+ waiting for templates", ledger.waiting),
    ];
    let skipped = Skipped::ALL.map(|reason| (reason.name(), ledger.skipped[reason]));
    for (name, octets) in rows {
        if octets > 0 {
            let _: std::fmt::Result = writeln!(text, "  {name:<26} {octets:>18}");
        }
    }
    for (name, octets) in skipped.into_iter().filter(|(_, octets)| *octets > 0) {
        let name = format!("+ skipped: {name}");
        let _: std::fmt::Result = writeln!(text, "  {name:<26} {octets:>18}");
    }
}

fn devices(text: &mut String, report: &Report) {
    let mut all: Vec<_> = report.devices.iter().collect();
    all.sort_by_key(|(_, device)| std::cmp::Reverse(device.ledger.datagrams));
    for (address, device) in all.iter().take(SHOWN) {
        let name = match device.name.as_str() {
            "" => String::new(),
            name => format!(" ({name})"),
        };
        line(text, &format!("device {address}{name}: {}", words(device)));
    }
    if let Some(more) = all.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        line(text, &format!("and {more} more devices"));
    }
    if report.evicted.count > 0 {
        line(text, &format!("{} devices were evicted to make room", report.evicted.count));
    }
    if report.turned_away.count > 0 {
        let count = report.turned_away.count;
        line(text, &format!("{count} datagrams of untracked devices: no room"));
    }
}

fn words(device: &DeviceReport) -> String {
    let ledger = &device.ledger;
    let mut words = format!("{} datagrams, {} flows", ledger.datagrams, ledger.flow_rows);
    let rows = [
        (device.lost.flows, "flows lost"),
        (device.lost.datagrams, "datagrams lost"),
        (device.lost.samples, "samples lost"),
        (device.limited, "datagrams beyond its rate limit"),
        (unknown(ledger), "octets without a template"),
        (malformed(ledger), "octets malformed"),
        (ledger.rows_without_rate, "flows of unknown sampling rate"),
        (
            ledger.rows_without_out,
            "flows with different OUT counters, which were ignored (see out_counters)",
        ),
        (
            ledger.rows_with_implausible_uptime,
            "flows timed by export time: implausible system uptime",
        ),
        (ledger.totals_forgotten, "flows with running totals were evicted"),
        (ledger.rows_without_device, "flows of untracked devices: no room"),
    ];
    for (count, what) in rows.into_iter().filter(|(count, _)| *count > 0) {
        let _: std::fmt::Result = write!(words, ", {count} {what}");
    }
    if device.skew != 0 {
        let _: std::fmt::Result = write!(words, ", its clock is {}", skew(device.skew));
    }
    words
}

/// Octets whose template is not known, or not yet.
pub fn unknown(ledger: &Ledger) -> u64 {
    ledger.waiting + ledger.skipped[Skipped::UnknownTemplate]
}

/// Octets that their sender, or the way, has broken.
pub fn malformed(ledger: &Ledger) -> u64 {
    let reasons = Skipped::ALL.into_iter().filter(|reason| reason.is_malformed());
    reasons.map(|reason| ledger.skipped[reason]).sum()
}

fn line(text: &mut String, words: &str) {
    let _: std::fmt::Result = writeln!(text, "  {words}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::report::Broken;
    use sensor_core::flow::source::SourceId;

    #[test]
    fn everything_that_is_not_nothing_is_shown() {
        let mut report = Report::default();
        let received = Count { messages: 7, octets: 700 };
        let listener = ListenerReport { received, dropped: 2, too_late: 5 };
        report.listeners.insert("netflow://[::]:2055".to_owned(), listener);
        report.refused = Count { messages: 1, octets: 100 };
        report.left = Count { messages: 4, octets: 400 };
        report.connections = ConnectionReport {
            accepted: 9,
            too_many_of_one: 3,
            broken: Broken { silent: 2, cut: 1, ..Broken::default() },
            unread: 17,
            ..ConnectionReport::default()
        };
        report.ledger = Ledger {
            datagrams: 2,
            octets: 200,
            headers: 48,
            flows: 140,
            data_records: 3,
            flow_rows: 3,
            ..Ledger::default()
        };
        report.ledger.skip(Skipped::MessageTruncated, 12);
        let device = report.devices.entry(SourceId::Device([192, 0, 2, 1].into())).or_default();
        device.name = "edge".to_owned();
        device.ledger = report.ledger;
        device.lost.flows = 7;
        let expected = [
            "",
            "received from routers",
            "  netflow://[::]:2055: 7 datagrams or messages, 700 octets",
            "  netflow://[::]:2055: 2 datagrams dropped by the kernel",
            "  netflow://[::]:2055: 5 datagrams arrived after the stop",
            "  refused: 1 datagrams, 100 octets",
            "  unprocessed at the stop: 4 datagrams, 400 octets",
            "  connections: 9 accepted, 0 refused, 0 too many at once, 3 broken (2 without a first \
             message in time, 1 ended within a message), 3 too many of one address; 17 octets outside complete messages",
            "  decoded: 2 datagrams, 3 records, 3 flows (0 of unknown sampling rate)",
            "  octets                                    200",
            "  = headers                                  48",
            "  + flows                                   140",
            "  + skipped: message_truncated                 12",
            "  device 192.0.2.1 (edge): 2 datagrams, 3 flows, 7 flows lost, 12 octets malformed",
            "balanced: every datagram and octet received is accounted for",
            "",
        ];
        assert_eq!(text(&report), expected.join("\n"));
        let Losses(lost) = losses(&report);
        assert_eq!(
            lost,
            [
                "2 datagrams dropped by the kernel",
                "5 datagrams arrived after the stop",
                "1 datagrams refused",
                "4 datagrams unprocessed at the stop",
                "3 connections too many at once",
                "3 connections broken",
                "17 stream octets outside complete messages",
                "7 flows lost in transit",
                "12 octets skipped: message_truncated",
            ]
        );
        report.ledger.headers = 0;
        assert!(text(&report).contains("OUT OF BALANCE"));
    }
}
