//! Where object storage is: the URL of a `[[cloud]]`, and what else is known of it.

use std::{
    env, fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use sensor_core::settings::schema::Setting;
use url::Url;

use crate::agent::config::faults::Faults;

/// How Azure names the hosts of storage accounts.
const AZURE_HOST: &str = ".blob.core.windows.net";

/// Variables that name files from which credentials are taken; the last are directories that hold such a file at home.
const BY_VARIABLE: [(&str, &str); 8] = [
    ("AWS_WEB_IDENTITY_TOKEN_FILE", ""),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", ""),
    ("AWS_SHARED_CREDENTIALS_FILE", ""),
    ("AZURE_FEDERATED_TOKEN_FILE", ""),
    ("GOOGLE_APPLICATION_CREDENTIALS", ""),
    ("GOOGLE_SERVICE_ACCOUNT", ""),
    ("HOME", ".aws/credentials"),
    ("HOME", ".config/gcloud/application_default_credentials.json"),
];

/// Object storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// Whose.
    pub kind: Kind,
    /// The bucket, or container.
    pub bucket: String,
    /// What the keys of its logs begin with, up to a `/` or nothing.
    pub prefix: String,
    /// Its server, where that is not the cloud's own.
    pub endpoint: Option<String>,
    /// AWS and its like: the region.
    pub region: Option<String>,
    /// What shows who the sensor is, where it is neither the environment nor the instance.
    pub credentials: Option<PathBuf>,
    /// AWS: the queue of SQS that says what is new.
    pub queue: Option<String>,
    /// How often it is looked for new objects.
    pub poll: Duration,
    /// How long behind its date an object may appear.
    pub late: Duration,
}

/// Whose object storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// AWS, and whatever speaks its protocol: OCI, IBM, MinIO.
    S3,
    /// Google Cloud.
    Gcs,
    /// Azure: an account.
    Azure(String),
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bucket, prefix, .. } = self;
        match &self.kind {
            Kind::S3 => write!(f, "s3://{bucket}/{prefix}"),
            Kind::Gcs => write!(f, "gs://{bucket}/{prefix}"),
            Kind::Azure(account) => write!(f, "az://{account}/{bucket}/{prefix}"),
        }
    }
}

impl Store {
    /// What stands before the keys of its objects in messages.
    pub fn root(&self) -> String {
        Self { prefix: String::new(), ..self.clone() }.to_string()
    }

    /// Files from which credentials may be taken: named by the configuration and by the environment.
    pub fn credential_files(&self) -> Vec<PathBuf> {
        match &self.credentials {
            Some(path) => vec![path.clone()],
            None => files(|name| env::var_os(name).map(PathBuf::from)),
        }
    }
}

fn files(variable: impl Fn(&str) -> Option<PathBuf>) -> Vec<PathBuf> {
    let named = BY_VARIABLE.iter().filter_map(|(name, below)| {
        let path = variable(name).filter(|path| path.is_absolute())?;
        match *below {
            "" => Some(path),
            // What is not there at the start is nobody's.
            below => Some(path.join(below)).filter(|path| path.exists()),
        }
    });
    named.collect()
}

/// The keys of a `[[cloud]]` that say where its storage is.
pub struct Keys<'k> {
    /// `url`
    pub url: &'k Setting<Option<String>>,
    /// `endpoint`
    pub endpoint: &'k Setting<Option<String>>,
    /// `region`
    pub region: &'k Setting<Option<String>>,
    /// `queue`
    pub queue: &'k Setting<Option<String>>,
    /// `credentials_file`
    pub credentials: &'k Setting<Option<PathBuf>>,
    /// `late`
    pub late: &'k Setting<Duration>,
    /// `poll`, judged.
    pub poll: Duration,
}

/// What is wrong with a URL.
type Wrong = &'static str;

/// Judges the URL of a `[[cloud]]` and the keys that belong to it; none where it has no URL, or a wrong one.
pub fn resolve(cloud: &Keys<'_>, faults: &mut Faults) -> Option<Store> {
    let setting = cloud.url;
    let only_with_url = [
        ("cloud.endpoint", cloud.endpoint.is_given(), cloud.endpoint),
        ("cloud.region", cloud.region.is_given(), cloud.region),
        ("cloud.queue", cloud.queue.is_given(), cloud.queue),
    ];
    let Some(text) = &setting.value else {
        for (path, given, setting) in only_with_url {
            if given {
                faults.report(setting, path, "applies only with `url`", "add it, or remove this");
            }
        }
        return None;
    };
    let (kind, bucket, prefix) = match place(text) {
        Ok(place) => place,
        Err(wrong) => {
            let must =
                "must be s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://ACCOUNT/CONTAINER/PREFIX";
            faults.report(setting, "cloud.url", must, wrong);
            return None;
        }
    };
    let is_s3 = kind == Kind::S3;
    for (path, setting) in [("cloud.region", cloud.region), ("cloud.queue", cloud.queue)] {
        if setting.is_given() && !is_s3 {
            faults.report(setting, path, "applies only to s3:// URLs", "remove it");
        }
    }
    let late = Duration::ZERO..=Duration::from_hours(24 * 7);
    Some(Store {
        kind,
        bucket,
        prefix,
        endpoint: http_url(cloud.endpoint, "cloud.endpoint", faults),
        region: cloud.region.value.clone(),
        credentials: cloud.credentials.value.clone(),
        queue: http_url(cloud.queue, "cloud.queue", faults),
        poll: cloud.poll,
        late: faults.in_range(cloud.late, "cloud.late", late),
    })
}

