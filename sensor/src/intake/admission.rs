//! Who is listened to, and how much: judged by the sender's address, before anything is decoded.
//!
//! Pure; time is an argument. All tables are bounded, since addresses are what the sender writes into a datagram.

use std::{net::IpAddr, sync::Arc};

use hashbrown::HashMap;
use ipnet::IpNet;
use sensor_core::flow::{
    prefix::Prefix,
    trie::{Bits, Trie, nested},
};
pub use sensor_wire::device::profile::DeviceProfile;

/// What is configured for some devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Whom it is about.
    pub network: IpNet,
    /// Datagrams a second; `None`: what holds for all; `Some(None)`: any number.
    pub rate_limit: Option<Option<u32>>,
    /// Name, site, tags, sampling rate.
    pub profile: DeviceProfile,
}

/// What is configured of admission. Every datagram asks, however many devices are configured.
#[derive(Clone, Debug)]
pub struct Rules {
    allow: Vec<IpNet>,
    rules: Vec<Rule>,
    /// What holds for an address: [`REFUSED`], [`ALLOWED`], or the place of its rule behind them.
    v4: Trie<u32>,
    v6: Trie<u128>,
    rate_limit: Option<u32>,
    any_limit: bool,
}

const REFUSED: u32 = 0;
const ALLOWED: u32 = 1;
const FIRST_RULE: u32 = 2;

impl Default for Rules {
    fn default() -> Self {
        Self::new(Vec::new(), Vec::new(), None)
    }
}

impl Rules {
    /// Listens to `allow` and to whom `rules` are about; everybody may send `rate_limit` datagrams a second, as far as a
    /// rule says nothing else. Of several rules for an address that of the smallest network holds.
    pub fn new(allow: Vec<IpNet>, rules: Vec<Rule>, rate_limit: Option<u32>) -> Self {
        let any_limit = rate_limit.is_some()
            || rules.iter().any(|rule| matches!(rule.rate_limit, Some(Some(_))));
        let allowed = allow.iter().map(|network| (prefix(*network), ALLOWED));
        let ruled = (FIRST_RULE..).zip(&rules).map(|(place, rule)| (prefix(rule.network), place));
        let all = allowed.chain(ruled);
        let (v4, v6): (Vec<_>, Vec<_>) = all.partition(|(prefix, _)| prefix.address.is_ipv4());
        let (v4, v6) = (Trie::new(ranges(v4)), Trie::new(ranges(v6)));
        Self { allow, rules, v4, v6, rate_limit, any_limit }
    }

    /// Whether `other` says the same.
    pub fn are(&self, other: &Self) -> bool {
        (&self.allow, &self.rules, self.rate_limit)
            == (&other.allow, &other.rules, other.rate_limit)
    }

    fn verdict(&self, address: IpAddr) -> u32 {
        match address {
            IpAddr::V4(address) => self.v4.get(address.into()),
            IpAddr::V6(address) => self.v6.get(address.into()),
        }
    }

    fn rule(&self, address: IpAddr) -> Option<&Rule> {
        self.rules.get(self.verdict(address).checked_sub(FIRST_RULE)? as usize)
    }

    /// Whether `address` is listened to.
    pub fn allows(&self, address: IpAddr) -> bool {
        self.verdict(address) != REFUSED
    }

    fn limit(&self, address: IpAddr) -> Option<u32> {
        self.rule(address).and_then(|rule| rule.rate_limit).unwrap_or(self.rate_limit)
    }

    /// What is configured for the device at `address`.
    pub fn profile(&self, address: IpAddr) -> DeviceProfile {
        self.rule(address).map(|rule| rule.profile.clone()).unwrap_or_default()
    }
}

fn prefix(network: IpNet) -> Prefix {
    Prefix { address: network.network(), length: network.prefix_len() }
}

fn ranges<K: Bits>(mut verdicts: Vec<(Prefix, u32)>) -> Vec<(K, u32)> {
    verdicts.sort_unstable();
    nested(
        &verdicts,
        |(prefix, _)| *prefix,
        |around, group| {
            // A network within one that a rule is about has that rule, unless there is another.
            let first =
                group.iter().map(|(_, verdict)| *verdict).find(|verdict| *verdict != ALLOWED);
            first.unwrap_or(around.max(ALLOWED))
        },
    )
}

/// What becomes of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is decoded.
    Admitted,
    /// Its sender is not listened to.
    Refused,
    /// Its sender sends too much.
    Limited,
}

/// Devices whose rate is followed, each on its own; the others share.
const BUCKETS: usize = 1 << 16;

/// Milliseconds between two searches for buckets that can be thrown away: each looks at all of them.
const SEARCH: u64 = 1000;

/// Refused addresses that are named in the log within a minute.
const NAMED: usize = 64;

