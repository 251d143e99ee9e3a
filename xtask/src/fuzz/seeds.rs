//! What the fuzz targets begin with: the corpora, in the forms that the targets read.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// Longest input of a target, in octets.
pub const LONGEST: usize = 1 << 16;

/// Writes the seeds of `target` into `folder`. Returns how many; 0 when there are no corpora, or none for it.
///
/// # Errors
/// When they cannot be written.
pub fn write(target: &str, folder: &Path) -> Result<usize> {
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    let corpora = env::var_os("SENSOR_CORPORA")
        .map_or_else(|| Path::new("../shared/corpora").to_owned(), PathBuf::from);
    let seeds = match target {
        "netflow" | "ipfix" | "raw" | "sflow" => exports(&corpora, target),
        "capture" => captures(&corpora).into_iter().map(|(_, file)| file).collect(),
        "cloud" => clouds(&corpora),
        "cloud_json" => json(&corpora),
        "packet" => packets(&corpora),
        "store" => changes(),
        "table" => tables(&corpora),
        "push" | "token" | "notification" | "state" => made(target),
        "labels" => behind_an_octet(Path::new("xtask/src/demo/cloud/site")),
        "policy" => behind_an_octet(Path::new("sensor/policies")),
        "nql" => queries(&corpora).into_iter().map(|query| format!("\0{query}").into()).collect(),
        "nql_evaluate" => queries(&corpora).into_iter().map(with_rows).collect(),
        _ => Vec::new(),
    };
    let mut written = 0;
    for seed in seeds.iter().filter(|seed| !seed.is_empty() && seed.len() <= LONGEST) {
        let path = folder.join(format!("seed-{written}"));
        fs::write(&path, seed).with_context(|| format!("write {}", path.display()))?;
        written += 1;
    }
    Ok(written)
}

/// Changes of a journal and of a sealed file that the target makes itself: an octet somewhere, and all of it as it is.
fn changes() -> Vec<Vec<u8>> {
    let kinds = [2_u8, 3];
    let places = (0..64_u16).map(|at| at * 97);
    let changed = places.flat_map(|at| {
        kinds.map(|kind| [&[kind][..], &at.to_le_bytes(), &[1 << (at % 8)]].concat())
    });
    kinds.map(|kind| vec![kind]).into_iter().chain(changed).collect()
}

/// The datagrams of each case that speaks the protocol, each behind its length.
fn exports(corpora: &Path, target: &str) -> Vec<Vec<u8>> {
    let speaks = |payload: &[u8]| match payload {
        [0, 10, ..] => matches!(target, "ipfix" | "raw"),
        [0, 0, 0, 5, ..] => target == "sflow",
        [0, 5 | 7 | 9, ..] => matches!(target, "netflow" | "raw"),
        _ => false,
    };
    captures(corpora)
        .iter()
        .map(|(_, file)| {
            let mut seed = Vec::new();
            for payload in frames(file).filter_map(payload).filter(|payload| speaks(payload)) {
                if seed.len() + payload.len() < LONGEST {
                    seed.extend((payload.len() as u16).to_be_bytes());
                    seed.extend(payload);
                }
            }
            seed
        })
        .collect()
}

