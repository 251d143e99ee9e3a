//! Query logs of DNS security policies (`DnsResponse`), as diagnostic settings write them: an object a line in blobs that grow for an
//! hour, or in the array `records` of messages of Event Hubs.

use std::{borrow::Cow, sync::Arc};

use sensor_core::{
    dns::DnsSource,
    flow::{fields::DnsText, source::Source},
};

use super::resource::Place;
use crate::cloud::{
    dns::{self, Told, lower, plain},
    flows::Flows,
    json::{
        counted::Counted,
        cutter::Value,
        log::Records,
        probe,
        values::{self, Fault, Number, Text, object},
    },
    ledger::{Ledger, Reason},
};

object! {
    /// A record.
    Record<'a> {
        /// When it was logged.
        time: Text<'a> = b"time",
        /// The policy.
        resource: Text<'a> = b"resourceId" | b"ResourceId",
        /// Which log it is of.
        category: Text<'a> = b"category" | b"Category",
        /// The query.
        query: Query<'a> = b"properties" | b"Properties",
    }
    beside b"operationName" | b"OperationName" | b"operationVersion" | b"level" | b"Level" | b"location" | b"tenantId" | b"correlationId"
        | b"resultType" | b"resultSignature" | b"durationMs" | b"callerIpAddress" | b"identity";
}

object! {
    /// A query, and what came back.
    Query<'a> {
        /// Version of the log.
        version: Text<'a> = b"version",
        /// Subscription of the network.
        subscription: Text<'a> = b"sub_id",
        /// Region of the network.
        region: Text<'a> = b"region",
        /// The network.
        network: Text<'a> = b"vnet_id",
        /// For which name.
        name: Text<'a> = b"query_name",
        /// For which type.
        kind: Text<'a> = b"query_type",
        /// Of which class.
        class: Text<'a> = b"query_class",
        /// What came back.
        code: Text<'a> = b"response_code",
        /// The answer.
        answers: Counted<Told<'a>> = b"answer",
        /// Who asked.
        source: Text<'a> = b"srcipaddr",
        /// From which port.
        port: Number = b"srcport",
        /// Who was asked.
        server: Text<'a> = b"dstipaddr",
        /// Transport.
        transport: Text<'a> = b"transport",
        /// What the policy did.
        action: Text<'a> = b"resolverpolicy_rule_action",
        /// The policy.
        policy: Text<'a> = b"resolverpolicy_id",
        /// By which list of domains.
        list: Text<'a> = b"resolverpolicy_domainlist_id",
        /// Endpoint of the resolver.
        endpoint: Text<'a> = b"private_resolver_endpoint_id",
    }
    beside b"dstport" | b"query_response_time" | b"resolution_path" | b"authority" | b"additional" | b"dnsforwardingruleset_id"
        | b"dnsforwardingruleset_domain";
}

/// The log.
const CATEGORY: &str = "DnsResponse";

/// Whether an object that begins with `octets` has such records.
pub fn is_log(octets: &[u8]) -> bool {
    let has = |needle: &[u8]| probe::has(octets, needle);
    probe::is_json(octets) && (has(b"\"DnsResponse\"") || has(b"\"resolverpolicy_id\""))
}

/// The records of an object.
pub struct Queries {
    object: Arc<str>,
    /// What its name tells.
    place: Place,
    /// The source of what cannot be read.
    source: Option<u32>,
}

impl Queries {
    /// Of the object called `object`.
    pub fn new(object: Arc<str>) -> Self {
        Self { place: Place::of_blob(&object), object, source: None }
    }

    fn error(&mut self, number: u64, (reason, what): Fault<'_>, flows: &mut Flows) {
        let Self { object, place, source } = self;
        let own = || match place.log.as_str() {
            "" => flows.source(&place.subscription, probe::name(object)),
            log => flows.source(&place.subscription, log),
        };
        let source = *source.get_or_insert_with(own);
        flows.ledger(source).error(reason, object, number, what);
    }
}

