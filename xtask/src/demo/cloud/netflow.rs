//! NetFlow 9 (RFC 3954) as a router sends it: one template, announced in each datagram, and records of it.

use super::{
    moment::Moment,
    story::{FETCH, FORBIDDEN, Flow, LOW_PORTS, SHOP},
};

/// Fields of the template with their lengths: addresses, ports, protocol, packets, octets, first and last, interfaces.
const FIELDS: [(u16, u16); 11] =
    [(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (2, 4), (1, 4), (22, 4), (21, 4), (10, 2), (14, 2)];
/// The first number that a template may have.
const TEMPLATE: u16 = 256;
/// How long the router is up, milliseconds.
const UPTIME: u32 = 3_600_000;

/// What passes through the router first.
pub const ORDINARY: [Flow; 2] = [FETCH, SHOP];
/// And later: what policies look for.
pub const WANTED: [Flow; 2] = [FORBIDDEN, LOW_PORTS];

/// A datagram, the `sequence`-th of the router.
pub fn datagram(now: Moment, sequence: u32, flows: &[Flow]) -> Vec<u8> {
    let fields = FIELDS.iter().flat_map(|(kind, length)| [*kind, *length]);
    let template: Vec<u8> = [TEMPLATE, FIELDS.len() as u16]
        .into_iter()
        .chain(fields)
        .flat_map(u16::to_be_bytes)
        .collect();
    let records: Vec<u8> = flows.iter().flat_map(record).collect();
    let mut datagram = Vec::new();
    datagram.extend(9_u16.to_be_bytes());
    datagram.extend((flows.len() as u16 + 1).to_be_bytes());
    for word in [UPTIME, now.0 as u32, sequence, 1] {
        datagram.extend(word.to_be_bytes());
    }
    datagram.extend(set(0, template));
    datagram.extend(set(TEMPLATE, records));
    datagram
}

/// With padding to whole words.
fn set(id: u16, mut body: Vec<u8>) -> Vec<u8> {
    body.resize(body.len().next_multiple_of(4), 0);
    let mut set = id.to_be_bytes().to_vec();
    set.extend((body.len() as u16 + 4).to_be_bytes());
    set.extend(body);
    set
}

fn record(flow: &Flow) -> Vec<u8> {
    let mut record = Vec::new();
    record.extend(flow.from.0.octets());
    record.extend(flow.to.0.octets());
    record.extend(flow.from.1.to_be_bytes());
    record.extend(flow.to.1.to_be_bytes());
    record.push(flow.protocol);
    for word in [flow.packets, flow.octets, UPTIME - 30_000, UPTIME] {
        record.extend(word.to_be_bytes());
    }
    for interface in [1_u16, 2] {
        record.extend(interface.to_be_bytes());
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_add_up() {
        let length: usize = FIELDS.iter().map(|(_, length)| usize::from(*length)).sum();
        assert_eq!(record(&FORBIDDEN).len(), length);
        let datagram = datagram(Moment(0), 0, &WANTED);
        assert_eq!(datagram.len() % 4, 0);
        let template = 4 + 4 + 4 * FIELDS.len();
        assert_eq!(datagram.len(), 20 + template + 4 + (2 * length).next_multiple_of(4));
    }
}
