//! Where decoded records go: flows to a batch for each address family, DNS records to one of their own, and the account of every
//! source.

use std::{collections::HashMap, sync::Arc};

use sensor_core::{
    dns::{DnsBatch, DnsRecord},
    flow::{
        batch::{Addresses, DIRECTION_UNTOLD, FlowBatch, Source, TCP_FLAGS_UNTOLD},
        columns::Column,
        device::Device,
        protocol,
        source::SourceId,
    },
};

pub use super::record::{Ends, Record, RecordTexts, Via};
use super::{
    double::{Repeats, Reporting},
    ledger::Ledger,
    names::Names,
    underway::Underway,
};

/// What the configuration says of logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Their site; empty for none.
    pub site: String,
    /// Tags for their flows.
    pub tags: Vec<String>,
}

/// Accounts and logs that are told apart; the others share the last place.
const MOST_SOURCES: usize = 4096;

/// What the accounts of all sources said at a moment.
#[derive(Debug)]
pub struct Mark(Vec<Ledger>);

/// The accounts and logs that records have come from.
struct Sources {
    all: Vec<(Arc<Device>, Ledger)>,
    by_id: HashMap<SourceId, u32>,
}

/// Batches of one address family that are being filled: one for each set of columns that is not told, the last used first. Of
/// a log that lacks columns, few kinds of records come in turns, as those of protocols with ports and without.
struct Open(Vec<Filling>);

/// A batch that is being filled.
struct Filling {
    batch: Box<FlowBatch>,
    /// How many of the others got a row first.
    turn: u32,
}

/// Batches that are open at a time.
const MOST_OPEN: usize = 4;

