//! Requests to the server, in this process, with a desk that the test sits at.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        mpsc::{Receiver, sync_channel},
    },
    time::Instant,
};

use axum::{
    Router,
    body::Body,
    extract::{Extension, Request},
    http::Method,
};
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{
    delivery::Channel,
    figures::{Ingested, Requests},
    hub::Hub,
    server::Server,
};
use crate::agent::{
    cloud::follow::{
        seam::{Answer, Content, Desk, Handed},
        state::{Planned, Progress, State, Step},
    },
    config::{
        ingest::IngestConfig,
        push::{Protocol, PushConfig},
    },
};

const LINE: &str =
    "2 123456789010 eni-1 10.0.0.1 10.0.0.2 1 22 6 20 4249 1418530010 1418530070 ACCEPT OK\n";
const DONE: Answer = Answer::Done { up_to: 0, whole: true };

struct Site {
    hub: Hub,
    router: Router,
    objects: Receiver<Handed>,
}

fn config() -> IngestConfig {
    let address = "127.0.0.1:1".parse().expect("an address");
    IngestConfig { address, tls: None, max_body: 64 << 10, max_requests: 3, rate: 50 }
}

/// A server with the source `a`, at whose desk `room` objects may wait.
fn site(protocol: Protocol, room: usize, state: State) -> Site {
    let hub = Hub::default();
    hub.configure(&config());
    let (send, objects) = sync_channel(room);
    let push = PushConfig { protocol, token_file: None, oidc: None };
    let desk = Desk::of_test(send, state);
    hub.open("a", Arc::new(Channel::new(push, None, desk, Instant::now())));
    let peer: SocketAddr = "192.0.2.1:7".parse().expect("an address");
    let router = Server::new(hub.clone()).router().layer(Extension(peer));
    Site { hub, router, objects }
}

impl Site {
    /// Makes a request, beside what the test does.
    fn ask(&self, request: Request) -> JoinHandle<(u16, String)> {
        let service = TowerToHyperService::new(self.router.clone());
        tokio::spawn(async move {
            let response = service.call(request).await.expect("an answer");
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.expect("memory").to_bytes();
            (status, String::from_utf8_lossy(&body).into_owned())
        })
    }

    fn post(&self, body: impl Into<Body>) -> JoinHandle<(u16, String)> {
        self.ask(to(Method::POST, "/ingest/a", &[], body))
    }

