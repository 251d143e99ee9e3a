//! A [`Document`] as one screen of text.

use std::{
    fmt::Write as _,
    time::{Duration, UNIX_EPOCH},
};

use super::{
    document::{Document, Health, Kernel, Output, PinsRow},
    host::gaps,
    pushed::IngestRow,
    span::{clock_offset, span},
};
use crate::export::log::line::octets;

/// The screen. Writing to a `String` cannot fail.
pub fn text(document: &Document) -> String {
    let mut screen = Screen::default();
    screen.health(&document.health);
    screen.agent(document);
    screen.privileges(document);
    screen.rates(document);
    screen.interfaces(document);
    if let Some(kernel) = &document.kernel {
        screen.kernel(kernel);
    }
    screen.engine(document);
    screen.intake(document);
    screen.clouds(document);
    screen.pushed(document);
    screen.outputs("sinks", "flow records", &document.sinks);
    screen.outputs("DNS logs", "DNS records", &document.dns_sinks);
    screen.store(document);
    screen.outputs("hits", "hits", &document.hits);
    screen.policies(document);
    screen.losses(document);
    screen.0
}

#[derive(Default)]
struct Screen(String);

/// `12.3 k`, and plain below 10.
fn rate(per_second: f64) -> String {
    match per_second {
        ..10.0 => format!("{per_second:.1}"),
        _ => octets(per_second as u64),
    }
}

fn time(ms: u64) -> String {
    let at = UNIX_EPOCH + Duration::from_millis(ms.min(253_402_300_799_999));
    humantime::format_rfc3339_seconds(at)
        .to_string()
        .replace('T', " ")
        .trim_end_matches('Z')
        .to_owned()
}

/// What may come from outside, without control characters.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

impl Screen {
    fn line(&mut self, text: impl AsRef<str>) {
        self.0.push_str(text.as_ref());
        self.0.push('\n');
    }

    /// A heading, and its first row.
    fn row(&mut self, heading: &str, text: impl AsRef<str>) {
        let _: std::fmt::Result = writeln!(self.0, "{heading:<11} {}", text.as_ref());
    }

    fn health(&mut self, health: &Health) {
        let word = match (health.healthy, health.ready) {
            (true, true) => "healthy",
            (true, false) => "healthy, not ready yet",
            (false, _) => "NOT HEALTHY",
        };
        self.row("health", word);
        for reason in &health.reasons {
            self.row("", plain(&reason.to_string()));
        }
    }

    fn agent(&mut self, document: &Document) {
        if let Some(agent) = &document.agent {
            let up = span(agent.now_ms.saturating_sub(agent.started_ms) / 1000);
            let mut text = format!("sensor {}, process {}, up {up}", agent.version, agent.pid);
            if let Some(process) = &agent.process {
                let _: std::fmt::Result = write!(
                    text,
                    ", {}B resident, {} threads, {} files",
                    octets(process.resident),
                    process.threads,
                    process.descriptors
                );
            }
            self.row("agent", text);
        }
        if let Some(configuration) = &document.configuration {
            let path = configuration.path.as_deref().unwrap_or("flags only");
            let drop_ins = match configuration.drop_ins.len() {
                0 => String::new(),
                1 => " with 1 drop-in".to_owned(),
                n => format!(" with {n} drop-ins"),
            };
            let since = time(configuration.since_ms);
            let mut text = format!("{path}{drop_ins}, in force since {since}");
            if let Some(sha256) = &configuration.sha256 {
                let _: std::fmt::Result =
                    write!(text, ", sha256 {}", &sha256[..12.min(sha256.len())]);
            }
            self.row("config", text);
            if !configuration.restart.is_empty() {
                let keys = configuration.restart.join(", ");
                self.row("", format!("CHANGED, BUT NEEDS A RESTART: {}", plain(&keys)));
            }
            if !configuration.complete {
                self.row("", "THE LAST RELOAD LEFT SOMETHING OLD IN FORCE:");
                for line in configuration.refusal.iter().flat_map(|why| why.lines()).take(5) {
                    self.row("", plain(line));
                }
            }
        }
    }

    fn privileges(&mut self, document: &Document) {
        let Some(privileges) = &document.privileges else { return };
        let capabilities = match privileges.capabilities.as_slice() {
            [] => "no capabilities".to_owned(),
            names => names.join(" "),
        };
        let sandbox = match &privileges.landlock {
            Some(version) => format!("sandbox on (Landlock {version})"),
            None => format!("sandbox {}", privileges.sandbox),
        };
        self.row("rights", format!("{capabilities}, {sandbox}"));
    }

