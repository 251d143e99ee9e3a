//! What routers send: NetFlow and IPFIX of 20 fields a record.

use std::{
    net::UdpSocket,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// Where the programs listen.
pub const PORT: u16 = 2055;

/// A socket that sends there, from this address.
///
/// # Errors
/// When it cannot be bound.
pub fn sender(from: &str) -> Result<UdpSocket> {
    let socket = UdpSocket::bind((from, 0)).with_context(|| format!("bind {from}"))?;
    socket.connect(("127.0.0.1", PORT))?;
    Ok(socket)
}

/// Sends `count` datagrams at `rate` a second, or as fast as it can; returns the time that took.
///
/// # Errors
/// When it cannot be sent.
pub fn send(form: Form, count: u32, rate: u32) -> Result<Duration> {
    let socket = sender("127.0.0.1")?;
    let start = Instant::now();
    for number in 0..count {
        let sequence = if form == Form::NetFlow9 { number } else { number * form.records() };
        socket.send(&form.datagram(number, sequence))?;
        if number % 32 == 31 {
            let due = start + Duration::from_secs_f64(f64::from(number) / f64::from(rate));
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }
    Ok(start.elapsed())
}

/// What they are in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    NetFlow5,
    NetFlow9,
    Ipfix,
}

/// Element and length: a router's usual record.
pub const FIELDS: [(u16, u16); 20] = [
    (8, 4),
    (12, 4),
    (15, 4),
    (10, 4),
    (14, 4),
    (2, 4),
    (1, 4),
    (22, 4),
    (21, 4),
    (7, 2),
    (11, 2),
    (6, 1),
    (4, 1),
    (5, 1),
    (16, 4),
    (17, 4),
    (9, 1),
    (13, 1),
    (61, 1),
    (60, 1),
];

impl Form {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::NetFlow5 => "NetFlow 5, 20 fields",
            Self::NetFlow9 => "NetFlow 9, 20 fields",
            Self::Ipfix => "IPFIX, 20 fields",
        }
    }

    /// Records in a datagram.
    pub fn records(self) -> u32 {
        match self {
            Self::NetFlow5 => 30,
            Self::NetFlow9 => 24,
            Self::Ipfix => 22,
        }
    }

    /// Fields as its template has them: IPFIX tells absolute times.
    fn fields(self) -> [(u16, u16); 20] {
        FIELDS.map(|field| match field {
            (22, _) if self == Self::Ipfix => (152, 8),
            (21, _) if self == Self::Ipfix => (153, 8),
            field => field,
        })
    }

    /// One of its datagrams; now and then with the template.
    pub fn datagram(self, number: u32, sequence: u32) -> Vec<u8> {
        const SECONDS: u32 = 1_795_500_000;
        let uptime = 1_000_000_u32;
        let mut out = Vec::with_capacity(1500);
        match self {
            Self::NetFlow5 => {
                out.extend([0, 5, 0, 30]);
                [uptime, SECONDS, 0, sequence, 0].iter().for_each(|n| out.extend(n.to_be_bytes()));
                for record in 0..self.records() {
                    let n = number.wrapping_mul(30) + record;
                    [
                        0x0a00_0000 + n % 65_536,
                        0xc0a8_0000 + n % 977,
                        0,
                        0x0001_0002,
                        5,
                        500 + n % 999,
                    ]
                    .iter()
                    .for_each(|n| out.extend(n.to_be_bytes()));
                    [
                        900_000_u32,
                        950_000,
                        (1024 + n % 60_000) << 16 | 443,
                        0x001b_0600,
                        0x0064_00c8,
                    ]
                    .iter()
                    .for_each(|n| out.extend(n.to_be_bytes()));
                    out.extend([24, 24, 0, 0]);
                }
                return out;
            }
            Self::NetFlow9 => {
                out.extend([0, 9, 0, 24]);
                [uptime, SECONDS, sequence, 1].iter().for_each(|n| out.extend(n.to_be_bytes()));
            }
            Self::Ipfix => {
                out.extend([0, 10, 0, 0]);
                [SECONDS, sequence, 1].iter().for_each(|n| out.extend(n.to_be_bytes()));
            }
        }
        if number.is_multiple_of(4096) {
            let id = if self == Self::Ipfix { 2 } else { 0 };
            set(&mut out, id, &template(256, &self.fields()));
        }
        let mut records = Vec::with_capacity(1500);
        for record in 0..self.records() {
            let n = number.wrapping_mul(self.records()) + record;
            for (element, length) in self.fields() {
                let value: u64 = match element {
                    8 => u64::from(0x0a00_0000 + n % 65_536),
                    12 => u64::from(0xc0a8_0000 + n % 977),
                    7 => u64::from(1024 + n % 60_000),
                    11 => 443,
                    4 => 6,
                    60 => 4,
                    1 => u64::from(500 + n % 999),
                    22 | 21 => 900_000,
                    152 | 153 => u64::from(SECONDS) * 1000,
                    61 => 0,
                    _ => 5,
                };
                records.extend(&value.to_be_bytes()[8 - usize::from(length)..]);
            }
        }
        set(&mut out, 256, &records);
        if self == Self::Ipfix {
            let length = out.len() as u16;
            out[2..4].copy_from_slice(&length.to_be_bytes());
        }
        out
    }
}

/// A template of these elements and lengths.
pub fn template(id: u16, fields: &[(u16, u16)]) -> Vec<u8> {
    let head = [id, fields.len() as u16];
    let fields = fields.iter().flat_map(|&(element, length)| [element, length]);
    head.into_iter().chain(fields).flat_map(u16::to_be_bytes).collect()
}

/// Appends a set.
pub fn set(out: &mut Vec<u8>, id: u16, body: &[u8]) {
    out.extend(id.to_be_bytes());
    out.extend((body.len() as u16 + 4).to_be_bytes());
    out.extend(body);
}
