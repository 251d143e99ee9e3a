//! A thousand policies, made from the matches of real ones: directions are swapped, ports and prefixes moved, and TCP
//! and UDP exchanged where no TCP flag is asked for.

use std::net::Ipv4Addr;

/// Matches of policies, one a line.
const MATCHES: &str = include_str!("matches.txt");

/// `count` queries; the first are the matches themselves.
pub fn policies(count: usize) -> Vec<String> {
    let matches: Vec<_> = MATCHES.lines().collect();
    (0..count).map(|number| vary(matches[number % matches.len()], number / matches.len())).collect()
}

fn vary(query: &str, variant: usize) -> String {
    if variant == 0 {
        return query.to_owned();
    }
    let swapped = variant % 2 == 1;
    let exchange = !query.contains("tcpflags") && variant % 3 == 1;
    // The field whose value comes next.
    let (mut last, mut field) = ("", "");
    let words = query.split(' ').map(|word| {
        let bare = word.trim_matches(['(', ')', '!']);
        let changed = match field {
            "srcport" | "dstport" => bare.parse().ok().map(|port: u16| {
                // Bounds of ephemeral and well-known ports stay where they are.
                let bound = port >= 32_768 || port == 1023 || port == 1024 || port == 0;
                (if bound { port } else { port + 7 * variant as u16 }).to_string()
            }),
            "srcip" | "dstip" => moved(bare, variant),
            "protocol" if exchange => Some(if bare == "tcp" { "udp" } else { "tcp" }.to_owned()),
            "" if swapped => other_end(bare),
            _ => None,
        };
        field = if matches!(bare, "==" | "<" | "<=" | ">" | ">=" | "!=") { last } else { "" };
        last = bare;
        changed.map_or_else(|| word.to_owned(), |changed| word.replacen(bare, &changed, 1))
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The same field of the other end of the flow.
fn other_end(field: &str) -> Option<String> {
    [("src", "dst"), ("dst", "src"), ("label.src", "label.dst"), ("label.dst", "label.src")]
        .into_iter()
        .find_map(|(from, to)| field.strip_prefix(from).map(|rest| format!("{to}{rest}")))
}

/// Another IPv4 prefix of the same length.
fn moved(prefix: &str, variant: usize) -> Option<String> {
    let (address, length) = prefix.split_once('/').unwrap_or((prefix, "32"));
    let address: Ipv4Addr = address.parse().ok()?;
    let shift = 32 - length.parse::<u32>().ok()?;
    let moved = u32::from(address).wrapping_add((variant as u32) << shift);
    Some(format!("{}/{length}", Ipv4Addr::from(moved)))
}
