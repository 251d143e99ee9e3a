//! Policy files: any text is read or refused with faults that have places, and what is read can be
//! compiled.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sensor_core::policy::{
    detector::{Detector, Rules},
    load::{PolicyFile, load},
    stock,
};

fuzz_target!(|input: (bool, &str)| {
    let (json, text) = input;
    let path = if json { "policies.json" } else { "policies.toml" };
    let file = PolicyFile { path: path.to_owned(), text: text.to_owned() };
    let loaded = load(&[file], &stock::lists());
    assert_eq!(loaded.report().is_empty(), loaded.faults.is_empty());
    Detector::new(Rules::new(loaded.policies), 0, "host");
});
