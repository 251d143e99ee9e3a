//! A record of a device's options as one JSON object.

use std::{
    io::Write as _,
    net::{Ipv4Addr, Ipv6Addr},
};

use sensor_wire::{
    decoder::OptionsRecord,
    octets,
    template::{
        Specifier,
        names::{self, Kind},
    },
};

/// Appends the record and a line end to `out`: `{"device":..,"domain":..,"template":..,"options":{..}}`, the keys of the
/// inner object being IANA's names of elements, or their numbers.
pub fn write_record(out: &mut Vec<u8>, record: &OptionsRecord) {
    let OptionsRecord { device, domain, template, fields } = record;
    // Writing to a `Vec` cannot fail.
    let _ = write!(
        out,
        "{{\"device\":\"{device}\",\"domain\":{domain},\"template\":{template},\"options\":{{"
    );
    for (place, (specifier, value)) in fields.iter().enumerate() {
        if place != 0 {
            out.push(b',');
        }
        // A key stands once.
        let before = fields[..place].iter().filter(|(known, _)| is_same(known, specifier)).count();
        let kind = write_key(out, specifier, before);
        out.push(b':');
        write_value(out, kind, value);
    }
    out.extend_from_slice(b"}}\n");
}

fn is_same(one: &Specifier, other: &Specifier) -> bool {
    (one.enterprise, one.element) == (other.enterprise, other.element)
}

fn write_key(out: &mut Vec<u8>, specifier: &Specifier, before: usize) -> Kind {
    let Specifier { enterprise, element, .. } = *specifier;
    let named = names::name(specifier);
    let _ = match (named, enterprise) {
        (Some((name, _)), _) => write!(out, "\"{name}"),
        (None, 0) => write!(out, "\"{element}"),
        (None, Specifier::SCOPE) => write!(out, "\"scope{element}"),
        (None, _) => write!(out, "\"{enterprise}:{element}"),
    };
    let _ = if before == 0 { write!(out, "\"") } else { write!(out, ".{}\"", before + 1) };
    named.map_or(Kind::Unknown, |(_, kind)| kind)
}

/// Appends `value` as JSON: a number, a text, an address, or octets in hexadecimal.
pub fn write_value(out: &mut Vec<u8>, kind: Kind, value: &[u8]) {
    let is_printable = || {
        let text = trimmed(value);
        text.len() > 3 && text.iter().all(|octet| octet.is_ascii_graphic() || *octet == b' ')
    };
    let _ = match (kind, value.len()) {
        (Kind::Text, _) => write_text(out, value),
        (Kind::Address, 4) => {
            write!(out, "\"{}\"", Ipv4Addr::from(octets::number(value) as u32))
        }
        (Kind::Address, 16) => {
            let mut address = [0; 16];
            address.copy_from_slice(value);
            write!(out, "\"{}\"", Ipv6Addr::from(address))
        }
        (Kind::Unknown, _) if value.len() > 4 && is_printable() => write_text(out, value),
        (_, 1..=8) => write!(out, "{}", octets::number(value)),
        _ => {
            out.push(b'"');
            for octet in value {
                let _ = write!(out, "{octet:02x}");
            }
            write!(out, "\"")
        }
    };
}

fn write_text(out: &mut Vec<u8>, value: &[u8]) -> std::io::Result<()> {
    serde_json::to_writer(out, &String::from_utf8_lossy(trimmed(value))).map_err(Into::into)
}

/// A text without the zeros that fill it up.
fn trimmed(value: &[u8]) -> &[u8] {
    let end = value.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
    &value[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_every_kind() {
        let iana = |element, value: &[u8]| (Specifier::iana(element, 0), value.to_vec());
        let record = OptionsRecord {
            device: "192.0.2.1".parse().unwrap(),
            domain: 7,
            template: 256,
            fields: vec![
                (
                    Specifier { enterprise: Specifier::SCOPE, element: 1, length: 4 },
                    vec![0, 0, 1, 0],
                ),
                iana(130, &[192, 0, 2, 9]),
                iana(82, b"Gi0/\"1\"\0\0"),
                iana(34, &[0, 0, 3, 232]),
                iana(34, &[2]),
                (Specifier { enterprise: 9, element: 12, length: 9 }, vec![0xab; 9]),
                iana(999, b"readable\0"),
                iana(131, &[]),
            ],
        };
        let mut out = Vec::new();
        write_record(&mut out, &record);
        let expected = "{\"device\":\"192.0.2.1\",\"domain\":7,\"template\":256,\"options\":{\
            \"scopeSystem\":256,\"exporterIPv4Address\":\"192.0.2.9\",\"interfaceName\":\"Gi0/\\\"1\\\"\",\
            \"samplingInterval\":1000,\"samplingInterval.2\":2,\"9:12\":\"ababababababababab\",\
            \"999\":\"readable\",\"exporterIPv6Address\":\"\"}}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
