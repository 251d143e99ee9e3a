//! NetFlow 5, 7 and 9: any datagrams, one after the other, of which each begins with its length.

#![no_main]

mod stream;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| stream::collect(octets, |datagram| {
    // Whatever the version word says, it is one of these.
    if let Some(version) = datagram.first_chunk_mut::<2>() {
        *version = [0, [5, 7, 9][usize::from(version[1]) % 3]];
    }
}));
