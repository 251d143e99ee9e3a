//! `[[nats]]`: subjects of NATS that flow records are sent to.

use std::{path::PathBuf, time::Duration};

use sensor_core::settings::{
    schema::{Key, Setting, Table, Value, table},
    value::ByteSize,
};

use super::{
    faults::Faults,
    kafka::{OCTETS, size},
    lots::{self, RowForm},
    tls::{self, ClusterTls},
};
use crate::export::{
    lots::lot::{Form, LotOptions},
    nats::options::{Login, NatsOptions},
};

table! {
    /// `[[nats]]`
    Nats {
        /// Servers of one cluster: `nats://HOST:4222`, `tls://HOST:4222`.
        servers: Vec<Setting<String>> = Vec::new();
        /// Subject, which a stream of JetStream must take.
        subject: String = "flows".to_owned();
        /// The only stream that may take it.
        stream: Option<String> = None;
        /// How rows are written: `rowbinary` or `json`.
        format: RowForm = RowForm(Form::RowBinary);
        /// File with `user:password`.
        login_file: Option<PathBuf> = None;
        /// File of credentials, as `nsc` writes it.
        credentials_file: Option<PathBuf> = None;
        /// What rows say about who wrote them; without it, the name of the host.
        sensor: Option<String> = None;
        /// Rows of a message at most.
        lot_rows: u64 = 10_000;
        /// Octets of a message at most, before it is compressed.
        lot_size: ByteSize = OCTETS;
        /// How long rows wait for others at most.
        lot_age: Duration = Duration::from_secs(5);
        /// How long a server may take to answer.
        timeout: Duration = Duration::from_secs(30);
        /// Whether messages are compressed (zstd).
        compress: bool = true;
        /// How servers are verified, and how the sensor proves who it is.
        tls: Option<ClusterTls> = None;
    }
}

/// Judges all `[[nats]]` tables.
pub(super) fn resolve(list: &[Setting<Nats>], faults: &mut Faults) -> Vec<NatsOptions> {
    let mut all: Vec<NatsOptions> = Vec::with_capacity(list.len());
    let mut seen: Vec<&Setting<Vec<Setting<String>>>> = Vec::new();
    for section in list {
        let raw = &section.value;
        let rows = lots::rows(&raw.lot_rows, "nats", faults);
        let octets = size(&raw.lot_size, "nats", faults);
        let age = lots::age(&raw.lot_age, "nats", faults);
        let timeout = lots::timeout(&raw.timeout, "nats", faults);
        let mut tls = tls::of_cluster(&raw.tls, "nats", faults);
        if raw.servers.value.is_empty() {
            let found = "add servers = [\"nats://HOST:4222\"]";
            faults.report(section, "nats", "needs `servers`", found);
        }
        for server in &raw.servers.value {
            match scheme(&server.value) {
                Ok("tls") => _ = tls.get_or_insert_default(),
                Ok(_) => {}
                Err(reason) => {
                    let must = "must be URLs such as `nats://HOST:4222`";
                    faults.report(server, "nats.servers", must, &reason);
                }
            }
        }
        if !is_subject(&raw.subject.value) {
            let found = "subjects have no spaces, and no wildcards here";
            faults.report(&raw.subject, "nats.subject", "must be a subject", found);
        }
        let login = match (&raw.login_file.value, &raw.credentials_file.value) {
            (Some(_), Some(_)) => {
                let found = "there are both";
                let must = "cannot be used with `login_file`";
                faults.report(&raw.credentials_file, "nats.credentials_file", must, found);
                None
            }
            (Some(file), None) => Some(Login::Password(file.clone())),
            (None, Some(file)) => Some(Login::Credentials(file.clone())),
            (None, None) => None,
        };
        let servers: Vec<String> = raw.servers.value.iter().map(|own| own.value.clone()).collect();
        let same = |own: &NatsOptions| own.servers == servers && own.subject == raw.subject.value;
        if let Some(at) = all.iter().position(same) {
            let must = "must differ from the others, or its rows are there twice";
            let found = "the same servers and subject again";
            faults.repeated(&raw.servers, seen[at], "nats.servers", must, found);
        }
        seen.push(&raw.servers);
        all.push(NatsOptions {
            servers,
            subject: raw.subject.value.clone(),
            stream: raw.stream.value.clone(),
            login,
            tls,
            lots: LotOptions {
                sensor: lots::sensor(&raw.sensor),
                form: raw.format.value.0,
                compress: raw.compress.value,
                rows,
                octets,
                age,
            },
            timeout,
        });
    }
    all
}

/// The scheme of a server's URL; what is wrong with it, without repeating it: there may be a secret in it.
fn scheme(text: &str) -> Result<&str, String> {
    let url = url::Url::parse(text).map_err(|error| error.to_string())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("put user and password in a `login_file`".to_owned());
    }
    match (url.scheme(), url.host()) {
        ("nats", Some(_)) => Ok("nats"),
        ("tls", Some(_)) => Ok("tls"),
        (_, None) => Err("there is no host".to_owned()),
        (other, _) => Err(format!("`{other}` is neither nats nor tls")),
    }
}

fn is_subject(text: &str) -> bool {
    let is_token = |token: &str| {
        let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '*' && c != '>';
        !token.is_empty() && token.chars().all(is_plain)
    };
    text.split('.').all(is_token)
}

#[cfg(test)]
mod tests {
    use crate::agent::config::{from_text, overrides::Overrides};

    #[test]
    fn servers_are_enough() {
        let text = "[[nats]]\nservers = ['nats://n1:4222', 'nats://n2:4222']";
        let config = from_text(text, &Overrides::default()).expect("no fault");
        let [own] = config.nats.as_slice() else { panic!("one") };
        assert_eq!(own.to_string(), "nats n1:4222/flows");
        assert_eq!((own.lots.compress, &own.tls), (true, &None));
        let text = "[[nats]]\nservers = ['tls://n1:4222']";
        let config = from_text(text, &Overrides::default()).expect("no fault");
        assert!(config.nats[0].tls.is_some());
    }

    #[test]
    fn what_cannot_be_is_told() {
        let own = "servers = ['nats://h']";
        for (keys, fault) in [
            ("".to_owned(), "`nats` needs `servers`"),
            (
                "servers = ['http://h']".to_owned(),
                "`nats.servers` must be URLs such as `nats://HOST:4222`",
            ),
            (
                "servers = ['nats://u:p@h']".to_owned(),
                "`nats.servers` must be URLs such as `nats://HOST:4222`",
            ),
            (format!("{own}\nsubject = 'a.*'"), "`nats.subject` must be a subject"),
            (format!("{own}\nsubject = 'a..b'"), "`nats.subject` must be a subject"),
            (
                format!("{own}\nlogin_file = 'a'\ncredentials_file = 'b'"),
                "`nats.credentials_file` cannot be used with `login_file`",
            ),
        ] {
            let text = format!("[[nats]]\n{keys}");
            let faults =
                from_text(&text, &Overrides::default()).expect_err("the test expects faults");
            let told: Vec<_> = faults.file.into_iter().map(|fault| fault.message).collect();
            assert_eq!(told, [fault], "{keys}");
        }
    }
}
