//! Places for connections: so many in all, and so many for each sender, so that one that takes all it can get leaves the
//! others theirs.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard},
};

use sensor_core::sync::Unpoisoned as _;

/// All places.
#[derive(Debug)]
pub(super) struct Slots(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Places, and how many of them one sender may have.
    places: usize,
    of_one: usize,
    /// Those that are taken.
    all: usize,
    by_sender: HashMap<IpAddr, usize>,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// All are taken.
    All,
    /// The sender has all that are for one.
    OfOne,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    sender: IpAddr,
}

impl Slots {
    /// Places for `all` connections, of which one sender may have `of_one`.
    pub(super) fn new(all: usize, of_one: usize) -> Arc<Self> {
        let (places, by_sender) = (all, HashMap::new());
        Arc::new(Self(Mutex::new(State { places, of_one, all: 0, by_sender })))
    }

    /// From now on there are `all` places, of which one sender may have `of_one`. Whoever has one keeps it.
    pub(super) fn resize(&self, all: usize, of_one: usize) {
        let mut state = self.lock();
        (state.places, state.of_one) = (all, of_one);
    }

    /// A place for a connection of `address`.
    pub(super) fn take(slots: &Arc<Self>, address: IpAddr) -> Result<Slot, Full> {
        let sender = sender(address);
        let mut taken = slots.lock();
        let of_one = taken.of_one;
        if taken.by_sender.get(&sender).is_some_and(|taken| *taken >= of_one) {
            return Err(Full::OfOne);
        }
        if taken.all >= taken.places {
            return Err(Full::All);
        }
        taken.all += 1;
        *taken.by_sender.entry(sender).or_default() += 1;
        drop(taken);
        Ok(Slot { slots: slots.clone(), sender })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unpoisoned()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.lock();
        taken.all -= 1;
        if let Some(of_sender) = taken.by_sender.get_mut(&self.sender) {
            *of_sender -= 1;
            if *of_sender == 0 {
                taken.by_sender.remove(&self.sender);
            }
        }
    }
}

/// Whom an address belongs to: one host may choose among all IPv6 addresses of its network (RFC 4291 section 2.5.1).
fn sender(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sender_leaves_places_for_others() {
        let slots = Slots::new(5, 2);
        let take = |address: &str| Slots::take(&slots, address.parse().unwrap());
        let first = take("192.0.2.1").unwrap();
        let _second = take("192.0.2.1").unwrap();
        assert_eq!(take("192.0.2.1").unwrap_err(), Full::OfOne);
        // The same network.
        let _v6 = [take("2001:db8::1").unwrap(), take("2001:db8::2").unwrap()];
        assert_eq!(take("2001:db8::3").unwrap_err(), Full::OfOne);
        let other = take("2001:db8:0:1::1").unwrap();
        assert_eq!(take("192.0.2.2").unwrap_err(), Full::All);
        drop(other);
        let _ours = take("192.0.2.2").unwrap();
        drop(first);
        assert_eq!(slots.lock().by_sender.len(), 3);
        let again = take("192.0.2.1").unwrap();
        // Fewer places than are taken: nobody loses one, and nobody gets one.
        slots.resize(4, 9);
        drop(again);
        assert_eq!(take("192.0.2.1").unwrap_err(), Full::All);
        slots.resize(9, 3);
        assert!(take("192.0.2.1").is_ok());
    }
}
