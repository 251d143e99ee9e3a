//! `[[kafka]]`: topics that flow records are sent to.

use std::{path::PathBuf, time::Duration};

use sensor_core::{
    diagnostic::Diagnostic,
    settings::{
        schema::{Key, Setting, Table, Value, table},
        value::{ByteSize, from_text},
    },
};
use toml::{Spanned, de::DeValue};

use super::{
    faults::Faults,
    lots::{self, RowForm},
    tls::{self, ClusterTls},
};
use crate::export::{
    kafka::options::{KafkaOptions, Login, Mechanism},
    lots::lot::{Form, LotOptions},
};

/// Octets of a message: somewhat less than what brokers take where nobody says otherwise (`message.max.bytes`).
pub(super) const OCTETS: ByteSize = ByteSize(900_000);

table! {
    /// `[[kafka]]`
    Kafka {
        /// Brokers that are asked for the others: `HOST:9092`.
        brokers: Vec<Setting<String>> = Vec::new();
        /// Topic, which must be there.
        topic: String = "flows".to_owned();
        /// How rows are written: `rowbinary` or `json`.
        format: RowForm = RowForm(Form::RowBinary);
        /// File with `user:password`.
        login_file: Option<PathBuf> = None;
        /// SASL mechanism of the login.
        mechanism: SaslMechanism = SaslMechanism(Mechanism::ScramSha512);
        /// What rows say about who wrote them; without it, the name of the host.
        sensor: Option<String> = None;
        /// Rows of a message at most.
        lot_rows: u64 = 10_000;
        /// Octets of a message at most, before it is compressed.
        lot_size: ByteSize = OCTETS;
        /// How long rows wait for others at most.
        lot_age: Duration = Duration::from_secs(5);
        /// How long brokers may take to answer.
        timeout: Duration = Duration::from_secs(30);
        /// Whether messages are compressed (LZ4).
        compress: bool = true;
        /// How brokers are verified, and how the sensor proves who it is; an empty table is TLS by the system's authorities.
        tls: Option<ClusterTls> = None;
    }
}

/// A mechanism of SASL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaslMechanism(pub Mechanism);

impl Value for SaslMechanism {
    const KIND: &'static str = "`plain`, `scram-sha-256` or `scram-sha-512`";

    fn read(
        found: &Spanned<DeValue<'_>>,
        path: &str,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        from_text(found, path, faults, |text| {
            Ok(Self(match text {
                "plain" => Mechanism::Plain,
                "scram-sha-256" => Mechanism::ScramSha256,
                "scram-sha-512" => Mechanism::ScramSha512,
                _ => return Err("this is none of them".to_owned()),
            }))
        })
    }
}

/// Judges all `[[kafka]]` tables.
pub(super) fn resolve(list: &[Setting<Kafka>], faults: &mut Faults) -> Vec<KafkaOptions> {
    let mut all: Vec<KafkaOptions> = Vec::with_capacity(list.len());
    let mut seen: Vec<&Setting<Vec<Setting<String>>>> = Vec::new();
    for section in list {
        let raw = &section.value;
        let rows = lots::rows(&raw.lot_rows, "kafka", faults);
        let octets = size(&raw.lot_size, "kafka", faults);
        let age = lots::age(&raw.lot_age, "kafka", faults);
        let timeout = lots::timeout(&raw.timeout, "kafka", faults);
        let tls = tls::of_cluster(&raw.tls, "kafka", faults);
        if raw.brokers.value.is_empty() {
            let found = "add brokers = [\"HOST:9092\"]";
            faults.report(section, "kafka", "needs `brokers`", found);
        }
        for broker in &raw.brokers.value {
            if let Err(reason) = broker_of(&broker.value) {
                faults.report(
                    broker,
                    "kafka.brokers",
                    "must be addresses such as `HOST:9092`",
                    reason,
                );
            }
        }
        if raw.topic.value.is_empty() {
            faults.report(&raw.topic, "kafka.topic", "must be a name", "it is empty");
        }
        if raw.mechanism.is_given() && raw.login_file.value.is_none() {
            let found = "there is none";
            faults.report(&raw.mechanism, "kafka.mechanism", "requires `login_file`", found);
        }
        let brokers: Vec<String> = raw.brokers.value.iter().map(|own| own.value.clone()).collect();
        let same = |own: &KafkaOptions| own.brokers == brokers && own.topic == raw.topic.value;
        if let Some(at) = all.iter().position(same) {
            let must = "must differ from the others, or its rows are there twice";
            let found = "the same brokers and topic again";
            faults.repeated(&raw.brokers, seen[at], "kafka.brokers", must, found);
        }
        seen.push(&raw.brokers);
        let login = raw.login_file.value.clone();
        all.push(KafkaOptions {
            brokers,
            topic: raw.topic.value.clone(),
            login: login.map(|file| Login { mechanism: raw.mechanism.value.0, file }),
            tls,
            lots: LotOptions {
                sensor: lots::sensor(&raw.sensor),
                form: raw.format.value.0,
                compress: false,
                rows,
                octets,
                age,
            },
            compress: raw.compress.value,
            timeout,
        });
    }
    all
}

