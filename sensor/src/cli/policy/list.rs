//! `sensor policy list`, and how a policy is summed up.

use sensor_core::policy::model::Policy;
use serde::Serialize;

use super::{SiteArgs, files};
use crate::cli::report::{Body, Outcome, report};

/// All policies, in the order of the files.
#[derive(Serialize)]
struct List {
    policies: Vec<Summary>,
}

/// What a policy is about and gives.
#[derive(Serialize)]
pub struct Summary {
    pub name: String,
    pub group: String,
    pub description: String,
    pub categories: Vec<String>,
    pub enabled: bool,
    #[serde(flatten)]
    pub gives: Gives,
}

/// What a policy gives.
#[derive(Serialize)]
#[serde(tag = "gives", rename_all = "lowercase")]
pub enum Gives {
    /// A label.
    Label {
        /// Its context.
        context: String,
    },
    /// A hit for each matching flow.
    Hit {
        /// Of one severity.
        severities: [&'static str; 1],
    },
    /// Incidents.
    Incident {
        /// The lowest first.
        severities: Vec<&'static str>,
    },
}

/// Lists the policies; all must be sound.
pub fn list(arguments: &SiteArgs) -> anyhow::Result<()> {
    report(arguments.files.json, read(arguments))
}

fn read(arguments: &SiteArgs) -> anyhow::Result<Outcome<List>> {
    let loaded = files::Site::read(arguments)?.load_sound()?;
    let policies = loaded.by_name().map(Summary::of).collect();
    Ok(Outcome::well(List { policies }, loaded.findings()))
}

impl Summary {
    /// Sums up a policy.
    pub fn of(policy: &Policy) -> Self {
        let summary = &policy.summary;
        Self {
            name: summary.name.clone(),
            group: summary.group.clone(),
            description: summary.description.clone(),
            categories: summary.categories.clone(),
            enabled: policy.enabled,
            gives: Gives::of(policy),
        }
    }
}

impl Gives {
    fn of(policy: &Policy) -> Self {
        let label = policy.label.as_ref().filter(|_| !policy.gives_events());
        match (label, policy.has_thresholds()) {
            (Some(label), _) => Self::Label { context: label.context.clone() },
            (None, false) => Self::Hit { severities: [policy.severity.name()] },
            (None, true) => Self::Incident {
                severities: policy.levels.iter().map(|level| level.severity.name()).collect(),
            },
        }
    }

    /// In a few words.
    pub fn text(&self) -> String {
        match self {
            Self::Label { context } => format!("label {context}"),
            Self::Hit { severities: [severity] } => format!("hit, {severity}"),
            Self::Incident { severities } => severities.join(", "),
        }
    }
}

impl Body for List {
    fn text(&self) -> String {
        let width = |of: fn(&Summary) -> &str| {
            self.policies.iter().map(|policy| of(policy).chars().count()).max().unwrap_or(0)
        };
        let (names, groups) = (width(|policy| &policy.name), width(|policy| &policy.group));
        let line = |policy: &Summary| {
            let enabled = if policy.enabled { "on " } else { "off" };
            let Summary { name, group, gives, .. } = policy;
            format!("{enabled}  {name:names$}  {group:groups$}  {}\n", gives.text())
        };
        self.policies.iter().map(line).collect()
    }
}
