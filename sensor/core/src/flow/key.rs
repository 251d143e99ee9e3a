//! How the kernel's flow keys become addresses in columns.

use sensor_common::key::{Common, KeyV4, KeyV6};

use super::addresses::Addresses;

/// A kernel flow key of either family.
pub trait FlowKey {
    /// Appends the addresses; false when the columns are of the other family.
    fn push_addresses(&self, addresses: &mut Addresses) -> bool;
    /// The part that does not depend on the family.
    fn common(&self) -> &Common;
}

impl FlowKey for KeyV4 {
    fn push_addresses(&self, addresses: &mut Addresses) -> bool {
        let Addresses::V4 { source, destination } = addresses else { return false };
        source.push(u32::from_be(self.source));
        destination.push(u32::from_be(self.destination));
        true
    }

    fn common(&self) -> &Common {
        &self.common
    }
}

impl FlowKey for KeyV6 {
    fn push_addresses(&self, addresses: &mut Addresses) -> bool {
        let Addresses::V6 { source, destination } = addresses else { return false };
        source.push(address_number(self.source));
        destination.push(address_number(self.destination));
        true
    }

    fn common(&self) -> &Common {
        &self.common
    }
}

/// An IPv6 address in packet order as a number.
fn address_number(words: [u32; 4]) -> u128 {
    words.iter().fold(0, |number, word| number << 32 | u128::from(u32::from_be(*word)))
}
