//! Lays values of a site over a policy as it was written.

use std::ops::Range;

use super::{Change, Override};
use crate::{
    diagnostic::{Diagnostic, SourceMap},
    policy::{
        alert::Severity,
        exempt::RoleNames,
        load::{
            raw::{Entries, RawPolicy, Severities, at, place, unknown},
            resolve::severity,
        },
    },
    settings::schema::Setting,
};

/// The text of a policy's file with that of the site behind it: places in both are places in one text.
pub(in crate::policy::load) struct Layer<'a> {
    /// Both texts.
    pub text: &'a str,
    /// Where that of the site begins.
    pub base: usize,
    /// The files of the site.
    pub files: &'a SourceMap,
    /// Faults so far, in the one text.
    pub faults: &'a mut Vec<Diagnostic>,
    /// What has been laid so far.
    pub laid: Laid,
    /// The source that the override at hand is for.
    pub source: Option<String>,
}

/// What a site has laid over a policy.
#[derive(Debug, Default)]
pub(in crate::policy::load) struct Laid {
    /// Values that differ.
    pub changes: Vec<Change>,
    /// What it calls the roles that exempt, and where: role, and byte of the site's file.
    pub roles: RoleNames,
    pub roles_at: Vec<(String, usize)>,
}

impl Layer<'_> {
    /// Enables or disables a policy; `glob` is the place in the site's file that says so.
    pub fn enable(&mut self, policy: &mut RawPolicy, enabled: bool, glob: &Range<usize>) {
        if policy.enabled.value != enabled {
            let was = policy.enabled.value.to_string();
            let glob = glob.start + self.base..glob.end + self.base;
            self.changed("enabled", &glob, enabled.to_string(), Some(was));
            policy.enabled = at(enabled, glob);
        }
    }

    /// Lays an override over a policy.
    pub fn lay(&mut self, policy: &mut RawPolicy, over: &Override) {
        let mut over = Setting::default_of(over.clone());
        over.shift(self.base);
        let over = over.value;
        self.source.clone_from(&over.source.value);
        self.severity(policy, &over.severity);
        self.replace("window", &mut policy.window, &over.window);
        self.replace("update", &mut policy.update, &over.update);
        self.replace("clear", &mut policy.clear, &over.clear);
        self.replace("suppress", &mut policy.suppress, &over.suppress);
        self.replace("expect", &mut policy.expect, &over.expect);
        self.replace("max_keys", &mut policy.max_keys, &over.max_keys);
        for query in &over.discard.value {
            self.changed("discard", &place(query), self.written(&place(query)), None);
            policy.discard.value.push(query.clone());
        }
        for (role, labels) in &over.roles.value.0 {
            let key = format!("roles.{}", role.value);
            self.changed(&key, &place(labels), self.written(&place(labels)), None);
            self.laid.roles_at.push((role.value.clone(), place(role).start - self.base));
        }
        over.roles.value.lay_over(&mut self.laid.roles);
        self.limit(policy, &over.max_severity);
    }

    fn replace<T: Clone>(&mut self, key: &str, own: &mut Setting<T>, over: &Setting<T>) {
        if !over.is_given() {
            return;
        }
        let was = own.is_given().then(|| self.written(&place(own)));
        self.changed(key, &place(over), self.written(&place(over)), was);
        *own = over.clone();
    }

    fn severity(&mut self, policy: &mut RawPolicy, over: &Setting<Severities>) {
        match (&mut policy.severity.value, &over.value) {
            (_, Severities::Default) => {}
            (Severities::Thresholds(_), Severities::Name(name)) => {
                let message = "the policy has thresholds; every matching flow would be a hit";
                let help = format!(
                    "write `max_severity = \"{0}\"`, or a threshold: `severity = {{ {0} = \"...\" }}`",
                    name.value
                );
                self.faults.push(Diagnostic::error(message, place(name)).help(help));
            }
            (Severities::Thresholds(Entries(own)), Severities::Thresholds(Entries(over))) => {
                for (name, text) in over {
                    let key = format!("severity.{}", name.value);
                    match own.iter_mut().find(|(own, _)| own.value == name.value) {
                        Some((_, own)) => self.replace(&key, own, text),
                        None => {
                            self.changed(&key, &place(text), self.written(&place(text)), None);
                            own.push((name.clone(), text.clone()));
                        }
                    }
                }
            }
            (_, Severities::Thresholds(_)) => {
                // Hits become incidents, which nothing suppresses.
                policy.suppress = RawPolicy::default().suppress;
                self.replace("severity", &mut policy.severity, over);
            }
            (_, Severities::Name(_)) => self.replace("severity", &mut policy.severity, over),
        }
    }

    /// Tells at most the severity `most`: what would be higher is that, by the lowest of its thresholds.
    fn limit(&mut self, policy: &mut RawPolicy, most: &Setting<Option<String>>) {
        let Some(name) = &most.value else { return };
        let Some(limit) = severity(name) else {
            let name = at(name.clone(), place(most));
            self.faults.push(unknown("severity", &name, &Severity::ALL.map(Severity::name)));
            return;
        };
        let above = |name: &str| severity(name).is_some_and(|severity| severity > limit);
        let limited = |own: &Setting<String>| Setting { value: name.clone(), ..own.clone() };
        match &mut policy.severity.value {
            Severities::Name(own) if above(&own.value) => *own = limited(own),
            own @ Severities::Default if limit < Severity::Medium => {
                *own = Severities::Name(at(name.clone(), place(most)));
            }
            Severities::Thresholds(Entries(entries))
                if entries.iter().any(|(n, _)| above(&n.value)) =>
            {
                entries.sort_by_key(|(name, _)| severity(&name.value));
                let has_limit = entries.iter().any(|(own, _)| own.value == *name);
                let lowest = entries.iter_mut().find(|(own, _)| above(&own.value));
                if let (false, Some((own, _))) = (has_limit, lowest) {
                    *own = limited(own);
                }
                entries.retain(|(own, _)| !above(&own.value));
            }
            _ => return,
        }
        self.changed("max_severity", &place(most), self.written(&place(most)), None);
    }

    fn changed(&mut self, key: &str, span: &Range<usize>, value: String, was: Option<String>) {
        let of_site = span.start - self.base..span.end - self.base;
        let place = self.files.local(&of_site);
        self.laid.changes.push(Change {
            file: place.as_ref().map(|place| place.path.to_owned()).unwrap_or_default(),
            source: self.source.clone(),
            line: place.map(|place| place.line()).unwrap_or_default(),
            key: key.to_owned(),
            value,
            was,
        });
    }

    /// What stands at a place, on one line.
    fn written(&self, span: &Range<usize>) -> String {
        let text = self.text.get(span.clone()).unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}
