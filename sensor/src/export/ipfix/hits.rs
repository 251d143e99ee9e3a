//! Events on their way to a collector: an event becomes a record, and the sink has an output of hits beside its own.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use sensor_core::{
    flow::fields::OwnedValue,
    policy::alert::{Alert, EventKind, Severity},
};
use sensor_wire::ipfix::hits::HitRecord;

use super::options::ExportTime;
use crate::{
    clock,
    export::{queue::Queue, sink::Sink},
};

/// The hits of an IPFIX sink, as an output of events. The sink's thread sends them and its end is theirs: end the
/// sink first.
#[derive(Clone)]
pub struct IpfixAlertSink {
    name: String,
    queue: Arc<Queue<Alert>>,
    export_time: ExportTime,
}

impl IpfixAlertSink {
    /// Whether both are of the same sink.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.queue, &other.queue)
    }

    /// Those in `queue`, which the sink `name` empties.
    pub(super) fn new(name: &str, queue: Arc<Queue<Alert>>, export_time: ExportTime) -> Self {
        Self { name: format!("{name} (hits)"), queue, export_time }
    }
}

impl Sink<Alert> for IpfixAlertSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn queue(&self) -> &Queue<Alert> {
        &self.queue
    }

    fn stop(&self, _deadline: Duration) {
        self.queue.close();
    }

    fn end(&mut self) {
        self.queue.close();
    }

    /// Waits for room unless hits are sent at the end only: there will be none before.
    fn offer_waiting(&self, event: &Arc<Alert>) -> bool {
        match self.export_time {
            ExportTime::Clock => self.queue.offer_waiting(event, clock::now()),
            ExportTime::FlowEnd => self.queue.offer(event, clock::now()),
        }
    }
}

/// The record of `event`: its first flow, or else what is known of its key.
pub fn record(event: &Alert) -> HitRecord {
    let find = |name: &str| {
        let sample = event.samples.first().into_iter().flatten();
        let mut known = sample.chain(&event.track);
        known.find(|(field, _)| *field == name).map(|(_, value)| value)
    };
    let number = |name: &str| match find(name) {
        Some(OwnedValue::Integer(number)) => *number,
        _ => 0,
    };
    let address = |name: &str| match find(name) {
        Some(OwnedValue::Ip(address)) => Some(*address),
        _ => None,
    };
    let (source, destination) = one_family(address("srcip"), address("dstip"));
    HitRecord {
        source,
        destination,
        // Numbers of the field table hold what these fields hold; others are none of it.
        source_port: u16::try_from(number("srcport")).unwrap_or(0),
        destination_port: u16::try_from(number("dstport")).unwrap_or(0),
        protocol: u8::try_from(number("protocolint")).unwrap_or(0),
        input: u32::try_from(number("input")).unwrap_or(0),
        output: u32::try_from(number("output")).unwrap_or(0),
        start: event.start,
        end: event.end,
        observed: event.timestamp,
        policy: event.policy.name.clone(),
        severity: match event.severity {
            Severity::Low => 1,
            Severity::Medium => 2,
            Severity::High => 3,
        },
        kind: match event.kind {
            EventKind::Start => 1,
            EventKind::Ongoing => 2,
            EventKind::End => 3,
            EventKind::Hit => 4,
        },
        incident: event.incident,
        records: event.records,
    }
}

/// An address that is not known is the unspecified one of the other's family.
fn one_family(source: Option<IpAddr>, destination: Option<IpAddr>) -> (IpAddr, IpAddr) {
    let unspecified = |like: IpAddr| match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
    };
    match (source, destination) {
        (Some(source), Some(destination)) if source.is_ipv4() == destination.is_ipv4() => {
            (source, destination)
        }
        (Some(source), _) => (source, unspecified(source)),
        (None, Some(destination)) => (unspecified(destination), destination),
        (None, None) => (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::hits::render::testing::{hit, scan};

    #[test]
    fn the_first_flow_is_told_and_the_key_where_there_is_none() {
        let record = record(&scan());
        assert_eq!(record.destination.to_string(), "192.0.2.1");
        assert_eq!((record.destination_port, record.severity, record.kind), (22, 3, 1));
        assert_eq!(super::record(&hit()).source.to_string(), "2001:db8::1");
        let empty = Alert { samples: Vec::new(), ..scan() };
        let record = super::record(&empty);
        assert_eq!(
            (record.source.to_string(), record.destination.to_string()),
            ("10.0.0.5".into(), "0.0.0.0".into())
        );
        let none = Alert { track: Vec::new(), ..empty };
        assert!(super::record(&none).source.is_unspecified());
    }
}
