//! Geography and AS from MMDB files, in the layouts of MaxMind (GeoIP2, GeoLite2) and IPinfo.
//!
//! Both vendors put what they know under names of their own, and each of their files knows another part. So a record is
//! read as a tree, and everything is taken from it that stands at one of the known places, whichever file it is.

use std::net::IpAddr;

use maxminddb::{MaxMindDbError, Reader};
use serde_json::Value;

/// An MMDB file in memory.
#[derive(Debug)]
pub struct Database {
    name: String,
    reader: Reader<Vec<u8>>,
}

/// Why bytes are not an MMDB file.
#[derive(Debug, thiserror::Error)]
#[error("{name} is not an MMDB file: {source}")]
pub struct DatabaseError {
    name: String,
    source: MaxMindDbError,
}

/// What a record says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Country, ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// Continent, two letters.
    pub continent: Option<String>,
    /// Subdivision, the part of its ISO 3166-2 code behind the country.
    pub subdivision: Option<String>,
    /// Latitude and longitude, in millionths of a degree.
    pub location: Option<(i32, i32)>,
    /// The AS that owns the address.
    pub as_number: Option<u32>,
    /// Its organisation.
    pub as_organisation: Option<String>,
}

impl Place {
    /// This, and what only `other` knows.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            country: self.country.or(other.country),
            continent: self.continent.or(other.continent),
            subdivision: self.subdivision.or(other.subdivision),
            location: self.location.or(other.location),
            as_number: self.as_number.or(other.as_number),
            as_organisation: self.as_organisation.or(other.as_organisation),
        }
    }
}

/// Where the codes of countries stand. IPinfo has the code in `country`, and where that is the name, in `country_code`.
const COUNTRY: &[&str] =
    &["/country/iso_code", "/country_code", "/country", "/registered_country/iso_code"];
const CONTINENT: &[&str] = &["/continent/code", "/continent_code", "/continent"];
const SUBDIVISION: &[&str] = &["/subdivisions/0/iso_code", "/region_code"];
const LATITUDE: &[&str] = &["/location/latitude", "/latitude", "/lat"];
const LONGITUDE: &[&str] = &["/location/longitude", "/longitude", "/lng"];
const AS_NUMBER: &[&str] = &["/autonomous_system_number", "/asn"];
/// `name` stands in IPinfo's files of AS alone.
const AS_ORGANISATION: &[&str] = &["/autonomous_system_organization", "/as_name", "/name"];

impl Database {
    /// Takes the bytes of a file.
    ///
    /// # Errors
    /// When they are none of an MMDB file.
    pub fn read(name: &str, bytes: Vec<u8>) -> Result<Self, DatabaseError> {
        let name = name.to_owned();
        match Reader::from_source(bytes) {
            Ok(reader) => Ok(Self { name, reader }),
            Err(source) => Err(DatabaseError { name, source }),
        }
    }

    /// The name of the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When it was made, seconds since the epoch.
    pub fn built(&self) -> u64 {
        self.reader.metadata().build_epoch
    }

    /// A number for the record of an address: addresses with one number have one record. 0 where there is none.
    pub fn record(&self, address: IpAddr) -> u32 {
        let found = self.reader.lookup(address).ok();
        let offset = found.and_then(|found| found.offset());
        offset.and_then(|offset| u32::try_from(offset + 1).ok()).unwrap_or(0)
    }

    /// What the record of an address says. A damaged record says nothing.
    pub fn place(&self, address: IpAddr) -> Place {
        let record = || self.reader.lookup(address).ok()?.decode::<Value>().ok()?;
        record().map(|record| place(&record)).unwrap_or_default()
    }
}

fn place(record: &Value) -> Place {
    let code = |paths| text(record, paths).filter(|code| (2..=3).contains(&code.len()));
    let degrees = |paths| millionths(record, paths);
    Place {
        country: code(COUNTRY).filter(|code| code.len() == 2),
        continent: code(CONTINENT).filter(|code| code.len() == 2),
        subdivision: first(record, SUBDIVISION, |value| value.as_str()).map(str::to_owned),
        location: degrees(LATITUDE).zip(degrees(LONGITUDE)),
        as_number: first(record, AS_NUMBER, as_number),
        as_organisation: text(record, AS_ORGANISATION).filter(|name| !name.is_empty()),
    }
}

/// The first of the places at which there is something to read.
fn first<'r, T>(
    record: &'r Value,
    paths: &[&str],
    read: impl Fn(&'r Value) -> Option<T>,
) -> Option<T> {
    paths.iter().find_map(|path| record.pointer(path).and_then(&read))
}

fn text(record: &Value, paths: &[&str]) -> Option<String> {
    first(record, paths, Value::as_str).map(str::to_owned)
}

/// 64500, "64500" or "AS64500".
fn as_number(value: &Value) -> Option<u32> {
    match value {
        Value::String(text) => text.trim_start_matches("AS").parse().ok(),
        value => value.as_u64()?.try_into().ok(),
    }
}

