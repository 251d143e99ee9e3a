//! Too much, too many, too slow: what is refused is counted, and nothing of it costs a record.

use std::{collections::BTreeMap, sync::Mutex, thread, time::Duration};

use sensor_wire::cloud::json::base64::encode;
use serde_json::json;

use crate::{
    packed::gzip,
    site::{Site, line},
};

const BEARER: &str = "Authorization: Bearer s3cret\r\n";

#[test]
fn bodies_that_are_too_large_are_refused_however_they_hide_it() {
    let site = Site::start(
        "[[cloud]]\nname = 'gcp'\npush = { protocol = 'pubsub', token_file = 'token' }\n\
         [[cloud]]\nname = 'azure'\npush = { protocol = 'eventgrid', token_file = 'token' }\n\
         [[cloud]]\nname = 'bridge'\npush = { protocol = 'body', token_file = 'token' }\n",
    );
    let encoded = format!("{BEARER}Content-Encoding: gzip\r\n");
    let zstd = format!("{BEARER}Content-Encoding: zstd\r\n");
    let huge = vec![b' '; 64 << 20];
    let bomb = gzip(&huge);
    assert!(bomb.len() < 1 << 20, "it passes for a small body");
    let packed = zstd::encode_all(&huge[..], 1).expect("memory");
    let message =
        |data: &[u8]| json!({"message": {"messageId": "1", "data": encode(data)}}).to_string();
    let event = |data: &[u8]| {
        json!({"specversion": "1.0", "type": "x", "data_base64": encode(data)}).to_string()
    };
    let half = gzip(&vec![b' '; 700 << 10]);
    let twice = gzip(&half);
    for (cloud, headers, body, status) in [
        ("bridge", BEARER, &huge[..(1 << 20) + 1], 413),
        ("bridge", &encoded, &bomb, 413),
        ("bridge", &zstd, &packed, 413),
        ("bridge", BEARER, &bomb, 413),
        ("bridge", BEARER, &packed, 413),
        // Members of a file in gzip count together.
        ("bridge", &encoded, &[&half[..], &half[..]].concat(), 413),
        // A bomb within a small body is not even begun with.
        ("bridge", BEARER, &twice, 400),
        ("bridge", &encoded, &gzip(&twice), 400),
        ("gcp", BEARER, message(&bomb).as_bytes(), 413),
        ("gcp", &encoded, &gzip(message(&bomb).as_bytes()), 413),
        ("gcp", BEARER, message(&packed).as_bytes(), 413),
        ("gcp", &encoded, &bomb, 413),
        ("azure", &encoded, &bomb, 413),
        ("azure", BEARER, &bomb, 413),
        (
            "azure",
            &encoded,
            &gzip(
                json!([event(&huge[..600 << 10]), event(&huge[..600 << 10])])
                    .to_string()
                    .as_bytes(),
            ),
            413,
        ),
    ] {
        let told = site.post(cloud, headers, body);
        assert_eq!(told.0, status, "{cloud} {headers} {} octets: {}", body.len(), told.1);
    }
    // Without a length it is counted while it comes.
    let mut chunked = Vec::new();
    for _ in 0..20 {
        chunked.extend(format!("{:x}\r\n", 1 << 16).into_bytes());
        chunked.extend(vec![b' '; 1 << 16]);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    let headers = format!("{BEARER}Transfer-Encoding: chunked\r\n");
    assert_eq!(site.send("POST", "bridge", &headers, &chunked).0, 413);
    // All of that has left room for what fits to the octet.
    let mut fits = line(1).into_bytes();
    fits.resize(1 << 20, b'\n');
    assert_eq!(site.post("bridge", &encoded, &gzip(&fits)).0, 204);
    assert_eq!(site.ports(), [1]);
    let expected = [("malformed".to_owned(), 2), ("too_large".to_owned(), 14)];
    assert_eq!(site.refused(), expected.into());
}

/// A hundred clients, each with more to send than is taken at once.
#[test]
fn a_hundred_clients_at_once_lose_and_double_nothing() {
    const CLIENTS: u16 = 100;
    const REQUESTS: u16 = 8;
    let site =
        Site::start("[[cloud]]\nname = 'a'\npush = { protocol = 'body', token_file = 'token' }\n");
    let client = site.client();
    let told = Mutex::new(BTreeMap::<u16, u64>::new());
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (client, told) = (&client, &told);
            scope.spawn(move || {
                for request in 0..REQUESTS {
                    let body = line(number * REQUESTS + request + 1);
                    loop {
                        let status = client.post("a", BEARER, body.as_bytes()).0;
                        *told.lock().expect("no panic").entry(status).or_default() += 1;
                        if status == 204 {
                            break;
                        }
                        thread::sleep(Duration::from_millis(20));
                    }
                }
            });
        }
    });
    let mut ports = site.ports();
    ports.sort_unstable();
    let all = u64::from(CLIENTS * REQUESTS);
    assert_eq!(ports, (1..=all).collect::<Vec<_>>());
    site.assert_ledger("a", all);
    // Each answer that a client has read was counted once, under its reason.
    let document = site.document();
    let told = told.into_inner().expect("no panic");
    let source = &document["ingest"]["sources"][0];
    let refused = site.refused();
    let of =
        |reasons: &[&str]| reasons.iter().filter_map(|reason| refused.get(*reason)).sum::<u64>();
    assert!(told.keys().all(|status| [0, 204, 429, 503].contains(status)), "{told:?}");
    assert_eq!((&source["accepted"], &source["duplicate"]), (&json!(all), &json!(0)), "{source}");
    assert_eq!(of(&["rate"]), told.get(&429).copied().unwrap_or(0), "{told:?} {refused:?}");
    assert_eq!(of(&["busy", "full"]), told.get(&503).copied().unwrap_or(0), "{told:?} {refused:?}");
    let all_refused = refused.values().sum::<u64>() + 1;
    assert_eq!(source["refused"].as_u64(), Some(all_refused), "{source} {refused:?}");
    assert_eq!(document["ingest"]["under_way"], 0);
}

