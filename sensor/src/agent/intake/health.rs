//! A word in the log, once a minute, about what came and what was lost since the last one.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use sensor_wire::device::{clock::SKEW_LIMIT, room::Recent};

use crate::{
    agent::exports::ledger::skew,
    intake::report::{Count, DeviceReport, Report},
};

/// Between two words about what came and what was lost.
const INTERVAL: Duration = Duration::from_mins(1);

/// Devices that are named at once.
const NAMED: usize = 10;

/// What was known when something was last said.
pub struct Health {
    last: Report,
    at: Instant,
    /// What is known of drops, by listener.
    drops: BTreeMap<String, Drops>,
}

/// Datagrams of a listener that the kernel has dropped.
struct Drops {
    /// How many had been told.
    told: u64,
    at: Instant,
}

impl Default for Health {
    fn default() -> Self {
        Self { last: Report::default(), at: Instant::now(), drops: BTreeMap::new() }
    }
}

impl Health {
    /// Whether it is time to look again.
    pub fn is_due(&self) -> bool {
        self.at.elapsed() >= INTERVAL
    }

    /// What has come between the last report and `report`; none where that is nothing.
    pub fn progress(&self, report: &Report) -> Option<String> {
        let received = |report: &Report| {
            let mut sum = Count::default();
            report.listeners.values().for_each(|listener| sum += listener.received);
            sum
        };
        let (before, now) = (received(&self.last), received(report));
        let messages = now.messages - before.messages;
        if messages == 0 {
            return None;
        }
        let heard = report.devices.iter().filter(|(address, device)| {
            let before = self.last.devices.get(address);
            device.ledger.datagrams > before.map_or(0, |before| before.ledger.datagrams)
        });
        Some(format!(
            "received in {} s: {messages} datagrams or messages, {} octets, {} flows, of {} devices",
            self.at.elapsed().as_secs(),
            now.octets - before.octets,
            report.ledger.flow_rows.saturating_sub(self.last.ledger.flow_rows),
            heard.count(),
        ))
    }

    /// What the kernel has newly dropped of each listener, by `dropped`, which counts since the start: told as soon as it
    /// begins, then once a minute for as long as it goes on.
    pub fn drops(
        &mut self,
        now: Instant,
        dropped: impl IntoIterator<Item = (String, u64)>,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, count) in dropped.into_iter().filter(|(_, count)| *count > 0) {
            let known = self.drops.get(&name);
            let before = known.map_or(0, |known| known.told);
            let due = known.is_none_or(|known| now.duration_since(known.at) >= INTERVAL);
            if count > before && due {
                lines.push(format!(
                    "{name}: the kernel dropped {} datagrams, the receive buffer was full",
                    count - before
                ));
                self.drops.insert(name, Drops { told: count, at: now });
            }
        }
        lines
    }

    /// What has been lost between the last report and `report`, a line each; but see [`Self::drops`].
    pub fn lines(&mut self, report: Report) -> Vec<String> {
        let mut lines = Vec::new();
        let refused = report.refused.messages - self.last.refused.messages;
        if refused > 0 {
            lines.push(format!("refused {refused} datagrams from addresses outside intake.allow"));
        }
        let (now, before) = (&report.connections, &self.last.connections);
        let rows = [
            (now.refused - before.refused, "from addresses outside intake.allow"),
            (now.too_many - before.too_many, "beyond intake.max_connections"),
            (
                now.too_many_of_one - before.too_many_of_one,
                "beyond intake.max_connections_per_address",
            ),
        ];
        for (count, what) in rows.into_iter().filter(|(count, _)| *count > 0) {
            lines.push(format!("refused {count} connections: {what}"));
        }
        let broken = now.broken.reasons().into_iter().zip(before.broken.reasons());
        let broken = broken.map(|((what, now), (_, before))| (what, now - before));
        let broken: Vec<_> = broken.filter(|(_, count)| *count > 0).collect();
        if !broken.is_empty() {
            let words: Vec<_> =
                broken.iter().map(|(what, count)| format!("{count} {what}")).collect();
            lines.push(format!("connections that ended with an error: {}", words.join(", ")));
        }
        let evicted = report.evicted.count - self.last.evicted.count;
        if evicted > 0 {
            lines.push(format!(
                "evicted {evicted} devices, {} among them: intake.memory is used up",
                names(&report.evicted)
            ));
        }
        let turned_away = report.turned_away.count - self.last.turned_away.count;
        if turned_away > 0 {
            lines.push(format!(
                "no room for the devices of {turned_away} datagrams, {} among them: their templates are discarded; raise intake.memory or configure them as [[device]]",
                names(&report.turned_away)
            ));
        }
        for forward in &report.forwards {
            let before = self.last.forwards.iter().find(|last| last.name == forward.name);
            let failed = forward.failed - before.map_or(0, |before| before.failed);
            if failed > 0 {
                lines.push(format!("{}: {failed} datagrams could not be forwarded", forward.name));
            }
        }
        let none = DeviceReport::default();
        let mut losing = 0;
        for (address, device) in &report.devices {
            let before = self.last.devices.get(address).unwrap_or(&none);
            let Some(losses) = losses(before, device) else { continue };
            losing += 1;
            if losing <= NAMED {
                lines.push(format!("device {address}: {losses}"));
            }
        }
        if losing > NAMED {
            lines.push(format!("and so with {} more devices", losing - NAMED));
        }
        (self.last, self.at) = (report, Instant::now());
        lines
    }
}

