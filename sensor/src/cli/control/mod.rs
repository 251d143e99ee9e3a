//! `sensor status`, `sensor tap`, `sensor page`, `sensor reload`: verbs that ask the running agent, by its control socket (`client`).

#[expect(clippy::disallowed_types, reason = "edge: the control socket")]
mod client;

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use clap::{Args, ValueEnum, ValueHint};
use sensor_core::diagnostic::Findings;
use serde::Serialize;
use serde_json::{Map, Value};

use self::client::{Answer, Client};
use super::{
    exit::Failure,
    report::{Body, JsonArgs, Outcome, report},
};
use crate::{
    agent::{
        config::{self, control::SOCKET},
        control::{HEALTH, MOST_A_SECOND},
        plant::view::REMARK,
    },
    stdio,
};

/// Closes the help of `status`.
pub const STATUS_EXAMPLES: &str = "\
Examples:
  sensor status                          one screen; exit code 1 if the sensor is not healthy
  sensor status --json | jq .health      for scripts (sensor/docs/status.md)";

/// Closes the help of `tap`.
pub const TAP_EXAMPLES: &str = "\
Examples:
  sensor tap 'dstport == 53'
  sensor tap --format json 'srcip == 10.0.0.0/8' | jq .octets
  sensor tap --count 20 'tcpflags.rst == true'";

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a reload may take.
const LONG: Duration = Duration::from_mins(10);

/// Which agent is asked.
#[derive(Args, Debug)]
pub struct SocketArgs {
    /// Control socket of the sensor [default: /run/sensor/control.sock]
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, conflicts_with = "config")]
    pub socket: Option<PathBuf>,

    /// Configuration file of the sensor; its `control.socket` applies
    #[arg(long, value_name = "F", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
}

/// Arguments of `status`.
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// Which agent is asked.
    #[command(flatten)]
    pub socket: SocketArgs,

    /// For people or programs.
    #[command(flatten)]
    pub json: JsonArgs,
}

/// Arguments of `reload`.
#[derive(Args, Debug)]
pub struct ReloadArgs {
    /// Which agent is asked.
    #[command(flatten)]
    pub socket: SocketArgs,

    /// For people or programs.
    #[command(flatten)]
    pub json: JsonArgs,
}

/// Arguments of `page`.
#[derive(Args, Debug)]
pub struct PageArgs {
    /// Which agent is asked.
    #[command(flatten)]
    pub socket: SocketArgs,
}

/// Arguments of `tap`.
#[derive(Args, Debug)]
pub struct TapArgs {
    /// Query in NQL; without it, all flows
    #[arg(value_name = "QUERY", default_value = "", hide_default_value = true)]
    pub query: String,

    /// Output format [default: text on a terminal, JSON elsewhere]
    #[arg(long, value_name = "FORM")]
    pub format: Option<TapForm>,

    /// Maximum number of flows per second; if more match, they are sampled, and stderr says so
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=MOST_A_SECOND))]
    pub rate: u64,

    /// Stop after this many flows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,

    /// Which agent is asked.
    #[command(flatten)]
    pub socket: SocketArgs,
}

/// A form of flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TapForm {
    /// One aligned line each
    Text,
    /// One JSON object per line
    Json,
}

impl SocketArgs {
    fn client(&self) -> anyhow::Result<Client> {
        let path = match (&self.socket, &self.config) {
            (Some(path), _) => path.clone(),
            (None, None) => SOCKET.into(),
            (None, Some(file)) => config::load_control(file)
                .context("cannot find out where the sensor listens; name its socket with --socket")?
                .socket
                .ok_or_else(|| {
                    Failure::usage(format!("{} disables the control socket", file.display()))
                })?,
        };
        Client::new(path)
    }
}

/// What the agent has answered, with the text that people see.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    document: Map<String, Value>,
    #[serde(skip)]
    text: String,
}

impl Body for Told {
    fn text(&self) -> String {
        self.text.clone()
    }
}

fn object(answer: &Answer) -> anyhow::Result<Map<String, Value>> {
    Ok(serde_json::from_slice(&answer.body)?)
}

/// Shows how the agent is doing; fails if it is not healthy.
pub fn status(arguments: &StatusArgs) -> anyhow::Result<()> {
    report(arguments.json, ask_status(arguments))
}

fn ask_status(arguments: &StatusArgs) -> anyhow::Result<Outcome<Told>> {
    let client = arguments.socket.client()?;
    let (format, json) = if arguments.json.json { ("json", true) } else { ("text", false) };
    let answer = client.ask("GET", &format!("/v1/status?format={format}"), PATIENCE)?;
    let body = match json {
        true => Told { document: object(&answer)?, text: String::new() },
        false => Told { document: Map::new(), text: answer.text() },
    };
    let failure = (answer.header(HEALTH) != Some("ok"))
        .then(|| Failure::other("the sensor is not healthy; see the reasons above"));
    Ok(Outcome { body, findings: Findings::default(), failure })
}

