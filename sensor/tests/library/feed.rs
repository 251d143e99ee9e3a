//! Records as batches, in the forms in which an agent gets them: from a router, from two, sampled, and from a host itself.

use std::{
    fmt::Display,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use sensor_common::{
    key::{Common, Direction, KeyV4, KeyV6},
    packet::Fragment,
    tcp::{ACK, FIN, PSH, RST, SYN},
};
use sensor_core::{
    enrich::{
        active::ActiveContext,
        combine::Precedence,
        context::{Context, Limits},
        formats::Form,
        sources::Sources,
    },
    flow::{
        batch::{BATCH_ROWS, EndReason, FlowBatch, Part, Source},
        delta::FlowDelta,
        device::Device,
        prefix::prefix,
    },
};

use crate::traffic::{Random, Record};

/// Who saw the records.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum View {
    /// A router that exports NetFlow.
    Router,
    /// Two routers, each of which saw everything.
    TwoRouters,
    /// A switch that samples one of so many packets.
    Sampled(u32),
    /// This host.
    Host(IpAddr),
    /// A sensor through which all packets pass.
    Gateway,
}

/// The batches of `view`, in the order of time.
pub fn batches(records: &[Record], view: View) -> Vec<FlowBatch> {
    let mut batches = Vec::new();
    stream(records.iter().cloned(), view, |batch| batches.push(batch));
    batches
}

/// Hands the batches of `view` to `sink`, in the order of time.
pub fn stream(
    records: impl IntoIterator<Item = Record>,
    view: View,
    mut sink: impl FnMut(FlowBatch),
) {
    let router = |number: u8| IpAddr::V4(Ipv4Addr::new(10, 0, 0, 200 + number));
    let mut feed = Feed::new(match view {
        View::Host(_) | View::Gateway => Source::Host,
        View::Sampled(_) => Source::Sflow,
        _ => Source::NetFlow,
    });
    let mut random = Random(11);
    for record in records {
        match view {
            View::Router => feed.routed(&record, router(1), 1),
            View::TwoRouters => {
                feed.routed(&record, router(1), 1);
                feed.routed(&record, router(2), 1);
            }
            View::Sampled(rate) => {
                for _ in 0..record.packets {
                    if random.range(0, rate.into()) == 0 {
                        feed.routed(&sample(&record, &mut random), router(3), rate);
                    }
                }
            }
            View::Host(host) if record.source == host => feed.local(&record, Direction::Egress),
            View::Host(host) if record.destination == host => {
                feed.local(&record, Direction::Ingress);
            }
            View::Host(_) => {}
            View::Gateway => feed.local(&record, Direction::Ingress),
        }
        feed.done.drain(..).for_each(&mut sink);
    }
    feed.finish().into_iter().for_each(sink);
}

/// One packet out of a record: the first has the SYN, the last the FIN.
fn sample(record: &Record, random: &mut Random) -> Record {
    let place = random.range(0, record.packets);
    let flags = match record.flags {
        flags if flags & (SYN | FIN | ACK) == 0 || record.packets == 1 => flags,
        flags if place == 0 && flags & SYN != 0 => {
            SYN | if record.ports.0 < 1024 { ACK } else { 0 }
        }
        flags if place + 1 == record.packets => flags & (FIN | ACK),
        flags => flags & (ACK | if place.is_multiple_of(2) { PSH } else { 0 }),
    };
    let time = record.start + (record.end - record.start) * place / record.packets;
    let octets = record.octets / record.packets;
    Record { flags, packets: 1, octets, start: time, end: time, ..record.clone() }
}

/// After how many milliseconds what there is is handed on, however little: as an agent does, which drains its tables all the
/// time.
const LONGEST_BATCH: u64 = 10_000;

struct Feed {
    source: Source,
    /// When the records that wait began to, milliseconds since the epoch.
    begun: u64,
    v4: FlowBatch,
    v6: FlowBatch,
    done: Vec<FlowBatch>,
}

impl Feed {
    fn new(source: Source) -> Self {
        let (v4, v6) = (FlowBatch::v4(source), FlowBatch::v6(source));
        Self { source, begun: 0, v4, v6, done: Vec::new() }
    }

    fn local(&mut self, record: &Record, direction: Direction) {
        self.push(record, direction, 2, if direction == Direction::Egress { 64 } else { 57 });
    }

