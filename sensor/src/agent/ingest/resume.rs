//! What was under way when the agent was killed comes first, and in the same order: then it is the same lot as before, of which
//! outputs leave out what they have. Its senders make the same requests again; others wait until these are there, or until that
//! has taken too long. Pure; time is an argument.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How long is waited for the requests that were under way.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What is waited for, and what is there of it.
#[derive(Debug)]
pub struct Resume<T> {
    expected: Vec<(Arc<str>, Option<T>)>,
    until: Instant,
}

/// What is to be done with a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn<T> {
    /// These are handed over, in this order.
    Now(Vec<T>),
    /// It waits for others.
    Waits,
    /// It comes too early.
    Early(T),
}

impl<T> Resume<T> {
    /// Objects of these names come first; they are waited for from `now` on.
    pub fn new(names: Vec<Arc<str>>, now: Instant) -> Self {
        let expected = names.into_iter().map(|name| (name, None)).collect();
        Self { expected, until: now + PATIENCE }
    }

    /// A request for the object `name` has come at `now`.
    pub fn come(&mut self, name: &str, request: T, now: Instant) -> Turn<T> {
        if self.expected.is_empty() {
            return Turn::Now(vec![request]);
        }
        let is_over = now >= self.until;
        match self.expected.iter_mut().find(|(expected, _)| **expected == *name) {
            Some((_, place)) => *place = Some(request),
            None if is_over => {
                let mut all = self.give_up();
                all.push(request);
                return Turn::Now(all);
            }
            None => return Turn::Early(request),
        }
        match is_over || self.expected.iter().all(|(_, place)| place.is_some()) {
            true => Turn::Now(self.give_up()),
            false => Turn::Waits,
        }
    }

    /// What has come, once that was waited for long enough.
    pub fn tick(&mut self, now: Instant) -> Vec<T> {
        if now < self.until { Vec::new() } else { self.give_up() }
    }

    fn give_up(&mut self) -> Vec<T> {
        std::mem::take(&mut self.expected).into_iter().filter_map(|(_, place)| place).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resume(names: &[&str]) -> (Resume<u8>, Instant) {
        let now = Instant::now();
        (Resume::new(names.iter().map(|name| (*name).into()).collect(), now), now)
    }

    #[test]
    fn those_under_way_come_first_and_in_their_order() {
        let (mut resume, now) = resume(&["a", "b"]);
        assert_eq!(resume.come("c", 0, now), Turn::Early(0));
        assert_eq!(resume.come("b", 1, now), Turn::Waits);
        assert!(resume.tick(now).is_empty());
        assert_eq!(resume.come("a", 2, now), Turn::Now(vec![2, 1]));
        assert_eq!(resume.come("c", 3, now), Turn::Now(vec![3]));
    }

    #[test]
    fn but_not_for_ever() {
        let (mut waiting, now) = resume(&["a", "b"]);
        assert_eq!(waiting.come("b", 1, now), Turn::Waits);
        assert_eq!(waiting.tick(now + PATIENCE), [1]);
        assert_eq!(waiting.come("c", 2, now), Turn::Now(vec![2]));
        let (mut waiting, now) = resume(&["a", "b"]);
        assert_eq!(waiting.come("b", 1, now), Turn::Waits);
        assert_eq!(waiting.come("c", 2, now + PATIENCE), Turn::Now(vec![1, 2]));
        let (mut nothing, now) = resume(&[]);
        assert_eq!(nothing.come("c", 2, now), Turn::Now(vec![2]));
    }
}
