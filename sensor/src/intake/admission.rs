//! Who is listened to, and how much: judged by the sender's address, before anything is decoded.
//!
//! Pure; time is an argument. All tables are bounded, since addresses are what the sender writes into a datagram.

use std::{net::IpAddr, sync::Arc};

use hashbrown::HashMap;
use ipnet::IpNet;

pub use crate::wire::exporter::device::Profile;

/// What is configured for some exporters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Whom it is about.
    pub network: IpNet,
    /// Datagrams a second; `None`: what holds for all; `Some(None)`: any number.
    pub rate_limit: Option<Option<u32>>,
    /// Name, site, tags, sampling rate.
    pub profile: Profile,
}

/// What is configured of admission.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    allow: Vec<IpNet>,
    /// The longest prefix first.
    rules: Vec<Rule>,
    rate_limit: Option<u32>,
    any_limit: bool,
}

impl Rules {
    /// Listens to `allow` and to whom `rules` are about; everybody may send `rate_limit` datagrams a second, as far as a
    /// rule says nothing else. Of several rules for an address that of the smallest network holds.
    pub fn new(allow: Vec<IpNet>, mut rules: Vec<Rule>, rate_limit: Option<u32>) -> Self {
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.network.prefix_len()));
        let any_limit = rate_limit.is_some()
            || rules.iter().any(|rule| matches!(rule.rate_limit, Some(Some(_))));
        Self { allow, rules, rate_limit, any_limit }
    }

    fn rule(&self, address: IpAddr) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.network.contains(&address))
    }

    /// Whether `address` is listened to.
    pub fn allows(&self, address: IpAddr) -> bool {
        self.allow.iter().any(|network| network.contains(&address)) || self.rule(address).is_some()
    }

    fn limit(&self, address: IpAddr) -> Option<u32> {
        self.rule(address).and_then(|rule| rule.rate_limit).unwrap_or(self.rate_limit)
    }

    /// What is configured for the exporter at `address`.
    pub fn profile(&self, address: IpAddr) -> Profile {
        self.rule(address).map(|rule| rule.profile.clone()).unwrap_or_default()
    }
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

/// Exporters whose rate is followed, each on its own; the others share.
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
    named: HashMap<IpAddr, u64>,
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
        if self.named.get(&address).is_some_and(|&until| now < until) {
            return false;
        }
        if self.named.len() >= NAMED {
            self.named.retain(|_, until| now < *until);
        }
        let named = self.named.len() < NAMED;
        if named {
            self.named.insert(address, now + AGAIN);
        }
        named
    }

    /// Exporters of which datagrams were too many, and how many.
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
        let profile = Profile { name: name.to_owned(), ..Profile::default() };
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
    }
}
