//! Sends a lot to the brokers as a message, and waits until they have it.

use std::sync::Arc;

use chrono::Utc;
use rskafka::{
    BackoffConfig,
    client::{
        Client as Brokers, ClientBuilder, Credentials, SaslConfig,
        error::{Error, ProtocolError},
        partition::{Compression, PartitionClient, UnknownTopicHandling},
    },
    record::Record,
};
use tokio::time::timeout;

use super::options::{KafkaOptions, Login, Mechanism};
use crate::export::{
    lots::{
        carrier::{Carrier, Failure},
        error::LotsError,
        lot::Lot,
    },
    net::{
        http::{chain, login},
        tls,
    },
};

/// The way to the brokers.
pub struct Client {
    options: KafkaOptions,
    tls: Option<Arc<rustls::ClientConfig>>,
    /// The partitions of the topic, while the brokers answer.
    partitions: Vec<PartitionClient>,
}

impl Client {
    /// Reads the certificates and the login.
    pub fn new(options: KafkaOptions) -> Result<Self, LotsError> {
        let net = |source| LotsError::Net { output: options.to_string(), source };
        let tls = options.tls.as_ref().map(tls::client_config).transpose().map_err(net)?;
        if let Some(own) = &options.login {
            login(&own.file).map_err(|problem| {
                let (output, path) = (options.to_string(), own.file.clone());
                LotsError::Secret { output, path, problem }
            })?;
        }
        Ok(Self { options, tls: tls.map(Arc::new), partitions: Vec::new() })
    }

    /// Asks the brokers for the partitions of the topic.
    async fn connect(&mut self) -> Result<(), Failure> {
        let KafkaOptions { brokers, topic, timeout, .. } = &self.options;
        let mut builder = ClientBuilder::new(brokers.clone())
            .client_id("flow-sensor")
            .backoff_config(BackoffConfig { deadline: Some(*timeout), ..BackoffConfig::default() });
        if let Some(tls) = &self.tls {
            builder = builder.tls_config(Arc::clone(tls));
        }
        if let Some(own) = &self.options.login {
            builder = builder.sasl_config(sasl(own).map_err(Failure::Later)?);
        }
        let brokers = builder.build().await.map_err(|error| later(&error))?;
        let partitions = self.partitions_of(&brokers).await?;
        for partition in partitions {
            let unknown = UnknownTopicHandling::Error;
            let client = brokers.partition_client(topic.as_str(), partition, unknown).await;
            self.partitions.push(client.map_err(|error| later(&error))?);
        }
        Ok(())
    }

    async fn partitions_of(&self, brokers: &Brokers) -> Result<Vec<i32>, Failure> {
        let topics = brokers.list_topics().await.map_err(|error| later(&error))?;
        let own = topics.into_iter().find(|topic| topic.name == self.options.topic);
        match own {
            Some(topic) if !topic.partitions.is_empty() => {
                Ok(topic.partitions.into_iter().collect())
            }
            _ => Err(Failure::Later(format!(
                "the brokers have no topic `{}`: create it, or allow this login to write there",
                self.options.topic
            ))),
        }
    }

    async fn send(&mut self, lot: &Lot) -> Result<(), Failure> {
        if self.partitions.is_empty() {
            self.connect().await?;
        }
        let header = |name: &str, value: String| (name.to_owned(), value.into_bytes());
        let lots = &self.options.lots;
        let record = Record {
            key: Some(lots.sensor.clone().into_bytes()),
            value: Some(lot.body.to_vec()),
            headers: [
                header("token", lot.token.clone()),
                header("format", lots.form.to_string()),
                header("rows", lot.totals.flows.to_string()),
            ]
            .into(),
            timestamp: Utc::now(),
        };
        // A repeat goes where the first went.
        let place = crc32fast::hash(lot.token.as_bytes()) as usize % self.partitions.len();
        let compression = match self.options.compress {
            true => Compression::Lz4,
            false => Compression::NoCompression,
        };
        match self.partitions[place].produce(vec![record], compression).await {
            Ok(_) => Ok(()),
            Err(error) if is_refused(&error) => Err(Failure::Refused(chain(&error))),
            Err(error) => Err(later(&error)),
        }
    }
}

impl Carrier for Client {
    async fn deliver(&mut self, lot: &Lot) -> Result<(), Failure> {
        let longest = self.options.timeout;
        let sent = match timeout(longest, self.send(lot)).await {
            Ok(sent) => sent,
            Err(_) => {
                let longest = humantime::format_duration(longest);
                Err(Failure::Later(format!("no acknowledgement within {longest}")))
            }
        };
        if sent.is_err() {
            // What is known of the brokers may be what went wrong.
            self.partitions.clear();
        }
        sent
    }
}

fn sasl(own: &Login) -> Result<SaslConfig, String> {
    let (user, password) =
        login(&own.file).map_err(|problem| format!("{}: {problem}", own.file.display()))?;
    let credentials = Credentials::new(user, password);
    Ok(match own.mechanism {
        Mechanism::Plain => SaslConfig::Plain(credentials),
        Mechanism::ScramSha256 => SaslConfig::ScramSha256(credentials),
        Mechanism::ScramSha512 => SaslConfig::ScramSha512(credentials),
    })
}

fn later(error: &Error) -> Failure {
    Failure::Later(chain(error))
}

/// Only what is wrong with the message itself makes another try pointless.
fn is_refused(error: &Error) -> bool {
    matches!(
        error,
        Error::ServerError {
            protocol_error: ProtocolError::MessageTooLarge
                | ProtocolError::RecordListTooLarge
                | ProtocolError::InvalidRecord,
            ..
        }
    )
}
