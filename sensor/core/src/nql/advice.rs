//! Advice that shows a query is a query: it is read before it is given.

use super::{Options, check, faults::Faults, limits::Limits, parse};

/// The first of `candidates` that reads without a fault; none while advice is itself being read.
pub fn sound(
    candidates: impl IntoIterator<Item = String>,
    options: &Options<'_>,
) -> Option<String> {
    if options.limits.faults == 0 {
        return None;
    }
    candidates.into_iter().find(|candidate| reads(candidate, options))
}

fn reads(query: &str, options: &Options<'_>) -> bool {
    // Nobody reads these faults, so nothing is advised about them: the reading goes no deeper than this.
    let limits = Limits { faults: 0, ..options.limits };
    let options = Options { limits, ..*options };
    let mut faults = Faults::new(0);
    let tree = parse::parse(query, &options, &mut faults);
    check::check(tree.as_ref(), &options, &mut faults);
    !faults.has_errors()
}
