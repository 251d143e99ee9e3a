//! How far each source of flows has come, by the time of its records.
//!
//! A router's active timeout or a cloud log's quarter of an hour is not lateness: records are late against the newest of
//! their own source. Where a source is silent, the clock goes on for it, as far behind as its longest recent silence.
//!
//! Windows compare records of several sources with each other and with our clock. So the times of a source whose clock is
//! wrong, as its messages tell, count as what they are by ours; and where all records of a source are older than any silence
//! that is waited for, they count as that much younger.

use std::{collections::HashMap, sync::Arc};

use crate::flow::{batch::FlowBatch, source::SourceId};

/// Number of a source: what rows, keys and incidents remember instead of its [`SourceId`].
pub type SourceNumber = u16;

/// This host.
pub const HOST: SourceNumber = 0;

/// How far a record may be ahead of the clock, milliseconds. More is a wrong clock, and the record counts as of now.
const AHEAD: u64 = 60_000;
/// How far the clock may go back before it counts as set back, milliseconds.
const BACK: u64 = 60_000;
/// Longest silence that is waited for, milliseconds.
const LONGEST_GAP: u64 = 3_600_000;
/// The same for this host, which reports flows that go on every minute.
const LONGEST_HOST_GAP: u64 = 60_000;
/// How long a silence is remembered at least, milliseconds.
const GAP_MEMORY: u64 = 3_600_000;
/// For how long all records of a source must have been older before they count as that much younger, milliseconds.
const SETTLING: u64 = 60_000;

/// Sources that are told apart; what lies beyond shares the last number.
const MOST: usize = SourceNumber::MAX as usize;
/// Sources whose records are old that are told of.
const TOLD: usize = 64;

/// All sources.
#[derive(Debug)]
pub struct Sources {
    all: Vec<Progress>,
    names: Names,
    by_id: HashMap<SourceId, SourceNumber>,
    /// Milliseconds since the epoch; `None` before the first word of it.
    clock: Option<u64>,
    /// When everything began, by the clock or the first record.
    began: Option<u64>,
    /// End of the newest record, as it counted.
    latest: u64,
    /// Records ahead of the clock.
    pub ahead: u64,
    /// How often the clock was set back.
    pub set_back: u64,
    /// Sources whose records have turned out to be old, until somebody tells.
    old: Vec<OldSource>,
}

/// Names by number; shared with the views that were taken, until one of them changes.
type Names = Arc<Vec<Arc<str>>>;

/// What policies see of the sources: a copy as of one moment, which may go to other threads while the sources go on.
#[derive(Clone, Debug, Default)]
pub struct View {
    clock: Option<u64>,
    began: u64,
    slowest: u64,
    /// By number; none where only records are looked at, which never ask for it.
    horizons: Vec<u64>,
    names: Names,
}

impl View {
    /// Name of a source.
    pub fn name(&self, number: SourceNumber) -> &str {
        self.names.get(usize::from(number)).map_or("", |name| name)
    }

    /// Up to when the records of a source have arrived, as far as can be told.
    pub fn horizon(&self, number: SourceNumber) -> u64 {
        self.horizons.get(usize::from(number)).copied().unwrap_or(self.slowest)
    }

    /// The horizon of the slowest source; the clock where no source has been seen.
    pub fn slowest(&self) -> u64 {
        self.slowest
    }

    /// When everything began, milliseconds since the epoch; again where the clock was set back.
    pub fn began(&self) -> u64 {
        self.began
    }

    /// Whether a time lies so far ahead of the clock that a wrong clock made it.
    pub fn is_ahead(&self, time: u64) -> bool {
        self.clock.is_some_and(|clock| time > clock.saturating_add(AHEAD))
    }
}

/// A source whose records are as of long ago, though its clock seems right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldSource {
    /// Its name.
    pub name: String,
    /// How old its newest records are at least, milliseconds.
    pub age: u64,
}

/// A source as a batch has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Its number.
    pub number: SourceNumber,
    /// Its clock minus ours, milliseconds, as its messages tell.
    pub skew: i64,
}

