//! Where decoded records go: a batch for each address family, and the account of every source.

use std::{collections::HashMap, sync::Arc};

use sensor_core::flow::{
    batch::{Addresses, DIRECTION_UNTOLD, FlowBatch, Source, TCP_FLAGS_UNTOLD},
    columns::Column,
    device::Device,
    protocol,
    source::SourceId,
};

pub use super::record::{Ends, Record, RecordTexts, Via};
use super::{
    double::{Repeats, Reporting},
    ledger::Ledger,
    names::Names,
};

/// Accounts and logs that are told apart; the others share the last place.
const MOST_SOURCES: usize = 4096;

/// The accounts and logs that records have come from.
struct Sources {
    all: Vec<(Arc<Device>, Ledger)>,
    by_id: HashMap<SourceId, u32>,
}

/// Batches of one address family that are being filled: one for each set of columns that is not told, the last used first. Of
/// a log that lacks columns, few kinds of records come in turns, as those of protocols with ports and without.
struct Open(Vec<FlowBatch>);

/// Batches that are open at a time.
const MOST_OPEN: usize = 4;

/// Flow records of one provider, until somebody takes them.
pub struct Flows {
    observed_by: Source,
    v4: Open,
    v6: Open,
    /// Batches that wait to be taken.
    ready: Vec<FlowBatch>,
    names: Names,
    sources: Sources,
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
    pub fn new(observed_by: Source) -> Self {
        Self {
            observed_by,
            v4: Open(vec![FlowBatch::v4(observed_by)]),
            v6: Open(vec![FlowBatch::v6(observed_by)]),
            ready: Vec::new(),
            names: Names::default(),
            sources: Sources { all: Vec::new(), by_id: HashMap::new() },
            repeats: Repeats::default(),
            pushed: Pushed::default(),
        }
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
    pub fn observed_by(&self) -> Source {
        self.observed_by
    }

    /// The place of the source that is this log of this account.
    pub fn source(&mut self, account: &str, log: &str) -> u32 {
        self.sources.place(self.observed_by, account, log)
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
        let Self { names, sources, observed_by, .. } = self;
        names.point(told, |point| {
            use sensor_core::flow::point::PointAttribute::Account;
            sources.place(*observed_by, point.get(Account).unwrap_or(account), log)
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
        let open = match record.ends {
            Ends::V4(..) => &mut self.v4,
            Ends::V6(..) => &mut self.v6,
        };
        if open.0[0].untold != untold {
            open.turn_to(untold, &mut self.ready, &self.sources, &self.names);
        }
        let batch = &mut open.0[0];
        write(batch, record);
        if batch.is_full() {
            hand_over(batch, &mut self.ready, &self.sources, &self.names);
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

    /// To be called before each record: numbers of names that were given out for the one before may be forgotten.
    #[inline(always)]
    pub fn begin(&mut self) {
        self.pushed = Pushed::default();
        if self.names.are_many() {
            self.end_names();
        }
    }

    /// Hands over what numbers names, and forgets these.
    #[cold]
    fn end_names(&mut self) {
        let Self { v4, v6, ready, names, sources, .. } = self;
        for batch in v4.0.iter_mut().rev().chain(v6.0.iter_mut().rev()) {
            hand_over(batch, ready, sources, names);
        }
        names.renew();
        self.repeats.forget_points();
    }

    /// Hands the batches that are full to `sink`, with `all` those that hold anything.
    pub fn take(&mut self, all: bool, sink: impl FnMut(FlowBatch)) {
        let Self { v4, v6, ready, names, sources, .. } = self;
        if all {
            for batch in v4.0.iter_mut().rev().chain(v6.0.iter_mut().rev()) {
                hand_over(batch, ready, sources, names);
            }
        }
        ready.drain(..).for_each(sink);
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
        let Self(batches) = self;
        let place = match batches.iter().position(|batch| batch.untold == untold) {
            Some(place) => place,
            None if batches.len() < MOST_OPEN => {
                batches.push(empty(&batches[0]));
                batches.len() - 1
            }
            None => {
                hand_over(&mut batches[MOST_OPEN - 1], ready, sources, names);
                MOST_OPEN - 1
            }
        };
        batches[place].untold = untold;
        batches[..=place].rotate_right(1);
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
    fn place(&mut self, provider: Source, account: &str, log: &str) -> u32 {
        let id = SourceId::Cloud { provider, account: account.to_owned(), log: log.to_owned() };
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
        self.all.push((Arc::new(Device::of(id.clone())), Ledger::default()));
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
    whole.level();
    // The rows of a batch are of few of the sources.
    let mut places: HashMap<u32, u32> = HashMap::new();
    let mut last = (u32::MAX, 0);
    for place in &mut whole.device {
        if *place != last.0 {
            let own = *places.entry(*place).or_insert_with(|| {
                whole.devices.push(sources.all[*place as usize].0.clone());
                whole.devices.len() as u32 - 1
            });
            last = (*place, own);
        }
        *place = last.1;
    }
    let (points, texts, label_sets) = names.tables();
    whole.points.clone_from(points);
    whole.texts.clone_from(texts);
    whole.label_sets.clone_from(label_sets);
    ready.push(whole);
}

#[inline(always)]
fn write(batch: &mut FlowBatch, record: &Record) {
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
    let RecordTexts { rule, reject_reason, flow_state, encryption, data_status } = record.texts;
    put(&mut batch.rule, row, rule);
    put(&mut batch.reject_reason, row, reject_reason);
    put(&mut batch.flow_state, row, flow_state);
    put(&mut batch.encryption, row, encryption);
    put(&mut batch.data_status, row, data_status);
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
