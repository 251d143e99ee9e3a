//! Secrets in files, which may change while the agent runs, and their comparison.

use std::path::{Path, PathBuf};

use crate::files::{self, Limit};

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem} ({key})", path.display())]
pub struct TokenError {
    path: PathBuf,
    problem: String,
    key: &'static str,
}

impl TokenError {
    /// A problem with the file at `path`, which `key` of the configuration names.
    pub fn new(path: &Path, problem: String, key: &'static str) -> Self {
        Self { path: path.to_owned(), problem, key }
    }

    /// The file that it is about.
    pub fn file(&self) -> &Path {
        &self.path
    }
}

/// A file with a token, which may change while the agent runs.
#[derive(Clone, Debug)]
pub struct TokenFile {
    path: PathBuf,
    /// The key that names it.
    key: &'static str,
}

impl TokenFile {
    /// The file at `path`, which `key` of the configuration names.
    pub fn new(path: PathBuf, key: &'static str) -> Self {
        Self { path, key }
    }

    /// Reads the token.
    ///
    /// # Errors
    /// A file that cannot be read, or has none.
    pub fn read(&self) -> Result<String, TokenError> {
        let failed = |problem: String| TokenError::new(&self.path, problem, self.key);
        let octets =
            files::read(&self.path, Limit::TEXT).map_err(|error| failed(error.to_string()))?;
        let text = String::from_utf8(octets).map_err(|_| failed("not UTF-8".to_owned()))?;
        match text.trim() {
            "" => Err(failed("it contains no token".to_owned())),
            token => Ok(token.to_owned()),
        }
    }

    /// Whether `header`, the value of `Authorization`, bears the token.
    ///
    /// # Errors
    /// When the token cannot be read now.
    pub fn is_borne_by(&self, header: Option<&str>) -> Result<bool, TokenError> {
        let token = self.read()?;
        Ok(header.is_some_and(|header| bears(header, &token)))
    }
}

fn bears(header: &str, token: &str) -> bool {
    bearer(header).is_some_and(|given| same(given.as_bytes(), token.as_bytes()))
}

/// The token of a header `Authorization: Bearer TOKEN`.
pub fn bearer(header: &str) -> Option<&str> {
    let (scheme, given) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| given.trim())
}

/// Whether two secrets are the same; how long that takes tells nothing but their lengths.
pub fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len()
        && std::hint::black_box(one.iter().zip(other).fold(0, |differs, (a, b)| differs | (a ^ b)))
            == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_borne_as_rfc_6750_has_it() {
        for (header, expected) in [
            ("Bearer secret", true),
            ("bearer secret", true),
            ("Bearer  secret ", true),
            ("Bearer secre", false),
            ("Bearer secret2", false),
            ("Basic secret", false),
            ("secret", false),
            ("", false),
        ] {
            assert_eq!(bears(header, "secret"), expected, "{header}");
        }
    }

    #[test]
    fn a_token_may_change_but_not_vanish() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        let token = TokenFile::new(path.clone(), "metrics.token_file");
        assert!(token.is_borne_by(Some("Bearer a")).is_err());
        std::fs::write(&path, "a\n").unwrap();
        assert!(token.is_borne_by(Some("Bearer a")).unwrap());
        std::fs::write(&path, "b\n").unwrap();
        assert!(!token.is_borne_by(Some("Bearer a")).unwrap());
        assert!(!token.is_borne_by(None).unwrap());
        std::fs::write(&path, " \n").unwrap();
        let error = token.is_borne_by(Some("Bearer ")).unwrap_err().to_string();
        assert!(error.ends_with("token: it contains no token (metrics.token_file)"), "{error}");
    }
}
