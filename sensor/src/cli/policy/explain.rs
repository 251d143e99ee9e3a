//! `sensor policy explain`: what a policy comes to.

use super::{args::ExplainArgs, files, gives};
use crate::{
    cli::exit::Failure,
    diagnostic::nearest,
    nql::{
        columns::{self, Program},
        typed::Typed,
    },
    policy::model::Policy,
    stdio,
};

/// Prints what there is to know of a policy.
pub fn explain(arguments: &ExplainArgs) -> anyhow::Result<()> {
    let loaded = files::load_all(&arguments.files)?;
    let names = || loaded.policies.iter().map(|policy| policy.summary.name.as_str());
    let Some(policy) = loaded.policies.iter().find(|p| p.summary.name == arguments.name) else {
        let near = nearest(&arguments.name, names());
        let hint = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        let message = format!("there is no sound policy `{}`{hint}", arguments.name);
        return Err(Failure::usage(message).into());
    };
    let remarks = files::remarks(&arguments.files, &arguments.name)?;
    stdio::print(text(policy, &remarks))?;
    Ok(())
}

fn text(policy: &Policy, remarks: &[String]) -> String {
    let summary = &policy.summary;
    let mut text = format!("{}: {}\n", summary.name, summary.description);
    let mut line = |name: &str, value: String| text.push_str(&format!("  {name:<10} {value}\n"));
    line("group", summary.group.clone());
    line("categories", summary.categories.join(", "));
    line("enabled", policy.enabled.to_string());
    line("gives", gives(policy));
    for key in &policy.track_by {
        let names: Vec<&str> = key.iter().map(|field| field.name).collect();
        line(
            "key",
            if names.is_empty() { "all flows together".to_owned() } else { names.join(", ") },
        );
    }
    line("keys", format!("{} at most, then the one that was idle longest goes", policy.max_keys));
    line("late", format!("{} behind the newest of the source", shown(policy.lateness)));
    if policy.has_thresholds() {
        line("window", shown(policy.window));
        line("update", if policy.update == 0 { "never".to_owned() } else { shown(policy.update) });
        for level in &policy.levels {
            line(level.severity.name(), level.threshold.text.to_string());
        }
        let clear = policy.clear.as_ref();
        line(
            "clear",
            clear.map_or("below 90 % of the threshold".to_owned(), |clear| clear.text.to_string()),
        );
    } else {
        line("suppress", shown(policy.suppress));
    }
    if let Some(label) = &policy.label {
        let values = label.values.join(", ");
        line(
            "label",
            format!(
                "{}: {} = {values} for {}",
                label.field.name,
                label.context,
                shown(label.expires)
            ),
        );
    }
    text.push('\n');
    if !remarks.is_empty() {
        text.push_str("what its author says:\n");
        text.extend(remarks.iter().map(|remark| format!("  {remark}\n")));
        text.push('\n');
    }
    let queries = policy.search.by_source.iter().map(|(source, query)| (source.name(), query));
    let any = policy.search.any.iter().map(|query| ("flows", query));
    for (source, query) in any.chain(queries) {
        text.push_str(&format!("{source} that are looked at:\n"));
        text.push_str(&columns(query));
    }
    text
}

fn columns(query: &Typed) -> String {
    let tree = columns::explain(&Program::compile([query]));
    tree.lines().map(|line| format!("  {line}\n")).collect()
}

fn shown(milliseconds: u64) -> String {
    humantime::format_duration(std::time::Duration::from_millis(milliseconds)).to_string()
}