    /// The next object at the desk; whoever asked is let go on until then.
    async fn object(&self) -> Handed {
        loop {
            match self.objects.try_recv() {
                Ok(handed) => return handed,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    fn figures(&self) -> Ingested {
        self.hub.figures().report()
    }

    fn requests(&self) -> Requests {
        self.figures().sources["a"]
    }
}

fn to(method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).expect("a request")
}

fn octets(handed: &Handed) -> &[u8] {
    let Content::Octets(octets) = &handed.content else { panic!("octets") };
    octets
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(work)
}

#[test]
fn a_request_is_answered_once_its_records_are_out_and_not_before() {
    run(async {
        let site = site(Protocol::Body, 4, State::default());
        let asked = site.post(LINE);
        let handed = site.object().await;
        assert_eq!(octets(&handed), LINE.as_bytes());
        assert!(handed.object.settled && !handed.object.grows);
        assert!(!asked.is_finished());
        assert_eq!(site.figures().under_way, 1);
        (handed.reply)(DONE);
        assert_eq!(asked.await.expect("no panic"), (204, String::new()));
        let expected = Requests { accepted: 1, octets: LINE.len() as u64, ..Requests::default() };
        assert_eq!((site.requests(), site.figures().under_way), (expected, 0));
    });
}

#[test]
fn another_attempt_is_no_other_object() {
    run(async {
        let site = site(Protocol::Body, 4, State::default());
        // While the first is on its way: both wait for one object.
        let (first, second) = (site.post(LINE), site.post(LINE));
        let handed = site.object().await;
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        assert!(site.objects.try_recv().is_err(), "one object");
        (handed.reply)(DONE);
        assert_eq!([first.await.expect("no panic").0, second.await.expect("no panic").0], [204; 2]);
        assert_eq!((site.requests().accepted, site.requests().duplicate), (1, 1));
        // And where the decoding knew it.
        let third = site.post(LINE);
        (site.object().await.reply)(Answer::Known);
        assert_eq!(third.await.expect("no panic").0, 204);
        assert_eq!(site.requests().duplicate, 2);
    });
}

#[test]
fn firehose_reads_why_its_request_is_refused() {
    run(async {
        let id = "ed1d787c-b9e2-4631-92dc-8e7c9d26d804";
        let body = json!({"requestId": id, "timestamp": 1, "records": [{"data": "aGVsbG8="}]});
        let headers = [("x-amz-firehose-request-id", id)];
        let site = site(Protocol::Firehose, 4, State::default());
        let request = || to(Method::POST, "/ingest/a", &headers, body.to_string());
        // Each time: what is no log is not known the next time.
        for times in 1..=2 {
            let (status, text) = site.ask(request()).await.expect("no panic");
            let answer: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!((status, &answer["requestId"]), (400, &json!(id)));
            assert!(answer["errorMessage"].is_string() && answer["timestamp"].is_u64());
            assert_eq!(site.figures().refused["foreign"], times);
        }
    });
}

#[test]
fn known_objects_are_duplicates_at_once() {
    run(async {
        let site = site(Protocol::Body, 1, State::default());
        let asked = site.post(LINE);
        let handed = site.object().await;
        let (name, version) = (handed.object.name.clone(), handed.object.version.clone());
        (handed.reply)(DONE);
        asked.await.expect("no panic");
        let mut state = State::default();
        let progress =
            Progress { version, stored: 1, print: 0, octets: 1, whole: true, modified: 1 };
        state.go(Step { read: vec![(name, progress)], ..Step::default() });
        let again = self::site(Protocol::Body, 1, state);
        assert_eq!(again.post(LINE).await.expect("no panic").0, 204);
        assert_eq!(again.requests().duplicate, 1);
        assert!(again.objects.try_recv().is_err());
    });
}

#[test]
fn a_full_queue_and_too_many_requests_are_told_at_once() {
    run(async {
        let site = site(Protocol::Body, 1, State::default());
        let lines: Vec<String> =
            (1..=4).map(|port| LINE.replace(" 22 ", &format!(" {port} "))).collect();
        let first = site.post(lines[0].clone());
        while site.figures().under_way < 1 {
            tokio::task::yield_now().await;
        }
        let waits = loop {
            // The first is at the desk, and nobody takes it.
            let asked = site.post(lines[1].clone()).await.expect("no panic");
            if asked.0 == 503 {
                break asked;
            }
        };
        assert_eq!(waits, (503, "the queue of this source is full\n".to_owned()));
        // The queue takes one more, and one more: then all three may not.
        let mut taken = vec![site.object().await];
        let second = site.post(lines[1].clone());
        taken.push(site.object().await);
        let third = site.post(lines[2].clone());
        taken.push(site.object().await);
        let fourth = site.post(lines[3].clone()).await.expect("no panic");
        assert_eq!((fourth.0, site.figures().refused["busy"]), (503, 1));
        // Who goes away keeps the memory of what is on its way.
        third.abort();
        assert!(third.await.is_err());
        assert_eq!(site.post(lines[3].clone()).await.expect("no panic").0, 503);
        assert_eq!(site.figures().refused["aborted"], 1);
        taken.into_iter().for_each(|handed| (handed.reply)(DONE));
        for asked in [first, second] {
            assert_eq!(asked.await.expect("no panic").0, 204);
        }
        let fourth = site.post(lines[3].clone());
        (site.object().await.reply)(DONE);
        assert_eq!(fourth.await.expect("no panic").0, 204);
    });
}

#[test]
fn no_answer_from_the_desk_is_no_success() {
    run(async {
        let site = site(Protocol::Body, 1, State::default());
        let asked = site.post(LINE);
        drop(site.object().await);
        assert_eq!(asked.await.expect("no panic").0, 503);
        for (answer, status) in [
            (Answer::Old, 503),
            (
                Answer::Failed(
                    crate::agent::cloud::follow::seam::Trouble::Unreadable,
                    String::new(),
                ),
                400,
            ),
        ] {
            let asked = site.post(LINE);
            (site.object().await.reply)(answer);
            assert_eq!(asked.await.expect("no panic").0, status);
        }
    });
}

#[test]
fn what_was_under_way_when_the_agent_was_killed_comes_first() {
    run(async {
        let first = site(Protocol::Body, 4, State::default());
        let lines = [LINE.to_owned(), LINE.replace(" 22 ", " 23 "), LINE.replace(" 22 ", " 24 ")];
        let mut plan = Vec::new();
        for line in &lines[..2] {
            drop(first.post(line.clone()));
            let handed = first.object().await;
            plan.push(Planned::of(&handed.object));
        }
        let mut state = State::default();
        state.go(Step { plan, ..Step::default() });
        let site = site(Protocol::Body, 4, state);
        let early = site.post(lines[2].clone()).await.expect("no panic");
        assert_eq!((early.0, site.figures().refused["resuming"]), (503, 1));
        let second = site.post(lines[1].clone());
        while site.figures().under_way < 1 {
            tokio::task::yield_now().await;
        }
        let first = site.post(lines[0].clone());
        for line in &lines[..2] {
            let handed = site.object().await;
            assert_eq!(octets(&handed), line.as_bytes());
            (handed.reply)(DONE);
        }
        assert_eq!([first.await.expect("no panic").0, second.await.expect("no panic").0], [204; 2]);
    });
}

#[test]
fn refusals_are_counted_by_reason() {
    run(async {
        let site = site(Protocol::Body, 1, State::default());
        let large = vec![b'x'; (64 << 10) + 1];
        let length = large.len().to_string();
        let chunked = || {
            let chunks: Vec<Result<_, std::io::Error>> = vec![Ok(large.clone()), Ok(large.clone())];
            Body::from_stream(futures_util::stream::iter(chunks))
        };
        let broken = Body::from_stream(futures_util::stream::iter(vec![
            Ok(b"2 ".to_vec()),
            Err(std::io::Error::other("gone")),
        ]));
        for (request, status, reason) in [
            (to(Method::GET, "/ingest/a", &[], ""), 405, "method"),
            (
                to(Method::OPTIONS, "/ingest/a", &[("webhook-request-origin", "x")], ""),
                405,
                "method",
            ),
            (to(Method::POST, "/ingest/b", &[], LINE), 404, "no_source"),
            (to(Method::POST, "/", &[], LINE), 404, "no_source"),
            (to(Method::POST, "/ingest/%ff", &[], LINE), 404, "no_source"),
            (to(Method::POST, "/ingest/a", &[("content-length", &length)], ""), 413, "too_large"),
            (to(Method::POST, "/ingest/a", &[], chunked()), 413, "too_large"),
            (to(Method::POST, "/ingest/a", &[("content-encoding", "br")], LINE), 415, "encoding"),
            (
                to(Method::POST, "/ingest/a", &[("content-encoding", "gzip")], LINE),
                400,
                "malformed",
            ),
            (to(Method::POST, "/ingest/a", &[], "hello\n"), 400, "foreign"),
            (to(Method::POST, "/ingest/a", &[], broken), 408, "aborted"),
        ] {
            let before = site.figures().refused.get(reason).copied().unwrap_or_default();
            assert_eq!(site.ask(request).await.expect("no panic").0, status, "{reason}");
            assert_eq!(site.figures().refused[reason], before + 1, "{reason}");
        }
        assert_eq!(site.figures().under_way, 0);
        assert_eq!(site.requests().refused, 8);
        site.hub.close("a");
        assert_eq!(site.post(LINE).await.expect("no panic").0, 503);
        site.hub.forget(|_| false);
        assert_eq!(site.post(LINE).await.expect("no panic").0, 404);
    });
}

#[test]
fn a_source_that_asks_too_often_is_told_so() {
    run(async {
        let site = site(Protocol::Body, 1, State::default());
        site.hub.configure(&IngestConfig { rate: 1, ..config() });
        assert_eq!(site.post("hello\n").await.expect("no panic").0, 400);
        assert_eq!(site.post("hello\n").await.expect("no panic").0, 429);
        assert_eq!(site.figures().refused["rate"], 1);
    });
}

#[test]
fn event_grid_may_ask_by_options() {
    run(async {
        let site = site(Protocol::Eventgrid, 1, State::default());
        let service = TowerToHyperService::new(site.router.clone());
        let headers = [("webhook-request-origin", "eventgrid.azure.net")];
        let asked = service.call(to(Method::OPTIONS, "/ingest/a", &headers, "")).await;
        let answer = asked.expect("an answer");
        assert_eq!(answer.status().as_u16(), 200);
        assert_eq!(answer.headers()["webhook-allowed-origin"], "eventgrid.azure.net");
        assert_eq!(answer.headers()["webhook-allowed-rate"], "3000");
        let without = site.ask(to(Method::OPTIONS, "/ingest/a", &[], "")).await;
        assert_eq!(without.expect("no panic").0, 405);
        let blob = json!([{"eventType": "Microsoft.Storage.BlobCreated", "data": {}}]).to_string();
        assert_eq!(site.post(blob).await.expect("no panic").0, 204);
        assert_eq!((site.requests().handshake, site.requests().event), (1, 1));
    });
}