    fn rates(&mut self, document: &Document) {
        let Some(rates) = &document.rates else { return };
        let mut parts = Vec::new();
        if document.kernel.is_some() {
            parts.push(format!("{} packets/s", rate(rates.packets)));
            parts.push(format!("{}bit/s", rate(rates.bits)));
        }
        if !document.listeners.is_empty() {
            parts.push(format!("{} datagrams/s", rate(rates.messages)));
        }
        parts.push(format!("{} records/s", rate(rates.records)));
        parts.push(format!("{} events/s", rate(rates.events)));
        parts.push(format!("{:.1} % of a CPU", 100.0 * rates.cpu));
        self.row("rates", format!("{} (over {:.0} s)", parts.join(", "), rates.seconds));
    }

    fn interfaces(&mut self, document: &Document) {
        let mut heading = "interfaces";
        for each in &document.interfaces {
            let mut text = format!(
                "{}: ingress {}, egress {}; {} packets in, {} out",
                each.name,
                each.ingress,
                each.egress,
                octets(each.rx_packets),
                octets(each.tx_packets)
            );
            for lost in &each.lost {
                let _: std::fmt::Result = write!(text, ", {} {}", lost.counter, lost.packets);
            }
            self.row(std::mem::take(&mut heading), text);
        }
    }

    fn kernel(&mut self, kernel: &Kernel) {
        let tables = kernel.tables.iter().map(|table| {
            let share = 100.0 * table.used as f64 / (table.slots.max(1)) as f64;
            format!("{} {} of {} slots ({share:.1} %)", table.family, table.used, table.slots)
        });
        self.row("tables", format!("{} on the fullest CPU", tables.collect::<Vec<_>>().join(", ")));
        let mean =
            kernel.drain_mean_ms.map_or(String::new(), |mean| format!(", {mean:.1} ms each"));
        self.row(
            "drains",
            format!(
                "{} ({} early){mean}, the last {} ms ago; {} flows active, {} ended early",
                kernel.drains,
                kernel.drains_early,
                kernel.since_drain_ms,
                kernel.active_flows,
                kernel.evicted_flows
            ),
        );
        if let Some(longest) = kernel.longest_drain_gap_ms {
            let text = gaps(kernel.drain_gaps, Duration::from_millis(longest));
            self.row("gaps", text);
        }
        let entries =
            kernel.ledger.iter().filter(|entry| entry.packets > 0 || entry.entry == "seen");
        let entries: Vec<_> =
            entries.map(|entry| format!("{} {}", entry.entry, entry.packets)).collect();
        self.row("ledger", format!("{} packets", entries.join(", ")));
        if let Some(pins) = &kernel.pins {
            self.pins(pins);
        }
    }

    fn pins(&mut self, pins: &PinsRow) {
        if let Some(problem) = &pins.problem {
            return self.row("pins", format!("NOT IN USE: {problem}"));
        }
        let tables = if pins.adopted_tables { "tables and " } else { "" };
        let mut text = format!(
            "{}: {tables}{} links taken over at the start",
            pins.directory, pins.adopted_links
        );
        if pins.lost_packets > 0 {
            let _: std::fmt::Result =
                write!(text, "; {} packets lost with a killed sensor", pins.lost_packets);
        }
        self.row("pins", text);
    }

    fn engine(&mut self, document: &Document) {
        let engine = &document.engine;
        self.row(
            "engine",
            format!(
                "{} flow records, {} of {} queued, {} lost",
                engine.records, engine.queued, engine.capacity, engine.lost
            ),
        );
    }

    fn intake(&mut self, document: &Document) {
        let mut heading = "listeners";
        for each in &document.listeners {
            let text = format!(
                "{}: {} datagrams, {} octets, {} dropped by the kernel",
                each.name, each.messages, each.octets, each.dropped
            );
            self.row(std::mem::take(&mut heading), text);
        }
        let devices = &document.devices;
        if devices.count > 0 {
            self.row("devices", format!("{}, those with the most datagrams first", devices.count));
        }
        for each in &devices.top {
            let mut text = each.id.clone();
            if !each.name.is_empty() {
                let _: std::fmt::Result = write!(text, " {}", plain(&each.name));
            }
            let _: std::fmt::Result =
                write!(text, ": {} datagrams, {} records", each.messages, each.records);
            for (count, what) in [
                (each.lost_flows, "flows lost in transit"),
                (each.lost_messages, "datagrams lost in transit"),
                (each.unknown_template, "octets without a template"),
                (each.malformed, "octets malformed"),
            ] {
                if count > 0 {
                    let _: std::fmt::Result = write!(text, ", {count} {what}");
                }
            }
            if each.clock_offset_ms != 0 {
                let off = clock_offset(each.clock_offset_ms);
                let _: std::fmt::Result = write!(text, ", its clock is {off}");
            }
            self.row("", text);
        }
    }

