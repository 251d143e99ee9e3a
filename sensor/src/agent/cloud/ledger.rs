//! What became of every record of cloud logs, as text.

use std::fmt::Write as _;

use sensor_wire::cloud::ledger::{Ledger, Reason, Window};

use crate::agent::status::{cloud::Cloud, losses::Losses};

/// What was read and what came of it, in one line.
pub fn line(cloud: &Cloud) -> String {
    let Cloud { objects, skipped, sources, total, .. } = cloud;
    let mut text = format!(
        "{}, {} of {}: {}",
        plural(*objects, "file", "files"),
        plural(total.records, "record", "records"),
        plural(sources.len() as u64, "log", "logs"),
        made(total),
    );
    for (count, what) in beside(total) {
        let _ = write!(text, "; {count} {what}");
    }
    match skipped.values().sum() {
        0 => {}
        count => {
            let _ = write!(text, "; {} skipped", plural(count, "file", "files"));
        }
    }
    text
}

/// What became of the records that could be used.
fn made(total: &Ledger) -> String {
    let dns = plural(total.dns, "DNS record", "DNS records");
    match (total.rows, total.dns) {
        (0, 1..) => dns,
        (rows, 0) => plural(rows, "flow", "flows"),
        (rows, _) => format!("{}, {dns}", plural(rows, "flow", "flows")),
    }
}

/// What was lost.
pub fn losses(cloud: &Cloud) -> Losses {
    let total = &cloud.total;
    // What another log tells is none of the flows.
    let reasons = Reason::ALL.into_iter().filter(|reason| *reason != Reason::OtherLog);
    let errors = reasons.map(|reason| (total.errors[reason as usize], reason.to_string()));
    let errors =
        errors.map(|(count, why)| (count, format!("records that could not be read: {why}")));
    let skipped = total.windows[Window::SkipData as usize];
    Losses::of(errors).and(Losses::of([(skipped, "windows of which the cloud kept no records")]))
}

/// The ledgers of all sources, by name, and their sum; what was wrong with the first records of each kind.
pub fn all(cloud: &Cloud) -> String {
    let mut text = String::new();
    for (id, ledger) in &cloud.sources {
        let _ = writeln!(text, "log {id}");
        rows(&mut text, ledger);
    }
    text.push_str(&total(cloud));
    text
}

/// The section of cloud flow logs in the summary.
pub fn text(cloud: &Cloud) -> String {
    format!("\n{}\n{}", line(cloud), total(cloud))
}

fn total(cloud: &Cloud) -> String {
    let mut text = "total\n".to_owned();
    rows(&mut text, &cloud.total);
    for (why, count) in &cloud.skipped {
        let _ = writeln!(text, "  {:<26} {count:>15} files", format!("skipped, {why}"));
    }
    if cloud.forgotten != 0 {
        let _ = writeln!(
            text,
            "  {} forgotten for lack of room: repeats of them are not left out",
            plural(cloud.forgotten, "key", "keys")
        );
    }
    for fault in &cloud.total.faults {
        let _ = writeln!(text, "  {fault}");
    }
    for (name, count) in &cloud.total.unknown {
        let _ = writeln!(text, "  unknown field `{name}`: {}", plural(*count, "value", "values"));
    }
    text.push_str(match cloud.is_balanced() {
        true => "balanced: every record is accounted for\n",
        false => "OUT OF BALANCE: this is a bug, please report it\n",
    });
    text
}

/// The rows of an account, a line each.
pub fn rows_of(ledger: &Ledger) -> String {
    let mut text = String::new();
    rows(&mut text, ledger);
    text
}

/// Rows of records; those without any are left out.
fn rows(text: &mut String, ledger: &Ledger) {
    let _ = writeln!(text, "  {:<26} {:>15} records", "read", ledger.records);
    let row = |text: &mut String, name: &str, count: u64| {
        if count != 0 {
            let _ = writeln!(text, "  {name:<26} {count:>15} records");
        }
    };
    row(text, "= flows", ledger.flows);
    row(text, if ledger.flows == 0 { "= DNS records" } else { "+ DNS records" }, ledger.dns);
    for window in Window::ALL {
        row(text, &format!("+ {}", window.name()), ledger.windows[window as usize]);
    }
    row(text, "+ begin or end, no packets", ledger.without_counts);
    row(text, "+ duplicates", ledger.duplicates);
    for reason in Reason::ALL {
        row(text, &format!("+ {reason}"), ledger.errors[reason as usize]);
    }
    if ledger.rows != ledger.flows || ledger.repeated != 0 {
        let _ = write!(text, "  {} in one direction each", plural(ledger.rows, "flow", "flows"));
        text.push_str(&match ledger.repeated {
            0 => "\n".to_owned(),
            left_out => format!("; {left_out} left out, as logged twice\n"),
        });
    }
    if ledger.starts_forgotten != 0 {
        let flows = plural(ledger.starts_forgotten, "flow", "flows");
        let _ = writeln!(
            text,
            "  {flows} forgotten for others before they ended: no start in their next record"
        );
    }
}

/// What is to be said beside the main figures.
fn beside(ledger: &Ledger) -> Vec<(u64, String)> {
    let windows =
        Window::ALL.map(|window| (ledger.windows[window as usize], window.name().to_owned()));
    let errors = Reason::ALL.map(|reason| (ledger.errors[reason as usize], reason.to_string()));
    let unknown = (ledger.unknown.len() as u64, "unknown fields".to_owned());
    let flowless =
        [(ledger.without_counts, "begin or end, no packets"), (ledger.duplicates, "duplicates")];
    let flowless = flowless.map(|(count, what)| (count, what.to_owned()));
    let all = windows.into_iter().chain(flowless);
    all.chain(errors).chain([unknown]).filter(|(count, _)| *count != 0).collect()
}

fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
