//! The section of captured exports: what was read, and what became of every octet.

use anyhow::ensure;
use sensor_core::flow::source::SourceId;
use sensor_wire::{decoder::Decoder, ledger::Ledger};
use serde::Serialize;

use crate::replay::exports::Counts;

/// Captured exports.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Exports {
    /// What the files held.
    pub counts: Counts,
    /// Octets and records of all datagrams.
    pub ledger: Ledger,
    /// Each device, in the order of their identities.
    pub devices: Vec<Device>,
}

/// A device.
#[derive(Clone, Debug, Serialize)]
pub struct Device {
    /// Which source it is.
    pub id: SourceId,
    /// Octets and records.
    pub ledger: Ledger,
    /// Its clock minus ours, milliseconds; 0 where that is not worth a word. A gauge.
    pub skew: i64,
}

impl Exports {
    /// What was read of files, and what a decoder made of it.
    pub fn of(counts: Counts, decoder: &Decoder) -> Self {
        let devices = decoder.directory().devices().map(|device| Device {
            id: device.identity.id.clone(),
            ledger: device.ledger,
            skew: device.skew(),
        });
        let mut devices: Vec<_> = devices.collect();
        devices.sort_by(|one, other| one.id.cmp(&other.id));
        Self { counts, ledger: decoder.ledger(), devices }
    }

    /// # Errors
    /// When octets are not accounted for.
    pub fn check(&self) -> anyhow::Result<()> {
        let devices = self.devices.iter().map(|device| device.ledger);
        let balanced =
            devices.chain([self.ledger]).all(|ledger| ledger.octets == ledger.accounted());
        ensure!(balanced, "the ledger of octets does not balance: this is a bug, please report it");
        Ok(())
    }
}
