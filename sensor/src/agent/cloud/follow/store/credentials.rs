//! Who the sensor is to a store: what the configuration names, else the environment, else files in their usual places, else the
//! instance that it runs on.

use std::{
    env,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use object_store::{
    CredentialProvider,
    aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredential},
    azure::{AzureConfigKey, MicrosoftAzureBuilder},
    gcp::GoogleCloudStorageBuilder,
};
use sensor_core::sync::Unpoisoned as _;
use serde::Deserialize;

use crate::files::{self, Limit};

/// How long what was read of a file is used: whoever renews it does so minutes before it expires.
const FRESH: Duration = Duration::from_secs(60);

/// A file of credentials that cannot be used. What is in it is not shown.
#[derive(Clone, Debug, thiserror::Error)]
#[error("credentials in {}: {problem}", path.display())]
pub struct CredentialsError {
    path: PathBuf,
    problem: String,
}

impl CredentialsError {
    fn new(path: &Path, problem: impl Into<String>) -> Self {
        Self { path: path.to_owned(), problem: problem.into() }
    }
}

fn read(path: &Path) -> Result<String, CredentialsError> {
    let octets = files::read(path, Limit::TEXT).map_err(|error| {
        CredentialsError::new(path, format!("{error}{}", files::remedy(&error)))
    })?;
    String::from_utf8(octets).map_err(|_| CredentialsError::new(path, "it is not UTF-8"))
}

/// With the credentials of `file`, or of the usual file where the environment has none.
pub fn for_aws(
    builder: AmazonS3Builder,
    file: Option<&Path>,
) -> Result<AmazonS3Builder, CredentialsError> {
    use AmazonS3ConfigKey::{
        AccessKeyId, ContainerCredentialsFullUri, ContainerCredentialsRelativeUri,
        WebIdentityTokenFile,
    };
    let profile = env::var("AWS_PROFILE").unwrap_or_else(|_| "default".to_owned());
    let shared = |path: &Path| Shared {
        path: path.to_owned(),
        profile: profile.clone(),
        read: Mutex::default(),
    };
    if let Some(path) = file {
        let shared = shared(path);
        // What is wrong with it is told now.
        shared.get()?;
        return Ok(builder.with_credentials(Arc::new(shared)));
    }
    let keys = [
        AccessKeyId,
        WebIdentityTokenFile,
        ContainerCredentialsRelativeUri,
        ContainerCredentialsFullUri,
    ];
    if keys.iter().any(|key| builder.get_config_value(key).is_some()) {
        return Ok(builder);
    }
    let named = env::var_os("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
    let usual = || env::var_os("HOME").map(|home| Path::new(&home).join(".aws/credentials"));
    let shared = named.or_else(usual).map(|path| shared(&path));
    Ok(match shared.filter(|shared| shared.get().is_ok()) {
        Some(shared) => builder.with_credentials(Arc::new(shared)),
        // The role of the instance.
        None => builder,
    })
}

/// A file as the AWS CLI has it, read again from time to time.
#[derive(Debug)]
struct Shared {
    path: PathBuf,
    profile: String,
    read: Mutex<Option<(Instant, Arc<AwsCredential>)>>,
}

impl Shared {
    fn get(&self) -> Result<Arc<AwsCredential>, CredentialsError> {
        let mut last = self.read.lock().unpoisoned();
        if let Some((when, known)) = &*last
            && when.elapsed() < FRESH
        {
            return Ok(known.clone());
        }
        let text = read(&self.path)?;
        let found = profile(&text, &self.profile)
            .map_err(|problem| CredentialsError::new(&self.path, problem))?;
        let found = Arc::new(found);
        *last = Some((Instant::now(), found.clone()));
        Ok(found)
    }
}

#[async_trait]
impl CredentialProvider for Shared {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        self.get()
            .map_err(|error| object_store::Error::Generic { store: "S3", source: Box::new(error) })
    }
}

/// The keys of a profile.
fn profile(text: &str, name: &str) -> Result<AwsCredential, String> {
    let mut here = false;
    let (mut id, mut secret, mut token) = (None, None, None);
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            let section = section.trim();
            here = section.strip_prefix("profile ").unwrap_or(section).trim() == name;
        } else if let Some((key, value)) = line.split_once('=')
            && here
            && !line.starts_with(['#', ';'])
        {
            let value = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
            match key.trim() {
                "aws_access_key_id" => id = value,
                "aws_secret_access_key" => secret = value,
                "aws_session_token" => token = value,
                _ => {}
            }
        }
    }
    match (id, secret) {
        (Some(key_id), Some(secret_key)) => Ok(AwsCredential { key_id, secret_key, token }),
        _ => Err(format!(
            "it has no aws_access_key_id and aws_secret_access_key in [{name}], as ~/.aws/credentials does"
        )),
    }
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type", default)]
    kind: String,
}