/// 52.52 or "52.52" degrees.
fn millionths(record: &Value, paths: &[&str]) -> Option<i32> {
    let degrees = first(record, paths, |value| match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_f64(),
    })?;
    (-180.0..=180.0).contains(&degrees).then(|| (degrees * 1e6).round() as i32)
}

#[cfg(test)]
pub(super) mod tests {
    use maxminddb_writer::{Database as Writer, metadata::IpVersion, paths::IpAddrWithMask};
    use serde_json::json;

    use super::*;

    /// The bytes of a file with these records.
    pub fn mmdb(rows: &[(&str, u8, Value)]) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.metadata.ip_version = IpVersion::V4;
        writer.metadata.binary_format_major_version = 2;
        for (address, length, record) in rows {
            let data = writer.insert_value(record).expect("the record can be written");
            let address = address.parse().expect("the test has an address");
            writer.insert_node(IpAddrWithMask::new(address, *length), data);
        }
        writer.write_to(Vec::new()).expect("memory takes everything")
    }

    fn read(record: Value) -> Place {
        let database = Database::read("test", mmdb(&[("192.0.2.0", 24, record)])).expect("sound");
        assert_eq!(database.record([198, 51, 100, 1].into()), 0);
        assert_eq!(database.record("2001:db8::1".parse().expect("an address")), 0);
        assert_ne!(database.record([192, 0, 2, 1].into()), 0);
        assert_eq!(database.place([198, 51, 100, 1].into()), Place::default());
        database.place([192, 0, 2, 1].into())
    }

    #[test]
    fn maxmind_layouts() {
        let city = read(json!({
            "city": {"geoname_id": 2950159, "names": {"en": "Berlin"}},
            "continent": {"code": "EU", "geoname_id": 6255148, "names": {"en": "Europe"}},
            "country": {"geoname_id": 2921044, "iso_code": "DE", "names": {"en": "Germany"}},
            "location": {"accuracy_radius": 20, "latitude": 52.5196, "longitude": 13.4069},
            "registered_country": {"iso_code": "US"},
            "subdivisions": [{"geoname_id": 2950157, "iso_code": "BE"}],
        }));
        assert_eq!(
            city,
            Place {
                country: Some("DE".to_owned()),
                continent: Some("EU".to_owned()),
                subdivision: Some("BE".to_owned()),
                location: Some((52_519_600, 13_406_900)),
                ..Place::default()
            }
        );
        let system = read(json!({
            "autonomous_system_number": 64500,
            "autonomous_system_organization": "Example Net",
        }));
        assert_eq!(system.as_number, Some(64500));
        assert_eq!(system.as_organisation.as_deref(), Some("Example Net"));
        assert_eq!(
            read(json!({"registered_country": {"iso_code": "FR"}})).country.as_deref(),
            Some("FR")
        );
    }

    #[test]
    fn ipinfo_layouts() {
        let lite = read(json!({
            "as_domain": "example.net", "as_name": "Example Net", "asn": "AS64500",
            "continent": "Europe", "continent_code": "EU", "country": "Germany", "country_code": "DE",
        }));
        assert_eq!((lite.country.as_deref(), lite.continent.as_deref()), (Some("DE"), Some("EU")));
        assert_eq!(
            (lite.as_number, lite.as_organisation.as_deref()),
            (Some(64500), Some("Example Net"))
        );
        let country_asn = read(json!({
            "asn": "AS64500", "as_name": "Example Net", "continent": "EU", "continent_name": "Europe",
            "country": "DE", "country_name": "Germany",
        }));
        assert_eq!(
            (country_asn.country.as_deref(), country_asn.continent.as_deref()),
            (Some("DE"), Some("EU"))
        );
        let location = read(json!({
            "city": "Berlin", "country": "DE", "lat": "52.5196", "lng": "13.4069", "region": "Berlin",
            "region_code": "BE",
        }));
        assert_eq!(location.location, Some((52_519_600, 13_406_900)));
        assert_eq!(location.subdivision.as_deref(), Some("BE"));
    }

    #[test]
    fn what_is_no_record_of_places_says_nothing() {
        for record in
            [json!({"country": 7, "asn": "ASx", "lat": "north", "lng": 1}), json!("x"), json!([])]
        {
            assert_eq!(read(record), Place::default());
        }
        assert_eq!(read(json!({"lat": 400.0, "lng": 0.0})).location, None);
    }

    #[test]
    fn other_bytes_are_refused() {
        let error = Database::read("a.mmdb", b"PK\x03\x04".to_vec()).expect_err("not an MMDB file");
        assert!(error.to_string().starts_with("a.mmdb is not an MMDB file: "), "{error}");
        let whole = mmdb(&[("192.0.2.0", 24, json!({"country": "DE"}))]);
        for end in 0..whole.len() {
            if let Ok(database) = Database::read("cut", whole[..end].to_vec()) {
                database.place([192, 0, 2, 1].into());
            }
        }
    }
}
