//! Addresses that several virtual networks have, as clouds allow: what a flow says of its network decides whose labels they get.
//!
//! Where the inventories of clouds name an address in one network only, its labels hold whoever sees it. Where networks lie
//! over one another, each gets tables of its own, for the addresses that it has; what it does not have is looked up as ever.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
};

use super::{
    combine::{Combination, Precedence, ranges},
    context::Context,
    interner::Interner,
    statement::{Network, Statement},
};
use crate::flow::{
    batch::{Addresses, FlowBatch},
    point::{ObservationPoint, PointAttribute, Points},
    prefix::Prefix,
    trie::{Bits, number},
};

/// The addresses of one network: where the combination changes, ascending; 0 for what it does not have.
#[derive(Debug)]
struct Table {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u32)>,
}

impl Table {
    fn get(&self, address: IpAddr) -> u32 {
        match address {
            IpAddr::V4(address) => find(&self.v4, address.into()),
            IpAddr::V6(address) => find(&self.v6, address.into()),
        }
    }
}

fn find<K: Bits>(ranges: &[(K, u32)], address: K) -> u32 {
    let behind = ranges.partition_point(|(first, _)| *first <= address);
    behind.checked_sub(1).map_or(0, |at| ranges[at].1)
}

/// Tables of the networks that lie over others.
#[derive(Debug, Default)]
pub struct Networks {
    by_name: HashMap<String, usize>,
    tables: Vec<Table>,
}

/// The names under which a network is known, the most precise first: with the account, since names of networks recur in others.
/// Identifiers differ in case between the places where a cloud prints them.
pub fn names<'a>(
    account: Option<&'a str>,
    network: Option<&'a str>,
    subnet: Option<&'a str>,
) -> impl Iterator<Item = String> + use<'a> {
    let both = account.zip(network).map(|(account, network)| format!("{account}/{network}"));
    let others = [network, subnet, account].into_iter().flatten().map(str::to_owned);
    both.into_iter().chain(others).map(|name| name.to_ascii_lowercase())
}

impl Networks {
    /// The tables of the networks that `names` numbers, whose combinations join `combinations`.
    pub(super) fn new(
        names: &[Vec<String>],
        statements: &[Statement],
        precedence: Precedence,
        combinations: &mut Interner<Combination>,
    ) -> Self {
        let mut networks = Self::default();
        for network in overlapping(statements) {
            let own: BTreeSet<Prefix> = statements
                .iter()
                .filter(|statement| statement.network == Some(network))
                .map(|statement| statement.prefix)
                .collect();
            let is_about = |statement: &&Statement| match statement.network {
                None => own.iter().any(|own| overlaps(*own, statement.prefix)),
                other => other == Some(network),
            };
            let (v4, v6): (Vec<&Statement>, Vec<_>) =
                statements.iter().filter(is_about).partition(|one| one.prefix.address.is_ipv4());
            networks.tables.push(Table {
                v4: within(&own, true, &ranges(v4, precedence, combinations)),
                v6: within(&own, false, &ranges(v6, precedence, combinations)),
            });
            let place = networks.tables.len() - 1;
            for name in &names[network.place()] {
                // A name of two networks stands for the first: neither is wrong, and the precise names come before.
                networks.by_name.entry(name.clone()).or_insert(place);
            }
        }
        networks
    }

    /// Whether no network lies over another.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// How many have tables of their own.
    pub fn count(&self) -> usize {
        self.tables.len()
    }

    fn of(&self, point: &ObservationPoint) -> Option<usize> {
        use PointAttribute::{Account, Subnet, Vpc};
        let mut names = names(point.get(Account), point.get(Vpc), point.get(Subnet));
        names.find_map(|name| self.by_name.get(&name).copied())
    }

    /// The combination of an address in a network; none where the network does not have it.
    pub(super) fn combination(&self, network: usize, address: IpAddr) -> Option<u32> {
        Some(self.tables[network].get(address.to_canonical())).filter(|number| *number != 0)
    }
}

/// Networks that share addresses with others.
fn overlapping(statements: &[Statement]) -> BTreeSet<Network> {
    let mut owned: Vec<(Prefix, Network)> = statements
        .iter()
        .filter_map(|statement| Some((statement.prefix, statement.network?)))
        .collect();
    owned.sort_unstable();
    owned.dedup();
    let mut found = BTreeSet::new();
    // Prefixes that the sweep is inside of, the shortest first.
    let mut outer: Vec<(Prefix, Network)> = Vec::new();
    for (prefix, network) in owned {
        while outer.last().is_some_and(|(around, _)| !overlaps(*around, prefix)) {
            outer.pop();
        }
        // Many addresses of one network in one subnet of it: it need not stand there twice.
        let mut is_known = false;
        for (_, other) in &outer {
            is_known |= *other == network;
            if *other != network {
                found.extend([*other, network]);
            }
        }
        if !is_known {
            outer.push((prefix, network));
        }
    }
    found
}

