//! Requests that push flow logs, in all protocols: any octets as a body, and any octets in the envelope that the protocol has.

#![no_main]

use axum::http::{HeaderMap, HeaderValue, Uri};
use libfuzzer_sys::fuzz_target;
use sensor::agent::{
    config::push::Protocol,
    ingest::fuzzing::{Came, request},
};
use sensor_wire::cloud::json::base64::encode;

const HEADERS: [&str; 5] = [
    "x-amz-firehose-request-id",
    "x-goog-pubsub-message-id",
    "aeg-event-type",
    "content-encoding",
    "authorization",
];
const VALUES: [&str; 4] = ["SubscriptionValidation", "gzip", "zstd", "Bearer a"];

/// `octets` as the protocol wraps them.
fn wrapped(protocol: Protocol, octets: &[u8]) -> Vec<u8> {
    let data = encode(octets);
    match protocol {
        Protocol::Firehose => {
            format!(r#"{{"requestId":"a","records":[{{"data":"{data}"}}]}}"#).into()
        }
        Protocol::Pubsub => format!(r#"{{"message":{{"messageId":"a","data":"{data}"}}}}"#).into(),
        Protocol::Eventgrid => {
            format!(r#"[{{"specversion":"1.0","type":"x","data_base64":"{data}"}}]"#).into()
        }
        Protocol::Body => octets.to_vec(),
    }
}

fuzz_target!(|input: (u8, u8, u8, &str, &str, u16, &[u8])| {
    let (choice, named, valued, value, query, most, body) = input;
    let protocol = Protocol::ALL[usize::from(choice & 3)];
    let mut headers = HeaderMap::new();
    for (at, name) in HEADERS.into_iter().enumerate().filter(|(at, _)| named >> at & 1 == 1) {
        let value = if valued >> at & 1 == 1 { VALUES[(choice >> 4 & 3) as usize] } else { value };
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    let uri: Uri = format!("/ingest/a?{query}").parse().unwrap_or_default();
    let most = usize::from(most);
    let came = |headers: &HeaderMap, body: &[u8], most| {
        request(protocol, &uri, headers, body.to_vec().into(), most)
    };
    if body.len() <= most {
        let first = came(&headers, body, most);
        match &first {
            Came::Log(id, octets) => {
                assert!(octets.len() <= most);
                let is_plain = |id: &String| id.bytes().all(|octet| octet.is_ascii_graphic());
                assert!(id.as_ref().is_none_or(|id| !id.is_empty() && is_plain(id)));
            }
            Came::Handshake(text) => {
                let answer: serde_json::Value = serde_json::from_str(text).expect("JSON");
                assert!(answer["validationResponse"].is_string());
            }
            Came::Events(events) => assert!(*events > 0),
            Came::Refused(_) => {}
        }
        assert_eq!(first, came(&headers, body, most), "the next attempt is the same");
    }
    // What was put into an envelope comes out of it.
    let mut headers = HeaderMap::new();
    if protocol == Protocol::Firehose {
        headers.insert(HEADERS[0], HeaderValue::from_static("a"));
    }
    let is_compressed =
        body.starts_with(&[0x1f, 0x8b]) || body.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    match came(&headers, &wrapped(protocol, body), 1 << 20) {
        Came::Log(_, octets) if !is_compressed => {
            let ends_line = octets.strip_suffix(b"\n").unwrap_or(&octets);
            assert!(
                ends_line == body
                    || *octets == *body
                    || protocol == Protocol::Eventgrid && body.is_empty()
            );
        }
        Came::Events(0) => assert!(protocol == Protocol::Eventgrid && body.is_empty()),
        other => assert!(
            is_compressed || protocol == Protocol::Body || protocol == Protocol::Eventgrid,
            "{other:?}"
        ),
    }
});
