//! Query logs that are pushed: by Firehose, by a subscription of CloudWatch behind it, and by Pub/Sub.

use sensor_wire::cloud::json::base64::encode;
use serde_json::json;

use super::{
    firehose, headers,
    packed::gzip,
    site::{Site, line},
};

fn query(name: &str) -> String {
    json!({
        "version": "1.100000", "account_id": "123456789010", "region": "r", "vpc_id": "vpc-1", "query_timestamp": "2026-09-21T14:13:20Z",
        "query_name": name, "query_type": "A", "query_class": "IN", "rcode": "NOERROR", "srcaddr": "10.0.0.1", "transport": "UDP",
        "answers": [{"Rdata": "192.0.2.1", "Type": "A", "Class": "IN"}],
    })
    .to_string()
}

#[test]
fn pushed_queries_are_logged_once_beside_flows() {
    let site = Site::start(
        "[[cloud]]\nname = 'aws'\npush = { protocol = 'firehose', token_file = 'token' }\n\
         [[cloud]]\nname = 'google'\npush = { protocol = 'pubsub', token_file = 'token' }\n",
    );
    let id = |last: u8| format!("00000000-0000-0000-0000-{last:012}");
    let push = |last: u8, records: &[&[u8]]| {
        let id = id(last);
        site.post("aws", &headers(&id, "s3cret"), &firehose(&id, records, 1)).0
    };
    let bare = [query("a.example.") + "\n", query("b.example.") + "\n"];
    let bare = [bare[0].as_bytes(), bare[1].as_bytes()];
    assert_eq!(push(1, &bare), 200);
    // Once it is answered they are there, and another attempt adds nothing.
    assert_eq!(site.queries(), ["a.example", "b.example"]);
    assert_eq!(push(1, &bare), 200);
    let envelope = json!({
        "messageType": "DATA_MESSAGE", "owner": "123456789010", "logGroup": "mixed", "logStream": "s",
        "logEvents": [{"id": "1", "message": query("c.example.")}, {"id": "2", "message": line(7).trim_end()}],
    });
    assert_eq!(push(2, &[&gzip(envelope.to_string().as_bytes())]), 200);
    let entry = json!({
        "logName": "projects/p/logs/dns.googleapis.com%2Fdns_queries", "timestamp": "2026-09-21T14:13:20.618334505Z",
        "jsonPayload": {"queryName": "d.example.", "responseCode": "NXDOMAIN", "sourceIP": "10.0.0.2"},
    });
    let message = json!({"message": {"messageId": "1", "data": encode(entry.to_string().as_bytes())}, "subscription": "s"});
    let bearer = "Authorization: Bearer s3cret\r\nContent-Type: application/json\r\n";
    let (status, answer) = site.post("google", bearer, message.to_string().as_bytes());
    assert!((200..300).contains(&status), "{status} {answer}");
    assert_eq!(site.queries(), ["a.example", "b.example", "c.example", "d.example"]);
    assert_eq!(site.ports(), [7]);
    let metrics = site.metrics();
    for series in [
        "sensor_cloud_dns_records_total{cloud=\"aws\",log=\"123456789010/route53/vpc-1\"} 3\n",
        "sensor_cloud_dns_records_total{cloud=\"google\",log=\"p/dns_queries\"} 1\n",
    ] {
        assert!(metrics.contains(series), "{metrics}");
    }
    assert!(
        metrics.contains("sensor_dns_log_sent_total{log=\"") && metrics.contains("dns.json\"} 4\n"),
        "{metrics}"
    );
}
