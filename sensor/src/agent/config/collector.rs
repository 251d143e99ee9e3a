//! `[[collector]]`: where IPFIX is sent.

use sensor_core::settings::schema::{Key, Setting, Table, Value, table};

use super::{
    endpoint::{self, CollectorEndpoint, SourceConfig, Transport},
    export::ExportConfig,
    faults::Faults,
    tls::{self, Tls},
};
use crate::export::{
    ipfix::options::{self as ipfix, CollectorOptions},
    net::tls::TlsOptions,
};

table! {
    /// `[[collector]]`
    Collector {
        /// `udp://HOST:PORT`, `tcp://HOST:PORT` or `tls://HOST:PORT`; the port may be left out.
        url: Option<String> = None;
        /// The own address that messages leave from: an address, or an interface whose address it is; without it, as the
        /// route says. `?source=` behind the URL says the same.
        source: Option<String> = None;
        /// Bytes of one IPFIX message at most.
        mtu: u64 = 1400;
        /// How a `tls://` collector is verified, and how the sensor proves who it is.
        tls: Option<Tls> = None;
    }
}

/// `[[collector]]`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectorConfig {
    /// Where it listens, and how messages get there.
    pub options: CollectorOptions,
    /// Bytes of one IPFIX message at most, 512 to 65,535.
    pub mtu: u16,
}

/// Judges all `[[collector]]` tables.
pub(super) fn resolve(
    list: &[Setting<Collector>],
    export: &ExportConfig,
    faults: &mut Faults,
) -> Vec<CollectorConfig> {
    let mut collectors = Vec::with_capacity(list.len());
    let mut seen: Vec<(CollectorEndpoint, &Setting<_>)> = Vec::with_capacity(list.len());
    for collector in list {
        let raw = &collector.value;
        let mtu = faults.in_range(&raw.mtu, "collector.mtu", 512..=65_535);
        let Some(url) = &raw.url.value else {
            if !raw.url.is_given() {
                let found = "add url = \"udp://HOST:4739\"";
                faults.report(collector, "collector", "needs a `url`", found);
            }
            continue;
        };
        let (endpoint, of_url) = match endpoint::with_source(url) {
            Ok(parts) => parts,
            Err(reason) => {
                let must = "must be a URL such as `udp://HOST:4739`";
                faults.report(&raw.url, "collector.url", must, &reason);
                continue;
            }
        };
        if let Some((_, first)) = seen.iter().find(|(earlier, _)| *earlier == endpoint) {
            let found = format!("{endpoint} again");
            let must = "must differ from the others";
            faults.repeated(&raw.url, first, "collector.url", must, &found);
        }
        let source = source(&raw.source, &endpoint, of_url, faults);
        let tls = tls(&raw.tls, endpoint.transport, faults);
        // One that is too large was reported above.
        let mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
        let transport = match (endpoint.transport, tls) {
            (Transport::Tls, tls) => ipfix::Transport::Tls(tls.unwrap_or_default()),
            (Transport::Tcp, _) => ipfix::Transport::Tcp,
            (Transport::Udp, _) => ipfix::Transport::Udp {
                template_interval: export.template_interval,
                template_messages: export.template_messages,
            },
        };
        let CollectorEndpoint { host, port, .. } = endpoint.clone();
        seen.push((endpoint, &raw.url));
        let source = source.map(SourceConfig::options).unwrap_or_default();
        let options = CollectorOptions { transport, host, port, source };
        collectors.push(CollectorConfig { options, mtu });
    }
    collectors
}

/// The own address of a collector: of its key, or `of_url`.
fn source(
    raw: &Setting<Option<String>>,
    endpoint: &CollectorEndpoint,
    of_url: Option<SourceConfig>,
    faults: &mut Faults,
) -> Option<SourceConfig> {
    const PATH: &str = "collector.source";
    let Some(text) = &raw.value else { return of_url };
    if of_url.is_some() {
        faults.report(raw, PATH, "must be given once", "the url has one after `?`");
    }
    let source = text.parse::<SourceConfig>().and_then(|source| {
        source.check(endpoint)?;
        Ok(source)
    });
    let must = "must be an address of this host, or the name of an interface";
    source.map_err(|reason| faults.report(raw, PATH, must, &reason)).ok()
}

fn tls(
    raw: &Setting<Option<Tls>>,
    transport: Transport,
    faults: &mut Faults,
) -> Option<TlsOptions> {
    if transport != Transport::Tls {
        if raw.is_given() {
            let found = format!("the url says {}", transport.scheme());
            faults.report(raw, "collector.tls", "applies only to tls:// collectors", &found);
        }
        return None;
    }
    Some(tls::resolve(raw, "collector", faults))
}