/// With the key of a service account or of a user in `file`, where it is named.
pub fn for_google(
    builder: GoogleCloudStorageBuilder,
    file: Option<&Path>,
) -> Result<GoogleCloudStorageBuilder, CredentialsError> {
    let Some(path) = file else { return Ok(builder) };
    let kind: Kind = serde_json::from_str(&read(path)?)
        // Where the fault is, and not what stands there.
        .map_err(|error| {
            CredentialsError::new(path, format!("it is no JSON of Google (line {})", error.line()))
        })?;
    let shown = path.display().to_string();
    match kind.kind.as_str() {
        "service_account" | "" => Ok(builder.with_service_account_path(shown)),
        "authorized_user" => Ok(builder.with_application_credentials(shown)),
        other => Err(CredentialsError::new(
            path,
            format!(
                "the type {other:?} is not supported: use the key of a service account, or run on an instance with one"
            ),
        )),
    }
}

/// With the account key, SAS token or connection string in `file`, where it is named.
pub fn for_azure(
    builder: MicrosoftAzureBuilder,
    file: Option<&Path>,
) -> Result<MicrosoftAzureBuilder, CredentialsError> {
    let Some(path) = file else { return Ok(builder) };
    let text = read(path)?;
    let (key, value) =
        azure(text.trim()).map_err(|problem| CredentialsError::new(path, problem))?;
    Ok(builder.with_config(key, value))
}

fn azure(text: &str) -> Result<(AzureConfigKey, String), &'static str> {
    let parts = || text.split(';').filter_map(|part| part.split_once('='));
    let part =
        |name: &str| parts().find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim());
    if let Some(key) = part("AccountKey") {
        return Ok((AzureConfigKey::AccessKey, key.to_owned()));
    }
    if let Some(token) = part("SharedAccessSignature") {
        return Ok((AzureConfigKey::SasKey, token.to_owned()));
    }
    if text.contains("sig=") {
        return Ok((AzureConfigKey::SasKey, text.trim_start_matches('?').to_owned()));
    }
    let is_key = text.len() >= 32
        && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"+/=".contains(&octet));
    if is_key {
        return Ok((AzureConfigKey::AccessKey, text.to_owned()));
    }
    Err("it must contain an account key, a SAS token or a connection string")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles() {
        let text = "# mine\n[default]\naws_access_key_id = A\naws_secret_access_key=S/+=\n\n[profile other]\n\
            aws_access_key_id=B\naws_secret_access_key=T\naws_session_token = K==\n[bare]\naws_access_key_id=C\n";
        let default = profile(text, "default").expect("two keys");
        assert_eq!((default.key_id.as_str(), default.secret_key.as_str()), ("A", "S/+="));
        assert_eq!(default.token, None);
        let other = profile(text, "other").expect("three keys");
        assert_eq!((other.key_id.as_str(), other.token.as_deref()), ("B", Some("K==")));
        for name in ["bare", "absent"] {
            let error = profile(text, name).expect_err("no keys");
            assert!(error.contains(&format!("[{name}]")), "{error}");
        }
    }

    #[test]
    fn secrets_of_azure() {
        let key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
        let connection = format!(
            "DefaultEndpointsProtocol=https;AccountName=a;AccountKey={key};EndpointSuffix=core"
        );
        for (text, expected) in [
            (key, (AzureConfigKey::AccessKey, key)),
            (&connection, (AzureConfigKey::AccessKey, key)),
            ("?sv=1&sig=x%3D", (AzureConfigKey::SasKey, "sv=1&sig=x%3D")),
            (
                "BlobEndpoint=https://a;SharedAccessSignature=sv=1&sig=y",
                (AzureConfigKey::SasKey, "sv=1&sig=y"),
            ),
        ] {
            let (kind, value) = azure(text).expect("a secret");
            assert_eq!((kind, value.as_str()), expected);
        }
        assert!(azure("password").is_err() && azure("").is_err());
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_without_what_is_in_it() {
        let directory = tempfile::tempdir().expect("a folder");
        let path = directory.path().join("key");
        std::fs::write(&path, "geheim").expect("a file");
        let all = [
            for_aws(AmazonS3Builder::new(), Some(&path)).map(drop),
            for_google(GoogleCloudStorageBuilder::new(), Some(&path)).map(drop),
            for_azure(MicrosoftAzureBuilder::new(), Some(&path)).map(drop),
        ];
        for error in all.map(|result| result.expect_err("no secret").to_string()) {
            assert!(
                error.starts_with(&format!("credentials in {}: it ", path.display())),
                "{error}"
            );
            assert!(!error.contains("geheim"), "{error}");
        }
        let gone = directory.path().join("gone");
        assert!(for_azure(MicrosoftAzureBuilder::new(), Some(&gone)).is_err());
    }
}
