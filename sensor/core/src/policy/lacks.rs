//! Policies that can never match at a site, since nothing there fills what their queries look at.
//!
//! A policy of countries without a database of countries is silent, and silence looks like peace. What a query asks of a
//! value that is never there is false; the rest of the query may hold or not.

use std::collections::BTreeSet;

use super::model::Policy;
use crate::{
    flow::profile::{Attribute, NAME_CONTEXT},
    nql::typed::{Predicate, Subject, Typed},
};

/// What a site knows of addresses and ports.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// Contexts of labels that files or policies set, in lower case.
    pub contexts: BTreeSet<String>,
    /// Whether there is a database of geography or AS.
    pub has_databases: bool,
    /// Whether there are lists of reputation.
    pub has_reputation: bool,
}

/// What a site lacks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// Labels of a context.
    Context(String),
    /// A database of geography or AS.
    Databases,
    /// A list of reputation.
    Reputation,
    /// Values of a named list, in the form that a query asks for.
    List(String),
}

/// Why `policy` can never match at `site`; `None` where it can.
pub fn of_policy(policy: &Policy, site: &Site) -> Option<Lack> {
    let by_source = policy.search.by_source.iter().map(|(_, query)| query);
    all(policy.search.any.iter().chain(by_source), site)
}

fn all<'q>(queries: impl Iterator<Item = &'q Typed>, site: &Site) -> Option<Lack> {
    let lacks: Option<Vec<Lack>> = queries.map(|query| of_query(query, site)).collect();
    lacks?.into_iter().next()
}

fn of_query(query: &Typed, site: &Site) -> Option<Lack> {
    match query {
        Typed::Constant(_) | Typed::Not(_) => None,
        Typed::And(operands) => operands.iter().find_map(|operand| of_query(operand, site)),
        Typed::Or(operands) => all(operands.iter(), site),
        Typed::Test(subject, predicate) => {
            of_subject(subject, site).or_else(|| of_predicate(predicate))
        }
        Typed::Compare(left, _, right) => {
            of_subject(left, site).or_else(|| of_subject(right, site))
        }
    }
}

fn of_subject(subject: &Subject, site: &Site) -> Option<Lack> {
    let context = |context: &str| {
        (!site.contexts.contains(context)).then(|| Lack::Context(context.to_owned()))
    };
    if let Subject::Label(_, name) = subject {
        return context(name);
    }
    match subject.attribute()? {
        Attribute::Name => context(NAME_CONTEXT),
        Attribute::Internal | Attribute::Local | Attribute::Bogon => None,
        Attribute::OwnerAsNumber
        | Attribute::OwnerAsOrganisation
        | Attribute::RoutedAsNumber
        | Attribute::RoutedAsOrganisation
        | Attribute::Country
        | Attribute::Continent
        | Attribute::Subdivision
        | Attribute::Latitude
        | Attribute::Longitude => (!site.has_databases).then_some(Lack::Databases),
        Attribute::ReputationCount | Attribute::Reputation => {
            (!site.has_reputation).then_some(Lack::Reputation)
        }
    }
}

fn of_predicate(predicate: &Predicate) -> Option<Lack> {
    let Predicate::Listed(list, form) = predicate else { return None };
    let values = list.values();
    (values.unreadable(*form) == values.count).then(|| Lack::List(list.name().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        nql::lists::{ListValues, Lists},
        policy::load::{PolicyFile, load},
    };

    #[track_caller]
    fn check(query: &str, expected: Option<Lack>) {
        let mut lists = Lists::default();
        lists.set("none", ListValues::parse("# nothing yet\n"));
        lists.set("words", ListValues::parse("a\n"));
        lists.set("ports", ListValues::parse("22\n"));
        let text = format!("[[policy]]\nname = 'a'\nmatch = '{query}'\n");
        let loaded = load(&[PolicyFile { path: "a.toml".to_owned(), text }], &lists);
        assert_eq!(loaded.errors(), 0, "{}", loaded.report());
        let site = Site { contexts: ["role".to_owned()].into(), ..Site::default() };
        assert_eq!(of_policy(&loaded.policies[0], &site), expected, "{query}");
        let site = Site { has_databases: true, has_reputation: true, ..site };
        let still = expected.filter(|lack| matches!(lack, Lack::Context(_) | Lack::List(_)));
        assert_eq!(of_policy(&loaded.policies[0], &site), still, "{query}");
    }

    #[test]
    fn what_is_never_there_fulfils_nothing() {
        let context = |name: &str| Some(Lack::Context(name.to_owned()));
        let list = |name: &str| Some(Lack::List(name.to_owned()));
        check("dstport == 22", None);
        check("label.src.role == web", None);
        check("label.src.zone == dmz && dstport == 22", context("zone"));
        check("label.src.zone == dmz || dstport == 22", None);
        check("label.src.zone == dmz || srcipname == a", context("zone"));
        check("!(label.src.zone == dmz)", None);
        check(
            "dstport == 22 && (srcgeo.countrycode == DE || dstas.org == x)",
            Some(Lack::Databases),
        );
        check("srcinternal == true && srcas.number == 1", None);
        check("srciprep.count > 0", Some(Lack::Reputation));
        check("dstport in $none", list("none"));
        check("dstport in $words", list("words"));
        check("dstport in $ports", None);
    }
}
