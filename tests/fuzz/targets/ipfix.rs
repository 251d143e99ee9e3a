//! IPFIX: any messages, one after the other, of which each begins with its length; through the decoder, and the strict
//! decoder that looks into files.

#![no_main]

mod stream;

use libfuzzer_sys::fuzz_target;
use sensor_wire::ipfix::decode::{MessageDecoder, split_message};

fuzz_target!(|octets: &[u8]| {
    stream::collect(octets, |datagram| {
        if let Some(version) = datagram.first_chunk_mut::<2>() {
            *version = [0, 10];
        }
    });
    let mut decoder = MessageDecoder::default();
    let mut rest = octets;
    while let Some((message, behind)) = split_message(rest) {
        // Malformed is an answer, too.
        let _ = decoder.decode(message);
        assert!(behind.len() < rest.len());
        rest = behind;
    }
});
