//! Datagrams of devices into batches of flows: the whole of the decoding, for one worker.
//!
//! * `sets`: messages of NetFlow 9 and IPFIX, set by set.
//! * `option_records`: what a device says of itself.
//! * `fixed`: datagrams of NetFlow 5 and 7.
//! * `sampled`: datagrams of sFlow.
//! * `state`: what a restart must not lose, out and in.
//! * [`trace`]: what was done with a datagram, set by set.
//!
//! Invariants: no socket, file or clock; whatever the octets, no panic, work bounded by their number, memory bounded by
//! [`Limits`]; every octet is in a ledger.

mod fixed;
mod option_records;
mod sampled;
mod sets;
mod state;
#[cfg(test)]
mod tests;
pub mod trace;

use std::net::{IpAddr, SocketAddr};

use self::trace::Trace;
use super::{
    batches::Batches,
    device::{
        directory::{Directory, Limits},
        profile::DeviceProfile,
        shared::Tables,
        state::DeviceState,
        streams::Elders,
        who::Who,
    },
    ipfix,
    ledger::{Ledger, Skipped},
    netflow::{
        fixed::{V5_RECORD, V7_RECORD},
        v9,
    },
    octets::{self, Octets},
    records::decode::Scratch,
    sflow,
    template::Specifier,
};

/// What a decoder is told once.
pub struct Options {
    /// Bounds.
    pub limits: Limits,
    /// Look into tunnels: the flow of a sampled tunnel packet is that of the packet within.
    pub inner_headers: bool,
    /// Keep the records of options for whoever wants to see them ([`Decoder::take_options`]).
    pub keep_options: bool,
    /// Keep what is done with each datagram ([`Decoder::take_trace`]).
    pub keep_trace: bool,
    /// The enterprise under which other sensors send what IANA has no elements for.
    pub enterprise: u32,
    /// What is configured for a device.
    pub profile: Box<dyn Fn(IpAddr) -> DeviceProfile + Send>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            inner_headers: false,
            keep_options: false,
            keep_trace: false,
            enterprise: ipfix::encode::ENTERPRISE,
            profile: Box::new(|_| DeviceProfile::default()),
        }
    }
}

/// A record of options, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionsRecord {
    /// Who sent it.
    pub device: IpAddr,
    /// Observation domain.
    pub domain: u32,
    /// Template identifier.
    pub template: u16,
    /// Fields, the scopes first.
    pub fields: Vec<(Specifier, Vec<u8>)>,
}

/// The decoder of one worker: takes datagrams of any device, knows their templates.
#[derive(Default)]
pub struct Decoder {
    options: Options,
    directory: Directory,
    scratch: Scratch,
    tables: Tables,
    packets: sflow::rows::Packets,
    kept: Vec<OptionsRecord>,
    trace: Trace,
    /// When the last datagram was received, milliseconds since the epoch.
    latest: u64,
    /// Datagrams of addresses that are no known device, and that nothing is kept of.
    strangers: Ledger,
}

/// What a datagram comes with.
#[derive(Clone, Copy)]
struct Arrival {
    /// The port that it came from.
    port: u16,
    now: u64,
    /// False when there is no memory for more templates.
    may_grow: bool,
    /// Whether it came over a connection, with which templates end (RFC 7011 section 8.4), and not as a datagram.
    connected: bool,
}

/// Octets of memory that an octet of a datagram can ask for at most: templates of one field, one behind the other.
const GROWTH: usize = 64;

/// The worker of a collector, which leaves its directory to others.
macro_rules! worker {
    ($collector:ident) => {
        Worker {
            limits: &$collector.options.limits,
            released: 0,
            elders: None,
            scratch: &mut $collector.scratch,
            tables: &mut $collector.tables,
            enterprise: $collector.options.enterprise,
            packets: &mut $collector.packets,
            kept: $collector.options.keep_options.then_some(&mut $collector.kept),
            trace: $collector.options.keep_trace.then_some(&mut $collector.trace),
            profile: &$collector.options.profile,
        }
    };
}

impl Decoder {
    /// A decoder that knows no device.
    pub fn new(options: Options) -> Self {
        let scratch = Scratch::new(options.inner_headers);
        Self { options, scratch, ..Self::default() }
    }

    /// Goes on as `options` say: with other bounds, and with what they say of the devices. Templates, and what devices have
    /// told, stay. Where there is less memory than before, devices go when the next ones need room.
    pub fn reconfigure(&mut self, options: Options) {
        self.directory.reprofile(&self.options.profile, &options.profile);
        self.scratch.inner_headers = options.inner_headers;
        self.options = options;
    }

    /// Decodes the datagram `octets`, received at `now` (milliseconds since the epoch), into rows of `batches`.
    ///
    /// The version word tells the protocol. Nothing is wrong enough to be an error: the ledgers say what became of it.
    pub fn datagram(&mut self, from: SocketAddr, now: u64, octets: &[u8], batches: &mut Batches) {
        self.take(from, now, false, octets, batches);
    }

    /// As [`Decoder::datagram`] for a message that came over the connection from `from`: it has nothing to do with others,
    /// and [`Decoder::end_stream`] ends it.
    pub fn message(&mut self, from: SocketAddr, now: u64, octets: &[u8], batches: &mut Batches) {
        self.take(from, now, true, octets, batches);
    }

