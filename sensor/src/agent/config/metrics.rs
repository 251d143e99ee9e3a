//! `[metrics]`: the address at which Prometheus and health checks find the agent.

use std::{net::SocketAddr, path::PathBuf};

use sensor_core::settings::schema::{Key, Setting, Table, Value, table};

use super::faults::Faults;

table! {
    /// `[metrics]`
    Metrics {
        /// `ADDRESS:PORT` for `/metrics`, `/healthz` and `/readyz`; without it they are on the control socket alone.
        listen: Option<String> = None;
        /// File with the token that requests must bear.
        token_file: Option<PathBuf> = None;
        /// PEM file of the sensor's certificate chain, for TLS.
        certificate: Option<PathBuf> = None;
        /// PEM file of the key of `certificate`.
        key: Option<PathBuf> = None;
    }
}

/// `[metrics]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsConfig {
    /// Where to listen.
    pub address: SocketAddr,
    /// File with the token that requests must bear; `None` lets everybody in.
    pub token_file: Option<PathBuf>,
    /// Certificate chain and key, for TLS.
    pub tls: Option<(PathBuf, PathBuf)>,
}

/// Judges `[metrics]`: what is not of this host alone needs a token and TLS.
pub(super) fn resolve(raw: &Metrics, faults: &mut Faults) -> Option<MetricsConfig> {
    let Metrics { listen, token_file, certificate, key } = raw;
    for (given, other, name, missing) in
        [(certificate, key, "certificate", "key"), (key, certificate, "key", "certificate")]
    {
        if given.is_given() && !other.is_given() {
            let path = format!("metrics.{name}");
            faults.report(given, &path, &format!("requires `{missing}`"), "there is none");
        }
    }
    let Some(text) = &listen.value else {
        for (name, setting) in [("token_file", token_file), ("certificate", certificate)] {
            if setting.is_given() && !listen.is_given() {
                let path = format!("metrics.{name}");
                faults.report(setting, &path, "requires `listen`", "there is none");
            }
        }
        return None;
    };
    let Ok(address) = text.parse::<SocketAddr>() else {
        let must = "must be an address and a port such as `127.0.0.1:9477` or `[::]:9477`";
        faults.report(listen, "metrics.listen", must, "this is not");
        return None;
    };
    let tls = certificate.value.clone().zip(key.value.clone());
    if !address.ip().to_canonical().is_loopback() {
        let missing: Vec<&str> = [
            (token_file.is_given(), "`token_file`"),
            (certificate.is_given() || key.is_given(), "`certificate` and `key`"),
        ]
        .into_iter()
        .filter(|(given, _)| !given)
        .map(|(_, name)| name)
        .collect();
        if !missing.is_empty() {
            let found =
                format!("other hosts can reach {}: add {}", address.ip(), missing.join(", "));
            let must = "requires a token and TLS unless it is a loopback address";
            faults.report(listen, "metrics.listen", must, &found);
        }
    }
    Some(MetricsConfig { address, token_file: token_file.value.clone(), tls })
}

#[cfg(test)]
mod tests {
    use crate::agent::config::{from_text, overrides::Overrides};

    #[test]
    fn loopback_is_free_and_all_else_needs_a_token_and_tls() {
        let metrics = |text: &str| {
            let text = format!("[metrics]\n{text}");
            match from_text(&text, &Overrides::default()) {
                Ok(config) => Ok(config.metrics),
                Err(faults) => {
                    Err(faults.file.iter().map(|fault| fault.message.clone()).collect::<Vec<_>>())
                }
            }
        };
        assert_eq!(metrics(""), Ok(None));
        for loopback in ["127.0.0.1:9477", "[::1]:9477", "127.9.9.9:1"] {
            let found =
                metrics(&format!("listen = '{loopback}'")).expect("no faults").expect("it listens");
            assert_eq!((found.address.to_string().as_str(), found.tls), (loopback, None));
        }
        let must = "`metrics.listen` requires a token and TLS unless it is a loopback address";
        for (open, expected) in [
            ("listen = '0.0.0.0:9477'", must),
            ("listen = '[::]:9477'\ntoken_file = 't'", must),
            ("listen = '192.0.2.1:9477'\ncertificate = 'c'\nkey = 'k'", must),
            (
                "listen = 'localhost:9477'",
                "`metrics.listen` must be an address and a port such as `127.0.0.1:9477` or `[::]:9477`",
            ),
            ("listen = '127.0.0.1:9477'\nkey = 'k'", "`metrics.key` requires `certificate`"),
            ("token_file = 't'", "`metrics.token_file` requires `listen`"),
        ] {
            assert_eq!(metrics(open), Err(vec![expected.to_owned()]), "{open}");
        }
        let safe =
            metrics("listen = '0.0.0.0:9477'\ntoken_file = 't'\ncertificate = 'c'\nkey = 'k'");
        let safe = safe.expect("no faults").expect("it listens");
        assert_eq!(safe.tls, Some(("c".into(), "k".into())));
    }
}
