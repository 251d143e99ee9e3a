//! Fills the profile columns of batches.
//!
//! Flows come in bursts between few addresses, so the number that was found last is kept for each address, in a table with
//! one place for every hash. An address that is not there is looked up in the context.

use std::{net::IpAddr, sync::Arc};

use super::{context::Context, current::Current, trie::Bits};
use crate::flow::batch::{Addresses, FlowBatch};

/// Looks addresses up; each thread has its own.
#[derive(Debug)]
pub struct Enricher {
    current: Arc<Current>,
    context: Arc<Context>,
    version: u64,
    /// Changes of learned labels that the caches know of.
    changes: u64,
    v4: Cache<u32>,
    v6: Cache<u128>,
}

impl Enricher {
    /// An enricher by whatever context is in force when a batch comes.
    pub fn new(current: Arc<Current>) -> Self {
        let version = current.version();
        let context = current.context();
        Self { current, context, version, changes: 0, v4: Cache::default(), v6: Cache::default() }
    }

    /// Looks up the addresses of all rows.
    pub fn enrich(&mut self, batch: &mut FlowBatch) {
        self.follow();
        let Self { current, context, v4, v6, .. } = self;
        let number = |address| match current.learned.changes() {
            0 => context.number(address),
            _ => match current.learned.of(address) {
                labels if labels.is_empty() => context.number(address),
                labels => context.number_with(address, labels),
            },
        };
        let FlowBatch { addresses, source_profile, destination_profile, .. } = batch;
        match addresses {
            Addresses::V4 { source, destination } => {
                let number = |address: u32| number(IpAddr::from(address.to_be_bytes()));
                v4.fill(source, source_profile, number);
                v4.fill(destination, destination_profile, number);
            }
            Addresses::V6 { source, destination } => {
                let number =
                    |address: u128| number(IpAddr::from(address.to_be_bytes()).to_canonical());
                v6.fill(source, source_profile, number);
                v6.fill(destination, destination_profile, number);
            }
        }
        if !Arc::ptr_eq(&batch.profiles, context.profiles()) {
            batch.profiles = context.profiles().clone();
        }
    }

    /// Forgets what a new context or new labels have made wrong.
    fn follow(&mut self) {
        let version = self.current.version();
        if version != self.version {
            self.version = version;
            self.context = self.current.context();
            self.forget();
        }
        if self.current.learned.changes() == self.changes {
            return;
        }
        let (changes, changed) = self.current.learned.changed_since(self.changes);
        self.changes = changes;
        match changed {
            None => self.forget(),
            Some(addresses) => {
                for address in addresses {
                    match address {
                        IpAddr::V4(address) => {
                            self.v4.forget(address.into());
                            self.v6.forget(address.to_ipv6_mapped().into());
                        }
                        IpAddr::V6(address) => self.v6.forget(address.into()),
                    }
                }
            }
        }
    }

    fn forget(&mut self) {
        self.v4.clear();
        self.v6.clear();
    }
}

/// Places of a cache, as a power of two: 128 KiB for IPv4, 512 KiB for IPv6.
const CACHE_BITS: u32 = 14;
/// Stands where nothing is kept; no profile has this number.
const NOTHING: u32 = u32::MAX;

/// Numbers found last.
#[derive(Debug)]
struct Cache<K>(Box<[(K, u32)]>);

impl<K: Bits> Default for Cache<K> {
    fn default() -> Self {
        Self(vec![(K::ZERO, NOTHING); 1 << CACHE_BITS].into())
    }
}

impl<K: Bits> Cache<K> {
    /// Writes the number of each address; `find` finds those that are not kept.
    #[inline]
    fn fill(&mut self, addresses: &[K], numbers: &mut Vec<u32>, find: impl Fn(K) -> u32) {
        numbers.clear();
        numbers.extend(addresses.iter().map(|&address| {
            let entry = &mut self.0[place(address)];
            if entry.0 != address || entry.1 == NOTHING {
                *entry = (address, find(address));
            }
            entry.1
        }));
    }

    fn forget(&mut self, address: K) {
        let entry = &mut self.0[place(address)];
        if entry.0 == address {
            entry.1 = NOTHING;
        }
    }

    fn clear(&mut self) {
        self.0.fill((K::ZERO, NOTHING));
    }
}

/// Fibonacci hashing of both halves.
#[inline(always)]
fn place<K: Bits>(address: K) -> usize {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let address = address.to_u128();
    let folded = address as u64 ^ ((address >> 64) as u64).wrapping_mul(GOLDEN);
    (folded.wrapping_mul(GOLDEN) >> (64 - CACHE_BITS)) as usize
}
