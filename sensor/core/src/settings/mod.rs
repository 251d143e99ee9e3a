//! Settings that people write in TOML: the configuration and policies.
//!
//! serde stops at the first fault of a file; a person wants all of them at once. So a table is declared once by
//! `schema::table`, with type, default and documentation of each key, and that declaration gives the struct, the list of
//! keys and the reader, which goes on after each fault and knows the place of everything.

pub mod document;
pub mod named;
pub mod schema;
pub mod value;
