//! The thread that decodes the objects of a source, in lots.
//!
//! A lot is what is put out, and noted in the state file, in one step: a number of small objects, or part of a large one. First the
//! state says which objects it is of; then their records go to the outputs; once these have them, the state says so, and the
//! objects get their answers. An agent that was killed meanwhile leaves the state before the lot, so that its successor reads the same
//! octets again, makes the same batches, and numbers their rows alike: outputs that remember how far they had come leave out
//! what they have.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::ControlFlow,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use sensor_core::{
    dns::DnsBatch,
    flow::{batch::FlowBatch, device::Device, lot::LotPart, source::SourceId},
    sync::Unpoisoned as _,
};
use sensor_wire::cloud::flows::Flows;

use super::{
    described::Described,
    figures::Figures,
    keeper::Keeper,
    object,
    omission::Omissions,
    seam::{Answer, Handed, Reply, Stop, Wanted},
    state::{Planned, Progress, State, Step},
    told::Told,
};
use crate::{
    agent::status::histogram::{Histogram, Scale},
    clock,
};

/// Records that make a lot, and objects. The first is below the queues of outputs, so that a lot finds room there.
const ROWS: u64 = 16 << 10;
const OBJECTS: usize = super::seam::WAITING;
/// How long is waited for the next object before it is looked whether to end.
const TICK: Duration = Duration::from_millis(100);
/// How long is waited for objects that a killed agent had under way.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two attempts to write the state.
const AGAIN: Duration = Duration::from_secs(1);

/// Where batches go.
pub trait Outlet: Send {
    /// Takes a batch; waits while there is no room, unless it is to stop.
    fn offer(&self, batch: FlowBatch, stop: &Stop);

    /// Takes DNS records, likewise.
    fn offer_dns(&self, batch: DnsBatch, stop: &Stop);

    /// Waits until all that was offered is with the outputs; false where that was not to be seen before the end.
    fn deliver(&self, stop: &Stop) -> bool;
}

/// The decoding of one source.
pub struct Decoding<O> {
    pub(super) described: Arc<Described>,
    pub(super) objects: Receiver<Handed>,
    pub(super) state: Arc<Mutex<State>>,
    pub(super) keeper: Keeper,
    pub(super) figures: Arc<Figures>,
    pub(super) stop: Stop,
    pub(super) outlet: O,
    pub(super) omissions: Omissions,
    pub(super) work: Work,
}

/// What is under way.
#[derive(Default)]
pub struct Work {
    /// What the clouds tell.
    pub told: Told,
    newest: BTreeMap<SourceId, (u64, u64)>,
    /// Rows of the lot so far: of flows by address family, and of DNS records. Outputs take the one or the other, and number them
    /// for themselves.
    rows: [u64; 3],
    /// How far its objects have been read.
    read: Vec<(Arc<str>, Progress)>,
    replies: Vec<(Reply, Answer)>,
    /// Objects that a killed agent had under way.
    resumes: bool,
    /// The lot has got another number than the state file has.
    renumbered: bool,
}

impl<O: Outlet> Decoding<O> {
    /// Decodes until it is to stop, or nobody hands anything over any more.
    pub fn run(mut self) {
        self.renew();
        self.work.resumes = !self.state.lock().unpoisoned().plan.is_empty();
        while let Some(mut waiting) = self.gather() {
            self.sort_out(&mut waiting);
            if waiting.is_empty() {
                continue;
            }
            if self.lot(waiting).is_break() {
                return;
            }
        }
    }

    /// The next lot goes by the networks that are in force now.
    fn renew(&mut self) {
        if let Some(reporting) = self.omissions.renew(&self.described) {
            self.work.told.set_reporting(reporting);
        }
    }

