//! `[[forward]]`: where received datagrams are sent on to.

use super::{
    endpoint::{CollectorEndpoint, Transport},
    faults::Faults,
    schema::{Key, Setting, Table, Value, table},
};

table! {
    /// `[[forward]]`
    Forward {
        /// `udp://HOST:PORT`
        url: Option<String> = None;
        /// Send from the exporter's address and port, not from our own.
        keep_source: bool = false;
    }
}

/// `[[forward]]`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardConfig {
    /// Name or address of the receiver.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether datagrams keep the exporter's address.
    pub keep_source: bool,
}

/// Judges all `[[forward]]` tables.
pub fn resolve(
    list: &[Setting<Forward>],
    listens: bool,
    faults: &mut Faults,
) -> Vec<ForwardConfig> {
    let mut forwards: Vec<ForwardConfig> = Vec::with_capacity(list.len());
    for forward in list {
        let raw = &forward.value;
        if !listens {
            let found = "nothing is received: say where to listen";
            faults.report(forward, "forward", "needs a [[listen]]", found);
        }
        let Some(url) = &raw.url.value else {
            if !raw.url.is_given() {
                let found = "add url = \"udp://HOST:2055\"";
                faults.report(forward, "forward", "needs a `url`", found);
            }
            continue;
        };
        let must = "must be a URL such as `udp://HOST:2055`";
        match url.parse::<CollectorEndpoint>() {
            Ok(CollectorEndpoint { transport: Transport::Udp, host, port }) => {
                if forwards.iter().any(|earlier| (&earlier.host, earlier.port) == (&host, port)) {
                    let found = format!("{host} port {port} again");
                    faults.report(&raw.url, "forward.url", "must differ from the others", &found);
                }
                forwards.push(ForwardConfig { host, port, keep_source: raw.keep_source.value });
            }
            Ok(_) => faults.report(&raw.url, "forward.url", must, "datagrams travel by udp"),
            Err(reason) => faults.report(&raw.url, "forward.url", must, &reason),
        }
    }
    forwards
}
