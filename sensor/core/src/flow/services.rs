//! Ports on which servers are known to listen, by which the client of a connection is guessed where nothing better is known.

/// Ports of services: IANA's registry (RFC 6335), cut down to what is met in networks, and what listens on a port that
/// nobody registered. Of all transport protocols, for most services use one number on each.
///
/// Left out: ports that clients use as source (68, 546) and the data port of FTP (20), whose server opens the connection.
#[rustfmt::skip]
pub const SERVICE_PORTS: &[u16] = &[
    // Names, time, configuration.
    7, 9, 13, 17, 19, 37, 42, 53, 67, 69, 70, 79, 123, 137, 138, 139, 547, 853, 953, 3702, 5350, 5351, 5353, 5355,
    // Log-in and remote control.
    22, 23, 512, 513, 514, 543, 544, 623, 830, 992, 1494, 2222, 2598, 3283, 3389, 4899, 5500, 5555, 5631, 5632, 5800, 5900,
    5901, 5902, 5903, 5938, 5985, 5986, 6568, 7070, 8200,
    // Mail, news, directories, authentication.
    25, 49, 88, 109, 110, 119, 143, 220, 389, 433, 464, 465, 563, 587, 636, 749, 750, 989, 990, 993, 995, 1645, 1646, 1812,
    1813, 2083, 3268, 3269, 3799, 4190, 9389,
    // Web, proxies.
    80, 81, 443, 591, 593, 1080, 3128, 3129, 4443, 8000, 8008, 8009, 8080, 8081, 8082, 8083, 8086, 8088, 8090, 8118, 8123,
    8443, 8444, 8530, 8531, 8834, 8843, 8880, 8888, 9000, 9001, 9080, 9090, 9091, 9418, 9443, 10000,
    // Files, printers.
    21, 111, 115, 427, 445, 515, 548, 631, 860, 873, 2049, 3260, 3205, 3690, 5445, 9100, 20048, 24007,
    // Monitoring, logs, network.
    161, 162, 179, 500, 520, 521, 646, 1701, 1723, 1194, 2055, 3784, 3785, 4500, 4739, 4740, 4784, 4789, 5666, 6081, 6343, 6514,
    8125, 8472, 9093, 9995, 9996, 10050, 10051, 10250, 12489, 41641, 51820, 51821,
    // Data bases, queues, clusters.
    1433, 1434, 1521, 1830, 1883, 2181, 2375, 2376, 2379, 2380, 2483, 2484, 3050, 3306, 4222, 4369, 4505, 4506, 5000, 5044, 5432,
    5601, 5671, 5672, 5984, 6379, 6380, 6432, 6443, 7000, 7001, 7199, 7473, 7474, 7687, 8140, 8300, 8301, 8302, 8500, 8600,
    8883, 9042, 9092, 9160, 9200, 9300, 11211, 15672, 16379, 18080, 27017, 27018, 27019, 28015, 33060, 50000, 61616,
    // Telephony, messages, games, media.
    194, 554, 1720, 1755, 1935, 2427, 2904, 2905, 2944, 2945, 3478, 3479, 3868, 5004, 5060, 5061, 5222, 5223, 5228, 5269, 5280,
    5349, 6667, 6697, 6881, 8333, 8554, 9735, 19132, 19302, 25565, 27015, 30303, 36412, 36422, 38412, 64738,
    // Microsoft, Apple, industry.
    102, 135, 502, 789, 1089, 1090, 1091, 1900, 1911, 2000, 2404, 3544, 4840, 4911, 5357, 5358, 7680, 20000, 34962, 34963, 34964,
    44818, 47808, 48898, 62078,
];

/// One bit a port.
static KNOWN: [u64; 1024] = {
    let mut known = [0; 1024];
    let mut at = 0;
    while at < SERVICE_PORTS.len() {
        let port = SERVICE_PORTS[at] as usize;
        known[port / 64] |= 1 << (port % 64);
        at += 1;
    }
    known
};

/// Whether servers are known to listen on `port`.
#[inline(always)]
pub fn is_service(port: u16) -> bool {
    let port = usize::from(port);
    KNOWN[port / 64] >> (port % 64) & 1 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_listed_ports_are_services() {
        for port in 0..=u16::MAX {
            assert_eq!(is_service(port), SERVICE_PORTS.contains(&port), "{port}");
        }
    }
}
