//! What is wrong with an override, once, however many policies it is for.

use crate::diagnostic::Diagnostic;

/// Faults at places of the site's file, with the policies that they turned up in.
#[derive(Default)]
pub(in crate::policy::load) struct Told(Vec<(Diagnostic, Vec<String>)>);

impl Told {
    /// Adds a fault that turned up in the policy `name`.
    pub fn add(&mut self, fault: Diagnostic, name: &str) {
        match self.0.iter_mut().find(|(known, _)| *known == fault) {
            Some((_, names)) if names.last().is_some_and(|last| last == name) => {}
            Some((_, names)) => names.push(name.to_owned()),
            None => self.0.push((fault, vec![name.to_owned()])),
        }
    }

    /// All of them; those that say nothing beside their carets name the policies.
    pub fn diagnostics(self) -> impl Iterator<Item = Diagnostic> {
        self.0.into_iter().map(|(fault, names)| {
            let label = fault.label.as_deref().map(str::to_owned).unwrap_or_else(|| {
                match names.as_slice() {
                    [] => String::new(),
                    [one] => format!("for `{one}`"),
                    [one, two] => format!("for `{one}` and `{two}`"),
                    [one, rest @ ..] => format!("for `{one}` and {} more", rest.len()),
                }
            });
            fault.label(label)
        })
    }
}
