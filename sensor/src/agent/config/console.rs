//! `[console]`: the page in a browser, and the questions that it asks, by HTTP.

use std::{net::SocketAddr, path::PathBuf};

use sensor_core::settings::schema::{Key, Setting, Table, Value, table};

use super::faults::Faults;

/// Where the console is found, unless told otherwise.
pub const LISTEN: &str = "127.0.0.1:8686";

table! {
    /// `[console]`
    Console {
        /// Whether there is a console.
        enabled: bool = false;
        /// `ADDRESS:PORT` of the page and its API.
        listen: String = LISTEN.to_owned();
        /// File with the token of programs: `Authorization: Bearer TOKEN`. People get in by `sensor page`.
        token_file: Option<PathBuf> = None;
        /// PEM file of the sensor's certificate chain, for TLS.
        certificate: Option<PathBuf> = None;
        /// PEM file of the key of `certificate`.
        key: Option<PathBuf> = None;
        /// Whether a proxy stands before it that has TLS itself.
        behind_proxy: bool = false;
        /// Names by which browsers may reach it, besides `localhost` and the address.
        hosts: Vec<Setting<String>> = Vec::new();
        /// Flow records that are held in memory for questions.
        held: u64 = 200_000;
    }
}

/// `[console]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleConfig {
    /// Where to listen.
    pub address: SocketAddr,
    /// File with the token of programs.
    pub token_file: Option<PathBuf>,
    /// Certificate chain and key, for TLS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Whether a proxy has TLS.
    pub behind_proxy: bool,
    /// Names by which it may be reached.
    pub hosts: Vec<String>,
    /// Records that are held.
    pub held: u64,
}

/// Judges `[console]`: what is not of this host alone needs a token, and TLS here or in front.
pub(super) fn resolve(raw: &Console, faults: &mut Faults) -> Option<ConsoleConfig> {
    let Console { enabled, listen, token_file, certificate, key, behind_proxy, hosts, held } = raw;
    for (given, other, name, missing) in
        [(certificate, key, "certificate", "key"), (key, certificate, "key", "certificate")]
    {
        if given.is_given() && !other.is_given() {
            let path = format!("console.{name}");
            faults.report(given, &path, &format!("requires `{missing}`"), "there is none");
        }
    }
    let held = faults.in_range(held, "console.held", 1000..=20_000_000);
    for setting in &hosts.value {
        let host = &setting.value;
        let is_name = |octet: u8| octet.is_ascii_alphanumeric() || b"-._[]:".contains(&octet);
        if host.is_empty() || !host.bytes().all(is_name) {
            let must = "has names of hosts without a port, such as `sensor.example.net`";
            faults.report(setting, "console.hosts", must, &format!("`{host}` is none"));
        }
    }
    let Ok(address) = listen.value.parse::<SocketAddr>() else {
        let must = "must be an address and a port such as `127.0.0.1:8686` or `[::1]:8686`";
        faults.report(listen, "console.listen", must, "this is not");
        return None;
    };
    if !address.ip().to_canonical().is_loopback() {
        let tls = certificate.is_given() || key.is_given() || behind_proxy.value;
        let missing: Vec<&str> = [
            (token_file.is_given(), "`token_file`"),
            (tls, "`certificate` and `key`, or `behind_proxy = true`"),
            (!address.ip().is_unspecified() || !hosts.value.is_empty(), "`hosts`"),
        ]
        .into_iter()
        .filter(|(given, _)| !given)
        .map(|(_, name)| name)
        .collect();
        if !missing.is_empty() {
            let found =
                format!("other hosts can reach {}: add {}", address.ip(), missing.join("; "));
            let must = "requires a token, TLS and its names unless it is a loopback address";
            faults.report(listen, "console.listen", must, &found);
        }
    }
    enabled.value.then(|| ConsoleConfig {
        address,
        token_file: token_file.value.clone(),
        tls: certificate.value.clone().zip(key.value.clone()),
        behind_proxy: behind_proxy.value,
        hosts: hosts.value.iter().map(|host| host.value.to_ascii_lowercase()).collect(),
        held,
    })
}

#[cfg(test)]
mod tests {
    use crate::agent::config::{from_text, overrides::Overrides};

    #[test]
    fn it_is_off_and_of_this_host_unless_told_otherwise() {
        let console =
            |text: &str| match from_text(&format!("[console]\n{text}"), &Overrides::default()) {
                Ok(config) => Ok(config.console),
                Err(faults) => {
                    Err(faults.file.iter().map(|fault| fault.message.clone()).collect::<Vec<_>>())
                }
            };
        assert_eq!(console(""), Ok(None));
        let found = console("enabled = true").expect("no faults").expect("it is on");
        assert_eq!((found.address.to_string().as_str(), found.held), ("127.0.0.1:8686", 200_000));
        let must =
            "`console.listen` requires a token, TLS and its names unless it is a loopback address";
        for (open, expected) in [
            ("listen = '192.0.2.1:1'", must),
            ("listen = '192.0.2.1:1'\ntoken_file = 't'", must),
            ("listen = '192.0.2.1:1'\nbehind_proxy = true", must),
            ("listen = '0.0.0.0:1'\ntoken_file = 't'\nbehind_proxy = true", must),
            (
                "listen = 'localhost:1'",
                "`console.listen` must be an address and a port such as `127.0.0.1:8686` or `[::1]:8686`",
            ),
            ("key = 'k'", "`console.key` requires `certificate`"),
            (
                "hosts = ['a b']",
                "`console.hosts` has names of hosts without a port, such as `sensor.example.net`",
            ),
            ("held = 1", "`console.held` must lie between 1000 and 20000000"),
        ] {
            assert_eq!(
                console(&format!("enabled = true\n{open}")),
                Err(vec![expected.to_owned()]),
                "{open}"
            );
        }
        for safe in [
            "listen = '0.0.0.0:1'\ntoken_file = 't'\nbehind_proxy = true\nhosts = ['S.example.net']",
            "listen = '192.0.2.1:1'\ntoken_file = 't'\ncertificate = 'c'\nkey = 'k'",
        ] {
            assert!(
                console(&format!("enabled = true\n{safe}")).expect("no faults").is_some(),
                "{safe}"
            );
        }
    }
}