/// What comes from the network and is in no corpus, made as its documentation has it, behind what chooses.
fn made(target: &str) -> Vec<Vec<u8>> {
    let texts: &[&str] = match target {
        "push" => &[
            "\u{0}\u{1}\u{0}{\"requestId\":\"a\",\"records\":[{\"data\":\"aGVsbG8=\"}]}",
            "\u{1}\u{0}\u{0}{\"message\":{\"messageId\":\"1\",\"data\":\"aGVsbG8=\"}}",
            "\u{2}\u{4}\u{4}[{\"eventType\":\"x\",\"data\":{\"validationCode\":\"a\"}}]",
        ],
        "token" => &[
            "\u{2}{\"iss\":\"accounts.google.com\",\"aud\":[\"https://sensor.example\"],\"email\":\"push@example\",\"email_verified\":true,\"exp\":1700000000}",
            "\u{1}{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",
            "\u{0}eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.e30.AAAA",
        ],
        "notification" => &[
            "{\"Records\":[{\"eventName\":\"ObjectCreated:Put\",\"s3\":{\"bucket\":{\"name\":\"b\"},\"object\":{\"key\":\"a+b\",\"size\":1}}}]}",
            "{\"source\":\"aws.s3\",\"detail-type\":\"Object Created\",\"detail\":{\"bucket\":{\"name\":\"b\"},\"object\":{\"key\":\"a\"}}}",
            "{\"Type\":\"Notification\",\"Message\":\"{}\"}",
        ],
        _ => &[
            "\u{1}\u{0}\u{0}{\"id\":1,\"lot\":2,\"plan\":[{\"name\":\"a\",\"version\":\"1\",\"settled\":true}],\"read\":[[\"a\",{\"version\":\"1\",\"stored\":1,\"print\":2,\"octets\":3,\"whole\":true,\"modified\":4}]],\"floor\":3}",
        ],
    };
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Most seeds of a target that are changed, and how often each is.
const CHANGED: usize = 24;
const CHANGES: u64 = 6;

/// Writes the seeds below `folder` into `into`, some of them also with octets changed, left out and doubled: always the same ones.
/// Returns how many files these are.
///
/// # Errors
/// When they cannot be written.
pub fn write_changed(folder: &Path, into: &Path) -> Result<usize> {
    if into.exists() {
        fs::remove_dir_all(into).with_context(|| format!("empty {}", into.display()))?;
    }
    fs::create_dir_all(into).with_context(|| format!("make {}", into.display()))?;
    let seeds = paths(folder)?;
    let step = seeds.len().div_ceil(CHANGED).max(1);
    let mut count = 0;
    let mut write = |octets: &[u8]| {
        let path = into.join(format!("input-{count}"));
        count += 1;
        fs::write(&path, octets).with_context(|| format!("write {}", path.display()))
    };
    for (number, path) in seeds.iter().enumerate() {
        let seed = fs::read(path).with_context(|| format!("read {}", path.display()))?;
        write(&seed)?;
        if number % step != 0 {
            continue;
        }
        for change in 0..CHANGES {
            write(&changed(seed.clone(), number as u64 * CHANGES + change))?;
        }
    }
    Ok(count)
}

/// A seed with a few changes, which follow from `number`.
fn changed(mut octets: Vec<u8>, number: u64) -> Vec<u8> {
    let mut state = number;
    let mut random = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    for _ in 0..=random(8) {
        let at = random(octets.len());
        let end = (at + 1 + random(16)).min(octets.len());
        match random(4) {
            0 => octets.truncate(at),
            1 => drop(octets.drain(at..end)),
            2 => {
                let again = octets[at..end].to_vec();
                drop(octets.splice(at..at, again));
            }
            _ => octets.iter_mut().skip(at).take(1).for_each(|octet| *octet = random(256) as u8),
        }
    }
    octets
}

/// The files of a folder, in order.
///
/// # Errors
/// When it cannot be listed.
pub fn paths(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// The files of a folder, behind an octet that chooses their form.
fn behind_an_octet(folder: &Path) -> Vec<Vec<u8>> {
    let form = |path: &Path| u8::from(path.extension().is_some_and(|kind| kind == "json"));
    let seed = |path: &PathBuf| Some([&[form(path)], &*fs::read(path).ok()?].concat());
    files(folder).iter().filter_map(seed).collect()
}

/// Flow and query logs of clouds, behind what chooses the format by their content, pieces of 256 octets and where the object ends
/// early; the layout behind them has no octets.
fn clouds(corpora: &Path) -> Vec<Vec<u8>> {
    let logs = files(&corpora.join("cloud")).into_iter().filter_map(|path| fs::read(path).ok());
    let made = QUERIES.iter().map(|query| query.as_bytes().to_vec());
    logs.chain(made).map(|log| [&[0, 0, 255, 100, 0], &log[..], &[0, 0]].concat()).collect()
}

/// The flow and query logs of clouds in JSON, behind an octet.
fn json(corpora: &Path) -> Vec<Vec<u8>> {
    let is_json =
        |path: &Path| path.extension().is_some_and(|kind| kind == "json" || kind == "ndjson");
    let paths = files(&corpora.join("cloud")).into_iter().filter(|path| is_json(path));
    let flows = paths.filter_map(|path| Some([&[7], &*fs::read(path).ok()?].concat()));
    flows.chain(QUERIES.iter().map(|query| [&[7], query.as_bytes()].concat())).collect()
}

/// Records of query logs, of which the corpora have none.
const QUERIES: [&str; 2] = [
    r#"{"version":"1.100000","account_id":"1","region":"r","vpc_id":"vpc-1","query_timestamp":"2026-01-31T00:00:00.123456789Z","query_name":"A\\.b.example.","query_type":"A","query_class":"IN","rcode":"NOERROR","answers":[{"Rdata":"c.example.","Type":"CNAME","Class":"IN"},{"Rdata":"2001:db8::1","Type":"TYPE28","Class":"IN"}],"srcaddr":"10.0.0.1","srcport":"5353","transport":"UDP","srcids":{"instance":"i-1"},"firewall_rule_action":"BLOCK"}"#,
    r#"{"insertId":"1","jsonPayload":{"queryName":"a.example.","queryType":"A","responseCode":"NXDOMAIN","rdata":"a.example.\t5\tIN\ta\t192.0.2.1\n","structuredRdata":[{"class":"IN","rvalue":"192.0.2.1","type":"A"}],"sourceIP":"10.0.0.1","vmInstanceName":"1.web","vmZoneName":"r-1-a","authAnswer":true},"logName":"projects/p/logs/dns.googleapis.com%2Fdns_queries","timestamp":"2026-01-31T00:00:00Z"}"#,
];

/// A frame of each capture of traffic, behind two octets of length.
fn packets(corpora: &Path) -> Vec<Vec<u8>> {
    captures(corpora)
        .iter()
        .filter_map(|(_, file)| Some([&[0, 0], frames(file).next()?].concat()))
        .collect()
}

/// The Parquet files among the flow logs of clouds.
fn tables(corpora: &Path) -> Vec<Vec<u8>> {
    let paths = files(&corpora.join("cloud")).into_iter();
    let tables = paths.filter(|path| path.extension().is_some_and(|kind| kind == "parquet"));
    tables.filter_map(|path| fs::read(path).ok()).collect()
}

/// The small captures of the corpora.
fn captures(corpora: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let is_capture = |path: &Path| {
        path.extension().is_some_and(|kind| kind == "pcap" || kind == "pcapng" || kind == "cap")
    };
    let paths = files(corpora).into_iter().filter(|path| is_capture(path));
    paths.filter_map(|path| fs::read(&path).ok().map(|file| (path, file))).collect()
}

/// The queries of the corpora: a line each.
fn queries(corpora: &Path) -> Vec<String> {
    let texts = files(&corpora.join("nql"));
    let texts = texts.into_iter().filter_map(|path| fs::read_to_string(path).ok());
    texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).take(4096).collect()
}

/// A query before rows that differ in every octet.
fn with_rows(query: String) -> Vec<u8> {
    let rows = (0..240_u32).map(|octet| (octet * 37 % 251) as u8);
    query.into_bytes().into_iter().chain([0]).chain(rows).collect()
}

/// All files below `folder`, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
        .into_iter()
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}

/// The frames of a capture: the plain form in this machine's order, which is that of the corpora.
fn frames(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = file.strip_prefix(&[0xd4, 0xc3, 0xb2, 0xa1]).and_then(|file| file.get(20..));
    std::iter::from_fn(move || {
        let (header, behind) = rest?.split_first_chunk::<16>()?;
        let length = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
        let (frame, behind) = behind.split_at_checked(usize::try_from(length).ok()?)?;
        rest = Some(behind);
        Some(frame)
    })
}

/// The payload of UDP in IP in Ethernet, without tags and options, as in the corpora.
fn payload(frame: &[u8]) -> Option<&[u8]> {
    match frame.get(12..14)? {
        [0x08, 0x00] => frame.get(42..),
        [0x86, 0xdd] => frame.get(62..),
        _ => None,
    }
}
