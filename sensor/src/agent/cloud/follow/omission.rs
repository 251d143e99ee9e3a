//! What is left out of a followed log because it is known otherwise: what its configuration says, of networks and addresses that a reload
//! may change while it is followed.
//!
//! Rows of a lot depend on that. A lot that a killed agent had under way is read again as the same lot only where nothing else would be
//! left out of it now; else outputs would take rows for others. What [`Double::Match`] has seen is lost by a kill, so a lot of that is
//! never the same.

use std::{
    hash::{BuildHasher as _, Hash as _, Hasher as _, RandomState},
    sync::{Arc, Mutex},
};

use sensor_core::{flow::networks::Networks, sync::Unpoisoned as _};
use sensor_wire::cloud::double::{Double, Reporting};

use super::described::Described;
use crate::agent::{
    config::{Config, cloud::Omission},
    inspect::context,
    mode::Mode,
};

/// Networks and addresses by which something is left out.
#[derive(Debug, Default)]
pub struct Site {
    /// The networks that the configuration calls internal.
    pub internal: Arc<Networks>,
    /// Addresses of this host.
    pub own: Arc<Networks>,
}

impl Site {
    /// As configuration and host are now. The host is asked only where a log wants to know.
    pub fn of(config: &Config) -> Self {
        let asks = config.clouds.iter().any(|cloud| cloud.omission.local_sensor_wins);
        let own = asks.then(|| context::local(Mode::Live)).flatten();
        if asks && own.is_none() {
            tracing::warn!(
                "`local_sensor_wins` leaves nothing out until a reload: the addresses of this host are unknown"
            );
        }
        Self {
            internal: Arc::new(context::internal_networks(&config.context)),
            own: Arc::new(Networks::of_addresses(own.unwrap_or_default())),
        }
    }
}

/// The site in force. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct InForce(Arc<Mutex<Arc<Site>>>);

impl InForce {
    /// This one.
    pub fn new(site: Site) -> Self {
        Self(Arc::new(Mutex::new(Arc::new(site))))
    }

    /// Another one from now on: each source goes by it from its next lot on.
    pub fn set(&self, site: Site) {
        *self.0.lock().unpoisoned() = Arc::new(site);
    }

    fn get(&self) -> Arc<Site> {
        self.0.lock().unpoisoned().clone()
    }
}

/// What is left out of one source.
pub struct Omissions {
    omission: Omission,
    in_force: InForce,
    /// The site by which the lot under way goes.
    site: Arc<Site>,
    rules: u64,
    /// Tells this run from others.
    run: u64,
}

impl Omissions {
    /// By the site that is in force; [`Self::renew`] says what follows from it.
    pub fn new(omission: Omission, in_force: InForce) -> Self {
        let site = in_force.get();
        Self { omission, in_force, site, rules: 0, run: RandomState::new().hash_one(0) | 1 << 63 }
    }

    /// Goes by the site that is in force now, for a source that is `described` so. What to leave out, unless that is as it was.
    pub fn renew(&mut self, described: &Described) -> Option<Reporting> {
        let site = self.in_force.get();
        if self.rules != 0 && Arc::ptr_eq(&site, &self.site) {
            return None;
        }
        self.site = site;
        let Omission { double, local_sensor_wins } = self.omission;
        self.rules = match double {
            Double::Match => self.run,
            Double::Keep | Double::OneSide => self.digest(described),
        };
        Some(Reporting {
            double,
            internal: self.site.internal.clone(),
            own: local_sensor_wins.then(|| self.site.own.clone()),
        })
    }

    /// What the rows of a lot depend on beside its objects: the same number in another run where they would be the same, never 0.
    pub fn rules(&self) -> u64 {
        self.rules
    }

    fn digest(&self, described: &Described) -> u64 {
        // The same in every build, as far as can be: a state outlives an update.
        let mut digest = crc32fast::Hasher::new();
        digest.write(format!("{:?}", (described.format, &described.hints)).as_bytes());
        digest.write(self.omission.double.name().as_bytes());
        if self.omission.double == Double::OneSide {
            self.site.internal.hash(&mut digest);
        }
        if self.omission.local_sensor_wins {
            digest.write_u8(1);
            self.site.own.hash(&mut digest);
        }
        1 << 32 | digest.finish()
    }
}

#[cfg(test)]
mod tests {
    use sensor_core::flow::prefix::Prefix;
    use sensor_wire::cloud::{decoder::Hints, flows::Profile, format::Format};

    use super::*;

    fn described(format: Option<Format>) -> Described {
        Described {
            name: "test".into(),
            prefix: "memory/".to_owned(),
            format,
            hints: Hints::default(),
            profile: Profile::default(),
        }
    }

    fn site(internal: &str, own: &str) -> Site {
        let address = |text: &str| text.parse::<std::net::IpAddr>().expect("an address");
        Site {
            internal: Arc::new(Networks::of([(Prefix::from(address(internal)), true)])),
            own: Arc::new(Networks::of_addresses([address(own)])),
        }
    }

    fn rules(double: Double, wins: bool, site: Site, format: Option<Format>) -> u64 {
        let omission = Omission { double, local_sensor_wins: wins };
        let mut omissions = Omissions::new(omission, InForce::new(site));
        assert!(omissions.renew(&described(format)).is_some());
        assert!(omissions.renew(&described(format)).is_none(), "nothing has changed");
        omissions.rules()
    }

    #[test]
    fn rules_are_the_same_where_the_same_is_left_out() {
        let one = || site("10.0.0.1", "10.9.9.9");
        let aws = Some(Format::Aws);
        for double in [Double::Keep, Double::OneSide] {
            for wins in [false, true] {
                let first = rules(double, wins, one(), aws);
                assert_eq!(rules(double, wins, one(), aws), first);
                assert_ne!(rules(double, !wins, one(), aws), first);
                assert_ne!(rules(double, wins, one(), None), first);
                let same = |site| rules(double, wins, site, aws) == first;
                // What plays no part may change.
                assert_eq!(same(site("10.0.0.2", "10.9.9.9")), double == Double::Keep);
                assert_eq!(same(site("10.0.0.1", "10.9.9.8")), !wins);
            }
        }
        let keep = rules(Double::Keep, false, one(), aws);
        assert_ne!(rules(Double::OneSide, false, one(), aws), keep);
        // No other run has seen the same.
        let run = || rules(Double::Match, false, one(), aws);
        assert_ne!(run(), run());
    }

    #[test]
    fn a_site_that_is_set_is_in_force_for_all_who_share_it() {
        let in_force = InForce::new(site("10.0.0.1", "10.9.9.9"));
        let omission = Omission { double: Double::OneSide, local_sensor_wins: true };
        let mut omissions = Omissions::new(omission, in_force.clone());
        let has = |reporting: Option<Reporting>| {
            let reporting = reporting.expect("something has changed");
            let own = reporting.own.expect("addresses");
            (reporting.internal.has_v4(0x0a00_0001), own.has_v4(0x0a09_0909))
        };
        assert_eq!(has(omissions.renew(&described(None))), (true, true));
        in_force.set(site("10.0.0.2", "10.9.9.8"));
        assert_eq!(has(omissions.renew(&described(None))), (false, false));
    }
}
