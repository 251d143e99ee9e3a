//! From statements about prefixes, which lie inside one another, to one combination of facts for each address.

use super::{
    interner::{Interner, Text},
    statement::{Fact, Statement},
};
use crate::flow::trie::{Bits, Trie, nested};

/// Which labels of one context hold where prefixes lie inside one another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precedence {
    /// Those of the longest prefix that has any.
    #[default]
    MostSpecific,
    /// All of them.
    All,
}

/// All that is stated about an address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Combination {
    /// Context and value, each pair once.
    pub labels: Vec<(Text, Text)>,
    /// Inside the internal networks.
    pub internal: bool,
    /// An address of this host.
    pub local: bool,
    /// A bogon.
    pub bogon: bool,
    /// Categories, each once.
    pub reputation: Vec<Text>,
}

impl Combination {
    /// The combination of a prefix, of which `statements` are made, inside one that has this combination.
    fn inside(&self, statements: &[&Statement], precedence: Precedence) -> Self {
        let mut own = self.clone();
        if precedence == Precedence::MostSpecific {
            let stated = |context: Text| {
                statements.iter().any(|s| matches!(s.fact, Fact::Label(own, _) if own == context))
            };
            own.labels.retain(|(context, _)| !stated(*context));
        }
        for statement in statements {
            match statement.fact {
                Fact::Label(context, value) => own.labels.push((context, value)),
                Fact::Internal(internal) => own.internal = internal,
                Fact::Local => own.local = true,
                Fact::Bogon(bogon) => own.bogon = bogon,
                Fact::Reputation(category) => own.reputation.push(category),
            }
        }
        // An address of this host is an internal one, wherever it lies.
        own.internal |= own.local;
        own.labels.sort_unstable();
        own.labels.dedup();
        own.reputation.sort_unstable();
        own.reputation.dedup();
        own
    }
}

/// Combinations by number, and the number of each address; 0 is the combination of what nothing is stated about.
#[derive(Debug)]
pub struct Combined {
    /// By number.
    pub combinations: Interner<Combination>,
    /// IPv4.
    pub v4: Trie<u32>,
    /// IPv6.
    pub v6: Trie<u128>,
}

/// Combines statements, in the order in which they were made.
pub fn combine(statements: &[Statement], precedence: Precedence) -> Combined {
    let mut combinations = Interner::default();
    combinations.number(&Combination::default(), Clone::clone);
    let (v4, v6): (Vec<&Statement>, Vec<_>) =
        statements.iter().partition(|statement| statement.prefix.address.is_ipv4());
    let v4 = Trie::new(ranges::<u32>(v4, precedence, &mut combinations));
    let v6 = Trie::new(ranges::<u128>(v6, precedence, &mut combinations));
    Combined { combinations, v4, v6 }
}

/// Cuts the address space where combinations change: first address and combination, ascending.
pub(super) fn ranges<K: Bits>(
    mut statements: Vec<&Statement>,
    precedence: Precedence,
    combinations: &mut Interner<Combination>,
) -> Vec<(K, u32)> {
    statements.sort_by_key(|statement| statement.prefix);
    nested(
        &statements,
        |statement| statement.prefix,
        |around, group| {
            let combination = combinations.get(around).inside(group, precedence);
            combinations.number(&combination, Clone::clone)
        },
    )
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use std::net::IpAddr;

    use super::*;
    use crate::{
        enrich::{interner::Texts, statement::Origin},
        flow::{prefix::Prefix, trie::number},
    };

    /// Statements about few prefixes, so that many lie inside others.
    fn statements() -> impl Strategy<Value = Vec<(Prefix, u8, u8)>> {
        let v4 = (0..8_u32, 0..=32_u8)
            .prop_map(|(n, length)| (IpAddr::from((n << 29 | n).to_be_bytes()), length));
        let v6 = (0..8_u128, 0..=128_u8)
            .prop_map(|(n, length)| (IpAddr::from((n << 125 | n).to_be_bytes()), length));
        let prefix = prop_oneof![v4, v6]
            .prop_map(|(address, length)| Prefix { address, length }.canonical());
        vec((prefix, 0..9_u8, 0..3_u8), 0..40)
    }

    fn fact(texts: &mut Texts, kind: u8, value: u8) -> Fact {
        let value = texts.number(&value.to_string());
        match kind {
            0..3 => Fact::Label(texts.number(&format!("context {kind}")), value),
            3 => Fact::Internal(true),
            4 => Fact::Internal(false),
            5 => Fact::Local,
            6 => Fact::Bogon(true),
            7 => Fact::Bogon(false),
            _ => Fact::Reputation(value),
        }
    }

    fn contains(prefix: Prefix, address: IpAddr) -> bool {
        prefix.address.is_ipv4() == address.is_ipv4()
            && Prefix { address, length: prefix.length }.canonical() == prefix
    }

    /// Goes through all statements, the shortest prefixes first.
    fn naive(statements: &[Statement], address: IpAddr, precedence: Precedence) -> Combination {
        let mut all: Vec<&Statement> =
            statements.iter().filter(|statement| contains(statement.prefix, address)).collect();
        all.sort_by_key(|statement| statement.prefix.length);
        all.chunk_by(|a, b| a.prefix == b.prefix)
            .fold(Combination::default(), |outer, group| outer.inside(group, precedence))
    }

    proptest! {
        #[test]
        fn every_address_has_what_a_scan_finds(stated in statements(), all: bool) {
            let mut texts = Texts::default();
            let origin = Origin { source: 0, line: 0 };
            let statements: Vec<Statement> = stated
                .iter()
                .map(|&(prefix, kind, value)| {
                    Statement { prefix, fact: fact(&mut texts, kind, value), network: None, origin }
                })
                .collect();
            let precedence = if all { Precedence::All } else { Precedence::MostSpecific };
            let combined = combine(&statements, precedence);
            for (prefix, ..) in &stated {
                let (start, bits) = (number(prefix.address), if prefix.address.is_ipv4() { 32 } else { 128 });
                let end = start | u128::MAX.checked_shr(128 - bits + u32::from(prefix.length)).unwrap_or(0);
                for at in [start, start.wrapping_sub(1), end, end.wrapping_add(1), start | 1] {
                    let (address, found) = if bits == 32 {
                        let at = at as u32;
                        (IpAddr::from(at.to_be_bytes()), combined.v4.get(at))
                    } else {
                        (IpAddr::from(at.to_be_bytes()), combined.v6.get(at))
                    };
                    let expected = naive(&statements, address, precedence);
                    prop_assert_eq!(combined.combinations.get(found), &expected, "{}", address);
                }
            }
        }
    }
}
