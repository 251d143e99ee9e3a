//! What is known about addresses: labels, networks, bogons, geography, AS and reputation, made into address profiles.
//!
//! Texts and bytes in, tables out: files are opened elsewhere.
//!
//! * [`sources`]: collects what is stated; [`formats`] reads files of labels and lists, [`import`] what clouds print.
//! * [`combine`]: statements about prefixes become one combination for each address, found by a [trie](crate::flow::trie).
//! * [`geography`]: MMDB files.
//! * [`context`]: the tables as a whole, never changed but for the profiles that are discovered; [`active`]: the context
//!   in force, and what policies have learned.
//! * [`enricher`]: fills the profile columns of batches; `brought`: labels that records bring themselves; [`networks`]: labels of
//!   addresses that several virtual networks have.
//! * [`about`]: everything that is stated about one address, and where.

pub mod about;
pub mod active;
pub mod bogons;
mod brought;
pub mod combine;
pub mod context;
pub mod enricher;
pub mod formats;
pub mod geography;
pub mod import;
pub mod interner;
pub mod learned;
pub mod networks;
mod point_networks;
pub mod sources;
pub mod statement;
