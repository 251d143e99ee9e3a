//! How the tables of the configuration file are declared: like any table of settings; a key that stands in the wrong
//! section is told which is its own.

pub use crate::settings::schema::{Key, Origin, Setting, Table, Value};

/// As [`crate::settings::schema::table`], for sections of the configuration file.
macro_rules! table {
    ($($declaration:tt)*) => {
        $crate::settings::schema::table! {
            @in $crate::agent::config::raw::Raw;
            $($declaration)*
        }
    };
}

pub(super) use table;
