//! Cases of golden files: queries with options, and what is expected of them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sensor_core::{
    flow::fields::RecordKind,
    nql::{
        Options,
        lists::{ListValues, Lists},
    },
};

pub const SEPARATOR: &str = "----\n";

pub struct Case {
    pub options: String,
    pub expected: String,
    pub query: String,
}

impl Case {
    pub fn read(text: &str) -> Self {
        let mut case =
            Self { options: String::new(), expected: String::new(), query: String::new() };
        for line in text.split_inclusive('\n') {
            let (target, line) = match (line.strip_prefix("#!"), line.strip_prefix("#>")) {
                (Some(line), _) => (&mut case.options, line),
                (_, Some(line)) => (&mut case.expected, line.strip_prefix(' ').unwrap_or(line)),
                _ => (&mut case.query, line),
            };
            target.push_str(line);
        }
        // The line end of the file is none of the query.
        case.query.truncate(case.query.strip_suffix('\n').unwrap_or(&case.query).len());
        case
    }
}

/// Options of a case, as on the command line.
pub fn options<'a>(text: &str, lists: &'a Lists) -> Options<'a> {
    let mut options = Options::new(lists);
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        let mut number = || words.next().expect("an argument").parse().expect("a number");
        match word {
            "--strict" => options.strict = true,
            "--depth" => options.limits.depth = number(),
            "--terms" => options.limits.terms = number(),
            "--query-bytes" => options.limits.query_bytes = number(),
            "--patterns" => options.limits.patterns = number(),
            "--faults" => options.limits.faults = number(),
            "--regex-bytes" => options.limits.regex_bytes = number(),
            "--context" => {
                let name = words.next().expect("a context");
                let named = |context: &RecordKind| context.name() == name;
                options.context = RecordKind::ALL.into_iter().find(named).expect("a context");
            }
            other => panic!("unknown option {other}"),
        }
    }
    options
}

pub fn golden_files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nql").join(folder);
    let mut files: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == ending));
    files.sort();
    assert!(!files.is_empty(), "no golden files in {}", folder.display());
    files
}

pub fn lists() -> Lists {
    let mut lists = Lists::default();
    lists.set("blocked", ListValues::parse("192.0.2.0/24\n2001:db8::/32\n"));
    lists.set("mixed", ListValues::parse("22\n192.0.2.1\ntcp\n"));
    lists
}

/// Calls `each` with every case of a folder.
pub fn each_case(folder: &str, mut each: impl FnMut(&Path, &str, &Options<'_>)) {
    let lists = lists();
    for file in golden_files(folder, "nql") {
        let text = fs::read_to_string(&file).unwrap();
        for case in text.split(SEPARATOR).map(Case::read) {
            each(&file, &case.query, &options(&case.options, &lists));
        }
    }
}
