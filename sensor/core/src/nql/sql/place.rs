//! Where records are elsewhere: `clickhouse://HOST[:PORT]/DATABASE[/TABLE]`.

use super::table::TableOptions;

/// A table of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The server, as HTTP clients know it.
    pub url: String,
    /// The table.
    pub table: TableOptions,
}

/// A text names no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// It begins with something else.
    #[error("must begin with `clickhouse://`")]
    Scheme,
    /// There is a user in it.
    #[error("has a user in it; put `user:password` into a file")]
    User,
    /// The host or its port makes no sense.
    #[error("has no host such as `clickhouse.example` or `clickhouse.example:8123`")]
    Host,
    /// What follows the host is not a data base and a table.
    #[error("must go on `/DATABASE` or `/DATABASE/TABLE` behind the host")]
    Path,
}

/// The port at which servers speak HTTP without TLS.
const PLAIN: u16 = 8123;
/// The one with TLS.
const SECURE: u16 = 8443;
/// The table, where none is named.
const TABLE: &str = "flows";

impl Place {
    /// The place that a text names. Port 8123 is HTTP, every other one HTTPS; without one it is 8443.
    ///
    /// # Errors
    /// It names none.
    pub fn parse(text: &str) -> Result<Self, PlaceError> {
        let rest = text.strip_prefix("clickhouse://").ok_or(PlaceError::Scheme)?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        if host.contains('@') {
            return Err(PlaceError::User);
        }
        // Colons inside brackets are those of an IPv6 address.
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => {
                (name, port.parse::<u16>().map_err(|_| PlaceError::Host)?)
            }
            _ => (host, SECURE),
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_[]:".contains(c);
        if name.is_empty() || !name.chars().all(is_plain) {
            return Err(PlaceError::Host);
        }
        let (database, table) = path.split_once('/').unwrap_or((path, TABLE));
        if database.is_empty() || table.is_empty() || table.contains('/') {
            return Err(PlaceError::Path);
        }
        let scheme = if port == PLAIN { "http" } else { "https" };
        Ok(Self {
            url: format!("{scheme}://{name}:{port}"),
            table: TableOptions {
                database: Some(database.to_owned()),
                table: table.to_owned(),
                keep_days: None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_what_is_none() {
        let named = |text| Place::parse(text).map(|own| (own.url.clone(), own.table.name()));
        let is = |url: &str, table: &str| Ok((url.to_owned(), table.to_owned()));
        assert_eq!(named("clickhouse://h/d"), is("https://h:8443", "\"d\".\"flows\""));
        assert_eq!(named("clickhouse://h:8123/d/t"), is("http://h:8123", "\"d\".\"t\""));
        assert_eq!(named("clickhouse://[::1]:9/d"), is("https://[::1]:9", "\"d\".\"flows\""));
        assert_eq!(named("clickhouse://[::1]/d"), is("https://[::1]:8443", "\"d\".\"flows\""));
        for (text, error) in [
            ("http://h/d", PlaceError::Scheme),
            ("clickhouse://u:p@h/d", PlaceError::User),
            ("clickhouse://h:x/d", PlaceError::Host),
            ("clickhouse:///d", PlaceError::Host),
            ("clickhouse://h", PlaceError::Path),
            ("clickhouse://h/d/t/x", PlaceError::Path),
        ] {
            assert_eq!(named(text), Err(error), "{text}");
        }
    }
}
