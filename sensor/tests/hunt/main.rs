//! `sensor hunt` and `sensor store` as a user types them, on a store that the test makes; what is right, a plain loop over the same
//! records says.

mod answers;
#[expect(dead_code, reason = "shared with the tests of decoders, which need more of it")]
#[path = "../captured/mod.rs"]
mod captured;
mod elsewhere;
mod faults;
mod files;
mod folders;
mod policies;
mod support;
