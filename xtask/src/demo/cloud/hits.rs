//! Hits, as the sensor writes them in JSON: which of the expected ones are there, and what they tell.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use serde_json::Value;

use super::story::{Flow, POLICIES, Source, TCP};

/// A policy and a source.
pub type Key = (&'static str, Source);

/// Hits that were expected and are there, the first of each policy and source.
#[derive(Debug, Default)]
pub struct Seen(BTreeMap<Key, String>);

/// Every policy must find its flow in what every source tells.
pub fn expected() -> impl Iterator<Item = (Key, Flow)> {
    POLICIES
        .into_iter()
        .flat_map(|(policy, flow)| Source::ALL.map(|source| ((policy, source), flow)))
}

impl Seen {
    /// Reads the sensor's file; `since` the flows were delivered. Returns those that are new, as text.
    pub fn read(&mut self, lines: &str, since: Duration) -> String {
        let mut new = String::new();
        // The last line may be half written.
        for line in lines.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
            for (key, flow) in expected() {
                if !self.0.contains_key(&key)
                    && let Some(text) = told(&event, key, &flow)
                {
                    let seconds = since.as_secs_f64();
                    // Writing to a `String` cannot fail.
                    let _: std::fmt::Result = write!(new, "  {seconds:4.1} s  {text}");
                    self.0.insert(key, text);
                }
            }
        }
        new
    }

    /// Expected hits that are not there.
    pub fn missing(&self) -> Vec<Key> {
        expected().map(|(key, _)| key).filter(|key| !self.0.contains_key(key)).collect()
    }
}

/// What `event` says, if it is the hit that is expected: of the policy, the source and the flow in either direction, with
/// the labels of both ends.
fn told(event: &Value, (policy, source): Key, flow: &Flow) -> Option<String> {
    let id = source.id();
    if event["algorithm"] != policy || event["alerttype"] != "hit" {
        return None;
    }
    let samples = event["sample_flows"].as_array()?;
    let sample = samples.iter().find(|sample| {
        let end = |address: &str, port: &str| {
            Some((sample[address].as_str()?.parse().ok()?, sample[port].as_u64()?.try_into().ok()?))
        };
        let ends = (end("srcip", "srcport"), end("dstip", "dstport"));
        sample["flowsrcname"] == *id
            && (ends == (Some(flow.from), Some(flow.to))
                || ends == (Some(flow.to), Some(flow.from)))
    })?;
    let end = |address: &str, port: &str| {
        let address = sample[address].as_str()?;
        let about = event["ipinfo"].as_array()?.iter().find(|about| about["ip"] == address)?;
        let label = |name: &str| about["label"][name][0].as_str();
        Some(format!(
            "{address}:{} ({}, {}, {})",
            sample[port],
            label("name")?,
            label("securitygroup")?,
            label("cloud")?
        ))
    };
    let protocol = if flow.protocol == TCP { "tcp" } else { "udp" };
    let severity = event["severity"].as_str()?;
    Some(format!(
        "{severity:<6}  {policy:<28}  {:<6}  {id}\n{:10}{protocol} {} > {}\n",
        source.name(),
        "",
        end("srcip", "srcport")?,
        end("dstip", "dstport")?
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::story::FORBIDDEN, *};

    fn event(source: Source, group: &str) -> Value {
        let label = |ip, name, group| json!({ "ip": ip, "label": { "name": [name], "securitygroup": [group], "cloud": ["aws"] } });
        json!({
            "algorithm": "production_meets_development", "alerttype": "hit", "severity": "high",
            "sample_flows": [{
                "flowsrcname": source.id(), "srcip": FORBIDDEN.to.0, "srcport": FORBIDDEN.to.1,
                "dstip": FORBIDDEN.from.0, "dstport": FORBIDDEN.from.1,
            }],
            "ipinfo": [label(FORBIDDEN.to.0, "database", group), label(FORBIDDEN.from.0, "build", "development")],
        })
    }

    #[test]
    fn a_hit_counts_once_for_its_source_and_in_either_direction() {
        let mut seen = Seen::default();
        let line = format!("{}\n", event(Source::Azure, "production"));
        let text = seen.read(&line, Duration::ZERO);
        assert!(
            text.contains("10.10.1.10:5432 (database, production, aws) > 10.20.1.10"),
            "{text}"
        );
        assert_eq!(seen.read(&line, Duration::ZERO), "");
        assert_eq!(seen.missing().len(), 5);
        assert!(!seen.missing().contains(&("production_meets_development", Source::Azure)));
    }

    #[test]
    fn what_is_something_else_or_half_written_does_not_count() {
        let whole = event(Source::Aws, "production");
        let with = |pointer: &str, value: Value| {
            let mut event = whole.clone();
            *event.pointer_mut(pointer).unwrap() = value;
            format!("{event}\n")
        };
        for line in [
            whole.to_string(),
            with("/algorithm", json!("another")),
            with("/alerttype", json!("start")),
            with("/sample_flows/0/flowsrcname", json!("another")),
            with("/sample_flows/0/dstport", json!(1)),
            with("/ipinfo/0/label", json!({ "name": ["database"] })),
            "nonsense\n".to_owned(),
        ] {
            let mut seen = Seen::default();
            assert_eq!(seen.read(&line, Duration::ZERO), "", "{line}");
            assert_eq!(seen.missing().len(), 6);
        }
    }
}
