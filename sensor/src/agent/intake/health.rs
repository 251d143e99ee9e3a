//! A word in the log, once a minute, about what was lost since the last one.

use std::{net::IpAddr, time::Instant};

use super::INTERVAL;
use crate::{
    intake::report::{ExporterReport, Report},
    wire::exporter::room::Recent,
};

/// Exporters that are named at once.
const NAMED: usize = 10;

/// What was known when something was last said.
pub struct Health {
    last: Report,
    at: Instant,
}

impl Default for Health {
    fn default() -> Self {
        Self { last: Report::default(), at: Instant::now() }
    }
}

impl Health {
    /// Whether it is time to look again.
    pub fn is_due(&self) -> bool {
        self.at.elapsed() >= INTERVAL
    }

    /// What has been lost between the last report and `report`, a line each.
    pub fn lines(&mut self, report: Report) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, listener) in &report.listeners {
            let before = self.last.listeners.get(name).copied().unwrap_or_default();
            let dropped = listener.dropped.saturating_sub(before.dropped);
            if dropped > 0 {
                lines.push(format!(
                    "{name}: the kernel dropped {dropped} datagrams, the receive buffer was full"
                ));
            }
        }
        let refused = report.refused.messages - self.last.refused.messages;
        if refused > 0 {
            lines.push(format!("refused {refused} datagrams of addresses that are not allowed"));
        }
        let evicted = report.evicted.count - self.last.evicted.count;
        if evicted > 0 {
            lines.push(format!(
                "forgot {evicted} exporters, {} among them: all that exporters tell takes more than \
                 intake.memory",
                names(&report.evicted)
            ));
        }
        let turned_away = report.turned_away.count - self.last.turned_away.count;
        if turned_away > 0 {
            lines.push(format!(
                "no room to know the exporters of {turned_away} datagrams, {} among them: their \
                 templates are not kept; raise intake.memory, or name them in [[exporter]]",
                names(&report.turned_away)
            ));
        }
        for forward in &report.forwards {
            let before = self.last.forwards.iter().find(|last| last.name == forward.name);
            let failed = forward.failed - before.map_or(0, |before| before.failed);
            if failed > 0 {
                lines.push(format!("{}: {failed} datagrams could not be sent on", forward.name));
            }
        }
        let none = ExporterReport::default();
        let mut losing = 0;
        for (address, exporter) in &report.exporters {
            let before = self.last.exporters.get(address).unwrap_or(&none);
            let Some(losses) = losses(before, exporter) else { continue };
            losing += 1;
            if losing <= NAMED {
                lines.push(format!("exporter {address}: {losses}"));
            }
        }
        if losing > NAMED {
            lines.push(format!("and so with {} more exporters", losing - NAMED));
        }
        *self = Self { last: report, at: Instant::now() };
        lines
    }
}

fn names(recent: &Recent) -> String {
    recent.latest.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ")
}

fn losses(before: &ExporterReport, now: &ExporterReport) -> Option<String> {
    let malformed = |report: &ExporterReport| super::summary::malformed(&report.ledger);
    let unknown = |report: &ExporterReport| super::summary::unknown(&report.ledger);
    // A stream that has ended takes its counts along.
    let rows = [
        (now.lost.flows.saturating_sub(before.lost.flows), "flows lost on the way"),
        (now.lost.datagrams.saturating_sub(before.lost.datagrams), "datagrams lost on the way"),
        (now.lost.samples.saturating_sub(before.lost.samples), "samples lost"),
        (now.limited.saturating_sub(before.limited), "datagrams beyond its rate limit"),
        (unknown(now).saturating_sub(unknown(before)), "octets without a template"),
        (malformed(now).saturating_sub(malformed(before)), "octets malformed"),
    ];
    let mut words: Vec<_> = rows
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if now.is_skewed && !before.is_skewed {
        words.push(format!("its clock is {} s from ours", now.skew / 1000));
    }
    (!words.is_empty()).then(|| words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::report::{Count, ListenerReport};

    #[test]
    fn only_what_is_new_is_said() {
        let mut report = Report::default();
        let listener = ListenerReport { received: Count::default(), dropped: 3 };
        report.listeners.insert("netflow://[::]:2055".to_owned(), listener);
        let exporter = report.exporters.entry("192.0.2.1".parse().unwrap()).or_default();
        exporter.lost.flows = 5;
        (exporter.skew, exporter.is_skewed) = (90_000, true);
        let mut health = Health::default();
        assert_eq!(
            health.lines(report.clone()),
            [
                "netflow://[::]:2055: the kernel dropped 3 datagrams, the receive buffer was full",
                "exporter 192.0.2.1: 5 flows lost on the way, its clock is 90 s from ours",
            ]
        );
        assert_eq!(health.lines(report.clone()), [] as [&str; 0]);
        report.refused.messages = 1;
        report.evicted.count = 2;
        report.evicted.latest = [1, 2_u8].map(|n| [192, 0, 2, n].into()).into();
        report.turned_away.count = 7;
        report.turned_away.latest.push_back([192, 0, 2, 3].into());
        assert_eq!(
            health.lines(report.clone()),
            [
                "refused 1 datagrams of addresses that are not allowed",
                "forgot 2 exporters, 192.0.2.1, 192.0.2.2 among them: all that exporters tell takes \
                 more than intake.memory",
                "no room to know the exporters of 7 datagrams, 192.0.2.3 among them: their templates \
                 are not kept; raise intake.memory, or name them in [[exporter]]",
            ]
        );
        assert_eq!(health.lines(report), [] as [&str; 0]);
    }
}
