//! The largest groups of what is read: collected beside the outputs, printed on stdout at the end.

use std::{
    io::{self, Write as _},
    sync::{Arc, Mutex},
};

use sensor_core::{
    flow::{batch::FlowBatch, interfaces::Interfaces},
    hunt::{GroupBy, Grouping, Groups, Metric, Selection},
    roles::Roles,
    sync::Unpoisoned as _,
};

use super::why::WhyAccounts;
use crate::{
    export::log::{
        Format,
        top::{self as text, Listed},
    },
    stdio,
};

/// Groups that are held at the same time: about half a gigabyte, if each has long texts.
const MOST_GROUPS: usize = 2_000_000;

/// How flows are printed.
#[derive(Clone, Debug, Default)]
pub struct PrintOptions {
    /// The form of each; by default aligned lines on a terminal, JSON elsewhere.
    pub format: Option<Format>,
    /// Their largest groups at the end.
    pub top: Option<TopOptions>,
    /// Who watches what hosts do, where somebody wants to know.
    pub roles: Option<Arc<Mutex<Roles>>>,
    /// Policies of which somebody wants to know why they do or do not speak.
    pub why: Option<WhyAccounts>,
    /// Whether the summary has a line for each policy.
    pub policies: bool,
}

impl PrintOptions {
    /// The form of each flow.
    pub fn format(&self) -> Format {
        self.format.clone().unwrap_or_else(|| match stdio::output_is_terminal() {
            true => Format::Lines,
            false => Format::Json,
        })
    }
}

/// Which groups to print.
#[derive(Clone, Debug)]
pub struct TopOptions {
    /// How many groups.
    pub count: usize,
    /// What the flows of a group have in common.
    pub by: Vec<GroupBy>,
    /// What groups are ordered by.
    pub metric: Metric,
}

/// Groups being collected.
pub struct TopGroups {
    options: TopOptions,
    format: Format,
    top: Mutex<Groups>,
}

impl TopGroups {
    /// No flows yet; none where no groups are wanted.
    pub fn new(shown: &PrintOptions) -> Option<Self> {
        let options = shown.top.clone()?;
        let grouping = Grouping {
            by: options.by.clone(),
            period: None,
            metrics: Metric::ALL.to_vec(),
            most_groups: MOST_GROUPS,
        };
        let top = Mutex::new(Groups::new(&grouping));
        Some(Self { options, format: shown.format(), top })
    }

    /// Counts the records of a batch.
    pub fn add(&self, batch: &FlowBatch, interfaces: &Interfaces) {
        self.top.lock().unpoisoned().add(batch, interfaces, &Selection::All);
    }

    /// Prints the largest groups on stdout. The log tells of flows that are in none.
    ///
    /// # Errors
    /// When stdout is closed or full.
    pub fn print(&self) -> io::Result<()> {
        let TopOptions { count, metric, .. } = &self.options;
        let top = self.top.lock().unpoisoned();
        let others = top.others().flows();
        if others > 0 {
            tracing::warn!(
                flows = others,
                groups = MOST_GROUPS,
                "too many groups: flows of the latest groups count only in the total, and the top groups may be incomplete; use --filter or fewer --by fields"
            );
        }
        let mut out = Vec::new();
        let listed = Listed {
            by: top.by(),
            groups: &top.largest(*metric, *count),
            metrics: &Metric::ALL,
            metric: *metric,
            distinct: &[],
            total: top.total(),
            all: top.groups(),
        };
        match &self.format {
            Format::Json => text::write_json(&mut out, &listed),
            Format::Csv(_) => text::write_csv(&mut out, &listed),
            Format::Lines => text::write_table(&mut out, &listed),
        }
        let mut stdout = stdio::output();
        stdout.write_all(&out).and_then(|()| stdout.flush())
    }
}
