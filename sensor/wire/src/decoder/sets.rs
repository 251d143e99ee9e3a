//! Messages of NetFlow 9 and IPFIX, set by set: templates are learnt, options understood, flows decoded.

use std::sync::Arc;

use super::{Arrival, Worker, fixed::Units, trace};
use crate::{
    batches::Batches,
    device::{
        options::Subjects,
        session::{Session, SessionKey},
        state::{DeviceState, Parts},
        succession::Sign,
        templates::{KnownTemplate, Templates},
        waiting::Waiting,
    },
    ipfix::{self, encode::ENTERPRISE},
    ledger::Skipped,
    netflow::v9,
    octets::Octets,
    records::{
        append::MessageScope,
        decode::{self, Memory},
        fill::Times,
    },
    sets,
    template::{
        Dialect, Template,
        parse::{self, Parsed},
    },
};

/// A message's header, in what the two protocols have in common.
#[derive(Clone, Copy)]
struct Message {
    dialect: Dialect,
    key: SessionKey,
    sign: Sign,
    times: Times,
    received: u64,
    /// As in [`Arrival`].
    may_grow: bool,
}

/// Octets of sets that have waited that are decoded for one datagram, a set more or less: the time that a datagram takes
/// has a bound.
const RELEASE: usize = 4 << 10;

/// What was found in a message.
#[derive(Clone, Copy, Default)]
struct Found {
    /// Data records, of flows and of options.
    records: usize,
    /// Records of flows.
    flows: usize,
    /// Octets of sets that could not be read, so that nobody knows how many records there were.
    unread: usize,
}

