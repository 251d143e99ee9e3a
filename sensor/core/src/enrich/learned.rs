//! Labels that policies give to addresses, for a time.
//!
//! They change while flows go by, so they are no part of the tables: an address that has any is looked up here as well.
//! Each change is told to those who keep what they found before, address by address; who has missed too many forgets all.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    net::IpAddr,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::sync::Unpoisoned as _;

/// Addresses with labels at most.
pub const ADDRESSES: usize = 1 << 16;
/// Labels of one address at most: a server may answer on many ports.
pub const LABELS_OF_ADDRESS: usize = 1 << 10;
/// Labels at most, of all addresses together.
const LABELS: usize = 1 << 18;
/// Changes that are remembered.
const CHANGES: usize = 4096;

/// Labels with an end. Times are milliseconds since the epoch.
#[derive(Debug, Default)]
pub struct Learned {
    inner: Mutex<Inner>,
    changes: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    labels: HashMap<IpAddr, Vec<Label>>,
    /// When labels end, and of which address.
    ends: BTreeSet<(u64, IpAddr)>,
    /// How many labels there are.
    count: usize,
    /// The last addresses that changed.
    changed: VecDeque<IpAddr>,
    refused: u64,
}

#[derive(Clone, Debug)]
struct Label {
    context: String,
    value: String,
    end: u64,
}

impl Learned {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unpoisoned()
    }

    /// Labels an address until `end`; one that it has already lasts until the later of the two. False where there is no
    /// room for it, which is counted.
    pub fn label(&self, address: IpAddr, context: &str, value: &str, end: u64) -> bool {
        let address = address.to_canonical();
        let inner = &mut *self.lock();
        let known = inner.labels.get_mut(&address).map_or(&mut [][..], Vec::as_mut_slice);
        let given = |label: &Label| label.context == context && label.value == value;
        match known.iter().position(given) {
            Some(at) if known[at].end >= end => return true,
            Some(at) => {
                let old = std::mem::replace(&mut known[at].end, end);
                if known.iter().all(|label| label.end != old) {
                    inner.ends.remove(&(old, address));
                }
            }
            None if known.len() >= LABELS_OF_ADDRESS || inner.is_full(address) => {
                inner.refused += 1;
                return false;
            }
            None => {
                let (context, value) = (context.to_owned(), value.to_owned());
                inner.labels.entry(address).or_default().push(Label { context, value, end });
                inner.count += 1;
                inner.changed.push_back(address);
                self.changes.fetch_add(1, Ordering::Release);
            }
        }
        inner.ends.insert((end, address));
        inner.forget_changes();
        true
    }

    /// Takes away the labels that have ended by `now`.
    pub fn expire(&self, now: u64) {
        let inner = &mut *self.lock();
        while let Some(&(end, address)) = inner.ends.first().filter(|(end, _)| *end <= now) {
            inner.ends.remove(&(end, address));
            let Some(labels) = inner.labels.get_mut(&address) else { continue };
            let before = labels.len();
            labels.retain(|label| label.end > now);
            inner.count -= before - labels.len();
            if labels.len() < before {
                inner.changed.push_back(address);
                self.changes.fetch_add(1, Ordering::Release);
            }
            if labels.is_empty() {
                inner.labels.remove(&address);
            }
        }
        inner.forget_changes();
    }

    /// The labels of an address, as context and value.
    pub fn of(&self, address: IpAddr) -> Vec<(String, String)> {
        let inner = self.lock();
        let labels = inner.labels.get(&address).map(Vec::as_slice).unwrap_or_default();
        labels.iter().map(|label| (label.context.clone(), label.value.clone())).collect()
    }

    /// True when an address has labels.
    pub fn has(&self, address: IpAddr) -> bool {
        self.lock().labels.contains_key(&address)
    }

    /// The addresses that have labels.
    pub fn addresses(&self) -> Vec<IpAddr> {
        self.lock().labels.keys().copied().collect()
    }

    /// How many changes there have been.
    #[inline]
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Labels refused for lack of room.
    pub fn refused(&self) -> u64 {
        self.lock().refused
    }

    /// The addresses that changed since there were `seen` changes, and how many changes there are now. `None` for the
    /// addresses when they are not known any more.
    pub fn changed_since(&self, seen: u64) -> (u64, Option<Vec<IpAddr>>) {
        let inner = self.lock();
        let changes = self.changes();
        let missed = usize::try_from(changes.saturating_sub(seen)).unwrap_or(usize::MAX);
        let first = inner.changed.len().checked_sub(missed);
        (changes, first.map(|first| inner.changed.range(first..).copied().collect()))
    }
}

impl Inner {
    /// Whether there is no room for one more label of `address`.
    fn is_full(&self, address: IpAddr) -> bool {
        let new = !self.labels.contains_key(&address);
        self.count >= LABELS || new && self.labels.len() >= ADDRESSES
    }

    fn forget_changes(&mut self) {
        let excess = self.changed.len().saturating_sub(CHANGES);
        self.changed.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    fn values(learned: &Learned, number: u32) -> Vec<String> {
        learned.of(address(number)).into_iter().map(|(_, value)| value).collect()
    }

    #[test]
    fn labels_last_until_their_latest_end() {
        let learned = Learned::default();
        assert!(learned.label(address(1), "seen", "scanner", 100));
        assert!(learned.label(address(1), "seen", "scanner", 200));
        assert!(learned.label(address(1), "seen", "scanner", 150));
        assert!(learned.label(address(1), "serves", "ssh", 120));
        learned.expire(119);
        assert_eq!(values(&learned, 1), ["scanner", "ssh"]);
        learned.expire(150);
        assert_eq!(values(&learned, 1), ["scanner"]);
        learned.expire(200);
        assert_eq!(values(&learned, 1), [""; 0]);
        assert!(learned.lock().labels.is_empty() && learned.lock().ends.is_empty());
    }

    #[test]
    fn changes_are_told_once_and_no_more_than_are_remembered() {
        let learned = Learned::default();
        learned.label(address(1), "a", "b", 10);
        let (seen, changed) = learned.changed_since(0);
        assert_eq!((seen, changed), (1, Some(vec![address(1)])));
        learned.label(address(1), "a", "b", 20);
        assert_eq!(learned.changed_since(seen), (1, Some(Vec::new())));
        learned.expire(20);
        assert_eq!(learned.changed_since(seen), (2, Some(vec![address(1)])));
        for number in 0..=CHANGES as u32 {
            learned.label(address(number), "a", "b", 30);
        }
        assert_eq!(learned.changed_since(2), (3 + CHANGES as u64, None));
    }

    #[test]
    fn room_is_bounded() {
        let learned = Learned::default();
        for number in 0..=ADDRESSES as u32 {
            learned.label(address(number), "a", "b", 10);
        }
        for number in 0..=LABELS_OF_ADDRESS {
            learned.label(address(1), "n", &number.to_string(), 10);
        }
        assert_eq!(learned.refused(), 1 + 2);
        assert!(learned.label(address(1), "n", "7", 20), "what is there is renewed");
        learned.expire(10);
        assert_eq!((values(&learned, 1), learned.lock().count), (vec!["7".to_owned()], 1));
        for number in 0..LABELS as u32 {
            let address = address(number % (ADDRESSES as u32));
            learned.label(address, "n", &format!("n{}", number / ADDRESSES as u32), 30);
        }
        assert_eq!(learned.lock().count, LABELS);
        assert!(learned.lock().changed.len() <= CHANGES);
    }
}
