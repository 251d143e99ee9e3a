//! Where rows go, and how they are cut into lots.

use std::{fmt, time::Duration};

use sensor_core::nql::sql::{Place, TableOptions};

use crate::export::net::{
    http::{Credentials, origin},
    tls::TlsOptions,
};

/// A table of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClickHouseOptions {
    /// The server: `http://HOST:8123`, `https://HOST:8443`.
    pub url: String,
    /// The table.
    pub table: TableOptions,
    /// How the sensor says who it is.
    pub credentials: Option<Credentials>,
    /// How the server is verified.
    pub tls: TlsOptions,
    /// What rows say about who wrote them.
    pub sensor: String,
    /// A lot is complete with so many rows.
    pub lot_rows: u64,
    /// A lot is complete at this age.
    pub lot_age: Duration,
    /// How long the server may take to answer.
    pub timeout: Duration,
    /// Whether rows travel compressed.
    pub compress: bool,
}

impl ClickHouseOptions {
    /// Those of a place that a command names: what is asked there, not how lots are cut.
    pub fn of_place(place: &Place) -> Self {
        Self {
            url: place.url.clone(),
            table: place.table.clone(),
            credentials: None,
            tls: TlsOptions::default(),
            sensor: String::new(),
            lot_rows: 1,
            lot_age: Duration::from_secs(1),
            timeout: Duration::from_mins(10),
            compress: false,
        }
    }
}

impl fmt::Display for ClickHouseOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "clickhouse {}", origin(&self.url))
    }
}
