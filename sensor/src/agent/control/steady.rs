//! Figures that Prometheus must not see fall. A counter that falls looks like a restart, and all that it had counted like new:
//! but what a broken connection has not delivered is taken back from `sent`, and a stream of a device that ends takes its losses
//! along. Here such a figure stays where it was until it has caught up.

use std::collections::BTreeMap;

use sensor_core::flow::source::SourceId;

use crate::{
    agent::status::{Flows, Sink, Status},
    intake::report::Lost,
};

/// What was told last.
#[derive(Debug, Default)]
pub struct Steady {
    sinks: BTreeMap<String, Sink<Flows>>,
    hits: BTreeMap<String, Sink<u64>>,
    devices: BTreeMap<SourceId, Lost>,
}

impl Steady {
    /// Raises what would fall. What is gone is forgotten; a sink that was started anew begins anew.
    pub fn hold(&mut self, status: &mut Status) {
        let before = std::mem::take(&mut self.sinks);
        for sink in &mut status.sinks {
            if let Some(known) = before.get(&sink.name)
                && known.offered.flows <= sink.offered.flows
            {
                raise(&mut sink.sent.flows, known.sent.flows);
                raise(&mut sink.messages, known.messages);
                raise(&mut sink.message_octets, known.message_octets);
            }
            self.sinks.insert(sink.name.clone(), sink.clone());
        }
        let before = std::mem::take(&mut self.hits);
        for sink in &mut status.hits {
            if let Some(known) = before.get(&sink.name)
                && known.offered <= sink.offered
            {
                raise(&mut sink.sent, known.sent);
            }
            self.hits.insert(sink.name.clone(), sink.clone());
        }
        let before = std::mem::take(&mut self.devices);
        for (id, device) in status.intake.iter_mut().flat_map(|report| &mut report.devices) {
            if let Some(known) = before.get(id) {
                raise(&mut device.lost.flows, known.flows);
                raise(&mut device.lost.datagrams, known.datagrams);
                raise(&mut device.lost.samples, known.samples);
            }
            self.devices.insert(id.clone(), device.lost);
        }
    }
}

fn raise(figure: &mut u64, known: u64) {
    *figure = known.max(*figure);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::report::Report;

    #[test]
    fn what_is_taken_back_does_not_fall() {
        let mut steady = Steady::default();
        let mut sent = |offered, sent| {
            let flows = |flows| Flows { flows, ..Flows::default() };
            let name = "tcp://a".to_owned();
            let sink = Sink { name, offered: flows(offered), sent: flows(sent), ..Sink::default() };
            let mut status = Status { sinks: vec![sink], ..Status::default() };
            steady.hold(&mut status);
            status.sinks[0].sent.flows
        };
        let told = [sent(10, 10), sent(12, 4), sent(20, 9), sent(30, 25), sent(5, 3)];
        assert_eq!(told, [10, 10, 10, 25, 3], "the last is another sink of that name");
    }

    #[test]
    fn a_device_whose_stream_ends_keeps_its_losses_until_it_is_forgotten() {
        let mut steady = Steady::default();
        let id = SourceId::Device([192, 0, 2, 1].into());
        let mut lost = |flows: Option<u64>| {
            let mut report = Report::default();
            if let Some(flows) = flows {
                report.devices.entry(id.clone()).or_default().lost.flows = flows;
            }
            let mut status = Status { intake: Some(report), ..Status::default() };
            steady.hold(&mut status);
            status.intake.and_then(|report| report.devices.get(&id).map(|device| device.lost.flows))
        };
        let told = [lost(Some(7)), lost(Some(2)), lost(Some(9)), lost(None), lost(Some(1))];
        assert_eq!(told, [Some(7), Some(7), Some(9), None, Some(1)]);
    }
}
