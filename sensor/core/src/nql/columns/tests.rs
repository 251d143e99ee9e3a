//! The evaluator over columns against the reference evaluator, for queries and flows made at random.

mod ports;

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use proptest::prelude::*;

use super::*;
use crate::{
    flow::{
        batch::{Addresses, EndReason, Source},
        fields::{FIELDS, Field, Kind, Row, TextRule, find},
        interfaces::Interface,
        profile::{AutonomousSystem, Profile, Profiles, Side},
        testing::{Random, mark, told_by_others},
    },
    nql::{
        limits::Limits,
        lists::{ListForm, ListValues, NamedList},
        pattern::{Pattern, Source as PatternSource},
        reference,
        sets::{AddressSet, IntegerSet, TextSet},
        typed::{Comparison, Finite, Predicate, Subject},
    },
};

/// Numbers that columns and sets have in common, so that tests hold now and then.
const NUMBERS: [u64; 14] = [0, 1, 2, 4, 6, 17, 18, 53, 58, 443, 1000, 1023, 40_000, u64::MAX];
const TEXTS: [&str; 12] = [
    "tcp",
    "udp",
    "egress",
    "ingress",
    "first",
    "none",
    "host",
    "eth0",
    "a",
    "b",
    "DE",
    "02:00:00:00:00:01",
];

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![4 => prop::sample::select(&NUMBERS[..]), 1 => any::<u64>()]
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        (0_u32..4, 0_u32..40).prop_map(|(net, host)| Ipv4Addr::from(net << 28 | host).into()),
        (0_u128..4, 0_u128..40).prop_map(|(net, host)| Ipv6Addr::from(net << 126 | host).into()),
    ]
}

fn integers() -> impl Strategy<Value = IntegerSet> {
    prop_oneof![
        3 => prop::collection::vec(number(), 0..4).prop_map(IntegerSet::of),
        1 => prop::collection::vec(0..2000_u64, 0..40).prop_map(IntegerSet::of),
        2 => (number(), number()).prop_map(|(low, high)| IntegerSet::range(low, high)),
    ]
}

fn texts(field: &'static Field) -> impl Strategy<Value = TextSet> {
    let ignore_case = field.text != TextRule::Exact;
    prop::collection::vec(prop::sample::select(&TEXTS[..]), 1..3)
        .prop_map(move |texts| TextSet::new(texts.into_iter().map(str::to_owned), ignore_case))
}

fn list() -> Arc<NamedList> {
    let values =
        ListValues::parse("6\n443\n53\nudp\n10.0.0.0/8\n0.0.0.3\n::5\na\nDE\n02-00-00-00-00-01");
    Arc::new(NamedList::new("some", values))
}

fn comparison() -> impl Strategy<Value = Comparison> {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
    prop::sample::select(&[Equal, Less, LessOrEqual, Greater, GreaterOrEqual][..])
}

fn predicate(field: &'static Field) -> BoxedStrategy<Predicate> {
    let listed = move |form| Just(Predicate::Listed(list(), form));
    match field.kind {
        Kind::Unsigned(_) | Kind::Integer => {
            let form =
                if field.name == "protocolint" { ListForm::Protocols } else { ListForm::Integers };
            prop_oneof![4 => integers().prop_map(Predicate::Integers), 1 => listed(form)].boxed()
        }
        Kind::Float => (comparison(), -10_i32..100_000)
            .prop_filter_map("finite", |(comparison, number)| {
                Some(Predicate::Float(comparison, Finite::new(number.into())?))
            })
            .boxed(),
        Kind::Bool => any::<bool>().prop_map(Predicate::Bool).boxed(),
        Kind::Ip => {
            let some = prop::collection::vec((address(), 0_u8..129), 1..20);
            let set = some.prop_map(|prefixes| Predicate::Addresses(AddressSet::of(prefixes)));
            prop_oneof![4 => set, 1 => listed(ListForm::Addresses)].boxed()
        }
        Kind::Text | Kind::TextList if field.text == TextRule::Number => {
            integers().prop_map(Predicate::Integers).boxed()
        }
        Kind::Text | Kind::TextList => {
            let exact = field.text == TextRule::Exact;
            let form = if exact { ListForm::Texts } else { ListForm::FoldedTexts };
            let pattern =
                prop::sample::select(&["a*", "?", "tc?", "*0*"][..]).prop_map(move |text| {
                    let source = PatternSource::Wildcard(text.to_owned());
                    let pattern = Pattern::compile(source, !exact, &Limits::default()).unwrap();
                    Predicate::Matches(Arc::new(pattern))
                });
            prop_oneof![3 => texts(field).prop_map(Predicate::Texts), 1 => pattern, 1 => listed(form)]
                .boxed()
        }
    }
}

