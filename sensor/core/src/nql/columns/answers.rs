//! The answers that rows share: decided once per profile, or once per batch.

use std::sync::Arc;

use super::{profile_table::ProfileTable, profiles::ProfileClasses, test::Shape};
use crate::{
    flow::{
        batch::{FlowBatch, Source},
        fields::Row,
        interfaces::Interfaces,
        profile::Profiles,
    },
    nql::{
        reference,
        typed::{Predicate, Subject},
    },
};

/// The answers, for the batch at hand.
#[derive(Default)]
pub(super) struct Answers {
    /// Those that the tables are about.
    profiles: Option<Arc<Profiles>>,
    pub(super) profile_tables: Vec<ProfileTable>,
    pub(super) profile_classes: ProfileClasses,
    pub(super) constants: Vec<bool>,
}

impl Answers {
    /// Decides what is the same for all rows of a batch.
    pub(super) fn update_constants(
        &mut self,
        shapes: &[Shape],
        batch: &FlowBatch,
        interfaces: &Interfaces,
    ) {
        self.constants.clear();
        self.constants.extend(shapes.iter().map(|shape| match shape {
            Shape::Host => batch.observed_by == Source::Host,
            Shape::Cloud => batch.observed_by.is_cloud(),
            Shape::Told(column) => batch.untold & column.bit() == 0,
            Shape::Filled(column) => column.is_filled(batch),
            Shape::Query(query) => reference::matches(query, &Row { batch, row: 0, interfaces }),
        }));
    }

    /// Decides which profiles fulfil each of the predicates.
    pub(super) fn update_profiles(
        &mut self,
        asked: &[(Subject, Predicate)],
        profiles: &Arc<Profiles>,
    ) {
        let count = profiles.count();
        // A set of one holds the unknown profile alone, whichever set it is.
        let same_profiles = self
            .profiles
            .as_ref()
            .is_some_and(|own| Arc::ptr_eq(own, profiles) || own.count() == 1 && count == 1);
        let mut anew = false;
        self.profile_tables.resize_with(asked.len(), ProfileTable::default);
        for (table, (subject, predicate)) in self.profile_tables.iter_mut().zip(asked) {
            anew |= table.update(subject, predicate, profiles, same_profiles);
        }
        self.profile_classes.update(&self.profile_tables, count as usize, anew);
        if !same_profiles {
            self.profiles = Some(profiles.clone());
        }
    }
}
