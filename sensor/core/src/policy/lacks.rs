//! Policies that can never match at a site, since nothing there fills what their queries look at.
//!
//! A policy of countries without a database of countries is silent, and silence looks like peace. What a query asks of a
//! value that is never there is false; the rest of the query may hold or not.

use std::collections::{BTreeMap, BTreeSet};

use super::model::Policy;
use crate::{
    flow::{
        fields::{Field, Kind},
        profile::{Attribute, NAME_CONTEXT},
    },
    nql::typed::{Predicate, Subject, Typed},
};

/// What a site knows of addresses and ports, and who sends it flows.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// Contexts of labels that files or policies set, in lower case.
    pub contexts: BTreeMap<String, Values>,
    /// Whether there is a database of geography or AS.
    pub has_databases: bool,
    /// Whether there are lists of reputation.
    pub has_reputation: bool,
    /// Whether devices send flows.
    pub has_devices: bool,
    /// Tags that flows may have.
    pub tags: BTreeSet<String>,
}

/// The field of tags.
const TAGS: &str = "tags";

/// The values that labels of a context have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values {
    /// These.
    These(BTreeSet<String>),
    /// Policies set them while the sensor runs.
    Any,
}

/// What a site lacks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// Labels of a context.
    Context(String),
    /// Labels of a context that have a value which the query asks for.
    Label(String, Vec<String>),
    /// Flows with one of these tags.
    Tags(Vec<String>),
    /// A database of geography or AS.
    Databases,
    /// A list of reputation.
    Reputation,
    /// Values of a named list, in the form that a query asks for.
    List(String),
    /// Devices, which alone tell the field.
    Devices(&'static str),
    /// A value that fulfils all that the query asks of the field.
    Value(&'static str),
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
        Typed::And(operands) => operands
            .iter()
            .find_map(|operand| of_query(operand, site))
            .or_else(|| contradiction(operands)),
        Typed::Or(operands) => all(operands.iter(), site),
        Typed::Test(subject, predicate) => of_subject(subject, site)
            .or_else(|| of_name(subject, predicate, site))
            .or_else(|| of_predicate(predicate))
            .or_else(|| contradiction([query])),
        Typed::Compare(left, _, right) => {
            of_subject(left, site).or_else(|| of_subject(right, site))
        }
    }
}

