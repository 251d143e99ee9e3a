//! Which policies the globs of a site name.

use std::ops::Range;

use globset::{Glob, GlobMatcher};

use super::{Override, Tuning, source};
use crate::{
    diagnostic::{Diagnostic, nearest},
    nql::typed::Typed,
    policy::load::raw::place,
    settings::schema::Setting,
};

/// A tuning whose globs are compiled.
pub(in crate::policy::load) struct Prepared<'a> {
    enable: Vec<Pattern>,
    disable: Vec<Pattern>,
    overrides: Vec<Prepare<'a>>,
}

struct Prepare<'a> {
    patterns: Vec<Pattern>,
    /// The flows it is for; `None` for all.
    flows: Option<Typed>,
    over: &'a Override,
    /// Whether it is for one policy only.
    is_for_one: bool,
}

/// A policy as it is for the flows of one source, or for all that are of none with limits of its own.
pub(in crate::policy::load) struct Variant<'a> {
    /// The source, with its place.
    pub source: Option<&'a Setting<Option<String>>>,
    /// Its flows; `None` for all.
    pub flows: Option<Typed>,
}

impl Variant<'_> {
    /// The source as it is written.
    pub fn name(&self) -> Option<&str> {
        self.source?.value.as_deref()
    }
}

struct Pattern {
    glob: GlobMatcher,
    /// Characters that stand for themselves: how much the pattern says.
    literal: usize,
    span: Range<usize>,
}

impl<'a> Prepared<'a> {
    /// Compiles the globs, each of which must match one of `names`.
    pub fn new(tuning: &'a Tuning, names: &[&str], faults: &mut Vec<Diagnostic>) -> Self {
        let mut patterns = |globs: &[Setting<String>]| -> Vec<Pattern> {
            let compiled = globs.iter().map(|glob| Pattern::new(glob, names));
            compiled
                .filter_map(|pattern| pattern.map_err(|fault| faults.push(fault)).ok())
                .collect()
        };
        let (enable, disable) = (patterns(&tuning.enable), patterns(&tuning.disable));
        let overrides = tuning
            .overrides
            .iter()
            .map(|over| (patterns(&over.value.matches.value.0), &over.value));
        let overrides: Vec<_> = overrides.collect();
        for over in &tuning.overrides {
            faults.extend(over.value.fault(over));
        }
        let overrides = overrides.into_iter().map(|(patterns, over)| {
            let flows = over.source.value.as_deref().and_then(|text| {
                let flows = source::flows_of(text);
                flows.map_err(|why| faults.push(Diagnostic::error(why, place(&over.source)))).ok()
            });
            let is_named = |name: &&&str| patterns.iter().any(|p: &Pattern| p.glob.is_match(name));
            let is_for_one = names.iter().filter(is_named).count() == 1;
            Prepare { patterns, flows, over, is_for_one }
        });
        Self { enable, disable, overrides: overrides.collect() }
    }

