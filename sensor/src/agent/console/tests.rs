//! Requests to the router, without a socket: the documents of every answer, and who gets none.
//!
//! `UPDATE_EXPECT=1 cargo test -p sensor --lib agent::console` writes the documents anew; read the difference before you commit it.

use std::{path::Path, sync::Arc};

use axum::{Router, body::Body, extract::Request, http::Method};
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{routes, served::Served};
use crate::{
    agent::config::console::ConsoleConfig,
    console::{
        desk::Desk,
        testing::{self, BEGIN, STEP, STEPS},
    },
    export::{held::sink::Hold, hits::held::HeldHits},
};

const END: u64 = BEGIN + STEP * STEPS;
const HOST: &str = "127.0.0.1:8686";

struct Site {
    served: Served,
    router: Router,
    runtime: Runtime,
    folder: TempDir,
}

struct Answer {
    status: u16,
    headers: axum::http::HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

fn site() -> Site {
    let (desk, folder) = testing::desk(&testing::batches(), 700, BEGIN);
    let token = folder.path().join("token");
    std::fs::write(&token, "secret\n").expect("a token");
    site_of(desk, folder, Some(&token))
}

fn site_of(desk: Desk, folder: TempDir, token: Option<&Path>) -> Site {
    let config = ConsoleConfig {
        address: HOST.parse().expect("an address"),
        token_file: token.map(Path::to_owned),
        tls: None,
        behind_proxy: false,
        hosts: Vec::new(),
        held: 700,
    };
    let served = Served::at(&config, desk, Some(Arc::default()), || END, || 1);
    let router = routes::of_page(&served);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Site { served, router, runtime: runtime.expect("a runtime"), folder }
}

impl Site {
    fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).expect("a request");
        let service = TowerToHyperService::new(self.router.clone());
        self.runtime.block_on(async {
            let answer = service.call(request).await.expect("an answer");
            let (parts, body) = answer.into_parts();
            let body = body.collect().await.expect("a body").to_bytes().to_vec();
            Answer { status: parts.status.as_u16(), headers: parts.headers, body }
        })
    }

    /// The beginning of an answer that has no end.
    fn first_events(&self, path: &str, headers: &[(&str, &str)], count: usize) -> String {
        let mut request = Request::builder().method(Method::GET).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).expect("a request");
        let service = TowerToHyperService::new(self.router.clone());
        self.runtime.block_on(async {
            let mut body = service.call(request).await.expect("an answer").into_body();
            let mut text = String::new();
            while text.matches("\n\n").count() < count {
                let frame = body.frame().await.expect("more").expect("a frame");
                let data = frame.into_data().expect("data");
                text.push_str(std::str::from_utf8(&data).expect("text"));
            }
            text
        })
    }

    /// As a program asks.
    fn ask(&self, path: &str, question: &str) -> Answer {
        let headers = [
            ("host", HOST),
            ("authorization", "Bearer secret"),
            ("content-type", "application/json"),
        ];
        let path = format!("{}{path}", routes::BASE);
        let method = if question.is_empty() { Method::GET } else { Method::POST };
        self.send(method, &path, &headers, question)
    }
}

/// Compares a document with the one that is known.
fn is_known(name: &str, document: &Value) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/console/{name}.json"));
    let text = format!("{}\n", serde_json::to_string_pretty(document).expect("JSON"));
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &text).expect("it is written");
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, known, "{}", path.display());
}

#[test]
fn documents_are_as_they_were() {
    let site = site();
    let range = |mut question: Value| {
        question["from_ms"] = (END - 5 * STEP).into();
        question["to_ms"] = END.into();
        question.to_string()
    };
    for (name, path, question) in [
        (
            "series",
            "/series",
            range(
                json!({"by": ["protocol"], "limit": 2, "points": 5, "bidirectional": true, "previous": true}),
            ),
        ),
        (
            "top",
            "/top",
            range(
                json!({"q": "dstport < 1024", "by": ["dstip", "dstport"], "limit": 3, "prefix4": 16}),
            ),
        ),
        ("flows", "/flows", range(json!({"q": "protocol == udp", "limit": 3}))),
        (
            "flows-by-size",
            "/flows",
            range(
                json!({"columns": ["srcip", "label.src.role", "octets"], "order": "octets", "limit": 2}),
            ),
        ),
        (
            "common",
            "/common",
            range(
                json!({"queries": ["dstport == 443", "dstport == 53"], "by": ["srcip"], "limit": 2}),
            ),
        ),
        (
            "fault-query",
            "/top",
            range(json!({"q": "label.src.role == \"é\" && srcprt == 1", "by": []})),
        ),
        (
            "check",
            "/nql/check",
            json!({"q": "label.src.role == '\u{1f600}' && srcprt ", "cursor": 33}).to_string(),
        ),
        ("check-values", "/nql/check", json!({"q": "protocol == ", "cursor": 12}).to_string()),
        ("hits", "/hits", String::new()),
        ("hits-of-policy", "/hits?policy=nothing&limit=1", String::new()),
        ("policies", "/policies", String::new()),
        ("dryrun", "/policies/web/dryrun", range(json!({}))),
        ("fault-policy", "/policies/none/dryrun", range(json!({}))),
        ("labels-address", "/labels?ip=10.0.0.1", String::new()),
        ("labels-text", "/labels?q=IMG", String::new()),
        ("fault-labels", "/labels", String::new()),
        ("matrix", "/labels/matrix", range(json!({"context": "role"}))),
        ("sources", "/sources", String::new()),
        ("fault-id", "/explain", json!({"id": "1.2"}).to_string()),
        ("fault-request", "/top", "{\"from_ms\": 1}".to_owned()),
        ("fault-path", "/nothing", "{}".to_owned()),
    ] {
        let answer = site.ask(path, &question);
        assert_eq!(answer.header("content-type"), "application/json");
        let mut document = answer.json();
        document["status"] = answer.status.into();
        if let Some(items) = document.pointer_mut("/completion/items").and_then(Value::as_array_mut)
        {
            items.truncate(5);
        }
        is_known(name, &document);
    }
    // The fields are those of the table, which has documentation of its own.
    let mut meta = site.ask("/meta", "").json();
    let fields = meta["fields"].as_array_mut().expect("fields");
    assert!(fields.len() > 80);
    fields
        .retain(|field| ["srcip", "octets", "protocol"].iter().any(|name| field["name"] == **name));
    meta["version"] = "VERSION".into();
    is_known("meta", &meta);
}

