//! `sensor nql explain`: what a query comes to for the evaluator over columns.

use sensor_core::nql::{
    Filter, Options,
    columns::{self, Program},
    faults::Faults,
    lists::Lists,
    parse,
};

use super::{
    args::QueryArgs,
    query::{compile, read_lists},
};
use crate::{
    cli::{exit::Failure, kind::RecordKindArg},
    stdio,
};

/// Prints the optimised query.
pub fn explain(arguments: &QueryArgs) -> anyhow::Result<()> {
    if arguments.context != RecordKindArg::Flow {
        let fault = "explain supports only flow queries; omit `--context`";
        return Err(Failure::usage(fault.to_owned()).into());
    }
    let lists = read_lists(arguments)?;
    let filter = compile(arguments, &lists)?;
    Ok(stdio::print(text(&arguments.query, &filter, &lists))?)
}

/// The query in its canonical form, and as comments the tests that it comes to: a query that means the same.
fn text(query: &str, filter: &Filter, lists: &Lists) -> String {
    let tree = parse::parse(query, &Options::new(lists), &mut Faults::new(0));
    let mut text = tree.map_or_else(String::new, |tree| format!("{tree}\n"));
    for line in columns::explain(&Program::compile([&filter.typed])).lines() {
        text.push_str(&format!("# {line}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use sensor_core::nql::testing;

    proptest! {
        #[test]
        fn what_is_explained_reads_as_the_same_query(tree in testing::expressions()) {
            let lists = Lists::default();
            let options = Options::new(&lists);
            let query = tree.to_string();
            let filter = Filter::compile(&query, &options).expect("a query");
            let explained = text(&query, &filter, &lists);
            let again = Filter::compile(&explained, &options).expect("what is explained is a query");
            prop_assert_eq!(again.typed, filter.typed, "{}", explained);
        }

        /// Of a query of one test over a number or an address, the line that shows the test says the same.
        #[test]
        fn sets_are_shown_as_the_language_writes_them(
            field in prop::sample::select(vec!["srcport", "end", "protocolint", "srcip"]),
            ends in prop::collection::vec((0_u32..2000, 0_u32..2000), 1..5),
        ) {
            let lists = Lists::default();
            let options = Options::new(&lists);
            let end = |number: u32| match field {
                "srcip" => std::net::Ipv4Addr::from(number << 20).to_string(),
                "protocolint" => (number % 256).to_string(),
                _ => number.to_string(),
            };
            let ranges: Vec<String> = ends
                .iter()
                .map(|&(one, other)| {
                    let (low, high) = match field {
                        "protocolint" => ((one % 256).min(other % 256), (one % 256).max(other % 256)),
                        _ => (one.min(other), one.max(other)),
                    };
                    format!("{}..{}", end(low), end(high))
                })
                .collect();
            let query = format!("{field} in ({})", ranges.join(", "));
            let filter = Filter::compile(&query, &options).expect("a query");
            let shown = columns::explain(&Program::compile([&filter.typed]));
            let again = Filter::compile(&shown, &options);
            let again = again.map_err(|faults| format!("{shown}: {faults:?}"));
            // What every record fulfils is shown as that.
            if !shown.starts_with("every record") {
                prop_assert_eq!(again.expect("a query").typed, filter.typed, "{}", shown);
            }
        }
    }
}