/// Octets of a message.
pub(super) fn size(raw: &Setting<ByteSize>, section: &str, faults: &mut Faults) -> usize {
    let sizes = ByteSize(1 << 10)..=ByteSize(lots::OCTETS as u64);
    faults.in_range(raw, &format!("{section}.lot_size"), sizes).0 as usize
}

fn broker_of(text: &str) -> Result<(), &'static str> {
    let (host, port) = text.rsplit_once(':').ok_or("there is no port")?;
    match (host.is_empty() || host.contains('/'), port.parse::<u16>()) {
        (true, _) => Err("this is no host"),
        (_, Err(_) | Ok(0)) => Err("this is no port"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::agent::config::{from_text, overrides::Overrides};

    #[test]
    fn brokers_are_enough() {
        let text = "[[kafka]]\nbrokers = ['k1:9092', '[::1]:9092']\nsensor = 'edge'";
        let config = from_text(text, &Overrides::default()).expect("no fault");
        let [own] = config.kafka.as_slice() else { panic!("one") };
        assert_eq!(own.to_string(), "kafka k1:9092/flows");
        assert_eq!((own.lots.octets, own.compress, &own.tls), (900_000, true, &None));
        let text = "[[kafka]]\nbrokers = ['k1:9093']\ntls = {}";
        let config = from_text(text, &Overrides::default()).expect("no fault");
        assert!(config.kafka[0].tls.is_some());
    }

    #[test]
    fn what_cannot_be_is_told() {
        for (keys, fault) in [
            ("", "`kafka` needs `brokers`"),
            ("brokers = ['k1']", "`kafka.brokers` must be addresses such as `HOST:9092`"),
            (
                "brokers = ['kafka://k1:9092']",
                "`kafka.brokers` must be addresses such as `HOST:9092`",
            ),
            ("brokers = ['k:1']\ntopic = ''", "`kafka.topic` must be a name"),
            ("brokers = ['k:1']\nmechanism = 'plain'", "`kafka.mechanism` requires `login_file`"),
            (
                "brokers = ['k:1']\nmechanism = 'gssapi'",
                "`kafka.mechanism` must be `plain`, `scram-sha-256` or `scram-sha-512`",
            ),
        ] {
            let text = format!("[[kafka]]\n{keys}");
            let faults =
                from_text(&text, &Overrides::default()).expect_err("the test expects faults");
            let told: Vec<_> = faults.file.into_iter().map(|fault| fault.message).collect();
            assert_eq!(told, [fault], "{keys}");
        }
        let twice = "[[kafka]]\nbrokers = ['k:1']\n[[kafka]]\nbrokers = ['k:1']";
        let faults = from_text(twice, &Overrides::default()).expect_err("twice");
        assert_eq!(faults.file.len(), 1);
        let others = "[[kafka]]\nbrokers = ['k:1']\n[[kafka]]\nbrokers = ['k:1']\ntopic = 'more'";
        assert!(from_text(others, &Overrides::default()).is_ok());
    }
}
