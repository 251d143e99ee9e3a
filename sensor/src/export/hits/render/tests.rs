//! Every form of every event, pinned by files, and read again by those who should be able to.
//!
//! `UPDATE_EXPECT=1` writes the golden files anew; read the difference before you commit it.

use std::{fs, path::Path};

use sensor_core::flow::fields::OwnedValue;

use super::{
    testing::{end, hit, scan},
    *,
};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/hits");

fn sender(format: Format) -> syslog::Sender {
    syslog::Sender {
        facility: 16,
        host: "host.example".into(),
        tag: "sensor".into(),
        process: 42,
        enterprise: 32_473,
        format,
    }
}

#[test]
fn every_form_is_as_it_was() {
    for (name, event) in [("scan", scan()), ("end", end()), ("hit", hit())] {
        let mut forms: Vec<(&str, Vec<u8>)> = Vec::new();
        for format in Format::ALL {
            let mut out = Vec::new();
            format.write(&mut out, &event, Detail::Full);
            forms.push((format.name(), out));
        }
        let mut out = Vec::new();
        text::write(&mut out, &event, text::Style { colour: true, verbose: true });
        forms.push(("terminal", out));
        forms.push(("syslog", syslog::message(&event, &sender(Format::Cef))));
        let fields = journal::fields(&event, "sensor");
        // The lengths of values with line ends are octets that are no text.
        forms.push(("journal", String::from_utf8_lossy(&fields).into_owned().into_bytes()));
        for (form, mut found) in forms {
            found.push(b'\n');
            let path = Path::new(GOLDEN).join(format!("{name}.{form}"));
            if std::env::var_os("UPDATE_EXPECT").is_some() {
                fs::create_dir_all(GOLDEN).unwrap();
                fs::write(&path, &found).unwrap();
            }
            let expected = fs::read(&path).unwrap_or_default();
            let [found, expected] =
                [found, expected].map(|text| String::from_utf8_lossy(&text).into_owned());
            assert_eq!(found, expected, "{name}.{form}");
        }
    }
}

#[test]
fn no_form_of_one_line_has_two() {
    for event in [scan(), end(), hit()] {
        for format in Format::ALL {
            let message = syslog::message(&event, &sender(format));
            assert!(
                !message.iter().any(u8::is_ascii_control),
                "{}",
                String::from_utf8_lossy(&message)
            );
        }
    }
}

#[test]
fn a_long_message_is_shortened_by_its_flows_first() {
    let mut event = scan();
    event.samples = vec![vec![("payload", OwnedValue::Text("ä".repeat(5000).into()))]];
    let message = syslog::message(&event, &sender(Format::Json));
    let start = message.windows(3).position(|part| part == b"] {").unwrap() + 2;
    let json: serde_json::Value = serde_json::from_slice(&message[start..]).unwrap();
    assert!(json.get("sample_flows").is_none() && json["ipinfocount"] == 2);

    let mut policy = (*event.policy).clone();
    policy.description = "ä".repeat(5000);
    event.policy = policy.into();
    let message = syslog::message(&event, &sender(Format::Json));
    assert!(message.len() <= syslog::MESSAGE_LIMIT);
    std::str::from_utf8(&message).expect("cut between characters");
}

#[test]
fn a_frame_is_counted_in_octets() {
    let mut out = Vec::new();
    syslog::frame(&mut out, "ä".as_bytes());
    syslog::frame(&mut out, b"");
    assert_eq!(out, "2 ä0 ".as_bytes());
}

#[test]
fn times_that_have_no_form_do_no_harm() {
    let event = Alert { timestamp: u64::MAX, start: u64::MAX, end: 0, ..scan() };
    for format in Format::ALL {
        syslog::message(&event, &sender(format));
    }
}
