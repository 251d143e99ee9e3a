//! Publishes a lot as a message, and waits until a stream has it.

use async_nats::{
    ConnectOptions, HeaderMap,
    header::{NATS_EXPECTED_STREAM, NATS_MESSAGE_ID},
    jetstream::{
        self,
        context::{Context, PublishErrorKind},
    },
};
use tokio::time::timeout;

use super::options::{Login, NatsOptions};
use crate::{
    export::{
        lots::{
            carrier::{Carrier, Failure},
            error::LotsError,
            lot::Lot,
        },
        net::{
            http::{chain, login},
            tls,
        },
    },
    files::{self, Limit},
};

/// The way to the servers.
pub struct Client {
    options: NatsOptions,
    tls: Option<rustls::ClientConfig>,
    /// The connection, while it works.
    stream: Option<Context>,
}

impl Client {
    /// Reads the certificates and the login.
    pub fn new(options: NatsOptions) -> Result<Self, LotsError> {
        let net = |source| LotsError::Net { output: options.to_string(), source };
        let tls = options.tls.as_ref().map(tls::client_config).transpose().map_err(net)?;
        let client = Self { options, tls, stream: None };
        client.login().map_err(|problem| LotsError::Secret {
            output: client.options.to_string(),
            path: client.options.login.as_ref().map(|own| own.file().into()).unwrap_or_default(),
            problem,
        })?;
        Ok(client)
    }

    /// Options that say who we are.
    fn login(&self) -> Result<ConnectOptions, String> {
        let options = ConnectOptions::new();
        match &self.options.login {
            None => Ok(options),
            Some(Login::Password(file)) => {
                let (user, password) = login(file)?;
                Ok(options.user_and_password(user, password))
            }
            Some(Login::Credentials(file)) => {
                let octets = files::read(file, Limit::TEXT).map_err(|error| error.to_string())?;
                let text = String::from_utf8(octets).map_err(|_| "it is not UTF-8".to_owned())?;
                options.credentials(&text).map_err(|error| {
                    format!("it must be a file of credentials, as nsc writes it: {error}")
                })
            }
        }
    }

    async fn connect(&self) -> Result<Context, Failure> {
        let mut options = self.login().map_err(|problem| {
            let file = self.options.login.as_ref().map(|own| own.file().display());
            Failure::Later(format!("{}: {problem}", file.expect("there is one")))
        })?;
        options = options
            .name(format!("flow-sensor {}", self.options.lots.sensor))
            .connection_timeout(self.options.timeout)
            .no_echo();
        if let Some(tls) = &self.tls {
            options = options.tls_client_config(tls.clone()).require_tls(true);
        }
        let client = options.connect(&self.options.servers).await;
        let client = client.map_err(|error| Failure::Later(chain(&error)))?;
        let mut stream = jetstream::new(client);
        stream.set_timeout(self.options.timeout);
        Ok(stream)
    }

    async fn send(&mut self, lot: &Lot) -> Result<(), Failure> {
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect().await?,
        };
        let lots = &self.options.lots;
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, lot.token.as_str());
        headers.insert("token", lot.token.as_str());
        headers.insert("format", lots.form.to_string());
        headers.insert("rows", lot.totals.flows.to_string());
        if lots.compress {
            headers.insert("Content-Encoding", "zstd");
        }
        if let Some(own) = &self.options.stream {
            headers.insert(NATS_EXPECTED_STREAM, own.as_str());
        }
        let subject = self.options.subject.clone();
        let published =
            async { stream.publish_with_headers(subject, headers, lot.body.clone()).await?.await };
        match published.await {
            Ok(_) => {
                self.stream = Some(stream);
                Ok(())
            }
            Err(error) => match error.kind() {
                PublishErrorKind::MaxPayloadExceeded => Err(Failure::Refused(chain(&error))),
                PublishErrorKind::StreamNotFound => Err(Failure::Later(format!(
                    "no stream of JetStream takes messages of `{}`: create it",
                    self.options.subject
                ))),
                _ => Err(Failure::Later(chain(&error))),
            },
        }
    }
}

impl Carrier for Client {
    async fn deliver(&mut self, lot: &Lot) -> Result<(), Failure> {
        let longest = self.options.timeout;
        // A connection that fails is given up: the next attempt begins anew, with whatever servers there are.
        match timeout(longest, self.send(lot)).await {
            Ok(sent) => sent,
            Err(_) => {
                let longest = humantime::format_duration(longest);
                Err(Failure::Later(format!("no acknowledgement within {longest}")))
            }
        }
    }
}