/// By the id that its row has.
#[test]
fn a_flow_is_explained() {
    let site = site();
    let question = json!({"from_ms": BEGIN, "to_ms": END, "q": "dstport == 443 && protocol == tcp", "limit": 1, "columns": ["srcip"]});
    for order in ["newest", "oldest"] {
        let mut question = question.clone();
        question["order"] = order.into();
        let page = site.ask("/flows", &question.to_string()).json();
        let id = json!({"id": page["ids"][0]}).to_string();
        let answer = site.ask("/explain", &id);
        assert_eq!(answer.status, 200, "{order}");
        let explained = answer.json();
        assert_eq!(explained["flow"]["srcip"], page["rows"][0][0]);
        assert_eq!(explained["flow"]["dstport"], 443);
        assert_eq!(explained["policies"], json!([{"id": "web", "name": "web", "matched": true}]));
    }
    let question = json!({"from_ms": BEGIN, "to_ms": END, "q": "dstport == 53", "limit": 1});
    let page = site.ask("/flows", &question.to_string()).json();
    let explained = site.ask("/explain", &json!({"id": page["ids"][0]}).to_string()).json();
    let failed = &explained["policies"][0]["failed_at"];
    assert!(
        ["protocol == tcp", "dstport == 443"].map(Value::from).contains(&failed["text"]),
        "{explained}"
    );
    assert!(
        ["udp", "17"].map(Value::from).contains(&failed["value"]) || failed["value"] == 53,
        "{failed}"
    );
}

/// Figures and health come at once, and hits that were not seen.
#[test]
fn events_are_told() {
    let site = site();
    let hits = site.served.0.hits.clone().expect("hits are held");
    let scan = crate::export::hits::render::testing::scan();
    let hold = |hits: &HeldHits| Hold::hold(hits, &scan);
    hold(&hits);
    hold(&hits);
    let headers = [("host", HOST), ("authorization", "Bearer secret"), ("last-event-id", "0")];
    let text = site.first_events("/api/v1/events?topics=tick,hit,health", &headers, 3);
    let events: Vec<&str> = text.split("\n\n").filter(|event| !event.is_empty()).collect();
    let health =
        "event: health\ndata: {\"ok\":false,\"reasons\":[\"engine_loses: 1 flow record\"]}";
    assert_eq!(events[0], health);
    let tick = format!(
        "event: tick\ndata: {{\"t\":{END},\"bps\":8000000.0,\"pps\":1000.0,\"fps\":10.0,\"lost\":{{\"kernel\":0,\"intake\":12,\"engine\":0,\"export\":0}}}}"
    );
    assert_eq!(events[1], tick);
    assert!(events[2].starts_with("event: hit\nid: 1\ndata: {\"id\":"), "{}", events[2]);
    assert_eq!(site.ask("/events?topics=tick,nonsense", "").status, 400);
}

#[test]
fn lines_are_as_many_as_were_asked_for() {
    let site = site();
    let headers = [
        ("host", HOST),
        ("authorization", "Bearer secret"),
        ("content-type", "application/json"),
        ("accept", "text/csv"),
    ];
    let question =
        json!({"from_ms": BEGIN, "to_ms": END, "columns": ["srcip", "octets"], "limit": 2500});
    let answer = site.send(Method::POST, "/api/v1/flows", &headers, &question.to_string());
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/csv; charset=utf-8"));
    let text = String::from_utf8(answer.body).expect("text");
    assert_eq!((text.lines().count(), text.matches("srcip").count()), (2501, 1));
    let fault = site.send(Method::POST, "/api/v1/flows", &headers, "{}");
    assert_eq!((fault.status, fault.json()["error"]["code"].as_str()), (400, Some("request")));
}

