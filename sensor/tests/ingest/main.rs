//! Flow logs that are pushed to a running agent, by HTTPS over loopback: needs no root.

mod dns;
mod issuer;
mod oidc;
#[path = "../support/packed.rs"]
mod packed;
#[path = "../support/ports.rs"]
mod ports;
mod pressure;
mod senders;
mod site;

use std::{
    collections::BTreeMap,
    fs,
    process::Command,
    sync::atomic::{AtomicU16, Ordering::SeqCst},
    thread,
    time::Duration,
};

use sensor_wire::cloud::json::base64::encode;
use serde_json::{Value, json};

use self::{
    packed::gzip,
    site::{Site, line},
};

const ID: &str = "ed1d787c-b9e2-4631-92dc-8e7c9d26d804";

fn firehose(id: &str, records: &[&[u8]], timestamp: u64) -> Vec<u8> {
    let records: Vec<_> = records.iter().map(|data| json!({"data": encode(data)})).collect();
    json!({"requestId": id, "timestamp": timestamp, "records": records}).to_string().into_bytes()
}

fn headers(id: &str, key: &str) -> String {
    format!(
        "X-Amz-Firehose-Protocol-Version: 1.0\r\nX-Amz-Firehose-Request-Id: {id}\r\n\
         X-Amz-Firehose-Access-Key: {key}\r\nContent-Type: application/json\r\n"
    )
}

#[test]
fn firehose_delivers_each_record_once_over_retries_and_kills() {
    let mut site = Site::start(
        "[[cloud]]\nname = 'aws'\npush = { protocol = 'firehose', token_file = 'token' }\n",
    );
    let records = [line(1), line(2), line(3)];
    let records: Vec<&[u8]> = records.iter().map(|line| line.as_bytes()).collect();
    let body = firehose(ID, &records, 1_578_090_901_599);
    let (status, answer) = site.post("aws", &headers(ID, "s3cret"), &body);
    assert_eq!(status, 200, "{answer}");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(answer["requestId"], ID);
    assert!(answer["timestamp"].as_u64().is_some_and(|at| at > 1_578_090_901_599));
    // Once it is answered they are there.
    assert_eq!(site.ports(), [1, 2, 3]);
    // Another attempt differs in its time; gzip is looked through.
    let again = firehose(ID, &records, 1_578_090_961_599);
    let encoded = format!("{}Content-Encoding: gzip\r\n", headers(ID, "s3cret"));
    assert_eq!(site.post("aws", &encoded, &gzip(&again)).0, 200);
    assert_eq!(site.ports(), [1, 2, 3]);
    // Envelopes of CloudWatch, in gzip, as a subscription filter sends them.
    let envelope = json!({
        "messageType": "DATA_MESSAGE", "owner": "123456789010", "logGroup": "flows", "logStream": "eni-1-all",
        "subscriptionFilters": ["all"],
        "logEvents": [{"id": "1", "timestamp": 1_418_530_010_000_u64, "message": line(4).trim_end()},
                      {"id": "2", "timestamp": 1_418_530_010_000_u64, "message": line(5).trim_end()}]
    });
    let envelope = gzip(envelope.to_string().as_bytes());
    let other = "00000000-0000-0000-0000-000000000002";
    let body = firehose(other, &[&envelope], 1);
    assert_eq!(site.post("aws", &headers(other, "s3cret"), &body).0, 200);
    assert_eq!(site.ports(), [1, 2, 3, 4, 5]);
    // What was answered is known to the next agent.
    site.kill();
    site.run();
    assert_eq!(site.post("aws", &headers(ID, "s3cret"), &again).0, 200);
    assert_eq!(site.post("aws", &headers(other, "s3cret"), &body).0, 200);
    assert_eq!(site.ports(), [1, 2, 3, 4, 5]);
    let source = &site.document()["ingest"]["sources"][0];
    assert_eq!((&source["name"], &source["duplicate"]), (&json!("aws"), &json!(2)), "{source}");
    let metrics = site.metrics();
    let series = "sensor_ingest_requests_total{cloud=\"aws\",result=\"duplicate\"} 2\n";
    assert!(metrics.contains(series), "{metrics}");
}

