//! Which labels of a host keep a policy quiet about it.

use std::collections::BTreeSet;

use super::model::Policy;
use crate::nql::typed::{Predicate, Subject, Typed};

/// The values of labels of `context` that exempt a host from `policy`: those that its discards, or its query, rule out.
pub fn by_label(policy: &Policy, context: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let by_source = policy.search.by_source.iter().map(|(_, query)| query);
    for query in policy.search.any.iter().chain(by_source) {
        collect(query, context, false, &mut found);
    }
    found
}

fn collect(query: &Typed, context: &str, negated: bool, found: &mut BTreeSet<String>) {
    match query {
        Typed::Constant(_) | Typed::Compare(..) => {}
        Typed::And(operands) | Typed::Or(operands) => {
            operands.iter().for_each(|operand| collect(operand, context, negated, found));
        }
        Typed::Not(operand) => collect(operand, context, !negated, found),
        Typed::Test(Subject::Label(_, name), Predicate::Texts(texts))
            if negated && name == context =>
        {
            found.extend(texts.texts().iter().cloned());
        }
        Typed::Test(..) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        nql::lists::Lists,
        policy::load::{PolicyFile, load},
    };

    #[test]
    fn labels_that_are_ruled_out_exempt_and_those_that_are_asked_for_do_not() {
        let text = "[[policy]]\nname = 'a'\n\
            match = \"label.src.role == web && !(label.dst.role in (a, b) || label.dst.site == x)\"\n\
            discard = ['label.src.role == scanner']\n";
        let file = PolicyFile { path: "a.toml".to_owned(), text: text.to_owned() };
        let loaded = load(&[file], &Lists::default());
        let exempt = by_label(&loaded.policies[0], "role");
        assert_eq!(exempt.into_iter().collect::<Vec<_>>(), ["a", "b", "scanner"]);
    }
}
