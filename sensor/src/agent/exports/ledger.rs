//! What became of every octet of the datagrams of devices, as text.

use std::fmt::Write as _;

use sensor_wire::{
    decoder::Decoder,
    device::{session::SFLOW, state::DeviceState},
    ledger::{Ledger, Skipped},
};

use crate::{
    agent::status::{exports::Exports, losses::Losses, span::clock_offset},
    replay::exports::Counts,
};

/// What was read and what came of it, in one line.
pub fn line(exports: &Exports) -> String {
    let Exports { counts, ledger, devices } = exports;
    let mut text = format!(
        "{}, {} of {}: {}, {}",
        plural(counts.files, "file", "files"),
        plural(counts.datagrams, "datagram", "datagrams"),
        plural(devices.len() as u64, "device", "devices"),
        plural(ledger.flow_rows, "flow", "flows"),
        plural(ledger.options_records, "record of options", "records of options"),
    );
    for (count, what, _) in beside(counts, ledger).iter().filter(|(count, ..)| *count != 0) {
        let _ = write!(text, "; {count} {what}");
    }
    let reasons: Vec<String> = reasons(ledger).map(|(reason, n)| format!("{n} {reason}")).collect();
    if !reasons.is_empty() {
        let _ = write!(text, "; octets skipped: {}", reasons.join(", "));
    }
    text
}

/// As [`line()`], of a decoder that keeps no ledger: `unread` of the datagrams it did not decode to their end.
pub fn line_without_ledger(counts: &Counts, unread: u64) -> String {
    let mut text = format!(
        "{}, {}",
        plural(counts.files, "file", "files"),
        plural(counts.datagrams, "datagram", "datagrams"),
    );
    let rows = captured(counts).into_iter().map(|(count, what, _)| (count, what));
    for (count, what) in rows.chain([(unread, UNREAD)]).filter(|(count, _)| *count != 0) {
        let _ = write!(text, "; {count} {what}");
    }
    text
}

/// As [`losses()`], of a decoder that keeps no ledger.
pub fn losses_without_ledger(counts: &Counts, unread: u64) -> Losses {
    let lost = captured(counts).into_iter().filter(|(.., lost)| *lost);
    Losses::of(lost.map(|(count, what, _)| (count, what)).chain([(unread, UNREAD)]))
}

const UNREAD: &str = "datagrams only partly decoded";

/// What of it was lost.
pub fn losses(exports: &Exports) -> Losses {
    let Exports { counts, ledger, .. } = exports;
    let beside = beside(counts, ledger);
    let lost = beside.iter().filter(|(.., lost)| *lost).map(|(count, what, _)| (*count, *what));
    let skipped =
        reasons(ledger).map(|(reason, octets)| (octets, format!("octets skipped: {reason}")));
    let waiting = (ledger.waiting, "octets lost waiting for templates that never arrived");
    Losses::of(lost.chain([waiting])).and(Losses::of(skipped))
}

