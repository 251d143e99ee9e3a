//! `sensor hunt` and `sensor store` as a user types them, on a store that the test makes; what is right, a plain loop over the same
//! records says.

mod answers;
mod faults;
mod files;
mod folders;
mod support;
