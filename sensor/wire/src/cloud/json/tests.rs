//! The cutter, by what it cuts.

use proptest::prelude::*;

use super::cutter::{Cutter, LONGEST, Value};

/// What comes out, shortened: `=` a record, `<` and `>` the object around records, `!` what is broken.
fn cut<'o>(pieces: impl IntoIterator<Item = &'o [u8]>) -> Vec<String> {
    let mut cutter = Cutter::new(&["records", "flow_logs"]);
    let mut values = Vec::new();
    let mut each = |number: u64, value: Value<'_>| {
        let (sign, octets) = match value {
            Value::Whole(octets) => ("=", octets),
            Value::Opened(octets) => ("<", octets),
            Value::Closed(octets) => (">", octets),
            Value::TooLong => ("too long", &b""[..]),
            Value::TooDeep => ("too deep", &b""[..]),
            Value::Broken(octets) => ("!", octets),
        };
        values.push(format!("{number}{sign}{}", String::from_utf8_lossy(octets)));
    };
    pieces.into_iter().for_each(|piece| cutter.feed(piece, &mut each));
    cutter.finish(each);
    values
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    for size in [usize::MAX, 1, 3] {
        assert_eq!(cut(text.as_bytes().chunks(size)), expected, "{text} by {size}");
    }
}

const LONG: &str = r#"{"a": "0123456789012345678901234567890123456789012345678901234567890123456789\\", "b": "{[\"}]"}"#;

#[test]
fn records_stand_in_lines_one_after_the_other_or_in_an_array() {
    check("{\"a\":1}\n{\"b\":{}}\r\n\n{}", &["1={\"a\":1}", "2={\"b\":{}}", "3={}"]);
    check("{\"a\":1}{\"b\":2} {}", &["1={\"a\":1}", "2={\"b\":2}", "3={}"]);
    check("\u{feff} [ {\"a\":[{}]} ,\n {\"b\":2}]\n", &["1={\"a\":[{}]}", "2={\"b\":2}"]);
    check("[{}][{}]", &["1={}", "2={}"]);
    check("[[1, {}], {}]", &["1=[1, {}]", "2={}"]);
    check("", &[]);
    check("\u{feff}\n[]", &[]);
    let (first, second) = (format!("1={LONG}"), format!("2={LONG}"));
    check(&format!("{LONG}\n{LONG}"), &[&first, &second]);
}

