//! Which process has a port: by its socket in /proc/net and the descriptors of all processes, as far as they may be seen.

use std::{fs, net::SocketAddr, path::Path};

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub process: u32,
    /// The name of its program.
    pub name: String,
}

impl Holder {
    /// It is a running sensor.
    pub fn is_sensor(&self) -> bool {
        self.name == "sensor"
    }

    /// The process that has the port of `address`; `None` where it cannot be seen.
    pub fn of(address: SocketAddr, is_udp: bool) -> Option<Self> {
        let tables = if is_udp { ["udp", "udp6"] } else { ["tcp", "tcp6"] };
        let sockets: Vec<String> = tables
            .iter()
            .filter_map(|table| fs::read_to_string(format!("/proc/net/{table}")).ok())
            .flat_map(|table| sockets(&table, address.port(), is_udp))
            .map(|inode| format!("socket:[{inode}]"))
            .collect();
        let processes = fs::read_dir("/proc").ok()?.flatten();
        let mut processes = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let process = processes.find(|process| has_one_of(*process, &sockets))?;
        let name = fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
        Some(Self { process, name: name.trim().to_owned() })
    }
}

fn has_one_of(process: u32, sockets: &[String]) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{process}/fd")) else { return false };
    let mut targets = descriptors.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    targets.any(|target| sockets.iter().any(|socket| Path::new(socket) == target))
}

/// Numbers of the sockets that have `port`, by the text of a table of proc(5); of TCP, those that listen.
fn sockets(table: &str, port: u16, is_udp: bool) -> Vec<u64> {
    const LISTENS: &str = "0A";
    let row = |line: &str| {
        let mut columns = line.split_whitespace();
        let (local, state) = (columns.nth(1)?, columns.nth(1)?);
        let own = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?;
        let inode = columns.nth(5)?.parse().ok()?;
        (own == port && (is_udp || state == LISTENS)).then_some(inode)
    };
    table.lines().skip(1).filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn sockets_are_found_by_port_and_state() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:0807 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0\n\
            1: 0100007F:0807 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0\n\
            2: 0100007F:0808 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0\n\
            broken\n";
        assert_eq!(sockets(table, 2055, false), [4711]);
        assert_eq!(sockets(table, 2055, true), [4711, 4712]);
        assert!(sockets(table, 1, true).is_empty());
    }

    #[test]
    fn this_process_is_found_by_its_ports() {
        let (tcp, udp) =
            (TcpListener::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        for (address, is_udp) in [(tcp.local_addr(), false), (udp.local_addr(), true)] {
            let holder = Holder::of(address.unwrap(), is_udp).unwrap();
            assert_eq!(holder.process, std::process::id());
        }
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(Holder::of(free, false), None);
    }
}
