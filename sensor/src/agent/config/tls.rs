//! The keys by which a receiver is verified and the sensor proves who it is, the same for collectors and outputs of hits.

use std::path::PathBuf;

use sensor_core::settings::schema::{Key, Setting, Table, Value, table};

use super::faults::Faults;
use crate::export::net::tls::TlsOptions;

table! {
    /// `[collector.tls]`, `[hits.tls]`, `[clickhouse.tls]`
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

/// Judges the keys of the table in `section`: a certificate and its key are of no use alone.
pub(super) fn resolve(
    raw: &Setting<Option<Tls>>,
    section: &str,
    faults: &mut Faults,
) -> TlsOptions {
    let tls = raw.value.clone().unwrap_or_default();
    for (given, other, name, missing) in [
        (&tls.certificate, &tls.key, "certificate", "key"),
        (&tls.key, &tls.certificate, "key", "certificate"),
    ] {
        if given.is_given() && !other.is_given() {
            let path = format!("{section}.tls.{name}");
            faults.report(given, &path, &format!("requires `{missing}`"), "there is none");
        }
    }
    TlsOptions {
        ca: tls.ca.value,
        certificate: tls.certificate.value,
        key: tls.key.value,
        server_name: tls.server_name.value,
    }
}
