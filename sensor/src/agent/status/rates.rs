//! How fast things go: the difference of two snapshots. Pure; time is an argument.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::Status;

/// Figures that rates are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    packets: u64,
    octets: u64,
    messages: u64,
    records: u64,
    events: u64,
    cpu_ms: u64,
}

impl Totals {
    fn of(status: &Status) -> Self {
        let seen = status.host.as_ref().map(|host| host.drain.seen).unwrap_or_default();
        let process = status.agent.as_ref().and_then(|agent| agent.process);
        Self {
            packets: seen.packets,
            octets: seen.octets,
            messages: status.intake.as_ref().map_or(0, |intake| intake.ledger.datagrams),
            records: status.engine.initiators.records(),
            events: status.engine.sum(|policy| policy.events),
            cpu_ms: process.map_or(0, |process| (process.cpu * 1e3) as u64),
        }
    }
}

/// Per second, over the time between two snapshots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Rates {
    /// That time, seconds.
    pub seconds: f64,
    /// Captured packets.
    pub packets: f64,
    /// Captured bits.
    pub bits: f64,
    /// Datagrams and messages of devices.
    pub messages: f64,
    /// Flow records of all sources.
    pub records: f64,
    /// Events of policies.
    pub events: f64,
    /// Processors that the agent keeps busy.
    pub cpu: f64,
}

/// The snapshots that rates are taken between: at least `SPAN` apart, as soon as there are such.
#[derive(Debug, Default)]
pub struct History {
    older: Option<(Instant, Totals)>,
    newer: Option<(Instant, Totals)>,
}

impl History {
    /// Time that rates are taken over, at least.
    const SPAN: Duration = Duration::from_secs(10);

    /// The rates up to `status`, a snapshot of `now`; none at the first call.
    pub fn rates(&mut self, now: Instant, status: &Status) -> Option<Rates> {
        let totals = Totals::of(status);
        let is_due = |(at, _): &(Instant, Totals)| now.duration_since(*at) >= Self::SPAN;
        if self.newer.as_ref().is_none_or(is_due) {
            self.older = self.newer.replace((now, totals));
        }
        let (at, before) = self.older.or(self.newer)?;
        let seconds = now.duration_since(at).as_secs_f64();
        if seconds == 0.0 {
            return None;
        }
        // Counts of a policy begin anew where it changes.
        let rate = |figure: fn(&Totals) -> u64| {
            figure(&totals).saturating_sub(figure(&before)) as f64 / seconds
        };
        Some(Rates {
            seconds,
            packets: rate(|totals| totals.packets),
            bits: 8.0 * rate(|totals| totals.octets),
            messages: rate(|totals| totals.messages),
            records: rate(|totals| totals.records),
            events: rate(|totals| totals.events),
            cpu: rate(|totals| totals.cpu_ms) / 1e3,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::status::{Count, host::Host};

    #[test]
    fn rates_are_taken_over_ten_seconds_however_often_somebody_asks() {
        let (mut history, start) = (History::default(), Instant::now());
        let mut packets = |ms, packets| {
            let mut host = Host::default();
            host.drain.seen = Count { packets, octets: 100 * packets };
            let status = Status { host: Some(host), ..Status::default() };
            let rates = history.rates(start + Duration::from_millis(ms), &status)?;
            assert!((rates.bits - 800.0 * rates.packets).abs() < 1e-6);
            Some((rates.seconds, rates.packets))
        };
        assert_eq!(packets(0, 1000), None);
        assert_eq!(packets(5_000, 1500), Some((5.0, 100.0)));
        assert_eq!(packets(10_000, 3000), Some((10.0, 200.0)));
        assert_eq!(packets(15_000, 3000), Some((15.0, 2000.0 / 15.0)));
        assert_eq!(packets(20_000, 3000), Some((10.0, 0.0)));
        assert_eq!(packets(25_000, 0), Some((15.0, 0.0)), "never less than nothing");
    }
}
