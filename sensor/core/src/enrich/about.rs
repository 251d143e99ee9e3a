//! Everything that is stated about one address, and by whom: the answer to "why does this policy hit?".
//!
//! Found by going through all statements, not by the tables: it serves people, and the tables' tests.

use std::net::IpAddr;

use super::{
    combine::Precedence,
    sources::{Sources, unmapped},
    statement::{Fact, Statement},
};
use crate::flow::prefix::Prefix;

/// One thing that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFact {
    /// What kind of thing: `label.ip.role`, `internal`, `country`.
    pub what: String,
    /// Its value.
    pub value: String,
    /// The prefix that it is stated of; none for what is found by address.
    pub prefix: Option<Prefix>,
    /// The source.
    pub source: String,
    /// The line, where it has lines.
    pub line: Option<u32>,
    /// Whether it holds; a longer prefix may overrule it.
    pub holds: bool,
}

/// What `sources` say about `address`, sorted by kind, longer prefixes first.
pub fn about(sources: &Sources, address: IpAddr, precedence: Precedence) -> Vec<KnownFact> {
    let address = address.to_canonical();
    let mut statements: Vec<&Statement> =
        sources.statements.iter().filter(|statement| covers(statement.prefix, address)).collect();
    statements.sort_by_key(|statement| std::cmp::Reverse(statement.prefix.length));
    let mut known: Vec<KnownFact> = statements
        .iter()
        .map(|statement| {
            let (what, value) = shown(sources, statement.fact);
            let rules = |other: &&&Statement| overrules(other, statement, precedence);
            KnownFact {
                what,
                value,
                prefix: Some(statement.prefix),
                source: sources.names[statement.origin.source as usize].clone(),
                line: Some(statement.origin.line).filter(|line| *line > 0),
                holds: statements.iter().find(rules).is_none(),
            }
        })
        .collect();
    for database in &sources.databases {
        let place = database.place(address);
        let degrees = |(latitude, longitude): (i32, i32)| {
            format!("{}, {}", f64::from(latitude) / 1e6, f64::from(longitude) / 1e6)
        };
        let own_as = place.as_number.is_some_and(|number| sources.internal_as.contains(&number));
        let facts = [
            ("country", place.country),
            ("continent", place.continent),
            ("subdivision", place.subdivision),
            ("location", place.location.map(degrees)),
            ("owner AS", place.as_number.map(|number| number.to_string())),
            ("owner AS organisation", place.as_organisation),
            ("internal", own_as.then(|| "true".to_owned())),
        ];
        for (what, value) in facts {
            let holds = what == "internal" || !known.iter().any(|earlier| earlier.what == what);
            known.extend(value.map(|value| KnownFact {
                what: what.to_owned(),
                value,
                prefix: None,
                source: database.name().to_owned(),
                line: None,
                holds,
            }));
        }
    }
    known.sort_by(|a, b| a.what.cmp(&b.what));
    known
}

fn covers(prefix: Prefix, address: IpAddr) -> bool {
    prefix.address.is_ipv4() == address.is_ipv4()
        && unmapped(Prefix { address, length: prefix.length }) == prefix
}

fn shown(sources: &Sources, fact: Fact) -> (String, String) {
    let text = |text| sources.texts.get(text).to_owned();
    match fact {
        Fact::Label(context, value) => (format!("label.ip.{}", text(context)), text(value)),
        Fact::Internal(internal) => ("internal".to_owned(), internal.to_string()),
        Fact::Local => ("local".to_owned(), "true".to_owned()),
        Fact::Bogon(bogon) => ("bogon".to_owned(), bogon.to_string()),
        Fact::Reputation(category) => ("reputation".to_owned(), text(category)),
    }
}

/// Whether a statement makes another one void: it is about the same and of a longer prefix.
fn overrules(statement: &Statement, other: &Statement, precedence: Precedence) -> bool {
    statement.prefix.length > other.prefix.length
        && match (statement.fact, other.fact) {
            (Fact::Label(own, _), Fact::Label(other, _)) => {
                own == other && precedence == Precedence::MostSpecific
            }
            (Fact::Internal(_), Fact::Internal(_)) | (Fact::Bogon(_), Fact::Bogon(_)) => true,
            _ => false,
        }
}
