//! Timer wheel: which flows to look at when.
//!
//! Every flow hangs in the bucket of the moment when it may have to end. An update does not move it: when its
//! bucket comes up, its true deadline is computed, and it is armed again if that lies ahead. So an update costs
//! nothing here, and each flow is visited about once a timeout.
//!
//! Buckets are doubly linked lists through [`Links`] kept by the owner of the flows, addressed by index.

/// The end of a list.
pub const NIL: u32 = u32::MAX;

/// Buckets of the wheel; a deadline further away waits in the last one and is armed again from there.
const BUCKETS: u64 = 1024;

/// A flow's place in its bucket.
#[derive(Clone, Copy, Debug)]
pub struct Links {
    previous: u32,
    next: u32,
    bucket: u16,
}

impl Default for Links {
    fn default() -> Self {
        Self { previous: NIL, next: NIL, bucket: 0 }
    }
}

/// Access to the links of flow `index`.
pub trait Linked {
    /// The links of flow `index`, which is in use.
    fn links(&mut self, index: u32) -> &mut Links;
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    first: u32,
    last: u32,
}

const EMPTY: Bucket = Bucket { first: NIL, last: NIL };

/// The wheel. Times are milliseconds.
#[derive(Debug)]
pub struct Wheel {
    buckets: Vec<Bucket>,
    granularity: u64,
    /// The tick being visited, or to be visited next; every earlier bucket is empty.
    tick: u64,
    /// No bucket between `tick` and here holds a flow.
    lowest: u64,
    /// After a jump of time by more than a turn: where the turn ends that begins with the jump.
    turn_ends: Option<u64>,
    started: bool,
}

impl Wheel {
    /// A wheel that covers deadlines of up to `horizon` ms ahead without arming twice.
    pub fn new(horizon: u64) -> Self {
        let granularity = (horizon / (BUCKETS - 2)).max(10);
        Self {
            buckets: vec![EMPTY; BUCKETS as usize],
            granularity,
            tick: 0,
            lowest: 0,
            turn_ends: None,
            started: false,
        }
    }

    /// An empty wheel for deadlines of up to `horizon` ms ahead that goes on at the same time, and the flows that hang in this one, about
    /// in the order of their deadlines.
    pub fn replaced(&self, flows: &mut impl Linked, horizon: u64) -> (Self, Vec<u32>) {
        let mut all = Vec::new();
        for tick in self.tick..self.tick + BUCKETS {
            let mut next = self.buckets[(tick % BUCKETS) as usize].first;
            while next != NIL {
                all.push(next);
                next = flows.links(next).next;
            }
        }
        let mut wheel = Self::new(horizon);
        wheel.tick = self.tick * self.granularity / wheel.granularity;
        wheel.lowest = wheel.tick;
        wheel.started = self.started;
        (wheel, all)
    }

    /// Hangs flow `index` up to be visited at `deadline`, or as soon as may be when that has passed.
    pub fn arm(&mut self, flows: &mut impl Linked, index: u32, deadline: u64) {
        let wanted = deadline / self.granularity;
        if !self.started {
            self.started = true;
            self.tick = wanted.saturating_sub(BUCKETS - 1);
        }
        let tick = wanted.clamp(self.tick, self.tick + BUCKETS - 1);
        self.lowest = self.lowest.min(tick);
        let bucket = (tick % BUCKETS) as u16;
        let Bucket { first, last } = self.buckets[bucket as usize];
        *flows.links(index) = Links { previous: last, next: NIL, bucket };
        if last == NIL {
            self.buckets[bucket as usize] = Bucket { first: index, last: index };
        } else {
            flows.links(last).next = index;
            self.buckets[bucket as usize] = Bucket { first, last: index };
        }
    }

    /// Takes flow `index` out of its bucket.
    pub fn disarm(&mut self, flows: &mut impl Linked, index: u32) {
        let Links { previous, next, bucket } = *flows.links(index);
        let bucket = &mut self.buckets[bucket as usize];
        match previous {
            NIL => bucket.first = next,
            previous => flows.links(previous).next = next,
        }
        match next {
            NIL => bucket.last = previous,
            next => flows.links(next).previous = previous,
        }
    }

    /// The first flow of a bucket that is due at `now`, which the caller must take out or arm later; `None` once
    /// all due buckets are empty.
    pub fn due(&mut self, now: u64) -> Option<u32> {
        let end = now / self.granularity;
        // A clock that was set back: what hangs further ahead than a turn is met early, and armed again.
        if end < self.tick {
            self.tick = end;
            self.lowest = end;
            self.turn_ends = None;
        }
        while self.tick < end {
            // However far time has jumped: one turn meets all that is due in its order, and another one, which ends at
            // `end`, what was armed again meanwhile.
            match self.turn_ends {
                _ if end - self.tick <= BUCKETS => self.turn_ends = None,
                None => self.turn_ends = Some(self.tick + BUCKETS),
                Some(tick) if self.tick >= tick => {
                    self.tick = end - BUCKETS;
                    self.turn_ends = None;
                }
                Some(_) => {}
            }
            let first = self.buckets[(self.tick % BUCKETS) as usize].first;
            if first != NIL {
                return Some(first);
            }
            self.tick += 1;
        }
        None
    }

    /// The flow whose deadline is about the nearest, `None` when the wheel is empty.
    pub fn nearest(&mut self) -> Option<u32> {
        self.lowest = self.lowest.max(self.tick);
        while self.lowest < self.tick + BUCKETS {
            let first = self.buckets[(self.lowest % BUCKETS) as usize].first;
            if first != NIL {
                return Some(first);
            }
            self.lowest += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Linked for Vec<Links> {
        fn links(&mut self, index: u32) -> &mut Links {
            &mut self[index as usize]
        }
    }

    /// Visits what is due at `now`, and arms each again for its deadline, if that lies ahead.
    fn visit(
        wheel: &mut Wheel,
        flows: &mut Vec<Links>,
        deadlines: &[u64],
        now: u64,
    ) -> (Vec<u32>, usize) {
        let (mut ended, mut visits) = (Vec::new(), 0);
        while let Some(index) = wheel.due(now) {
            visits += 1;
            wheel.disarm(flows, index);
            let deadline = deadlines[index as usize];
            if deadline <= now { ended.push(index) } else { wheel.arm(flows, index, deadline) }
        }
        (ended, visits)
    }

    /// Captures hold clocks that jump by decades: what is due ends in its order, and the years between cost nothing.
    #[test]
    fn a_jump_of_time_costs_two_turns() {
        const T: u64 = 1_000_000;
        const DECADES: u64 = 1_700_000_000_000;
        let mut wheel = Wheel::new(60_000);
        let mut flows = vec![Links::default(); 4];
        // The last one has moved on, as a packet after the jump moves a flow.
        let deadlines = [T + 30_000, T + 10_000, T + 20_000, T + DECADES + 60_000];
        for (index, deadline) in (0..).zip(deadlines) {
            wheel.arm(&mut flows, index, deadline.min(T + 40_000));
        }
        let (ended, visits) = visit(&mut wheel, &mut flows, &deadlines, T + DECADES);
        assert_eq!(ended, [1, 2, 0]);
        assert!(visits <= 3 + 3, "{visits} visits");
        let (ended, _) = visit(&mut wheel, &mut flows, &deadlines, T + DECADES + 61_000);
        assert_eq!(ended, [3]);
    }
}
