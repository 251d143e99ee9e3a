//! Where decoded records go: flows to a batch for each address family, DNS records to one of their own, and the account of every
//! source.

use std::collections::HashMap;

use sensor_core::{
    dns::{DnsBatch, DnsRecord},
    flow::{
        batch::{FlowBatch, Source},
        source::SourceId,
    },
};

mod open;
mod sources;

pub use self::sources::Profile;
use self::{
    open::Open,
    sources::{Sources, localise},
};
pub use super::record::{Ends, Record, RecordTexts, Via};
use super::{
    double::{Repeats, Reporting},
    ledger::{Ledger, Reason},
    names::Names,
    underway::Underway,
};

/// How far a record may be dated ahead of the clock of who reads it, milliseconds: a day is more than zones and clocks differ. One from
/// the future would make every later record of its log one that comes too late.
const AHEAD: u64 = 24 * 60 * 60 * 1000;

/// What the accounts of all sources said at a moment.
#[derive(Debug)]
pub struct Mark(Vec<Ledger>);

/// Flow and DNS records of one provider, until somebody takes them.
pub struct Flows {
    cloud: Source,
    /// What the records to come were observed by, where the cloud has several kinds of logs.
    observed_by: Source,
    profile: Profile,
    v4: Open<u32>,
    v6: Open<u128>,
    /// Batches that wait to be taken.
    ready: Vec<FlowBatch>,
    /// DNS records.
    queries: DnsBatch,
    /// Those that wait to be taken.
    ready_queries: Vec<DnsBatch>,
    names: Names,
    sources: Sources,
    underway: Underway,
    repeats: Repeats,
    /// Records that end later are not believed, milliseconds since the epoch.
    latest: u64,
    /// Rows of the record at hand.
    pushed: Pushed,
}

/// Rows of a record.
#[derive(Clone, Copy, Default)]
struct Pushed {
    kept: bool,
    left_out: bool,
}

impl Flows {
    /// None yet of this cloud.
    pub fn new(cloud: Source) -> Self {
        Self {
            cloud,
            observed_by: cloud,
            profile: Profile::default(),
            v4: Open::new(FlowBatch::v4(cloud)),
            v6: Open::new(FlowBatch::v6(cloud)),
            ready: Vec::new(),
            queries: DnsBatch::default(),
            ready_queries: Vec::new(),
            names: Names::default(),
            sources: Sources { all: Vec::new(), by_id: HashMap::new() },
            underway: Underway::default(),
            repeats: Repeats::default(),
            latest: u64::MAX,
            pushed: Pushed::default(),
        }
    }

    /// The same, of logs that have this `profile`.
    pub fn with_profile(observed_by: Source, profile: Profile) -> Self {
        Self { profile, ..Self::new(observed_by) }
    }

    /// Leaves out, from now on, what is logged more than once. Nothing is left out before this is said.
    pub fn set_reporting(&mut self, reporting: Reporting) {
        self.repeats.set(reporting);
    }

    /// Keys of [`Double::Match`](super::double::Double) that had to be forgotten for others: what repeats them has stayed.
    pub fn forgotten(&self) -> u64 {
        self.repeats.forgotten()
    }

    /// Takes no record, from now on, that is dated more than a day after `now`, milliseconds since the epoch. Before this is said,
    /// any date is believed.
    pub fn set_now(&mut self, now: u64) {
        self.latest = now.saturating_add(AHEAD);
    }

    /// The end of a flow, if it may be believed; a start is believed no further than the end. For every decoder, before it makes a record.
    ///
    /// # Errors
    /// `what` tells a time in the future.
    #[inline(always)]
    pub fn end_of<W>(&self, end: u64, what: W) -> Result<u64, (Reason, W)> {
        if end > self.latest { Err((Reason::Time, what)) } else { Ok(end) }
    }

    /// The cloud.
    pub fn cloud(&self) -> Source {
        self.cloud
    }

    /// The sources and records to come are of this kind of its logs.
    #[inline(always)]
    pub fn observe(&mut self, source: Source) {
        if source != self.observed_by {
            self.change(source);
        }
    }

    #[cold]
    fn change(&mut self, source: Source) {
        self.close();
        self.observed_by = source;
        self.v4.observe(source);
        self.v6.observe(source);
    }

    /// When flows that are told several times were last told.
    pub fn underway(&mut self) -> &mut Underway {
        &mut self.underway
    }

    /// The place of the source that is this log of this account.
    pub fn source(&mut self, account: &str, log: &str) -> u32 {
        self.sources.place(self.observed_by, &self.profile, account, log)
    }

    /// The account of a source.
    pub fn ledger(&mut self, source: u32) -> &mut Ledger {
        self.sources.ledger(source)
    }

    /// All sources, and what became of their records.
    pub fn ledgers(&self) -> impl Iterator<Item = (&SourceId, &Ledger)> {
        self.sources.all.iter().map(|(device, ledger)| (&device.id, ledger))
    }

    /// Numbers for texts.
    pub fn names(&mut self) -> &mut Names {
        &mut self.names
    }

