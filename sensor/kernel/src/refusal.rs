//! What the verifier said of a program that it refused: all of it in a file, for whoever is to find out why, and its last
//! lines in the message.

use std::{
    fmt, fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// Lines of the log that go into the message: they say what was wrong; statistics follow them.
const TAIL: usize = 12;
/// Files of one process and program, of several attempts to load it.
const MOST_FILES: u32 = 100;

/// Where such files go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory(pub PathBuf);

impl Default for Directory {
    /// The system's, for temporary files.
    fn default() -> Self {
        Self(std::env::temp_dir())
    }
}

/// A verifier's log.
#[derive(Debug, Default)]
pub struct VerifierLog {
    tail: String,
    /// The whole of it.
    file: Option<Result<PathBuf, io::Error>>,
}

impl VerifierLog {
    /// Writes `log` about `program` to a file of its own in `directory`, which nobody else may read.
    pub(super) fn keep(program: &str, log: &str, directory: &Directory) -> Self {
        tracing::debug!(program, "the verifier's log:\n{log}");
        let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
        let tail = lines[lines.len().saturating_sub(TAIL)..].join("\n");
        let file = (!tail.is_empty()).then(|| write(program, log, &directory.0));
        Self { tail, file }
    }
}

fn write(program: &str, log: &str, directory: &Path) -> io::Result<PathBuf> {
    let mut options = fs::OpenOptions::new();
    // In a directory where everybody may write: neither follows a link nor takes a file that is there.
    options.write(true).create_new(true).mode(0o600);
    for number in 0..MOST_FILES {
        let process = std::process::id();
        let path = directory.join(format!("sensor-verifier-{program}-{process}-{number}.log"));
        match options.open(&path) {
            Ok(mut file) => return file.write_all(log.as_bytes()).map(|()| path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

impl fmt::Display for VerifierLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(Ok(path)) => write!(f, "the verifier's log is in {}", path.display())?,
            Some(Err(error)) => write!(f, "the verifier's log could not be saved ({error})")?,
            None => return f.write_str("the verifier gave no log"),
        }
        write!(f, " and ends with:\n{}", self.tail)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn all_of_it_is_in_a_private_file_and_its_end_in_the_message() {
        let directory =
            Directory(std::env::temp_dir().join(format!("refusal-{}", std::process::id())));
        fs::create_dir_all(&directory.0).unwrap();
        let log: String = (0..100).map(|line| format!("line {line}\n\n")).collect();
        let said = [0, 1].map(|_| VerifierLog::keep("ingress", &log, &directory).to_string());
        for (number, said) in said.iter().enumerate() {
            let name = format!("sensor-verifier-ingress-{}-{number}.log", std::process::id());
            let file = directory.0.join(name);
            let start =
                format!("the verifier's log is in {} and ends with:\nline 88\n", file.display());
            assert!(said.starts_with(&start) && said.ends_with("\nline 99"), "{said}");
            assert_eq!(fs::read_to_string(&file).unwrap(), log);
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        fs::remove_dir_all(&directory.0).unwrap();
        let lost = VerifierLog::keep("ingress", "one\n", &directory).to_string();
        assert!(lost.starts_with("the verifier's log could not be saved ("), "{lost}");
        assert!(lost.ends_with(") and ends with:\none"), "{lost}");
        assert_eq!(
            VerifierLog::keep("ingress", "\n", &directory).to_string(),
            "the verifier gave no log"
        );
    }
}
