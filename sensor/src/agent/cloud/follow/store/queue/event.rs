//! What a message in a queue says of objects: notifications of S3 as they are, through SNS, or through EventBridge. Pure.

use serde::Deserialize;
use serde_json::value::RawValue;

/// Wrappers around a notification that are opened: EventBridge to SNS to SQS has two.
const WRAPPERS: usize = 3;
/// Objects of one message; S3 says one each.
const OBJECTS: usize = 1000;

/// An object that a message names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Its size, where it is told.
    pub size: Option<u64>,
    /// Its entity tag without quotes, where it is told.
    pub tag: Option<String>,
    /// When it was written, milliseconds since the epoch; none where that is not told.
    pub written: Option<u64>,
}

/// Why a message cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// No JSON, or not of the expected form.
    #[error("no notification of S3: {0}")]
    Form(#[from] serde_json::Error),
    /// JSON without objects.
    #[error("no notification of S3: it has neither `Records` nor the `detail` of an event of S3")]
    Other,
    /// Too many objects.
    #[error("it names more than {OBJECTS} objects")]
    TooMany,
}

#[derive(Deserialize)]
struct Message<'m> {
    #[serde(borrow, rename = "Records")]
    records: Option<&'m RawValue>,
    #[serde(rename = "Event")]
    event: Option<String>,
    /// SNS: a JSON text as a string.
    #[serde(rename = "Message")]
    message: Option<String>,
    source: Option<String>,
    #[serde(rename = "detail-type")]
    detail_type: Option<String>,
    time: Option<String>,
    detail: Option<Detail>,
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "eventName")]
    name: String,
    #[serde(rename = "eventTime")]
    time: Option<String>,
    s3: Option<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    bucket: Option<Bucket>,
    object: Option<Object>,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
struct Object {
    key: String,
    size: Option<u64>,
    #[serde(rename = "eTag", alias = "etag")]
    tag: Option<String>,
}

/// The objects that `body` says were created; none for what says something else of objects.
///
/// # Errors
/// What is no notification of S3.
pub fn parse(body: &str) -> Result<Vec<Named>, MessageError> {
    let mut unwrapped;
    let mut text = body;
    for _ in 0..WRAPPERS {
        let message: Message<'_> = serde_json::from_str(text)?;
        if let Some(records) = message.records {
            return of_records(records.get());
        }
        // S3 sends it when notifications are switched on.
        if message.event.as_deref() == Some("s3:TestEvent") {
            return Ok(Vec::new());
        }
        if message.source.as_deref() == Some("aws.s3") {
            return Ok(of_event(message));
        }
        let Some(inner) = message.message else { return Err(MessageError::Other) };
        unwrapped = inner;
        text = &unwrapped;
    }
    Err(MessageError::Other)
}

fn of_records(text: &str) -> Result<Vec<Named>, MessageError> {
    let records: Vec<Record> = serde_json::from_str(text)?;
    if records.len() > OBJECTS {
        return Err(MessageError::TooMany);
    }
    let created = records.into_iter().filter(|record| record.name.contains("ObjectCreated:"));
    let named = created.filter_map(|record| {
        let mut named = named(record.s3?, record.time.as_deref())?;
        // As in the query of a URL.
        named.key = decode(&named.key);
        Some(named)
    });
    Ok(named.collect())
}

fn of_event(message: Message<'_>) -> Vec<Named> {
    if message.detail_type.as_deref() != Some("Object Created") {
        return Vec::new();
    }
    let named = message.detail.and_then(|detail| named(detail, message.time.as_deref()));
    named.into_iter().collect()
}

fn named(detail: Detail, time: Option<&str>) -> Option<Named> {
    let (bucket, object) = (detail.bucket?, detail.object?);
    let written = time.and_then(|time| humantime::parse_rfc3339_weak(time).ok());
    let written = written.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    Some(Named {
        bucket: bucket.name,
        key: object.key,
        size: object.size,
        tag: object.tag.map(|tag| tag.trim_matches('"').to_owned()).filter(|tag| !tag.is_empty()),
        written: written.map(|time| time.as_millis() as u64),
    })
}

