//! `[[forward]]`: where received datagrams are sent on to.

use ipnet::IpNet;
use sensor_core::{
    diagnostic::nearest,
    settings::schema::{Key, Setting, Table, Value, table},
};

use super::{
    endpoint::{CollectorEndpoint, Transport, host_and_port},
    faults::Faults,
    intake::network,
    listen::Scheme,
};
use crate::intake::options::{self, Protocol};

table! {
    /// `[[forward]]`
    Forward {
        /// `udp://HOST:PORT`
        url: Option<String> = None;
        /// Send from the device's address and port, not from our own.
        keep_source: bool = false;
        /// Only datagrams of these protocols; without it, all.
        versions: Vec<Setting<String>> = Vec::new();
        /// Only what comes from these addresses and networks; without it, from everybody.
        devices: Vec<Setting<String>> = Vec::new();
    }
}

/// Judges all `[[forward]]` tables.
pub fn resolve(
    list: &[Setting<Forward>],
    listens: bool,
    faults: &mut Faults,
) -> Vec<options::Forward> {
    let mut forwards: Vec<options::Forward> = Vec::with_capacity(list.len());
    let mut urls = Vec::with_capacity(list.len());
    for forward in list {
        let raw = &forward.value;
        if !listens {
            let must = format!("needs a `{}`", forward.origin.names("[[listen]]", "--listen"));
            faults.report(forward, "forward", &must, "nothing is received without one");
        }
        let Some(url) = &raw.url.value else {
            if !raw.url.is_given() {
                let found = "add url = \"udp://HOST:2055\"";
                faults.report(forward, "forward", "needs a `url`", found);
            }
            continue;
        };
        let must = "must be a URL such as `udp://HOST:2055`";
        let (protocols, devices) = (protocols(raw, faults), devices(raw, faults));
        match receiver(url, default_port(&protocols)) {
            Ok((host, port)) => {
                let same =
                    |earlier: &options::Forward| (&earlier.host, earlier.port) == (&host, port);
                if let Some(first) = forwards.iter().position(same) {
                    let found = format!("{host} port {port} again");
                    let must = "must differ from the others";
                    faults.repeated(&raw.url, urls[first], "forward.url", must, &found);
                }
                urls.push(&raw.url);
                let keep_source = raw.keep_source.value;
                forwards.push(options::Forward { host, port, keep_source, protocols, devices });
            }
            Err(reason) => faults.report(&raw.url, "forward.url", must, &reason),
        }
    }
    forwards
}

/// Host and port of the receiver at `url`.
fn receiver(url: &str, default_port: u16) -> Result<(String, u16), String> {
    match url.split_once("://") {
        Some(("udp", rest)) => host_and_port(rest, default_port),
        // What is wrong with it, collectors' URLs have in common.
        _ => match url.parse::<CollectorEndpoint>()?.transport {
            Transport::Udp => Err("use udp://HOST:PORT".to_owned()),
            Transport::Tcp | Transport::Tls => Err("datagrams are forwarded over udp".to_owned()),
        },
    }
}

/// That of the one protocol that is sent on; else NetFlow's, which all that receive several listen at.
fn default_port(protocols: &[Protocol]) -> u16 {
    let scheme = match protocols {
        [Protocol::Ipfix] => Scheme::Ipfix,
        [Protocol::Sflow] => Scheme::Sflow,
        _ => Scheme::NetFlow,
    };
    scheme.default_port()
}

fn protocols(raw: &Forward, faults: &mut Faults) -> Vec<Protocol> {
    let names = Protocol::ALL.map(Protocol::name);
    let mut protocols = Vec::new();
    for word in &raw.versions.value {
        match Protocol::ALL.into_iter().find(|protocol| protocol.name() == word.value) {
            Some(protocol) => protocols.push(protocol),
            None => {
                let word_given = &word.value;
                let found = match nearest(word_given, names) {
                    Some(meant) => {
                        format!("`{word_given}` is not a protocol, did you mean `{meant}`?")
                    }
                    None => format!("`{word_given}` is not a protocol: use {}", names.join(", ")),
                };
                faults.report(word, "forward.versions", "must contain protocols", &found);
            }
        }
    }
    protocols
}

fn devices(raw: &Forward, faults: &mut Faults) -> Vec<IpNet> {
    let mut devices = Vec::new();
    for word in &raw.devices.value {
        match network(&word.value) {
            Ok(network) => devices.push(network),
            Err(reason) => {
                let must = "must contain addresses and networks";
                faults.report(word, "forward.devices", must, &reason);
            }
        }
    }
    devices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::config::{from_text, overrides::Overrides};

    const LISTEN: &str = "listen = [{ url = 'netflow://0.0.0.0' }]\n";

    #[test]
    fn the_port_is_that_of_what_is_sent_on() {
        for (keys, port) in [
            ("url = 'udp://a'", 2055),
            ("url = 'udp://[2001:db8::1]'", 2055),
            ("url = 'udp://a:9995'\nversions = ['ipfix']", 9995),
            ("url = 'udp://a'\nversions = ['netflow5', 'ipfix']", 2055),
            ("url = 'udp://a'\nversions = ['ipfix']", 4739),
            ("url = 'udp://a'\nversions = ['sflow']", 6343),
        ] {
            let text = format!("{LISTEN}[[forward]]\n{keys}");
            let config = from_text(&text, &Overrides::default()).unwrap();
            assert_eq!(config.intake.forwards[0].port, port, "{keys}");
        }
    }

    #[test]
    fn what_is_selected() {
        let keys =
            "url = 'udp://a'\nversions = ['netflow9', 'sflow']\ndevices = ['::ffff:10.0.0.0/104']";
        let text = format!("{LISTEN}[[forward]]\n{keys}");
        let forward = &from_text(&text, &Overrides::default()).unwrap().intake.forwards[0];
        assert_eq!(forward.protocols, [Protocol::NetFlow9, Protocol::Sflow]);
        assert_eq!(forward.devices, ["10.0.0.0/8".parse().unwrap()]);
        let keys = "url = 'tcp://a'\nversions = ['netflow8', 'x']\ndevices = ['ten']";
        let text = format!("{LISTEN}[[forward]]\n{keys}");
        let faults = from_text(&text, &Overrides::default()).unwrap_err();
        let messages: Vec<_> = faults.file.iter().map(|fault| fault.message.as_str()).collect();
        let protocols = "`forward.versions` must contain protocols";
        let url = "`forward.url` must be a URL such as `udp://HOST:2055`";
        let devices = "`forward.devices` must contain addresses and networks";
        let mut messages = messages;
        messages.sort_unstable();
        assert_eq!(messages, [devices, url, protocols, protocols]);
    }
}