    fn routed(&mut self, record: &Record, device: IpAddr, rate: u32) {
        let batch = self.push(record, Direction::Ingress, 3, 0);
        batch.ttl_min.clear();
        batch.ttl_max.clear();
        batch.layer2_octets.clear();
        // A router does not tell who opened a connection; what goes on has to be found out.
        batch.initiator.clear();
        batch.continued.clear();
        batch.source_mac.clear();
        batch.destination_mac.clear();
        let known = batch.devices.iter().position(|known| known.address() == Some(device));
        let place = known.unwrap_or_else(|| {
            batch.devices.push(Arc::new(Device::new(device)));
            batch.devices.len() - 1
        });
        batch.device.push(place as u32);
        batch.sample_rate.push(rate);
        batch.version.push(if rate > 1 { 5 } else { 9 });
        batch.output_interface.push(4);
        batch.received.push(record.end + 1000);
    }

    fn push(
        &mut self,
        record: &Record,
        direction: Direction,
        interface: u32,
        ttl: u8,
    ) -> &mut FlowBatch {
        let full = if record.source.is_ipv4() { &self.v4 } else { &self.v6 };
        if full.len() >= BATCH_ROWS || record.end >= self.begun + LONGEST_BATCH {
            // In order of time: what the other family has is handed on as well.
            self.begun = record.end;
            self.hand_on();
        }
        let icmp = u16::from(record.icmp.0) << 8 | u16::from(record.icmp.1);
        let common = Common {
            source_port: record.ports.0,
            destination_port: if matches!(record.protocol, 1 | 58) { icmp } else { record.ports.1 },
            interface,
            protocol: record.protocol,
            tos: 0,
            vlan: 0,
            direction,
            fragment: Fragment::None,
            folded: false,
        };
        let counts = FlowDelta {
            octets: record.octets,
            packets: record.packets,
            layer2_octets: record.octets + 14 * record.packets,
            start: record.start,
            end: record.end,
            tcp_flags: record.flags,
            ttl_min: ttl,
            ttl_max: ttl,
            macs: [0; 3],
        };
        let reason = if record.flags & (FIN | RST) != 0 {
            EndReason::EndOfFlow
        } else if record.end - record.start > 50_000 {
            EndReason::ActiveTimeout
        } else {
            EndReason::IdleTimeout
        };
        let part = Part { reason, initiator: record.opened, continued: record.continued };
        match (record.source, record.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let source = u32::from(source).to_be();
                let destination = u32::from(destination).to_be();
                self.v4.push(&KeyV4 { source, destination, common }, &counts, part);
                &mut self.v4
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let words = |address: std::net::Ipv6Addr| {
                    let octets = address.octets();
                    let word =
                        |at: usize| u32::from_ne_bytes(std::array::from_fn(|i| octets[at + i]));
                    [word(0), word(4), word(8), word(12)]
                };
                let (source, destination) = (words(source), words(destination));
                self.v6.push(&KeyV6 { source, destination, common }, &counts, part);
                &mut self.v6
            }
            _ => unreachable!("a flow has one family"),
        }
    }

    fn hand_on(&mut self) {
        let v4 = std::mem::replace(&mut self.v4, FlowBatch::v4(self.source));
        let v6 = std::mem::replace(&mut self.v6, FlowBatch::v6(self.source));
        self.done.extend([v4, v6].into_iter().filter(|batch| !batch.is_empty()));
    }

    fn finish(mut self) -> Vec<FlowBatch> {
        self.hand_on();
        self.done
    }
}

/// What is known about the site: its networks, the bogons, roles where they are given, the host's address where it looks.
pub fn context(
    roles: impl IntoIterator<Item = (impl Display, &'static str)>,
    view: View,
) -> Arc<ActiveContext> {
    let mut sources = Sources::default();
    sources.own_networks();
    sources.private_networks();
    sources.bogons();
    let own = sources.source("the site");
    for network in ["2a00:1234:1::/48", "62.96.10.0/28"] {
        sources.internal(own, &[prefix(network).expect("a prefix")], true);
    }
    if let View::Host(host) = view {
        sources.local([host]);
    }
    let lines = roles.into_iter().map(|(address, role)| format!("{address},role,{role}\n"));
    let report = sources.labels("roles.csv", &lines.collect::<String>(), Form::Csv);
    assert_eq!(report.faulty, 0);
    Arc::new(ActiveContext::new(Context::new(sources, Precedence::default(), Limits::default())))
}