fn names(recent: &Recent) -> String {
    recent.latest.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ")
}

fn losses(before: &DeviceReport, now: &DeviceReport) -> Option<String> {
    let malformed = |report: &DeviceReport| super::summary::malformed(&report.ledger);
    let unknown = |report: &DeviceReport| super::summary::unknown(&report.ledger);
    // A stream that has ended takes its counts along.
    let rows = [
        (now.lost.flows.saturating_sub(before.lost.flows), "flows lost in transit"),
        (now.lost.datagrams.saturating_sub(before.lost.datagrams), "datagrams lost in transit"),
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
    if now.skew.abs_diff(before.skew) > SKEW_LIMIT {
        words.push(match now.skew {
            0 => "its clock is right again".to_owned(),
            by => format!("its clock is {}", skew(by)),
        });
    }
    (!words.is_empty()).then(|| words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::report::ListenerReport;
    use sensor_core::flow::source::SourceId;

    #[test]
    fn drops_are_told_at_once_and_then_once_a_minute() {
        let (mut health, start) = (Health::default(), Instant::now());
        let mut told = |seconds, dropped| {
            let dropped = [("a".to_owned(), dropped), ("b".to_owned(), 0)];
            health.drops(start + Duration::from_secs(seconds), dropped)
        };
        let line = |count| {
            [format!("a: the kernel dropped {count} datagrams, the receive buffer was full")]
        };
        assert_eq!(told(0, 0), [""; 0]);
        assert_eq!(told(1, 3), line(3));
        assert_eq!(told(2, 50), [""; 0]);
        assert_eq!(told(60, 60), [""; 0]);
        assert_eq!(told(61, 70), line(67));
        assert_eq!(told(200, 70), [""; 0]);
        assert_eq!(told(201, 71), line(1));
    }

    #[test]
    fn only_what_is_new_is_said() {
        let mut report = Report::default();
        let listener = ListenerReport { dropped: 3, ..ListenerReport::default() };
        report.listeners.insert("netflow://[::]:2055".to_owned(), listener);
        let device = report.devices.entry(SourceId::Device([192, 0, 2, 1].into())).or_default();
        device.lost.flows = 5;
        device.skew = -22_800_000;
        report.connections.too_many_of_one = 2;
        report.connections.broken.silent = 1;
        let mut health = Health::default();
        assert_eq!(health.progress(&report), None);
        assert_eq!(
            health.lines(report.clone()),
            [
                "refused 2 connections: beyond intake.max_connections_per_address",
                "connections that ended with an error: 1 without a first message in time",
                "device 192.0.2.1: 5 flows lost in transit, its clock is 6 h 20 min behind \
                 ours: policies correct its times, records keep them",
            ]
        );
        assert_eq!(health.lines(report.clone()), [] as [&str; 0]);
        for listener in report.listeners.values_mut() {
            listener.received = Count { messages: 3, octets: 300 };
        }
        report.ledger.flow_rows = 30;
        let heard = report.devices.entry(SourceId::Device([192, 0, 2, 2].into())).or_default();
        heard.ledger.datagrams = 3;
        assert_eq!(
            health.progress(&report).as_deref(),
            Some("received in 0 s: 3 datagrams or messages, 300 octets, 30 flows, of 1 devices")
        );
        health.lines(report.clone());
        assert_eq!(health.progress(&report), None);
        report.refused.messages = 1;
        report.evicted.count = 2;
        report.evicted.latest = [1, 2_u8].map(|n| [192, 0, 2, n].into()).into();
        report.turned_away.count = 7;
        report.turned_away.latest.push_back([192, 0, 2, 3].into());
        assert_eq!(
            health.lines(report.clone()),
            [
                "refused 1 datagrams from addresses outside intake.allow",
                "evicted 2 devices, 192.0.2.1, 192.0.2.2 among them: intake.memory is used up",
                "no room for the devices of 7 datagrams, 192.0.2.3 among them: their templates are discarded; raise intake.memory or configure them as [[device]]",
            ]
        );
        assert_eq!(health.lines(report.clone()), [] as [&str; 0]);
        // A clock that drifts is told of once, one that is set again.
        let clock = |report: &mut Report, skew| {
            report.devices.get_mut(&SourceId::Device([192, 0, 2, 1].into())).unwrap().skew = skew;
        };
        clock(&mut report, -22_790_000);
        assert_eq!(health.lines(report.clone()), [] as [&str; 0]);
        clock(&mut report, 0);
        assert_eq!(health.lines(report), ["device 192.0.2.1: its clock is right again"]);
    }
}