/// What the files have beside whole datagrams, and whether something is lost by it.
fn captured(counts: &Counts) -> [(u64, &'static str, bool); 5] {
    [
        (counts.others, "frames of something else", false),
        (counts.cut, "datagrams truncated by the capture", true),
        (counts.fragments, "fragments without their predecessors", true),
        (counts.stream_octets, "stream octets outside complete messages", true),
        (counts.stream_missing, "stream octets missing from the capture", true),
    ]
}

/// What is to be said beside the main figures, and whether something is lost by it.
fn beside(counts: &Counts, ledger: &Ledger) -> Vec<(u64, &'static str, bool)> {
    let mut rows = captured(counts).to_vec();
    rows.extend([
        (ledger.rows_without_rate, "flows of unknown sampling rate", false),
        (
            ledger.rows_without_out,
            "flows with different OUT counters, which were ignored (see out_counters)",
            true,
        ),
        (
            ledger.rows_with_implausible_uptime,
            "flows timed by export time: implausible system uptime",
            false,
        ),
        (ledger.totals_forgotten, "flows with running totals were evicted", true),
        (ledger.rows_without_device, "flows of untracked devices: no room", false),
    ]);
    rows
}

fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn reasons(ledger: &Ledger) -> impl Iterator<Item = (Skipped, u64)> {
    Skipped::ALL
        .into_iter()
        .map(|reason| (reason, ledger.skipped[reason]))
        .filter(|(_, octets)| *octets != 0)
}

/// The ledgers of all devices, by address, and their sum.
pub fn all(decoder: &Decoder, exports: &Exports) -> String {
    let mut text = String::new();
    let mut devices: Vec<&DeviceState> = decoder.directory().devices().collect();
    devices.sort_by_key(|device| device.address);
    for device in devices {
        let _ = writeln!(text, "device {}", device.identity.id);
        rows(&mut text, &device.ledger);
        for (key, session) in device.streams.iter() {
            let (sequence, samples) = (&session.sequence, session.samples_lost());
            if (sequence.lost, sequence.reordered, sequence.restarts, samples) != (0, 0, 0, 0) {
                let _ = writeln!(
                    text,
                    "  {} domain {} port {}: {} lost by sequence, {} late, {} restarts{}",
                    if key.version == SFLOW {
                        "sFlow".to_owned()
                    } else {
                        format!("version {}", key.version)
                    },
                    key.domain,
                    key.port,
                    sequence.lost,
                    sequence.reordered,
                    sequence.restarts,
                    if samples == 0 { String::new() } else { format!(", {samples} samples lost") },
                );
            }
        }
        if device.skew() != 0 {
            let _ = writeln!(text, "  its clock is {}", skew(device.skew()));
        }
    }
    total(&mut text, exports);
    text
}

/// Devices that are named because their clocks are wrong.
const NAMED: usize = 20;

/// The section of captured exports in the summary.
pub fn text(exports: &Exports) -> String {
    let mut text = format!("\n{}\n", line(exports));
    text.push_str(&clocks(exports));
    total(&mut text, exports);
    text
}

/// The devices whose clocks are wrong, a line each.
fn clocks(exports: &Exports) -> String {
    let wrong: Vec<_> = exports.devices.iter().filter(|device| device.skew != 0).collect();
    let mut text = String::new();
    for device in wrong.iter().take(NAMED) {
        let _ = writeln!(text, "device {}: its clock is {}", device.id, skew(device.skew));
    }
    if let Some(more) = wrong.len().checked_sub(NAMED).filter(|more| *more != 0) {
        let _ = writeln!(text, "and the clocks of {more} more devices are wrong");
    }
    text
}

/// How far a clock is off that differs from ours by so many milliseconds.
pub fn skew(milliseconds: i64) -> String {
    let off = clock_offset(milliseconds);
    format!("{off}: policies correct its times, records keep them")
}

/// The ledger of all devices together.
fn total(text: &mut String, exports: &Exports) {
    text.push_str("total\n");
    rows(text, &exports.ledger);
    text.push_str(match exports.check() {
        Ok(()) => "balanced: every octet is accounted for\n",
        Err(_) => "OUT OF BALANCE: this is a bug, please report it\n",
    });
}

/// Rows of octets; those without any are left out.
fn rows(text: &mut String, ledger: &Ledger) {
    let row = |text: &mut String, name: &str, octets: u64| {
        if octets != 0 {
            let _ = writeln!(text, "  {name:<26} {octets:>15} octets");
        }
    };
    let _ = writeln!(
        text,
        "  {:<26} {:>15} octets in {} datagrams",
        "received", ledger.octets, ledger.datagrams
    );
    row(text, "= headers", ledger.headers);
    row(text, "+ flows", ledger.flows);
    row(text, "+ options", ledger.options);
    row(text, "+ counters", ledger.counters);
    row(text, "+ templates", ledger.templates);
    row(text, "+ padding", ledger.padding);
    row(text, "+ waiting for templates", ledger.waiting);
    for (reason, octets) in reasons(ledger) {
        row(text, &format!("+ skipped: {reason}"), octets);
    }
    let _ = writeln!(
        text,
        "  {} records, {} of them of options; {} flows, {} of them of unknown sampling rate",
        ledger.data_records, ledger.options_records, ledger.flow_rows, ledger.rows_without_rate
    );
}
