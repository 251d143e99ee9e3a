//! How the agent is doing: one snapshot, pure data, in which every room has its section.
//!
//! The summary and the health lines are renderings of it. Taking one stops nothing: rooms publish their figures as they go
//! (the drain thread with each drain, the engine with each tick), and a snapshot reads what they have published.
//!
//! * [`agent`]: the section of the process and its configuration. [`mod@host`]: that of captured interfaces. [`exports`]: that of captured exports.
//!   [`cloud`]: that of cloud flow logs that are read, `clouds`: of those that are followed.
//! * [`figures`], [`histogram`]: what figures are made of. [`summary`]: a status as one screen of text. [`losses`]: what was lost.
//! * [`condition`]: whether the agent is healthy. [`rates`]: how fast things go. `document`: what `sensor status` tells,
//!   `screen` to people. [`metrics`]: what Prometheus gets. [`process`]: what this process uses.
//! * [`health`]: a word in the log about policies and context. [`span`]: spans of time for people. [`store`]: the flow store.

pub mod agent;
pub mod cloud;
pub(super) mod clouds;
pub mod condition;
pub(super) mod document;
pub mod exports;
pub mod figures;
pub mod health;
pub mod histogram;
pub mod host;
pub mod losses;
pub mod metrics;
pub mod process;
pub(super) mod pushed;
pub mod rates;
pub(super) mod screen;
pub mod span;
pub mod store;
pub(super) mod stored;
pub mod summary;

#[cfg(test)]
mod testing;

use std::time::Duration;

use anyhow::{bail, ensure};
use sensor_common::ledger;
use sensor_core::{
    engine::{dispatch, inside::Inside},
    flow::{cache::FlowCache, initiator::Shares, totals::Totals},
};
use serde::{Serialize, Serializer};

pub use self::figures::Count;

use self::{agent::Agent, cloud::Cloud, exports::Exports, figures::seconds, host::Host};
use super::{cloud::follow::figures::Followed, ingest::figures::Ingested, mode::Mode};
use crate::{export::set, intake::report::Report};

/// Everything at one moment. A section of a room that does not run is `None`. Figures only grow, except those named as
/// gauges: what is active, what is queued, and the last of something.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Status {
    /// The process and its configuration; `None` where files are read.
    pub agent: Option<Agent>,
    /// Packets of this host.
    pub host: Option<Host>,
    /// Frames of capture files.
    pub frames: Option<Frames>,
    /// Captured exports.
    pub exports: Option<Exports>,
    /// Flow logs of clouds.
    pub cloud: Option<Cloud>,
    /// Flow logs of clouds that are followed.
    pub followed: Vec<Followed>,
    /// Requests of those that are pushed.
    pub ingest: Option<Ingested>,
    /// What routers send.
    pub intake: Option<Report>,
    /// The flow cache, where packets are counted.
    pub cache: Option<Cache>,
    /// Context and policies.
    pub engine: Engine,
    /// Flow records that did not fulfil the filter of the command line; `None` without one.
    pub held_back: Option<u64>,
    /// DNS records that the filter of such held back; `None` without one.
    pub dns_held_back: Option<u64>,
    /// Sinks of flow records.
    pub sinks: Vec<Sink<Flows>>,
    /// Sinks of DNS records.
    pub dns_sinks: Vec<Sink<u64>>,
    /// The flow store; `None` where nothing is stored.
    pub store: Option<store::Store>,
    /// Sinks of hits.
    pub hits: Vec<Sink<u64>>,
    /// The last hits, the latest at the end; a gauge.
    pub recent_hits: Vec<Hit>,
    /// What reloads have cost.
    pub reloads: Reloads,
}

/// Frames of capture files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Frames {
    /// All of them.
    pub seen: Count,
    /// Those without an IP packet.
    pub non_ip: Count,
    /// Those that end before their IP header.
    pub truncated: Count,
    /// Those whose IP header contradicts itself.
    pub malformed: Count,
    /// Those of a link type that is not read here.
    pub unknown_link: Count,
}

/// The flow cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cache {
    /// Flows that are active now; a gauge.
    pub active: u64,
    /// Flows that ended early because the cache was full.
    pub evicted: u64,
}

/// Flow records that the engine's queue lost: no policy and no output has seen them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// Whose they were, as `flowtype` says: `host`, `netflow` (IPFIX included), `sflow`, or a cloud.
    pub source: &'static str,
    /// Why: the queue was `full`, or the engine had `ended`.
    pub reason: &'static str,
    /// Flow records.
    pub flows: u64,
    /// Packets in them.
    pub packets: u64,
    /// IP octets in them.
    pub octets: u64,
}

