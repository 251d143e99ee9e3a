//! Frames made by hand, for programs that are run over given bytes and for tcpreplay.

use std::{fs, io, path::Path};

/// Octets in front of the IP header.
const ETHERNET: usize = 14;

/// Appends an Ethernet header with `ethertype`.
fn ethernet(ethertype: u16) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    frame.extend_from_slice(&ethertype.to_be_bytes());
    frame
}

/// UDP over IPv4 from `10.0.0.0 + flow` to 192.0.2.1:53, `length` octets in all (at least 42).
pub fn udp_v4(flow: u32, length: usize) -> Vec<u8> {
    let mut frame = ethernet(0x0800);
    let total = (length - ETHERNET) as u16;
    frame.extend_from_slice(&[0x45, 0]);
    frame.extend_from_slice(&total.to_be_bytes());
    frame.extend_from_slice(&[0, 0, 0, 0, 64, 17, 0, 0]);
    frame.extend_from_slice(&(0x0a00_0000 + flow).to_be_bytes());
    frame.extend_from_slice(&[192, 0, 2, 1]);
    udp(frame, length)
}

/// UDP over IPv6 from `2001:db8::flow` to 2001:db8::1:0:1 port 53, `length` octets in all (at least 62).
pub fn udp_v6(flow: u32, length: usize) -> Vec<u8> {
    let mut frame = ethernet(0x86dd);
    let payload = (length - ETHERNET - 40) as u16;
    frame.extend_from_slice(&[0x60, 0, 0, 0]);
    frame.extend_from_slice(&payload.to_be_bytes());
    frame.extend_from_slice(&[17, 64]);
    for interface in [u64::from(flow), 0x1_0000_0001] {
        frame.extend_from_slice(&0x2001_0db8_0000_0000u64.to_be_bytes());
        frame.extend_from_slice(&interface.to_be_bytes());
    }
    udp(frame, length)
}

fn udp(mut frame: Vec<u8>, length: usize) -> Vec<u8> {
    let udp_length = (length - frame.len()) as u16;
    frame.extend_from_slice(&40_000u16.to_be_bytes());
    frame.extend_from_slice(&53u16.to_be_bytes());
    frame.extend_from_slice(&udp_length.to_be_bytes());
    frame.resize(length, 0);
    frame
}

/// An IPv4 packet in a frame that is for nobody here: receivers count it and do not answer.
pub fn ipv4(packet: &[u8]) -> Vec<u8> {
    let mut frame = ethernet(0x0800);
    frame.extend(packet);
    frame
}

/// An ARP request: no IP packet.
pub fn arp() -> Vec<u8> {
    let mut frame = ethernet(0x0806);
    frame.extend_from_slice(&[0, 1, 8, 0, 6, 4, 0, 1]);
    frame.resize(60, 0);
    frame
}

/// `frame` with VLAN tags, each an EtherType and an identifier, the outermost first.
pub fn tag(frame: &[u8], tags: &[(u16, u16)]) -> Vec<u8> {
    const MACS: usize = 12;
    let (macs, rest) = frame.split_at(MACS);
    let mut tagged = macs.to_vec();
    for (ethertype, vlan) in tags {
        tagged.extend(ethertype.to_be_bytes());
        tagged.extend(vlan.to_be_bytes());
    }
    tagged.extend(rest);
    tagged
}

/// Writes a pcap file of Ethernet frames.
///
/// # Errors
/// When it cannot be written.
pub fn write_capture(path: &Path, frames: &[Vec<u8>]) -> io::Result<()> {
    let mut file = Vec::new();
    // Magic, version 2.4, two unused words, longest frame, Ethernet.
    for word in [0xa1b2_c3d4_u32, 4 << 16 | 2, 0, 0, 65_535, 1] {
        file.extend(word.to_le_bytes());
    }
    for frame in frames {
        let length = frame.len() as u32;
        for word in [0, 0, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    fs::write(path, file)
}
