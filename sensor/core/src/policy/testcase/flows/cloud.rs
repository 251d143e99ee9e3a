//! A flow of a test as the flow log of a cloud would tell it.

use sensor_common::{packet::ip::protocol, tcp};

use super::Draft;
use crate::flow::{
    batch::Source,
    columns::Column,
    device::Action,
    fields::{FIELDS, Row, Value},
    initiator::{Initiator, opened},
    interfaces::Interfaces,
    profile::Profiles,
};

/// What Google's counts of packets are multiples of.
const ESTIMATED: u64 = 8;
/// Octets of the headers of a packet.
const HEADERS: u64 = 40;

impl Draft {
    /// As the log of this cloud tells it; none where it tells nothing of such a flow. `Err` where the flow is one of another
    /// cloud, or of a device that is told of.
    pub fn in_log_of(&self, cloud: Source) -> Result<Option<Self>, Source> {
        if self.observed_by == cloud {
            return Ok(Some(self.clone()));
        }
        // What AWS tells without flags the other clouds tell as well.
        if self.observed_by.is_cloud() && (self.observed_by != Source::Aws || self.flags != 0) {
            return Err(self.observed_by);
        }
        if self.device.is_some() {
            return Err(self.observed_by);
        }
        let action = self.columns.get(&Column::Action).copied();
        let is_rejected = action == Some(Action::Rejected as u128);
        let is_icmp = matches!(self.protocol, protocol::ICMP | protocol::ICMPV6);
        let never = self.addresses.iter().any(|address| address.is_multicast());
        if never || cloud == Source::Gcp && is_rejected || cloud == Source::Ibm && is_icmp {
            return Ok(None);
        }
        let by = self.opener();
        let mut told = Self {
            observed_by: cloud,
            // Not what comes with ACK alone: of a client FIN, SYN and RST, of a server that SYN came with ACK.
            flags: match cloud {
                Source::Aws => {
                    let answers =
                        by == Some(Initiator::Destination) || self.flags == tcp::SYN | tcp::ACK;
                    let seen = tcp::FIN | tcp::SYN | tcp::RST;
                    let answer = if answers && self.flags & tcp::SYN != 0 { tcp::ACK } else { 0 };
                    self.flags & (seen | answer)
                }
                _ => 0,
            },
            icmp: 0,
            tos: 0,
            interface: 0,
            vlan: 0,
            output: None,
            sample_rate: None,
            received: None,
            device: None,
            columns: [].into(),
            ..self.clone()
        };
        if cloud == Source::Oracle {
            told.direction = None;
        }
        if cloud == Source::Gcp && !self.observed_by.is_cloud() {
            // Estimates, and octets without headers.
            told.octets = self.octets.saturating_sub(self.packets.saturating_mul(HEADERS));
            told.packets = self.packets.saturating_add(ESTIMATED - 1) / ESTIMATED * ESTIMATED;
        }
        if cloud != Source::Gcp {
            told.columns.insert(Column::Action, action.unwrap_or(Action::Accepted as u128));
        }
        let known = match cloud {
            Source::Aws => Initiator::of_first_segment(told.flags),
            Source::Azure | Source::AzureVnet | Source::Ibm => by,
            _ => None,
        };
        if let Some(by) = known {
            told.columns.insert(Column::Initiator, by as u128);
        }
        for profile in &mut told.profiles {
            profile.local = None;
        }
        Ok(Some(told))
    }

    /// The names of the fields that it has a value for.
    pub fn told(&self) -> Vec<&'static str> {
        let mut batch = self.batch();
        let known = self.profiles.clone();
        let mut profiles = Profiles::default();
        self.push(&mut batch, &mut profiles, known);
        batch.profiles = profiles.into();
        let row = Row { batch: &batch, row: 0, interfaces: &Interfaces::default() };
        let fields = FIELDS.iter().filter(|field| field.value(row) != Value::Absent);
        fields.map(|field| field.name).collect()
    }

    /// Who opened its connection, as far as that is known or can be guessed.
    fn opener(&self) -> Option<Initiator> {
        let mut batch = self.batch();
        self.push(&mut batch, &mut Profiles::default(), Default::default());
        opened(&batch, 0).map(|opened| opened.by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(ports: [u16; 2], flags: u16) -> Draft {
        Draft { ports, flags, packets: 9, ..Draft::default() }
    }

    #[test]
    fn aws_shows_acknowledgements_of_a_syn_alone() {
        let (client, server) = ([50_000, 443], [443, 50_000]);
        for (ports, flags, told) in [
            (client, 0x02, 0x02),
            (client, 0x1b, 0x03),
            (server, 0x12, 0x12),
            (server, 0x1b, 0x13),
            (client, 0x14, 0x04),
            (client, 0x18, 0),
            (client, 0x29, 0x01),
        ] {
            let own = flow(ports, flags).in_log_of(Source::Aws).expect("any flow");
            assert_eq!(own.expect("it is told").flags, told, "{ports:?} {flags:x}");
        }
    }

    #[test]
    fn what_a_cloud_does_not_log_is_not_there() {
        let told = |cloud, draft: &Draft| draft.in_log_of(cloud).map(|draft| draft.is_some());
        let icmp = Draft { protocol: protocol::ICMP, ..Draft::default() };
        assert_eq!(told(Source::Ibm, &icmp), Ok(false));
        assert_eq!(told(Source::Aws, &icmp), Ok(true));
        let rejected = [(Column::Action, Action::Rejected as u128)].into();
        let rejected = Draft { columns: rejected, ..Draft::default() };
        assert_eq!(told(Source::Gcp, &rejected), Ok(false));
        assert_eq!(told(Source::Oracle, &rejected), Ok(true));
        let azure = Draft { observed_by: Source::Azure, ..Draft::default() };
        assert_eq!(told(Source::Aws, &azure), Err(Source::Azure));
        assert_eq!(told(Source::Azure, &azure), Ok(true));
    }
}
