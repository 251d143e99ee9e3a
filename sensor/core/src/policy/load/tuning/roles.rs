//! What a site calls the roles that exempt hosts from policies.

use std::collections::BTreeSet;

use toml::{Spanned, de::DeValue};

use super::Tuning;
use crate::{
    diagnostic::{Diagnostic, nearest},
    policy::{
        exempt::RoleNames,
        load::raw::{Texts, named, place},
    },
    settings::schema::{Setting, Value},
};

/// `roles = { ROLE = "LABEL", ... }`: roles of policies, and the labels that count in their place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Roles(pub Vec<(Setting<String>, Setting<Texts>)>);

impl Roles {
    /// The same without places, laid over those of earlier overrides.
    pub(super) fn lay_over(&self, names: &mut RoleNames) {
        for (role, labels) in &self.0 {
            let labels = labels.value.0.iter().map(|label| label.value.clone()).collect();
            names.insert(role.value.clone(), labels);
        }
    }
}

impl Value for Roles {
    const KIND: &'static str = "a table of labels by role";

    fn read(
        found: &Spanned<DeValue<'_>>,
        path: &str,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        named::<Self, Texts>(found, path, faults).map(Self)
    }

    fn compare(&self, other: &Self, path: &str, differing: &mut Vec<String>) {
        let names = |roles: &Self| {
            let mut names = RoleNames::new();
            roles.lay_over(&mut names);
            names
        };
        if names(self) != names(other) {
            differing.push(path.to_owned());
        }
    }

    fn shift(&mut self, by: usize) {
        for (role, labels) in &mut self.0 {
            role.shift(by);
            labels.shift(by);
        }
    }
}

/// The roles of overrides that exempt from none of their policies; `used` are the places of the others, `known` the roles
/// that exempt from some policy.
pub(in crate::policy::load) fn unused<'a>(
    tuning: &'a Tuning,
    used: &'a BTreeSet<usize>,
    known: &'a BTreeSet<String>,
) -> impl Iterator<Item = Diagnostic> + 'a {
    let roles = tuning.overrides.iter().flat_map(|over| &over.value.roles.value.0);
    let roles = roles.filter(|(role, _)| !used.contains(&place(role).start));
    roles.map(|(role, _)| {
        let message = format!("the role `{}` exempts from none of these policies", role.value);
        let fault = Diagnostic::error(message, place(role));
        let others = known.iter().map(String::as_str).filter(|known| *known != role.value);
        match nearest(&role.value, others) {
            Some(near) => fault.label(format!("did you mean `{near}`?")),
            None => fault.help("`sensor policy explain NAME` lists the roles that do"),
        }
    })
}
