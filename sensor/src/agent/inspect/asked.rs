//! What is asked of flows: tags and policies, read, judged and compiled.

use sensor_core::{
    nql::lists::Lists,
    policy::{detector::Rules, model::Policy, tags::TagRule},
};

use super::policies;
use crate::{agent::config::Config, stdio};

/// Tags and policies.
pub struct EvaluationRules {
    /// Rules of tags.
    pub tags: Vec<TagRule>,
    /// Compiled policies.
    pub rules: Rules,
}

impl EvaluationRules {
    /// Reads the tags and policies of `config`, which name `given` lists and those beside the policies.
    ///
    /// # Errors
    /// What cannot be read, and what has faults.
    pub fn read(config: &Config, given: &Lists) -> anyhow::Result<Self> {
        let paths = &config.policies.paths;
        let lists = policies::lists(paths, given)?;
        let tags = config.tags(&lists)?;
        let loaded = policies::load_all(paths, &lists, &config.policies.tuning)?;
        let loaded = if config.policies.lenient { loaded } else { policies::sound(loaded)? };
        stdio::to_stderr(loaded.findings().styled());
        Ok(Self::new(tags, loaded.policies))
    }

    /// Compiles what has no fault.
    pub fn new(tags: Vec<TagRule>, policies: Vec<Policy>) -> Self {
        Self { tags, rules: Rules::new(policies) }
    }
}