/// Whether one of two prefixes lies in the other.
fn overlaps(one: Prefix, other: Prefix) -> bool {
    let length = u32::from(one.length.min(other.length));
    let width = if one.address.is_ipv4() { 32 } else { 128 };
    let bits = |prefix: Prefix| number(prefix.address).checked_shr(width - length).unwrap_or(0);
    one.address.is_ipv4() == other.address.is_ipv4() && bits(one) == bits(other)
}

/// What of `ranges` lies in prefixes of one family; 0 between them.
fn within<K: Bits>(own: &BTreeSet<Prefix>, v4: bool, ranges: &[(K, u32)]) -> Vec<(K, u32)> {
    let mut cut: Vec<(K, u32)> = Vec::new();
    let mut mark = |first: u128, value: u32| match cut.last_mut() {
        Some((last, known)) if last.to_u128() == first => *known = value,
        Some((_, known)) if *known == value => {}
        _ => cut.push((K::from_u128(first), value)),
    };
    let last_of_all = u128::MAX >> (128 - K::WIDTH);
    let mut covered = None;
    for prefix in own.iter().filter(|prefix| prefix.address.is_ipv4() == v4) {
        let first = number(prefix.address);
        let host_bits = K::WIDTH - u32::from(prefix.length);
        let last = first | u128::MAX.checked_shr(128 - host_bits).unwrap_or(0);
        if covered.is_some_and(|covered| last <= covered) {
            continue;
        }
        mark(first, find(ranges, K::from_u128(first)));
        let inside = ranges.iter().map(|(from, value)| (from.to_u128(), *value));
        let begin = ranges.partition_point(|(from, _)| from.to_u128() <= first);
        for (from, value) in inside.skip(begin).take_while(|(from, _)| *from <= last) {
            mark(from, value);
        }
        if last < last_of_all {
            mark(last + 1, 0);
        }
        covered = Some(last);
    }
    cut
}

/// Finds the networks of observation points.
#[derive(Debug, Default)]
pub(super) struct PointNetworks {
    /// The table of points that the places are of.
    points: Option<Arc<Points>>,
    /// The network of each point, as far as they have been asked for.
    places: Vec<Option<usize>>,
}

