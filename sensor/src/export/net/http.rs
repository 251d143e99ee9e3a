//! What clients of HTTP servers have in common: how the sensor says who it is, and what an error is about.

use std::path::{Path, PathBuf};

use reqwest::RequestBuilder;

use crate::files::{self, Limit};

/// What stands in the header `Authorization`. Files are read anew for each request: what is in them may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// A file with `user:password`.
    Basic(PathBuf),
    /// A file with a token.
    Bearer(PathBuf),
}

impl Credentials {
    /// The file.
    pub fn file(&self) -> &Path {
        let (Self::Basic(file) | Self::Bearer(file)) = self;
        file
    }

    /// `request` with the header `Authorization`.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn authorize(&self, request: RequestBuilder) -> Result<RequestBuilder, String> {
        Ok(match self {
            Self::Basic(file) => {
                let (user, password) = login(file)?;
                request.basic_auth(user, Some(password))
            }
            Self::Bearer(file) => request.bearer_auth(read(file)?),
        })
    }
}

/// User and password in a file `user:password`.
///
/// # Errors
/// What is wrong with the file.
pub fn login(file: &Path) -> Result<(String, String), String> {
    let text = read(file)?;
    let (user, password) = text.split_once(':').ok_or("it must contain `user:password`")?;
    Ok((user.to_owned(), password.to_owned()))
}

fn read(path: &Path) -> Result<String, String> {
    let octets = files::read(path, Limit::TEXT).map_err(|error| error.to_string())?;
    let text = String::from_utf8(octets).map_err(|_| "it is not UTF-8".to_owned())?;
    match text.trim() {
        "" => Err("nothing is in it".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// An error with its causes: what the client says first is the least of it.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

/// The URL as far as the host and port: what follows the host is often a secret.
pub fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    &url[..end]
}

#[cfg(test)]
mod tests {
    use reqwest::Client;

    use super::*;
    use crate::export::net::tls;

    #[test]
    fn names_keep_secrets() {
        assert_eq!(
            origin("https://hooks.example:8443/T0/secret?x=1"),
            "https://hooks.example:8443"
        );
        assert_eq!(origin("https://hooks.example?secret"), "https://hooks.example");
        assert_eq!(origin("http://h"), "http://h");
    }

    #[test]
    fn credentials_come_from_files_and_are_not_shown() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, "user:word\n").unwrap();
        let header = |credentials: &Credentials| {
            let client = Client::builder()
                .tls_backend_preconfigured(tls::client_config(&Default::default()).unwrap())
                .build()
                .unwrap();
            let request = credentials.authorize(client.post("http://host.test/")).unwrap();
            request.build().unwrap().headers()["authorization"].clone()
        };
        let bearer = header(&Credentials::Bearer(path.clone()));
        assert_eq!(bearer, "Bearer user:word");
        assert!(!format!("{bearer:?}").contains("word"));
        assert_eq!(header(&Credentials::Basic(path)), "Basic dXNlcjp3b3Jk");
    }
}
