//! What is wanted, as statements for ClickHouse.

use sensor_core::{
    flow::fields::{FIELDS, Field, find},
    hunt::{
        Grouping,
        sql::{About, GroupOrder},
    },
    nql::{
        sql::{Dialect, Refusal, grouped},
        typed::{Subject, Typed},
    },
};

use super::lines::FOR_PEOPLE;
use crate::cli::hunt::{
    args::HuntForm,
    question::{MOST_GROUPS, Top, Wanted},
    range::Range,
    shared::SharedWanted,
};

/// The statements, and how their answers are read.
#[derive(Clone, Debug)]
pub enum Statements {
    /// Flows.
    Flows {
        /// Selects them.
        rows: String,
        /// What it selects of each.
        fields: Vec<&'static Field>,
    },
    /// Groups.
    Groups {
        /// Sums them up.
        groups: String,
        /// What it sums up.
        grouping: Grouping,
        /// Of which these are the largest.
        of: Option<Whole>,
    },
}

/// Statements about all groups, where only the largest are given.
#[derive(Clone, Debug)]
pub struct Whole {
    /// Sums all of them up.
    pub total: String,
    /// What it sums up.
    pub grouping: Grouping,
    /// Counts them.
    pub count: String,
}

impl Statements {
    /// Those that answer what is wanted of a table, in a form.
    ///
    /// # Errors
    /// What cannot be asked for there.
    pub fn of(
        wanted: &Wanted,
        (from, query, range): (&str, &Typed, &Range),
        chosen: &[&'static Field],
        form: HuntForm,
    ) -> Result<Self, Refusal> {
        let about =
            About { dialect: Dialect::ClickHouse, from, query, begin: range.from, end: range.to };
        let grouping = |by: &[_], metrics: &[_], period| Grouping {
            by: by.to_vec(),
            period,
            metrics: metrics.to_vec(),
            most_groups: MOST_GROUPS,
        };
        Ok(match wanted {
            Wanted::Rows(page) => {
                let fields = fields(chosen, form);
                let said: Vec<Subject> = fields.iter().copied().map(Subject::Field).collect();
                Self::Flows { rows: about.rows(&said, page.order, page.most)?, fields }
            }
            Wanted::Top(Top { by, metrics, metric, count, .. }) => {
                let whole = grouping(&[], metrics, None);
                let of = match by.as_slice() {
                    [] => None,
                    by => Some(Whole {
                        total: about.groups(&whole, GroupOrder::Values)?,
                        grouping: whole,
                        count: about.group_count(by)?,
                    }),
                };
                let grouping = grouping(by, metrics, None);
                let order = GroupOrder::Largest(*metric, *count);
                Self::Groups { groups: about.groups(&grouping, order)?, grouping, of }
            }
            Wanted::Series { by, metrics, period, .. } => {
                let grouping = grouping(by, metrics, Some(*period));
                let groups = about.groups(&grouping, GroupOrder::Values)?;
                Self::Groups { groups, grouping, of: None }
            }
            // --on and --also exclude each other.
            Wanted::Shared(SharedWanted { by, metrics, period, .. }) => {
                let grouping = grouping(by, metrics, *period);
                let groups = about.groups(&grouping, GroupOrder::Values)?;
                Self::Groups { groups, grouping, of: None }
            }
        })
    }

    /// Their text.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::Flows { rows, .. } => vec![rows],
            Self::Groups { groups, of: None, .. } => vec![groups],
            Self::Groups { groups, of: Some(Whole { total, count, .. }), .. } => {
                vec![groups, total, count]
            }
        }
    }
}

/// The fields that are shown of flows: those that were chosen, a few for people, or all that there are words for.
fn fields(chosen: &[&'static Field], form: HuntForm) -> Vec<&'static Field> {
    let has_words = |field: &&'static Field| {
        field.is_filled() && grouped(&Subject::Field(field), None, Dialect::ClickHouse).is_ok()
    };
    match (chosen, form) {
        ([], HuntForm::Table) => FOR_PEOPLE.into_iter().filter_map(find).collect(),
        ([], _) => FIELDS.iter().filter(has_words).collect(),
        (chosen, _) => chosen.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_fields_that_there_are_and_machines_all_that_there_are_words_for() {
        assert_eq!(fields(&[], HuntForm::Table).len(), FOR_PEOPLE.len());
        let all = fields(&[], HuntForm::Json);
        let unsaid: Vec<&str> = FIELDS
            .iter()
            .filter(|field| field.is_filled() && !all.iter().any(|own| own.name == field.name))
            .map(|field| field.name)
            .collect();
        assert_eq!(unsaid, [""; 0], "fields of flows that ClickHouse is not asked for");
    }
}
