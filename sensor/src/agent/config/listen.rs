//! `[[listen]]`: where routers send their flows to.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

use sensor_core::{
    diagnostic::nearest,
    settings::schema::{Key, Origin, Setting, Table, Value, table},
};

use super::{endpoint::split_host, faults::Faults};
use crate::intake::options::{Listener, Tls, Transport};

table! {
    /// `[[listen]]`
    Listen {
        /// `netflow://`, `ipfix://`, `sflow://` (UDP), `tcp://` or `tls://` (IPFIX), then `ADDRESS:PORT`.
        url: Option<String> = None;
        /// PEM file of the sensor's certificate chain, for `tls://`.
        certificate: Option<PathBuf> = None;
        /// PEM file of the key of `certificate`.
        key: Option<PathBuf> = None;
        /// PEM file of the authorities whose certificates devices must show; without it, they need none.
        ca: Option<PathBuf> = None;
    }
}

/// What is expected at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Datagrams on NetFlow's port.
    NetFlow,
    /// Datagrams on IPFIX's port.
    Ipfix,
    /// Datagrams on sFlow's port.
    Sflow,
    /// IPFIX over TCP.
    Tcp,
    /// IPFIX over TLS.
    Tls,
}

impl Scheme {
    const ALL: [Self; 5] = [Self::NetFlow, Self::Ipfix, Self::Sflow, Self::Tcp, Self::Tls];

    /// As the URL spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NetFlow => "netflow",
            Self::Ipfix => "ipfix",
            Self::Sflow => "sflow",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// The port that IANA assigned, or, for NetFlow, that is usual.
    pub fn default_port(self) -> u16 {
        match self {
            Self::NetFlow => 2055,
            Self::Ipfix | Self::Tcp => 4739,
            Self::Sflow => 6343,
            Self::Tls => 4740,
        }
    }

    /// Whether it stands for datagrams.
    pub fn is_udp(self) -> bool {
        matches!(self, Self::NetFlow | Self::Ipfix | Self::Sflow)
    }
}

/// Where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenEndpoint {
    /// What is expected there. Over UDP it gives the port only: the version in each datagram tells what it is.
    pub scheme: Scheme,
    /// Address and port, the port never 0.
    pub address: SocketAddr,
}

impl FromStr for ListenEndpoint {
    type Err = String;

    /// The error says what is wrong with the URL, without repeating it.
    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let Some((name, rest)) = url.split_once("://") else {
            return Err("use SCHEME://ADDRESS:PORT".to_owned());
        };
        let scheme = Scheme::ALL.into_iter().find(|scheme| scheme.name() == name);
        let scheme = scheme.ok_or_else(|| match nearest(name, Scheme::ALL.map(Scheme::name)) {
            Some(meant) => format!("`{name}` is not a scheme, did you mean `{meant}`?"),
            None => format!("`{name}` is not a scheme: use netflow, ipfix, sflow, tcp or tls"),
        })?;
        let (host, port) = split_host(rest)?;
        let address: IpAddr = host.parse().map_err(|_| {
            format!("`{host}` is not an address of this host; use 0.0.0.0 or [::] for all")
        })?;
        let port = match port {
            None => scheme.default_port(),
            Some(digits) => digits
                .parse()
                .ok()
                .filter(|&port: &u16| port != 0)
                .ok_or_else(|| format!("`{digits}` is not a port: use 1 to 65535"))?,
        };
        Ok(Self { scheme, address: SocketAddr::new(address, port) })
    }
}

impl fmt::Display for ListenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.address)
    }
}

