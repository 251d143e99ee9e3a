//! Random queries and random flows for property tests.
//!
//! Values come from small pools, so that conditions are true often enough to matter.

use std::sync::Arc;

use proptest::{collection::vec, prelude::*, sample::select};
use sensor_common::{
    key::{Common, Direction, KeyV4, KeyV6},
    packet::Fragment,
};

use super::ast::{Condition, Expression, Literal, NotForm, Operand, Operator, Quote, Spanned};
use crate::flow::{
    batch::{EndReason, FlowBatch, Source},
    delta::FlowDelta,
    profile::{Profile, Profiles, System},
};

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

/// A table of profiles in which every attribute is known for some and unknown for others.
pub fn profiles() -> Profiles {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let mut profiles = Profiles::default();
    for (i, labels) in
        [&LABELS[..1], &LABELS[1..2], &LABELS[..3], &LABELS[3..], &[]].iter().enumerate()
    {
        let mut profile = Profile {
            internal: [Some(true), Some(false), None][i % 3],
            local: [None, Some(true), Some(false)][i % 3],
            bogon: [Some(false), Some(true)][i % 2].filter(|_| i != 4),
            country: COUNTRIES.get(i).map(|country| country.to_ascii_uppercase()),
            location: (i % 2 == 0).then_some((500_000 * i as i32, -1)),
            reputation: (i != 1).then(|| texts(&CATEGORIES[..i.min(3)])),
            owner_as: System { number: Some([0, 1, 3][i % 3]), organisation: None },
            ..Profile::default()
        };
        if !labels.is_empty() {
            profile.labels.insert("role".to_owned(), texts(labels));
            profile.labels.insert("name".to_owned(), texts(&labels[..1]));
        }
        profiles.intern(profile);
    }
    profiles
}

/// Batches of up to `rows` flows, of either family, with or without profiles.
pub fn batches(rows: usize) -> impl Strategy<Value = FlowBatch> {
    (any::<bool>(), any::<bool>(), vec(flows(), 1..rows)).prop_map(|(v6, looked_up, flows)| {
        let mut batch = if v6 { FlowBatch::v6(Source::Host) } else { FlowBatch::v4(Source::Host) };
        let profiles = profiles();
        for flow in flows {
            let octets = |address: u32| address.to_be();
            if v6 {
                let address = |number: u32| [0x2001_0db8_u32.to_be(), 0, 0, octets(number & 3)];
                let (source, destination) = (address(flow.source), address(flow.destination));
                batch.push(
                    &KeyV6 { source, destination, common: flow.key },
                    &flow.counts,
                    flow.end,
                );
            } else {
                let (source, destination) = (octets(flow.source), octets(flow.destination));
                batch.push(
                    &KeyV4 { source, destination, common: flow.key },
                    &flow.counts,
                    flow.end,
                );
            }
            if looked_up {
                batch.source_profile.push(flow.profiles.0);
                batch.destination_profile.push(flow.profiles.1);
            }
        }
        batch.profiles = Arc::new(profiles);
        batch
    })
}

#[derive(Clone, Debug)]
struct Flow {
    source: u32,
    destination: u32,
    key: Common,
    counts: FlowDelta,
    end: EndReason,
    profiles: (u32, u32),
}

fn flows() -> impl Strategy<Value = Flow> {
    let port = || select(PORTS.map(|port| port.parse::<u16>().unwrap_or(0)).to_vec());
    let address = || select(vec![0x0a00_0001_u32, 0x0a00_0000, 0x0b00_0000, 0xc000_0202, 0]);
    let small = || select(vec![0_u8, 1, 40, 64, 255]);
    let key = (
        (port(), port(), select(vec![6_u8, 6, 17, 1, 58, 132, 253]), small()),
        (select(vec![0_u16, 1, 40]), any::<bool>(), 0..3_u8, any::<bool>(), 1..4_u32),
    )
        .prop_map(
            |(
                (source_port, destination_port, protocol, tos),
                (vlan, out, part, folded, interface),
            )| {
                Common {
                    source_port,
                    destination_port,
                    interface,
                    protocol,
                    tos,
                    vlan,
                    direction: if out { Direction::Egress } else { Direction::Ingress },
                    fragment: [Fragment::None, Fragment::First, Fragment::Later][usize::from(part)],
                    folded,
                }
            },
        );
    let counts = (
        select(vec![1_u64, 40, 1500, 3000]),
        1..4_u64,
        select(vec![0_u64, 1, 3, 1500]),
        0..512_u16,
        small(),
        small(),
    )
        .prop_map(|(octets, packets, duration, tcp_flags, ttl_min, ttl_max)| FlowDelta {
            octets,
            packets,
            layer2_octets: octets + 14,
            start: 12_000,
            end: 12_000 + duration,
            tcp_flags,
            ttl_min,
            ttl_max,
            macs: [0; 3],
        });
    let end = select(vec![EndReason::IdleTimeout, EndReason::EndOfFlow]);
    (address(), address(), key, counts, end, (0..7_u32, 0..7_u32)).prop_map(
        |(source, destination, key, counts, end, profiles)| Flow {
            source,
            destination,
            key,
            counts,
            end,
            profiles,
        },
    )
}
