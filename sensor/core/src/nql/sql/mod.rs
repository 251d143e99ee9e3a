//! Queries as SQL: the condition of a `WHERE` that selects just the records which the query selects.
//!
//! `translate` makes one form ([`expression::Expr`]) of a typed query; a printer per [`Dialect`] makes text of it. Records are those that
//! the store writes ([`stored`]): DuckDB reads its Parquet files, ClickHouse a table that has the same columns. `values` says how each
//! kind of field follows from them, beside `flow/fields`, which says it for batches; `named` has the fields that are functions there.
//!
//! Rules that hold in every dialect:
//!
//! * **A condition is true or false, never NULL**, or `NOT` would not be the opposite. What is not told fulfils nothing.
//! * **Addresses are of 16 octets**, IPv4 mapped (`::ffff:a.b.c.d`): `0.0.0.0/0` are the mapped ones, and `::/0` all others.
//! * **Labels are those of then**: of the profile that the record was stored with.
//! * **What cannot be said is a [`Refusal`]** that names the condition and why, never a query that answers something else. So is a field
//!   that nobody has translated.
//!
//! The oracle is `reference`; the test `tests/tests/sql` holds the engines against it.

mod clickhouse;
mod duckdb;
pub mod expression;
mod named;
mod opened;
mod place;
mod predicate;
mod print;
mod refusal;
pub mod stored;
mod table;
#[cfg(test)]
mod tests;
mod translate;
mod values;

pub use self::{
    place::{Place, PlaceError},
    print::{identifier, text},
    refusal::{Refusal, Why},
    table::{Layout, TableOptions, create_table, files},
    translate::{bucket, condition, grouped, in_decimal, is_list, is_v4, received, sum},
};

/// Whose SQL it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// ClickHouse, over the table of [`create_table`].
    ClickHouse,
    /// DuckDB, over the Parquet files of the store.
    DuckDb,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::ClickHouse, Self::DuckDb];

    /// Its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClickHouse => "ClickHouse",
            Self::DuckDb => "DuckDB",
        }
    }
}
