//! Datagrams of NetFlow 5 and 7.

use super::{Arrival, Worker};
use crate::{
    batches::Batches,
    exporter::{
        device::{Device, Parts},
        session::{Session, SessionKey},
        succession::Sign,
    },
    ledger::Skipped,
    netflow::fixed::{Header, V5, V7},
    octets::Octets,
    records::{append::Context, decode, fill::Times},
};

impl Worker<'_> {
    /// Takes a datagram from the front of `rest`.
    pub(super) fn fixed(
        &mut self,
        device: &mut Device,
        arrival: Arrival,
        version: u16,
        rest: &mut Octets<'_>,
        batches: &mut Batches,
    ) {
        let Some(header) = Header::take(rest) else {
            device.ledger.skip(Skipped::HeaderTruncated, rest.len());
            rest.0 = &[];
            return;
        };
        device.ledger.headers += crate::netflow::fixed::HEADER_LENGTH as u64;
        let plan = if version == 5 { &V5.plan } else { &V7.plan };
        let wanted = usize::from(header.count) * plan.minimum;
        let records = if rest.len() >= wanted {
            rest.take(wanted).unwrap_or_default()
        } else {
            // The count lies, or the datagram was cut: what is whole is decoded.
            let whole = rest.len() - rest.len() % plan.minimum;
            let records = rest.take(whole).unwrap_or_default();
            device.ledger.skip(Skipped::MessageTruncated, rest.len());
            rest.0 = &[];
            records
        };
        let key =
            SessionKey { version: version as u8, port: arrival.port, domain: header.engine.into() };
        let sign = Sign { at: arrival.now, number: header.sequence, uptime: Some(header.uptime) };
        let key = self.identify(device, arrival, key, sign);
        device.hear(&key, sign, Some(header.export));
        let rate = if version == 5 { header.sample_rate() } else { None };
        let Parts { exporter, relayed, rates, skew, ledger, .. } = device.parts(&key, rate);
        let context = Context {
            version: version as u8,
            received: arrival.now,
            skew,
            times: Times { export: header.export, uptime: Some(header.uptime) },
            boot: None,
            exporter,
            relayed,
            rates,
        };
        let pair = &mut batches.netflow;
        let count = decode::flows(plan, records, &context, None, self.scratch, pair, ledger);
        let count = count as u32;
        self.counted(
            device,
            key,
            arrival,
            sign,
            Units { records: Some(count), most: count },
            count,
        );
    }

    /// To which stream a message that came as `key` belongs. Only over UDP do ports move.
    pub(super) fn identify(
        &self,
        device: &mut Device,
        arrival: Arrival,
        key: SessionKey,
        sign: Sign,
    ) -> SessionKey {
        if arrival.connected { key } else { device.identify(key, sign, self.limits.waiting) }
    }

    /// Notes the header of a message that held `units`, and that `flows` records of flows were decoded.
    pub(super) fn counted(
        &mut self,
        device: &mut Device,
        key: SessionKey,
        arrival: Arrival,
        sign: Sign,
        units: Units,
        flows: u32,
    ) {
        if flows != 0 {
            device.decoded(arrival.now);
        }
        let note = |session: &mut Session| {
            session.sequence.observe(sign.number, units.records);
            session.trace.note(sign, units.most);
            if flows != 0 {
                session.last_decoded = arrival.now.max(1);
            }
        };
        if let Some(session) = device.streams.get_mut(&key) {
            note(session);
        } else if arrival.may_grow {
            let octets = device.streams.thin(&key, arrival.now);
            device.give_up(octets);
            if device.open(key, self.limits.exporter) {
                device.streams.get_mut(&key).into_iter().for_each(note);
            }
        }
    }
}

/// By how much a message makes the sequence number higher.
#[derive(Clone, Copy)]
pub(super) struct Units {
    /// Exactly, where that is known.
    pub records: Option<u32>,
    /// At most.
    pub most: u32,
}