#[derive(Debug)]
struct Progress {
    seen: bool,
    /// Time of the newest record.
    mark: u64,
    /// Longest silences, in this period and the one before.
    gaps: [u64; 2],
    period: u64,
    /// How old all its records are, milliseconds; 0 where that is no more than [`LONGEST_GAP`].
    age: u64,
    /// Where they have become older: by how much at least, and since when.
    older: Option<(u64, u64)>,
}

impl Progress {
    fn new() -> Self {
        Self { seen: false, mark: 0, gaps: [0; 2], period: 0, age: 0, older: None }
    }
}

impl Sources {
    /// No source but this host, which events call `host`.
    pub fn new(host: String) -> Self {
        Self {
            all: vec![Progress::new()],
            names: Arc::new(vec![host.into()]),
            by_id: [(SourceId::Host, HOST)].into(),
            clock: None,
            began: None,
            latest: 0,
            ahead: 0,
            set_back: 0,
            old: Vec::new(),
        }
    }

    /// What is to be seen while records are looked at.
    pub fn view(&self) -> View {
        View {
            clock: self.clock,
            began: self.began.unwrap_or(0),
            names: self.names.clone(),
            ..View::default()
        }
    }

    /// The same, and how far each source has come.
    pub fn view_of_progress(&self) -> View {
        let horizons =
            (0..self.all.len()).map(|number| self.horizon(number as SourceNumber)).collect();
        View { slowest: self.slowest(), horizons, ..self.view() }
    }

    /// Moves the clock. Where it was set back, what is newer by its own time was never so.
    pub fn advance(&mut self, now: u64) {
        self.began.get_or_insert(now);
        let back = self.clock.is_some_and(|clock| now.saturating_add(BACK) < clock);
        if back {
            self.set_back += 1;
            self.began = Some(now);
            for source in &mut self.all {
                source.mark = source.mark.min(now);
                source.gaps = [0; 2];
                source.period = now;
                (source.age, source.older) = (0, None);
            }
            self.latest = self.latest.min(now);
        }
        if back || self.clock.is_none_or(|clock| now > clock) {
            self.clock = Some(now);
        }
    }

    /// The sources of a batch's rows, by place in its list of devices; one for the host's.
    pub fn of_batch(&mut self, batch: &FlowBatch, origins: &mut Vec<Origin>) {
        origins.clear();
        for (place, device) in batch.devices.iter().enumerate() {
            let number = match self.by_id.get(&device.id) {
                Some(number) => *number,
                None => self.add(&device.id),
            };
            let is_shared = usize::from(number) == MOST - 1;
            let is_named = *self.names[usize::from(number)] == *device.name;
            if !device.name.is_empty() && !is_named && !is_shared {
                Arc::make_mut(&mut self.names)[usize::from(number)] = device.name.as_str().into();
            }
            let skew = batch.skews.get(place).copied().unwrap_or(0);
            origins.push(Origin { number, skew });
        }
        if origins.is_empty() {
            origins.push(Origin { number: HOST, skew: 0 });
        }
    }

    #[cold]
    fn add(&mut self, source: &SourceId) -> SourceNumber {
        let number = self.all.len();
        let name = match number {
            full if full >= MOST => return (MOST - 1) as SourceNumber,
            last if last == MOST - 1 => "other sources".to_owned(),
            _ => {
                self.by_id.insert(source.clone(), number as SourceNumber);
                source.to_string()
            }
        };
        self.all.push(Progress::new());
        Arc::make_mut(&mut self.names).push(name.into());
        number as SourceNumber
    }

    /// Takes note of a record that ends at `end`. Returns the time that it counts as of, and that of the newest record of
    /// its source.
    #[inline(always)]
    pub fn record(&mut self, Origin { number, skew }: Origin, end: u64) -> (u64, u64) {
        let mut end = end;
        if skew != 0 {
            end = end.saturating_add_signed(skew.saturating_neg());
        }
        let clock = self.clock;
        if let Some(clock) = clock {
            if end > clock.saturating_add(AHEAD) {
                end = clock;
                self.ahead += 1;
            }
            let source = &self.all[usize::from(number)];
            let is_old = end.saturating_add(LONGEST_GAP) < clock;
            if (is_old || source.age != 0 || source.older.is_some()) && number != HOST {
                end = self.grow_younger(number, end, clock);
            }
        }
        self.latest = self.latest.max(end);
        let source = &mut self.all[usize::from(number)];
        if end > source.mark || !source.seen {
            self.began.get_or_insert(end);
            source.progress(end, clock, longest_gap(number));
        }
        (end, source.mark)
    }

