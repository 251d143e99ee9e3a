//! Which labels of a host keep a policy quiet about it.

use std::collections::{BTreeMap, BTreeSet};

use super::model::Policy;
use crate::{
    flow::labels::ROLE,
    nql::{
        sets::TextSet,
        typed::{Predicate, Subject, Typed},
    },
};

/// What a site calls the roles that exempt: the role that a policy names, and the labels that count in its place.
pub type RoleNames = BTreeMap<String, Vec<String>>;

/// Gives the tests of `query` that rule out a role of `names` the labels of the site. `negated`: the query itself rules out.
/// Returns the roles that were found.
pub fn rename(query: &mut Typed, names: &RoleNames, negated: bool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if !names.is_empty() {
        rename_below(query, names, negated, &mut found);
    }
    found
}

fn rename_below(query: &mut Typed, names: &RoleNames, negated: bool, found: &mut BTreeSet<String>) {
    match query {
        Typed::And(operands) | Typed::Or(operands) => {
            operands.iter_mut().for_each(|operand| rename_below(operand, names, negated, found));
        }
        Typed::Not(operand) => rename_below(operand, names, !negated, found),
        Typed::Test(Subject::Label(_, context), Predicate::Texts(texts))
            if negated && context == ROLE =>
        {
            let mut labels = Vec::new();
            for role in texts.texts() {
                match names.get(role) {
                    Some(own) => {
                        found.insert(role.clone());
                        labels.extend(own.iter().cloned());
                    }
                    None => labels.push(role.clone()),
                }
            }
            *texts = TextSet::new(labels, texts.ignores_case());
        }
        Typed::Constant(_) | Typed::Compare(..) | Typed::Test(..) => {}
    }
}

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
    fn a_role_that_exempts_goes_by_the_names_of_the_site() {
        let lists = Lists::default();
        let options = crate::nql::Options::new(&lists);
        let typed =
            |text: &str| crate::nql::Filter::compile(text, &options).expect("a query").typed;
        let names = RoleNames::from([
            ("scanner".to_owned(), vec!["scanner".to_owned(), "nessus".to_owned()]),
            ("web".to_owned(), vec!["www".to_owned()]),
        ]);
        let mut query = typed(
            "label.src.role == web && label.dst.role not in (bot, scanner) && label.src.site != web",
        );
        assert_eq!(rename(&mut query, &names, false).into_iter().collect::<Vec<_>>(), ["scanner"]);
        let expected = "label.src.role == web && label.dst.role not in (bot, scanner, nessus) && label.src.site != web";
        assert_eq!(query, typed(expected));
        let mut discard = typed("label.ip.role == web");
        assert_eq!(rename(&mut discard, &names, true).len(), 1);
        assert_eq!(discard, typed("label.ip.role == www"));
    }

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
