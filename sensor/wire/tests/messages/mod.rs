//! IPFIX messages for tests and benchmarks, octet by octet: those that no encoder would write as well.

/// A message of these sets, of domain 1.
pub fn ipfix(sets: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut octets = vec![0, 10, 0, 0, 0x65, 0x53, 0xf1, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    for (id, body) in sets {
        octets.extend(id.to_be_bytes());
        octets.extend((body.len() as u16 + 4).to_be_bytes());
        octets.extend(body);
    }
    let length = octets.len() as u16;
    octets[2..4].copy_from_slice(&length.to_be_bytes());
    octets
}

/// A template record of these elements and lengths.
pub fn template(id: u16, fields: &[(u16, u16)]) -> Vec<u8> {
    let mut octets = [id.to_be_bytes(), (fields.len() as u16).to_be_bytes()].concat();
    for (element, length) in fields {
        octets.extend([element.to_be_bytes(), length.to_be_bytes()].concat());
    }
    octets
}

/// An options template record with one scope.
pub fn options(id: u16, fields: &[(u16, u16)]) -> Vec<u8> {
    let mut octets = template(id, fields);
    octets.splice(4..4, [0, 1]);
    octets
}