    fn clouds(&mut self, document: &Document) {
        let mut heading = "clouds";
        for each in &document.clouds {
            self.row(std::mem::take(&mut heading), plain(&each.line()));
        }
    }

    fn pushed(&mut self, document: &Document) {
        let mut heading = "pushed";
        for line in document.ingest.iter().flat_map(IngestRow::lines) {
            self.row(std::mem::take(&mut heading), plain(&line));
        }
    }

    fn store(&mut self, document: &Document) {
        let now = document.agent.as_ref().map(|agent| agent.now_ms);
        let mut heading = "store";
        for line in document.store.iter().flat_map(|store| store.lines(now)) {
            let line = line.strip_prefix("store ").unwrap_or(&line);
            self.row(std::mem::take(&mut heading), plain(line));
        }
    }

    fn outputs(&mut self, mut heading: &str, what: &str, outputs: &[Output]) {
        for each in outputs {
            let mut text = each.name.clone();
            if each.connected == Some(false) {
                text.push_str(" NOT CONNECTED");
            }
            let _: std::fmt::Result = write!(
                text,
                ": {} {what} sent, {} of {} queued, {} not sent",
                each.sent, each.queued, each.capacity, each.not_sent
            );
            if each.spooled > 0 {
                let _: std::fmt::Result = write!(text, ", {} spooled", each.spooled);
            }
            if let Some(outages) = each.outages.filter(|outages| *outages > 0) {
                let _: std::fmt::Result = write!(text, ", {outages} outages");
            }
            if let Some(error) = &each.error {
                let _: std::fmt::Result = write!(text, "; last failure: {}", plain(error));
            }
            self.row(std::mem::take(&mut heading), text);
        }
    }

    fn policies(&mut self, document: &Document) {
        let policies = &document.policies;
        if policies.count > 0 {
            let named = if policies.top.is_empty() { "" } else { "; those with the most events:" };
            self.row("policies", format!("{} active{named}", policies.count));
        }
        for each in &policies.top {
            let mut text = format!(
                "{}: {} matches, {} events, {} keys",
                each.name, each.matched, each.events, each.keys
            );
            if each.evicted > 0 {
                let _: std::fmt::Result = write!(text, ", {} evicted", each.evicted);
            }
            self.row("", text);
        }
        let mut heading = "last hits";
        for hit in document.last_hits.iter().rev() {
            let text = format!("{}  {}", time(hit.timestamp_ms), plain(&hit.summary));
            self.row(std::mem::take(&mut heading), text);
        }
        let reloads = &document.reloads;
        if reloads.count > 0 {
            let text = format!(
                "{} ({} incomplete); flows waited at most {:.1} ms, {:.1} ms in the last one",
                reloads.count, reloads.incomplete, reloads.longest_pause_ms, reloads.last_pause_ms
            );
            self.row("reloads", text);
        }
    }

    fn losses(&mut self, document: &Document) {
        if document.losses.is_empty() {
            return self.row("losses", "none");
        }
        self.line("losses");
        for loss in &document.losses {
            self.row("", plain(loss));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use super::*;
    use crate::agent::status::{rates::Rates, testing};

    const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/status.txt");

    /// `UPDATE_EXPECT=1 cargo test -p sensor --lib screen` writes it.
    #[test]
    fn a_screen_with_everything_is_as_pinned() {
        let rates = Rates {
            seconds: 12.4,
            packets: 123_456.0,
            bits: 9.87e8,
            messages: 55.25,
            records: 4321.0,
            events: 0.25,
            cpu: 0.123,
        };
        let document = Document::new(&testing::status(), &testing::condition(), Some(rates));
        let found = text(&document);
        if env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(GOLDEN, &found).expect("the golden file can be written");
        }
        assert_eq!(found, fs::read_to_string(GOLDEN).unwrap_or_default(), "{found}");
        assert!(!found.contains('\x1b'));
        assert!(found.lines().count() <= 60, "one screen");
    }
}