/// Prints an address at which a browser is let in, once.
pub fn page(arguments: &PageArgs) -> anyhow::Result<()> {
    let client = arguments.socket.client()?;
    let answer = client.ask("POST", "/v1/page", PATIENCE)?;
    Ok(stdio::print(answer.text())?)
}

/// Has the agent reload; fails if anything old stays in force.
pub fn reload(arguments: &ReloadArgs) -> anyhow::Result<()> {
    report(arguments.json, ask_reload(arguments))
}

fn ask_reload(arguments: &ReloadArgs) -> anyhow::Result<Outcome<Told>> {
    let client = arguments.socket.client()?;
    let document = object(&client.ask("POST", "/v1/reload", LONG)?)?;
    let complete = document.get("complete") == Some(&Value::Bool(true));
    let failure = (!complete).then(|| match is_refused(&document) {
        true => Failure::other("reload refused: nothing was changed"),
        false => {
            Failure::other("the reload is incomplete: what is named above stays in force as it was")
        }
    });
    let body = Told { text: of_reload(&document), document };
    Ok(Outcome { body, findings: Findings::default(), failure })
}

/// Whether a reload has changed nothing.
fn is_refused(document: &Map<String, Value>) -> bool {
    let mut kept = document.get("kept").and_then(Value::as_array).into_iter().flatten();
    kept.any(|kept| kept.get("what").and_then(Value::as_str) == Some("configuration"))
}

/// What came of a reload, for people.
fn of_reload(document: &Map<String, Value>) -> String {
    let texts = |key: &str| -> Vec<&str> {
        let list = document.get(key).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let number = |key: &str| document.get(key).and_then(Value::as_u64).unwrap_or(0);
    let mut text = String::new();
    for (keys, what) in [(texts("applied"), "applied"), (texts("restart"), "needs a restart")] {
        keys.iter().for_each(|key| text.push_str(&format!("{key}: {what}\n")));
    }
    let refused = is_refused(document);
    for kept in document.get("kept").and_then(Value::as_array).into_iter().flatten() {
        let part = |key: &str| kept.get(key).and_then(Value::as_str).unwrap_or_default();
        match refused {
            true => text.push_str(&format!("{}\n", part("why"))),
            false => text.push_str(&format!("kept the old {}: {}\n", part("what"), part("why"))),
        }
    }
    if document.get("complete") == Some(&Value::Bool(true)) {
        text.push_str(&format!(
            "reloaded in {} ms: {} policies active, {} of them new or changed\n",
            number("took_ms"),
            number("policies"),
            number("policies_changed")
        ));
    }
    text
}

/// Shows live flows until there are enough, or the agent or the reader ends.
pub fn tap(arguments: &TapArgs) -> anyhow::Result<()> {
    let client = arguments.socket.client()?;
    let form = arguments.format.unwrap_or(match stdio::output_is_terminal() {
        true => TapForm::Text,
        false => TapForm::Json,
    });
    let form = match form {
        TapForm::Text => "text",
        TapForm::Json => "json",
    };
    let parameters = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("filter", &arguments.query)
        .append_pair("format", form)
        .append_pair("rate", &arguments.rate.to_string())
        .finish();
    let mut left = arguments.count.unwrap_or(u64::MAX);
    client.stream(&format!("/v1/tap?{parameters}"), PATIENCE, |line| {
        // A heading, and what is not shown.
        if let Some(remark) = line.strip_prefix(REMARK) {
            stdio::note(remark);
            return Ok(true);
        }
        stdio::print(format_args!("{line}\n"))?;
        left -= 1;
        Ok(left > 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_what_a_reload_has_done() {
        let document = serde_json::json!({
            "complete": true, "applied": ["log.level"], "restart": ["flow.idle_timeout"], "kept": [],
            "policies": 3, "policies_changed": 1, "took_ms": 12,
        });
        assert_eq!(
            of_reload(document.as_object().expect("an object")),
            "log.level: applied\nflow.idle_timeout: needs a restart\n\
             reloaded in 12 ms: 3 policies active, 1 of them new or changed\n"
        );
        let document = serde_json::json!({
            "complete": false, "applied": [], "restart": [], "policies": 0, "policies_changed": 0,
            "kept": [{ "what": "configuration", "why": "the configuration has 1 fault" }], "took_ms": 1,
        });
        assert_eq!(
            of_reload(document.as_object().expect("an object")),
            "the configuration has 1 fault\n"
        );
        assert!(is_refused(document.as_object().expect("an object")));
        let document = serde_json::json!({ "kept": [{ "what": "outputs", "why": "it is full" }] });
        assert_eq!(
            of_reload(document.as_object().expect("an object")),
            "kept the old outputs: it is full\n"
        );
    }
}