fn http_url(setting: &Setting<Option<String>>, path: &str, faults: &mut Faults) -> Option<String> {
    let text = setting.value.as_deref()?;
    let url = Url::parse(text).ok();
    let fits = url.is_some_and(|url| {
        matches!(url.scheme(), "https" | "http")
            && url.username().is_empty()
            && url.password().is_none()
    });
    if !fits {
        let must = "must be an https:// URL without user and password";
        faults.report(setting, path, must, &format!("this is {text:?}"));
        return None;
    }
    Some(text.trim_end_matches('/').to_owned())
}

/// The parts of a URL.
fn place(text: &str) -> Result<(Kind, String, String), Wrong> {
    let (scheme, rest) = text.split_once("://").ok_or("it has no scheme")?;
    if rest.contains("//") {
        return Err("a name without letters has no place in it");
    }
    if rest.contains(['?', '#', '@']) {
        return Err("a query, a user or a password has no place in it");
    }
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if host.is_empty() {
        return Err("it names no bucket");
    }
    let azure = |account: &str| {
        let (container, prefix) = path.split_once('/').unwrap_or((path, ""));
        match container {
            "" => Err("it names no container"),
            container => Ok((Kind::Azure(account.to_owned()), container.to_owned(), prefix)),
        }
    };
    let (kind, bucket, prefix) = match scheme {
        "s3" => (Kind::S3, host.to_owned(), path),
        "gs" => (Kind::Gcs, host.to_owned(), path),
        "az" => azure(host)?,
        "https" => {
            let account = host.strip_suffix(AZURE_HOST);
            azure(account.ok_or("of https:// URLs only those of Azure say which cloud it is")?)?
        }
        _ => return Err("no other scheme is known"),
    };
    if Path::new(prefix).components().any(|part| part.as_os_str() == "..") {
        return Err("its prefix is none that a key can begin with");
    }
    let prefix = prefix.trim_matches('/');
    let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    Ok((kind, bucket, prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::config::{cloud::Place, from_text, overrides::Overrides};

    #[test]
    fn urls() {
        let shown = |text: &str| {
            let (kind, bucket, prefix) = place(text)?;
            Ok::<_, Wrong>(format!("{kind:?} {bucket} {prefix}"))
        };
        for (url, expected) in [
            ("s3://logs", "S3 logs "),
            ("s3://logs/", "S3 logs "),
            ("s3://logs/a/AWSLogs/", "S3 logs a/AWSLogs/"),
            ("gs://logs/vpc", "Gcs logs vpc/"),
            (
                "az://acme/insights-logs-flowlogflowevent",
                "Azure(\"acme\") insights-logs-flowlogflowevent ",
            ),
            ("https://acme.blob.core.windows.net/c/p/q", "Azure(\"acme\") c p/q/"),
        ] {
            assert_eq!(shown(url).as_deref(), Ok(expected), "{url}");
        }
        for url in [
            "logs",
            "s3://",
            "az://acme",
            "az://acme/",
            "https://s3.amazonaws.com/logs",
            "ftp://a/b",
            "s3://key:secret@logs",
            "s3://logs//a",
            "az://acme/c?sig=1",
            "s3://logs/../a",
        ] {
            assert!(shown(url).is_err(), "{url}");
        }
    }

    #[test]
    fn keys_of_stores() {
        let text = "[[cloud]]\nname = 'a'\nurl = 's3://b/p'\nendpoint = 'http://127.0.0.1:9000/'\nregion = 'r'\n\
            queue = 'https://sqs.r.amazonaws.com/1/q'\ncredentials_file = '/k'\npoll = '30s'\nlate = '2h'\n";
        let config = from_text(text, &Overrides::default()).expect("no faults");
        let Place::Store(store) = &config.clouds[0].place else { panic!("a store") };
        assert_eq!(store.to_string(), "s3://b/p/");
        assert_eq!(store.root(), "s3://b/");
        assert_eq!(store.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
        assert_eq!((store.poll, store.late), (Duration::from_secs(30), Duration::from_hours(2)));
        assert_eq!(store.credential_files(), [Path::new("/k")]);
    }

    #[test]
    fn faults_of_stores() {
        let text = "[[cloud]]\nname = 'a'\nurl = 's3:/b'\n[[cloud]]\nname = 'b'\nfolder = '/f'\nqueue = 'https://q'\n\
            [[cloud]]\nname = 'c'\nurl = 'gs://b'\nregion = 'r'\nendpoint = 'b'\nlate = '9999h'\n\
            [[cloud]]\nname = 'd'\nurl = 'gs://b'\nfolder = '/f'\n";
        let faults = from_text(text, &Overrides::default()).expect_err("it has faults");
        let messages: Vec<_> = faults.file.iter().map(|fault| fault.message.as_str()).collect();
        let expected = [
            "`cloud.url` must be s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://ACCOUNT/CONTAINER/PREFIX",
            "`cloud.queue` applies only with `url`",
            "`cloud.region` applies only to s3:// URLs",
            "`cloud.endpoint` must be an https:// URL without user and password",
            "`cloud.late` must lie between 0s and 7days",
            "`cloud` has both `folder` and `url`",
        ];
        assert_eq!(messages, expected);
    }

    #[test]
    fn files_of_the_environment() {
        let directory = tempfile::tempdir().expect("a folder");
        let home = directory.path().to_owned();
        std::fs::create_dir(home.join(".aws")).expect("a folder");
        let set = |name: &str| match name {
            "HOME" => Some(home.clone()),
            "AZURE_FEDERATED_TOKEN_FILE" => Some("/var/run/token".into()),
            "GOOGLE_SERVICE_ACCOUNT" => Some("relative".into()),
            _ => None,
        };
        assert_eq!(files(set), [PathBuf::from("/var/run/token")]);
        std::fs::write(home.join(".aws/credentials"), "").expect("a file");
        assert_eq!(files(set), [PathBuf::from("/var/run/token"), home.join(".aws/credentials")]);
    }
}
