//! The document of what was known of an address when its record was stored.

use std::collections::BTreeMap;

use sensor_core::flow::profile::{AutonomousSystem, Profile};
use serde::{Deserialize, Serialize};

use super::json::json;

/// As it is written. What is not known is left out.
#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Document {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    internal: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bogon: Option<bool>,
    #[serde(skip_serializing_if = "System::is_unknown")]
    owner_as: System,
    #[serde(skip_serializing_if = "System::is_unknown")]
    routed_as: System,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    continent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subdivision: Option<String>,
    /// Degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    latitude: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    longitude: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reputation: Option<Vec<String>>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct System {
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organisation: Option<String>,
}

impl System {
    fn is_unknown(&self) -> bool {
        self.number.is_none() && self.organisation.is_none()
    }
}

impl From<&AutonomousSystem> for System {
    fn from(of: &AutonomousSystem) -> Self {
        Self { number: of.number, organisation: of.organisation.clone() }
    }
}

impl From<System> for AutonomousSystem {
    fn from(of: System) -> Self {
        Self { number: of.number, organisation: of.organisation }
    }
}

/// The document of a profile.
pub fn document(profile: &Profile) -> Vec<u8> {
    let degrees = |millionths: i32| f64::from(millionths) / 1e6;
    json(&Document {
        labels: profile.labels.clone(),
        internal: profile.internal,
        local: profile.local,
        bogon: profile.bogon,
        owner_as: (&profile.owner_as).into(),
        routed_as: (&profile.routed_as).into(),
        country: profile.country.clone(),
        continent: profile.continent.clone(),
        subdivision: profile.subdivision.clone(),
        latitude: profile.location.map(|(latitude, _)| degrees(latitude)),
        longitude: profile.location.map(|(_, longitude)| degrees(longitude)),
        reputation: profile.reputation.clone(),
    })
}

/// The profile of a document.
pub fn profile(document: &[u8]) -> Option<Profile> {
    let own: Document = serde_json::from_slice(document).ok()?;
    let millionths = |degrees: f64| (degrees * 1e6).round() as i32;
    Some(Profile {
        labels: own.labels,
        internal: own.internal,
        local: own.local,
        bogon: own.bogon,
        owner_as: own.owner_as.into(),
        routed_as: own.routed_as.into(),
        country: own.country,
        continent: own.continent,
        subdivision: own.subdivision,
        location: own.latitude.zip(own.longitude).map(|(a, b)| (millionths(a), millionths(b))),
        reputation: own.reputation,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Table;

    #[test]
    fn a_profile_survives_and_nothing_known_is_empty() {
        assert_eq!(document(&Profile::default()), Table::Profiles.nothing());
        let known = Profile {
            labels: [("role".to_owned(), vec!["web".to_owned(), "db".to_owned()])].into(),
            internal: Some(false),
            owner_as: AutonomousSystem { number: Some(64_500), organisation: Some("x".to_owned()) },
            location: Some((-33_333_333, 179_999_999)),
            reputation: Some(Vec::new()),
            ..Profile::default()
        };
        assert_eq!(profile(&document(&known)), Some(known));
        assert_eq!(profile(b"[1"), None);
    }
}