/// A key as it stands in a notification: `+` for a space, and `%` with two digits for any octet.
fn decode(text: &str) -> String {
    let mut pairs = url::form_urlencoded::parse(text.as_bytes());
    // One `key` without value: `=` and `&` are encoded there.
    match (pairs.next(), pairs.next()) {
        (Some((key, value)), None) if value.is_empty() && !text.ends_with('=') => key.into_owned(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"eu-west-1",
        "eventTime":"2026-11-30T00:05:09.123Z","eventName":"ObjectCreated:Put","s3":{"s3SchemaVersion":"1.0",
        "bucket":{"name":"logs","arn":"arn:aws:s3:::logs"},"object":{"key":"AWSLogs/aws-account-id%3D1/a+b%2Bc.log.gz",
        "size":1024,"eTag":"d41d8cd98f00b204e9800998ecf8427e","sequencer":"0055AED6DCD90281E5"}}}]}"#;

    fn expected(key: &str) -> Named {
        Named {
            bucket: "logs".to_owned(),
            key: key.to_owned(),
            size: Some(1024),
            tag: Some("d41d8cd98f00b204e9800998ecf8427e".to_owned()),
            written: Some(1_796_000_709_123),
        }
    }

    #[test]
    fn notifications_by_all_ways() {
        let named = expected("AWSLogs/aws-account-id=1/a b+c.log.gz");
        let written = humantime::parse_rfc3339("2026-11-30T00:05:09.123Z").expect("a time");
        let written = written.duration_since(std::time::UNIX_EPOCH).expect("later").as_millis();
        let named = Named { written: Some(written as u64), ..named };
        assert_eq!(parse(RECORD).expect("of S3"), std::slice::from_ref(&named));
        let sns =
            serde_json::json!({"Type": "Notification", "TopicArn": "arn:x", "Message": RECORD})
                .to_string();
        assert_eq!(parse(&sns).expect("through SNS"), std::slice::from_ref(&named));
        let event = r#"{"version":"0","detail-type":"Object Created","source":"aws.s3","time":"2026-11-30T00:05:09.123Z",
            "detail":{"bucket":{"name":"logs"},"object":{"key":"a+b%2Bc.gz","size":1024,
            "etag":"d41d8cd98f00b204e9800998ecf8427e","sequencer":"0055"},"reason":"PutObject"}}"#;
        // EventBridge encodes nothing.
        let plain = Named { key: "a+b%2Bc.gz".to_owned(), ..named };
        assert_eq!(parse(event).expect("of EventBridge"), std::slice::from_ref(&plain));
        let both = serde_json::json!({"Type": "Notification", "Message": event}).to_string();
        assert_eq!(parse(&both).expect("of EventBridge through SNS"), [plain]);
    }

    #[test]
    fn what_creates_nothing_names_nothing() {
        let removed = RECORD.replace("ObjectCreated:Put", "ObjectRemoved:Delete");
        let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"logs"}"#;
        let deleted = r#"{"source":"aws.s3","detail-type":"Object Deleted","detail":{}}"#;
        for text in [removed.as_str(), test, deleted] {
            assert_eq!(parse(text).expect("a notification"), []);
        }
    }

    #[test]
    fn what_is_no_notification_says_so() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let wrapped = (0..4)
            .fold(RECORD.to_owned(), |text, _| serde_json::json!({ "Message": text }).to_string());
        for text in ["", "x", "{}", "[]", "{\"Records\":1}", "{\"Message\":\"x\"}", &deep, &wrapped]
        {
            let error = parse(text).expect_err("no notification").to_string();
            assert!(error.starts_with("no notification of S3: "), "{error}");
        }
    }
}
