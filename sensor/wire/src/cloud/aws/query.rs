//! Records of the query logs of Route 53 Resolver: an object in JSON each, in whatever envelope. Their members, and a record of them.

use sensor_core::{dns::DnsSource, flow::fields::DnsText};

use crate::cloud::{
    dns::{self, Told, lower, plain},
    flows::Flows,
    json::{
        counted::Counted,
        probe,
        values::{self, Fault, Number, Text, object},
    },
    ledger::{Ledger, Reason},
};

object! {
    /// A query, and what came back.
    Query<'a> {
        /// Version of the log.
        version: Text<'a> = b"version",
        /// Account that the network is of.
        account: Text<'a> = b"account_id",
        /// Region of the network.
        region: Text<'a> = b"region",
        /// The network.
        vpc: Text<'a> = b"vpc_id",
        /// When it was asked.
        time: Text<'a> = b"query_timestamp",
        /// For which name.
        name: Text<'a> = b"query_name",
        /// For which type.
        kind: Text<'a> = b"query_type",
        /// Of which class.
        class: Text<'a> = b"query_class",
        /// What came back.
        code: Text<'a> = b"rcode",
        /// The answer.
        answers: Counted<Told<'a>> = b"answers",
        /// Who asked.
        source: Text<'a> = b"srcaddr",
        /// From which port.
        port: Number = b"srcport",
        /// Transport.
        transport: Text<'a> = b"transport",
        /// What the client is.
        ids: Ids<'a> = b"srcids",
        /// What the DNS firewall did.
        action: Text<'a> = b"firewall_rule_action",
        /// By which group of rules.
        group: Text<'a> = b"firewall_rule_group_id",
        /// By which list of domains.
        list: Text<'a> = b"firewall_domain_list_id",
    }
}

object! {
    /// What the query came from or through.
    Ids<'a> {
        /// Virtual machine.
        instance: Text<'a> = b"instance",
        /// Endpoint of the resolver.
        endpoint: Text<'a> = b"resolver_endpoint" | b"resolver-endpoint",
    }
    beside b"resolver_network_interface";
}

/// What stands before the network in the name of its log.
const LOG: &str = "route53/";

/// The name of the log of a network.
pub fn log(vpc: &str) -> String {
    format!("{LOG}{vpc}")
}

/// Whether an object that begins with `octets` has such records, as they are, within messages or in base64.
pub fn is_log(octets: &[u8]) -> bool {
    let has = |needle: &[u8]| probe::has(octets, needle);
    // The time is the surest sign, but a long answer may stand before it.
    probe::tells(octets, b"query_timestamp", b"\"data\"")
        || probe::is_json(octets) && has(b"\"query_name\"") && has(b"\"vpc_id\"")
}

/// Whether an object looks as if it were such a record.
pub fn is_record(octets: &[u8]) -> bool {
    [&b"\"query_name\""[..], b"\"query_timestamp\""].iter().all(|name| probe::has(octets, name))
}

/// Reads a record, and appends it. Where the record itself does not tell account and log, it is of these.
///
/// # Errors
/// What cannot be read.
pub fn read(
    octets: &[u8],
    (account, own_log): (&str, &str),
    flows: &mut Flows,
) -> Result<(), (Reason, Vec<u8>)> {
    let query: Query<'_> = values::read(octets).map_err(owned)?;
    let source = append(&query, (account, own_log), flows).map_err(owned)?;
    count_unknown(&query, flows.ledger(source));
    Ok(())
}

fn owned((reason, what): Fault<'_>) -> (Reason, Vec<u8>) {
    (reason, what.to_vec())
}

fn append<'q>(
    query: &'q Query<'_>,
    (account, own_log): (&str, &str),
    flows: &mut Flows,
) -> Result<u32, Fault<'q>> {
    let told = dns::Query {
        source: DnsSource::Route53,
        time: &query.time,
        name: (&query.name, "query_name"),
        ends: [query.source.octets(), b""],
        port: Some((&query.port, "srcport")),
        codes: [&query.kind, &query.class, &query.code].map(Text::octets),
        answers: (dns::answers(&query.answers), query.answers.count),
        authoritative: None,
        texts: [
            (DnsText::Protocol, lower(query.transport.octets())),
            (DnsText::Action, lower(query.action.octets())),
            (DnsText::Version, plain(query.version.octets())),
            (DnsText::Rule, plain(query.group.octets())),
            (DnsText::DomainList, plain(query.list.octets())),
            (DnsText::Endpoint, plain(query.ids.endpoint.octets())),
        ],
    };
    told.append(flows, |flows| {
        let vpc = plain(query.vpc.octets());
        let log = if vpc.is_empty() { own_log.to_owned() } else { log(&vpc) };
        let account_of = query.account.octets();
        let (instance, region) = (query.ids.instance.octets(), query.region.octets());
        flows.point(
            [account_of, query.vpc.octets(), b"", instance, b"", region, b""],
            account,
            &log,
        )
    })
}

fn count_unknown(query: &Query<'_>, ledger: &mut Ledger) {
    query.unknown.count("", ledger);
    query.ids.unknown.count("srcids.", ledger);
    dns::count_unknown(&query.answers, "answers.", ledger);
}