fn condition() -> impl Strategy<Value = Typed> {
    let field = || (0..FIELDS.len()).prop_map(|at| &FIELDS[at]);
    let common =
        ["srcport", "dstport", "protocolint", "packets", "srcip", "tcpflags.syn", "srcinternal"];
    let common = prop::sample::select(common.to_vec()).prop_map(|name| find(name).unwrap());
    let test = prop_oneof![field(), common].prop_flat_map(|field| {
        predicate(field).prop_map(move |predicate| Typed::Test(Subject::Field(field), predicate))
    });
    let side = prop_oneof![Just(Side::Source), Just(Side::Destination)];
    let label = (side, prop::sample::select(&["a", "b"][..]), prop::sample::select(&TEXTS[..]))
        .prop_map(|(side, context, text)| {
            let texts = TextSet::new([text.to_owned()], false);
            Typed::Test(Subject::Label(side, context.to_owned()), Predicate::Texts(texts))
        });
    let port_label =
        (prop::sample::select(&["tcp", "17", "none"][..]), texts(find("tags").unwrap())).prop_map(
            |(protocol, texts)| {
                Typed::Test(Subject::PortLabel(protocol.to_owned()), Predicate::Texts(texts))
            },
        );
    let named = |name| Subject::Field(find(name).unwrap());
    let compare = (field(), comparison(), field()).prop_map(|(left, comparison, right)| {
        Typed::Compare(Subject::Field(left), comparison, Subject::Field(right))
    });
    let ends =
        (comparison(), any::<bool>(), any::<bool>()).prop_map(move |(comparison, ports, swap)| {
            let (source, destination, comparison) = match ports {
                true => ("srcport", "dstport", comparison),
                false => ("srcip", "dstip", Comparison::Equal),
            };
            let (left, right) = if swap { (destination, source) } else { (source, destination) };
            Typed::Compare(named(left), comparison, named(right))
        });
    let labelled = (any::<bool>(), prop::sample::select(&["a", "name"][..]), field()).prop_map(
        |(source, context, right)| {
            let side = if source { Side::Source } else { Side::Destination };
            let label = Subject::Label(side, context.to_owned());
            Typed::Compare(label, Comparison::Equal, Subject::Field(right))
        },
    );
    prop_oneof![12 => test, 1 => label, 1 => labelled, 1 => port_label, 1 => compare, 1 => ends, 1 => any::<bool>().prop_map(Typed::Constant)]
}

fn query() -> impl Strategy<Value = Typed> {
    condition().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..5).prop_map(Typed::And),
            prop::collection::vec(inner.clone(), 2..5).prop_map(Typed::Or),
            inner.prop_map(|inner| Typed::Not(Box::new(inner))),
        ]
    })
}

fn interfaces() -> Interfaces {
    let named = |name: &str, alias: &str| Interface { name: name.into(), alias: alias.into() };
    Interfaces(BTreeMap::from([(1, named("eth0", "a")), (2, named("eth1", ""))]))
}

fn profiles() -> Profiles {
    let profiles = Profiles::default();
    profiles.intern(Profile {
        labels: BTreeMap::from([
            ("a".to_owned(), ["a", "tcp", "443", "10.0.0.1"].map(str::to_owned).to_vec()),
            ("name".to_owned(), vec!["b".to_owned()]),
        ]),
        internal: Some(true),
        country: Some("de".to_owned()),
        reputation: Some(vec!["a".to_owned(), "b".to_owned()]),
        location: Some((52_000_000, 13_000_000)),
        ..Profile::default()
    });
    profiles.intern(Profile {
        internal: Some(false),
        local: Some(true),
        owner_as: AutonomousSystem { number: Some(443), organisation: Some("a".to_owned()) },
        reputation: Some(Vec::new()),
        ..Profile::default()
    });
    profiles
}

fn number_of(random: &mut Random) -> u64 {
    NUMBERS[random.draw() as usize % NUMBERS.len()]
}