impl Worker<'_> {
    /// Takes a NetFlow 9 message from `rest`: it has no length, and so is all of it.
    pub(super) fn netflow9(
        &mut self,
        device: &mut DeviceState,
        arrival: Arrival,
        rest: &mut Octets<'_>,
        batches: &mut Batches,
    ) {
        let Some(header) = v9::Header::take(rest) else {
            device.ledger.skip(Skipped::HeaderTruncated, rest.len());
            rest.0 = &[];
            return;
        };
        device.ledger.headers += v9::HEADER_LENGTH as u64;
        let export = u64::from(header.seconds) * 1000;
        let key =
            SessionKey { version: v9::VERSION as u8, port: arrival.port, domain: header.source };
        let sign = Sign { at: arrival.now, number: header.sequence, uptime: Some(header.uptime) };
        let key = self.identify(device, arrival, key, sign);
        device.hear(&key, sign, Some(export));
        let message = Message {
            dialect: Dialect::NetFlow9,
            key,
            sign,
            times: Times { export, uptime: Some(header.uptime) },
            received: arrival.now,
            may_grow: arrival.may_grow,
        };
        let found = self.sets(device, arrival, message, rest, batches);
        let units = Units { records: Some(1), most: 1 };
        self.counted(device, key, arrival, sign, units, found.flows as u32);
    }

    /// Takes an IPFIX message from the front of `rest`.
    pub(super) fn ipfix(
        &mut self,
        device: &mut DeviceState,
        arrival: Arrival,
        rest: &mut Octets<'_>,
        batches: &mut Batches,
    ) {
        let Some(header) = ipfix::message::Header::take(rest) else {
            device.ledger.skip(Skipped::HeaderTruncated, rest.len());
            rest.0 = &[];
            return;
        };
        device.ledger.headers += ipfix::MESSAGE_HEADER_LENGTH as u64;
        let export = u64::from(header.export_time) * 1000;
        let body = usize::from(header.length).saturating_sub(ipfix::MESSAGE_HEADER_LENGTH);
        let mut body = match rest.take(body) {
            Some(body) => Octets(body),
            // Cut off, or the length lies: whole sets are read.
            None => Octets(std::mem::take(&mut rest.0)),
        };
        let key = SessionKey {
            version: ipfix::VERSION as u8,
            port: arrival.port,
            domain: header.observation_domain,
        };
        let sign = Sign { at: arrival.now, number: header.sequence, uptime: None };
        let key = self.identify(device, arrival, key, sign);
        device.hear(&key, sign, Some(export));
        let message = Message {
            dialect: Dialect::Ipfix,
            key,
            sign,
            times: Times { export, uptime: None },
            received: arrival.now,
            may_grow: arrival.may_grow,
        };
        let found = self.sets(device, arrival, message, &mut body, batches);
        let records = found.records as u32;
        let units = Units {
            records: (found.unread == 0).then_some(records),
            most: records + found.unread as u32,
        };
        self.counted(device, key, arrival, sign, units, found.flows as u32);
    }

    fn sets(
        &mut self,
        device: &mut DeviceState,
        arrival: Arrival,
        message: Message,
        rest: &mut Octets<'_>,
        batches: &mut Batches,
    ) -> Found {
        self.elders = None;
        if device.ledger.waiting != 0 {
            if !arrival.connected {
                device.streams.look(message.key, arrival.now);
            }
            if let Some(key) = device.streams.ready(message.key) {
                self.release(device, Message { key, ..message }, batches);
            }
        }
        let mut found = Found::default();
        let mut before = self.trace.is_some().then_some(device.ledger.skipped);
        while let Some(set) = sets::next(rest, &mut device.ledger) {
            if let Some(trace) = &mut self.trace {
                trace.open(message.dialect, set.id);
            }
            match (message.dialect, set.id) {
                (Dialect::NetFlow9, v9::TEMPLATE_SET) | (Dialect::Ipfix, ipfix::TEMPLATE_SET) => {
                    self.templates(device, arrival, message, false, set.body, batches);
                }
                (Dialect::NetFlow9, v9::OPTIONS_TEMPLATE_SET)
                | (Dialect::Ipfix, ipfix::OPTIONS_TEMPLATE_SET) => {
                    self.templates(device, arrival, message, true, set.body, batches);
                }
                (_, ipfix::FIRST_TEMPLATE..) => {
                    self.data(device, arrival, message, set, batches, &mut found);
                }
                _ => device.ledger.skip(Skipped::SetReserved, set.body.len()),
            }
            if let (Some(trace), Some(before)) = (&mut self.trace, &mut before) {
                trace.close(trace::skipped_since(before, &device.ledger));
                *before = device.ledger.skipped;
            }
        }
        found
    }

    fn templates(
        &mut self,
        device: &mut DeviceState,
        arrival: Arrival,
        message: Message,
        options: bool,
        set: &[u8],
        batches: &mut Batches,
    ) {
        let mut rest = Octets(set);
        loop {
            let before = rest.len();
            let Some(parsed) = parse::next(&mut rest, message.dialect, options) else { return };
            let octets = before - rest.len();
            match parsed {
                Parsed::Padding => device.ledger.padding += octets as u64,
                Parsed::Skipped(reason) => device.ledger.skip(reason, octets),
                Parsed::Withdrawal(id) => {
                    device.ledger.templates += octets as u64;
                    device.streams.change(&message.key, |session| session.templates.remove(id));
                }
                Parsed::WithdrawAll => {
                    device.ledger.templates += octets as u64;
                    device.streams.change(&message.key, |session| {
                        session.templates.remove_all(options);
                    });
                }
                Parsed::Template(template) => {
                    let id = template.id;
                    if let Some(trace) = &mut self.trace {
                        trace.template(&template);
                    }
                    let template = self.of_sensors(template);
                    if self.learn(device, arrival, message.key, template) {
                        device.ledger.templates += octets as u64;
                        self.awaited(device, message, id, batches);
                    } else {
                        device.ledger.skip(Skipped::TemplateBudget, octets);
                    }
                }
            }
        }
    }

    /// The template with the number of examples for the enterprise of sensors, under which their elements are known.
    fn of_sensors(&self, mut template: Template) -> Template {
        if self.enterprise != ENTERPRISE {
            let specifiers = template.specifiers.iter_mut();
            specifiers
                .filter(|specifier| specifier.enterprise == self.enterprise)
                .for_each(|specifier| specifier.enterprise = ENTERPRISE);
        }
        template
    }

    /// Keeps a template; false when there is no memory for it.
    fn learn(
        &self,
        device: &mut DeviceState,
        arrival: Arrival,
        key: SessionKey,
        template: Template,
    ) -> bool {
        let known = device.streams.get(&key);
        let cost = match known.map(|session| session.templates.cost_of(&template)) {
            // Told again, as devices do every few minutes.
            Some(None) => return true,
            Some(Some(cost)) => cost,
            None => Templates::default().cost_of(&template).unwrap_or(0),
        };
        if !arrival.may_grow {
            return false;
        }
        let limit = self.limits.device;
        if device.total_cost() + cost > limit {
            device.purge(arrival.now, self.limits.stale);
        }
        if device.total_cost() + cost > limit || !device.open(key, limit) {
            return false;
        }
        let refers = !template.is_options() && template.names_samplers();
        let learnt =
            device.streams.change(&key, |session| session.templates.insert(template)).is_some();
        if refers && let Some(Subjects { sampling, session, .. }) = device.subjects(&key) {
            sampling.refer();
            session.sampling.refer();
        }
        learnt
    }

    /// Decodes the sets that have waited for template `id`.
    fn awaited(
        &mut self,
        device: &mut DeviceState,
        message: Message,
        id: u16,
        batches: &mut Batches,
    ) {
        let Some(session) = device.streams.get(&message.key) else { return };
        if !session.waiting.awaits(id) {
            return;
        }
        let Some(known) = session.templates.get(id).cloned() else { return };
        device.streams.change(&message.key, |session| session.make_ready(id, &known));
        self.release(device, message, batches);
    }

    /// Decodes sets that have waited and whose templates have come: no more in a datagram than [`RELEASE`] octets.
    fn release(&mut self, device: &mut DeviceState, message: Message, batches: &mut Batches) {
        while self.released < RELEASE
            && let Some(Some((waiting, known))) =
                device.streams.change(&message.key, |session| session.waiting.take_ready())
        {
            self.released += waiting.set.len();
            device.ledger.waiting -= waiting.set.len() as u64;
            let then = Message {
                times: Times { export: waiting.export, uptime: waiting.uptime },
                received: waiting.received,
                ..message
            };
            self.records(device, &known, then, &waiting.set, batches, &mut Found::default());
        }
    }

    /// Decodes all sets of `device` whose templates have come.
    pub(super) fn release_all(&mut self, device: &mut DeviceState, batches: &mut Batches) {
        let keys: Vec<SessionKey> = device.streams.iter().map(|(key, _)| *key).collect();
        for key in keys {
            let v9 = key.version == v9::VERSION as u8;
            let message = Message {
                dialect: if v9 { Dialect::NetFlow9 } else { Dialect::Ipfix },
                key,
                sign: Sign { at: 0, number: 0, uptime: None },
                times: Times { export: 0, uptime: None },
                received: 0,
                may_grow: true,
            };
            while device.streams.get(&key).is_some_and(|session| session.waiting.has_ready()) {
                self.released = 0;
                self.release(device, message, batches);
            }
        }
    }

    fn data(
        &mut self,
        device: &mut DeviceState,
        arrival: Arrival,
        message: Message,
        set: sets::Set<'_>,
        batches: &mut Batches,
        found: &mut Found,
    ) {
        let own =
            device.streams.get(&message.key).and_then(|session| session.templates.get(set.id));
        let known = match own {
            Some(own) => Some(self.scratch.template(own)),
            None => self.inherited(device, arrival, message, set.id),
        };
        if let Some(known) = known {
            self.records(device, &known, message, set.body, batches, found);
            self.scratch.keep(known);
            return;
        }
        let octets = set.body.len();
        found.unread += octets;
        let limit = self.limits;
        let room = arrival.may_grow
            && octets <= limit.waiting
            && device.total_cost() + octets + 512 <= limit.device;
        if !room || !device.open(message.key, limit.device) {
            return device.ledger.skip(Skipped::UnknownTemplate, octets);
        }
        let waiting = Waiting {
            template: set.id,
            export: message.times.export,
            uptime: message.times.uptime,
            received: message.received,
            set: set.body.into(),
        };
        device.ledger.waiting += octets as u64;
        let wait = |session: &mut Session| session.wait(waiting, limit.waiting);
        let dropped = device.streams.change(&message.key, wait).unwrap_or(0);
        device.give_up(dropped);
    }

    /// The template `id` that another stream has left to that of `message`.
    fn inherited(
        &mut self,
        device: &DeviceState,
        arrival: Arrival,
        message: Message,
        id: u16,
    ) -> Option<Arc<KnownTemplate>> {
        if arrival.connected {
            return None;
        }
        let elders =
            self.elders.get_or_insert_with(|| device.streams.elders(message.key, message.sign));
        device.streams.inherited(&message.key, id, elders)
    }

    fn records(
        &mut self,
        device: &mut DeviceState,
        known: &KnownTemplate,
        message: Message,
        set: &[u8],
        batches: &mut Batches,
        found: &mut Found,
    ) {
        if known.template.is_options() {
            found.records += self.options(device, known, &message.key, set);
            return;
        }
        let plan = known.plan().counting(device.out_counters);
        if plan.names {
            self.names(device, known, set);
        }
        device.renew_names(message.received);
        self.relayed(device, plan, set);
        let may_track = message.may_grow && device.total_cost() < self.limits.device;
        if plan.refers {
            self.tables.renew();
        }
        let Parts { identity, relayed, rates, boot, skew, shared, connections, totals, ledger } =
            device.parts(&message.key, None);
        let mut memory =
            may_track.then_some(Memory { connections, totals, domain: message.key.domain });
        let implausible = ledger.rows_with_implausible_uptime;
        let context = MessageScope {
            version: message.key.version,
            received: message.received,
            skew,
            times: message.times,
            boot,
            device: identity,
            relayed,
            rates,
            shared: (shared, &*self.tables),
        };
        let pair = &mut batches.netflow;
        let scratch = &mut *self.scratch;
        let before = match &self.trace {
            Some(_) => trace::lengths(pair),
            None => Vec::new(),
        };
        let count = decode::flows(plan, set, &context, memory.as_mut(), scratch, pair, ledger);
        if let Some(trace) = &mut self.trace {
            trace.records(known, set, trace::since(&before, pair));
        }
        let implausible = ledger.rows_with_implausible_uptime - implausible;
        if plan.updates {
            device.streams.change(&message.key, Session::account_connections);
        }
        if plan.totals.any() {
            device.account_totals();
        }
        if boot.is_some() && count != 0 && implausible >= count as u64 {
            // The device has booted again since it told when it did.
            device.streams.change(&message.key, |session| session.boot = None);
        }
        found.records += count;
        found.flows += count;
    }
}
