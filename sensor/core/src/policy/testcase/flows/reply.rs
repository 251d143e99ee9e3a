//! The other half of the connection that a flow of a test belongs to.

use sensor_common::{
    key::Direction,
    packet::{Fragment, ip::protocol},
};

use super::Draft;
use crate::flow::{batch::Source, columns::Column, initiator::Initiator};

impl Draft {
    /// The other half of the connection, as the peer would have sent it; `None` where nobody answers.
    ///
    /// A SYN is taken as accepted, any other segment without ACK as refused (RFC 9293, section 3.5.2).
    pub fn reply(&self) -> Option<Self> {
        let (syn, rst, ack) = (2, 4, 16);
        let mut reply = self.clone();
        if self.addresses[1].is_multicast() || self.is_later_fragment() {
            return None;
        }
        match self.protocol {
            protocol::TCP => {
                reply.flags = match self.flags {
                    flags if flags & (rst | ack) == rst | ack => syn,
                    flags if flags & rst != 0 => ack,
                    flags if flags == syn | ack => syn,
                    flags if flags & ack != 0 => flags,
                    flags if flags & syn != 0 => syn | ack,
                    _ => rst | ack,
                };
            }
            protocol::ICMP | protocol::ICMPV6 => {
                reply.icmp = match self.icmp >> 8 {
                    8 => 0,
                    0 => 8 << 8,
                    128 => 129 << 8,
                    129 => 128 << 8,
                    _ => return None,
                };
            }
            _ => {}
        }
        reply.addresses.reverse();
        reply.ports.reverse();
        reply.profiles.reverse();
        reply.columns = self.columns.iter().map(|(&column, &n)| (turned(column), n)).collect();
        if let Some(opened) = reply.columns.get_mut(&Column::Initiator) {
            let by = Initiator::from_number(*opened as u8).map(Initiator::turned);
            *opened = by.map_or(0, |by| by as u128);
        }
        let known = match self.observed_by {
            Source::Host => Some(self.direction.unwrap_or(Direction::Ingress)),
            _ => self.direction,
        };
        reply.direction = known.map(|way| match way {
            Direction::Ingress => Direction::Egress,
            Direction::Egress => Direction::Ingress,
        });
        if let Some(output) = self.output {
            (reply.interface, reply.output) = (output, Some(self.interface));
        }
        for (field, _) in &mut reply.vary {
            let other = match field.as_str() {
                "srcip" => "dstip",
                "dstip" => "srcip",
                "srcport" => "dstport",
                "dstport" => "srcport",
                _ => continue,
            };
            *field = other.to_owned();
        }
        Some(reply)
    }

    fn is_later_fragment(&self) -> bool {
        self.columns.get(&Column::Fragment) == Some(&(Fragment::Later as u128))
    }
}

/// Where what is said of one end belongs in the other half.
fn turned(column: Column) -> Column {
    const ENDS: [[Column; 2]; 2] =
        [[Column::SourceAs, Column::DestinationAs], [Column::SourceMac, Column::DestinationMac]];
    ENDS.into_iter()
        .find_map(|[source, destination]| match column {
            _ if column == source => Some(destination),
            _ if column == destination => Some(source),
            _ => None,
        })
        .unwrap_or(column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_turned_round() {
        let flow = Draft {
            addresses: ["10.0.0.1", "10.0.0.2"].map(|text| text.parse().expect("an address")),
            ports: [40_000, 22],
            vary: vec![("dstip".to_owned(), 1), ("octets".to_owned(), 2)],
            ..Draft::default()
        };
        let reply = flow.reply().expect("a reply");
        assert_eq!(reply.addresses, [flow.addresses[1], flow.addresses[0]]);
        assert_eq!(reply.ports, [22, 40_000]);
        assert_eq!(reply.vary, [("srcip".to_owned(), 1), ("octets".to_owned(), 2)]);
    }

    #[test]
    fn flags_are_those_of_an_answer() {
        let answers = [(2, 18), (18, 2), (27, 27), (0, 20), (41, 20), (4, 16), (20, 2)];
        for (flags, answer) in answers {
            let reply = Draft { flags, ..Draft::default() }.reply().expect("a reply");
            assert_eq!(reply.flags, answer, "{flags}");
        }
    }

    #[test]
    fn nobody_answers_errors_and_groups() {
        let icmp = |icmp| Draft { protocol: protocol::ICMP, icmp, ..Draft::default() };
        assert_eq!(icmp(8 << 8).reply().map(|reply| reply.icmp), Some(0));
        assert!(icmp(3 << 8).reply().is_none());
        let group = "224.0.0.251".parse().expect("an address");
        assert!(Draft { addresses: [group; 2], ..Draft::default() }.reply().is_none());
    }
}