impl Records for Queries {
    const ARRAYS: &'static [&'static str] = &["records"];

    fn value(&mut self, number: u64, value: Value<'_>, flows: &mut Flows) {
        flows.begin();
        flows.observe(Source::Azure);
        let octets = match value {
            Value::Whole(octets) => octets,
            // Nothing stands beside the records.
            Value::Opened(_) | Value::Closed(_) => return,
            broken => {
                let fault = broken.fault().unwrap_or((Reason::Syntax, b""));
                return self.error(number, fault, flows);
            }
        };
        let record = match values::read::<Record<'_>>(octets) {
            Ok(record) => record,
            Err(fault) => return self.error(number, fault, flows),
        };
        match append(&record, &self.place, flows) {
            Ok(source) => count_unknown(&record, flows.ledger(source)),
            Err(fault) => self.error(number, fault, flows),
        }
    }
}

fn append<'r>(
    record: &'r Record<'_>,
    of_blob: &Place,
    flows: &mut Flows,
) -> Result<u32, Fault<'r>> {
    let query = &record.query;
    if !record.category.is_empty() && !record.category.is(CATEGORY) {
        return Err((Reason::OtherLog, record.category.octets()));
    }
    let told = dns::Query {
        source: DnsSource::AzureDns,
        time: &record.time,
        name: (&query.name, "query_name"),
        ends: [&query.source, &query.server].map(Text::octets),
        port: Some((&query.port, "srcport")),
        codes: [&query.kind, &query.class, &query.code].map(Text::octets),
        answers: (dns::answers(&query.answers), query.answers.count),
        authoritative: None,
        texts: [
            (DnsText::Protocol, lower(query.transport.octets())),
            (DnsText::Action, action(&query.action)),
            (DnsText::Version, plain(query.version.octets())),
            (DnsText::DomainList, lower(query.list.octets())),
            (DnsText::Endpoint, lower(query.endpoint.octets())),
        ],
    };
    told.append(flows, |flows| point(record, of_blob, flows))
}

/// Where a query was observed, and the source that its policy is.
fn point(record: &Record<'_>, of_blob: &Place, flows: &mut Flows) -> (u32, u32) {
    let query = &record.query;
    let policy = record.resource.or(&query.policy).octets();
    let network = Place::of(b"", b"", query.network.octets());
    let place = Place::of(b"", policy, b"").or(&network).or(of_blob);
    let told = lower(query.subscription.octets());
    // As in flow logs, the account is whose network it is.
    let subscription = [&*network.subscription, &*told, &*place.subscription];
    let subscription = subscription.into_iter().find(|told| !told.is_empty()).unwrap_or_default();
    let log = if place.log.is_empty() { "dnsresponse" } else { &place.log };
    let (account, vpc, region) =
        (subscription.as_bytes(), network.network.as_bytes(), query.region.octets());
    flows.point([account, vpc, b"", b"", b"", region, b""], &place.subscription, log)
}

/// What a policy did, as other clouds call it; nothing where no rule matched.
fn action<'q>(told: &'q Text<'_>) -> Cow<'q, str> {
    match lower(told.octets()) {
        none if none == "nomatch" || none == "none" => Cow::Borrowed(""),
        deny if deny == "deny" => Cow::Borrowed("block"),
        other => other,
    }
}