    /// [`Self::record`] for records of one source that stand side by side in a batch.
    pub fn records(&mut self, origin: Origin, ends: &[u64], times: &mut Vec<(u64, u64)>) {
        let mut rest = ends;
        while let Some((end, others)) = rest.split_first() {
            times.push(self.record(origin, *end));
            rest = self.ordinary_records(origin, others, times);
        }
    }

    /// The leading records of which only the end is new after [`Self::record`] has seen another one of this source at
    /// this time. Returns the others.
    fn ordinary_records<'a>(
        &mut self,
        Origin { number, skew }: Origin,
        ends: &'a [u64],
        times: &mut Vec<(u64, u64)>,
    ) -> &'a [u64] {
        let source = &mut self.all[usize::from(number)];
        let has_gap = self.clock.is_some_and(|clock| source.has_gap(clock, longest_gap(number)));
        if source.age != 0 || source.older.is_some() || has_gap {
            return ends;
        }
        let (oldest, newest) = match self.clock {
            Some(clock) => (clock.saturating_sub(LONGEST_GAP), clock.saturating_add(AHEAD)),
            None => (0, u64::MAX),
        };
        let correct = |end: u64| end.saturating_add_signed(skew.saturating_neg());
        let ordinary = ends.iter().position(|end| !(oldest..=newest).contains(&correct(*end)));
        let (ordinary, others) = ends.split_at(ordinary.unwrap_or(ends.len()));
        let mut mark = source.mark;
        times.extend(ordinary.iter().map(|end| {
            let end = correct(*end);
            mark = mark.max(end);
            (end, mark)
        }));
        source.mark = mark;
        self.latest = self.latest.max(mark);
        others
    }

    /// The time of a record of a source whose records are old, or seem to be.
    #[cold]
    #[inline(never)]
    fn grow_younger(&mut self, number: SourceNumber, end: u64, clock: u64) -> u64 {
        let source = &mut self.all[usize::from(number)];
        let before = source.age;
        let age = clock.saturating_sub(end);
        let old = if age > LONGEST_GAP { age } else { 0 };
        let (least, since) = source.older.unwrap_or((u64::MAX, clock));
        if !source.seen || age < before {
            (source.age, source.older) = (old, None);
        } else if age <= before.saturating_add(LONGEST_GAP) {
            source.older = None;
        } else if clock.saturating_sub(since) < SETTLING {
            source.older = Some((least.min(age), since));
        } else {
            (source.age, source.older) = (least.min(age), None);
        }
        let age = source.age;
        if age > before && self.old.len() < TOLD {
            let name = self.names[usize::from(number)].to_string();
            self.old.push(OldSource { name, age });
        }
        end.saturating_add(age)
    }

    /// Sources whose records have turned out to be old since the last call.
    pub fn take_old(&mut self) -> Vec<OldSource> {
        std::mem::take(&mut self.old)
    }

    /// End of the newest record so far, as it counted; milliseconds since the epoch.
    pub fn latest(&self) -> u64 {
        self.latest
    }

    fn horizon(&self, number: SourceNumber) -> u64 {
        let source = &self.all[usize::from(number)];
        let gap = source.gaps[0].max(source.gaps[1]);
        self.clock.map_or(source.mark, |clock| clock.saturating_sub(gap).max(source.mark))
    }

    fn slowest(&self) -> u64 {
        let seen = (0..self.all.len()).filter(|&number| self.all[number].seen);
        let slowest = seen.map(|number| self.horizon(number as SourceNumber)).min();
        slowest.or(self.clock).unwrap_or(0)
    }
}

/// The longest silence of a source that is waited for.
fn longest_gap(number: SourceNumber) -> u64 {
    if number == HOST { LONGEST_HOST_GAP } else { LONGEST_GAP }
}

