//! What is asked of flows: tags and policies, read, judged and compiled.

use sensor_core::policy::{detector::Rules, model::Policy, tags::TagRule};

/// Tags and policies.
pub struct EvaluationRules {
    /// Rules of tags.
    pub tags: Vec<TagRule>,
    /// Compiled policies.
    pub rules: Rules,
}

impl EvaluationRules {
    /// Compiles what has no fault.
    pub fn new(tags: Vec<TagRule>, policies: Vec<Policy>) -> Self {
        Self { tags, rules: Rules::new(policies) }
    }
}