/// Senders push until each request is answered with success; the agent is killed under their hands.
#[test]
fn no_record_is_lost_or_doubled_however_often_the_agent_is_killed() {
    const REQUESTS: u16 = 600;
    const LINES: usize = 10;
    let mut site =
        Site::start("[[cloud]]\nname = 'a'\npush = { protocol = 'body', token_file = 'token' }\n");
    let client = site.client();
    let next = AtomicU16::new(1);
    thread::scope(|scope| {
        let senders: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let port = next.fetch_add(1, SeqCst);
                        if port > REQUESTS {
                            break;
                        }
                        let from =
                            |own| line(port).replace("10.0.0.2 1 ", &format!("10.0.0.2 {own} "));
                        let body: String = (1..=LINES).map(from).collect();
                        let bearer = "Authorization: Bearer s3cret\r\n";
                        while client.post("a", bearer, body.as_bytes()).0 != 204 {
                            thread::sleep(Duration::from_millis(20));
                        }
                    }
                })
            })
            .collect();
        for kills in 1_u16.. {
            let due = REQUESTS / 6 * kills;
            while next.load(SeqCst) < due && !senders.iter().all(|sender| sender.is_finished()) {
                thread::sleep(Duration::from_millis(1));
            }
            if kills > 5 {
                break;
            }
            site.kill();
            site.run();
        }
    });
    let mut found = BTreeMap::<u64, usize>::new();
    site.ports().into_iter().for_each(|port| *found.entry(port).or_default() += 1);
    let expected: BTreeMap<_, _> = (1..=u64::from(REQUESTS)).map(|port| (port, LINES)).collect();
    assert_eq!(found, expected);
}

#[test]
fn strangers_and_what_is_wrong_are_refused_and_counted() {
    let site = Site::start(
        "[[cloud]]\nname = 'aws'\npush = { protocol = 'firehose', token_file = 'token' }\n",
    );
    let fine = firehose(ID, &[line(1).as_bytes()], 1);
    for key in ["", "s3creT", "s3cret2", "s"] {
        assert_eq!(site.post("aws", &headers(ID, key), &fine).0, 401, "{key}");
    }
    assert_eq!(site.post("aws", "", &fine).0, 401);
    assert_eq!(site.post("other", &headers(ID, "s3cret"), &fine).0, 404);
    let key = "X-Amz-Firehose-Access-Key: s3cret\r\n";
    assert_eq!(site.post("aws", key, &fine).0, 400, "no number");
    let bomb = firehose(ID, &[&gzip(&vec![0; 2 << 20])], 1);
    assert_eq!(site.post("aws", &headers(ID, "s3cret"), &bomb).0, 413);
    let encoded = format!("{}Content-Encoding: gzip\r\n", headers(ID, "s3cret"));
    assert_eq!(site.post("aws", &encoded, &gzip(&vec![b' '; 2 << 20])).0, 413);
    let deep = [b"{\"x\":".as_slice(), &b"[".repeat(100_000)].concat();
    assert_eq!(site.post("aws", &headers(ID, "s3cret"), &deep).0, 400);
    let huge = format!("{}X-Filler: {}\r\n", headers(ID, "s3cret"), "x".repeat(20_000));
    assert_eq!(site.post("aws", &huge, &fine).0, 431);
    assert_eq!(site.in_plain_text(), 0, "plain text is no TLS");
    // The length is judged before anything is sent.
    let length = format!("{}Content-Length: 99999999999\r\n", headers(ID, "s3cret"));
    assert_eq!(site.send("POST", "aws", &length, b"").0, 413);
    assert_eq!(site.ports(), [0_u64; 0]);
    let ingest = &site.document()["ingest"];
    let refused = |reason: &str| {
        let rows = ingest["refused"].as_array().expect("a list").iter();
        rows.filter(|row| row["reason"] == reason)
            .map(|row| row["requests"].as_u64())
            .next()
            .flatten()
    };
    let found = ["unauthorized", "no_source", "header", "too_large", "malformed"].map(refused);
    assert_eq!(found, [Some(5), Some(1), Some(1), Some(3), Some(1)], "{ingest}");
    assert_eq!(ingest["connections"]["no_tls"], 1);
    assert!(ingest["connections"]["broken"].as_u64().is_some_and(|broken| broken >= 1), "{ingest}");
    let said = site.said();
    assert!(said.contains("its token is another one") && !said.contains("s3cre"), "{said}");
    // The same body with the right key: nothing of all that has spoilt it.
    assert_eq!(site.post("aws", &headers(ID, "s3cret"), &fine).0, 200);
    assert_eq!(site.ports(), [1]);
}

