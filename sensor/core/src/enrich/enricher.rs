//! Fills the profile columns of batches.
//!
//! Flows come in bursts between few addresses, so the number that was found last is kept for each address, in a table with
//! two places for every hash, side by side. An address that is not there is looked up in the context. Where the first bits
//! of an address decide, the context says so sooner than the table would, which many addresses turn out of near caches.

use std::{mem, net::IpAddr, sync::Arc};

use hashbrown::HashMap;

use super::{
    active::ActiveContext,
    context::{Context, NOTHING},
    learned::Learned,
    point_networks::PointNetworks,
};
use crate::flow::{
    batch::{Addresses, FlowBatch},
    trie::Bits,
};

/// Looks addresses up; each thread has its own.
#[derive(Debug)]
pub struct Enricher {
    current: Arc<ActiveContext>,
    context: Arc<Context>,
    version: u64,
    /// Changes of learned labels that the caches know of.
    changes: u64,
    labelled: Labelled,
    brought: super::brought::BroughtLabels,
    networks: PointNetworks,
    v4: Cache<u32>,
    v6: Cache<u128>,
}

impl Enricher {
    /// An enricher by whatever context is in force when a batch comes.
    pub fn new(current: Arc<ActiveContext>) -> Self {
        let version = current.version();
        let context = current.context();
        Self {
            current,
            context,
            version,
            changes: 0,
            labelled: Labelled::default(),
            brought: Default::default(),
            networks: Default::default(),
            v4: Cache::default(),
            v6: Cache::default(),
        }
    }

    /// The addresses that were looked up last.
    pub fn recent(&self) -> RecentAddresses {
        RecentAddresses { v4: self.v4.clone(), v6: self.v6.clone() }
    }

    /// An enricher by `context`, which is the next to be put in force; it has looked up the addresses that another one knows.
    pub fn ahead(
        current: Arc<ActiveContext>,
        context: Arc<Context>,
        known: &RecentAddresses,
    ) -> Self {
        let (version, changes) = (current.version() + 1, current.learned.changes());
        let (mut v4, mut v6) = (Cache::default(), Cache::default());
        let mut labelled = Labelled::of(&current.learned);
        v4.learn(&known.v4, |address| labelled.number(&current, &context, ip_v4(address)));
        v6.learn(&known.v6, |address| labelled.number(&current, &context, ip_v6(address)));
        let (brought, networks) = Default::default();
        Self { current, context, version, changes, labelled, brought, networks, v4, v6 }
    }

    /// Looks up the addresses of all rows; the batch gets the labels of ports as well.
    pub fn enrich(&mut self, batch: &mut FlowBatch) {
        self.follow();
        let Self { current, context, labelled, v4, v6, .. } = self;
        let FlowBatch { addresses, source_profile, destination_profile, .. } = batch;
        let shares = context.shares_profiles() && labelled.0.is_empty();
        match addresses {
            Addresses::V4 { source, destination } => {
                let shared = shares.then_some(|address| context.shared_v4(address));
                let mut number = |address| labelled.number(current, context, ip_v4(address));
                v4.fill(source, source_profile, shared, &mut number);
                v4.fill(destination, destination_profile, shared, &mut number);
            }
            Addresses::V6 { source, destination } => {
                let shared = shares.then_some(|address| context.shared_v6(address));
                let mut number = |address| labelled.number(current, context, ip_v6(address));
                v6.fill(source, source_profile, shared, &mut number);
                v6.fill(destination, destination_profile, shared, &mut number);
            }
        }
        if !Arc::ptr_eq(&batch.profiles, context.profiles()) {
            batch.profiles = context.profiles().clone();
        }
        if !Arc::ptr_eq(&batch.port_labels, context.ports()) {
            batch.port_labels = context.ports().clone();
        }
        let Self { current, context, labelled, networks, .. } = self;
        networks.fill(batch, context, |address, combination| {
            labelled.number_of(current, context, address, combination)
        });
        self.brought.add(batch, &self.context);
    }