impl Progress {
    /// Whether the silence that a newer record ends has to be noted.
    #[inline(always)]
    fn has_gap(&self, clock: u64, longest: u64) -> bool {
        let gap = clock.saturating_sub(self.mark).min(longest);
        gap > self.gaps[0] || clock.saturating_sub(self.period) >= GAP_MEMORY
    }

    #[cold]
    #[inline(never)]
    fn note_gap(&mut self, clock: u64, longest: u64) {
        if clock.saturating_sub(self.period) >= GAP_MEMORY {
            self.gaps = [0, self.gaps[0]];
            self.period = clock;
        }
        let gap = clock.saturating_sub(self.mark).min(longest);
        self.gaps[0] = self.gaps[0].max(gap);
    }

    #[inline(always)]
    fn progress(&mut self, end: u64, clock: Option<u64>, longest: u64) {
        if let Some(clock) = clock.filter(|clock| self.seen && self.has_gap(*clock, longest)) {
            self.note_gap(clock, longest);
        }
        self.seen = true;
        self.mark = end;
    }
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, sync::Arc};

    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::flow::{batch::Source, device::Device};

    const NOW: u64 = 1_700_000_000_000;
    const HOUR: u64 = 3_600_000;

    fn started() -> Sources {
        let mut sources = Sources::new("host".to_owned());
        sources.advance(NOW);
        sources
    }

    /// The source at an address, whose clock is ahead by so many milliseconds.
    fn origin(sources: &mut Sources, address: u32, skew: i64) -> Origin {
        let mut batch = FlowBatch::v4(Source::NetFlow);
        batch.devices = vec![Arc::new(Device::new(IpAddr::V4(address.into())))];
        batch.skews = vec![skew];
        let mut origins = Vec::new();
        sources.of_batch(&batch, &mut origins);
        assert_eq!(origins.len(), 1);
        origins[0]
    }

    #[test]
    fn a_clock_that_is_known_to_be_wrong_is_corrected() {
        let mut sources = started();
        for (address, skew) in [(1, -6 * HOUR as i64), (2, 6 * HOUR as i64), (3, 0)] {
            let origin = origin(&mut sources, address, skew);
            let told = (NOW - 1000).saturating_add_signed(skew);
            assert_eq!(sources.record(origin, told), (NOW - 1000, NOW - 1000));
            assert_eq!(sources.horizon(origin.number), NOW);
        }
        assert_eq!((sources.ahead, sources.latest(), sources.slowest()), (0, NOW - 1000, NOW));
    }

    #[test]
    fn a_source_whose_records_are_all_old_has_a_time_line_of_its_own() {
        let mut sources = started();
        let origin = origin(&mut sources, 1, 0);
        let record = |sources: &mut Sources, after: u64, age: u64| {
            sources.advance(NOW + after);
            (NOW + after) - sources.record(origin, NOW + after - age).0
        };
        // From the first on they count as of now; how far they lie apart stays as it is.
        assert_eq!(record(&mut sources, 0, 6 * HOUR), 0);
        assert_eq!(record(&mut sources, 1000, 6 * HOUR + 500), 500);
        assert_eq!(record(&mut sources, 2000, 6 * HOUR - 500), 0);
        assert_eq!(record(&mut sources, 3000, 6 * HOUR), 500);
        let old = |age| OldSource { name: "0.0.0.1".to_owned(), age };
        assert_eq!(sources.take_old(), [old(6 * HOUR)]);
        // One that is prompt shows that they need not be.
        assert_eq!(record(&mut sources, 4000, 100), 100);
        // They count as what they are until none has been prompt for a while.
        assert_eq!(record(&mut sources, 5000, 3 * HOUR), 3 * HOUR);
        assert_eq!(record(&mut sources, 64_999, 3 * HOUR + 1), 3 * HOUR + 1);
        assert_eq!(record(&mut sources, 65_000, 3 * HOUR + 2), 2);
        assert_eq!(sources.take_old(), [old(3 * HOUR)]);
        assert_eq!(sources.take_old(), []);
    }

    #[test]
    fn logs_of_a_cloud_and_files_have_time_lines_of_their_own() {
        const LAG: u64 = 15 * 60_000;
        let log = |log: &str| {
            let (account, log) = ("1234".to_owned(), log.to_owned());
            SourceId::Cloud { provider: Source::Aws, account, log }
        };
        let ids =
            [log("fl-a"), log("fl-b"), SourceId::File("flows.csv".to_owned()), SourceId::Host];
        let mut batch = FlowBatch::v4(Source::NetFlow);
        batch.devices = ids.into_iter().map(|id| Arc::new(Device::of(id))).collect();
        let (mut sources, mut origins) = (started(), Vec::new());
        sources.of_batch(&batch, &mut origins);
        let numbers: Vec<_> = origins.iter().map(|origin| origin.number).collect();
        let names: Vec<_> = numbers.iter().map(|id| sources.view().name(*id).to_owned()).collect();
        assert_eq!(names, ["1234/fl-a", "1234/fl-b", "flows.csv", "host"]);
        // Each record is compared with the newest of its own log; a file of old flows counts as of now.
        let [prompt, lagging, file, host] = origins[..] else { panic!("four sources") };
        assert_eq!(sources.record(prompt, NOW), (NOW, NOW));
        assert_eq!(sources.record(lagging, NOW - LAG), (NOW - LAG, NOW - LAG));
        assert_eq!(sources.record(lagging, NOW - LAG - 1), (NOW - LAG - 1, NOW - LAG));
        assert_eq!(sources.record(file, NOW - 48 * HOUR), (NOW, NOW));
        assert_eq!(host, Origin::default());
        let (mut others, mut again) = (batch.clone(), Vec::new());
        others.devices.reverse();
        sources.of_batch(&others, &mut again);
        again.reverse();
        assert_eq!(again, origins, "the same sources in another order");
    }

    proptest! {
        #[test]
        fn many_records_at_once_are_as_many_one_by_one(
            batches in vec((0..2_u32, -1..2_i64, 0..90_000_u64, vec(-200_000..70_000_i64, 0..20)), 1..12),
            clocked in any::<bool>(),
            scale in 1..60_i64,
        ) {
            let mut at_once = Sources::new("host".to_owned());
            let mut one_by_one = Sources::new("host".to_owned());
            let mut now = NOW;
            for (address, skew, passed, ends) in batches {
                now += passed;
                let ends: Vec<_> =
                    ends.into_iter().map(|end| now.saturating_add_signed(end * scale)).collect();
                let (mut times, mut expected) = (Vec::new(), Vec::new());
                let of = |sources: &mut Sources| match address {
                    0 => Origin::default(),
                    _ => origin(sources, address, skew * HOUR as i64),
                };
                if clocked {
                    at_once.advance(now);
                    one_by_one.advance(now);
                }
                let own = of(&mut at_once);
                at_once.records(own, &ends, &mut times);
                let own = of(&mut one_by_one);
                expected.extend(ends.iter().map(|end| one_by_one.record(own, *end)));
                prop_assert_eq!(times, expected);
                let state = |sources: &Sources| {
                    let Sources { all, began, latest, ahead, old, .. } = sources;
                    format!("{all:?} {began:?} {latest} {ahead} {old:?}")
                };
                prop_assert_eq!(state(&at_once), state(&one_by_one));
            }
        }
    }

    #[test]
    fn the_host_is_never_old() {
        let mut sources = started();
        assert_eq!(sources.record(Origin::default(), NOW - 2 * HOUR).0, NOW - 2 * HOUR);
    }

    #[test]
    fn more_sources_than_there_are_numbers_share_one() {
        let mut sources = started();
        let ids: Vec<_> =
            (0..70_000).map(|address| origin(&mut sources, address, 0).number).collect();
        assert_eq!((ids[0], ids[65_532]), (1, 65_533));
        assert!(ids[65_533..].iter().all(|id| *id == 65_534), "{:?}", &ids[65_530..65_540]);
        assert_eq!((sources.all.len(), sources.by_id.len()), (MOST, MOST - 1));
        assert_eq!(sources.view().name(65_534), "other sources");
        assert_eq!(origin(&mut sources, 7, 0).number, 8);
    }
}