#[test]
fn records_stand_in_a_member_of_an_object() {
    check(
        r#"{"version": 1, "flow_logs" : [{"a":1}, {"b":[]}], "state": "ok"}"#,
        &[
            r#"0<{"version": 1, "flow_logs" : []}"#,
            r#"1={"a":1}"#,
            r#"2={"b":[]}"#,
            r#"2>{"version": 1, "flow_logs" : [], "state": "ok"}"#,
        ],
    );
    // Two of them, and members that only look like it.
    check(
        r#"{"records":[{}],"flow_logs":[{}]}{"x":[{"records":[1]}],"records":2,"xrecords":[3],"record\\s":[]}"#,
        &[
            r#"0<{"records":[]}"#,
            "1={}",
            r#"1<{"records":[],"flow_logs":[]}"#,
            "2={}",
            r#"2>{"records":[],"flow_logs":[]}"#,
            r#"3={"x":[{"records":[1]}],"records":2,"xrecords":[3],"record\\s":[]}"#,
        ],
    );
    check(
        r#"{"a":1,"data":{"records":[{}],"b":2},"records":[{}],"x":{"y":{"records":[]}}}"#,
        &[
            r#"0<{"a":1,"data":{"records":[]}}"#,
            "1={}",
            r#"1<{"a":1,"data":{"records":[],"b":2},"records":[]}"#,
            "2={}",
            r#"2>{"a":1,"data":{"records":[],"b":2},"records":[],"x":{"y":{"records":[]}}}"#,
        ],
    );
    check(r#"["records",[{}]]"#, &["1!\"records\"", "2=[{}]"]);
}

#[test]
fn objects_that_grow_are_read_in_fragments() {
    check("{\"records\":[\n{\"a\":1}", &["0<{\"records\":[]}", "1={\"a\":1}"]);
    check(",{\"b\":2},\n{\"c\":3}\n]}", &["1={\"b\":2}", "2={\"c\":3}"]);
    check(",{\"b\":2}]}\n", &["1={\"b\":2}"]);
    // Whole ones may follow each other.
    check(
        "{\"records\":[{\"a\":1}]}{\"records\":[]}",
        &[
            "0<{\"records\":[]}",
            "1={\"a\":1}",
            "1>{\"records\":[]}",
            "1<{\"records\":[]}",
            "1>{\"records\":[]}",
        ],
    );
}

#[test]
fn what_is_broken_leaves_the_next_ones_alone() {
    let good = "{\"g\":1}";
    for begun in [
        "{\"a\":\"b",
        "{\"a\":\"b\\",
        "{\"a\":\"2025-01-01T00:",
        "{\"a\":{\"b\":1",
        "{\"a\":1,",
        "{\"a\":[{\"b\":1}",
        "{\"a\"",
        "{",
        "no json",
        "\"a\":1}",
    ] {
        check(
            &format!("{begun}\n{good}\n{good}"),
            &[&format!("1!{begun}"), &format!("2={good}"), &format!("3={good}")],
        );
    }
    // The last two are what a record may look like, up to the next brace.
    for begun in ["{\"a\":[", "{\"a\":"] {
        let broken = format!("1!{begun}\n{good}");
        check(&format!("{begun}\n{good}\n{good}"), &[&broken, &format!("2={good}")]);
    }
}

#[test]
fn what_is_broken_in_an_array_leaves_the_next_ones_alone() {
    for (text, expected) in [
        ("[{\"a\":[1},{\"g\":1}]", &["1={\"a\":[1}", "2={\"g\":1}"][..]),
        ("[{\"a\":{\"b\":1},{\"g\":1}]", &["1!{\"a\":{\"b\":1},", "2={\"g\":1}"]),
        ("[{\"a\":1},{\"b\":1]{\"g\":1}", &["1={\"a\":1}", "2!{\"b\":1", "3={\"g\":1}"]),
        ("[{\"a\":1}}},{\"g\":1}]", &["1={\"a\":1}", "2={\"g\":1}"]),
        ("[null, 5,{\"g\":1}, x]", &["1!null", "2!5", "3={\"g\":1}", "4!x"]),
        (
            "[\n{\n\"a\": \"torn,\n\"b\": {\"c\": 1}\n},\n{\"g\":1}\n]",
            &["1={\n\"a\": \"torn,\n\"b\": {\"c\": 1}\n}", "2={\"g\":1}"],
        ),
        ("[{\"a\":1},{\"b\":", &["1={\"a\":1}", "2!{\"b\":"]),
        ("{\"records\":[{\"a\":1},{\"b\":", &["0<{\"records\":[]}", "1={\"a\":1}", "2!{\"b\":"]),
        (
            "{\"records\":[{}],\"x\":{\"y\":1}{\"g\":1}",
            &["0<{\"records\":[]}", "1={}", "2!{\"records\":[],\"x\":{\"y\":1}", "3={\"g\":1}"],
        ),
        ("{\"head", &["1!{\"head"]),
    ] {
        check(text, expected);
    }
}

#[test]
fn a_record_that_is_too_long_costs_no_memory_and_ends_where_it_ends() {
    let text = vec![b'x'; 1 << 20];
    for pieces in [4, 16] {
        let mut all: Vec<&[u8]> = vec![b"{\"a\":1}{\"b\":\""];
        all.extend(std::iter::repeat_n(&text[..], pieces));
        all.push(b"{\"}\n{\"c\":3}");
        assert_eq!(cut(all.iter().copied()), ["1={\"a\":1}", "2too long", "3={\"c\":3}"]);
        if pieces == 4 {
            assert_eq!(cut([&all.concat()[..]]), ["1={\"a\":1}", "2too long", "3={\"c\":3}"]);
        }
        // One that is not even whole, and one that is no JSON.
        all[0] = b"{\"a\":1}{\"b\":";
        *all.last_mut().expect("one") = b"\n{\"c\":3}";
        assert_eq!(cut(all.iter().copied()), ["1={\"a\":1}", "2too long", "3={\"c\":3}"]);
        all[0] = b"{\"a\":1}";
        let junk = format!("2!{}", "x".repeat(48));
        assert_eq!(cut(all.iter().copied()), ["1={\"a\":1}", &junk, "3={\"c\":3}"]);
    }
    let longest = format!("{{\"a\":\"{}\"}}", "x".repeat(LONGEST - 8));
    assert_eq!(longest.len(), LONGEST);
    assert_eq!(cut(longest.as_bytes().chunks(1000)), [format!("1={longest}")]);
    let longer = longest.replace('a', "ab");
    assert_eq!(cut(longer.as_bytes().chunks(1000)), ["1too long"]);
    let mut cutter = Cutter::new(&[]);
    for _ in 0..6 {
        cutter.feed(&text, |_, _| {});
        cutter.feed(b"{", |_, _| {});
        cutter.feed(&text, |_, _| {});
        assert!(cutter.memory() <= 2 * LONGEST, "{}", cutter.memory());
    }
}

#[test]
fn a_record_that_is_too_deep_is_told_and_the_next_is_read() {
    let nested = |open: &str, close: &str, levels| {
        format!("{{\"a\":{}1{}}}", open.repeat(levels), close.repeat(levels))
    };
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let (deep, deeper, deepest) =
            (nested(open, close, 63), nested(open, close, 64), nested(open, close, 10_000));
        let text = format!("{deep}\n{deeper}\n{deepest}\n{{}}");
        check(&text, &[&format!("1={deep}"), "2too deep", "3too deep", "4={}"]);
    }
    // What never closes is cut off by the next line.
    check(
        &format!("{{\"a\":{}\n", "[".repeat(10_000)),
        &[&format!("1!{{\"a\":{}", "[".repeat(43))],
    );
}

