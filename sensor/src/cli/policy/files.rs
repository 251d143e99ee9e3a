//! The policies and tests that the command line names.

use std::path::{Path, PathBuf};

use sensor_core::{
    diagnostic::{Findings, nearest},
    nql::lists::Lists,
    policy::{
        detector::Rules,
        load::{Loaded, PolicyFile, tuning::Tuning},
        model::Policy,
        stock,
        written::WrittenPolicy,
    },
};

use super::{FilesArgs, SiteArgs};
use crate::{
    agent::{
        config::{self, Config, lists::ListFiles, overrides::Overrides, policies::PoliciesConfig},
        inspect::{
            advice::advice,
            context,
            policies::{self, STOCK, TEST, find, is_test, read},
        },
    },
    cli::exit::Failure,
};

/// A file of tests, and the policies that it is about.
pub struct Tests {
    /// The tests.
    pub file: PolicyFile,
    /// The neighbour file.
    pub policies: PolicyFile,
    /// Its name, without the ending.
    pub stem: String,
}

/// The tests that the command line names; those of the stock library, if it names none.
pub fn tests(arguments: &FilesArgs) -> anyhow::Result<Vec<Tests>> {
    if arguments.paths.is_empty() {
        let pairs = stock::tests().into_iter().zip(stock::policies());
        let stem = |file: &PolicyFile| stem(Path::new(&file.path)).unwrap_or_default();
        return Ok(pairs
            .map(|(file, policies)| Tests { stem: stem(&file), file, policies })
            .collect());
    }
    let mut tests = Vec::new();
    for path in find(&arguments.paths, is_test)? {
        let Some(stem) = stem(&path) else {
            let message = format!("{}: tests are in files called NAME{TEST}", path.display());
            return Err(Failure::usage(message).into());
        };
        let policies = read(&path.with_file_name(format!("{stem}.toml")))?;
        tests.push(Tests { file: read(&path)?, policies, stem });
    }
    Ok(tests)
}

fn stem(test: &Path) -> Option<String> {
    test.file_name()?.to_str()?.strip_suffix(TEST).map(str::to_owned)
}

/// The lists that queries may name.
pub fn lists(arguments: &FilesArgs) -> anyhow::Result<Lists> {
    let given = ListFiles(arguments.list.iter().cloned().collect()).read()?;
    Ok(policies::lists(&arguments.paths, &given)?)
}

/// The sound policies of a name, at least one: the policy itself, and behind it those for flows of sources that the site gives
/// limits of their own.
///
/// # Errors
/// There is none.
pub fn named<'l>(
    loaded: &'l Loaded,
    name: &str,
) -> anyhow::Result<Vec<(&'l Policy, &'l WrittenPolicy)>> {
    let all = loaded.policies.iter().zip(&loaded.written);
    let found: Vec<_> = all.filter(|(policy, _)| policy.summary.name == name).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let names = loaded.policies.iter().map(|policy| policy.summary.name.as_str());
    let hint = match nearest(name, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None if loaded.errors() > 0 => {
            "policies with faults are left out: `sensor policy check` shows them".to_owned()
        }
        None => "`sensor policy list` shows the names".to_owned(),
    };
    Err(Failure::usage(format!("no policy is named `{name}`; {hint}")).into())
}

/// Where policies are read from, and what is changed of them.
pub struct Site {
    paths: Vec<PathBuf>,
    lists: Lists,
    tuning: Tuning,
    /// Where all of it is from a configuration.
    config: Option<Box<Config>>,
}

impl Site {
    /// What the command line names: a configuration, or files; the stock library, if it names none.
    pub fn read(arguments: &SiteArgs) -> anyhow::Result<Self> {
        let SiteArgs { files, config } = arguments;
        let Some(config) = config else {
            let paths = match files.paths.as_slice() {
                [] => vec![PathBuf::from(STOCK)],
                paths => paths.to_vec(),
            };
            return Ok(Self {
                paths,
                lists: lists(files)?,
                tuning: Tuning::default(),
                config: None,
            });
        };
        let lists = Overrides { lists: files.list.clone(), ..Overrides::default() };
        let config = config::load(Some(config), &lists)?;
        let PoliciesConfig { paths, tuning, .. } = config.policies.clone();
        let lists = policies::lists(&paths, &config.lists.read()?)?;
        Ok(Self { paths, lists, tuning, config: Some(Box::new(config)) })
    }

    /// Reads all policies.
    pub fn load(&self) -> anyhow::Result<Loaded> {
        Ok(policies::load_all(&self.paths, &self.lists, &self.tuning)?)
    }

    /// The same, where all of them must be sound.
    ///
    /// # Errors
    /// All faults, to end with exit code 64.
    pub fn load_sound(&self) -> anyhow::Result<Loaded> {
        Ok(policies::sound(self.load()?)?)
    }

    /// The lists that their queries may name.
    pub fn lists(&self) -> &Lists {
        &self.lists
    }

    /// The configuration, where one was named.
    pub fn config(&self) -> Option<&Config> {
        self.config.as_deref()
    }

    /// What of the policies is probably not meant, by a configuration and the files of labels that it names. Those that
    /// cannot be read are for `sensor check` to tell.
    pub fn advice(&self, policies: &[Policy]) -> Findings {
        let Some(config) = &self.config else { return Findings::default() };
        let (sources, _) = context::sources(&config.context, None);
        let rules = Rules::new(policies.iter().cloned());
        advice(config, &sources, rules.policies())
    }

    /// What its author says of a policy: the comment above it, without the `#`.
    pub fn remarks(&self, name: &str) -> anyhow::Result<Vec<String>> {
        let files = policies::files(&self.paths)?;
        Ok(files.iter().find_map(|file| comment(&file.text, name)).unwrap_or_default())
    }
}

fn comment(text: &str, name: &str) -> Option<Vec<String>> {
    let (mut above, mut own) = (Vec::new(), Vec::new());
    for line in text.lines().map(str::trim_end) {
        if let Some(remark) = line.strip_prefix('#') {
            above.push(remark.strip_prefix(' ').unwrap_or(remark).to_owned());
        } else if line == "[[policy]]" {
            own = std::mem::take(&mut above);
        } else if let Some(value) = line.strip_prefix("name = ") {
            if value.trim_matches(['"', '\'']) == name {
                return Some(own);
            }
        } else if !line.is_empty() {
            above.clear();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::comment;

    #[test]
    fn the_comment_above_a_policy_is_its_own() {
        let text = "# a, 1\n#   a, 2\n\n[[policy]]\nname = 'a'\n# inside\nmatch = 'x'\n\n# b\n[[policy]]\nname = \"b\"\n\
                    [[policy]]\nname = \"c\"\n";
        assert_eq!(comment(text, "a"), Some(vec!["a, 1".to_owned(), "  a, 2".to_owned()]));
        assert_eq!(comment(text, "b"), Some(vec!["b".to_owned()]));
        assert_eq!(comment(text, "c"), Some(vec![]));
        assert_eq!(comment(text, "d"), None);
    }
}
