//! `sensor decode` and `sensor replay` of cloud flow logs, of made logs in whatever form they are delivered.
//!
//! * `lines`: AWS, as text. `forms`: AWS in other forms. `json`: Google Cloud and Oracle Cloud. `two_way`: Azure and IBM Cloud. `pairs`: each
//!   format read as every other.

mod forms;
mod json;
mod lines;
#[path = "../support/packed.rs"]
mod packed;
mod pairs;
mod program;
#[path = "../../wire/src/cloud/columnar/testing.rs"]
mod testing;
mod two_way;