/// As [`batch`], of the host's or a router's flows, with tags and labels of ports or without.
fn any_batch(v4: bool, rows: usize, looked_up: bool, seed: u64, of: Of) -> FlowBatch {
    let mut batch = batch(v4, rows, looked_up, seed);
    if of.router {
        batch = told_by_others(batch, seed);
    }
    if of.marked {
        mark(&mut batch, seed);
    }
    batch
}

#[derive(Clone, Copy, Debug)]
struct Of {
    router: bool,
    marked: bool,
}

fn of() -> impl Strategy<Value = Of> {
    any::<(bool, bool)>().prop_map(|(router, marked)| Of { router, marked })
}

/// A batch of the host's flows of some family and length; profiles are looked up or not.
fn batch(v4: bool, rows: usize, looked_up: bool, seed: u64) -> FlowBatch {
    let mut random = Random(seed);
    let mut batch = if v4 { FlowBatch::v4(Source::Host) } else { FlowBatch::v6(Source::Host) };
    for _ in 0..rows {
        let mut address = || (random.draw() % 4, random.draw() % 44);
        let (from, to) = (address(), address());
        match &mut batch.addresses {
            Addresses::V4 { source, destination } => {
                source.push((from.0 << 28 | from.1) as u32);
                destination.push((to.0 << 28 | to.1) as u32);
            }
            Addresses::V6 { source, destination } => {
                source.push(u128::from(from.0) << 126 | u128::from(from.1));
                destination.push(u128::from(to.0) << 126 | u128::from(to.1));
            }
        }
        batch.source_port.push(number_of(&mut random) as u16);
        batch.destination_port.push(number_of(&mut random) as u16);
        batch.icmp_type_code.push((number_of(&mut random) << 8 | random.draw() & 3) as u16);
        batch.protocol.push(number_of(&mut random) as u8);
        batch.tos.push(number_of(&mut random) as u8);
        batch.tcp_flags.push((random.draw() & 0x1ff) as u16);
        batch.interface.push((random.draw() % 4) as u32);
        batch.direction.push((random.draw() & 1) as u8);
        batch.vlan.push((number_of(&mut random) & 0xfff) as u16);
        batch.octets.push(number_of(&mut random));
        batch.packets.push(number_of(&mut random));
        batch.layer2_octets.push(number_of(&mut random));
        batch.start.push(number_of(&mut random));
        batch.end.push(number_of(&mut random));
        batch.ttl_min.push(number_of(&mut random) as u8);
        batch.ttl_max.push(number_of(&mut random) as u8);
        batch.source_mac.push([2, 0, 0, 0, 0, (random.draw() & 3) as u8]);
        batch.destination_mac.push([2, 0, 0, 0, 0, (random.draw() & 3) as u8]);
        batch.fragment.push((random.draw() % 3) as u8);
        batch.folded.push((random.draw() & 1) as u8);
        batch.end_reason.push(EndReason::IdleTimeout as u8);
        batch.initiator.push((random.draw() % 3) as u8);
        batch.continued.push((random.draw() & 1) as u8);
    }
    if looked_up {
        batch.profiles = Arc::new(profiles());
        let mut column = || (0..rows).map(|_| (random.draw() % 4) as u32).collect();
        (batch.source_profile, batch.destination_profile) = (column(), column());
    }
    batch
}

/// The rows that fulfil `query`, by the reference.
fn expected(query: &Typed, batch: &FlowBatch, interfaces: &Interfaces) -> Vec<usize> {
    (0..batch.len())
        .filter(|&row| reference::matches(query, &Row { batch, row, interfaces }))
        .collect()
}

