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

table! {
    /// `[kafka.tls]`, `[nats.tls]`: of several hosts, each with its name.
    ClusterTls {
        /// PEM file of the authorities to trust; without it, those of the system.
        ca: Option<PathBuf> = None;
        /// PEM file of the sensor's own certificate chain.
        certificate: Option<PathBuf> = None;
        /// PEM file of the key of `certificate`.
        key: Option<PathBuf> = None;
    }
}

/// Judges the keys of the table in `section`.
pub(super) fn resolve(
    raw: &Setting<Option<Tls>>,
    section: &str,
    faults: &mut Faults,
) -> TlsOptions {
    let tls = raw.value.clone().unwrap_or_default();
    pair(&tls.certificate, &tls.key, section, faults);
    TlsOptions {
        ca: tls.ca.value,
        certificate: tls.certificate.value,
        key: tls.key.value,
        server_name: tls.server_name.value,
    }
}

/// The same of a cluster; None where there is no such table.
pub(super) fn of_cluster(
    raw: &Setting<Option<ClusterTls>>,
    section: &str,
    faults: &mut Faults,
) -> Option<TlsOptions> {
    let tls = raw.value.clone()?;
    pair(&tls.certificate, &tls.key, section, faults);
    Some(TlsOptions {
        ca: tls.ca.value,
        certificate: tls.certificate.value,
        key: tls.key.value,
        server_name: None,
    })
}

/// A certificate and its key are of no use alone.
fn pair(
    certificate: &Setting<Option<PathBuf>>,
    key: &Setting<Option<PathBuf>>,
    section: &str,
    faults: &mut Faults,
) {
    for (given, other, name, missing) in
        [(certificate, key, "certificate", "key"), (key, certificate, "key", "certificate")]
    {
        if given.is_given() && !other.is_given() {
            let path = format!("{section}.tls.{name}");
            faults.report(given, &path, &format!("requires `{missing}`"), "there is none");
        }
    }
}
