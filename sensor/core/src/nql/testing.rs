//! Random queries for property tests.
//!
//! Values come from small pools, of which those of `flow::testing` are a part, so that conditions are true often enough.

use proptest::{collection::vec, prelude::*, sample::select};

use super::ast::{Condition, Expression, Literal, NotForm, Operand, Operator, Quote, Spanned};

const PORTS: [&str; 9] = ["0", "22", "53", "67", "68", "123", "1023", "1024", "65535"];
const SMALL: [&str; 5] = ["0", "1", "40", "64", "255"];
const COUNTS: [&str; 6] = ["0", "1", "3", "1500", "12000", "18446744073709551615"];
const PROTOCOLS: [&str; 6] = ["tcp", "UDP", "icmp", "ipv6-icmp", "132", "experimental"];
const ADDRESSES: [&str; 8] = [
    "10.0.0.1",
    "10.0.0.0/8",
    "10.0.0.0/31",
    "192.0.2.0/24",
    "0.0.0.0/0",
    "2001:db8::/32",
    "2001:db8::1",
    "::/0",
];
const LABELS: [&str; 4] = ["production", "development", "scanner", "Scanner"];
const COUNTRIES: [&str; 3] = ["US", "de", "ca"];
const CATEGORIES: [&str; 3] = ["botnets", "scanners", "phishing"];
const PATTERNS: [&str; 6] = ["bot*", "*s", "?hishing", "scanner~", "botnet~1", "none"];
const REGEXES: [&str; 4] = ["bot.*", "(scan|phish).*", "^bot", "ers$"];
const FLOATS: [&str; 4] = ["0", "0.5", "1000", "8000.0"];

/// Any expression that the checker accepts for flows.
pub fn expressions() -> impl Strategy<Value = Expression> {
    let leaf = conditions().prop_map(Expression::Condition);
    leaf.prop_recursive(4, 24, 4, |inner| {
        let form = select(vec![NotForm::Symbol, NotForm::Word]);
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(Expression::And),
            vec(inner.clone(), 2..4).prop_map(Expression::Or),
            (inner, form).prop_map(|(inner, form)| Expression::Not(Box::new(inner), form)),
        ]
    })
}

fn conditions() -> impl Strategy<Value = Condition> {
    prop_oneof![
        6 => ordered(&["srcport", "dstport", "port"], &PORTS),
        2 => ordered(&["protocolint", "ttlmin", "ttlmax", "tos", "flowendreason"], &SMALL),
        2 => ordered(&["bits", "octets", "packets", "bytesperpacket", "duration", "start"], &COUNTS),
        1 => ordered(&["tcpflagsint", "input", "srcvlan", "vlan"], &SMALL),
        1 => ordered(&["dstowneras.number", "as.number"], &COUNTS[..4]),
        1 => ordered(&["srciprep.count"], &SMALL[..2]),
        3 => equal(&["protocol"], &PROTOCOLS),
        4 => equal(&["srcip", "dstip", "ip"], &ADDRESSES),
        1 => equal(&["natsrcip", "natdstip", "nexthop"], &ADDRESSES),
        1 => ordered(&["natsrcport", "natdstport"], &SMALL),
        1 => equal(&["icmptype", "icmpcode"], &SMALL[..3]),
        1 => equal(&["direction"], &["ingress", "egress"]),
        1 => equal(&["fragment"], &["none", "first", "later"]),
        1 => equal(&["interface", "inputname"], &["eth0", "eth1"]),
        3 => equal(&["label.ip.role", "label.src.role", "label.dst.role", "ipname"], &LABELS),
        2 => equal(&["srcgeo.countrycode", "geo.countrycode"], &COUNTRIES),
        2 => equal(&["srciprep.categories", "iprep.categories"], &CATEGORIES),
        3 => single(
            &["tcpflags.syn", "tcpflags.ack", "tcpflags.ns", "srcinternal", "internal", "dstlocal",
              "bogonsrc", "folded"],
            &["true", "false"],
            &[Operator::Equal, Operator::NotEqual],
        ),
        1 => single(&["flowbrate", "pbratio", "srcgeo.location.lat"], &FLOATS, &NUMERIC),
        1 => single(
            &["srciprep.categories", "iprep.categories"],
            &PATTERNS,
            &[Operator::Match, Operator::NotMatch],
        ),
        1 => regexes(),
        1 => single(&["srcport", "port"], &["dstport"], &NUMERIC),
        1 => single(&["octets"], &["packets", "bits"], &NUMERIC),
        1 => single(&["srcip"], &["dstip"], &[Operator::Equal, Operator::NotEqual]),
        1 => single(
            &["srcgeo.countrycode", "srcipname"],
            &["dstgeo.countrycode", "dstipname"],
            &[Operator::Equal, Operator::NotEqual],
        ),
    ]
}

const NUMERIC: [Operator; 6] = [
    Operator::Equal,
    Operator::NotEqual,
    Operator::Less,
    Operator::LessOrEqual,
    Operator::Greater,
    Operator::GreaterOrEqual,
];

fn ordered(fields: &[&'static str], values: &[&'static str]) -> BoxedStrategy<Condition> {
    prop_oneof![single(fields, values, &NUMERIC), listed(fields, values)].boxed()
}

fn equal(fields: &[&'static str], values: &[&'static str]) -> BoxedStrategy<Condition> {
    let operators = [Operator::Equal, Operator::NotEqual];
    prop_oneof![2 => single(fields, values, &operators), 1 => listed(fields, values)].boxed()
}

fn single(
    fields: &[&'static str],
    values: &[&'static str],
    operators: &[Operator],
) -> BoxedStrategy<Condition> {
    (select(fields.to_vec()), select(operators.to_vec()), literals(values, false))
        .prop_map(|(field, operator, literal)| {
            condition(field, operator, Operand::Literal(literal))
        })
        .boxed()
}

fn listed(fields: &[&'static str], values: &[&'static str]) -> BoxedStrategy<Condition> {
    let entries = vec(literals(values, true), 1..4);
    (select(fields.to_vec()), select(vec![Operator::In, Operator::NotIn]), entries)
        .prop_map(|(field, operator, entries)| {
            let entries = entries.into_iter().map(|entry| Spanned::new(entry, 0..0)).collect();
            condition(field, operator, Operand::List(entries))
        })
        .boxed()
}

fn regexes() -> BoxedStrategy<Condition> {
    (select(vec!["dstiprep.categories", "iprep.categories"]), select(REGEXES.to_vec()))
        .prop_map(|(field, regex)| {
            condition(field, Operator::Match, Operand::Regex(regex.to_owned()))
        })
        .boxed()
}

/// Values, now and then in quotes where those change nothing.
fn literals(values: &[&'static str], quotes: bool) -> impl Strategy<Value = Literal> + use<> {
    let form = select(vec![None, None, Some(Quote::Single), Some(Quote::Double)]);
    (select(values.to_vec()), form).prop_map(move |(value, quote)| match quote {
        Some(quote) if quotes => Literal::Quoted(value.to_owned(), quote),
        _ => Literal::Word(value.to_owned()),
    })
}

fn condition(field: &str, operator: Operator, value: Operand) -> Condition {
    Condition {
        field: Spanned::new(field.to_owned(), 0..0),
        operator: Spanned::new(operator, 0..0),
        value: Spanned::new(value, 0..0),
    }
}
