//! The day in the order of time: the habits by when they act next, and the flows that run by when their next record ends.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use crate::{
    day::{DAY, START, flow::Flow, habit::Habit, habits, site::Size},
    traffic::Record,
};

/// The records of a day, by the time at which they end.
pub struct Day {
    habits: Vec<Habit>,
    /// When which habit acts.
    due: BinaryHeap<Reverse<(u64, usize)>>,
    /// Flows that run, in places that are used again.
    flows: Vec<(Flow, u64)>,
    free: Vec<usize>,
    /// When the next record of which flow ends; the number between keeps the order in which flows began.
    ending: BinaryHeap<Reverse<(u64, u64, usize)>>,
    begun: u64,
    ready: VecDeque<Record>,
    ecn: bool,
    begins: Vec<Flow>,
}

impl Day {
    /// The day of a site; half of its connections use ECN, or none does.
    pub fn new(size: Size, ecn: bool) -> Self {
        let habits = habits(size);
        let times = habits.iter().enumerate();
        let due = times.filter_map(|(at, habit)| Some(Reverse((habit.next()?, at)))).collect();
        Self {
            habits,
            due,
            flows: Vec::new(),
            free: Vec::new(),
            ending: BinaryHeap::new(),
            begun: 0,
            ready: VecDeque::new(),
            ecn,
            begins: Vec::new(),
        }
    }

    /// The next habit acts.
    fn act(&mut self, at: usize) {
        let mut begins = std::mem::take(&mut self.begins);
        self.habits[at].act(&mut begins);
        if let Some(next) = self.habits[at].next() {
            self.due.push(Reverse((next, at)));
        }
        for flow in begins.drain(..) {
            let Some(end) = flow.end_of(0) else { continue };
            let place = self.free.pop().unwrap_or(self.flows.len());
            if place == self.flows.len() {
                self.flows.push((flow, 0));
            } else {
                self.flows[place] = (flow, 0);
            }
            self.begun += 1;
            self.ending.push(Reverse((end, self.begun, place)));
        }
        self.begins = begins;
    }

    /// The next record of a flow ends.
    fn end(&mut self, begun: u64, place: usize) {
        let (flow, slice) = &mut self.flows[place];
        self.ready.extend(flow.records(*slice, self.ecn));
        *slice += 1;
        match flow.end_of(*slice) {
            Some(end) => self.ending.push(Reverse((end, begun, place))),
            None => self.free.push(place),
        }
    }
}

impl Iterator for Day {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                return Some(record);
            }
            let due = self.due.peek().map_or(u64::MAX, |Reverse((time, _))| *time);
            match self.ending.peek() {
                Some(&Reverse((end, begun, place))) if end < due => {
                    // What the day cuts off is not told.
                    if end >= START + DAY {
                        return None;
                    }
                    self.ending.pop();
                    self.end(begun, place);
                }
                _ => {
                    let Reverse((_, at)) = self.due.pop()?;
                    self.act(at);
                }
            }
        }
    }
}