#[test]
fn pubsub_event_grid_and_bodies() {
    let site = Site::start(
        "[[cloud]]\nname = 'gcp'\npush = { protocol = 'pubsub', token_file = 'token' }\n\
         [[cloud]]\nname = 'azure'\npush = { protocol = 'eventgrid', token_file = 'token' }\n\
         [[cloud]]\nname = 'bridge'\npush = { protocol = 'body', token_file = 'token' }\n",
    );
    let entry = json!({
        "insertId": "a", "logName": "projects/p/logs/compute.googleapis.com%2Fvpc_flows",
        "resource": {"type": "gce_subnetwork", "labels": {"project_id": "p", "subnetwork_name": "s", "location": "l"}},
        "timestamp": "2021-02-26T19:13:55.749Z",
        "jsonPayload": {
            "connection": {"src_ip": "10.0.0.1", "dest_ip": "10.0.0.2", "src_port": 1, "dest_port": 11, "protocol": 6},
            "bytes_sent": "100", "packets_sent": "2", "reporter": "SRC",
            "start_time": "2021-02-26T19:13:50.0Z", "end_time": "2021-02-26T19:13:52.0Z"
        }
    });
    let message = json!({
        "message": {"data": encode(entry.to_string().as_bytes()), "messageId": "2070443601311540",
                    "publishTime": "2021-02-26T19:13:55.749Z"},
        "subscription": "projects/p/subscriptions/s"
    });
    let body = message.to_string().into_bytes();
    assert_eq!(site.post("gcp", "", &body).0, 401);
    assert_eq!(site.post("gcp?access_token=s3cret", "", &body).0, 204);
    assert_eq!(site.post("gcp", "Authorization: Bearer s3cret\r\n", &body).0, 204, "again");
    assert_eq!(site.ports(), [11]);

    let validation = br#"[{"id": "1", "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": {"validationCode": "512d38b6"}}]"#;
    let about = "Aeg-Event-Type: SubscriptionValidation\r\n";
    assert_eq!(site.post("azure", about, validation).0, 401);
    let told = site.post("azure?access_token=s3cret", about, validation);
    assert_eq!(told, (200, "{\"validationResponse\":\"512d38b6\"}".to_owned()));
    let origin = "WebHook-Request-Origin: eventgrid.azure.net\r\n";
    assert_eq!(site.send("OPTIONS", "azure?access_token=s3cret", origin, b"").0, 200);
    let blob =
        br#"[{"eventType": "Microsoft.Storage.BlobCreated", "data": {"url": "https://a/b"}}]"#;
    assert_eq!(site.post("azure?access_token=s3cret", "", blob).0, 204);

    // A bridge: lines, plain and in gzip, over one connection as over several.
    let bearer = "Authorization: Bearer s3cret\r\n";
    let lines = [line(21), line(22)].concat();
    assert_eq!(site.post("bridge", bearer, lines.as_bytes()).0, 204);
    let encoded = format!("{bearer}Content-Encoding: gzip\r\n");
    assert_eq!(site.post("bridge", &encoded, &gzip(line(23).as_bytes())).0, 204);
    assert_eq!(site.post("bridge", bearer, &gzip(line(24).as_bytes())).0, 204);
    assert_eq!(site.ports(), [11, 21, 22, 23, 24]);
    assert_eq!(site.post("bridge?access_token=s3cret", "", lines.as_bytes()).0, 401);
    // However many requests there are, it is one log with one time line.
    let document = site.document();
    let mut clouds = document["clouds"].as_array().expect("a list").iter();
    let logs = &clouds.find(|cloud| cloud["name"] == "bridge").expect("it is followed")["logs"];
    let id = logs["top"][0]["id"].as_str().expect("a text");
    assert!(logs["count"] == 1 && id.ends_with("/bridge"), "{logs}");

    // curl, as people try it.
    let sent = Command::new("curl")
        .args(["--silent", "--show-error", "--noproxy", "*", "--cacert"])
        .arg(site.path("own.pem"))
        .args(["--header", "Authorization: Bearer s3cret", "--data-binary", &line(25)])
        .args(["--write-out", "%{http_code}", "--resolve"])
        .arg(format!("localhost:{}:127.0.0.1", site.port()))
        .arg(format!("https://localhost:{}/ingest/bridge", site.port()))
        .output();
    match sent {
        Ok(sent) => assert_eq!(String::from_utf8_lossy(&sent.stdout), "204", "{sent:?}"),
        Err(error) if std::env::var_os("CI").is_none() => eprintln!("skipped: curl: {error}"),
        Err(error) => panic!("curl: {error}"),
    }
}

#[test]
fn a_reload_changes_sources_certificates_and_bounds() {
    let one = "[[cloud]]\nname = 'one'\npush = { protocol = 'body', token_file = 'token' }\n";
    let two = "[[cloud]]\nname = 'two'\npush = { protocol = 'body', token_file = 'token' }\n";
    let mut site = Site::start(one);
    let bearer = "Authorization: Bearer s3cret\r\n";
    assert_eq!(site.post("one", bearer, line(1).as_bytes()).0, 204);
    assert_eq!(site.post("two", bearer, line(1).as_bytes()).0, 404);
    site.configure(two);
    site.renew_certificate();
    assert_eq!(site.reload().0, Some(0));
    // The certificate of now, which alone is trusted now, and the sources of now.
    assert_eq!(site.post("two", bearer, line(2).as_bytes()).0, 204);
    assert_eq!(site.post("one", bearer, line(3).as_bytes()).0, 404);
    fs::write(site.path("token"), "other").expect("a file");
    assert_eq!(site.post("two", bearer, line(4).as_bytes()).0, 401);
    assert_eq!(site.post("two", "Authorization: Bearer other\r\n", line(5).as_bytes()).0, 204);
    // A file that cannot be used refuses the reload, and everything goes on.
    fs::remove_file(site.path("token")).expect("it was there");
    let (code, told) = site.reload();
    assert_ne!(code, Some(0), "{told}");
    assert_eq!(site.post("two", bearer, line(6).as_bytes()).0, 503);
    assert_eq!(site.ports(), [1, 2, 5]);
}