/// Milliseconds after which an address is named again.
const AGAIN: u64 = 60_000;

/// The judge of one decoder.
#[derive(Debug)]
pub struct Admission {
    rules: Arc<Rules>,
    buckets: HashMap<IpAddr, Bucket>,
    /// Of all that have none of their own.
    common: Bucket,
    /// When it is next looked for buckets that can be thrown away, milliseconds since the epoch.
    search_after: u64,
    named: HashMap<IpAddr, Named>,
}

/// How often the log has named an address.
#[derive(Clone, Copy, Debug)]
struct Named {
    /// Until when this counts, milliseconds since the epoch.
    until: u64,
    times: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// Thousandths of datagrams that may still come.
    level: u64,
    /// When that was, milliseconds since the epoch.
    at: u64,
    /// Datagrams that were too many.
    limited: u64,
}

impl Bucket {
    fn fill(&mut self, rate: u64, now: u64) {
        let more = now.saturating_sub(self.at).saturating_mul(rate);
        self.level = self.level.saturating_add(more).min(rate * 1000);
        self.at = now;
    }

    fn take(&mut self, rate: u64, now: u64) -> bool {
        self.fill(rate, now);
        let enough = self.level >= 1000;
        if enough {
            self.level -= 1000;
        } else {
            self.limited += 1;
        }
        enough
    }
}

impl Admission {
    /// Judges by `rules`.
    pub fn new(rules: Arc<Rules>) -> Self {
        let (buckets, named) = (HashMap::new(), HashMap::new());
        Self { rules, buckets, common: Bucket::default(), search_after: 0, named }
    }

    /// From now on judges by `rules`. What devices may still send within their rates stays, as far as their new ones allow.
    pub fn follow(&mut self, rules: Arc<Rules>) {
        self.rules = rules;
    }

    /// Whether the datagram that has come from `address` (in its canonical form) at `now`, milliseconds since the epoch, is
    /// decoded.
    pub fn judge(&mut self, address: IpAddr, now: u64) -> Verdict {
        if !self.rules.allows(address) {
            return Verdict::Refused;
        }
        if !self.rules.any_limit {
            return Verdict::Admitted;
        }
        let Some(rate) = self.rules.limit(address).map(u64::from) else { return Verdict::Admitted };
        if self.bucket(address, rate, now).take(rate, now) {
            Verdict::Admitted
        } else {
            Verdict::Limited
        }
    }

    fn bucket(&mut self, address: IpAddr, rate: u64, now: u64) -> &mut Bucket {
        if !self.buckets.contains_key(&address) {
            if self.buckets.len() >= BUCKETS && now >= self.search_after {
                self.search_after = now + SEARCH;
                // One that is full says nothing. What was too many is still to be reported.
                let rules = &self.rules;
                self.buckets.retain(|address, bucket| {
                    let rate = rules.limit(*address).unwrap_or(0).into();
                    bucket.fill(rate, now);
                    bucket.level < rate * 1000 || bucket.limited != 0
                });
            }
            if self.buckets.len() >= BUCKETS {
                return &mut self.common;
            }
            // Who is new may send for a second's worth at once.
            self.buckets.insert(address, Bucket { level: rate * 1000, at: now, limited: 0 });
        }
        self.buckets.entry(address).or_default()
    }

    /// Whether the log should name the refused `address` now: once a minute, and not endlessly many.
    pub fn names(&mut self, address: IpAddr, now: u64) -> bool {
        self.names_often(address, now, 1)
    }

    /// As [`Self::names`], but `most` times a minute.
    pub fn names_often(&mut self, address: IpAddr, now: u64, most: u32) -> bool {
        if let Some(named) = self.named.get_mut(&address).filter(|named| now < named.until) {
            named.times = named.times.saturating_add(1);
            return named.times <= most;
        }
        if self.named.len() >= NAMED {
            self.named.retain(|_, named| now < named.until);
        }
        let named = self.named.len() < NAMED;
        if named {
            self.named.insert(address, Named { until: now + AGAIN, times: 1 });
        }
        named
    }

