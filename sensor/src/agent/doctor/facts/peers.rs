//! Other hosts to send to: whether they can be reached. All are tried at once, none is told anything.

use std::{io, os::unix::net::UnixDatagram, path::Path, time::Duration};

use tokio::{task::JoinSet, time::timeout};

use crate::{
    agent::{
        cloud::follow::store::{self, bucket::BucketError},
        config::{Config, cloud::Place},
    },
    export::{
        hits::options::{Destination, SyslogTransport, WebhookOptions},
        ipfix::options as ipfix,
        net::{
            connect::Peer,
            error::NetError,
            reach::{Reached, Transport, reach},
            source::Source,
        },
    },
};

/// A host, and how far one came.
#[derive(Debug)]
pub struct PeerFacts {
    /// What it is for: `collector`, `hits`, `forward` or `cloud`.
    pub role: &'static str,
    /// As it is called elsewhere; a webhook without what follows its host.
    pub name: String,
    /// Nobody answers datagrams.
    pub is_udp: bool,
    pub outcome: Outcome,
}

/// How far one came.
#[derive(Debug)]
pub enum Outcome {
    Reached(Reached),
    Failed(NetError),
    /// Nobody answered within this time.
    Silent(Duration),
    /// The environment names a proxy, by this variable: what is behind it was not tried.
    ByProxy(&'static str),
    /// A socket of this host: whether it can be connected to.
    Local(io::Result<()>),
    /// Object storage: what it has said to a question that costs next to nothing.
    Store(Result<(), String>),
}

/// What hosts are for, in the order in which they are told.
const ROLES: [&str; 4] = [COLLECTOR, HITS, FORWARD, CLOUD];
const COLLECTOR: &str = "collector";
const HITS: &str = "hits";
const FORWARD: &str = "forward";
const CLOUD: &str = "cloud";

/// A way to try.
struct Way {
    role: &'static str,
    name: String,
    peer: Peer,
    transport: Transport,
}

/// Tries all of them, each for `patience`.
pub fn gather(config: &Config, patience: Duration) -> Vec<PeerFacts> {
    let (ways, mut known) = ways(config);
    if !ways.is_empty() {
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => {
                known.extend(runtime.block_on(try_all(ways, patience)));
                // A resolver that does not answer is not waited for.
                runtime.shutdown_background();
            }
            Err(error) => tracing::error!(%error, "cannot try the ways to other hosts"),
        }
    }
    known.extend(stores(config, patience));
    known.sort_by_key(|facts| ROLES.iter().position(|role| *role == facts.role));
    known
}

/// Object storage that is followed.
fn stores(config: &Config, patience: Duration) -> impl Iterator<Item = PeerFacts> {
    config.clouds.iter().filter_map(move |cloud| {
        let Place::Store(followed) = &cloud.place else { return None };
        let outcome = match store::probe(followed, patience) {
            Err(BucketError::Stopped) => Outcome::Silent(patience),
            result => Outcome::Store(result.map_err(|error| error.to_string())),
        };
        let name = format!("{} {followed}", cloud.name);
        Some(PeerFacts { role: CLOUD, name, is_udp: false, outcome })
    })
}

async fn try_all(ways: Vec<Way>, patience: Duration) -> Vec<PeerFacts> {
    let mut tries = JoinSet::new();
    for (place, way) in ways.into_iter().enumerate() {
        tries.spawn(async move {
            let outcome = match timeout(patience, reach(&way.peer, &way.transport)).await {
                Ok(Ok(reached)) => Outcome::Reached(reached),
                Ok(Err(error)) => Outcome::Failed(error),
                Err(_) => Outcome::Silent(patience),
            };
            let is_udp = way.transport == Transport::Udp;
            (place, PeerFacts { role: way.role, name: way.name, is_udp, outcome })
        });
    }
    let mut tried = tries.join_all().await;
    tried.sort_by_key(|(place, _)| *place);
    tried.into_iter().map(|(_, facts)| facts).collect()
}

