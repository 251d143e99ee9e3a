//! The packet parser: any bytes, any length on the wire; what it returns must contain together.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sensor_common::{packet, segments::Segments, table::Increment};

fuzz_target!(|input: (u16, &[u8])| {
    let (beyond, frame) = input;
    let length = frame.len() as u32 + u32::from(beyond);
    if let Ok(headers) = packet::parse(frame, length) {
        assert!(headers.octets + headers.link_length <= length);
        assert!(headers.headers_length >= headers.link_length);
        let once = Increment::new(&headers, length, &Segments::ONE);
        assert_eq!(once.octets + once.overhead, length);
    }
});
