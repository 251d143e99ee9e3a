//! The newest hits in memory, as they are stored: for whoever looks at them while they come.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use sensor_core::{policy::alert::Alert, sync::Unpoisoned as _};

use super::render::stored;
use crate::{clock, export::held::sink::Hold};

/// Hits that are held, at most.
const MOST: usize = 5000;

/// The newest hits; each has a number.
#[derive(Debug, Default)]
pub struct HeldHits {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<Arc<[u8]>>,
    /// The number of the next.
    next: u64,
}

impl HeldHits {
    fn push(&self, hit: &Alert) {
        let mut line = Vec::new();
        stored::write(&mut line, hit, clock::now());
        let mut state = self.state.lock().unpoisoned();
        state.lines.push_back(line.into());
        state.next += 1;
        if state.lines.len() > MOST {
            state.lines.pop_front();
        }
    }

    /// The number of the next hit.
    pub fn next(&self) -> u64 {
        self.state.lock().unpoisoned().next
    }

    /// All of them, the oldest first.
    pub fn all(&self) -> Vec<Arc<[u8]>> {
        self.state.lock().unpoisoned().lines.iter().cloned().collect()
    }

    /// Those from a number on, with their numbers. A number that was not given yet is of a sensor before this one: all of them.
    pub fn from(&self, number: u64) -> Vec<(u64, Arc<[u8]>)> {
        let state = self.state.lock().unpoisoned();
        let first = state.next - state.lines.len() as u64;
        let number = if number > state.next { first } else { number };
        let skipped = usize::try_from(number.saturating_sub(first)).unwrap_or(usize::MAX);
        let numbered = state.lines.iter().enumerate().skip(skipped);
        numbered.map(|(at, line)| (first + at as u64, line.clone())).collect()
    }
}

impl Hold<Alert> for HeldHits {
    const NAME: &'static str = "held hits";

    fn hold(&self, hit: &Alert) {
        self.push(hit);
    }

    /// Their numbers go on: those that are lacking are in the account of the output.
    fn lacks(&self, _: u64) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::hits::render::testing::{hit, scan};

    #[test]
    fn whoever_comes_back_gets_what_came_meanwhile() {
        let held = HeldHits::default();
        held.push(&scan());
        let seen = held.next();
        held.push(&hit());
        let numbers =
            |from| held.from(from).into_iter().map(|(number, _)| number).collect::<Vec<_>>();
        assert_eq!((seen, numbers(seen), numbers(0), numbers(2)), (1, vec![1], vec![0, 1], vec![]));
        // It knew another sensor.
        assert_eq!(numbers(900), [0, 1]);
        (0..MOST).for_each(|_| held.push(&scan()));
        assert_eq!((held.all().len(), numbers(0)[0]), (MOST, 2));
    }
}