/// JSON of any kind, one value.
fn value() -> impl Strategy<Value = String> {
    let text = "\"([a-z{}\\[\\], :]|\\\\\"|\\\\\\\\){0,70}\"";
    let leaf = prop_oneof![text.prop_map(String::from), any::<i32>().prop_map(|n| n.to_string())];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4)
                .prop_map(|all| format!("[{}]", all.join(", "))),
            proptest::collection::vec(inner, 0..4).prop_map(|all| {
                let members: Vec<_> = all
                    .iter()
                    .enumerate()
                    .map(|(at, value)| format!("\"m{at}\":{value}"))
                    .collect();
                format!("{{{}}}", members.join(",\n"))
            }),
        ]
    })
}

fn object() -> impl Strategy<Value = String> {
    proptest::collection::vec(value(), 0..4).prop_map(|all| {
        let members: Vec<_> =
            all.iter().enumerate().map(|(at, value)| format!("\"o{at}\": {value}")).collect();
        format!("{{{}}}", members.join(", "))
    })
}

proptest! {
    #[test]
    fn what_is_json_is_cut_where_its_values_end(
        objects in proptest::collection::vec(object(), 0..5), between in 0..4_usize, piece in 1..200_usize,
    ) {
        let text = match between {
            0 => objects.concat(),
            1 => objects.join("\n"),
            2 => format!("[{}]", objects.join(",")),
            _ => format!("{{\"x\": [1], \"records\": [{}], \"y\": 2}}", objects.join(",")),
        };
        let found: Vec<_> = cut(text.as_bytes().chunks(piece))
            .into_iter()
            .filter(|value| !value.contains(['<', '>']) )
            .collect();
        let expected: Vec<_> =
            objects.iter().enumerate().map(|(at, object)| format!("{}={object}", at + 1)).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn any_octets_are_cut_alike_however_they_come(
        text in "([ \n,a1:]|[{}\\[\\]]|\"records\":\\[|\\\\|\"|\"a\":|\\{\"a\":\"b\"\\}){0,80}", sizes in proptest::collection::vec(1..90_usize, 1..6),
    ) {
        let mut rest = text.as_bytes();
        let mut pieces = Vec::new();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at((*size).min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        prop_assert_eq!(cut(pieces), cut([text.as_bytes()]));
    }
}
