//! `[intake]`: what holds for everything that routers send.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;
use sensor_core::{
    flow::prefix::Prefix,
    settings::{
        schema::{Key, Setting, Table, Value, table},
        value::ByteSize,
    },
};

use super::faults::Faults;
use crate::intake::{
    admission::{Rule, Rules},
    options::{Forward, Listener, Options, State},
};

/// Loopback, private (RFC 1918, RFC 6598), link-local and unique local addresses.
const NEAR: [&str; 9] = [
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
];

table! {
    /// `[intake]`
    Intake {
        /// Threads that receive and decode datagrams.
        workers: u64 = 1;
        /// Receive buffer of each socket.
        receive_buffer: ByteSize = ByteSize(64 << 20);
        /// Networks from which devices are listened to.
        allow: Vec<Setting<String>> =
            NEAR.into_iter().map(|net| Setting::default_of(net.to_owned())).collect();
        /// Datagrams a second that one device may send; 0 for any number.
        rate_limit: u64 = 0;
        /// Memory for templates, names and waiting data of all devices.
        memory: ByteSize = ByteSize(64 << 20);
        /// Flows of tunnelled packets are those of the packets within.
        inner_headers: bool = false;
        /// File that keeps templates and sampling rates over a restart.
        state_file: Option<PathBuf> = None;
        /// How often that file is written.
        state_interval: Duration = Duration::from_mins(1);
        /// TCP and TLS connections at once.
        max_connections: u64 = 256;
        /// The same of one address, or of one IPv6 network of 64 bits.
        max_connections_per_address: u64 = 32;
        /// A connection ends where its first message is not there after so long.
        first_message_timeout: Duration = Duration::from_secs(20);
        /// A connection ends after so long without a message.
        idle_timeout: Duration = Duration::from_mins(10);
    }
}

/// Judges `[intake]`; what else the intake is told comes from sections of its own.
pub fn resolve(
    raw: &Intake,
    listeners: Vec<Listener>,
    devices: Vec<Rule>,
    forwards: Vec<Forward>,
    faults: &mut Faults,
) -> Options {
    let day = Duration::from_hours(24);
    let buffers = ByteSize(64 << 10)..=ByteSize(1 << 30);
    let buffer = faults.in_range(&raw.receive_buffer, "intake.receive_buffer", buffers);
    let memory =
        faults.in_range(&raw.memory, "intake.memory", ByteSize(4 << 20)..=ByteSize(16 << 30));
    let intervals = Duration::from_secs(1)..=day;
    let path = "intake.state_interval";
    let state_interval = faults.in_range(&raw.state_interval, path, intervals.clone());
    let connections = faults.in_range(&raw.max_connections, "intake.max_connections", 1..=100_000);
    let path = "intake.max_connections_per_address";
    let of_one = faults.in_range(&raw.max_connections_per_address, path, 1..=100_000);
    let path = "intake.first_message_timeout";
    let first = faults.in_range(&raw.first_message_timeout, path, intervals.clone());
    let mut allow = Vec::with_capacity(raw.allow.value.len());
    for net in &raw.allow.value {
        match network(&net.value) {
            Ok(net) => allow.push(net),
            Err(reason) => faults.report(net, "intake.allow", "must contain networks", &reason),
        }
    }
    let rate_limit = rate_limit(&raw.rate_limit, "intake.rate_limit", faults);
    let state = |path| State { path, interval: state_interval };
    Options {
        listeners,
        workers: faults.in_range(&raw.workers, "intake.workers", 1..=64) as usize,
        receive_buffer: usize::try_from(buffer.0).unwrap_or(usize::MAX),
        rules: Rules::new(allow, devices, rate_limit),
        memory: usize::try_from(memory.0).unwrap_or(usize::MAX),
        inner_headers: raw.inner_headers.value,
        state: raw.state_file.value.clone().map(state),
        forwards,
        max_connections: connections as usize,
        max_connections_per_address: of_one as usize,
        first_message_timeout: first,
        idle_timeout: faults.in_range(&raw.idle_timeout, "intake.idle_timeout", intervals),
    }
}

/// Datagrams a second; 0 stands for no limit.
pub(super) fn rate_limit(raw: &Setting<u64>, path: &str, faults: &mut Faults) -> Option<u32> {
    let limit = faults.in_range(raw, path, 0..=100_000_000);
    u32::try_from(limit).ok().filter(|&limit| limit != 0)
}

/// Reads `10.0.0.0/8`, or an address, which is a network of one.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.to_canonical().into());
    }
    let net: IpNet = text
        .parse()
        .map_err(|_| format!("`{text}` is not a network such as 10.0.0.0/8 or 2001:db8::/32"))?;
    if net.trunc() != net {
        return Err(format!("`{net}` has host bits set, did you mean `{}`?", net.trunc()));
    }
    let Prefix { address, length } =
        Prefix { address: net.addr(), length: net.prefix_len() }.unmapped();
    IpNet::new(address, length).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        for (text, shown) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3", "10.1.2.3/32"),
            ("::ffff:10.1.2.3", "10.1.2.3/32"),
            ("::ffff:127.0.0.0/104", "127.0.0.0/8"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("2001:db8::/32", "2001:db8::/32"),
        ] {
            assert_eq!(network(text).map(|net| net.to_string()), Ok(shown.to_owned()));
        }
        assert_eq!(
            network("10.1.2.3/8"),
            Err("`10.1.2.3/8` has host bits set, did you mean `10.0.0.0/8`?".to_owned())
        );
        assert!(network("ten").is_err());
    }
}
