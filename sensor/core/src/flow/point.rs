//! Where in a cloud a flow was seen (RFC 7011: observation point): the virtual interface, and what it belongs to. All flows of
//! an interface share one, so that a batch holds one number per flow; texts that belong to the flow itself (which rule decided)
//! are numbered alike, in [`Texts`].

use super::{interned::Interned, profile::Labels};

/// What is said of an observation point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PointAttribute {
    /// Account, subscription, project or tenancy.
    Account,
    /// Virtual network.
    Vpc,
    /// Subnet.
    Subnet,
    /// Virtual machine.
    Instance,
    /// Virtual interface.
    Interface,
    /// Region.
    Region,
    /// Zone within the region.
    Zone,
}

impl PointAttribute {
    /// All of them, in their order.
    pub const ALL: [Self; 7] = [
        Self::Account,
        Self::Vpc,
        Self::Subnet,
        Self::Instance,
        Self::Interface,
        Self::Region,
        Self::Zone,
    ];

    /// The name of its field.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Account => "accountid",
            Self::Vpc => "vpcid",
            Self::Subnet => "subnetid",
            Self::Instance => "instanceid",
            Self::Interface => "interfaceid",
            Self::Region => "region",
            Self::Zone => "zone",
        }
    }
}

/// An observation point; what is empty is not told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ObservationPoint([Box<str>; PointAttribute::ALL.len()]);

impl ObservationPoint {
    /// What is told of it.
    pub fn get(&self, attribute: PointAttribute) -> Option<&str> {
        Some(&*self.0[attribute as usize]).filter(|text| !text.is_empty())
    }

    /// Tells something of it.
    pub fn set(&mut self, attribute: PointAttribute, text: impl Into<Box<str>>) {
        self.0[attribute as usize] = text.into();
    }

    /// True where nothing is told.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|text| text.is_empty())
    }
}

/// Observation points by number; 0 for the one of which nothing is told.
pub type Points = Interned<ObservationPoint>;

/// Texts by number; 0 for none.
pub type Texts = Interned<Box<str>>;

/// Labels that records bring themselves, by number; 0 for none.
pub type LabelSets = Interned<Labels>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::fields::{By, Reading, find};

    #[test]
    fn every_attribute_is_a_field_of_its_name() {
        for (at, attribute) in PointAttribute::ALL.into_iter().enumerate() {
            assert_eq!(attribute as usize, at);
            let field = find(attribute.name()).expect("a field");
            assert!(matches!(field.reading, Reading::Told(By::Point, _)), "{attribute:?}");
        }
    }

    #[test]
    fn what_is_empty_is_not_told() {
        let mut point = ObservationPoint::default();
        assert!(point.is_empty() && point.get(PointAttribute::Vpc).is_none());
        point.set(PointAttribute::Vpc, "vpc-1");
        assert_eq!((point.get(PointAttribute::Vpc), point.is_empty()), (Some("vpc-1"), false));
    }
}