impl PointNetworks {
    /// Forgets what a new context has made wrong.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Gives the addresses of a batch the profiles that they have in the networks of their flows; `find` says which profile an
    /// address has with a combination.
    pub(super) fn fill(
        &mut self,
        batch: &mut FlowBatch,
        context: &Context,
        mut find: impl FnMut(IpAddr, u32) -> u32,
    ) {
        let networks = context.networks();
        if networks.is_empty() || batch.observation_point.is_empty() {
            return;
        }
        let is_same = |points: &Arc<Points>| Arc::ptr_eq(points, &batch.points);
        if !self.points.as_ref().is_some_and(is_same) {
            *self = Self { points: Some(batch.points.clone()), places: Vec::new() };
        }
        let known = self.places.len() as u32;
        self.places.extend(batch.points.starting_at(known).map(|point| networks.of(point)));
        let FlowBatch { addresses, source_profile, destination_profile, .. } = batch;
        for (row, point) in batch.observation_point.iter().enumerate() {
            let Some(network) = self.places.get(*point as usize).copied().flatten() else {
                continue;
            };
            let ends: [IpAddr; 2] = match addresses {
                Addresses::V4 { source, destination } => {
                    [source[row], destination[row]].map(|address| address.to_be_bytes().into())
                }
                Addresses::V6 { source, destination } => {
                    [source[row], destination[row]].map(|address| address.to_be_bytes().into())
                }
            };
            for (address, profiles) in
                ends.into_iter().zip([&mut *source_profile, &mut *destination_profile])
            {
                if let Some(combination) = networks.combination(network, address) {
                    profiles[row] = find(address.to_canonical(), combination);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        enrich::{
            active::ActiveContext,
            context::Limits,
            enricher::Enricher,
            formats::Form,
            import::{Cloud, Printed, import},
            sources::Sources,
        },
        flow::{batch::Source, profile::Side},
    };

    const INVENTORY: &str = r#"{"NetworkInterfaces": [
        {"PrivateIpAddress": "10.0.0.5", "VpcId": "vpc-1", "OwnerId": "1", "TagSet": [{"Key": "Name", "Value": "web"}]},
        {"PrivateIpAddress": "10.0.0.5", "VpcId": "vpc-2", "OwnerId": "2", "TagSet": [{"Key": "Name", "Value": "db"}]},
        {"PrivateIpAddress": "10.0.0.6", "VpcId": "vpc-2", "OwnerId": "2", "TagSet": [{"Key": "Name", "Value": "cache"}]},
        {"PrivateIpAddress": "10.9.0.1", "VpcId": "vpc-3", "OwnerId": "2", "TagSet": [{"Key": "Name", "Value": "mail"}]}],
        "Subnets": [{"CidrBlock": "10.0.0.0/24", "VpcId": "vpc-1", "OwnerId": "1", "SubnetId": "subnet-1"}]}"#;

    fn context(labels: &str) -> Context {
        let mut sources = Sources::default();
        assert_eq!(sources.labels("labels", labels, Form::Csv).faults, []);
        let inventory = import(Cloud::Aws, &[Printed::parse(INVENTORY).expect("JSON")]);
        sources.inventory("inventory", &inventory);
        Context::new(sources, Precedence::MostSpecific, Limits::default())
    }

    /// What `label` of the two ends of a flow that was seen in this network.
    fn labels(
        context: Context,
        [account, network]: [&str; 2],
        ends: [[u8; 4]; 2],
        label: &str,
    ) -> [String; 2] {
        let mut enricher = Enricher::new(Arc::new(ActiveContext::new(context)));
        let mut batch = FlowBatch::v4(Source::Aws);
        batch.packets.push(1);
        batch.level();
        if let Addresses::V4 { source, destination } = &mut batch.addresses {
            source.push(u32::from_be_bytes(ends[0]));
            destination.push(u32::from_be_bytes(ends[1]));
        }
        let points = Points::default();
        let mut point = ObservationPoint::default();
        point.set(PointAttribute::Account, account);
        point.set(PointAttribute::Vpc, network);
        batch.observation_point.push(points.intern(point));
        batch.points = Arc::new(points);
        enricher.enrich(&mut batch);
        [Side::Source, Side::Destination].map(|side| {
            let labels = &batch.profile(side, 0).labels;
            labels.get(label).map(|values| values.join(" ")).unwrap_or_default()
        })
    }

    #[test]
    fn the_network_of_a_flow_decides_whose_labels_an_address_gets() {
        let ends = [[10, 0, 0, 5], [10, 0, 0, 6]];
        for (point, label, expected) in [
            // The second lies in its subnet, so that it is not the one of the other network.
            (["1", "vpc-1"], "name", ["web", ""]),
            (["2", "VPC-2"], "name", ["db", "cache"]),
            (["", "vpc-2"], "vpc", ["vpc-2", "vpc-2"]),
            (["1", "vpc-1"], "subnet", ["subnet-1", "subnet-1"]),
            // Of its own addresses, and not of those in a subnet of another network.
            (["2", "vpc-2"], "subnet", ["", ""]),
            // Nobody knows the network: all that the address may be.
            (["", ""], "name", ["web db", "cache"]),
            (["1", "vpc-9"], "name", ["web db", "cache"]),
        ] {
            let found = labels(context(""), point, ends, label);
            assert_eq!(found, expected, "{point:?} {label}");
        }
    }

    #[test]
    fn other_sources_hold_in_every_network() {
        let file = "10.0.0.0/8,site,north\n10.0.0.5,name,own\n";
        let ends = [[10, 0, 0, 5], [10, 9, 0, 1]];
        assert_eq!(labels(context(file), ["1", "vpc-1"], ends, "name"), ["own web", "mail"]);
        assert_eq!(labels(context(file), ["1", "vpc-1"], ends, "site"), ["north", "north"]);
        assert_eq!(labels(context(file), ["2", "vpc-2"], ends, "site"), ["north", "north"]);
    }

    #[test]
    fn networks_that_share_nothing_need_no_tables() {
        let context = context("");
        assert_eq!(context.networks().count(), 2);
        assert_eq!(context.networks().of(&ObservationPoint::default()), None);
        let mut sources = Sources::default();
        let text = INVENTORY.replace("10.0.0.5", "10.7.0.5").replacen("10.7.0.5", "10.0.0.4", 1);
        let text = text.replace("10.0.0.6", "10.8.0.6");
        let inventory = import(Cloud::Aws, &[Printed::parse(&text).expect("JSON")]);
        sources.inventory("inventory", &inventory);
        let context = Context::new(sources, Precedence::MostSpecific, Limits::default());
        assert!(context.networks().is_empty());
    }

    #[test]
    fn ranges_end_with_their_prefixes() {
        let prefix = |text: &str| crate::flow::prefix::prefix(text).expect("a prefix");
        let own =
            BTreeSet::from(["0.0.0.0/8", "10.0.0.0/8", "10.1.0.0/16", "255.0.0.0/8"].map(prefix));
        let ranges = [(0, 7), (0x0a01_0000, 8), (0x0a02_0000, 7)];
        let cut = within::<u32>(&own, true, &ranges);
        let expected = [
            (0, 7),
            (0x0100_0000, 0),
            (0x0a00_0000, 7),
            (0x0a01_0000, 8),
            (0x0a02_0000, 7),
            (0x0b00_0000, 0),
            (0xff00_0000, 7),
        ];
        assert_eq!(cut, expected);
        assert_eq!(within::<u128>(&own, false, &[(0, 7)]), []);
    }
}