/// The rows that fulfil each query, by one program for all.
fn found(
    program: &Program,
    scratch: &mut Scratch,
    batch: &FlowBatch,
    interfaces: &Interfaces,
) -> Vec<Vec<usize>> {
    let mut rows = vec![Vec::new(); program.queries()];
    program.evaluate(batch, interfaces, scratch, |found| {
        rows[found.query].extend(found.rows.rows().map(|row| found.first + row));
    });
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn many_queries_in_one_program_select_what_the_reference_selects(
        queries in prop::collection::vec(query(), 1..40),
        v4: bool, looked_up: bool, rows in prop_oneof![Just(1), 1..80_usize, Just(1100)], seed: u64,
        of in (of(), of()),
    ) {
        let interfaces = interfaces();
        let batches = [
            any_batch(v4, rows, looked_up, seed, of.0),
            any_batch(!v4, rows.min(70), true, seed ^ 1, of.1),
        ];
        for instructions in [Instructions::BASELINE, Instructions::best()] {
            let program = Program::compile(&queries).with_instructions(instructions);
            let mut scratch = Scratch::default();
            for batch in &batches {
                let found = found(&program, &mut scratch, batch, &interfaces);
                for (query, found) in queries.iter().zip(found) {
                    prop_assert_eq!(found, expected(query, batch, &interfaces), "{:?}\n{}", query,
                        explain(&Program::compile([query])));
                }
            }
        }
    }

    #[test]
    fn a_query_alone_selects_what_the_reference_selects(
        query in query(), v4: bool, seed: u64, of in of(),
    ) {
        let (interfaces, batch) = (interfaces(), any_batch(v4, 300, true, seed, of));
        let mut filter = BatchFilter::new(&query);
        let found: Vec<_> = filter.rows(&batch, &interfaces).collect();
        prop_assert_eq!(found, expected(&query, &batch, &interfaces));
    }

    #[test]
    fn many_sets_of_ports_select_what_the_reference_selects(
        sets in prop::collection::vec(prop::collection::vec(number(), 1..6), 20..60), v4: bool, seed: u64,
    ) {
        let queries: Vec<_> = sets
            .into_iter()
            .map(|ports| Typed::And(vec![is("dstport", ports), is("protocolint", [6, 17])]))
            .collect();
        let (interfaces, batch) = (interfaces(), batch(v4, 1100, false, seed));
        let program = Program::compile(&queries);
        let found = found(&program, &mut Scratch::default(), &batch, &interfaces);
        for (query, found) in queries.iter().zip(found) {
            prop_assert_eq!(found, expected(query, &batch, &interfaces), "{:?}", query);
        }
    }

    #[test]
    fn the_laws_of_de_morgan(left in query(), right in query()) {
        let not = |query: Typed| Typed::Not(Box::new(query));
        let both = Typed::And(vec![left.clone(), right.clone()]);
        let either = Typed::Or(vec![left.clone(), right.clone()]);
        let negated = [not(left), not(right)];
        let program = Program::compile(&[
            not(both), Typed::Or(negated.to_vec()), not(either), Typed::And(negated.to_vec()),
        ]);
        prop_assert_eq!(program.roots[0], program.roots[1]);
        prop_assert_eq!(program.roots[2], program.roots[3]);
    }
}

fn test(name: &str, predicate: Predicate) -> Typed {
    Typed::Test(Subject::Field(find(name).unwrap()), predicate)
}

fn is(name: &str, numbers: impl IntoIterator<Item = u64>) -> Typed {
    test(name, Predicate::Integers(IntegerSet::of(numbers)))
}

#[test]
fn chains_over_one_field_become_one_test() {
    let chain = Typed::Or((0..10_000).map(|port| is("dstport", [port * 2])).collect());
    assert_eq!(Program::compile([&chain]).steps(), 2);
    let range = Typed::And(vec![
        test("dstport", Predicate::Integers(IntegerSet::range(6, u64::MAX))),
        test("dstport", Predicate::Integers(IntegerSet::range(0, 60))),
        Typed::Not(Box::new(is("dstport", [7]))),
    ]);
    assert!(explain(&Program::compile([&range])).starts_with("dstport in (6, 8..60) "));
    let nothing = Typed::And(vec![is("dstport", [1]), is("dstport", [2])]);
    assert_eq!(explain(&Program::compile([&nothing])), "no record\n");
}

#[test]
fn presence_is_asked_for_once() {
    let flag = |name| test(name, Predicate::Bool(true));
    let query = Typed::And(vec![
        is("protocolint", [6]),
        flag("tcpflags.syn"),
        Typed::Not(Box::new(flag("tcpflags.ack"))),
    ]);
    // The constant, the protocol, two flags, the conjunction.
    assert_eq!(Program::compile([&query]).steps(), 5);
}

