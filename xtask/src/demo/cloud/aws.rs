//! VPC flow logs as AWS delivers them to S3: gzip text whose first line names the fields, under a name of account, region, log
//! and time.

use std::{
    io::{self, Write as _},
    net::Ipv4Addr,
};

use flate2::{Compression, write::GzEncoder};

use super::{
    moment::{Calendar, Moment},
    story::{AWS_ACCOUNT, AWS_LOG, CACHE, DATABASE, FORBIDDEN, Flow, LOW_PORTS, SHOP, WEB},
};

const FIELDS: &str = "version account-id vpc-id subnet-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes \
                      start end action log-status flow-direction";
const VPC: &str = "vpc-0de0000000000001";

/// Interfaces of the inventory: address, subnet, number.
const INTERFACES: [(Ipv4Addr, &str, &str); 3] = [
    (DATABASE, "subnet-0de0000000000001", "eni-0de0000000000001"),
    (WEB, "subnet-0de0000000000001", "eni-0de0000000000002"),
    (CACHE, "subnet-0de0000000000002", "eni-0de0000000000003"),
];

/// What the first minute brings: a flow, as both interfaces saw it, and an interface without traffic.
pub fn ordinary(now: Moment) -> String {
    let times = [now.before(120), now.before(60)];
    let (_, subnet, interface) = INTERFACES[2];
    let [start, end] = times.map(|time| time.0);
    let silent = format!(
        "2 {AWS_ACCOUNT} {VPC} {subnet} {interface} - - - - - - - {start} {end} - NODATA -\n"
    );
    text(&[seen(&SHOP, times), silent])
}

/// What the second minute brings: what policies look for, and a line that is cut off.
pub fn wanted(now: Moment) -> String {
    let times = [now.before(60), now];
    let cut_off = format!("2 {AWS_ACCOUNT} {VPC} subnet-0de00000\n");
    text(&[seen(&FORBIDDEN, times), seen(&LOW_PORTS, times), cut_off])
}

/// The text as an object, and the key of the object in its bucket.
///
/// # Errors
/// When it cannot be compressed.
pub fn object(text: &str, end: Moment) -> io::Result<(String, Vec<u8>)> {
    let Calendar { year, month, day, hour, minute, .. } = end.calendar();
    let key = format!(
        "AWSLogs/{AWS_ACCOUNT}/vpcflowlogs/eu-central-1/{year}/{month:02}/{day:02}/{AWS_ACCOUNT}_vpcflowlogs_eu-central-1_\
         {AWS_LOG}_{year}{month:02}{day:02}T{hour:02}{minute:02}Z_0de00001.log.gz"
    );
    let mut octets = GzEncoder::new(Vec::new(), Compression::default());
    octets.write_all(text.as_bytes())?;
    Ok((key, octets.finish()?))
}

fn text(lines: &[String]) -> String {
    format!("{FIELDS}\n{}", lines.concat())
}

/// A record of each interface that saw `flow`.
fn seen(flow: &Flow, [start, end]: [Moment; 2]) -> String {
    let Flow { protocol, from, to, packets, octets } = flow;
    let (start, end) = (start.0, end.0);
    let records = [(from.0, "egress"), (to.0, "ingress")].map(|(own, direction)| {
        let interface = INTERFACES.iter().find(|(address, ..)| *address == own);
        interface.map(|(_, subnet, interface)| {
            format!(
                "2 {AWS_ACCOUNT} {VPC} {subnet} {interface} {} {} {} {} {protocol} {packets} {octets} {start} {end} ACCEPT OK \
                 {direction}\n",
                from.0, to.0, from.1, to.1
            )
        })
    });
    records.into_iter().flatten().collect()
}
