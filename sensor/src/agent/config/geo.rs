//! `[geo]`: countries, cities and AS.

use std::path::PathBuf;

use sensor_core::settings::schema::{Key, Setting, Table, Value, table};

table! {
    /// `[geo]`
    Geo {
        /// MMDB file of countries.
        country: Option<PathBuf> = None;
        /// MMDB file of AS.
        asn: Option<PathBuf> = None;
        /// MMDB file of cities.
        city: Option<PathBuf> = None;
    }
}