impl From<dispatch::Lost> for Lost {
    fn from(lost: dispatch::Lost) -> Self {
        let Totals { flows, packets, octets } = lost.totals;
        let source = lost.source.name();
        let reason = match lost.reason {
            dispatch::Reason::Full => "full",
            dispatch::Reason::Closed => "ended",
        };
        Self { source, reason, flows, packets, octets }
    }
}

/// What waits in the engine's queue; gauges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Batches, and steps of time between them.
    pub queued_batches: u64,
    /// Flow records.
    pub queued: u64,
    /// Flow records for which there is room.
    pub capacity: u64,
}

impl From<dispatch::Waiting> for Waiting {
    fn from(dispatch::Waiting { batches, records, room }: dispatch::Waiting) -> Self {
        Self { queued_batches: batches as u64, queued: records as u64, capacity: room as u64 }
    }
}

/// Context and policies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Engine {
    /// What waits in its queue.
    pub waiting: Waiting,
    /// What its queue lost, by source and reason.
    pub lost: Vec<Lost>,
    /// Whether the summary has a line for each policy.
    #[serde(skip)]
    pub each: bool,
    /// Each policy that is asked. One that a reload changes begins anew.
    pub policies: Vec<Policy>,
    /// Records from the future.
    pub ahead: u64,
    /// How often the clock was set back.
    pub set_back: u64,
    /// Labels that policies wrote and that had no room.
    pub refused_labels: u64,
    /// Flows of devices that were cut and forgotten, so that the record that goes on is not marked.
    pub cuts_evicted: u64,
    /// Of how many records it is known who opened the connection.
    #[serde(serialize_with = "initiators")]
    pub initiators: Shares,
    /// Address profiles of the context in force that lack what was known; a gauge.
    pub coarse: u64,
    /// Whether any record had an internal side.
    #[serde(serialize_with = "inside")]
    pub inside: Inside,
}

/// How a policy has fared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Records that it was asked of.
    pub tested: u64,
    /// Records that fulfilled its query and were passed over by its discards; `None` where nobody wants to know.
    pub discarded: Option<u64>,
    /// Keys that began to be watched.
    pub keys: u64,
    /// Events given.
    pub events: u64,
    /// Labels written.
    pub labels: u64,
    /// Records that it matched.
    pub matched: u64,
    /// Of these, records that came too late to count.
    pub late: u64,
    /// Of these, records without a value for a field of the key.
    pub untracked: u64,
    /// Keys that had to make room.
    pub evicted: u64,
    /// Keys that it watches now; a gauge.
    pub watched: u64,
    /// Time spent on its matches.
    #[serde(skip)]
    pub spent: Duration,
}

/// Flow records, and what is in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Flows {
    /// Flow records.
    pub flows: u64,
    /// Packets in them.
    pub packets: u64,
    /// Octets of the IP packets.
    pub octets: u64,
}

/// A sink and its account: `offered = sent + queued + spooled + not_sent`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sink<A> {
    /// Where it all goes.
    pub name: String,
    /// What it was offered.
    pub offered: A,
    /// What was handed to the network or the file.
    pub sent: A,
    /// What waits; a gauge.
    pub queued: A,
    /// What waits on disk; a gauge.
    pub spooled: A,
    /// What will never be sent.
    pub not_sent: A,
    /// Messages sent.
    pub messages: u64,
    /// Octets of the messages sent.
    pub message_octets: u64,
    /// Files that were deleted to make room for others.
    pub deleted_files: u64,
    /// Octets of these files.
    pub deleted_octets: u64,
    /// Records for which its queue has room, 0 where that is not known; a gauge.
    pub capacity: u64,
    /// How it stands with a receiver that it is connected to; `None` for files and the like.
    pub connection: Option<Connection>,
    /// How many times it sent again what nobody acknowledged; `None` for sinks that do not.
    pub repeated: Option<u64>,
    /// What went wrong last, also when it has been overcome.
    pub error: Option<String>,
}

/// How a sink stands with its receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Connection {
    /// Whether the receiver takes messages.
    pub connected: bool,
    /// How many times it stopped taking messages, or did not from the start.
    pub outages: u64,
}

/// An event that a policy gave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// When, milliseconds since the epoch.
    pub timestamp: u64,
    /// The policy.
    pub policy: String,
    /// `start`, `ongoing`, `end` or `hit`.
    pub kind: &'static str,
    /// `low`, `medium` or `high`.
    pub severity: &'static str,
    /// What happened, in one line.
    pub summary: String,
}

/// What reloads have cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reloads {
    /// How many there have been.
    pub count: u64,
    /// Of these, those that left something old in force.
    pub refused: u64,
    /// How long flows waited at most for the last one, seconds; a gauge.
    #[serde(serialize_with = "seconds")]
    pub last_pause: Duration,
    /// How long they waited at most for any, seconds.
    #[serde(serialize_with = "seconds")]
    pub longest_pause: Duration,
}