    /// Forgets what a new context or new labels have made wrong.
    fn follow(&mut self) {
        let version = self.current.version();
        if version != self.version {
            self.version = version;
            self.context = self.current.context();
            self.labelled.0.values_mut().for_each(|number| *number = None);
            self.networks.forget();
            self.forget();
        }
        if self.current.learned.changes() == self.changes {
            return;
        }
        let (changes, changed) = self.current.learned.changed_since(self.changes);
        self.changes = changes;
        match changed {
            None => {
                self.labelled = Labelled::of(&self.current.learned);
                self.forget();
            }
            Some(addresses) => {
                for address in addresses {
                    self.labelled.change(&self.current.learned, address);
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

/// Addresses that an enricher has looked up last.
pub struct RecentAddresses {
    v4: Cache<u32>,
    v6: Cache<u128>,
}

fn ip_v4(address: u32) -> IpAddr {
    address.to_be_bytes().into()
}

fn ip_v6(address: u128) -> IpAddr {
    IpAddr::from(address.to_be_bytes()).to_canonical()
}

/// Addresses that policies have labelled, with their numbers once these were asked for.
#[derive(Debug, Default)]
struct Labelled(HashMap<IpAddr, Option<u32>>);

impl Labelled {
    fn of(learned: &Learned) -> Self {
        Self(learned.addresses().into_iter().map(|address| (address, None)).collect())
    }

    /// The number of the profile that an address has in `context`, with the labels that policies have given it.
    fn number(&mut self, current: &ActiveContext, context: &Context, address: IpAddr) -> u32 {
        match self.0.get_mut(&address) {
            None => context.number(address),
            Some(number) => *number.get_or_insert_with(|| {
                context.number_with(address, None, current.learned.of(address))
            }),
        }
    }

    /// The same where the network of a flow decides about the combination.
    fn number_of(
        &self,
        current: &ActiveContext,
        context: &Context,
        address: IpAddr,
        combination: u32,
    ) -> u32 {
        match self.0.contains_key(&address) {
            false => context.number_of(address, combination),
            true => {
                let labels = current.learned.of(address);
                context.number_with(address, Some(combination), labels)
            }
        }
    }

    /// Takes note that labels of an address have come or gone.
    fn change(&mut self, learned: &Learned, address: IpAddr) {
        if learned.has(address) {
            self.0.insert(address, None);
        } else {
            self.0.remove(&address);
        }
    }
}

/// Pairs of places in a cache, as a power of two: 512 KiB for IPv4, 2 MiB for IPv6.
const PAIR_BITS: u32 = 15;

/// Numbers found last.
#[derive(Clone, Debug)]
struct Cache<K> {
    pairs: Box<[[(K, u32); 2]]>,
    /// Rows of the column at hand whose addresses share no number.
    rows: Vec<u32>,
}

impl<K: Bits> Default for Cache<K> {
    fn default() -> Self {
        Self { pairs: vec![[(K::ZERO, NOTHING); 2]; 1 << PAIR_BITS].into(), rows: Vec::new() }
    }
}

impl<K: Bits> Cache<K> {
    /// Writes the number of each address: the one that it has with others, where `shared` knows one and not [`NOTHING`]; `find`
    /// finds those that are not kept.
    ///
    /// Nobody can guess which addresses share one: a branch on it would cost more than all the rest. So a first pass, without
    /// branches, asks that of all, and a second looks for the others.
    #[inline]
    fn fill(
        &mut self,
        addresses: &[K],
        numbers: &mut Vec<u32>,
        shared: Option<impl Fn(K) -> u32>,
        mut find: impl FnMut(K) -> u32,
    ) {
        numbers.clear();
        let Some(shared) = shared else {
            return numbers
                .extend(addresses.iter().map(|&address| self.number(address, &mut find)));
        };
        numbers.extend(addresses.iter().map(|&address| shared(address)));
        let mut rows = mem::take(&mut self.rows);
        rows.resize(addresses.len(), 0);
        let mut others = 0;
        for (row, &number) in numbers.iter().enumerate() {
            rows[others] = row as u32;
            others += usize::from(number == NOTHING);
        }
        for &row in &rows[..others] {
            numbers[row as usize] = self.number(addresses[row as usize], &mut find);
        }
        self.rows = rows;
    }

    /// The number of an address, which is kept.
    #[inline(always)]
    fn number(&mut self, address: K, find: &mut impl FnMut(K) -> u32) -> u32 {
        let [first, second] = self.pair(address);
        if first.0 == address && first.1 != NOTHING {
            return first.1;
        }
        if second.0 != address || second.1 == NOTHING {
            *second = (address, find(address));
        }
        // Found last, it is looked for first.
        mem::swap(first, second);
        first.1
    }

    /// Finds everything that another cache knows.
    fn learn(&mut self, known: &Self, mut find: impl FnMut(K) -> u32) {
        let pairs = self.pairs.as_flattened_mut().iter_mut().zip(known.pairs.as_flattened());
        for (own, &(address, number)) in pairs {
            if number != NOTHING {
                *own = (address, find(address));
            }
        }
    }

    /// The places of an address.
    #[inline(always)]
    fn pair(&mut self, address: K) -> &mut [(K, u32); 2] {
        &mut self.pairs[place(address)]
    }

    fn forget(&mut self, address: K) {
        for entry in self.pair(address) {
            if entry.0 == address {
                entry.1 = NOTHING;
            }
        }
    }

    fn clear(&mut self) {
        self.pairs.fill([(K::ZERO, NOTHING); 2]);
    }
}

/// Fibonacci hashing of both halves.
#[inline(always)]
fn place<K: Bits>(address: K) -> usize {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let address = address.to_u128();
    let folded = address as u64 ^ ((address >> 64) as u64).wrapping_mul(GOLDEN);
    (folded.wrapping_mul(GOLDEN) >> (64 - PAIR_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        enrich::{
            combine::Precedence, context::Limits, formats::Form, geography::tests::mmdb,
            sources::Sources,
        },
        flow::{
            batch::Source,
            profile::{Profile, Side},
        },
    };

    fn context(labels: &str, database: Option<Vec<u8>>, limits: Limits) -> Context {
        let mut sources = Sources::default();
        sources.bogons();
        sources.private_networks();
        sources.internal_as.push(64_500);
        assert_eq!(sources.labels("labels", labels, Form::Csv).faults, []);
        if let Some(bytes) = database {
            sources.database("places", bytes).expect("the test writes MMDB files");
        }
        Context::new(sources, Precedence::MostSpecific, limits)
    }

    fn current(labels: &str) -> Arc<ActiveContext> {
        Arc::new(ActiveContext::new(context(labels, None, Limits::default())))
    }

    /// A batch between pairs of addresses; only its addresses matter here.
    fn batch(pairs: &[(&str, &str)]) -> FlowBatch {
        let mut batch = FlowBatch::v4(Source::Host);
        let address = |text: &str| text.parse::<IpAddr>().expect("the test has addresses");
        if pairs.iter().any(|(source, _)| address(source).is_ipv6()) {
            batch = FlowBatch::v6(Source::Host);
        }
        for (from, to) in pairs {
            match (&mut batch.addresses, address(from), address(to)) {
                (Addresses::V4 { source, destination }, IpAddr::V4(from), IpAddr::V4(to)) => {
                    source.push(from.into());
                    destination.push(to.into());
                }
                (Addresses::V6 { source, destination }, IpAddr::V6(from), IpAddr::V6(to)) => {
                    source.push(from.into());
                    destination.push(to.into());
                }
                _ => panic!("a batch has one family"),
            }
        }
        batch
    }

    fn roles(profile: &Profile) -> &[String] {
        profile.labels.get("role").map(Vec::as_slice).unwrap_or_default()
    }

    #[test]
    fn both_ends_of_every_row_are_looked_up() {
        let current = current("10.0.0.5,role,web\n2001:db8::/32,role,lab\n443/tcp,name,https\n");
        let mut enricher = Enricher::new(current);
        for _ in 0..2 {
            let mut v4 = batch(&[("10.0.0.5", "8.8.8.8"), ("127.0.0.1", "10.0.0.5")]);
            enricher.enrich(&mut v4);
            assert_eq!(roles(v4.profile(Side::Source, 0)), ["web"]);
            assert_eq!(v4.profile(Side::Source, 0).internal, Some(true));
            assert_eq!(v4.profile(Side::Destination, 0).internal, Some(false));
            assert_eq!(v4.profile(Side::Destination, 0).local, None);
            assert_eq!(v4.profile(Side::Source, 1).bogon, Some(true));
            assert_eq!(roles(v4.profile(Side::Destination, 1)), ["web"]);
            assert!(v4.port_labels.get(6, 443) != crate::flow::fields::Value::Absent);
            let mut v6 = batch(&[("2001:db8::7", "::ffff:10.0.0.5"), ("::", "ffff::")]);
            enricher.enrich(&mut v6);
            assert_eq!(roles(v6.profile(Side::Source, 0)), ["lab"]);
            assert_eq!(roles(v6.profile(Side::Destination, 0)), ["web"]);
            assert_eq!(v6.profile(Side::Source, 1).bogon, Some(true));
            assert!(Arc::ptr_eq(&v4.profiles, &v6.profiles));
        }
    }

    #[test]
    fn an_address_that_shares_its_number_has_the_one_that_is_looked_up() {
        let current = current("10.0.0.5,role,web\n");
        let context = current.context();
        let mut shared = 0;
        for text in
            ["10.0.0.5", "10.77.0.1", "8.8.8.8", "::ffff:10.77.0.1", "2001:db8::1", "2a00::1"]
        {
            let address: IpAddr = text.parse().expect("the test has addresses");
            let number = context.number(address.to_canonical());
            let known = match address {
                IpAddr::V4(address) => context.shared_v4(address.into()),
                IpAddr::V6(address) => context.shared_v6(address.into()),
            };
            assert!([number, NOTHING].contains(&known), "{text}: {known} is not {number}");
            shared += usize::from(known != NOTHING);
        }
        assert!(shared >= 2, "{shared}");
    }

    #[test]
    fn a_reload_takes_effect_with_the_next_batch() {
        let current = current("10.0.0.5,role,web\n");
        let mut enricher = Enricher::new(current.clone());
        let mut old = batch(&[("10.0.0.5", "10.0.0.6")]);
        enricher.enrich(&mut old);
        current.replace(context("10.0.0.5,role,mail\n", None, Limits::default()));
        let mut new = old.clone();
        enricher.enrich(&mut new);
        assert_eq!(roles(old.profile(Side::Source, 0)), ["web"]);
        assert_eq!(roles(new.profile(Side::Source, 0)), ["mail"]);
    }

    #[test]
    fn what_policies_learn_counts_until_it_ends() {
        let current = current("10.0.0.5,role,web\n");
        let mut enricher = Enricher::new(current.clone());
        let mut seen = |roles_now: &[&str]| {
            let mut flows = batch(&[("10.0.0.5", "10.0.0.6")]);
            enricher.enrich(&mut flows);
            assert_eq!(roles(flows.profile(Side::Source, 0)), roles_now);
            let mut mapped = batch(&[("::ffff:10.0.0.5", "::1")]);
            enricher.enrich(&mut mapped);
            assert_eq!(roles(mapped.profile(Side::Source, 0)), roles_now);
        };
        seen(&["web"]);
        current.learned.label([10, 0, 0, 5].into(), "role", "scanner", 100);
        seen(&["web", "scanner"]);
        current.replace(context("10.0.0.5,role,mail\n", None, Limits::default()));
        seen(&["mail", "scanner"]);
        current.learned.expire(100);
        seen(&["mail"]);
    }

    fn places(rows: u8) -> Vec<u8> {
        let record = |row: u8| {
            json!({
                "country": {"iso_code": "DE"}, "location": {"latitude": f64::from(row) / 4.0, "longitude": 1.0},
                "subdivisions": [{"iso_code": "BE"}],
                "autonomous_system_number": 64_500 + u32::from(row), "autonomous_system_organization": "Example",
            })
        };
        let address = |row: u8| format!("8.8.{row}.0");
        let rows: Vec<_> = (0..rows).map(|row| (address(row), record(row))).collect();
        mmdb(
            &rows
                .iter()
                .map(|(address, record)| (address.as_str(), 24, record.clone()))
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn places_meet_labels() {
        let context = context("8.8.0.1,role,web\n", Some(places(2)), Limits::default());
        let profile = |address: [u8; 4]| context.profiles().get(context.number(address.into()));
        let labelled = profile([8, 8, 0, 1]);
        assert_eq!(
            (roles(labelled), labelled.country.as_deref()),
            (&["web".to_owned()][..], Some("DE"))
        );
        // Of the AS that is said to be internal.
        assert_eq!(labelled.internal, Some(true));
        assert_eq!(profile([8, 8, 1, 1]).internal, Some(false));
        assert_eq!(profile([8, 8, 1, 1]).owner_as.number, Some(64_501));
        assert_eq!(context.number([8, 8, 1, 1].into()), context.number([8, 8, 1, 77].into()));
    }

    #[test]
    fn many_places_cost_detail_and_never_labels() {
        let context = context("8.8.250.1,role,web\n", Some(places(251)), Limits { profiles: 64 });
        for row in 0..=250 {
            let profile = context.profiles().get(context.number([8, 8, row, 1].into()));
            assert_eq!(profile.country.as_deref(), Some("DE"));
            assert_eq!(profile.location.is_some(), row < 31, "{row}");
            assert_eq!(profile.owner_as.number.is_some(), row < 63, "{row}");
            assert_eq!(roles(profile).len(), usize::from(row == 250));
        }
        // The unknown one, full ones, those without location, and two without AS: with and without the label.
        assert_eq!(context.profiles().count(), 64 + 2);
        assert!(context.coarse() > 0);
    }
}