fn count_unknown(record: &Record<'_>, ledger: &mut Ledger) {
    record.unknown.count("", ledger);
    record.query.unknown.count("properties.", ledger);
    dns::count_unknown(&record.query.answers, "properties.answer.", ledger);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::cloud::{format::Format, json::testing::Decoded, ledger::Reason};

    const POLICY: &str = "/SUBSCRIPTIONS/0000AAAA/RESOURCEGROUPS/NET/PROVIDERS/MICROSOFT.NETWORK/DNSRESOLVERPOLICIES/Strict";

    fn record() -> Json {
        json!({
            "time": "2026-09-21T14:13:20.6183345Z", "resourceId": POLICY, "operationName": "RESPONSE_SUCCESS",
            "category": "DnsResponse", "location": "eastus",
            "properties": {
                "version": "1.0", "sub_id": "0000AAAA", "region": "eastus",
                "vnet_id": "/subscriptions/0000aaaa/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/Spoke1",
                "query_name": "Db.Sec.Contoso.com.", "query_type": "A", "query_class": "IN", "response_code": 0,
                "answer": [{"Type": "A", "Class": "IN", "TTL": 10, "RData": "10.0.1.2"}], "authority": [], "additional": [],
                "srcipaddr": "10.40.40.4", "srcport": 51513, "dstipaddr": "", "dstport": "", "transport": "UDP",
                "query_response_time": 12, "resolution_path": "PrivateDnsResolution", "resolverpolicy_id": POLICY,
                "resolverpolicy_rule_action": "Deny", "resolverpolicy_domainlist_id": "/subscriptions/x/List",
            },
        })
    }

    fn with(change: impl FnOnce(&mut Json)) -> String {
        let mut record = record();
        change(&mut record);
        record.to_string()
    }

    #[track_caller]
    fn decoded(text: &str) -> Decoded {
        assert_eq!(Format::detect(text.as_bytes()), Some(Format::AzureDns), "{text}");
        Decoded::of(Format::AzureDns, text.as_bytes())
    }

    #[test]
    fn every_member_becomes_a_field() {
        let decoded = decoded(&record().to_string());
        assert_eq!((decoded.ledger.records, decoded.ledger.dns), (1, 1));
        assert!(decoded.ledger.unknown.is_empty(), "{:?}", decoded.ledger.unknown);
        decoded.check_dns(
            0,
            &[
                ("timestampms", "1790000000618"),
                ("srcip", "10.40.40.4"),
                ("srcport", "51513"),
                ("dstip", ""),
                ("protocol", "udp"),
                ("query.name", "db.sec.contoso.com"),
                ("query.type", "A"),
                ("query.class", "IN"),
                ("rcode", "NOERROR"),
                ("answercount", "1"),
                ("answers.type", "A"),
                ("answers.rdata", "10.0.1.2"),
                ("action", "block"),
                ("domainlist", "/subscriptions/x/list"),
                ("version", "1.0"),
                ("datasrc", "azure-dns"),
                ("accountid", "0000aaaa"),
                ("vpcid", "spoke1"),
                ("region", "eastus"),
                ("flowsrcname", "0000aaaa/net/strict"),
            ],
        );
    }

    #[test]
    fn records_come_in_lines_and_arrays_and_actions_have_one_name_in_all_clouds() {
        let one = record().to_string();
        for text in [format!("{one}\r\n{one}\n"), format!("{{\"records\": [{one},{one}]}}")] {
            assert_eq!(decoded(&text).ledger.dns, 2, "{text}");
        }
        for (told, expected) in [
            ("Allow", "allow"),
            ("Alert", "alert"),
            ("Block", "block"),
            ("NoMatch", ""),
            ("None", ""),
        ] {
            let text =
                with(|record| record["properties"]["resolverpolicy_rule_action"] = told.into());
            decoded(&text).check_dns(0, &[("action", expected)]);
        }
        let failed = with(|record| {
            let query = &mut record["properties"];
            (query["response_code"], query["answer"]) = (3.into(), json!([]));
        });
        decoded(&failed).check_dns(0, &[("rcode", "NXDOMAIN"), ("answercount", "0")]);
    }

    #[test]
    fn what_cannot_be_read_is_counted_by_reason() {
        let bad = |name: &str, value: Json| with(|record| record["properties"][name] = value);
        let text = [
            bad("query_name", Json::Null),
            bad("srcipaddr", json!("client")),
            bad("srcport", json!("x")),
            with(|record| record["time"] = "now".into()),
            with(|record| record["category"] = "Audit".into()),
            bad("rank", json!(1)),
        ]
        .join("\n");
        let ledger = decoded(&text).ledger;
        assert_eq!((ledger.records, ledger.dns, ledger.all_errors()), (6, 1, 5));
        for reason in
            [Reason::Value, Reason::Address, Reason::Number, Reason::Time, Reason::OtherLog]
        {
            assert_eq!(ledger.errors[reason as usize], 1, "{reason}");
        }
        assert!(ledger.unknown.keys().eq(["properties.rank"]));
    }
}
