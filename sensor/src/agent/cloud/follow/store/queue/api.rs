//! The few requests to a queue of SQS that are needed, in its JSON protocol.

use std::{sync::Arc, time::Duration};

use http_body_util::BodyExt as _;
use object_store::{
    aws::{AwsAuthorizer, AwsCredentialProvider},
    client::{HttpClient, HttpConnector as _, HttpRequest},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::agent::cloud::follow::store::{client::Client, trouble};

/// Messages of a request.
pub const MOST: usize = 10;
/// How long a queue is asked to wait for messages.
const POLL: u32 = 20;
/// The largest answer: ten messages of a megabyte, escaped.
const ANSWER: usize = 32 << 20;

/// A request that has failed, in a sentence.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct QueueError(String);

/// A message.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Message {
    /// Its number, which stays.
    pub message_id: String,
    /// What names it in requests; another one each time it is received.
    pub receipt_handle: String,
    /// What it says.
    pub body: String,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    approximate_receive_count: Option<String>,
}

impl Message {
    /// How often it was received.
    pub fn receives(&self) -> u32 {
        let count = self.attributes.approximate_receive_count.as_deref();
        count.and_then(|count| count.parse().ok()).unwrap_or(1)
    }
}

#[derive(Deserialize)]
struct Received {
    #[serde(rename = "Messages", default)]
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Changed {
    #[serde(rename = "Failed", default)]
    failed: Vec<Failed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    code: String,
    #[serde(default)]
    message: String,
}

/// A queue.
#[derive(Clone)]
pub struct Api {
    url: Arc<str>,
    region: Arc<str>,
    http: HttpClient,
    credentials: AwsCredentialProvider,
}

impl Api {
    /// The queue at `url`.
    ///
    /// # Errors
    /// When the system has no certificate authorities.
    pub fn new(
        url: &str,
        region: Option<&str>,
        credentials: AwsCredentialProvider,
    ) -> Result<Self, QueueError> {
        let client = Client::new().map_err(|error| QueueError(error.to_string()))?;
        let http =
            client.connect(&Default::default()).map_err(|error| QueueError(error.to_string()))?;
        let region = region_of(url).or(region).unwrap_or("us-east-1");
        Ok(Self { url: url.into(), region: region.into(), http, credentials })
    }

    /// Up to [`MOST`] messages, which nobody else receives for `hidden`; waits until there are any.
    pub async fn receive(&self, hidden: Duration) -> Result<Vec<Message>, QueueError> {
        let body = json!({
            "QueueUrl": &*self.url,
            "MaxNumberOfMessages": MOST,
            "WaitTimeSeconds": POLL,
            "VisibilityTimeout": hidden.as_secs(),
            "AttributeNames": ["ApproximateReceiveCount"],
            "MessageSystemAttributeNames": ["ApproximateReceiveCount"],
        });
        let received: Received = self.ask("ReceiveMessage", &body).await?;
        Ok(received.messages)
    }

    /// Deletes messages, up to [`MOST`].
    pub async fn delete(&self, handles: &[String]) -> Result<(), QueueError> {
        let entries: Vec<Value> = handles
            .iter()
            .enumerate()
            .map(|(at, handle)| json!({ "Id": at.to_string(), "ReceiptHandle": handle }))
            .collect();
        self.change("DeleteMessageBatch", entries).await
    }

    /// Hides messages, up to [`MOST`], for so long from now on.
    pub async fn hide(&self, handles: &[String], hidden: Duration) -> Result<(), QueueError> {
        let entry = |(at, handle): (usize, &String)| {
            let seconds = hidden.as_secs();
            json!({ "Id": at.to_string(), "ReceiptHandle": handle, "VisibilityTimeout": seconds })
        };
        let entries = handles.iter().enumerate().map(entry).collect();
        self.change("ChangeMessageVisibilityBatch", entries).await
    }

    async fn change(&self, action: &str, entries: Vec<Value>) -> Result<(), QueueError> {
        if entries.is_empty() {
            return Ok(());
        }
        let body = json!({ "QueueUrl": &*self.url, "Entries": entries });
        let changed: Changed = self.ask(action, &body).await?;
        match changed.failed.first() {
            None => Ok(()),
            Some(Failed { code, message }) => {
                Err(QueueError(format!("{action}: {code} {message}")))
            }
        }
    }

    async fn ask<T: DeserializeOwned>(&self, action: &str, body: &Value) -> Result<T, QueueError> {
        let failed =
            |error: &(dyn std::error::Error + 'static)| QueueError(trouble::explain(error));
        let mut request: HttpRequest = hyper::Request::post(&*self.url)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AmazonSQS.{action}"))
            .body(body.to_string().into())
            .map_err(|error| failed(&error))?;
        let credential = self.credentials.get_credential().await.map_err(|error| failed(&error))?;
        AwsAuthorizer::new(&credential, "sqs", &self.region)
            .try_authorize(&mut request, None)
            .map_err(|error| failed(&error))?;
        let response = self.http.execute(request).await.map_err(|error| failed(&error))?;
        let status = response.status();
        let body = http_body_util::Limited::new(response.into_body(), ANSWER).collect().await;
        let body = body.map_err(|error| QueueError(format!("cannot read its answer: {error}")))?;
        let octets = body.to_bytes();
        if !status.is_success() {
            let text = format!("{status}: {}", String::from_utf8_lossy(&octets));
            return Err(QueueError(trouble::explain_text(&text)));
        }
        // Some say nothing at all where there is nothing to say.
        let octets = if octets.is_empty() { &b"{}"[..] } else { &octets[..] };
        serde_json::from_slice(octets)
            .map_err(|error| QueueError(format!("its answer is none of SQS: {error}")))
    }
}

/// The region in the URL of a queue: `https://sqs.REGION.amazonaws.com/...`.
fn region_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let host = rest.split('/').next()?;
    let mut parts = host.split('.');
    let service = parts.next()?;
    if !host.contains(".amazonaws.") {
        return None;
    }
    match service {
        "sqs" | "sqs-fips" => parts.next(),
        // As it was once written: REGION.queue.amazonaws.com.
        region => (parts.next() == Some("queue")).then_some(region),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_of_queues() {
        for (url, region) in [
            ("https://sqs.eu-west-1.amazonaws.com/1/q", Some("eu-west-1")),
            ("https://sqs-fips.us-gov-west-1.amazonaws.com/1/q", Some("us-gov-west-1")),
            ("https://sqs.cn-north-1.amazonaws.com.cn/1/q", Some("cn-north-1")),
            ("https://eu-west-1.queue.amazonaws.com/1/q", Some("eu-west-1")),
            ("https://vpce-1-sqs.eu-west-1.vpce.amazonaws.com/1/q", None),
            ("http://127.0.0.1:5000/1/q", None),
        ] {
            assert_eq!(region_of(url), region, "{url}");
        }
    }

    #[test]
    fn messages_say_how_often_they_were_received() {
        let text = r#"{"Messages":[{"MessageId":"m","ReceiptHandle":"r","Body":"b","MD5OfBody":"x",
            "Attributes":{"ApproximateReceiveCount":"3"}},{"MessageId":"n","ReceiptHandle":"s","Body":""}]}"#;
        let received: Received = serde_json::from_str(text).expect("an answer");
        assert_eq!(received.messages.iter().map(Message::receives).collect::<Vec<_>>(), [3, 1]);
        let nothing: Received = serde_json::from_str("{}").expect("an answer");
        assert!(nothing.messages.is_empty());
    }
}
