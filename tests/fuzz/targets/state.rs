//! State files of what is followed: any octets, and any steps behind true checksums. What is read is kept to the same, and a file
//! that is cut short is a state before or none.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sensor::agent::cloud::follow::{
    journal::{file_of, kept},
    state::State,
};

fn again(state: &State) -> State {
    let json = serde_json::to_vec(&state.whole()).expect("it is JSON");
    kept(&file_of([&json[..]].into_iter())).expect("what is written is read")
}

fuzz_target!(|input: (u8, u16, &[u8])| {
    let (choice, cut, octets) = input;
    let octets = if choice & 1 == 0 {
        octets.to_vec()
    } else {
        file_of(octets.split(|octet| *octet == b'\n'))
    };
    let Ok(state) = kept(&octets) else { return };
    assert_eq!(again(&state), state);
    let cut = &octets[..octets.len().saturating_sub(usize::from(cut))];
    if let Ok(before) = kept(cut) {
        assert!(before.count() <= state.count());
        assert!(before.floor <= state.floor);
    }
});
