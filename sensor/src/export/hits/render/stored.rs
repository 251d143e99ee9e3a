//! An event as it is stored: the JSON object, and before all else when it came and when the flows that it is about were received; so that
//! whoever finds the one finds the others. They are the records of that time that fulfil `search` and have what `tracked` says.

use std::fmt::Write as _;

use sensor_core::policy::alert::Alert;

use super::json::{self, Detail};

/// How far clocks may be apart, and records be under way, milliseconds.
const SLACK: u64 = 60_000;

/// Appends the object, without a line end. `now` is milliseconds since the epoch.
pub fn write(out: &mut Vec<u8>, event: &Alert, now: u64) {
    let window = u64::from(event.policy.window) * 1000;
    let begun = event.start.min(event.timestamp.saturating_sub(window));
    let (from, to) = (begun.min(now).saturating_sub(SLACK), now + SLACK);
    let mut head = String::new();
    // Into memory.
    let _: std::fmt::Result =
        write!(head, r#"{{"stored":{{"received":{now},"flows":{{"from":{from},"to":{to}}}}},"#);
    let begin = out.len();
    json::write(out, event, Detail::Full);
    // In place of its brace.
    out.splice(begin..=begin, head.into_bytes());
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::export::hits::render::testing::{hit, scan};

    #[test]
    fn the_event_says_when_its_flows_were_received() {
        for event in [scan(), hit()] {
            let now = event.timestamp + 5000;
            let (mut stored, mut plain) = (b"before".to_vec(), Vec::new());
            write(&mut stored, &event, now);
            json::write(&mut plain, &event, Detail::Full);
            let mut stored: Value = serde_json::from_slice(&stored[6..]).expect("JSON");
            let own = stored.as_object_mut().expect("an object").remove("stored").expect("a key");
            assert_eq!(stored, serde_json::from_slice::<Value>(&plain).expect("JSON"));
            assert_eq!(own["received"], now);
            let from = own["flows"]["from"].as_u64().expect("a number");
            let window = u64::from(event.policy.window) * 1000;
            assert!(from + SLACK <= event.start && from + window + SLACK <= event.timestamp);
            assert_eq!(own["flows"]["to"], now + SLACK);
        }
    }
}