    /// Devices of which datagrams were too many, and how many.
    pub fn limited(&self) -> impl Iterator<Item = (IpAddr, u64)> {
        let limited = self.buckets.iter().filter(|(_, bucket)| bucket.limited != 0);
        limited.map(|(address, bucket)| (*address, bucket.limited))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn rule(network: &str, name: &str, rate_limit: Option<Option<u32>>) -> Rule {
        let profile = DeviceProfile { name: name.to_owned(), ..DeviceProfile::default() };
        Rule { network: network.parse().unwrap(), rate_limit, profile }
    }

    #[test]
    fn the_smallest_network_decides() {
        let rules = vec![
            rule("192.0.2.0/24", "net", Some(Some(1))),
            rule("192.0.2.7/32", "host", Some(None)),
        ];
        let rules = Arc::new(Rules::new(vec!["10.0.0.0/8".parse().unwrap()], rules, None));
        assert_eq!(rules.profile(ip("192.0.2.7")).name, "host");
        assert_eq!(rules.profile(ip("192.0.2.8")).name, "net");
        assert_eq!(rules.profile(ip("10.0.0.1")).name, "");
        let mut admission = Admission::new(rules);
        let mut count = |address: &str| {
            (0..5).filter(|_| admission.judge(ip(address), 1000) == Verdict::Admitted).count()
        };
        assert_eq!(count("192.0.2.7"), 5);
        assert_eq!(count("192.0.2.8"), 1);
        assert_eq!(count("10.0.0.1"), 5);
        assert_eq!(count("198.51.100.1"), 0);
        assert_eq!(count("::1"), 0);
        assert_eq!(admission.limited().collect::<Vec<_>>(), [(ip("192.0.2.8"), 4)]);
    }

    #[test]
    fn rules_and_allowed_networks_lie_within_each_other() {
        let net = |text: &str| text.parse().unwrap();
        let allow = ["10.0.0.0/8", "192.0.2.128/25", "2001:db8::/32"].map(net).to_vec();
        let rules = [
            ("10.1.0.0/16", "a"),
            ("10.1.2.0/24", "b"),
            ("10.1.2.3/32", "c"),
            ("10.1.2.3/32", "c again"),
            ("192.0.2.0/24", "d"),
            ("2001:db8::1/128", "e"),
            ("0.0.0.0/32", "f"),
            ("255.255.255.255/32", "g"),
        ];
        let rules = rules.map(|(network, name)| rule(network, name, None)).to_vec();
        let rules = Rules::new(allow, rules, None);
        for (address, name) in [
            ("10.0.0.1", Some("")),
            ("10.1.0.1", Some("a")),
            ("10.1.2.2", Some("b")),
            ("10.1.2.3", Some("c")),
            ("10.1.2.4", Some("b")),
            ("10.1.3.0", Some("a")),
            ("10.2.0.0", Some("")),
            ("11.0.0.0", None),
            ("192.0.2.1", Some("d")),
            ("192.0.2.200", Some("d")),
            ("192.0.3.0", None),
            ("2001:db8::1", Some("e")),
            ("2001:db8::2", Some("")),
            ("2001:db9::", None),
            ("0.0.0.0", Some("f")),
            ("0.0.0.1", None),
            ("255.255.255.255", Some("g")),
            ("::", None),
        ] {
            let found = rules.allows(ip(address)).then(|| rules.profile(ip(address)).name);
            assert_eq!(found.as_deref(), name, "{address}");
        }
    }

    #[test]
    fn a_rate_is_a_burst_of_a_second_and_then_a_rate() {
        let rules = Rules::new(vec!["0.0.0.0/0".parse().unwrap()], Vec::new(), Some(100));
        let mut admission = Admission::new(Arc::new(rules));
        let mut admitted = |from: u64, to: u64| {
            (from..to)
                .flat_map(|now| [now; 10])
                .filter(|&now| admission.judge(ip("10.0.0.1"), now) == Verdict::Admitted)
                .count()
        };
        assert_eq!(admitted(0, 1000), 100 + 99);
        assert_eq!(admitted(1000, 2000), 100);
        assert_eq!(admitted(60_000, 60_001), 10);
    }

    #[test]
    fn many_addresses_take_no_more_memory() {
        let rules = Rules::new(vec!["0.0.0.0/0".parse().unwrap()], Vec::new(), Some(1));
        let mut admission = Admission::new(Arc::new(rules));
        for address in 0..100_000_u32 {
            admission.judge(IpAddr::V4(address.into()), 0);
            admission.names(IpAddr::V4(address.into()), 0);
        }
        assert_eq!((admission.buckets.len(), admission.named.len()), (BUCKETS, NAMED));
        // After a second they are full, and say nothing.
        assert_eq!(admission.judge(ip("192.0.2.1"), 2000), Verdict::Admitted);
        assert_eq!(admission.buckets.len(), 1);
    }

    #[test]
    fn a_refused_address_is_named_once_a_minute() {
        let mut admission = Admission::new(Arc::default());
        let at = |admission: &mut Admission, now| admission.names(ip("192.0.2.1"), now);
        assert!(at(&mut admission, 0));
        assert!(!at(&mut admission, 59_999));
        assert!(at(&mut admission, 60_000));
        let told = (0..9).filter(|_| admission.names_often(ip("192.0.2.2"), 0, 5)).count();
        assert_eq!(told, 5);
    }
}
