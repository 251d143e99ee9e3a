//! Datagrams of NetFlow 5 and 7.

use super::{Arrival, Worker, trace};
use crate::{
    batches::Batches,
    device::{
        session::{Session, SessionKey},
        state::{DeviceState, Parts},
        succession::Sign,
    },
    ledger::{Ledger, Skipped},
    netflow::fixed::{HEADER_LENGTH, Header},
    octets::Octets,
    records::{append::MessageScope, fill::Times, fixed},
};

impl Worker<'_> {
    /// Takes a datagram from the front of `rest`, of `version`, whose records have `N` octets.
    pub(super) fn fixed<const N: usize>(
        &mut self,
        device: &mut DeviceState,
        arrival: Arrival,
        version: u8,
        rest: &mut Octets<'_>,
        batches: &mut Batches,
    ) {
        let Some(header) = Header::take(rest) else {
            device.ledger.skip(Skipped::HeaderTruncated, rest.len());
            rest.0 = &[];
            return;
        };
        device.ledger.headers += HEADER_LENGTH as u64;
        let records = records::<N>(header.count, rest, &mut device.ledger);
        let key = SessionKey { version, port: arrival.port, domain: header.engine.into() };
        let sign = Sign { at: arrival.now, number: header.sequence, uptime: Some(header.uptime) };
        let key = self.identify(device, arrival, key, sign);
        device.hear(&key, sign, Some(header.export));
        let rate = if version == 5 { header.sample_rate() } else { None };
        let Parts { identity, relayed, rates, skew, ledger, .. } = device.parts(&key, rate);
        let context = MessageScope {
            version,
            received: arrival.now,
            skew,
            times: Times { export: header.export, uptime: Some(header.uptime) },
            boot: None,
            device: identity,
            relayed,
            rates,
            shared: (None, &*self.tables),
        };
        let pair = &mut batches.netflow;
        let before = match &self.trace {
            Some(_) => trace::lengths(pair),
            None => Vec::new(),
        };
        fixed::append(&mut pair.v4, records, &context, ledger);
        if let Some(trace) = &mut self.trace {
            trace.fixed(version, records, trace::since(&before, pair));
        }
        let count = records.len() as u32;
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
        device: &mut DeviceState,
        arrival: Arrival,
        key: SessionKey,
        sign: Sign,
    ) -> SessionKey {
        if arrival.connected { key } else { device.identify(key, sign, self.limits.waiting) }
    }

    /// Notes the header of a message that held `units`, and that `flows` records of flows were decoded.
    pub(super) fn counted(
        &mut self,
        device: &mut DeviceState,
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
            if device.open(key, self.limits.device) {
                device.streams.get_mut(&key).into_iter().for_each(note);
            }
        }
    }
}

/// Takes `count` records from the front of `rest`. Where the count lies, or the datagram was cut, those that are whole.
fn records<'a, const N: usize>(
    count: u16,
    rest: &mut Octets<'a>,
    ledger: &mut Ledger,
) -> &'a [[u8; N]] {
    let (whole, _) = rest.0.as_chunks();
    let count = usize::from(count);
    let records = whole.get(..count).unwrap_or(whole);
    rest.0 = &rest.0[records.as_flattened().len()..];
    if records.len() < count {
        ledger.skip(Skipped::MessageTruncated, rest.len());
        rest.0 = &[];
    }
    records
}

/// By how much a message makes the sequence number higher.
#[derive(Clone, Copy)]
pub(super) struct Units {
    /// Exactly, where that is known.
    pub records: Option<u32>,
    /// At most.
    pub most: u32,
}
