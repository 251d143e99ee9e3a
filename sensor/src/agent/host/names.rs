//! Names of interfaces for as long as records may speak of them: an interface that is gone keeps its name until the last
//! of its flows has ended, and no longer. Hosts that make an interface for each container make them without end.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use sensor_core::flow::interfaces::{Interface, Interfaces};

/// The interfaces that are there, and those that have not been gone for long.
pub struct Names {
    known: Interfaces,
    /// When which one went, the oldest first.
    gone: VecDeque<(Instant, u32)>,
    /// How long a name outlives its interface.
    linger: Duration,
    changed: bool,
}

impl Names {
    /// None yet; a name outlives its interface by `linger`.
    pub fn new(linger: Duration) -> Self {
        Self { known: Interfaces::default(), gone: VecDeque::new(), linger, changed: false }
    }

    /// A name outlives its interface by `linger` from now on.
    pub fn set_linger(&mut self, linger: Duration) {
        self.linger = linger;
    }

    /// The interface `index` is there and has this name.
    pub fn set(&mut self, index: u32, name: &str) {
        self.gone.retain(|(_, gone)| *gone != index);
        let interface = Interface { name: name.to_owned(), alias: String::new() };
        let before = self.known.0.insert(index, interface.clone());
        self.changed |= before != Some(interface);
    }

    /// The interface `index` went away at `now`.
    pub fn release(&mut self, index: u32, now: Instant) {
        if self.known.0.contains_key(&index) {
            self.gone.push_back((now, index));
        }
    }

    /// Forgets those that went long before `now`; what is known now, if that has changed since it was last asked.
    pub fn changes(&mut self, now: Instant) -> Option<&Interfaces> {
        while let Some((since, index)) = self.gone.front().copied()
            && now.saturating_duration_since(since) >= self.linger
        {
            self.gone.pop_front();
            self.changed |= self.known.0.remove(&index).is_some();
        }
        std::mem::take(&mut self.changed).then_some(&self.known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINGER: Duration = Duration::from_secs(10);

    fn known(names: &mut Names, now: Instant) -> Option<Vec<(u32, String)>> {
        let known = names.changes(now)?.0.iter();
        Some(known.map(|(index, interface)| (*index, interface.name.clone())).collect())
    }

    #[test]
    fn what_is_gone_is_forgotten_after_a_while() {
        let (mut names, start) = (Names::new(LINGER), Instant::now());
        names.set(2, "eth0");
        names.set(3, "veth1");
        assert_eq!(known(&mut names, start).map(|names| names.len()), Some(2));
        assert_eq!(known(&mut names, start), None, "nothing new");
        names.release(3, start);
        names.release(7, start);
        assert_eq!(known(&mut names, start + LINGER - Duration::from_millis(1)), None);
        assert_eq!(known(&mut names, start + LINGER), Some(vec![(2, "eth0".into())]));
        assert_eq!(known(&mut names, start + LINGER * 9), None);
    }

    #[test]
    fn one_that_comes_again_or_is_renamed_stays() {
        let (mut names, start) = (Names::new(LINGER), Instant::now());
        names.set(2, "eth0");
        names.release(2, start);
        names.set(2, "eth0");
        assert!(known(&mut names, start).is_some());
        assert_eq!(known(&mut names, start + LINGER * 2), None);
        names.set(2, "wan");
        assert_eq!(known(&mut names, start), Some(vec![(2, "wan".into())]));
    }

    #[test]
    fn two_thousand_that_come_and_go_leave_nothing() {
        let (mut names, start) = (Names::new(LINGER), Instant::now());
        for index in 10..2010 {
            names.set(index, "veth");
            names.release(index, start);
        }
        assert_eq!(known(&mut names, start + LINGER), Some(Vec::new()));
        assert!(names.gone.is_empty());
    }
}