    /// The objects of the next lot; none at the end.
    fn gather(&mut self) -> Option<VecDeque<Handed>> {
        let planned = std::mem::take(&mut self.work.resumes);
        let state = self.state.lock().unpoisoned();
        let plan = if planned { state.plan.clone() } else { Vec::new() };
        let same_rules = state.rules == self.omissions.rules();
        drop(state);
        let mut waiting = VecDeque::from([self.wait(None)?]);
        let fits = |waiting: &VecDeque<Handed>| {
            let pairs = waiting.iter().zip(&plan);
            let mut fits = pairs.map(|(handed, planned)| Planned::of(&handed.object) == *planned);
            fits.all(|fits| fits)
        };
        let patient_until = Instant::now() + PATIENCE;
        while planned && same_rules && waiting.len() < plan.len() && fits(&waiting) {
            match self.wait(Some(patient_until)) {
                Some(handed) => waiting.push_back(handed),
                None if self.stop.is_asked() => return None,
                None => break,
            }
        }
        if planned && same_rules && waiting.len() == plan.len() && fits(&waiting) {
            self.figures.change(|report| report.resumed_lots += 1);
            return Some(waiting);
        }
        if planned {
            // A lot of another number: no output takes it for the one that it was.
            self.state.lock().unpoisoned().lot += 1;
            self.work.renumbered = true;
            let name = &self.described.name;
            let why = if same_rules {
                "objects that were being read when the sensor was killed have changed or gone"
            } else {
                "by what is left out of objects now (format, `double`, networks), those that were being read when the sensor was killed may have other records"
            };
            tracing::warn!("cloud {name}: {why}; some records may be put out twice");
            self.figures.change(|report| report.repeated_lots += 1);
        }
        self.renew();
        while waiting.len() < OBJECTS
            && let Ok(handed) = self.objects.try_recv()
        {
            waiting.push_back(handed);
        }
        Some(waiting)
    }

