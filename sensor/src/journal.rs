//! The datagrams of systemd's journal (systemd, Native Journal Protocol): one an entry, made of fields.

/// The socket of the journal.
pub const SOCKET: &str = "/run/systemd/journal/socket";

/// Adds a field: `NAME=value`, or with the length in front where the value has line ends.
pub fn put(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    if value.contains(&b'\n') {
        out.push(b'\n');
        out.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        out.push(b'=');
    }
    out.extend_from_slice(value);
    out.push(b'\n');
}
