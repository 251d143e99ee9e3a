//! `[[clickhouse]]`: tables of ClickHouse that flow records are inserted into.

use std::{path::PathBuf, time::Duration};

use sensor_core::{
    nql::sql::TableOptions,
    settings::schema::{Key, Setting, Table, Value, table},
};

use super::{
    faults::Faults,
    lots,
    tls::{self, Tls},
};
use crate::export::{
    clickhouse::options::ClickHouseOptions,
    lots::lot::{Form, LotOptions},
    net::http::Credentials,
};

table! {
    /// `[[clickhouse]]`
    ClickHouse {
        /// `https://HOST:8443` or `http://HOST:8123`.
        url: Option<String> = None;
        /// Data base.
        database: String = "default".to_owned();
        /// Table, which `sensor store init` makes.
        table: String = "flows".to_owned();
        /// File with `user:password`.
        basic_auth_file: Option<PathBuf> = None;
        /// What rows say about who wrote them; without it, the name of the host.
        sensor: Option<String> = None;
        /// Rows that are inserted together.
        lot_rows: u64 = 50_000;
        /// How long rows wait for others at most.
        lot_age: Duration = Duration::from_secs(5);
        /// How long the server may take to answer.
        timeout: Duration = Duration::from_secs(30);
        /// Whether rows travel compressed (zstd).
        compress: bool = true;
        /// How the server is verified, and how the sensor proves who it is.
        tls: Option<Tls> = None;
    }
}

/// Judges all `[[clickhouse]]` tables.
pub(super) fn resolve(list: &[Setting<ClickHouse>], faults: &mut Faults) -> Vec<ClickHouseOptions> {
    let mut all: Vec<ClickHouseOptions> = Vec::with_capacity(list.len());
    let mut seen: Vec<&Setting<Option<String>>> = Vec::new();
    for section in list {
        let raw = &section.value;
        let rows = lots::rows(&raw.lot_rows, "clickhouse", faults);
        let age = lots::age(&raw.lot_age, "clickhouse", faults);
        let timeout = lots::timeout(&raw.timeout, "clickhouse", faults);
        let tls = tls::resolve(&raw.tls, "clickhouse", faults);
        let Some(text) = &raw.url.value else {
            if !raw.url.is_given() {
                let found = "add url = \"https://HOST:8443\"";
                faults.report(section, "clickhouse", "needs a `url`", found);
            }
            continue;
        };
        if let Err(reason) = checked(text) {
            let must = "must be a URL such as `https://HOST:8443`";
            faults.report(&raw.url, "clickhouse.url", must, &reason);
            continue;
        }
        if raw.tls.is_given() && !text.starts_with("https:") {
            faults.report(
                &raw.tls,
                "clickhouse.tls",
                "applies only to https://",
                "the url says http",
            );
        }
        for (setting, path) in
            [(&raw.database, "clickhouse.database"), (&raw.table, "clickhouse.table")]
        {
            if setting.value.is_empty() {
                faults.report(setting, path, "must be a name", "it is empty");
            }
        }
        let table = TableOptions {
            database: Some(raw.database.value.clone()),
            table: raw.table.value.clone(),
            keep_days: None,
        };
        let same = |own: &ClickHouseOptions| own.url == *text && own.table == table;
        if let Some(at) = all.iter().position(same) {
            let must = "must differ from the others, or its rows are there twice";
            let found = "the same server and table again";
            faults.repeated(&raw.url, seen[at], "clickhouse.url", must, found);
        }
        seen.push(&raw.url);
        all.push(ClickHouseOptions {
            url: text.clone(),
            table,
            credentials: raw.basic_auth_file.value.clone().map(Credentials::Basic),
            tls,
            lots: LotOptions {
                sensor: lots::sensor(&raw.sensor),
                form: Form::RowBinary,
                compress: raw.compress.value,
                rows,
                octets: lots::OCTETS,
                age,
            },
            timeout,
        });
    }
    all
}

/// What is wrong with a URL, without repeating it: there may be a secret in it.
fn checked(text: &str) -> Result<(), String> {
    let url = url::Url::parse(text).map_err(|error| error.to_string())?;
    match url.scheme() {
        "http" | "https" => {}
        other => return Err(format!("`{other}` is neither http nor https")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("put user and password in a `basic_auth_file`".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::agent::config::{from_text, overrides::Overrides};

    fn faults(text: &str) -> Vec<String> {
        let faults = from_text(text, &Overrides::default()).expect_err("the test expects faults");
        faults.file.into_iter().map(|fault| fault.message).collect()
    }

    #[test]
    fn a_server_is_enough() {
        let text = "[[clickhouse]]\nurl = 'https://ch.example:8443'\nsensor = 'edge'";
        let config = from_text(text, &Overrides::default()).expect("no fault");
        let [own] = config.clickhouse.as_slice() else { panic!("one") };
        assert_eq!(own.to_string(), "clickhouse https://ch.example:8443");
        assert_eq!(
            (own.table.name(), own.lots.sensor.as_str()),
            ("\"default\".\"flows\"".to_owned(), "edge")
        );
        assert_eq!((own.lots.rows, own.lots.compress), (50_000, true));
    }

    #[test]
    fn what_cannot_be_is_told() {
        for (keys, fault) in [
            ("", "`clickhouse` needs a `url`"),
            ("url = 'tcp://h:9000'", "`clickhouse.url` must be a URL such as `https://HOST:8443`"),
            ("url = 'https://u:p@h'", "`clickhouse.url` must be a URL such as `https://HOST:8443`"),
            ("url = 'http://h'\ntls = { ca = 'x' }", "`clickhouse.tls` applies only to https://"),
            ("url = 'http://h'\ntable = ''", "`clickhouse.table` must be a name"),
        ] {
            assert_eq!(faults(&format!("[[clickhouse]]\n{keys}")), [fault], "{keys}");
        }
        let twice = "[[clickhouse]]\nurl = 'http://h'\n[[clickhouse]]\nurl = 'http://h'";
        assert_eq!(
            faults(twice),
            ["`clickhouse.url` must differ from the others, or its rows are there twice"]
        );
        let others =
            "[[clickhouse]]\nurl = 'http://h'\n[[clickhouse]]\nurl = 'http://h'\ntable = 'more'";
        assert!(from_text(others, &Overrides::default()).is_ok());
    }
}
