//! What somebody does again and again, and when.

use crate::{
    day::{DAY, START, flow::Flow, scene::Scene},
    traffic::Random,
};

pub const SECOND: u64 = 1000;
pub const MINUTE: u64 = 60 * SECOND;
pub const HOUR: u64 = 60 * MINUTE;

/// How busy each hour of the day is, in percent of the busiest.
#[derive(Clone, Copy, Debug)]
pub enum Hours {
    /// People at work.
    Office,
    /// All day the same.
    Always,
}

impl Hours {
    fn weight(self, at: u64) -> u64 {
        const OFFICE: [u64; 24] = [
            2, 1, 1, 1, 1, 2, 8, 35, 85, 100, 100, 95, 60, 90, 100, 95, 85, 60, 25, 12, 8, 6, 4, 3,
        ];
        let hour = (at - START) / HOUR % 24;
        match self {
            Self::Always => 100,
            Self::Office => OFFICE[hour as usize],
        }
    }
}

/// When a habit acts.
#[derive(Clone, Copy, Debug)]
pub enum Rhythm {
    /// At a fixed interval, milliseconds, and up to so many more.
    Every(u64, u64),
    /// So many times a day, at times that nobody could foresee.
    Often(u64, Hours),
    /// Once, so many milliseconds after midnight.
    At(u64),
}

impl Rhythm {
    /// The first time, milliseconds since the epoch.
    fn first(self, random: &mut Random) -> u64 {
        match self {
            Self::Every(interval, _) => START + random.range(0, interval),
            Self::Often(..) => self.next(START, random),
            Self::At(time) => START + time,
        }
    }

    /// The time after `now`.
    fn next(self, now: u64, random: &mut Random) -> u64 {
        match self {
            Self::Every(interval, jitter) => now + interval + random.range(0, jitter + 1),
            // Gaps are drawn for the busiest hour; a quiet hour lets most of them pass.
            Self::Often(times, hours) => {
                let busiest = DAY / (times * 100).div_ceil(hours_share(hours)).max(1);
                let mut at = now;
                while at < START + DAY {
                    at += random.range(busiest / 20, busiest * 2 - busiest / 20).max(1);
                    if random.range(0, 100) < hours.weight(at) {
                        break;
                    }
                }
                at
            }
            Self::At(_) => u64::MAX,
        }
    }
}

/// The mean weight of the hours of a day.
fn hours_share(hours: Hours) -> u64 {
    (0..24).map(|hour| hours.weight(START + hour * HOUR)).sum::<u64>().div_ceil(24)
}

type Act = Box<dyn FnMut(&mut Scene<'_>)>;

/// What somebody does, when, and what decides about it.
pub struct Habit {
    next: u64,
    rhythm: Rhythm,
    random: Random,
    act: Act,
}

impl Habit {
    /// A habit; `seed` makes it another than the same one of somebody else.
    pub fn new(rhythm: Rhythm, seed: u64, act: impl FnMut(&mut Scene<'_>) + 'static) -> Self {
        let mut random = Random(seed.wrapping_mul(0xd6e8_feb8_6659_fd93) ^ 0x5bd1_e995);
        let next = rhythm.first(&mut random);
        Self { next, rhythm, random, act: Box::new(act) }
    }

    /// When it acts next; none once the day is over.
    pub fn next(&self) -> Option<u64> {
        (self.next < START + DAY).then_some(self.next)
    }

    /// Acts, and sets the time for the next.
    pub fn act(&mut self, flows: &mut Vec<Flow>) {
        let mut scene = Scene { now: self.next, random: &mut self.random, flows };
        (self.act)(&mut scene);
        self.next = self.rhythm.next(self.next, &mut self.random);
    }
}
