//! Where the parts of a policy stand, in its own file or in that of the site.

use std::{ops::Range, sync::Arc};

use super::{
    by_source,
    raw::{Entries, RawPolicy, Severities, place},
    resolve::severity,
};
use crate::{
    diagnostic::{Local, SourceMap},
    nql::typed::Typed,
    policy::{
        exempt::RoleNames,
        file::PolicyFile,
        written::{WrittenPolicy, WrittenText},
    },
    settings::schema::Setting,
};

/// The file of a policy, and those of the site, whose texts stand behind it from `base` on.
pub(super) struct Placed<'a> {
    pub(super) own: &'a Arc<PolicyFile>,
    pub(super) site: &'a SourceMap,
    pub(super) base: usize,
}

impl Placed<'_> {
    /// Where the parts of a policy stand.
    pub(super) fn policy(
        &self,
        raw: &RawPolicy,
        region: &Range<usize>,
        roles: RoleNames,
        flows: Option<Typed>,
    ) -> WrittenPolicy {
        let header = region.start..region.start;
        let matches = raw.matches.value.clone().map(|text| self.text(text, place(&raw.matches)));
        let of_names = raw.match_by.value.0.iter();
        let of_names = of_names.map(|(name, query)| (name.value.as_str(), self.setting(query)));
        let by_source = by_source::spread(of_names);
        let mut levels = match &raw.severity.value {
            Severities::Thresholds(Entries(entries)) => entries
                .iter()
                .filter_map(|(name, text)| Some((severity(&name.value)?, self.setting(text))))
                .collect(),
            Severities::Default | Severities::Name(_) => Vec::new(),
        };
        levels.sort_by_key(|(severity, _)| *severity);
        WrittenPolicy {
            header: self.text(String::new(), header),
            matches,
            by_source,
            discards: raw.discard.value.iter().map(|query| self.setting(query)).collect(),
            levels,
            roles,
            flows,
        }
    }

    fn setting(&self, setting: &Setting<String>) -> WrittenText {
        self.text(setting.value.clone(), place(setting))
    }

    fn text(&self, text: String, span: Range<usize>) -> WrittenText {
        let of_site = span.start.checked_sub(self.base).map(|start| start..span.end - self.base);
        match of_site.and_then(|token| self.site.local(&token)) {
            Some(Local { path, text: of_file, span }) => {
                let file = PolicyFile { path: path.to_owned(), text: of_file.to_owned() };
                WrittenText::new(text, Arc::new(file), span)
            }
            None => WrittenText::new(text, Arc::clone(self.own), span),
        }
    }
}