#[test]
fn a_browser_comes_in_by_an_address_once() {
    let site = site();
    let host = ("host", HOST);
    let address = site.served.invitation().expect("random numbers");
    let path = address.strip_prefix("http://127.0.0.1:8686").expect("where it listens");
    let entered = site.send(Method::GET, path, &[host], "");
    assert_eq!((entered.status, entered.header("location")), (303, "/"));
    let cookie = entered.header("set-cookie");
    let shown = cookie.strip_suffix("; HttpOnly; SameSite=Strict; Path=/").expect(cookie);
    assert_eq!(site.send(Method::GET, path, &[host], "").status, 403, "a second time");
    assert_eq!(site.send(Method::GET, "/login", &[host], "").status, 403);
    let meta = "/api/v1/meta";
    assert_eq!(site.send(Method::GET, meta, &[host, ("cookie", shown)], "").status, 200);
    assert_eq!(site.send(Method::GET, meta, &[host], "").status, 401);
    let question = json!({"from_ms": BEGIN, "to_ms": END, "by": []}).to_string();
    let json = ("content-type", "application/json");
    let origin = ("origin", "http://127.0.0.1:8686");
    let ask = |headers: &[(&str, &str)]| {
        site.send(Method::POST, "/api/v1/top", headers, &question).status
    };
    assert_eq!(ask(&[host, ("cookie", shown), json, origin]), 200);
    assert_eq!(ask(&[host, ("cookie", shown), json]), 403);
    assert_eq!(ask(&[host, ("cookie", shown), json, ("origin", "http://attacker.example")]), 403);
    assert_eq!(ask(&[host, json, origin]), 401);
}

#[test]
fn every_answer_binds_the_browser() {
    let site = site();
    let token = ("authorization", "Bearer secret");
    for (method, path, headers, status) in [
        (Method::GET, "/api/v1/meta", vec![("host", HOST), token], 200),
        (Method::GET, "/api/v1/meta", vec![("host", HOST)], 401),
        (Method::GET, "/api/v1/nothing", vec![("host", HOST)], 401),
        (Method::GET, "/api/v1/nothing", vec![("host", HOST), token], 404),
        (
            Method::POST,
            "/api/v1/meta",
            vec![("host", HOST), token, ("content-type", "application/json")],
            405,
        ),
        (
            Method::OPTIONS,
            "/api/v1/top",
            vec![("host", HOST), ("origin", "http://attacker.example")],
            405,
        ),
        (Method::GET, "/api/v1/meta", vec![("host", "attacker.example"), token], 421),
        (Method::GET, "/", vec![("host", "attacker.example")], 421),
        (Method::GET, "/login?once=0", vec![("host", "attacker.example")], 421),
        (Method::GET, "/login?once=0", vec![("host", HOST)], 403),
        (Method::GET, "/nothing", vec![("host", HOST)], 404),
        (Method::POST, "/", vec![("host", HOST)], 405),
        (Method::POST, "/login", vec![("host", HOST)], 405),
    ] {
        let answer = site.send(method.clone(), path, &headers, "{}");
        assert_eq!(answer.status, status, "{method} {path} {headers:?}");
        assert_eq!(
            answer.header("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
            "{method} {path}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control")));
    }
}

#[test]
fn without_a_token_no_program_comes_in() {
    let Site { folder, .. } = site();
    let (desk, _store) = testing::desk(&[], 700, BEGIN);
    let site = site_of(desk, folder, None);
    assert_eq!(site.ask("/meta", "").status, 401);
}

#[test]
fn a_question_that_is_too_large_is_refused() {
    let site = site();
    let question = format!("{{\"q\": \"{}\"}}", "a".repeat(300 << 10));
    let answer = site.ask("/top", &question);
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (400, Some("request")));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-2_i64..40).prop_map(|n| Value::from(BEGIN as i64 + n * STEP as i64)),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec![
            "srcip",
            "dstip/24",
            "octets",
            "bps",
            "newest",
            "octets > 1",
            "label.src.role",
            "1.2",
            "+3"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let names = prop::sample::select(vec![
            "q",
            "from_ms",
            "to_ms",
            "by",
            "limit",
            "points",
            "unit",
            "metric",
            "columns",
            "order",
            "after",
            "queries",
            "period_ms",
            "prefix4",
            "prefix6",
            "bidirectional",
            "previous",
            "rank",
            "id",
            "cursor",
            "context",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(names.prop_map(str::to_owned), inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[test]
fn no_question_brings_the_sensor_down() {
    let site = site();
    proptest!(ProptestConfig::with_cases(300), |(question in any_json(), range in any::<bool>())| {
        let mut question = question;
        if range && question.is_object() {
            question["from_ms"] = BEGIN.into();
            question["to_ms"] = END.into();
        }
        let paths = [
            "/series", "/top", "/flows", "/common", "/explain", "/nql/check", "/labels/matrix", "/policies/web/dryrun",
        ];
        for path in paths {
            let answer = site.ask(path, &question.to_string());
            prop_assert!([200, 400, 404, 422].contains(&answer.status), "{path} {question}: {}", answer.status);
            answer.json();
        }
    });
}
