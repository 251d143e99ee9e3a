//! DNS records: who asked for which name, when, and what the answer was. Whoever observes queries, as the log of a cloud's resolver,
//! makes a [`DnsRecord`] of each; a [`DnsBatch`] keeps them in columns; the fields of NQL's `dns` context are read from its rows.
//!
//! * [`record`]: a record as it comes. [`batch`]: many of them. [`row`]: the fields of one.
//! * [`name`]: names in one form, and their parts. [`complexity`]: a score of a name. [`codes`]: IANA's names of types, classes and
//!   response codes. [`source`]: who observes.

pub mod batch;
pub mod codes;
pub mod complexity;
pub mod name;
pub mod record;
pub mod row;
pub mod source;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use batch::DnsBatch;
pub use record::{Code, DnsAnswer, DnsRecord};
pub use row::DnsRow;
pub use source::DnsSource;
