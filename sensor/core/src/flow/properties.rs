//! What a cloud says of a flow in words, the same few for many flows (RFC 5473: common properties).

use super::{
    attributes::{Attributes, attributes},
    interned::Interned,
};

attributes! {
    /// What is said.
    CommonProperty:
    /// Name of the rule that decided.
    Rule "rule",
    /// Why the flow was rejected.
    RejectReason "rejectreason",
    /// Which part of the life of its flow the record is.
    FlowState "flowstate",
    /// How the packets were encrypted.
    Encryption "encryption",
    /// How complete the record is.
    DataStatus "datastatus",
}

/// What is said of a flow.
pub type CommonProperties = Attributes<CommonProperty, { CommonProperty::ALL.len() }>;

/// Common properties by number; 0 for those of which nothing is told.
pub type PropertySets = Interned<CommonProperties>;
