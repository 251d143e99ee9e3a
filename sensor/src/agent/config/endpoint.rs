//! Where a collector listens, read from a URL such as `udp://collector.example:4739`.

use std::{
    fmt, io,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use sensor_core::diagnostic::nearest;
use sensor_kernel::{addresses, links::check_name};

use crate::export::net::source::{InterfaceAddress, Source};

/// How IPFIX messages travel (RFC 7011 section 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// One message a datagram; templates are repeated.
    Udp,
    /// Messages in a stream.
    Tcp,
    /// TCP inside TLS.
    Tls,
}

impl Transport {
    const ALL: [Self; 3] = [Self::Udp, Self::Tcp, Self::Tls];

    /// The scheme of the URL.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// The port IANA assigned: 4739 (`ipfix`), 4740 for TLS (`ipfixs`).
    pub fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 4739,
            Self::Tls => 4740,
        }
    }
}

/// A collector's address, not yet resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CollectorEndpoint {
    /// How messages travel.
    pub transport: Transport,
    /// A name or an address; an IPv6 address without its brackets.
    pub host: String,
    /// Never 0.
    pub port: u16,
}

impl FromStr for CollectorEndpoint {
    type Err = String;

    /// The error says what is wrong with the URL, without repeating it.
    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err("use udp://HOST:PORT, tcp:// or tls://".to_owned());
        };
        let transport = Transport::ALL
            .into_iter()
            .find(|transport| transport.scheme() == scheme)
            .ok_or_else(|| {
            match nearest(scheme, Transport::ALL.map(Transport::scheme)) {
                Some(meant) => format!("`{scheme}` is not a transport, did you mean `{meant}`?"),
                None => format!("`{scheme}` is not a transport: use udp, tcp or tls"),
            }
        })?;
        let (host, port) = host_and_port(rest, transport.default_port())?;
        Ok(Self { transport, host, port })
    }
}

/// The own address that messages leave from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceConfig {
    /// This address.
    Address(IpAddr),
    /// An address of the interface of this name.
    Interface(String),
}

impl FromStr for SourceConfig {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return match address.is_unspecified() || address.is_multicast() {
                true => Err(format!("{address} is not an address that a host can have")),
                false => Ok(Self::Address(address)),
            };
        }
        check_name(text).map(|()| Self::Interface(text.to_owned()))
    }
}

impl SourceConfig {
    /// For an exporting process; the addresses of an interface are the kernel's to tell.
    pub fn options(self) -> Source {
        match self {
            Self::Address(address) => Source::Address(address),
            Self::Interface(name) => Source::Interface(InterfaceAddress {
                name,
                addresses: |name| addresses::of(name).map_err(io::Error::other),
            }),
        }
    }

    /// Refuses an address of another family than that of `endpoint`, where it is given as an address.
    pub fn check(&self, endpoint: &CollectorEndpoint) -> Result<(), String> {
        let host = endpoint.host.split('%').next().unwrap_or_default().parse::<IpAddr>();
        match (self, host) {
            (Self::Address(own), Ok(host)) if own.is_ipv4() != host.is_ipv4() => {
                let family = if host.is_ipv4() { "IPv4" } else { "IPv6" };
                Err(format!("the collector has an {family} address"))
            }
            _ => Ok(()),
        }
    }
}

/// Reads a collector's URL with what may stand behind it: `?source=ADDRESS` or `?source=INTERFACE`. The error says what
/// is wrong with the URL, without repeating it.
pub fn with_source(url: &str) -> Result<(CollectorEndpoint, Option<SourceConfig>), String> {
    let Some((url, options)) = url.split_once('?') else { return Ok((url.parse()?, None)) };
    let endpoint: CollectorEndpoint = url.parse()?;
    let source = match options.split_once('=') {
        Some(("source", source)) => source,
        _ => return Err("only source=ADDRESS or source=INTERFACE may follow `?`".to_owned()),
    };
    let source: SourceConfig = source.parse().map_err(|reason| format!("source: {reason}"))?;
    source.check(&endpoint).map_err(|reason| format!("source: {reason}"))?;
    Ok((endpoint, Some(source)))
}

/// Reads `host:port`, `host`, `[v6]:port` or `[v6]`.
pub(super) fn host_and_port(rest: &str, default_port: u16) -> Result<(String, u16), String> {
    let (host, port) = split_host(rest)?;
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) if address.is_unicast_link_local() => {
            return Err(format!("a link-local address needs its interface: [{host}%eth0]"));
        }
        Ok(_) => {}
        Err(_) if host.contains('%') => {}
        Err(_) => host_name(host)?,
    }
    let port = match port {
        None => default_port,
        Some("") => return Err("the port after `:` is missing".to_owned()),
        Some(digits) => digits
            .parse()
            .ok()
            .filter(|&port: &u16| port != 0 && digits.bytes().all(|b| b.is_ascii_digit()))
            .ok_or_else(|| format!("`{digits}` is not a port: use 1 to 65535"))?,
    };
    Ok((host.to_owned(), port))
}

/// A name as DNS allows it (RFC 1035 section 2.3.4); what ends in a number is meant to be an address.
fn host_name(name: &str) -> Result<(), String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or_default();
    if !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("`{name}` is not an IPv4 address"));
    }
    let fits = name.split('.').all(|label| (1..=63).contains(&label.len()));
    match fits && name.len() <= 253 {
        true => Ok(()),
        false => Err("a host name has 253 characters at most, 1 to 63 between two dots".to_owned()),
    }
}

