//! How the tables of the configuration file are declared: like any table of settings; a key that stands in the wrong
//! section is told which is its own.

/// As [`sensor_core::settings::schema::table`], for sections of the configuration file.
macro_rules! table {
    ($($declaration:tt)*) => {
        $crate::agent::config::schema::settings_table! {
            @in $crate::agent::config::raw::Raw;
            $($declaration)*
        }
    };
}

pub use sensor_core::settings::schema::{
    Key, Origin, Setting, Table, Value, table as settings_table, wrong_kind,
};
pub(super) use table;
