//! A policy with its queries as they were written.

use crate::{
    flow::batch::Source,
    nql::{
        Options,
        lists::Lists,
        reference::{self, Record},
        traced::TracedQuery,
        typed::{Subject, Typed},
    },
    policy::{
        exempt,
        model::Policy,
        written::{WrittenPolicy, WrittenText},
    },
};

/// The fields that thresholds measure, beside those that they count.
const MEASURED: [&str; 4] = ["bits", "octets", "packets", "samplerate"];

/// A policy that can be asked why.
#[derive(Clone, Debug)]
pub struct Asked {
    /// As it is evaluated.
    pub policy: Policy,
    /// Where it stands.
    pub written: WrittenPolicy,
    any: Option<TracedQuery>,
    by_source: Vec<(Source, TracedQuery)>,
    pub(super) discards: Vec<TracedQuery>,
}

impl Asked {
    /// A policy whose queries name lists of `lists`; `None` where they are not those that it was loaded with.
    pub fn new(policy: &Policy, written: &WrittenPolicy, lists: &Lists) -> Option<Self> {
        let read = |text: &WrittenText, negated: bool| {
            let mut query = TracedQuery::compile(&text.text, &Options::new(lists)).ok()?;
            query.for_each_condition(&mut |typed, inside| {
                exempt::rename(typed, &written.roles, negated != inside);
            });
            Some(query)
        };
        let of_source =
            |(source, text): &(Source, WrittenText)| Some((*source, read(text, false)?));
        let any = match &written.matches {
            Some(text) => Some(read(text, false)?),
            None => None,
        };
        Some(Self {
            any,
            by_source: written.by_source.iter().map(of_source).collect::<Option<_>>()?,
            discards: written
                .discards
                .iter()
                .map(|text| read(text, true))
                .collect::<Option<_>>()?,
            policy: policy.clone(),
            written: written.clone(),
        })
    }

    /// The query for flows of `source`, and where it stands.
    pub fn query(&self, source: Source) -> Option<(&TracedQuery, &WrittenText)> {
        let own = self.by_source.iter().zip(&self.written.by_source);
        let own = own
            .filter(|((of, _), _)| *of == source)
            .map(|((_, query), (_, text))| (query, text))
            .next();
        own.or_else(|| self.any.as_ref().zip(self.written.matches.as_ref()))
    }

    /// Whether it is about flows of the source of this record, where the site gives sources limits of their own.
    pub fn is_about(&self, record: &impl Record) -> bool {
        self.written.flows.as_ref().is_none_or(|flows| reference::matches(flows, record))
    }

    /// Everything that must be known of a flow to say what becomes of it.
    pub fn subjects(&self) -> Vec<Subject> {
        let mut subjects: Vec<Subject> = Vec::new();
        let mut add = |subject: &Subject| {
            if !subjects.contains(subject) {
                subjects.push(subject.clone());
            }
        };
        let queries = self.any.iter().chain(self.by_source.iter().map(|(_, query)| query));
        queries.chain(&self.discards).for_each(|query| query.for_each_subject(&mut add));
        self.written.flows.iter().for_each(|flows: &Typed| flows.for_each_subject(&mut add));
        let keys = self.policy.track_by.iter().flatten();
        let fields = keys.chain(&self.policy.distinct).copied();
        let measured = MEASURED.iter().filter_map(|name| crate::flow::fields::find(name));
        fields.chain(measured).for_each(|field| add(&Subject::Field(field)));
        subjects
    }
}
