//! Address profiles: what is known about an address, interned.
//!
//! Labels, networks, geography, AS and reputation all hang on an address, and few combinations of them exist. Each
//! distinct combination is one [`Profile`] with a number; a batch holds two numbers per flow. A predicate on any such
//! field is then decided once per profile, and costs one table look-up per flow however many labels there are.

use std::collections::BTreeMap;

use super::{fields::Value, interned::Interned};

/// One end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Source.
    Source,
    /// Destination.
    Destination,
}

/// Labels: context (lower case) to values.
pub type Labels = BTreeMap<String, Vec<String>>;

/// What is known about an address. `None` and empty mean that nothing is known, which is no value of the field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Profile {
    /// Labels: context (lower case) to values.
    pub labels: Labels,
    /// Inside the configured internal networks.
    pub internal: Option<bool>,
    /// An address of this host.
    pub local: Option<bool>,
    /// A bogon: reserved, or not assigned.
    pub bogon: Option<bool>,
    /// The AS that owns the address.
    pub owner_as: AutonomousSystem,
    /// The AS that the traffic came from or goes to, by the local routing table.
    pub routed_as: AutonomousSystem,
    /// Country, ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// Continent, two letters.
    pub continent: Option<String>,
    /// Subdivision, ISO 3166-2.
    pub subdivision: Option<String>,
    /// Latitude and longitude, in millionths of a degree.
    pub location: Option<(i32, i32)>,
    /// Reputation categories; `Some` of none where the address was looked up and nothing is held against it.
    pub reputation: Option<Vec<String>>,
}

/// An autonomous system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AutonomousSystem {
    /// Number.
    pub number: Option<u32>,
    /// Organisation.
    pub organisation: Option<String>,
}

/// The label context whose value is the name of the address.
pub const NAME_CONTEXT: &str = "name";

/// What a field of the field table takes from a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attribute {
    /// The values of the label [`NAME_CONTEXT`].
    Name,
    /// [`Profile::internal`].
    Internal,
    /// [`Profile::local`].
    Local,
    /// [`Profile::bogon`].
    Bogon,
    /// Number of [`Profile::owner_as`].
    OwnerAsNumber,
    /// Organisation of [`Profile::owner_as`].
    OwnerAsOrganisation,
    /// Number of [`Profile::routed_as`].
    RoutedAsNumber,
    /// Organisation of [`Profile::routed_as`].
    RoutedAsOrganisation,
    /// [`Profile::country`].
    Country,
    /// [`Profile::continent`].
    Continent,
    /// [`Profile::subdivision`].
    Subdivision,
    /// Latitude of [`Profile::location`], degrees.
    Latitude,
    /// Longitude of [`Profile::location`], degrees.
    Longitude,
    /// Number of [`Profile::reputation`] categories.
    ReputationCount,
    /// [`Profile::reputation`].
    Reputation,
}

impl Profile {
    /// The values of the label `context`; [`Value::Absent`] where there are none.
    pub fn label(&self, context: &str) -> Value<'_> {
        texts(self.labels.get(context).map(Vec::as_slice))
    }

    /// The value of one attribute.
    pub fn attribute(&self, attribute: Attribute) -> Value<'_> {
        match attribute {
            Attribute::Name => self.label(NAME_CONTEXT),
            Attribute::Internal => flag(self.internal),
            Attribute::Local => flag(self.local),
            Attribute::Bogon => flag(self.bogon),
            Attribute::OwnerAsNumber => number(self.owner_as.number),
            Attribute::OwnerAsOrganisation => Value::text(self.owner_as.organisation.as_deref()),
            Attribute::RoutedAsNumber => number(self.routed_as.number),
            Attribute::RoutedAsOrganisation => Value::text(self.routed_as.organisation.as_deref()),
            Attribute::Country => Value::text(self.country.as_deref()),
            Attribute::Continent => Value::text(self.continent.as_deref()),
            Attribute::Subdivision => Value::text(self.subdivision.as_deref()),
            Attribute::Latitude => degrees(self.location.map(|(latitude, _)| latitude)),
            Attribute::Longitude => degrees(self.location.map(|(_, longitude)| longitude)),
            Attribute::ReputationCount => {
                let categories = self.reputation.as_ref();
                categories.map_or(Value::Absent, |list| Value::Integer(list.len() as u64))
            }
            Attribute::Reputation => texts(self.reputation.as_deref()),
        }
    }
}

fn texts(values: Option<&[String]>) -> Value<'_> {
    match values {
        Some(values) if !values.is_empty() => Value::Texts(values),
        _ => Value::Absent,
    }
}

fn flag<'a>(flag: Option<bool>) -> Value<'a> {
    flag.map_or(Value::Absent, Value::Bool)
}

fn number<'a>(number: Option<u32>) -> Value<'a> {
    number.map_or(Value::Absent, |number| Value::Integer(number.into()))
}

fn degrees<'a>(millionths: Option<i32>) -> Value<'a> {
    millionths.map_or(Value::Absent, |millionths| Value::Float(f64::from(millionths) / 1e6))
}

/// Profiles by number. Number 0 is the profile of an address that nothing is known about.
pub type Profiles = Interned<Profile>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_profiles_have_one_number() {
        let profiles = Profiles::default();
        let inside = Profile { internal: Some(true), ..Profile::default() };
        assert_eq!(profiles.intern(Profile::default()), 0);
        assert_eq!(profiles.intern(inside.clone()), 1);
        assert_eq!(profiles.intern(inside.clone()), 1);
        assert_eq!(profiles.count(), 2);
        assert_eq!(profiles.get(1), &inside);
        assert_eq!(profiles.get(99), &Profile::default());
        assert_eq!(profiles.get(u32::MAX), &Profile::default());
    }

    #[test]
    fn a_table_grows_in_blocks_and_keeps_its_numbers() {
        let profiles = Profiles::default();
        let of = |as_number: u32| Profile {
            owner_as: AutonomousSystem { number: Some(as_number), organisation: None },
            ..Profile::default()
        };
        let first = profiles.get(0);
        for number in 1..1000 {
            assert_eq!(profiles.intern(of(number)), number);
        }
        assert_eq!(first, &Profile::default());
        assert!((1..1000).all(|number| profiles.get(number) == &of(number)));
        assert!((1..1000).all(|number| profiles.intern(of(number)) == number));
        assert_eq!(profiles.starting_at(998).cloned().collect::<Vec<_>>(), [of(998), of(999)]);
    }

    #[test]
    fn nothing_known_is_no_value() {
        let unknown = Profile::default();
        assert_eq!(unknown.attribute(Attribute::ReputationCount), Value::Absent);
        assert_eq!(unknown.label("role"), Value::Absent);
        let clean = Profile { reputation: Some(Vec::new()), ..Profile::default() };
        assert_eq!(clean.attribute(Attribute::ReputationCount), Value::Integer(0));
        assert_eq!(clean.attribute(Attribute::Reputation), Value::Absent);
    }
}
