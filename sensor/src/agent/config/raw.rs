//! The configuration file as it was written: every key there is, its type, its default and what it does.
//!
//! [`parse`] checks form only (known keys, right types); what the values mean together is judged in [`super::resolve`],
//! after the flags of the command line have had their say.

use std::{path::PathBuf, time::Duration};

use sensor_core::{
    diagnostic::Diagnostic,
    settings::{document, named::Named, value::ByteSize},
};

use super::{
    context::{Geo, Labels, Networks, Reputation},
    exporter::Exporter,
    forward::Forward,
    hits::Hits,
    intake::Intake,
    interface::Interface,
    listen::Listen,
    policies::Policies,
    schema::{Key, Setting, Table, Value, table},
    tag::Tag,
};

table! {
    /// The whole file.
    Raw {
        /// What packets are taken from the kernel, and how.
        capture: Capture = Capture::default();
        /// What holds for single interfaces; one `[[interface]]` each.
        interface: Vec<Setting<Interface>> = Vec::new();
        /// When flows end.
        flow: Flow = Flow::default();
        /// What holds for every collector.
        export: Export = Export::default();
        /// Where IPFIX is sent; one `[[collector]]` each.
        collector: Vec<Setting<Collector>> = Vec::new();
        /// IPFIX files (RFC 5655), written where a directory is given.
        ipfix_file: IpfixFile = IpfixFile::default();
        /// Where routers send their flows to; one `[[listen]]` each.
        listen: Vec<Setting<Listen>> = Vec::new();
        /// What holds for everything that routers send.
        intake: Intake = Intake::default();
        /// What is known of routers beforehand; one `[[exporter]]` each.
        exporter: Vec<Setting<Exporter>> = Vec::new();
        /// Where received datagrams are sent on to; one `[[forward]]` each.
        forward: Vec<Setting<Forward>> = Vec::new();
        /// Which policies are asked.
        policies: Policies = Policies::default();
        /// Where hits of policies are sent; one `[[hits]]` each.
        hits: Vec<Setting<Hits>> = Vec::new();
        /// Labels of addresses and ports.
        labels: Labels = Labels::default();
        /// Which networks are internal.
        networks: Networks = Networks::default();
        /// Countries, cities and AS.
        geo: Geo = Geo::default();
        /// Lists of addresses with a bad name; one `[[reputation]]` each.
        reputation: Vec<Setting<Reputation>> = Vec::new();
        /// Tags of flows; one `[[tag]]` each.
        tag: Vec<Setting<Tag>> = Vec::new();
        /// The agent's own log, and flows as JSON lines.
        log: Log = Log::default();
        /// Lists that queries name by `$NAME`: name and file.
        lists: Named<PathBuf> = Named::default();
    }
}

table! {
    /// `[capture]`
    Capture {
        /// Interfaces to watch: names, globs such as `eth*`, or `auto` for the devices of the default routes. Not given and
        /// with a `[[listen]]`: none.
        interfaces: Vec<Setting<String>> = vec![Setting::default_of("auto".to_owned())];
        /// How often the kernel's flow tables are drained.
        interval: Duration = Duration::from_secs(1);
        /// Memory for the kernel's flow tables, over all CPUs.
        kernel_memory: ByteSize = ByteSize(128 << 20);
        /// Use generic XDP on every interface that no `[[interface]]` matches. It counts merged packets once: too few packets.
        generic_xdp: bool = false;
    }
}

table! {
    /// `[flow]`
    Flow {
        /// A flow that goes on is reported this often.
        active_timeout: Duration = Duration::from_secs(60);
        /// A flow ends after so long without a packet.
        idle_timeout: Duration = Duration::from_secs(15);
        /// How long a TCP flow is kept after its FIN or RST, for the last acknowledgements.
        end_linger: Duration = Duration::from_secs(1);
        /// Maximum number of active flows; above it the flow with the nearest timeout ends early.
        max_flows: u64 = 1 << 20;
    }
}

table! {
    /// `[export]`
    Export {
        /// Observation domain id in every IPFIX message (RFC 7011 section 3.1).
        observation_domain: u64 = 1;
        /// Templates are sent again over UDP this often.
        template_interval: Duration = Duration::from_mins(10);
        /// Templates are sent again over UDP after so many messages.
        template_messages: u64 = 4096;
        /// Metering and exporting statistics are sent this often (RFC 7011 section 4).
        statistics_interval: Duration = Duration::from_mins(1);
        /// Flow records that may wait for one collector; more are counted as not sent.
        queue: u64 = 65_536;
    }
}

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

table! {
    /// `[collector.tls]`, `[hits.tls]`
    Tls {
        /// PEM file of the authorities to trust; without it, those of the system.
        ca: Option<PathBuf> = None;
        /// PEM file of the sensor's own certificate chain.
        certificate: Option<PathBuf> = None;
        /// PEM file of the key of `certificate`.
        key: Option<PathBuf> = None;
        /// Name that the collector's certificate must carry; without it, the host of the URL.
        server_name: Option<String> = None;
    }
}

table! {
    /// `[ipfix_file]`
    IpfixFile {
        /// Directory for the files; created if it does not exist.
        directory: Option<PathBuf> = None;
        /// A file is finished when it has this size.
        max_size: ByteSize = ByteSize(64 << 20);
        /// A file is finished when it is this old.
        max_age: Duration = Duration::from_mins(5);
        /// So many finished ones are kept; without it, any number.
        keep: Option<u64> = None;
        /// So many bytes in all are kept, the file under way included.
        max_total: ByteSize = ByteSize(16 << 30);
    }
}

table! {
    /// `[log]`
    Log {
        /// `error`, `warn`, `info`, `debug` or `trace`.
        level: String = "info".to_owned();
        /// Flows as JSON lines: `none`, `stdout`, or the path of a file.
        flows: String = "none".to_owned();
        /// Flows in a file: it is full at this size.
        max_size: ByteSize = ByteSize(256 << 20);
        /// Flows in a file: it is full at this age; without it, at no age.
        max_age: Option<Duration> = None;
        /// Flows in a file: so many full ones are kept.
        keep: u64 = 10;
        /// Flows in a file: so many bytes in all at most; without it, any number.
        max_total: Option<ByteSize> = None;
    }
}

/// Reads the text of a configuration file, with all faults of form in the order of the text. `None` is returned where the
/// text is broken, see [`document::parse`].
pub fn parse(text: &str) -> (Option<Raw>, Vec<Diagnostic>) {
    let (document, mut faults) = document::parse(text);
    let Some(document) = document else { return (None, faults) };
    let mut faults_of_form = Vec::new();
    let raw = Raw::read(&document, "", &mut faults_of_form);
    document::add_to_sound_lines(&mut faults, faults_of_form, text);
    (raw, faults)
}
