//! Where hits go, read from a URL or a word.

use std::{path::PathBuf, str::FromStr};

use sensor_core::diagnostic::nearest;

use super::super::endpoint::host_and_port;
use crate::export::net::{connect::Peer, source::Source};

/// A kind of output and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Standard output.
    Stdout,
    /// A file.
    File(PathBuf),
    /// The system's journal.
    Journal,
    /// A syslog receiver.
    Syslog(Scheme, Peer),
    /// An HTTP server, by its whole URL.
    Webhook(String),
    /// The IPFIX collectors and files.
    Ipfix,
}

/// How syslog messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Datagrams.
    Udp,
    /// A connection.
    Tcp,
    /// A connection inside TLS.
    Tls,
}

/// What a key of `[[hits]]` is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `stdout`
    Stdout,
    /// `file:///PATH`
    File,
    /// `journald`
    Journal,
    /// `syslog+udp://` and its like
    Syslog,
    /// `https://`
    Webhook,
    /// `ipfix`
    Ipfix,
}

impl Kind {
    /// As people are told.
    pub fn shown(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::File => "file://",
            Self::Journal => "journald",
            Self::Syslog => "syslog",
            Self::Webhook => "https://",
            Self::Ipfix => "ipfix",
        }
    }
}

impl Target {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Stdout => Kind::Stdout,
            Self::File(_) => Kind::File,
            Self::Journal => Kind::Journal,
            Self::Syslog(..) => Kind::Syslog,
            Self::Webhook(_) => Kind::Webhook,
            Self::Ipfix => Kind::Ipfix,
        }
    }

    /// Whether TLS is spoken there.
    pub fn is_tls(&self) -> bool {
        match self {
            Self::Syslog(Scheme::Tls, _) => true,
            Self::Webhook(url) => url.starts_with("https:"),
            _ => false,
        }
    }
}

/// What a URL may begin with; the words come without anything behind them.
const STARTS: [&str; 9] = [
    "stdout",
    "journald",
    "ipfix",
    "file",
    "syslog+udp",
    "syslog+tcp",
    "syslog+tls",
    "https",
    "http",
];

impl FromStr for Target {
    type Err = String;

    /// The error says what is wrong with the URL, without repeating it: there may be a secret in it.
    fn from_str(url: &str) -> Result<Self, Self::Err> {
        match url {
            "stdout" => return Ok(Self::Stdout),
            "journald" => return Ok(Self::Journal),
            "ipfix" => return Ok(Self::Ipfix),
            _ => {}
        }
        let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
        match scheme {
            "file" => match rest {
                path if path.starts_with('/') => Ok(Self::File(path.into())),
                _ => Err("use file:///PATH with an absolute path".to_owned()),
            },
            "syslog+udp" => syslog(Scheme::Udp, rest, 514),
            "syslog+tcp" => syslog(Scheme::Tcp, rest, 514),
            "syslog+tls" => syslog(Scheme::Tls, rest, 6514),
            "https" | "http" => match url::Url::parse(url) {
                Ok(parsed) if parsed.username().is_empty() && parsed.password().is_none() => {
                    Ok(Self::Webhook(url.to_owned()))
                }
                Ok(_) => Err("put user and password in a `basic_auth_file`".to_owned()),
                Err(error) => Err(error.to_string()),
            },
            other => Err(match nearest(other, STARTS) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("it must begin with one of {}", STARTS.join(", ")),
            }),
        }
    }
}

/// 514 is IANA's `syslog`, which over TCP is a custom; 6514 is `syslog-tls` (RFC 5425).
fn syslog(scheme: Scheme, rest: &str, default_port: u16) -> Result<Target, String> {
    let (host, port) = host_and_port(rest, default_port)?;
    Ok(Target::Syslog(scheme, Peer { host, port, source: Source::Any }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_urls() {
        let peer = |host: &str, port| Peer { host: host.to_owned(), port, source: Source::Any };
        for (url, target) in [
            ("stdout", Target::Stdout),
            ("journald", Target::Journal),
            ("ipfix", Target::Ipfix),
            ("file:///var/log/hits.json", Target::File("/var/log/hits.json".into())),
            ("syslog+udp://log.example", Target::Syslog(Scheme::Udp, peer("log.example", 514))),
            ("syslog+tcp://[::1]:601", Target::Syslog(Scheme::Tcp, peer("::1", 601))),
            ("syslog+tls://log", Target::Syslog(Scheme::Tls, peer("log", 6514))),
            ("https://h.example/a?b=c", Target::Webhook("https://h.example/a?b=c".to_owned())),
        ] {
            assert_eq!(url.parse(), Ok(target), "{url}");
        }
    }

    #[test]
    fn bad_urls() {
        for (url, reason) in [
            ("", "it must begin with one of"),
            ("journal", "did you mean `journald`?"),
            ("syslog+tpc://a", "did you mean `syslog+tcp`?"),
            ("file://hits.json", "file:///PATH"),
            ("syslog+udp://", "the host is missing"),
            ("syslog+udp://a:0", "`0` is not a port"),
            ("https://", "empty host"),
            ("https://u:p@h/", "basic_auth_file"),
        ] {
            let error = url.parse::<Target>().unwrap_err();
            assert!(error.contains(reason), "{url}: {error}");
        }
    }
}