impl Status {
    /// That all ledgers balance, that no packet is known to have passed unseen; and, of files, that every output took
    /// everything: a file can be replayed again, and whoever scripts that must hear that it should be.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self, mode: Mode) -> anyhow::Result<()> {
        if let Some(Host { drain, coverage, .. }) = &self.host {
            ensure!(
                drain.out_of_balance == 0,
                "the ledger was out of balance in {} of {} drains",
                drain.out_of_balance,
                drain.drains
            );
            coverage.check()?;
        }
        if self.intake.as_ref().is_some_and(|report| !report.balances()) {
            bail!("the intake ledger is out of balance");
        }
        ensure!(
            clouds::balances(&self.followed),
            "the ledger of cloud flow logs is out of balance"
        );
        if let Some(exports) = &self.exports {
            exports.check()?;
        }
        if let Some(cloud) = &self.cloud {
            cloud.check()?;
        }
        if mode == Mode::Live {
            return Ok(());
        }
        let flows = self.sinks.iter().filter(|sink| sink.not_sent.flows > 0);
        let flows: Vec<&str> = flows.map(|sink| sink.name.as_str()).collect();
        ensure!(flows.is_empty(), "not all flow records reached {}", flows.join(", "));
        let dns = self.dns_sinks.iter().filter(|sink| sink.not_sent > 0);
        let dns: Vec<&str> = dns.map(|sink| sink.name.as_str()).collect();
        ensure!(dns.is_empty(), "not all DNS records reached {}", dns.join(", "));
        let hits = self.hits.iter().filter(|sink| sink.not_sent > 0);
        let hits: Vec<&str> = hits.map(|sink| sink.name.as_str()).collect();
        ensure!(hits.is_empty(), "not all hits reached {}", hits.join(", "));
        Ok(())
    }

    /// Whether capture files were to be read, and not one frame was.
    pub fn has_no_frame(&self) -> bool {
        self.frames.is_some_and(|frames| frames.seen.packets == 0)
    }
}

impl Engine {
    /// The sum of a figure over all policies.
    pub fn sum(&self, figure: fn(&Policy) -> u64) -> u64 {
        self.policies.iter().map(figure).sum()
    }
}

impl Frames {
    /// What `ledger` and the count beside it say.
    pub fn of(ledger: &ledger::Ledger, unknown_link: ledger::Count) -> Self {
        Self {
            seen: ledger.seen.into(),
            non_ip: ledger.non_ip.into(),
            truncated: ledger.truncated.into(),
            malformed: ledger.malformed.into(),
            unknown_link: unknown_link.into(),
        }
    }

    /// What is in flow records.
    pub fn recorded(&self) -> Count {
        let apart = [self.unknown_link, self.non_ip, self.truncated, self.malformed];
        apart.iter().fold(self.seen, |rest, row| Count {
            packets: rest.packets.wrapping_sub(row.packets),
            octets: rest.octets.wrapping_sub(row.octets),
        })
    }
}

impl Cache {
    /// The figures of `cache`.
    pub fn of(cache: &FlowCache) -> Self {
        Self { active: cache.len() as u64, evicted: cache.evicted() }
    }
}

impl From<Totals> for Flows {
    fn from(Totals { flows, packets, octets }: Totals) -> Self {
        Self { flows, packets, octets }
    }
}

impl<A> Sink<A> {
    /// A sink, by its report.
    pub fn of<B: Into<A>>(report: set::Report<B>) -> Self {
        let set::Report { name, account, capacity, connection, repeated, error, store: _ } = report;
        let connection = connection.map(|(connected, outages)| Connection { connected, outages });
        Self {
            name,
            capacity,
            connection,
            repeated,
            offered: account.offered.into(),
            sent: account.sent.into(),
            queued: account.queued.into(),
            spooled: account.spooled.into(),
            not_sent: account.not_sent.totals.into(),
            messages: account.messages,
            message_octets: account.message_octets,
            deleted_files: account.deleted.files,
            deleted_octets: account.deleted.octets,
            error,
        }
    }
}

fn initiators<S: Serializer>(shares: &Shares, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Initiators {
        known: u64,
        guessed: u64,
        unknown: u64,
    }
    let Shares { known, guessed, unknown } = *shares;
    Initiators { known, guessed, unknown }.serialize(serializer)
}

fn inside<S: Serializer>(inside: &Inside, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Seen {
        records: u64,
        found: bool,
    }
    Seen { records: inside.records, found: inside.found }.serialize(serializer)
}