fn of_subject(subject: &Subject, site: &Site) -> Option<Lack> {
    let context = |context: &str| {
        (!site.contexts.contains_key(context)).then(|| Lack::Context(context.to_owned()))
    };
    let field = match subject {
        Subject::Label(_, name) => return context(name),
        Subject::PortLabel(_) => return None,
        Subject::Field(field) => field,
    };
    if !site.has_devices && field.is_of_devices() {
        return Some(Lack::Devices(field.name));
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

/// A misspelt label or tag is as silent as a context that nobody sets.
fn of_name(subject: &Subject, predicate: &Predicate, site: &Site) -> Option<Lack> {
    let Predicate::Texts(asked) = predicate else { return None };
    let asks = |text: &String| asked.contains(text);
    match subject {
        Subject::Label(_, context) => {
            let Values::These(values) = site.contexts.get(context)? else { return None };
            let lack = || Lack::Label(context.clone(), asked.texts().to_vec());
            (!values.iter().any(asks)).then(lack)
        }
        Subject::Field(field) if field.name == TAGS => {
            (!site.tags.iter().any(asks)).then(|| Lack::Tags(asked.texts().to_vec()))
        }
        _ => None,
    }
}

fn of_predicate(predicate: &Predicate) -> Option<Lack> {
    let Predicate::Listed(list, form) = predicate else { return None };
    let values = list.values();
    (values.unreadable(*form) == values.count).then(|| Lack::List(list.name().to_owned()))
}

/// A field of which all these tests together leave no value. Fields have one value, labels and lists may have several.
fn contradiction<'q>(queries: impl IntoIterator<Item = &'q Typed>) -> Option<Lack> {
    let mut left: Vec<(&'static Field, Predicate)> = Vec::new();
    for query in queries {
        let Typed::Test(Subject::Field(field), predicate) = query else { continue };
        if field.kind == Kind::TextList {
            continue;
        }
        let others = left.iter().filter(|(of, _)| of == field);
        let excludes = |(_, other): &(_, Predicate)| are_exclusive(other, predicate);
        if are_exclusive(predicate, predicate) || others.clone().any(excludes) {
            return Some(Lack::Value(field.name));
        }
        left.push((*field, predicate.clone()));
    }
    None
}

/// Whether no value fulfils both; false where that is not known.
fn are_exclusive(left: &Predicate, right: &Predicate) -> bool {
    match (left, right) {
        (Predicate::Integers(left), Predicate::Integers(right)) => {
            left.intersection(right).ranges().is_empty()
        }
        (Predicate::Addresses(left), Predicate::Addresses(right)) => {
            left.intersection(right).is_empty()
        }
        (Predicate::Bool(left), Predicate::Bool(right)) => left != right,
        (Predicate::Texts(left), Predicate::Texts(right)) => {
            !left.texts().iter().any(|text| right.contains(text))
                && !right.texts().iter().any(|text| left.contains(text))
        }
        _ => false,
    }
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
        let roles = Values::These(["web".to_owned()].into());
        let site = Site {
            contexts: [("role".to_owned(), roles), ("seen".to_owned(), Values::Any)].into(),
            tags: ["edge".to_owned()].into(),
            ..Site::default()
        };
        assert_eq!(of_policy(&loaded.policies[0], &site), expected, "{query}");
        let site = Site { has_databases: true, has_reputation: true, has_devices: true, ..site };
        let may_be =
            |lack: &Lack| !matches!(lack, Lack::Databases | Lack::Reputation | Lack::Devices(_));
        let still = expected.filter(may_be);
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
        check("srcinternal == true && srcas.number == 1", Some(Lack::Devices("srcas.number")));
        check("srciprep.count > 0", Some(Lack::Reputation));
        check("dstport in $none", list("none"));
        check("dstport in $words", list("words"));
        check("dstport in $ports", None);
    }

    #[test]
    fn names_that_nobody_gives_are_never_there() {
        let label = |value: &str| Some(Lack::Label("role".to_owned(), vec![value.to_owned()]));
        check("label.src.role == wep", label("wep"));
        check("label.ip.role == wep", label("wep"));
        check("label.src.role in (wep, web)", None);
        check("label.src.role != wep", None);
        check("label.src.seen == yes", None);
        check("tags == egde && dstport == 22", Some(Lack::Tags(vec!["egde".to_owned()])));
        check("tags == edge", None);
    }

    #[test]
    fn what_only_devices_tell_is_never_there_without_them() {
        for (query, field) in [
            ("action == rejected", "action"),
            ("application == http || flowsrcip == 192.0.2.1", "application"),
            ("natsrcip == 192.0.2.1", "natsrcip"),
            ("inputvrf == red && dstport == 22", "inputvrf"),
        ] {
            check(query, Some(Lack::Devices(field)));
        }
        check("action == rejected || dstport == 22", None);
        check("input == 3 && samplerate == 1", None);
    }

    #[test]
    fn what_excludes_itself_matches_nothing() {
        let value = |field| Some(Lack::Value(field));
        check("dstport == 22 && dstport == 23", value("dstport"));
        check("packets > 5 && srcport == 1 && packets < 3", value("packets"));
        check("srcip == 10.0.0.0/8 && srcip in (192.168.0.0/16, 2001:db8::/32)", value("srcip"));
        check("srcinternal == true && srcinternal == false", value("srcinternal"));
        check("dstport < 0", value("dstport"));
        check("(dstport == 22 || dstport == 23) && dstport == 23", None);
        check("port == 22 && port == 23", None);
        check("ip == 10.0.0.0/8 && ip == 192.168.0.0/16", None);
        check("label.src.role == web && label.src.seen == yes", None);
        check("tags == edge && tags =~ e*", None);
    }
}
