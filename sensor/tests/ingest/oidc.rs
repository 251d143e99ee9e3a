//! Pub/Sub with tokens of a service account, whose keys are fetched from an issuer as the documentation says.

use std::fs;

use sensor_wire::cloud::json::base64::encode;
use serde_json::{Value, json};

use crate::{
    issuer::{AUDIENCE, EMAIL, Issuer, Key},
    site::Site,
};

/// A message with one flow, to this port.
fn message(port: u16) -> Vec<u8> {
    let entry = json!({
        "insertId": "a", "logName": "projects/p/logs/compute.googleapis.com%2Fvpc_flows",
        "resource": {"type": "gce_subnetwork", "labels": {"project_id": "p", "subnetwork_name": "s", "location": "l"}},
        "timestamp": "2021-02-26T19:13:55.749Z",
        "jsonPayload": {
            "connection": {"src_ip": "10.0.0.1", "dest_ip": "10.0.0.2", "src_port": 1, "dest_port": port, "protocol": 6},
            "bytes_sent": "100", "packets_sent": "2", "reporter": "SRC",
            "start_time": "2021-02-26T19:13:50.0Z", "end_time": "2021-02-26T19:13:52.0Z"
        }
    });
    let message = json!({
        "message": {"data": encode(entry.to_string().as_bytes()), "messageId": port.to_string()},
        "subscription": "projects/p/subscriptions/s"
    });
    message.to_string().into_bytes()
}

#[test]
fn tokens_of_a_service_account_hold_over_rotations_and_while_the_issuer_is_down() {
    let (one, two) = (Key::one(), Key::two());
    let issuer = Issuer::start();
    let mut site = Site::prepare(&format!(
        "[[cloud]]\nname = 'gcp'\npush = {{ protocol = 'pubsub', jwks_file = 'google.jwks', audience = '{AUDIENCE}', email = '{EMAIL}' }}\n",
    ));
    issuer.serve(&[&one]);
    let Some(fetched) = issuer.fetch(&site) else {
        eprintln!("skipped: no curl");
        return;
    };
    assert!(fetched);
    site.run();
    let push = |token: &str, port: u16| {
        site.post("gcp", &format!("Authorization: Bearer {token}\r\n"), &message(port)).0
    };
    let fine = json!({});
    assert_eq!(push(&one.token(&fine), 1), 204);
    // What does not hold, and what the log says of it.
    let strangers = [
        (one.token(&json!({"exp": -120, "iat": -3720})), "it has expired"),
        (one.token(&json!({"iat": 600})), "it is of the future: compare the clocks"),
        (
            one.token(&json!({"aud": "https://elsewhere"})),
            "its audience is not cloud.push.audience",
        ),
        (one.token(&json!({"email": "x@example.com"})), "its account is not cloud.push.email"),
        (one.token(&json!({"email_verified": false})), "its account is not cloud.push.email"),
        (one.token(&json!({"iss": "https://issuer.example"})), "its issuer is not Google"),
        (Key::two().called("one").token(&fine), "its signature is wrong"),
        (two.token(&fine), "jwks_file has no key with its `kid`"),
        ("s3cret".to_owned(), "it is no JWT"),
    ];
    for (token, why) in &strangers {
        assert_eq!(push(token, 90), 401, "{why}");
    }
    // The log has the first ones of many.
    let said = site.said();
    assert!(strangers[..2].iter().all(|(_, why)| said.contains(why)), "{said}");
    assert_eq!(site.post("gcp", "", &message(90)).0, 401);
    // A new key is shown before it is used, then the old one goes.
    assert_eq!(push(&two.token(&fine), 91), 401);
    issuer.serve(&[&one, &two]);
    assert_eq!(issuer.fetch(&site), Some(true));
    assert_eq!((push(&two.token(&fine), 2), push(&one.token(&fine), 3)), (204, 204));
    issuer.serve(&[&two]);
    assert_eq!(issuer.fetch(&site), Some(true));
    assert_eq!((push(&two.token(&fine), 4), push(&one.token(&fine), 92)), (204, 401));
    // Its failure is not taken for keys.
    issuer.serve(&[]);
    assert_eq!(issuer.fetch(&site), Some(false));
    assert_eq!(push(&two.token(&fine), 5), 204);
    // Whoever takes the keys away keeps senders out, but does not turn them away for good.
    let keys = fs::read(site.path("google.jwks")).expect("keys");
    fs::write(site.path("google.jwks"), &keys[..keys.len() / 2]).expect("a file");
    assert_eq!(push(&two.token(&fine), 6), 503);
    fs::remove_file(site.path("google.jwks")).expect("it was there");
    assert_eq!(push(&two.token(&fine), 6), 503);
    let cloud = |document: &Value| document["clouds"][0].clone();
    assert!(
        cloud(&site.document())["error"]
            .as_str()
            .is_some_and(|error| error.contains("google.jwks"))
    );
    issuer.serve(&[&two]);
    assert_eq!(issuer.fetch(&site), Some(true));
    assert_eq!(push(&two.token(&fine), 6), 204);
    // What was refused has spoilt nothing: the same message with a token that holds, and once more.
    assert_eq!((push(&two.token(&fine), 90), push(&two.token(&fine), 90)), (204, 204));

    assert_eq!(site.ports(), [1, 2, 3, 4, 5, 6, 90]);
    let document = site.document();
    assert!(cloud(&document).get("error").is_none(), "{document}");
    site.assert_ledger("gcp", 7);
    let strangers = strangers.len() as u64 + 3;
    let refused = [("secret".to_owned(), 2), ("unauthorized".to_owned(), strangers)];
    assert_eq!(site.refused(), refused.into());
    let source = &document["ingest"]["sources"][0];
    let figures = ["accepted", "duplicate", "refused"].map(|name| source[name].as_u64());
    assert_eq!(figures, [Some(7), Some(1), Some(strangers + 3)], "{source}");
    // Nothing of a token is in the log.
    let said = site.said();
    assert!(two.token(&fine).split('.').all(|part| !said.contains(part)), "{said}");
}