    /// The numbers of an observation point, and of the source that is `log` of its account, or of `account` where it tells
    /// none.
    #[inline(always)]
    pub fn point(&mut self, told: [&[u8]; 7], account: &str, log: &str) -> (u32, u32) {
        let Self { names, sources, observed_by, profile, .. } = self;
        // Two logs may tell of one interface.
        let beside = [observed_by.name(), account, log];
        names.point(told, beside, |point| {
            use sensor_core::flow::point::PointAttribute::Account;
            sources.place(*observed_by, profile, point.get(Account).unwrap_or(account), log)
        })
    }

    /// Counts the record of `source` whose rows have been pushed since [`Self::begin`]: as a duplicate where every row of it
    /// repeats another one, else as one that became flows.
    #[inline(always)]
    pub fn end(&mut self, source: u32) {
        let Pushed { kept, left_out } = std::mem::take(&mut self.pushed);
        let ledger = self.sources.ledger(source);
        ledger.records += 1;
        if left_out && !kept {
            ledger.duplicates += 1;
        } else {
            ledger.flows += 1;
        }
    }

    /// Appends a row, and counts it for its source, unless it is one to leave out ([`Self::set_reporting`]).
    #[inline(always)]
    pub fn push(&mut self, record: &Record) {
        debug_assert!(
            record.end <= self.latest,
            "a decoder did not ask whether to believe the time"
        );
        // A copy, so that the record need not be in memory where nobody asks.
        if !self.repeats.keep_all() && self.is_repeated(&{ *record }) {
            return;
        }
        self.pushed.kept = true;
        self.sources.ledger(record.point.1).rows += 1;
        let properties = self.names.properties(record.texts.all());
        let is_full = match record.ends {
            Ends::V4(from, to) => self.append_v4((from, to), record, properties),
            Ends::V6(from, to) => self.append_v6((from, to), record, properties),
        };
        if is_full {
            // Those of rare kinds of records as well: nobody is to wait long for what has been told.
            self.close();
        }
    }

    /// Appends a DNS record, and counts it for its source.
    pub fn push_dns(&mut self, record: &DnsRecord<'_>) {
        let ledger = self.sources.ledger(record.device);
        ledger.records += 1;
        ledger.dns += 1;
        self.queries.push(record);
        if self.queries.is_full() {
            self.close();
        }
    }

    #[inline(always)]
    fn append_v4(&mut self, ends: (u32, u32), record: &Record, properties: u32) -> bool {
        let Self { v4, ready, sources, names, .. } = self;
        v4.append(ends, record, properties, ready, sources, names)
    }

    /// Rarer, and as long: once is enough.
    #[inline(never)]
    fn append_v6(&mut self, ends: (u128, u128), record: &Record, properties: u32) -> bool {
        let Self { v6, ready, sources, names, .. } = self;
        v6.append(ends, record, properties, ready, sources, names)
    }

    /// Makes all batches ready that hold anything, in the order of their first rows.
    #[cold]
    fn close(&mut self) {
        let Self { v4, v6, ready, queries, ready_queries, names, sources, .. } = self;
        if !queries.is_empty() {
            let mut whole = std::mem::take(queries);
            whole.devices = localise(whole.sources_mut(), sources);
            whole.points.clone_from(names.tables().0);
            ready_queries.push(whole);
        }
        v4.close(ready, sources, names);
        v6.close(ready, sources, names);
    }

    #[inline(never)]
    fn is_repeated(&mut self, record: &Record) -> bool {
        let point = self.names.tables().0.get(record.point.0);
        let is_repeated = self.repeats.is_repeated(record, point);
        if is_repeated {
            self.sources.ledger(record.point.1).repeated += 1;
            self.pushed.left_out = true;
        }
        is_repeated
    }

    /// To be called before each record: numbers of names that were given out for the one before may be forgotten. They are
    /// still the same where this returns the same.
    #[inline(always)]
    pub fn begin(&mut self) -> u64 {
        self.pushed = Pushed::default();
        if self.names.are_many() {
            self.end_names();
        }
        self.names.renewed()
    }

    /// Hands over what numbers names, and forgets these.
    #[cold]
    fn end_names(&mut self) {
        self.close();
        self.names.renew();
        self.repeats.forget_points();
    }

    /// The accounts as they stand, for [`Self::rewind`].
    pub fn mark(&self) -> Mark {
        Mark(self.sources.all.iter().map(|(_, ledger)| ledger.clone()).collect())
    }

    /// Forgets all records since `mark`, of which no batch was taken: whoever reads an object on has been told of its beginning
    /// before.
    pub fn rewind(&mut self, mark: Mark) {
        self.v4.clear();
        self.v6.clear();
        self.ready.clear();
        self.queries.clear();
        self.ready_queries.clear();
        let mut before = mark.0.into_iter();
        for (_, ledger) in &mut self.sources.all {
            *ledger = before.next().unwrap_or_default();
        }
    }

    /// Hands the batches of flows that are full to `sink`, with `all` those that hold anything.
    pub fn take(&mut self, all: bool, sink: impl FnMut(FlowBatch)) {
        if all {
            self.close();
        }
        self.ready.drain(..).for_each(sink);
    }

    /// The same of those of DNS records.
    pub fn take_dns(&mut self, all: bool, sink: impl FnMut(DnsBatch)) {
        if all {
            self.close();
        }
        self.ready_queries.drain(..).for_each(sink);
    }
}
