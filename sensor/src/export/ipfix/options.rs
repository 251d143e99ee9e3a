//! Where an exporting process exports to, and how.

use std::{fmt, path::PathBuf, time::Duration};

use sensor_wire::ipfix::encode::TemplateRefresh;

use crate::export::{
    files::retention::Retention,
    net::{source::Source, tls::TlsOptions},
    sink::IpfixTuning,
};

/// Where messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To a collector, over the network.
    Collector(CollectorOptions),
    /// Into files of a directory.
    Files(FileOptions),
}

/// A collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectorOptions {
    /// How messages travel.
    pub transport: Transport,
    /// Name or address. A name is resolved at each attempt to connect.
    pub host: String,
    /// Port; IANA's is 4739, and 4740 for TLS.
    pub port: u16,
    /// The own address that messages leave from.
    pub source: Source,
}

/// How messages travel to a collector (RFC 7011 section 10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp {
        /// Templates are announced again after this long ...
        template_interval: Duration,
        /// ... or after so many messages.
        template_messages: u64,
    },
    /// A TCP connection.
    Tcp,
    /// TLS over TCP.
    Tls(TlsOptions),
}

/// IPFIX files (RFC 5655).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOptions {
    /// Where they go; made if it does not exist.
    pub directory: PathBuf,
    /// First part of their names.
    pub name: String,
    /// A file is complete at so many octets ...
    pub rotate_octets: u64,
    /// ... or after this long.
    pub rotate_interval: Duration,
    /// How many complete ones are kept.
    pub retention: Retention,
}

/// What time messages and files are dated with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportTime {
    /// The wall clock. Messages are sent as soon as nothing waits.
    Clock,
    /// The latest end of a flow so far, for replay: the same batches give the same octets. Messages are sent when
    /// they are full, statistics at the end only.
    FlowEnd,
}

/// What all destinations have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpfixOptions {
    /// Octets of a message.
    pub message_size: u16,
    /// Observation domain identifier.
    pub observation_domain: u32,
    /// Identifier of the exporting and metering process in options records; the process number would do.
    pub process: u32,
    /// How often the sensor reports about itself.
    pub statistics_interval: Duration,
    /// Flow records that may wait.
    pub queue_records: u64,
    /// What dates messages.
    pub export_time: ExportTime,
    /// Hits of policies, where they are to be sent, too.
    pub hits: Option<HitOptions>,
}

/// How hits are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HitOptions {
    /// Private enterprise number of the elements that IANA does not have.
    pub enterprise: u32,
    /// Events that may wait.
    pub queue: u64,
}

impl Default for IpfixOptions {
    fn default() -> Self {
        Self {
            message_size: 1400,
            observation_domain: 0,
            process: std::process::id(),
            statistics_interval: Duration::from_secs(60),
            queue_records: 65_536,
            export_time: ExportTime::Clock,
            hits: None,
        }
    }
}

impl IpfixOptions {
    /// What of them, and of `destination`, may change within a session.
    pub fn tuning(&self, destination: &Destination) -> IpfixTuning {
        let refresh = destination.template_refresh();
        IpfixTuning { statistics_interval: self.statistics_interval, refresh }
    }

    /// Whether a session by these options can go on by `other`.
    pub fn go_on_as(&self, other: &Self) -> bool {
        let Self { statistics_interval, queue_records, .. } = *other;
        Self { statistics_interval, queue_records, ..*self } == *other
    }
}

impl Transport {
    /// UDP with templates every 600 seconds and every 4,096 messages.
    pub fn udp() -> Self {
        Self::Udp { template_interval: Duration::from_secs(600), template_messages: 4096 }
    }
}

impl FileOptions {
    /// Files `flows-...` in `directory`, complete at 64 MiB or after five minutes, all of which are kept.
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            name: "flows".into(),
            rotate_octets: 64 << 20,
            rotate_interval: Duration::from_secs(300),
            retention: Retention::default(),
        }
    }
}

impl Destination {
    /// Whether a session with it can go on with `other`, which is the same but for when templates are announced again.
    pub fn goes_on_as(&self, other: &Self) -> bool {
        let (Self::Collector(own), Self::Collector(others)) = (self, other) else {
            return self == other;
        };
        let udp = |options: &CollectorOptions| matches!(options.transport, Transport::Udp { .. });
        let transport = own.transport == others.transport || udp(own) && udp(others);
        transport
            && (&own.host, own.port, &own.source) == (&others.host, others.port, &others.source)
    }

    /// The largest message that can go there: a datagram holds less than IPFIX allows.
    pub(super) fn message_limit(&self) -> u16 {
        match self {
            Self::Collector(CollectorOptions { transport: Transport::Udp { .. }, .. }) => 65_507,
            _ => u16::MAX,
        }
    }

    /// When templates are announced again within a session.
    pub(super) fn template_refresh(&self) -> TemplateRefresh {
        match self {
            Self::Collector(CollectorOptions {
                transport: Transport::Udp { template_interval, template_messages },
                ..
            }) => TemplateRefresh::Every {
                milliseconds: template_interval.as_millis() as u64,
                messages: *template_messages,
            },
            _ => TemplateRefresh::Never,
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Collector(CollectorOptions { transport, host, port, .. }) => {
                let scheme = match transport {
                    Transport::Udp { .. } => "udp",
                    Transport::Tcp => "tcp",
                    Transport::Tls(_) => "tls",
                };
                match host.contains(':') {
                    true => write!(f, "{scheme}://[{host}]:{port}"),
                    false => write!(f, "{scheme}://{host}:{port}"),
                }
            }
            Self::Files(options) => options.directory.display().fmt(f),
        }
    }
}