#[test]
fn clients_that_are_slow_hold_up_nobody_and_those_that_go_away_cost_nothing() {
    let site =
        Site::start("[[cloud]]\nname = 'a'\npush = { protocol = 'body', token_file = 'token' }\n");
    let begin = |port: u16| {
        let body = line(port);
        let mut slow = site.client().connect();
        let (first, rest) = body.split_at(20);
        slow.write(&format!(
            "POST /ingest/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{BEARER}Content-Length: {}\r\n\r\n{first}",
            body.len()
        ));
        (slow, rest.to_owned())
    };
    let under_way = |count: u64| {
        site.wait_until("requests under way", || site.document()["ingest"]["under_way"] == count);
    };
    // Some say half of what they have to say, some not even who they are.
    let mut slow: Vec<_> = (1..=20).map(begin).collect();
    let mut silent: Vec<_> = (0..20).map(|_| site.client().connect()).collect();
    silent.iter_mut().for_each(|silent| silent.write("POST /ingest/a HTTP/1.1\r\nHo"));
    under_way(20);
    for port in 101..=110 {
        assert_eq!(site.post("a", BEARER, line(port).as_bytes()).0, 204);
    }
    assert_eq!(site.ports(), (101..=110).collect::<Vec<_>>());
    // Half of them go on, octet by octet; the others go away.
    drop(slow.split_off(10));
    drop(silent);
    for (slow, rest) in &mut slow {
        rest.chars().for_each(|octet| slow.write(&octet.to_string()));
        assert_eq!(slow.answer().0, 204);
    }
    under_way(0);
    let mut ports = site.ports();
    ports.sort_unstable();
    assert_eq!(ports, (1..=10).chain(101..=110).collect::<Vec<_>>());
    site.assert_ledger("a", 20);
    let document = site.document();
    assert_eq!(site.refused(), [("aborted".to_owned(), 10)].into());
    assert_eq!(document["ingest"]["sources"][0]["accepted"], 20);
}
