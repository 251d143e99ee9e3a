//! Requests in the forms that the vendors document, and in others.

use std::io::Write as _;

use axum::http::HeaderMap;
use flate2::{Compression, write::GzEncoder};
use sensor_wire::cloud::json::base64::encode;
use serde_json::{Value, json};

use super::*;

const MOST: usize = 64 << 10;
const LINE: &str =
    "2 123456789010 eni-1 10.0.0.1 10.0.0.2 1 22 6 20 4249 1418530010 1418530070 ACCEPT OK";
const ID: &str = "ed1d787c-b9e2-4631-92dc-8e7c9d26d804";

fn zipped(octets: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(octets).expect("memory");
    out.finish().expect("memory")
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let value = |value: &str| HeaderValue::from_str(value).expect("a header");
    pairs.iter().map(|(name, text)| ((*name).parse().expect("a name"), value(text))).collect()
}

fn read(
    protocol: Protocol,
    pairs: &[(&'static str, &str)],
    body: &str,
) -> Result<Request, Refusal> {
    open(protocol, &headers(pairs), Bytes::from(body.to_owned()), MOST)
}

fn log(id: Option<&str>, text: &str) -> Result<Request, Refusal> {
    Ok(Request::Log(Log { id: id.map(str::to_owned), octets: text.to_owned().into() }))
}

async fn text(response: Response) -> (u16, Value) {
    use http_body_util::BodyExt as _;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("memory").to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(work)
}

const FIREHOSE: &str = "x-amz-firehose-request-id";

fn firehose(records: &[&[u8]]) -> String {
    let records: Vec<_> = records.iter().map(|data| json!({"data": encode(data)})).collect();
    json!({"requestId": ID, "timestamp": 1_578_090_901_599_u64, "records": records}).to_string()
}

#[test]
fn records_of_firehose_come_one_behind_the_other_whatever_their_form() {
    let zip = zipped(b"three\n");
    let body = firehose(&[b"one", b"two\n", &zip]);
    let found = read(Protocol::Firehose, &[(FIREHOSE, ID)], &body);
    assert_eq!(found, log(Some(ID), "one\ntwo\nthree\n"));
    // The first attempt and the next differ in their time alone.
    let later = body.replace("1578090901599", "1578090961599");
    assert_eq!(read(Protocol::Firehose, &[(FIREHOSE, ID)], &later), found);
    assert_eq!(read(Protocol::Firehose, &[(FIREHOSE, ID)], &firehose(&[])), log(Some(ID), ""));
}

#[test]
fn what_firehose_does_not_send_is_refused() {
    let fine = firehose(&[LINE.as_bytes()]);
    let id = &[(FIREHOSE, ID)][..];
    let deep = format!("{{\"requestId\":\"{ID}\",\"x\":{}", "[".repeat(10_000));
    let bomb = firehose(&[&zipped(&vec![0; 2 * MOST])]);
    let half = zipped(&vec![b' '; MOST - 10]);
    let bombs = firehose(&[&half, &half]);
    for (pairs, body, expected) in [
        (&[][..], fine.as_str(), Refusal::Header),
        (&[(FIREHOSE, "a b")], &fine, Refusal::Header),
        (&[(FIREHOSE, "another")], &fine, Refusal::Malformed),
        (id, "", Refusal::Malformed),
        (id, "[]", Refusal::Malformed),
        (id, &fine[..fine.len() - 1], Refusal::Malformed),
        (
            id,
            &format!("{{\"requestId\":\"{ID}\",\"records\":[{{\"data\":\"a*b=\"}}]}}"),
            Refusal::Malformed,
        ),
        (
            id,
            &format!("{{\"requestId\":\"{ID}\",\"records\":[{{\"data\":7}}]}}"),
            Refusal::Malformed,
        ),
        (id, &format!("{{\"requestId\":\"{ID}\",\"records\":[{{}}]}}"), Refusal::Malformed),
        (id, &deep, Refusal::Malformed),
        (id, &bomb, Refusal::TooLarge),
        (id, &bombs, Refusal::TooLarge),
    ] {
        let found = read(Protocol::Firehose, pairs, body);
        assert_eq!(found, Err(expected), "{pairs:?} {}", &body[..body.len().min(200)]);
    }
}

#[test]
fn firehose_gets_the_answer_that_it_documents() {
    let headers = headers(&[(FIREHOSE, ID)]);
    let done = run(text(done(Protocol::Firehose, &headers, None, 1_578_090_903_599)));
    assert_eq!(done, (200, json!({"requestId": ID, "timestamp": 1_578_090_903_599_u64})));
    for refusal in Refusal::ALL {
        let (status, answer) = run(text(refused(Some(Protocol::Firehose), &headers, refusal, 5)));
        assert_eq!(status, refusal.status().as_u16());
        let expected = json!({"requestId": ID, "timestamp": 5, "errorMessage": refusal.text()});
        assert_eq!(answer, expected);
    }
}

#[test]
fn messages_of_pubsub_with_and_without_a_wrapper() {
    let wrapped = json!({
        "message": {
            "attributes": {"key": "value"}, "data": encode(b"{\"a\":1}"), "messageId": "2070443601311540",
            "message_id": "2070443601311540", "publishTime": "2021-02-26T19:13:55.749Z"
        },
        "subscription": "projects/myproject/subscriptions/mysubscription", "deliveryAttempt": 5
    });
    let id = Some("2070443601311540");
    let read = |pairs: &[(&'static str, &str)], body: &str| read(Protocol::Pubsub, pairs, body);
    assert_eq!(read(&[], &wrapped.to_string()), log(id, "{\"a\":1}"));
    let plain = read(&[("x-goog-pubsub-message-id", "2070443601311540")], "{\"a\":1}");
    assert_eq!(plain, log(id, "{\"a\":1}"));
    let without_data = json!({"message": {"messageId": "1", "attributes": {}}}).to_string();
    assert_eq!(read(&[], &without_data), log(Some("1"), ""));
    for wrong in [
        "{}",
        "null",
        r#"{"message":{"data":""}}"#,
        r#"{"message":{"messageId":"","data":""}}"#,
        r#"{"message":{"messageId":"1\n2","data":""}}"#,
        r#"{"message":{"messageId":"1","data":"a*b="}}"#,
    ] {
        assert_eq!(read(&[], wrong), Err(Refusal::Malformed), "{wrong}");
    }
    let pairs = [("x-goog-pubsub-message-id", "a b")];
    assert_eq!(read(&pairs, "x"), Err(Refusal::Header));
}

const VALIDATION: &str = r#"[{
    "id": "2d1781af-3a4c-4d7c-bd0c-e34b19da4e66",
    "topic": "/subscriptions/xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
    "subject": "",
    "data": {"validationCode": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6", "validationUrl": "https://rp-eastus2.eventgrid.azure.net"},
    "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
    "eventTime": "2018-01-25T22:12:19.4556811Z",
    "metadataVersion": "1",
    "dataVersion": "1"
}]"#;

#[test]
fn event_grid_learns_that_the_address_is_meant() {
    let pairs = [("aeg-event-type", "SubscriptionValidation")];
    let read = |body: &str| read(Protocol::Eventgrid, &pairs, body);
    let Ok(Request::Handshake(answer)) = read(VALIDATION) else { panic!("a handshake") };
    let expected = json!({"validationResponse": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"});
    assert_eq!(serde_json::from_str::<Value>(&answer).expect("JSON"), expected);
    for wrong in ["", "[]", "{}", r#"[{"data":{}}]"#, &VALIDATION.replace("validationCode", "x")] {
        assert_eq!(read(wrong), Err(Refusal::Malformed), "{wrong}");
    }
}

#[test]
fn events_tell_of_blobs_or_carry_the_log() {
    let read = |body: &Value| read(Protocol::Eventgrid, &[], &body.to_string());
    let blob = json!({"eventType": "Microsoft.Storage.BlobCreated", "id": "1", "data": {"url": "https://a/b"}});
    let cloud_event = json!({"specversion": "1.0", "type": "Microsoft.Storage.BlobCreated", "source": "/s", "id": "1",
        "data": {"url": "https://a/b"}});
    assert_eq!(read(&json!([blob, blob])), Ok(Request::Events(2)));
    assert_eq!(read(&cloud_event), Ok(Request::Events(1)));
    let own = |data: Value| json!({"specversion": "1.0", "type": "flows", "source": "/s", "id": "1", "data": data});
    assert_eq!(
        read(&json!([blob, own(json!({"a": 1})), own(json!("two"))])),
        log(None, "{\"a\":1}\ntwo\n")
    );
    let binary = json!({"specversion": "1.0", "type": "flows", "data_base64": encode(b"three")});
    assert_eq!(read(&binary), log(None, "three\n"));
    // What a Logic App posts is the log itself, even where it has members of these names.
    for body in
        [json!({"records": []}), json!([{"a": 1}]), json!([blob, {"a": 1}]), json!({"type": "x"})]
    {
        assert_eq!(read(&body), log(None, &body.to_string()));
    }
    // So many events that they are none.
    let many = json!(vec![json!({"eventType": "x"}); 5001]);
    assert_eq!(read(&many), log(None, &many.to_string()));
}

#[test]
fn another_body_is_the_log_and_called_by_its_octets() {
    let open = |body: Vec<u8>| match open(Protocol::Body, &HeaderMap::new(), body.into(), MOST) {
        Ok(Request::Log(log)) => log,
        other => panic!("{other:?}"),
    };
    let (plain, zipped) = (open(b"abc".to_vec()), open(zipped(b"abc")));
    assert_eq!(plain, zipped);
    // sha256sum, its first half.
    assert_eq!(plain.name(), "ba7816bf8f01cfea414140de5dae2223");
    assert_eq!(plain.version(), plain.name());
}

#[test]
fn whoever_is_refused_is_told_when_to_come_back() {
    let refused = |protocol, refusal| refused(protocol, &HeaderMap::new(), refusal, 0);
    let busy = refused(None, Refusal::Busy);
    assert_eq!(
        (busy.status().as_u16(), &busy.headers()["retry-after"]),
        (503, &"1".parse().expect("a value"))
    );
    let stranger = refused(Some(Protocol::Body), Refusal::Unauthorized);
    assert_eq!(stranger.headers()["www-authenticate"], "Bearer");
    assert!(!stranger.headers().contains_key("retry-after"));
}
