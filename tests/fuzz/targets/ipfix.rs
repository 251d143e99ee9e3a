//! The IPFIX decoder: any stream of messages, with the templates that came before.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sensor::wire::ipfix::decode::{Decoder, split_message};

fuzz_target!(|stream: &[u8]| {
    let mut decoder = Decoder::default();
    let mut rest = stream;
    while let Some((message, behind)) = split_message(rest) {
        // Malformed is an answer, too.
        let _ = decoder.decode(message);
        assert!(behind.len() < rest.len());
        rest = behind;
    }
});