    /// Whether a policy is evaluated whatever its file says, and the glob that says so. Of several the one that says most
    /// decides; of equal ones that which disables.
    pub fn enabled(&self, name: &str) -> Option<(bool, &Range<usize>)> {
        let best = |patterns: &'_ [Pattern]| {
            let matching = patterns.iter().enumerate().filter(|(_, p)| p.glob.is_match(name));
            matching.max_by_key(|(_, pattern)| pattern.literal).map(|(at, p)| (at, p.literal))
        };
        match (best(&self.enable), best(&self.disable)) {
            (Some((at, on)), off) if off.is_none_or(|(_, off)| on > off) => {
                Some((true, &self.enable[at].span))
            }
            (_, off) => off.map(|(at, _)| (false, &self.disable[at].span)),
        }
    }

    /// The policy for flows of no source that has limits of its own, and then for those of each source that has; a flow is of
    /// the last source in the file that it can be of. A policy that `expects` keys has limits for those sources only whose keys
    /// an override names: nobody else knows which of the keys are theirs.
    pub fn variants(&self, name: &str, expects: bool) -> Vec<Variant<'a>> {
        let mut variants: Vec<Variant<'a>> = Vec::new();
        let mut later: Vec<Typed> = Vec::new();
        let without = |later: &[Typed], flows: Option<Typed>| {
            let others = later.iter().cloned().map(Typed::negated);
            let mut all: Vec<Typed> = flows.into_iter().chain(others).collect();
            if all.len() > 1 { Some(Typed::And(all)) } else { all.pop() }
        };
        for Prepare { flows, over, .. } in self.matching(name).rev() {
            let Some(flows) = flows else { continue };
            if expects && !self.gives_keys(name, over) {
                continue;
            }
            if variants.iter().any(|known| known.name() == over.source.value.as_deref()) {
                continue;
            }
            let source = Some(&over.source);
            variants.push(Variant { source, flows: without(&later, Some(flows.clone())) });
            later.push(flows.clone());
        }
        variants.push(Variant { source: None, flows: without(&later, None) });
        variants.reverse();
        variants
    }

    /// Whether an override for the same source says which keys are expected there.
    fn gives_keys(&self, name: &str, over: &Override) -> bool {
        self.matching(name).any(|Prepare { over: other, .. }| {
            other.source.value == over.source.value && other.expect.is_given()
        })
    }

    /// The sources of overrides that name the policy itself, or only it, and of whose keys nothing is said.
    pub fn without_keys(&self, name: &str) -> impl Iterator<Item = &'a Setting<Option<String>>> {
        let names_it = move |pattern: &Pattern| pattern.glob.glob().glob() == name;
        let named = self.matching(name).filter(move |prepared| {
            prepared.flows.is_some()
                && (prepared.is_for_one || prepared.patterns.iter().any(names_it))
        });
        named
            .map(|prepared| prepared.over)
            .filter(|over| !self.gives_keys(name, over))
            .map(|over| &over.source)
    }

    /// The overrides of a policy for flows of `source`, in the order of the file.
    pub fn overrides(
        &self,
        name: &str,
        source: Option<&str>,
    ) -> impl Iterator<Item = &'a Override> {
        let overrides = self.matching(name).map(|prepared| prepared.over);
        overrides.filter(move |over| {
            let own = over.source.value.as_deref();
            own.is_none() || own == source
        })
    }

    fn matching(&self, name: &str) -> impl DoubleEndedIterator<Item = &Prepare<'a>> {
        self.overrides
            .iter()
            .filter(move |prepared| prepared.patterns.iter().any(|p| p.glob.is_match(name)))
    }

    /// Whether anything is laid over a policy.
    pub fn names(&self, name: &str) -> bool {
        self.enabled(name).is_some() || self.matching(name).next().is_some()
    }
}

impl Override {
    /// What is wrong with it whichever policy it is for.
    fn fault(&self, written: &Setting<Self>) -> Option<Diagnostic> {
        let fault = |message| Some(Diagnostic::error(message, place(written)));
        if !self.matches.is_given() || self.matches.value.0.is_empty() {
            return fault("the override has no `match`").map(|fault| {
                fault.help("write `match = \"scan_*\"`, a name or a glob of policies")
            });
        }
        let only_match =
            Self { matches: self.matches.clone(), source: self.source.clone(), ..Self::default() };
        (*self == only_match).then(|| fault("the override changes nothing")).flatten()
    }
}

impl Pattern {
    fn new(written: &Setting<String>, names: &[&str]) -> Result<Self, Diagnostic> {
        let text = written.value.as_str();
        let glob = Glob::new(text).map_err(|error| {
            let message = format!("`{text}` is not a glob: {}", error.kind());
            Diagnostic::error(message, place(written))
        })?;
        let glob = glob.compile_matcher();
        if !names.iter().any(|name| glob.is_match(name)) {
            return Err(nothing(written, names));
        }
        let literal = text.chars().filter(|c| !is_wild(*c)).count();
        Ok(Self { glob, literal, span: place(written) })
    }
}

fn is_wild(character: char) -> bool {
    matches!(character, '*' | '?' | '[' | ']' | '{' | '}')
}

/// A glob that no name matches, with the nearest name; of a beginning of names, with the nearest beginning.
fn nothing(written: &Setting<String>, names: &[&str]) -> Diagnostic {
    let text = written.value.as_str();
    let fault = Diagnostic::error(format!("no policy is named `{text}`"), place(written));
    let near = match text.strip_suffix('*').filter(|start| !start.contains(is_wild)) {
        Some(start) => {
            let length = start.chars().count();
            let beginnings = names.iter().filter_map(|name| {
                let end = name.char_indices().nth(length).map_or(name.len(), |(end, _)| end);
                name.get(..end)
            });
            nearest(start, beginnings).map(|near| format!("{near}*"))
        }
        None => nearest(text, names.iter().copied()).map(str::to_owned),
    };
    match near {
        Some(near) => fault.label(format!("did you mean `{near}`?")),
        None if names.is_empty() => {
            fault.help("`policies.paths` names no policies; `paths = [\"stock\"]` is the library")
        }
        None => fault.help("`sensor policy list` shows the names"),
    }
}