/// Flow and DNS records of one provider, until somebody takes them.
pub struct Flows {
    cloud: Source,
    /// What the records to come were observed by, where the cloud has several kinds of logs.
    observed_by: Source,
    profile: Profile,
    v4: Open,
    v6: Open,
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
            v4: Open(vec![Filling { batch: Box::new(FlowBatch::v4(cloud)), turn: 0 }]),
            v6: Open(vec![Filling { batch: Box::new(FlowBatch::v6(cloud)), turn: 0 }]),
            ready: Vec::new(),
            queries: DnsBatch::default(),
            ready_queries: Vec::new(),
            names: Names::default(),
            sources: Sources { all: Vec::new(), by_id: HashMap::new() },
            underway: Underway::default(),
            repeats: Repeats::default(),
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
        let all = self.v4.0.iter_mut().chain(&mut self.v6.0);
        all.for_each(|filling| filling.batch.observed_by = source);
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
        if !self.repeats.keep_all() && self.is_repeated(record) {
            return;
        }
        self.pushed.kept = true;
        let mut untold = Column::IcmpTypeCode.bit() | Column::Fragment.bit();
        let has_ports = protocol::has_ports(record.protocol);
        for (column, is_told) in [
            (Column::SourcePort, record.ports.0.is_some() || !has_ports),
            (Column::DestinationPort, record.ports.1.is_some() || !has_ports),
            (Column::Tos, record.tos.is_some()),
            (Column::Packets, record.packets.is_some()),
            (Column::Octets, record.octets.is_some()),
            (Column::Start, record.start.is_some()),
        ] {
            untold |= if is_told { 0 } else { column.bit() };
        }
        self.sources.ledger(record.point.1).rows += 1;
        let properties = self.names.properties(record.texts.all());
        let open = match record.ends {
            Ends::V4(..) => &mut self.v4,
            Ends::V6(..) => &mut self.v6,
        };
        if open.0[0].batch.untold != untold {
            open.turn_to(untold, &mut self.ready, &self.sources, &self.names);
        }
        let batch = &mut open.0[0].batch;
        write(batch, record, properties);
        if batch.is_full() {
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

    /// Makes all batches ready that hold anything, in the order of their first rows.
    fn close(&mut self) {
        let Self { v4, v6, ready, queries, ready_queries, names, sources, .. } = self;
        if !queries.is_empty() {
            let mut whole = std::mem::take(queries);
            whole.devices = localise(whole.sources_mut(), sources);
            whole.points.clone_from(names.tables().0);
            ready_queries.push(whole);
        }
        for Open(all) in [v4, v6] {
            all.sort_by_key(|filling| filling.turn);
            for Filling { batch, turn } in all.iter_mut() {
                hand_over(batch, ready, sources, names);
                *turn = 0;
            }
            // The next batches depend on the rows to come alone, and not on those that came before: whoever reads an object again
            // finds the same ones.
            all.truncate(1);
            all[0].batch.untold = 0;
        }
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
        for filling in self.v4.0.iter_mut().chain(&mut self.v6.0) {
            filling.batch.clear();
            filling.turn = 0;
        }
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

impl Open {
    /// Puts the batch that does not tell these columns in front.
    #[cold]
    fn turn_to(
        &mut self,
        untold: u128,
        ready: &mut Vec<FlowBatch>,
        sources: &Sources,
        names: &Names,
    ) {
        let Self(all) = self;
        let place = match all.iter().position(|filling| filling.batch.untold == untold) {
            Some(place) => place,
            None if all.len() < MOST_OPEN => {
                all.push(Filling { batch: Box::new(empty(&all[0].batch)), turn: 0 });
                all.len() - 1
            }
            None => {
                hand_over(&mut all[MOST_OPEN - 1].batch, ready, sources, names);
                MOST_OPEN - 1
            }
        };
        if all[place].batch.is_empty() {
            all[place].turn = 1 + all.iter().map(|filling| filling.turn).max().unwrap_or(0);
        }
        all[place].batch.untold = untold;
        all[..=place].rotate_right(1);
    }
}

/// An empty batch of the same family and source.
fn empty(batch: &FlowBatch) -> FlowBatch {
    match batch.addresses {
        Addresses::V4 { .. } => FlowBatch::v4(batch.observed_by),
        Addresses::V6 { .. } => FlowBatch::v6(batch.observed_by),
    }
}

impl Sources {
    #[cold]
    fn place(&mut self, provider: Source, profile: &Profile, account: &str, log: &str) -> u32 {
        // Names come from paths and keys, which others choose, and are printed.
        let plain = |name: &str| name.chars().filter(|octet| !octet.is_control()).collect();
        let id = SourceId::Cloud { provider, account: plain(account), log: plain(log) };
        if let Some(place) = self.by_id.get(&id) {
            return *place;
        }
        let id = match self.all.len() {
            few if few < MOST_SOURCES => id,
            _ => {
                let (account, log) = ("other accounts".to_owned(), log.to_owned());
                let others = SourceId::Cloud { provider, account, log };
                if let Some(place) = self.by_id.get(&others) {
                    return *place;
                }
                // One more for each log whose accounts have no place.
                if self.all.len() >= 2 * MOST_SOURCES {
                    return (self.all.len() - 1) as u32;
                }
                others
            }
        };
        let place = self.all.len() as u32;
        let Profile { site, tags } = profile.clone();
        let device = Device { site, tags, ..Device::of(id.clone()) };
        self.all.push((Arc::new(device), Ledger::default()));
        self.by_id.insert(id, place);
        place
    }

    #[inline(always)]
    fn ledger(&mut self, place: u32) -> &mut Ledger {
        &mut self.all[place as usize].1
    }
}

/// Makes the batch one that can be looked at, and puts it among those that are ready.
fn hand_over(batch: &mut FlowBatch, ready: &mut Vec<FlowBatch>, sources: &Sources, names: &Names) {
    if batch.is_empty() {
        return;
    }
    let next = empty(batch);
    let mut whole = std::mem::replace(batch, next);
    batch.untold = whole.untold;
    // Their counts are of all packets, as far as the cloud knows.
    whole.sample_rate = vec![1; whole.len()];
    whole.level();
    whole.devices = localise(&mut whole.device, sources);
    let (points, properties, label_sets) = names.tables();
    whole.points.clone_from(points);
    whole.properties.clone_from(properties);
    whole.label_sets.clone_from(label_sets);
    ready.push(whole);
}

/// Numbers the sources of rows anew, by their places among those that are returned: the rows of a batch are of few of them.
fn localise(places: &mut [u32], sources: &Sources) -> Vec<Arc<Device>> {
    let mut devices = Vec::new();
    let mut known: HashMap<u32, u32> = HashMap::new();
    let mut last = (u32::MAX, 0);
    for place in places {
        if *place != last.0 {
            let own = *known.entry(*place).or_insert_with(|| {
                devices.push(sources.all[*place as usize].0.clone());
                devices.len() as u32 - 1
            });
            last = (*place, own);
        }
        *place = last.1;
    }
    devices
}

#[inline(always)]
fn write(batch: &mut FlowBatch, record: &Record, properties: u32) {
    let row = batch.len();
    match (&mut batch.addresses, record.ends) {
        (Addresses::V4 { source, destination }, Ends::V4(from, to)) => {
            source.push(from);
            destination.push(to);
        }
        (Addresses::V6 { source, destination }, Ends::V6(from, to)) => {
            source.push(from);
            destination.push(to);
        }
        _ => return debug_assert!(false, "the caller chose the batch by the family"),
    }
    batch.source_port.push(record.ports.0.unwrap_or(0));
    batch.destination_port.push(record.ports.1.unwrap_or(0));
    batch.protocol.push(record.protocol);
    batch.packets.push(record.packets.unwrap_or(0));
    batch.octets.push(record.octets.unwrap_or(0));
    // Who reads times of a flow whose start is not told finds it without duration.
    batch.start.push(record.start.unwrap_or(record.end));
    batch.end.push(record.end);
    batch.tcp_flags.push(record.tcp_flags.unwrap_or(TCP_FLAGS_UNTOLD));
    batch.direction.push(record.direction.map_or(DIRECTION_UNTOLD, |way| way as u8));
    batch.device.push(record.point.1);
    put(&mut batch.tos, row, record.tos.unwrap_or(0));
    put(&mut batch.observation_point, row, record.point.0);
    put(&mut batch.action, row, record.action.map_or(0, |action| action as u8));
    put(&mut batch.version, row, record.version);
    put(&mut batch.traffic_path, row, record.traffic_path);
    put(&mut batch.initiator, row, record.initiator);
    put(&mut batch.common_properties, row, properties);
    put(&mut batch.source_labels, row, record.labels.0);
    put(&mut batch.destination_labels, row, record.labels.1);
    match record.via {
        None => {}
        Some(Via::V4(address)) => put(&mut batch.via_v4, row, address),
        Some(Via::V6(address)) => put(&mut batch.via_v6, row, address),
    }
}

/// Writes what is told of `row`; a column of which nothing has been told yet stays without rows.
#[inline(always)]
fn put<T: Copy + Default + PartialEq>(column: &mut Vec<T>, row: usize, value: T) {
    if value != T::default() {
        column.resize(row, T::default());
        column.push(value);
    }
}
