//! The keys by which a receiver is verified and the sensor proves who it is, the same for collectors and outputs of hits.

use std::path::PathBuf;

use sensor_core::settings::schema::{Key, Setting, Table, Value, table};

table! {
    /// `[collector.tls]`, `[hits.tls]`
    Tls {
        /// PEM file of the authorities to trust; without it, those of the system.
        ca: Option<PathBuf> = None;
        /// PEM file of the sensor's own certificate chain.
        certificate: Option<PathBuf> = None;
        /// PEM file of the key of `certificate`.
        key: Option<PathBuf> = None;
        /// Name that the collector's certificate must carry; without it, the host of the URL.
        server_name: Option<String> = None;
    }
}
