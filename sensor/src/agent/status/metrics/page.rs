//! `docs/metrics.md`: its table is the one of the code.

use std::{env, fs};

use super::{
    metric::{Kind, Metric},
    table::all,
};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
const BEGIN: &str = "| metric | type | labels | meaning |\n|---|---|---|---|\n";

fn row(metric: &Metric) -> String {
    let kind = match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
        Kind::Info => "info",
    };
    let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
    format!("| `{}` | {kind} | {} | {} |\n", metric.name(), labels.join(", "), metric.help)
}

/// `UPDATE_EXPECT=1 cargo test -p sensor --lib metrics` writes it.
#[test]
fn the_page_has_every_metric() {
    let page = fs::read_to_string(PAGE).expect("the page is there");
    let (before, rest) = page.split_once(BEGIN).expect("the page has the table");
    let after: String = rest
        .lines()
        .skip_while(|line| line.starts_with('|'))
        .fold(String::new(), |text, line| text + line + "\n");
    let rows: String = all().map(row).collect();
    let expected = format!("{before}{BEGIN}{rows}{after}");
    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(PAGE, &expected).expect("the page can be written");
    }
    assert_eq!(fs::read_to_string(PAGE).expect("the page is there"), expected);
}

/// What dashboards and alerts ask for is exported, and the page says which labels they may use.
#[test]
fn dashboards_and_alerts_name_only_what_is_exported() {
    let known: Vec<String> = all()
        .flat_map(|metric| {
            let name = metric.name();
            let parts = ["_bucket", "_count", "_sum"].map(|part| format!("{name}{part}"));
            let parts = if metric.kind == Kind::Histogram { parts.to_vec() } else { Vec::new() };
            [name].into_iter().chain(parts)
        })
        .collect();
    for file in ["grafana-dashboard.json", "prometheus-alerts.yml", "prometheus-alerts.test.yml"] {
        let path = format!("{}/deploy/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let words = text.split(|c| !is_part(c));
        let named: Vec<&str> = words
            .filter(|word| word.starts_with("sensor_") || word.starts_with("process_"))
            .collect();
        assert!(named.len() > 10, "{file} names {} metrics", named.len());
        for name in named {
            assert!(known.iter().any(|known| known == name), "{file}: {name} is not exported");
        }
    }
}
