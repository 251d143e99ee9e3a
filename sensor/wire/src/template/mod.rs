//! Templates of NetFlow 9 and IPFIX: which fields a data record consists of.
//!
//! * [`parse`]: template records as they come in sets.
//! * [`compile`]: a template as a plan; [`fills`]: the places that it is made of, and the columns that they fill.
//! * [`elements`]: which element fills which column. [`names`]: what those of options are called.

pub mod compile;
pub mod elements;
pub mod fills;
pub mod names;
pub mod parse;

use serde::{Deserialize, Serialize};

/// Which protocol's rules templates follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Dialect {
    /// RFC 3954.
    NetFlow9,
    /// RFC 7011.
    Ipfix,
}

/// Length in a field specifier that says "each record tells" (RFC 7011 section 7).
pub const VARIABLE: u16 = u16::MAX;

/// A field specifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Specifier {
    /// 0 for IANA's elements, else the private enterprise number; [`Specifier::SCOPE`] for scopes of NetFlow 9.
    pub enterprise: u32,
    /// Element number, without the enterprise bit.
    pub element: u16,
    /// Octets, or [`VARIABLE`].
    pub length: u16,
}

impl Specifier {
    /// Stands in `enterprise` for the scope types of NetFlow 9 (RFC 3954 section 6.1), which are numbers of their own.
    pub const SCOPE: u32 = u32::MAX;

    /// A field of an IANA element.
    pub const fn iana(element: u16, length: u16) -> Self {
        Self { enterprise: 0, element, length }
    }

    /// True when each record tells the length.
    pub const fn is_variable(&self) -> bool {
        self.length == VARIABLE
    }

    /// The least number of octets that it takes in a record.
    pub const fn minimum(&self) -> usize {
        if self.is_variable() { 1 } else { self.length as usize }
    }
}

/// A template: what its records hold. Fields without octets are left out; they say nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// Template identifier, 256 or more.
    pub id: u16,
    /// How many of the fields are scopes; none in a template of flows.
    pub scopes: u16,
    /// The fields.
    pub specifiers: Box<[Specifier]>,
}

impl Template {
    /// The least number of octets of a record.
    pub fn minimum(&self) -> usize {
        self.specifiers.iter().map(Specifier::minimum).sum()
    }

    /// True when records name the sampler that took their packets (`samplerId`, `selectorId`).
    pub fn names_samplers(&self) -> bool {
        let names = |specifier: &Specifier| {
            specifier.enterprise == 0 && matches!(specifier.element, 48 | 302)
        };
        self.specifiers.iter().any(names)
    }

    /// True when its records tell of the device and not of flows.
    pub fn is_options(&self) -> bool {
        self.scopes != 0
    }
}
