//! Where in a cloud a flow was seen (RFC 7011: observation point): the virtual interface, and what it belongs to.

use super::{
    attributes::{Attributes, attributes},
    interned::Interned,
    profile::Labels,
};

attributes! {
    /// What is said of an observation point.
    PointAttribute:
    /// Account, subscription, project or tenancy.
    Account "accountid",
    /// Virtual network.
    Vpc "vpcid",
    /// Subnet.
    Subnet "subnetid",
    /// Virtual machine.
    Instance "instanceid",
    /// Virtual interface.
    Interface "interfaceid",
    /// Region.
    Region "region",
    /// Zone within the region.
    Zone "zone",
}

/// An observation point.
pub type ObservationPoint = Attributes<PointAttribute, { PointAttribute::ALL.len() }>;

/// Observation points by number; 0 for the one of which nothing is told.
pub type Points = Interned<ObservationPoint>;

/// Labels that records bring themselves, by number; 0 for none.
pub type LabelSets = Interned<Labels>;
