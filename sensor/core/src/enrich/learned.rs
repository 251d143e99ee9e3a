//! Labels that policies give to addresses, for a time.
//!
//! They change while flows go by, so they are no part of the tables: an address that has any is looked up here as well.
//! Each change is told to those who keep what they found before, address by address; who has missed too many forgets all.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    net::IpAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Addresses with labels at most.
pub const ADDRESSES: usize = 1 << 16;
/// Labels of one address at most.
pub const LABELS_OF_ADDRESS: usize = 64;
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
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Labels an address until `end`; one that it has already lasts until the later of the two. False where there is no
    /// room for it, which is counted.
    pub fn label(&self, address: IpAddr, context: &str, value: &str, end: u64) -> bool {
        let address = address.to_canonical();
        let inner = &mut *self.lock();
        let full = inner.labels.len() >= ADDRESSES && !inner.labels.contains_key(&address);
        let labels = if full { None } else { Some(inner.labels.entry(address).or_default()) };
        let Some(labels) = labels.filter(|labels| labels.len() < LABELS_OF_ADDRESS) else {
            inner.refused += 1;
            return false;
        };
        match labels.iter_mut().find(|label| label.context == context && label.value == value) {
            Some(label) if label.end >= end => return true,
            Some(label) => {
                let old = std::mem::replace(&mut label.end, end);
                if labels.iter().all(|label| label.end != old) {
                    inner.ends.remove(&(old, address));
                }
            }
            None => {
                let (context, value) = (context.to_owned(), value.to_owned());
                labels.push(Label { context, value, end });
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
        assert!(learned.lock().changed.len() <= CHANGES);
    }
}
