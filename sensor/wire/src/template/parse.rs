//! Template records, options template records and withdrawals, as they stand in sets.

use super::{Dialect, Specifier, Template};
use crate::{ledger::Skipped, octets::Octets};

/// What stands next in a template set.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A template.
    Template(Template),
    /// The template of this identifier is withdrawn (RFC 7011 section 8.1).
    Withdrawal(u16),
    /// All templates, or all options templates, are withdrawn.
    WithdrawAll,
    /// Octets that align the set.
    Padding,
    /// Something that is no template; the octets are passed over.
    Skipped(Skipped),
}

/// Takes the next record from `set`, the rest of a template set, or of an options template set. What it took from `set`
/// is what the answer is about. None when nothing is left.
pub fn next(set: &mut Octets<'_>, dialect: Dialect, options: bool) -> Option<Parsed> {
    if set.is_empty() {
        return None;
    }
    if set.len() < 4 || set.0.iter().all(|octet| *octet == 0) {
        set.0 = &[];
        return Some(Parsed::Padding);
    }
    let parsed = match (dialect, options) {
        (Dialect::Ipfix, true) => ipfix(set, true),
        (_, false) => plain(set, dialect),
        (Dialect::NetFlow9, true) => netflow9_options(set),
    };
    Some(parsed.unwrap_or_else(|| {
        set.0 = &[];
        Parsed::Skipped(Skipped::TemplateTruncated)
    }))
}

fn plain(set: &mut Octets<'_>, dialect: Dialect) -> Option<Parsed> {
    match dialect {
        Dialect::Ipfix => ipfix(set, false),
        Dialect::NetFlow9 => {
            let (id, count) = (set.u16()?, set.u16()?);
            if id < crate::ipfix::FIRST_TEMPLATE {
                return Some(nonsense(set));
            }
            specifiers(set, count.into(), dialect).map(|specifiers| finish(id, 0, specifiers))
        }
    }
}

fn ipfix(set: &mut Octets<'_>, options: bool) -> Option<Parsed> {
    let (id, count) = (set.u16()?, set.u16()?);
    if count == 0 {
        return Some(match id {
            crate::ipfix::TEMPLATE_SET | crate::ipfix::OPTIONS_TEMPLATE_SET => Parsed::WithdrawAll,
            crate::ipfix::FIRST_TEMPLATE.. => Parsed::Withdrawal(id),
            _ => nonsense(set),
        });
    }
    if id < crate::ipfix::FIRST_TEMPLATE {
        return Some(nonsense(set));
    }
    let scopes = if options { set.u16()?.min(count) } else { 0 };
    let specifiers = specifiers(set, count.into(), Dialect::Ipfix)?;
    // An options template without scope (RFC 7011 section 3.4.2.2 forbids it) is one all the same.
    let scopes = if options { scopes.max(1) } else { 0 };
    Some(finish(id, scopes, specifiers))
}

/// RFC 3954 section 6.1: lengths in octets of the scope fields and of the option fields.
fn netflow9_options(set: &mut Octets<'_>) -> Option<Parsed> {
    let (id, scope_octets, option_octets) = (set.u16()?, set.u16()?, set.u16()?);
    if id < crate::ipfix::FIRST_TEMPLATE {
        return Some(nonsense(set));
    }
    let mut all = specifiers(set, usize::from(scope_octets / 4), Dialect::NetFlow9)?;
    for specifier in &mut all {
        specifier.enterprise = Specifier::SCOPE;
    }
    let scopes = (all.len() as u16).max(1);
    all.extend(specifiers(set, usize::from(option_octets / 4), Dialect::NetFlow9)?);
    Some(finish(id, scopes, all))
}

/// Nothing behind a record that cannot be one can be told apart.
fn nonsense(set: &mut Octets<'_>) -> Parsed {
    set.0 = &[];
    Parsed::Skipped(Skipped::TemplateNumber)
}

fn specifiers(set: &mut Octets<'_>, count: usize, dialect: Dialect) -> Option<Vec<Specifier>> {
    // A specifier takes four octets at least: no count can ask for more memory than the set's own.
    if count > set.len() / 4 {
        return None;
    }
    let mut specifiers = Vec::with_capacity(count);
    for _ in 0..count {
        let (number, length) = (set.u16()?, set.u16()?);
        let (enterprise, element) = match dialect {
            Dialect::Ipfix if number & 0x8000 != 0 => (set.u32()?, number & 0x7fff),
            _ => (0, number),
        };
        specifiers.push(Specifier { enterprise, element, length });
    }
    Some(specifiers)
}

fn finish(id: u16, scopes: u16, mut specifiers: Vec<Specifier>) -> Parsed {
    let mut place = 0;
    let mut kept_scopes = scopes;
    specifiers.retain(|specifier| {
        if specifier.length == 0 && place < scopes {
            kept_scopes -= 1;
        }
        place += 1;
        specifier.length != 0
    });
    let template =
        Template { id, scopes: kept_scopes.max(scopes.min(1)), specifiers: specifiers.into() };
    match template.minimum() {
        0 => Parsed::Skipped(Skipped::TemplateEmpty),
        1..=0xffff => Parsed::Template(template),
        _ => Parsed::Skipped(Skipped::TemplateTooLong),
    }
}
