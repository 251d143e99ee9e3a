//! sFlow: any datagrams, one after the other, of which each begins with its length.

#![no_main]

mod stream;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| stream::collect(octets, |datagram| {
    if let Some(version) = datagram.first_chunk_mut::<4>() {
        *version = [0, 0, 0, 5];
    }
}));
