//! The fields of DNS records, and what of a record each is. How that is read is said where records are (`crate::dns`), by one match
//! over [`DnsReading`].

use super::{
    Field,
    Kind::{Bool, Float, Integer, Ip, Text, TextList, Unsigned},
    TextRule::IgnoreCase,
    field,
};
use crate::flow::point::PointAttribute::{self, Account, Instance, Region, Vpc, Zone};

/// What is read of a DNS record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsReading {
    /// When it was asked, in seconds.
    Time,
    /// The same in milliseconds.
    Milliseconds,
    /// A text that the record has as it is.
    Text(DnsText),
    /// Who asked.
    Client,
    /// From which port.
    ClientPort,
    /// Who was asked.
    Server,
    /// The name, and parts of it.
    Name,
    /// What stands before the domain.
    Host,
    /// The public suffix and one label before it.
    Domain,
    /// The last label.
    TopLevel,
    /// Under which names are registered.
    PublicSuffix,
    /// How many labels it has.
    Depth,
    /// How much it looks as if nobody had chosen it.
    Complexity,
    /// What was asked for.
    Type,
    /// Of which class.
    Class,
    /// The answer's code.
    ResponseCode,
    /// How many records the answer has.
    AnswerCount,
    /// Their types.
    AnswerTypes,
    /// Their data.
    AnswerData,
    /// Their classes.
    AnswerClasses,
    /// Whether whoever answered has authority.
    Authoritative,
    /// Query or response.
    Message,
    /// Who recorded it.
    Source,
    /// That by its name.
    SourceName,
    /// Site of that.
    Site,
    /// Where in a cloud it was seen.
    Point(PointAttribute),
}

/// Texts that a record has as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum DnsText {
    /// Its id.
    Id,
    /// When whoever recorded it had it.
    Received,
    /// Transport.
    Protocol,
    /// What a firewall did.
    Action,
    /// Version of the format.
    Version,
    /// By which rule, or group of rules.
    Rule,
    /// By which list of domains.
    DomainList,
    /// Through which endpoint of a resolver it came.
    Endpoint,
}

impl DnsText {
    /// How many there are.
    pub const COUNT: usize = Self::Endpoint as usize + 1;
}

use DnsReading as Is;
use DnsText as Word;

#[rustfmt::skip]
pub(super) const DNS: &[Field] = &[
    field("id", Text, &[], "Record id, where the log has one").dns(Is::Text(Word::Id)),
    field("timestamp", Integer, &[], "Time of the request, seconds since the epoch").dns(Is::Time),
    field("timestampms", Integer, &[], "The same, milliseconds since the epoch").extension().dns(Is::Milliseconds),
    field("rtime", Text, &[], "Time at which the log received the record, as it says").dns(Is::Text(Word::Received)),
    field("srcip", Ip, &[], "Client").dns(Is::Client),
    field("srcport", Unsigned(16), &[], "Port of the client").dns(Is::ClientPort),
    field("dstip", Ip, &[], "Server that was asked").extension().dns(Is::Server),
    field("protocol", Text, &[], "Protocol of the query: `udp`, `tcp`").text(IgnoreCase).dns(Is::Text(Word::Protocol)),
    field("query.name", Text, &[], "Queried name, in lower case and without the dot at its end").text(IgnoreCase).patterns().dns(Is::Name),
    field("query.host", Text, &[], "What stands before the domain: `www` of `www.example.co.uk`").text(IgnoreCase).patterns().dns(Is::Host),
    field("query.domain", Text, &[], "The public suffix and the label before it: `example.co.uk`").text(IgnoreCase).patterns().dns(Is::Domain),
    field("query.tld", Text, &[], "The last label: `uk`").text(IgnoreCase).dns(Is::TopLevel),
    field("query.publicsuffix", Text, &[], "Public suffix of the name: `co.uk`; the last label where the list has none").text(IgnoreCase).patterns().dns(Is::PublicSuffix),
    field("query.type", Text, &[], "Queried type by its IANA name, or `TYPE` and its number").text(IgnoreCase).dns(Is::Type),
    field("query.class", Text, &[], "Queried class by its IANA name, or `CLASS` and its number").text(IgnoreCase).dns(Is::Class),
    field("query.depth", Integer, &[], "Number of labels of the name").dns(Is::Depth),
    field("query.complexity", Float, &[], "Shannon entropy of the name without its public suffix and dots, bits per character").extension().dns(Is::Complexity),
    field("rcode", Text, &[], "Response code by its IANA name in upper case, or `RCODE` and its number").text(IgnoreCase).dns(Is::ResponseCode),
    field("answercount", Integer, &[], "Number of answers").dns(Is::AnswerCount),
    field("answers.type", TextList, &[], "Types of the answers").text(IgnoreCase).dns(Is::AnswerTypes),
    field("answers.rdata", TextList, &[], "Data of the answers; names without the dot at their end").text(IgnoreCase).patterns().dns(Is::AnswerData),
    field("answers.class", TextList, &[], "Classes of the answers").text(IgnoreCase).dns(Is::AnswerClasses),
    field("authoritative", Bool, &[], "The answer is authoritative").extension().dns(Is::Authoritative),
    field("internal", Bool, &[], "The name lies in the internal domains"),
    field("provider", Bool, &[], "The answer is a known provider"),
    field("providername", Text, &[], "Which provider"),
    field("action", Text, &[], "What a DNS firewall did: `allow`, `alert` or `block`; absent where no rule matched").text(IgnoreCase).dns(Is::Text(Word::Action)),
    field("rule", Text, &[], "Rule, or group of rules, of the DNS firewall that matched").extension().dns(Is::Text(Word::Rule)),
    field("domainlist", Text, &[], "List of domains of the DNS firewall that matched").extension().dns(Is::Text(Word::DomainList)),
    field("type", Text, &[], "Type of the message: `query`, or `response` where the response is told as well").dns(Is::Message),
    field("version", Text, &[], "Version of the message or of the log").dns(Is::Text(Word::Version)),
    field("datasrc", Text, &[], "Source of the data: `route53`, `gcp-dns`, `azure-dns`").dns(Is::Source),
    field("flowsrcname", Text, &[], "Account and log that the record comes from").extension().dns(Is::SourceName),
    field("site", Text, &[], "Site of the source").dns(Is::Site),
    field("accountid", Text, &[], "Cloud account").dns(Is::Point(Account)),
    field("instanceid", Text, &[], "Cloud instance").dns(Is::Point(Instance)),
    field("vpcid", Text, &[], "Cloud network").dns(Is::Point(Vpc)),
    field("endpointid", Text, &[], "Endpoint of the cloud's resolver through which the query came").extension().dns(Is::Text(Word::Endpoint)),
    field("region", Text, &[], "Cloud region").dns(Is::Point(Region)),
    field("zone", Text, &[], "Zone within the region").extension().dns(Is::Point(Zone)),
];