    fn take(
        &mut self,
        from: SocketAddr,
        now: u64,
        connected: bool,
        octets: &[u8],
        batches: &mut Batches,
    ) {
        let arrival = Arrival { port: from.port(), now, may_grow: false, connected };
        let source = Who::from(from);
        self.latest = self.latest.max(now);
        let version = Octets(octets).u16().unwrap_or(0);
        let is_sflow = version == 0 && Octets(octets).u32() == Some(sflow::datagram::VERSION);
        if !matches!(version, 5 | 7 | v9::VERSION | ipfix::VERSION) && !is_sflow {
            let ledger = match self.directory.existing(source) {
                Some(device) => &mut device.ledger,
                None => &mut self.strangers,
            };
            ledger.datagrams += 1;
            ledger.octets += octets.len() as u64;
            ledger.skip(Skipped::Version, octets.len());
            self.trace.skipped[Skipped::Version] += octets.len() as u64;
            return;
        }
        let agent = if is_sflow { sflow::datagram::agent(octets) } else { None };
        let who = agent.map_or(source, |agent| source.agent(agent));
        let limits = &self.options.limits;
        let growth = octets.len().saturating_mul(GROWTH);
        let profile = &self.options.profile;
        let Some((device, may_grow)) = self.directory.enter(who, growth, now, limits, profile)
        else {
            // No memory to know it by: what needs no templates is decoded all the same.
            let mut stranger = DeviceState::new(who, profile(who.device()));
            worker!(self).read(&mut stranger, arrival, version, octets, batches);
            stranger.give_up_waiting();
            self.strangers += stranger.ledger;
            return;
        };
        let before = device.total_cost();
        let arrival = Arrival { may_grow, ..arrival };
        worker!(self).read(device, arrival, version, octets, batches);
        let after = device.total_cost();
        self.directory.account(who, before, after);
    }

    /// The devices that are known, with their ledgers and losses.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// What became of all datagrams.
    pub fn ledger(&self) -> Ledger {
        let mut sum = self.strangers;
        sum += self.directory.forgotten;
        for device in self.directory.devices() {
            sum += device.ledger;
        }
        sum
    }

    /// No more datagrams come: decodes the sets whose templates have come, and gives up on the others.
    pub fn finish(&mut self, batches: &mut Batches) {
        let mut worker = worker!(self);
        let latest = self.latest;
        self.directory.for_each(|device| {
            let keys: Vec<_> = device.streams.iter().map(|(key, _)| *key).collect();
            keys.iter().for_each(|key| device.streams.awaken(key, latest));
            worker.release_all(device, batches);
            device.give_up_waiting();
        });
    }

    /// Forgets what a stream of messages has told that has ended (RFC 7011 section 8.4: templates end with the transport
    /// session); `from` is where it came from.
    pub fn end_stream(&mut self, from: SocketAddr) {
        let who = Who::from(from);
        if let Some(device) = self.directory.existing(who) {
            let before = device.total_cost();
            device.end_streams(from.port());
            let after = device.total_cost();
            self.directory.account(who, before, after);
        }
    }

    /// The records of options since the last call.
    pub fn take_options(&mut self) -> Vec<OptionsRecord> {
        std::mem::take(&mut self.kept)
    }

    /// What was done with datagrams since the last call.
    pub fn take_trace(&mut self) -> Trace {
        std::mem::take(&mut self.trace)
    }
}

/// What decoding a datagram needs besides the device.
struct Worker<'a> {
    limits: &'a Limits,
    /// Octets of sets that have waited and were decoded for this datagram.
    released: usize,
    /// Whose templates may serve the message, once that was asked.
    elders: Option<Elders>,
    scratch: &'a mut Scratch,
    /// What rows of all devices refer to.
    tables: &'a mut Tables,
    /// As in [`Options`].
    enterprise: u32,
    packets: &'a mut sflow::rows::Packets,
    kept: Option<&'a mut Vec<OptionsRecord>>,
    trace: Option<&'a mut Trace>,
    /// As in [`Options`].
    profile: &'a dyn Fn(IpAddr) -> DeviceProfile,
}

impl Worker<'_> {
    fn read(
        &mut self,
        device: &mut DeviceState,
        arrival: Arrival,
        version: u16,
        octets: &[u8],
        batches: &mut Batches,
    ) {
        let before = self.trace.is_some().then_some(device.ledger.skipped);
        self.messages(device, arrival, version, octets, batches);
        if let (Some(trace), Some(before)) = (&mut self.trace, before) {
            trace.skipped = trace::skipped_since(&before, &device.ledger);
        }
    }

    fn messages(
        &mut self,
        device: &mut DeviceState,
        arrival: Arrival,
        version: u16,
        octets: &[u8],
        batches: &mut Batches,
    ) {
        device.ledger.datagrams += 1;
        device.ledger.octets += octets.len() as u64;
        let mut rest = Octets(octets);
        match version {
            0 => self.sampled(device, arrival, &mut rest, batches),
            _ => {
                // Some write several datagrams into one.
                let mut first = true;
                while let Some(version) = Octets(rest.0).u16() {
                    match version {
                        5 => self.fixed::<V5_RECORD>(device, arrival, 5, &mut rest, batches),
                        7 => self.fixed::<V7_RECORD>(device, arrival, 7, &mut rest, batches),
                        v9::VERSION => self.netflow9(device, arrival, &mut rest, batches),
                        ipfix::VERSION => self.ipfix(device, arrival, &mut rest, batches),
                        _ if first => break,
                        _ => {
                            if octets::are_zero(rest.0) {
                                device.ledger.padding += rest.len() as u64;
                            } else {
                                device.ledger.skip(Skipped::Version, rest.len());
                            }
                            return;
                        }
                    }
                    first = false;
                }
                // A last octet is too few for anything.
                device.ledger.padding += rest.len() as u64;
            }
        }
    }
}
