//! `[ingest]`: the address at which clouds and bridges push flow logs, by HTTPS; `[[cloud]]` tables with `push` say which.

use std::{net::SocketAddr, path::PathBuf};

use sensor_core::settings::{
    schema::{Key, Setting, Table, Value, table},
    value::ByteSize,
};

use super::{cloud::Cloud, faults::Faults};

table! {
    /// `[ingest]`
    Ingest {
        /// `ADDRESS:PORT` for `/ingest/NAME`, where NAME is that of a `[[cloud]]` with `push`.
        listen: Option<String> = None;
        /// PEM file of the sensor's certificate chain, for TLS.
        certificate: Option<PathBuf> = None;
        /// PEM file of the key of `certificate`.
        key: Option<PathBuf> = None;
        /// Octets of a body, as it comes and behind its compression.
        max_body: ByteSize = ByteSize(8 << 20);
        /// Requests whose bodies are read, or whose records are not with the outputs yet, at once.
        max_requests: u64 = 32;
        /// Requests a second that one `[[cloud]]` may make.
        rate: u64 = 100;
    }
}

/// `[ingest]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngestConfig {
    /// Where to listen.
    pub address: SocketAddr,
    /// Certificate chain and key, for TLS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Octets of a body, as it comes and behind its compression.
    pub max_body: u64,
    /// Requests at once.
    pub max_requests: u64,
    /// Requests a second of one source.
    pub rate: u64,
}

/// Judges `[ingest]`, and whether the `clouds` that are pushed have what they need.
pub(super) fn resolve(
    raw: &Ingest,
    clouds: &[Setting<Cloud>],
    faults: &mut Faults,
) -> Option<IngestConfig> {
    let Ingest { listen, certificate, key, max_body, max_requests, rate } = raw;
    for (given, other, name, missing) in
        [(certificate, key, "certificate", "key"), (key, certificate, "key", "certificate")]
    {
        if given.is_given() && !other.is_given() {
            let path = format!("ingest.{name}");
            faults.report(given, &path, &format!("requires `{missing}`"), "there is none");
        }
    }
    let max_body =
        faults.in_range(max_body, "ingest.max_body", ByteSize(64 << 10)..=ByteSize(128 << 20));
    let max_requests = faults.in_range(max_requests, "ingest.max_requests", 1..=256);
    let rate = faults.in_range(rate, "ingest.rate", 1..=10_000);
    let pushed = clouds.iter().filter_map(|cloud| {
        let push = &cloud.value.push;
        push.value.as_ref().map(|value| (push, value))
    });
    let Some(text) = &listen.value else {
        if !listen.is_given() {
            for (name, setting) in [("certificate", certificate), ("key", key)] {
                if setting.is_given() {
                    let path = format!("ingest.{name}");
                    faults.report(setting, &path, "requires `listen`", "there is none");
                }
            }
            for (setting, _) in pushed {
                let must = "requires an address to listen on";
                faults.report(setting, "cloud.push", must, "add [ingest] with `listen`");
            }
        }
        return None;
    };
    let Ok(address) = text.parse::<SocketAddr>() else {
        let must = "must be an address and a port such as `0.0.0.0:8443` or `[::1]:8443`";
        faults.report(listen, "ingest.listen", must, "this is not");
        return None;
    };
    if !address.ip().to_canonical().is_loopback() {
        if !certificate.is_given() && !key.is_given() {
            let found =
                format!("other hosts can reach {}: add `certificate` and `key`", address.ip());
            let must = "requires TLS unless it is a loopback address";
            faults.report(listen, "ingest.listen", must, &found);
        }
        for (setting, push) in pushed {
            if !push.token_file.is_given() && !push.jwks_file.is_given() {
                let must = "requires a `token_file` unless `ingest.listen` is a loopback address";
                faults.report(setting, "cloud.push", must, "there is none");
            }
        }
    }
    let tls = certificate.value.clone().zip(key.value.clone());
    Some(IngestConfig { address, tls, max_body: max_body.0, max_requests, rate })
}

#[cfg(test)]
mod tests {
    use crate::agent::config::{from_text, overrides::Overrides};

    fn messages(text: &str) -> Vec<String> {
        let faults = from_text(text, &Overrides::default()).expect_err("it has faults");
        faults.file.iter().map(|fault| fault.message.clone()).collect()
    }

    #[test]
    fn loopback_is_free_and_all_else_needs_tls_and_tokens() {
        let cloud = "[[cloud]]\nname = 'a'\npush = { protocol = 'body' }\n";
        let free = format!("[ingest]\nlisten = '[::1]:1'\nmax_body = '1MiB'\n{cloud}");
        let config = from_text(&free, &Overrides::default()).expect("no faults").ingest;
        let config = config.expect("it listens");
        assert_eq!((config.max_body, config.max_requests, config.rate), (1 << 20, 32, 100));
        assert_eq!(
            messages(&format!("[ingest]\nlisten = '0.0.0.0:1'\n{cloud}")),
            [
                "`ingest.listen` requires TLS unless it is a loopback address",
                "`cloud.push` requires a `token_file` unless `ingest.listen` is a loopback address",
            ]
        );
        let full = "[ingest]\nlisten = '0.0.0.0:1'\ncertificate = '/c'\nkey = '/k'\n\
            [[cloud]]\nname = 'a'\n[cloud.push]\nprotocol = 'firehose'\ntoken_file = '/t'\n";
        let config = from_text(full, &Overrides::default()).expect("no faults").ingest;
        assert!(config.is_some_and(|config| config.tls.is_some()));
        // Nothing listens where nothing says so.
        assert_eq!(from_text("", &Overrides::default()).expect("no faults").ingest, None);
    }

    #[test]
    fn faults() {
        assert_eq!(
            messages("[[cloud]]\nname = 'a'\npush = { protocol = 'body' }\n"),
            ["`cloud.push` requires an address to listen on"]
        );
        assert_eq!(
            messages("[ingest]\nlisten = 'x'\nmax_body = '1'\nmax_requests = 0\nrate = 0\n"),
            [
                "`ingest.listen` must be an address and a port such as `0.0.0.0:8443` or `[::1]:8443`",
                "`ingest.max_body` must lie between 64KiB and 128MiB",
                "`ingest.max_requests` must lie between 1 and 256",
                "`ingest.rate` must lie between 1 and 10000",
            ]
        );
        assert_eq!(
            messages("[ingest]\ncertificate = '/c'\n"),
            ["`ingest.certificate` requires `key`", "`ingest.certificate` requires `listen`"]
        );
    }
}
