//! Where rows go, and how they are cut into lots.

use std::{fmt, time::Duration};

use sensor_core::nql::sql::{Place, TableOptions};

use crate::export::{
    lots::lot::{Form, LotOptions},
    net::{
        http::{Credentials, origin},
        tls::TlsOptions,
    },
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
    /// How records are cut into lots.
    pub lots: LotOptions,
    /// How long the server may take to answer.
    pub timeout: Duration,
}

impl ClickHouseOptions {
    /// Those of a place that a command names: what is asked there, not how lots are cut.
    pub fn of_place(place: &Place) -> Self {
        Self {
            url: place.url.clone(),
            table: place.table.clone(),
            credentials: None,
            tls: TlsOptions::default(),
            lots: LotOptions {
                sensor: String::new(),
                form: Form::RowBinary,
                compress: false,
                rows: 1,
                octets: 1,
                age: Duration::from_secs(1),
            },
            timeout: Duration::from_mins(10),
        }
    }
}

impl fmt::Display for ClickHouseOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "clickhouse {}", origin(&self.url))
    }
}
