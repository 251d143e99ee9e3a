//! What the objects of a source have told and nobody has taken yet: a source may have logs of several clouds.

use sensor_wire::cloud::{
    double::Reporting,
    flows::{Flows, Profile},
    format::Format,
};

/// What the clouds tell whose logs a source has.
#[derive(Default)]
pub struct Told {
    /// Of each cloud.
    pub flows: Vec<Flows>,
    reporting: Reporting,
    /// The time of reading.
    now: u64,
}

impl Told {
    /// The place of the cloud that logs in this format.
    pub fn place(&mut self, format: Format, profile: &Profile) -> usize {
        let source = format.source();
        let known = self.flows.iter().position(|flows| flows.cloud() == source);
        known.unwrap_or_else(|| {
            let mut flows = Flows::with_profile(source, profile.clone());
            flows.set_reporting(self.reporting.clone());
            flows.set_now(self.now);
            self.flows.push(flows);
            self.flows.len() - 1
        })
    }

    /// Leaves this out from now on.
    pub fn set_reporting(&mut self, reporting: Reporting) {
        self.flows.iter_mut().for_each(|flows| flows.set_reporting(reporting.clone()));
        self.reporting = reporting;
    }

    /// Believes no date after this time of reading.
    pub fn set_now(&mut self, now: u64) {
        self.flows.iter_mut().for_each(|flows| flows.set_now(now));
        self.now = now;
    }
}