/// The ways to try, and what is known without.
fn ways(config: &Config) -> (Vec<Way>, Vec<PeerFacts>) {
    let (mut ways, mut known) = (Vec::new(), Vec::new());
    for collector in &config.collectors {
        let ipfix::CollectorOptions { transport, host, port, source } = &collector.options;
        let transport = match transport {
            ipfix::Transport::Udp { .. } => Transport::Udp,
            ipfix::Transport::Tcp => Transport::Tcp,
            ipfix::Transport::Tls(options) => Transport::Tls(options.clone()),
        };
        let name = ipfix::Destination::Collector(collector.options.clone()).to_string();
        let peer = Peer { host: host.clone(), port: *port, source: source.clone() };
        ways.push(Way { role: COLLECTOR, name, peer, transport });
    }
    for output in &config.hits.outputs {
        let (role, name) = (HITS, output.destination.to_string());
        match &output.destination {
            Destination::Syslog(syslog) => {
                let transport = match &syslog.transport {
                    SyslogTransport::Udp => Transport::Udp,
                    SyslogTransport::Tcp => Transport::Tcp,
                    SyslogTransport::Tls(options) => Transport::Tls(options.clone()),
                };
                ways.push(Way { role, name, peer: syslog.peer.clone(), transport });
            }
            Destination::Webhook(webhook) => match webhook_way(webhook, proxy) {
                Ok((peer, transport)) => ways.push(Way { role, name, peer, transport }),
                Err(Some(proxy)) => {
                    let outcome = Outcome::ByProxy(proxy);
                    known.push(PeerFacts { role, name, is_udp: false, outcome });
                }
                // A URL that is none has been told among the files.
                Err(None) => {}
            },
            Destination::Journal { socket, .. } => {
                let outcome = Outcome::Local(connect(socket));
                known.push(PeerFacts { role, name, is_udp: false, outcome });
            }
            Destination::File(_) | Destination::Store(_) | Destination::Stdout { .. } => {}
        }
    }
    for forward in &config.intake.forwards {
        let peer =
            Peer { host: forward.host.clone(), port: forward.port, source: Source::default() };
        let name = format!("udp://{peer}");
        ways.push(Way { role: FORWARD, name, peer, transport: Transport::Udp });
    }
    (ways, known)
}

/// Host and port of a webhook; else the variable that names a proxy for it.
fn webhook_way(
    webhook: &WebhookOptions,
    proxy: impl Fn(&[&'static str]) -> Option<&'static str>,
) -> Result<(Peer, Transport), Option<&'static str>> {
    let url = url::Url::parse(&webhook.url).map_err(|_| None)?;
    let (transport, variables) = match url.scheme() {
        "https" => (
            Transport::Tls(webhook.tls.clone()),
            ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
        ),
        _ => (Transport::Tcp, ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]),
    };
    if let Some(variable) = proxy(&variables) {
        return Err(Some(variable));
    }
    let host = url.host_str().ok_or(None)?.trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().ok_or(None)?;
    Ok((Peer { host, port, source: Source::default() }, transport))
}

/// The first of these variables that is set.
fn proxy(variables: &[&'static str]) -> Option<&'static str> {
    let set =
        |variable: &&&str| std::env::var_os(**variable).is_some_and(|value| !value.is_empty());
    variables.iter().find(set).copied()
}

/// Connects to the socket of the journal, and sends nothing.
fn connect(socket: &Path) -> io::Result<()> {
    UnixDatagram::unbound()?.connect(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{agent::config::from_text, agent::config::overrides::Overrides};

    #[test]
    fn every_output_that_leaves_this_host_is_tried() {
        let text = "[[collector]]\nurl = 'tcp://[::1]:1'\n[[collector]]\nurl = 'udp://127.0.0.1'\n\
            [[hits]]\nurl = 'syslog+tcp://localhost'\n[[hits]]\nurl = 'https://hooks.example/secret'\n\
            [[hits]]\nurl = 'journald'\n[[hits]]\nurl = 'stdout'\n\
            [[listen]]\nurl = 'netflow://127.0.0.1'\n[[forward]]\nurl = 'udp://127.0.0.1:9995'\n";
        let config = from_text(text, &Overrides::default()).expect("no fault");
        let (ways, known) = ways(&config);
        let shown: Vec<_> = ways
            .iter()
            .map(|way| format!("{} {} {} {:?}", way.role, way.name, way.peer, way.transport))
            .map(|text| text.split(['(', '{']).next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(
            shown,
            [
                "collector tcp://[::1]:1 [::1]:1 Tcp",
                "collector udp://127.0.0.1:4739 127.0.0.1:4739 Udp",
                "hits syslog+tcp://localhost:514 localhost:514 Tcp",
                "hits https://hooks.example hooks.example:443 Tls",
                "forward udp://127.0.0.1:9995 127.0.0.1:9995 Udp",
            ]
        );
        assert_eq!(known.len(), 1, "{known:?}");
        assert!(matches!(known[0].outcome, Outcome::Local(_)));
    }

    #[test]
    fn what_is_behind_a_proxy_is_not_tried() {
        let text = "[[hits]]\nurl = 'https://hooks.example/secret'\n";
        let config = from_text(text, &Overrides::default()).expect("no fault");
        let Destination::Webhook(webhook) = &config.hits.outputs[0].destination else {
            panic!("no webhook");
        };
        let way = webhook_way(webhook, |variables| {
            assert!(variables.contains(&"HTTPS_PROXY"));
            Some("HTTPS_PROXY")
        });
        assert_eq!(way, Err(Some("HTTPS_PROXY")));
    }
}
