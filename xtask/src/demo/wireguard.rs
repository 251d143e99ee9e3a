//! WireGuard's messages as far as a flow sensor sees them: port, sizes, types and order are those of the protocol
//! (WireGuard white paper, section 5.4), the rest is zero. So the demonstration needs neither the kernel's module nor keys.

/// The usual UDP port.
pub const PORT: u16 = 51820;

const INITIATION: (u8, usize) = (1, 148);
const RESPONSE: (u8, usize) = (2, 92);
/// Transport data without any: what keeps a tunnel open.
const KEEPALIVE: (u8, usize) = (4, 32);
/// Transport data with a packet of 96 octets.
const DATA: (u8, usize) = (4, 128);

/// Packets of data in a session.
const PACKETS: usize = 40;

/// What the initiator sends.
pub fn session() -> Vec<Vec<u8>> {
    let mut messages = vec![message(INITIATION)];
    messages.resize_with(1 + PACKETS, || message(DATA));
    messages
}

/// What the responder sends back.
pub fn answer(received: &[u8]) -> Vec<u8> {
    message(if received.first() == Some(&INITIATION.0) { RESPONSE } else { KEEPALIVE })
}

fn message((kind, size): (u8, usize)) -> Vec<u8> {
    let mut message = vec![0; size];
    message[0] = kind;
    message
}
