//! Labels that records bring themselves, as those of a cloud's flow log: they become part of the profiles of their addresses,
//! for these records alone.

use std::sync::Arc;

use hashbrown::HashMap;

use super::context::Context;
use crate::flow::{
    batch::FlowBatch,
    point::LabelSets,
    profile::{Profile, Profiles},
};

/// Profiles that are made of labels in records, for one table of profiles: these stay for as long as it does.
const MOST: usize = 1 << 16;

/// Adds labels to profiles.
#[derive(Debug, Default)]
pub struct BroughtLabels {
    /// The tables that the numbers are of.
    tables: Option<(Arc<Profiles>, Arc<LabelSets>)>,
    /// A profile and a set of labels to the profile with both.
    merged: HashMap<(u32, u32), u32>,
    /// Profiles that were made in this table.
    made: usize,
}

impl BroughtLabels {
    /// Gives the profiles of a batch, which are those of `context`, the labels that its records bring.
    pub fn add(&mut self, batch: &mut FlowBatch, context: &Context) {
        if batch.source_labels.is_empty() && batch.destination_labels.is_empty() {
            return;
        }
        self.follow(context.profiles(), &batch.label_sets);
        let FlowBatch { label_sets, source_labels, destination_labels, .. } = batch;
        for (numbers, profiles) in [
            (source_labels, &mut batch.source_profile),
            (destination_labels, &mut batch.destination_profile),
        ] {
            for (labels, profile) in numbers.iter().zip(profiles) {
                if *labels != 0 {
                    *profile = self.with(*profile, *labels, context, label_sets);
                }
            }
        }
    }

    fn follow(&mut self, profiles: &Arc<Profiles>, sets: &Arc<LabelSets>) {
        let is_same = |known: &(Arc<Profiles>, Arc<LabelSets>)| {
            Arc::ptr_eq(&known.0, profiles) && Arc::ptr_eq(&known.1, sets)
        };
        if self.tables.as_ref().is_some_and(is_same) {
            return;
        }
        if !self.tables.as_ref().is_some_and(|known| Arc::ptr_eq(&known.0, profiles)) {
            self.made = 0;
        }
        self.merged.clear();
        self.tables = Some((profiles.clone(), sets.clone()));
    }

    /// The profile with these labels; as it was where too many have been made.
    fn with(&mut self, profile: u32, labels: u32, context: &Context, sets: &LabelSets) -> u32 {
        if let Some(number) = self.merged.get(&(profile, labels)) {
            return *number;
        }
        if self.made >= MOST {
            context.count_coarse();
            return profile;
        }
        let mut own: Profile = context.profiles().get(profile).clone();
        for (label, values) in sets.get(labels) {
            let known = own.labels.entry(label.clone()).or_default();
            let new: Vec<_> =
                values.iter().filter(|value| !known.contains(value)).cloned().collect();
            known.extend(new);
        }
        let number = context.profiles().intern(own);
        self.made += 1;
        self.merged.insert((profile, labels), number);
        number
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::{
        enrich::{combine::Precedence, context::Limits, formats::Form, sources::Sources},
        flow::{
            profile::{Labels, Side},
            testing::{flow, push},
        },
    };

    /// A context in which the source of the first flow is labelled, and a batch of three flows that it has been asked of.
    fn enriched() -> (Context, FlowBatch) {
        let mut sources = Sources::default();
        let report = sources.labels("labels", "10.0.0.1,role,web\n", Form::Csv);
        assert!(report.faults.is_empty());
        let context = Context::new(sources, Precedence::All, Limits::default());
        let mut batch = flow(1, 1000, 2000, 10);
        push(&mut batch, 1, 1000, 2000, 10);
        push(&mut batch, 2, 1000, 2000, 10);
        let number = |address: [u8; 4]| context.number(IpAddr::from(address));
        batch.source_profile =
            vec![number([10, 0, 0, 1]), number([10, 0, 0, 1]), number([10, 0, 0, 2])];
        batch.destination_profile = vec![number([10, 0, 0, 200]); 3];
        batch.profiles = context.profiles().clone();
        (context, batch)
    }

    fn labels(texts: &[(&str, &str)]) -> Labels {
        texts
            .iter()
            .map(|(label, value)| ((*label).to_owned(), vec![(*value).to_owned()]))
            .collect()
    }

    #[test]
    fn labels_join_those_of_the_address_for_their_record_alone() {
        let (context, mut batch) = enriched();
        let sets = LabelSets::default();
        let own = sets.intern(labels(&[("role", "cache"), ("task", "7")]));
        let same = sets.intern(labels(&[("role", "web")]));
        batch.label_sets = Arc::new(sets);
        batch.source_labels = vec![own, 0, same];
        let before = batch.source_profile.clone();
        BroughtLabels::default().add(&mut batch, &context);
        let shown = |row| batch.profile(Side::Source, row).labels.clone();
        let mut both = labels(&[("role", "web"), ("task", "7")]);
        both.get_mut("role").expect("it is there").push("cache".to_owned());
        assert_eq!(shown(0), both);
        assert_eq!(batch.source_profile[1], before[1]);
        assert_eq!(shown(2), labels(&[("role", "web")]));
        assert!(batch.profile(Side::Destination, 0).labels.is_empty());
    }

    #[test]
    fn labels_without_end_make_so_many_profiles_and_no_more() {
        let (context, mut batch) = enriched();
        let mut brought = BroughtLabels::default();
        for round in 0..3 {
            let sets = LabelSets::default();
            let numbers: Vec<u32> = (0..MOST / 2)
                .map(|at| sets.intern(labels(&[("task", &format!("{round}.{at}"))])))
                .collect();
            batch.label_sets = Arc::new(sets);
            let rest = batch.source_profile[0];
            for chunk in numbers.chunks(3) {
                batch.source_labels = chunk.to_vec();
                batch.source_profile.fill(rest);
                brought.add(&mut batch, &context);
            }
            batch.source_profile.fill(rest);
        }
        assert_eq!(context.coarse(), (MOST / 2) as u64);
        assert!(context.profiles().count() as usize <= MOST + 4);
    }
}