#[test]
fn equal_conditions_of_queries_are_shared() {
    let policy = |port| {
        let internal = test("srcinternal", Predicate::Bool(true));
        Typed::And(vec![internal, is("protocolint", [6]), is("dstport", [port])])
    };
    let program = Program::compile(&(0..100).map(policy).collect::<Vec<_>>());
    assert_eq!(program.steps(), 1 + 2 + 100 + 100);
}

#[test]
fn lists_are_read_anew() {
    let list = Arc::new(NamedList::new("ports", ListValues::parse("443")));
    let query = test("dstport", Predicate::Listed(list.clone(), ListForm::Integers));
    let mut filter = BatchFilter::new(&query);
    let (interfaces, batch) = (interfaces(), batch(true, 200, false, 1));
    let ports = |filter: &mut BatchFilter| -> Vec<u16> {
        let mut ports: Vec<_> =
            filter.rows(&batch, &interfaces).map(|row| batch.destination_port[row]).collect();
        ports.dedup();
        ports
    };
    assert_eq!(ports(&mut filter), [443]);
    list.replace(ListValues::parse("53"));
    assert_eq!(ports(&mut filter), [53]);
}

/// The set of profiles grows while batches hold it.
#[test]
fn profiles_that_are_new_are_judged() {
    let query = test("srcinternal", Predicate::Bool(true));
    let mut filter = BatchFilter::new(&query);
    let (interfaces, mut batch) = (Interfaces::default(), batch(true, 3, false, 1));
    let profiles = Arc::new(Profiles::default());
    batch.profiles = profiles.clone();
    (batch.source_profile, batch.destination_profile) = (vec![0, 1, 2], vec![0; 3]);
    assert_eq!(filter.rows(&batch, &interfaces).count(), 0);
    let internal = |internal| Profile { internal: Some(internal), ..Profile::default() };
    profiles.intern(internal(true));
    assert_eq!(filter.rows(&batch, &interfaces).collect::<Vec<_>>(), [1]);
    profiles.intern(internal(false));
    profiles.intern(Profile { bogon: Some(true), ..internal(true) });
    batch.source_profile = vec![3, 2, 1];
    assert_eq!(filter.rows(&batch, &interfaces).collect::<Vec<_>>(), [0, 2]);
}

/// Few predicates have tables; by many, profiles are classed: chunks are sorted by few classes. A list may change them.
#[test]
fn profiles_of_few_classes_and_of_many() {
    const PROFILES: u32 = 1_000;
    let profiles = Profiles::default();
    for number in 1..PROFILES {
        let owner_as = AutonomousSystem { number: Some(number), ..Default::default() };
        assert_eq!(profiles.intern(Profile { owner_as, ..Profile::default() }), number);
    }
    let mut batch = batch(true, 2_500, false, 1);
    batch.profiles = Arc::new(profiles);
    let rows = batch.len() as u32;
    // Some numbers are of no profile.
    batch.source_profile = (0..rows).map(|row| row * 7 % (PROFILES + 5)).collect();
    batch.destination_profile = (0..rows).map(|row| row % 3).collect();
    let (interfaces, list) =
        (interfaces(), Arc::new(NamedList::new("ases", ListValues::parse("1\n2"))));
    for (bits, different) in [(3, 3), (20, 5), (70, 10)] {
        let of_bit = |bit: u32| {
            let numbers =
                (0..PROFILES).filter(|number| number.rotate_right(bit % different) & 1 != 0);
            let numbers = numbers.map(|number| u64::from(number) + u64::from(bit / different));
            test("srcowneras.number", Predicate::Integers(IntegerSet::of(numbers)))
        };
        let listed = Predicate::Listed(list.clone(), ListForm::Integers);
        let mut queries: Vec<_> = (0..bits).map(of_bit).collect();
        queries.extend(
            ["srcowneras.number", "dstowneras.number"].map(|name| test(name, listed.clone())),
        );
        let (program, mut scratch) = (Program::compile(&queries), Scratch::default());
        for values in ["1\n2", "3\n500\n2"] {
            list.replace(ListValues::parse(values));
            let mut found = vec![Vec::new(); queries.len()];
            program.evaluate(&batch, &interfaces, &mut scratch, |matched| {
                found[matched.query].extend(matched.rows.rows().map(|row| matched.first + row));
            });
            for (query, found) in queries.iter().zip(found) {
                assert_eq!(found, expected(query, &batch, &interfaces), "{bits}, {values:?}");
            }
        }
    }
}