/// Takes it apart.
pub(super) fn split_host(rest: &str) -> Result<(&str, Option<&str>), String> {
    if let Some(bracketed) = rest.strip_prefix('[') {
        let (host, after) =
            bracketed.split_once(']').ok_or_else(|| "the `[` is not closed by `]`".to_owned())?;
        // A zone such as %eth0 is for the resolver to judge.
        let address = host.split('%').next().unwrap_or(host);
        if address.parse::<Ipv6Addr>().is_err() {
            return Err(format!("`{host}` is not an IPv6 address"));
        }
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err(format!("`{after}` after the address: only a port may follow")),
        };
    }
    if rest.matches(':').count() > 1 {
        return Err("enclose an IPv6 address in brackets: [::1]:4739".to_owned());
    }
    let (host, port) = match rest.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (rest, None),
    };
    if host.is_empty() {
        return Err("the host is missing".to_owned());
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    match rest.find(|c| !allowed(c) && c != ':') {
        Some(at) if rest[at..].starts_with('/') => {
            Err(format!("`{}`: a collector has no path", &rest[at..]))
        }
        Some(at) => Err(format!(
            "`{}` is not allowed in a host name",
            rest[at..].chars().next().unwrap_or_default()
        )),
        None => Ok((host, port)),
    }
}

impl fmt::Display for CollectorEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transport, host, port } = self;
        let scheme = transport.scheme();
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_urls() {
        for (url, shown) in [
            ("udp://127.0.0.1:2055", "udp://127.0.0.1:2055"),
            ("udp://collector.example", "udp://collector.example:4739"),
            ("tcp://a-b_c.example:1", "tcp://a-b_c.example:1"),
            ("tls://collector", "tls://collector:4740"),
            ("tls://[2001:db8::1]", "tls://[2001:db8::1]:4740"),
            ("udp://[fe80::1%eth0]:9995", "udp://[fe80::1%eth0]:9995"),
            ("tcp://7.example.:80", "tcp://7.example.:80"),
        ] {
            let endpoint = url.parse::<CollectorEndpoint>();
            assert_eq!(endpoint.map(|endpoint| endpoint.to_string()), Ok(shown.to_owned()));
        }
    }

    #[test]
    fn bad_urls() {
        for (url, reason) in [
            ("", "use udp://HOST:PORT, tcp:// or tls://"),
            ("10.0.0.1:2055", "use udp://HOST:PORT, tcp:// or tls://"),
            ("upd://a:1", "`upd` is not a transport, did you mean `udp`?"),
            ("https://a:1", "`https` is not a transport: use udp, tcp or tls"),
            ("udp://", "the host is missing"),
            ("udp://:2055", "the host is missing"),
            ("udp://a:0", "`0` is not a port: use 1 to 65535"),
            ("udp://10.0.0.256", "`10.0.0.256` is not an IPv4 address"),
            ("tcp://10.1:80", "`10.1` is not an IPv4 address"),
            ("udp://a..b", "a host name has 253 characters at most, 1 to 63 between two dots"),
            ("udp://[fe80::1]", "a link-local address needs its interface: [fe80::1%eth0]"),
            ("udp://a:65536", "`65536` is not a port: use 1 to 65535"),
            ("udp://a:+1", "`+` is not allowed in a host name"),
            ("udp://a:", "the port after `:` is missing"),
            ("udp://::1:2055", "enclose an IPv6 address in brackets: [::1]:4739"),
            ("udp://[::1", "the `[` is not closed by `]`"),
            ("udp://[a]:1", "`a` is not an IPv6 address"),
            ("udp://[::1]2055", "`2055` after the address: only a port may follow"),
            ("udp://[::1]:+5", "`+5` is not a port: use 1 to 65535"),
            ("tcp://a:1/x", "`/x`: a collector has no path"),
            ("tcp://us er:1", "` ` is not allowed in a host name"),
        ] {
            assert_eq!(url.parse::<CollectorEndpoint>(), Err(reason.to_owned()), "{url}");
        }
    }
    #[test]
    fn a_url_may_say_where_messages_leave_from() {
        let source =
            |url| with_source(url).map(|(endpoint, source)| (endpoint.to_string(), source));
        let address = |text: &str| Some(SourceConfig::Address(text.parse().unwrap()));
        for (url, shown, expected) in [
            ("udp://a", "udp://a:4739", None),
            ("udp://a:1?source=192.0.2.1", "udp://a:1", address("192.0.2.1")),
            ("tcp://[::1]?source=2001:db8::1", "tcp://[::1]:4739", address("2001:db8::1")),
            ("tls://a?source=[2001:db8::1]", "tls://a:4740", address("2001:db8::1")),
            ("udp://a?source=lo", "udp://a:4739", Some(SourceConfig::Interface("lo".into()))),
        ] {
            assert_eq!(source(url), Ok((shown.to_owned(), expected)), "{url}");
        }
        for (url, reason) in [
            ("udp://a?sorce=lo", "only source=ADDRESS or source=INTERFACE may follow `?`"),
            ("udp://a?source=", "source: this is empty"),
            ("udp://a?source=a/b", "source: `/` is not allowed in a name"),
            ("udp://a?source=0.0.0.0", "source: 0.0.0.0 is not an address that a host can have"),
            ("udp://192.0.2.1?source=::1", "source: the collector has an IPv4 address"),
            ("udp://[fe80::1%eth0]?source=10.0.0.1", "source: the collector has an IPv6 address"),
        ] {
            assert_eq!(source(url), Err(reason.to_owned()), "{url}");
        }
    }
}