/// Judges all `[[listen]]` tables.
pub fn resolve(list: &[Setting<Listen>], faults: &mut Faults) -> Vec<Listener> {
    let mut listeners = Vec::with_capacity(list.len());
    let mut seen: Vec<(ListenEndpoint, &Setting<_>)> = Vec::with_capacity(list.len());
    for listen in list {
        let raw = &listen.value;
        let Some(url) = &raw.url.value else {
            if !raw.url.is_given() {
                let found = "add url = \"netflow://0.0.0.0:2055\"";
                faults.report(listen, "listen", "needs a `url`", found);
            }
            continue;
        };
        let endpoint: ListenEndpoint = match url.parse() {
            Ok(endpoint) => endpoint,
            Err(reason) => {
                let must = "must be a URL such as `netflow://0.0.0.0:2055`";
                faults.report(&raw.url, "listen.url", must, &reason);
                continue;
            }
        };
        let udp = endpoint.scheme.is_udp();
        let same = |(earlier, _): &&(ListenEndpoint, &Setting<_>)| {
            earlier.address == endpoint.address && earlier.scheme.is_udp() == udp
        };
        if let Some((earlier, first)) = seen.iter().find(same) {
            let found = format!("{} is taken by {earlier}", endpoint.address);
            let must = "must differ from the others";
            faults.repeated(&raw.url, first, "listen.url", must, &found);
        }
        seen.push((endpoint, &raw.url));
        let transport = match tls(listen, endpoint.scheme, faults) {
            Some(tls) => Transport::Tls(tls),
            None if udp => Transport::Udp,
            None => Transport::Tcp,
        };
        let name = endpoint.to_string();
        listeners.push(Listener { name, address: endpoint.address, transport });
    }
    listeners
}

fn tls(listen: &Setting<Listen>, scheme: Scheme, faults: &mut Faults) -> Option<Tls> {
    let raw = &listen.value;
    let files = [("certificate", &raw.certificate), ("key", &raw.key), ("ca", &raw.ca)];
    if scheme != Scheme::Tls {
        for (name, file) in files.into_iter().filter(|(_, file)| file.is_given()) {
            let found = format!("the url says {}", scheme.name());
            faults.report(file, &format!("listen.{name}"), "applies only to tls://", &found);
        }
        return None;
    }
    if matches!(listen.origin, Origin::Flag(_)) {
        let found = "name them in a [[listen]] table of a configuration file";
        faults.report(listen, "listen", "cannot give tls:// its certificate and key", found);
        return None;
    }
    for (name, file) in &files[..2] {
        if !file.is_given() {
            let must = format!("needs a `{name}` for tls://");
            faults.report(listen, "listen", &must, "name a PEM file");
        }
    }
    let (certificate, key) = (raw.certificate.value.clone()?, raw.key.value.clone()?);
    Some(Tls { certificate, key, ca: raw.ca.value.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::config::{from_text, overrides::Overrides};

    #[test]
    fn urls() {
        for (url, shown) in [
            ("netflow://0.0.0.0", "netflow://0.0.0.0:2055"),
            ("ipfix://[::]", "ipfix://[::]:4739"),
            ("sflow://127.0.0.1", "sflow://127.0.0.1:6343"),
            ("tls://[::1]", "tls://[::1]:4740"),
            ("tcp://10.0.0.1:1", "tcp://10.0.0.1:1"),
        ] {
            let endpoint = url.parse::<ListenEndpoint>();
            assert_eq!(endpoint.map(|endpoint| endpoint.to_string()), Ok(shown.to_owned()));
        }
        for (url, reason) in [
            ("2055", "use SCHEME://ADDRESS:PORT"),
            ("netflw://[::]", "`netflw` is not a scheme, did you mean `netflow`?"),
            (
                "netflow://router",
                "`router` is not an address of this host; use 0.0.0.0 or [::] for all",
            ),
            ("netflow://0.0.0.0:0", "`0` is not a port: use 1 to 65535"),
        ] {
            assert_eq!(url.parse::<ListenEndpoint>(), Err(reason.to_owned()), "{url}");
        }
    }

    #[test]
    fn faults_of_listeners() {
        let text = "
            [[listen]]
            url = 'netflow://0.0.0.0:4739'
            [[listen]]
            url = 'ipfix://0.0.0.0'
            key = 'k'
            [[listen]]
            url = 'tls://0.0.0.0'
            [[listen]]
            ca = 'ca.pem'
        ";
        let faults = from_text(text, &Overrides::default()).expect_err("it has faults");
        let messages: Vec<_> = faults.file.iter().map(|fault| fault.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "`listen.url` must differ from the others",
                "`listen.key` applies only to tls://",
                "`listen` needs a `certificate` for tls://",
                "`listen` needs a `key` for tls://",
                "`listen` needs a `url`",
            ]
        );
    }
}