/// What was foreseen for profiles and lists holds for batches with them, and for no others.
#[test]
fn what_is_foreseen_is_as_what_is_found() {
    let list = Arc::new(NamedList::new("ports", ListValues::parse("443")));
    let listed = test("dstport", Predicate::Listed(list.clone(), ListForm::Integers));
    let internal = test("srcinternal", Predicate::Bool(true));
    let program = Program::compile([&listed, &internal]);
    let (interfaces, mut batch) = (interfaces(), batch(true, 200, false, 1));
    let found = |batch: &FlowBatch, scratch: &mut Scratch| {
        let mut found = Vec::new();
        program.evaluate(batch, &interfaces, scratch, |m| found.push((m.query, m.rows.count())));
        found
    };
    let others = Profiles::default();
    others.intern(Profile { internal: Some(true), ..Profile::default() });
    let mut scratch = Scratch::default();
    assert!(!scratch.is_used());
    program.precompute(&Arc::new(others), &Arc::default(), &mut scratch);
    assert!(scratch.is_used());
    assert_eq!(found(&batch, &mut scratch), found(&batch, &mut Scratch::default()));
    batch.profiles = Arc::new(Profiles::default());
    list.replace(ListValues::parse("53"));
    program.precompute(&batch.profiles, &batch.port_labels, &mut scratch);
    assert_eq!(found(&batch, &mut scratch), found(&batch, &mut Scratch::default()));
}

#[test]
fn every_field_of_rows_but_a_few_is_a_column() {
    let slow: Vec<_> = FIELDS
        .iter()
        .filter(|field| field.is_filled() && field.attribute().is_none())
        .filter(|field| {
            let predicate = match field.kind {
                Kind::Unsigned(_) | Kind::Integer => Predicate::Integers(IntegerSet::of([4])),
                Kind::Float => return true,
                Kind::Bool => Predicate::Bool(true),
                Kind::Ip => Predicate::Addresses(AddressSet::of([([10, 0, 0, 0].into(), 8)])),
                _ if field.text == TextRule::Number => Predicate::Integers(IntegerSet::of([4])),
                _ => Predicate::Texts(TextSet::new(["tcp".to_owned()], true)),
            };
            let query = Typed::Test(Subject::Field(field), predicate);
            explain(&Program::compile([&query])).contains("row by row")
        })
        .map(|field| field.name)
        .collect();
    assert_eq!(slow, ["flowbrate", "flowprate", "pbratio"]);
}

#[test]
fn what_a_router_does_not_tell_fulfils_nothing() {
    let mut batch = FlowBatch { observed_by: Source::NetFlow, ..batch(true, 2_000, false, 1) };
    batch.ttl_min.clear();
    batch.source_as = (0..batch.len() as u32).map(|row| row % 3).collect();
    let interfaces = interfaces();
    for (name, number, holds) in [
        ("srcas.number", 2, true),
        ("srcas.number", 0, true),
        ("dstport", 443, true),
        ("ttlmin", 64, false),
        ("ttlmin", 0, false),
        ("ttlmax", 0, false),
        ("samplerate", 1, false),
        ("samplerate", 0, false),
    ] {
        let query = is(name, [number]);
        let found: Vec<_> = BatchFilter::new(&query).rows(&batch, &interfaces).collect();
        assert_eq!(found, expected(&query, &batch, &interfaces), "{name}");
        assert_eq!(!found.is_empty(), holds, "{name} == {number}");
    }
}

#[test]
fn tags_are_the_flow_s_or_the_device_s() {
    let mut batch = told_by_others(batch(true, 64, false, 1), 1);
    batch.device = vec![0; 64];
    let rows = |batch: &FlowBatch, tag: &str| {
        let tag = TextSet::new([tag.to_owned()], false);
        let query = test("tags", Predicate::Texts(tag));
        BatchFilter::new(&query).rows(batch, &interfaces()).count()
    };
    assert_eq!((rows(&batch, "a"), rows(&batch, "host")), (64, 0));
    mark(&mut batch, 1);
    batch.tags = (0..64).map(|row| if row < 10 { 3 } else { 0 }).collect();
    assert_eq!((rows(&batch, "a"), rows(&batch, "host")), (54, 10));
    batch.keep(&[5, 63]);
    assert_eq!((rows(&batch, "a"), rows(&batch, "host")), (1, 1));
}