    /// The next object; none at the end, or at `until`.
    fn wait(&self, until: Option<Instant>) -> Option<Handed> {
        loop {
            if self.stop.is_asked() || until.is_some_and(|until| Instant::now() >= until) {
                return None;
            }
            match self.objects.recv_timeout(TICK) {
                Ok(handed) => return Some(handed),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Answers at once what is not to be read.
    fn sort_out(&self, waiting: &mut VecDeque<Handed>) {
        let state = self.state.lock().unpoisoned();
        let wanted = waiting.drain(..).map(|handed| (state.wants(&handed.object), handed));
        let wanted: Vec<_> = wanted.collect();
        drop(state);
        for (wanted, handed) in wanted {
            match wanted {
                Wanted::Yes => waiting.push_back(handed),
                Wanted::Known => (handed.reply)(Answer::Known),
                Wanted::Old => (handed.reply)(Answer::Old),
            }
        }
    }

    /// Reads these objects, in as many lots as it takes.
    fn lot(&mut self, mut waiting: VecDeque<Handed>) -> ControlFlow<()> {
        self.plan(plan(&waiting))?;
        self.begin();
        let described = self.described.clone();
        while let Some(handed) = waiting.pop_front() {
            let Handed { object, mut content, reply } = handed;
            let mut task = object::Task::new(&object, &mut content, &described);
            let answer = loop {
                let state = self.state.lock().unpoisoned();
                let known = state.progress(&object.name).cloned();
                drop(state);
                let read = task.go_on(known.as_ref(), &mut self.work.told, &self.figures);
                self.put_out(matches!(read, object::Read::Flush));
                match read {
                    object::Read::Flush => {}
                    object::Read::More if self.stop.is_asked() => {
                        self.work.read.push((object.name.clone(), task.progress()));
                        self.end(Vec::new())?;
                        return ControlFlow::Break(());
                    }
                    object::Read::More if self.work.rows.iter().sum::<u64>() < ROWS => {}
                    object::Read::More => {
                        self.work.read.push((object.name.clone(), task.progress()));
                        let mut next = vec![Planned::of(&object)];
                        next.extend(plan(&waiting));
                        self.end(next)?;
                    }
                    object::Read::End(answer) => break answer,
                }
            };
            self.work.read.extend(task.ended().map(|progress| (object.name.clone(), progress)));
            self.work.replies.push((reply, answer));
            let full = self.work.rows.iter().sum::<u64>() >= ROWS;
            if self.stop.is_asked() {
                break;
            }
            if full && !waiting.is_empty() {
                self.end(plan(&waiting))?;
            }
        }
        self.end(Vec::new())
    }

    /// Notes which objects the lot is of, unless that has been noted.
    fn plan(&mut self, plan: Vec<Planned>) -> ControlFlow<()> {
        let rules = self.omissions.rules();
        let renumbered = std::mem::take(&mut self.work.renumbered);
        let state = self.state.lock().unpoisoned();
        if (&state.plan, state.rules) == (&plan, rules) && !renumbered {
            return ControlFlow::Continue(());
        }
        let (id, lot, floor) = (state.id, state.lot, state.floor);
        let step = Step { id, lot, plan, rules, read: Vec::new(), floor };
        drop(state);
        self.keep(&step)
    }

    fn begin(&mut self) {
        self.work.rows = [0; 3];
    }

    /// Ends the lot: once the outputs have it, the state says so. `next` are the objects of the lot behind it.
    fn end(&mut self, next: Vec<Planned>) -> ControlFlow<()> {
        self.put_out(true);
        if !self.outlet.deliver(&self.stop) {
            return ControlFlow::Break(());
        }
        self.renew();
        let rules = self.omissions.rules();
        let read = std::mem::take(&mut self.work.read);
        let state = self.state.lock().unpoisoned();
        let (id, lot, floor) = (state.id, state.lot + 1, state.floor);
        let step = Step { id, lot, plan: next, rules, read, floor };
        drop(state);
        self.keep(&step)?;
        let replies = std::mem::take(&mut self.work.replies);
        let ledgers = self.work.told.flows.iter().flat_map(Flows::ledgers);
        let skipped = self.figures.update(ledgers, &self.work.newest);
        if skipped > 0 {
            let name = &self.described.name;
            tracing::warn!(
                "cloud {name}: flows are missing: of {skipped} more windows the cloud says that it kept no records (SKIPDATA)"
            );
        }
        self.figures.change(|report| report.lots += 1);
        replies.into_iter().for_each(|(reply, answer)| reply(answer));
        self.begin();
        ControlFlow::Continue(())
    }

    /// Keeps a step, however long that takes: what is not kept would be put out twice.
    fn keep(&mut self, step: &Step) -> ControlFlow<()> {
        self.state.lock().unpoisoned().go(step.clone());
        let mut failed = false;
        while let Err(error) = self.keeper.keep(step) {
            failed = true;
            self.figures.trouble(Some(&format!("{error}; waiting until it can be")));
            if self.stop.wait(AGAIN) {
                return ControlFlow::Break(());
            }
        }
        if failed {
            self.figures.trouble(None);
        }
        ControlFlow::Continue(())
    }

    /// Hands on the batches that are full, or `all`.
    fn put_out(&mut self, all: bool) {
        let Self { work, outlet, stop, described, state, .. } = self;
        let state = state.lock().unpoisoned();
        let lot = (state.id, state.lot);
        drop(state);
        let now = clock::now();
        let Work { told, rows, newest, .. } = work;
        let mut delays = Histogram::of(Scale::Delivery);
        for flows in &mut told.flows {
            let mut part = |kind: usize, count: usize| {
                let part = LotPart {
                    source: described.name.clone(),
                    lot,
                    v6: kind == 1,
                    first: rows[kind],
                    rows: count as u64,
                };
                rows[kind] = part.end();
                Some(Box::new(part))
            };
            flows.take(all, |mut batch| {
                note_newest((&batch.devices, &batch.device), &batch.end, newest, now);
                observe(&mut delays, &batch.end, now);
                batch.lot = part(usize::from(batch.ip_version() == 6), batch.len());
                outlet.offer(batch, stop);
            });
            flows.take_dns(all, |mut batch| {
                note_newest((&batch.devices, batch.sources()), batch.times(), newest, now);
                observe(&mut delays, batch.times(), now);
                batch.lot = part(2, batch.len());
                outlet.offer_dns(batch, stop);
            });
        }
        if delays.count() > 0 {
            self.figures.change(|report| report.delays.add(&delays));
        }
    }
}

fn plan(waiting: &VecDeque<Handed>) -> Vec<Planned> {
    waiting.iter().map(|handed| Planned::of(&handed.object)).collect()
}

/// Notes how long after their ends records have come.
fn observe(delays: &mut Histogram, ends: &[u64], now: u64) {
    for end in ends {
        delays.observe(Duration::from_millis(now.saturating_sub(*end)));
    }
}

/// Takes note of the time of the newest record of each log, which are flows that end or queries that were asked at these times, and
/// how long before `now` that was.
fn note_newest(
    (devices, places): (&[Arc<Device>], &[u32]),
    times: &[u64],
    newest: &mut BTreeMap<SourceId, (u64, u64)>,
    now: u64,
) {
    let mut ends = vec![0; devices.len()];
    for (device, end) in places.iter().zip(times) {
        if let Some(newest) = ends.get_mut(*device as usize) {
            *newest = (*end).max(*newest);
        }
    }
    for (device, end) in devices.iter().zip(ends) {
        let known = newest.entry(device.id.clone()).or_default();
        *known = (known.0.max(end), now.saturating_sub(end));
    }
}
