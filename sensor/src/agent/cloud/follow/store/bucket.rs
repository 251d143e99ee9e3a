//! A bucket or container, whichever cloud it is of: listed page by page, its objects read as streams.

use std::{future::Future, io, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream::BoxStream};
use object_store::{
    BackoffConfig, Error as StoreError, GetOptions, GetRange, ObjectMeta, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AwsCredentialProvider},
    azure::MicrosoftAzureBuilder,
    gcp::GoogleCloudStorageBuilder,
    list::{PaginatedListOptions, PaginatedListStore},
    path::Path,
};
use tokio::runtime::Runtime;

use super::{client::Client, credentials, trouble};
use crate::agent::{
    cloud::follow::{
        seam::{Object, Stop},
        state::Planned,
    },
    config::cloud::store::{Kind, Store},
    privilege::capabilities::{self, Role},
};

/// Objects that are listed at once.
const PAGE: usize = 1000;
/// What is fetched at once from within an object.
const PART: u64 = 1 << 10;
/// Between two looks whether to end.
const STEP: Duration = Duration::from_millis(50);

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// The sensor ends.
    #[error("the sensor is ending")]
    Stopped,
    /// The object is not there.
    #[error("it is not there any more")]
    Absent,
    /// Anything else, in a sentence.
    #[error("{0}")]
    Refused(String),
}

impl From<StoreError> for BucketError {
    fn from(error: StoreError) -> Self {
        if trouble::is_absent(&error) {
            Self::Absent
        } else {
            Self::Refused(trouble::explain(&error))
        }
    }
}

/// A page of a listing.
#[derive(Debug, Default)]
pub struct Page {
    /// Objects below the prefix, and not in one of `folders`.
    pub objects: Vec<ObjectMeta>,
    /// What the names go on with, up to a `/`, whole names with that `/`.
    pub folders: Vec<String>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// A bucket.
#[derive(Clone)]
pub struct Bucket {
    runtime: Arc<Runtime>,
    stop: Stop,
    store: Arc<dyn ObjectStore>,
    pages: Arc<dyn PaginatedListStore>,
    /// AWS: who the sensor is, for the queue as well.
    pub credentials: Option<AwsCredentialProvider>,
    /// Some services cannot begin a listing behind a name.
    pub can_skip: bool,
}

/// A thread for connections, without capabilities, and others for name servers. What is asked is awaited on the threads that ask.
///
/// # Errors
/// When there can be no threads.
pub fn runtime() -> io::Result<Arc<Runtime>> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).thread_name("cloud-net").enable_all();
    builder.on_thread_start(|| capabilities::kept(Role::Nothing));
    Ok(Arc::new(builder.build()?))
}

/// Ends the threads. A resolver that does not answer is not waited for, unless somebody still reads.
pub fn end(runtime: Arc<Runtime>) {
    if let Ok(runtime) = Arc::try_unwrap(runtime) {
        runtime.shutdown_background();
    }
}

/// Waits for `future`, or until the sensor ends.
pub fn wait<T>(runtime: &Runtime, stop: &Stop, future: impl Future<Output = T>) -> Option<T> {
    runtime.block_on(async {
        let asked = async {
            while !stop.is_asked() {
                tokio::time::sleep(STEP).await;
            }
        };
        tokio::select! {
            done = future => Some(done),
            () = asked => None,
        }
    })
}

fn patience() -> RetryConfig {
    RetryConfig {
        // With jitter; what takes longer is told, and tried again by the source.
        backoff: BackoffConfig { max_backoff: Duration::from_secs(5), ..BackoffConfig::default() },
        max_retries: 3,
        retry_timeout: Duration::from_secs(30),
    }
}

impl Bucket {
    /// The bucket that `store` names. Opens no connection.
    ///
    /// # Errors
    /// What is missing or wrong in files and environment.
    pub fn new(store: &Store, runtime: Arc<Runtime>, stop: Stop) -> Result<Self, BucketError> {
        let refused = |error: &dyn std::fmt::Display| BucketError::Refused(error.to_string());
        let client = Client::new().map_err(|error| refused(&error))?;
        let made = |store, pages, credentials, can_skip| Self {
            runtime,
            stop,
            store,
            pages,
            credentials,
            can_skip,
        };
        let file = store.credentials.as_deref();
        Ok(match &store.kind {
            Kind::S3 => {
                let mut builder = AmazonS3Builder::from_env()
                    .with_http_connector(client)
                    .with_retry(patience())
                    .with_bucket_name(&store.bucket);
                if let Some(region) = &store.region {
                    builder = builder.with_region(region);
                }
                if let Some(endpoint) = &store.endpoint {
                    builder = builder.with_endpoint(endpoint);
                }
                builder = credentials::for_aws(builder, file).map_err(|error| refused(&error))?;
                let bucket = Arc::new(builder.build()?);
                let credentials = bucket.credentials().clone();
                made(bucket.clone(), bucket, Some(credentials), true)
            }
            Kind::Gcs => {
                let mut builder = GoogleCloudStorageBuilder::from_env()
                    .with_http_connector(client)
                    .with_retry(patience())
                    .with_bucket_name(&store.bucket);
                if let Some(endpoint) = &store.endpoint {
                    builder = builder.with_base_url(endpoint);
                }
                builder =
                    credentials::for_google(builder, file).map_err(|error| refused(&error))?;
                let bucket = Arc::new(builder.build()?);
                made(bucket.clone(), bucket, None, true)
            }
            Kind::Azure(account) => {
                let mut builder = MicrosoftAzureBuilder::from_env()
                    .with_http_connector(client)
                    .with_retry(patience())
                    .with_account(account)
                    .with_container_name(&store.bucket);
                if let Some(endpoint) = &store.endpoint {
                    builder = builder.with_endpoint(endpoint.clone());
                }
                builder = credentials::for_azure(builder, file).map_err(|error| refused(&error))?;
                let bucket = Arc::new(builder.build()?);
                made(bucket.clone(), bucket, None, false)
            }
        })
    }

    /// Waits for `future`, or until the sensor ends.
    pub fn wait<T>(
        &self,
        future: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, BucketError> {
        let done = wait(&self.runtime, &self.stop, future).ok_or(BucketError::Stopped)?;
        Ok(done?)
    }

    /// A page of what begins with `prefix`: of everything below it, or with `folders` only of what is right below.
    pub fn page(
        &self,
        prefix: &str,
        folders: bool,
        behind: Option<&str>,
        token: Option<String>,
    ) -> Result<Page, BucketError> {
        self.few(prefix, folders, behind, token, PAGE)
    }

    /// Sees that the bucket can be listed: the cheapest question there is.
    pub fn probe(&self, prefix: &str) -> Result<(), BucketError> {
        self.few(prefix, false, None, None, 1).map(drop)
    }

    fn few(
        &self,
        prefix: &str,
        folders: bool,
        behind: Option<&str>,
        token: Option<String>,
        most: usize,
    ) -> Result<Page, BucketError> {
        let options = PaginatedListOptions {
            offset: behind.filter(|_| self.can_skip).map(str::to_owned),
            delimiter: folders.then_some("/".into()),
            max_keys: Some(most),
            page_token: token,
            ..PaginatedListOptions::default()
        };
        let prefix = Some(prefix).filter(|prefix| !prefix.is_empty());
        let listed =
            self.wait(self.pages.list_paginated(prefix, options)).map_err(|error| match error {
                // Of a listing it is the bucket that is not there.
                BucketError::Absent => BucketError::Refused(trouble::explain_text("NoSuchBucket")),
                error => error,
            })?;
        let folders = listed.result.common_prefixes.iter().map(|path| format!("{path}/"));
        Ok(Page {
            folders: folders.collect(),
            objects: listed.result.objects,
            next: listed.page_token,
        })
    }

    /// What is known of the object `name`.
    pub fn head(&self, name: &str) -> Result<ObjectMeta, BucketError> {
        let path = parse(name)?;
        let options = GetOptions { head: true, ..GetOptions::default() };
        Ok(self.wait(self.store.get_opts(&path, options))?.meta)
    }

    /// The octets of `object` from `from` on: those of its version. Of one that has grown meanwhile, these are as many as it had.
    pub fn open(&self, object: &Object, from: u64) -> io::Result<Box<dyn io::Read + Send>> {
        let path = parse(&object.name).map_err(io::Error::other)?;
        if from == 0 {
            let tag = version_tag(&object.version).filter(|_| !object.grows);
            let if_match = tag.map(|tag| format!("\"{tag}\""));
            let options = GetOptions { if_match, ..GetOptions::default() };
            let body = self.wait(self.store.get_opts(&path, options)).map_err(io::Error::other)?;
            let streamed =
                Streamed { bucket: self.clone(), body: body.into_stream(), part: Bytes::new() };
            let most = object.size.filter(|_| object.grows).unwrap_or(u64::MAX);
            return Ok(Box::new(io::Read::take(streamed, most)));
        }
        Ok(Box::new(Parts {
            bucket: self.clone(),
            path,
            at: from,
            part: Bytes::new(),
            ended: false,
        }))
    }
}

fn parse(name: &str) -> Result<Path, BucketError> {
    Path::parse(name).map_err(|error| BucketError::Refused(error.to_string()))
}

/// What an object is to whoever reads it.
pub fn object(meta: &ObjectMeta, kind: &Kind) -> Object {
    let modified = u64::try_from(meta.last_modified.timestamp_millis()).unwrap_or(0);
    let name = meta.location.as_ref();
    // Azure appends to the blob of an hour; objects of all others never change.
    let grows = matches!(kind, Kind::Azure(_)) && name.ends_with(".json");
    let tag = meta.e_tag.as_deref().map(|tag| tag.trim_start_matches("W/").trim_matches('"'));
    let version = match tag.filter(|tag| !tag.is_empty()) {
        Some(tag) if grows => format!("{tag} {}", meta.size).into(),
        Some(tag) => tag.into(),
        None => format!(" {} {modified}", meta.size).into(),
    };
    Object { name: name.into(), version, size: Some(meta.size), modified, settled: !grows, grows }
}

/// The entity tag in a version.
fn version_tag(version: &str) -> Option<&str> {
    version.split(' ').next().filter(|tag| !tag.is_empty())
}

/// The object as it was read when the agent was killed, where it has only grown since: as much of it as there was.
pub fn as_planned(object: Object, planned: &Planned) -> Object {
    let size = planned.version.split_once(' ').and_then(|(_, size)| size.parse().ok());
    let is_there = |size: &u64| object.grows && object.size.is_some_and(|now| now >= *size);
    match size.filter(is_there) {
        Some(size) => Object {
            version: planned.version.clone(),
            size: Some(size),
            settled: planned.settled,
            ..object
        },
        None => object,
    }
}

/// An answer, as it comes.
struct Streamed {
    bucket: Bucket,
    body: BoxStream<'static, object_store::Result<Bytes>>,
    part: Bytes,
}

impl io::Read for Streamed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.part.is_empty() {
            let Self { bucket, body, .. } = self;
            match wait(&bucket.runtime, &bucket.stop, body.next()) {
                None => return Err(io::Error::other(BucketError::Stopped)),
                Some(None) => return Ok(0),
                Some(Some(Err(error))) => return Err(io::Error::other(BucketError::from(error))),
                Some(Some(Ok(part))) => self.part = part,
            }
        }
        Ok(take(&mut self.part, buffer))
    }
}

/// Small parts from within an object, each fetched when it is needed.
struct Parts {
    bucket: Bucket,
    path: Path,
    at: u64,
    part: Bytes,
    ended: bool,
}

impl io::Read for Parts {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.part.is_empty() && !self.ended {
            let range = GetRange::Bounded(self.at..self.at + PART);
            let options = GetOptions { range: Some(range), ..GetOptions::default() };
            let fetched = async {
                let body = self.bucket.store.get_opts(&self.path, options).await?;
                let size = body.meta.size;
                Ok((size, body.bytes().await?))
            };
            match self.bucket.wait(fetched) {
                Ok((size, part)) => {
                    self.at += part.len() as u64;
                    self.ended = part.is_empty() || self.at >= size;
                    self.part = part;
                }
                // It has become shorter, and nothing is behind its end.
                Err(BucketError::Refused(text))
                    if text.contains("416") || text.contains("InvalidRange") =>
                {
                    self.ended = true;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(take(&mut self.part, buffer))
    }
}

fn take(part: &mut Bytes, buffer: &mut [u8]) -> usize {
    let count = part.len().min(buffer.len());
    buffer[..count].copy_from_slice(&part.split_to(count));
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(name: &str, tag: Option<&str>, size: u64) -> ObjectMeta {
        ObjectMeta {
            location: Path::parse(name).expect("a name"),
            last_modified: (std::time::UNIX_EPOCH + Duration::from_millis(5)).into(),
            size,
            e_tag: tag.map(str::to_owned),
            version: None,
        }
    }

    #[test]
    fn versions_are_entity_tags_and_of_blobs_that_grow_their_sizes() {
        let azure = Kind::Azure("a".to_owned());
        for (name, tag, kind, version, tag_of_it) in [
            ("a.log.gz", Some("\"1f\""), &Kind::S3, "1f", Some("1f")),
            ("a.log.gz", Some("W/\"1f\""), &Kind::Gcs, "1f", Some("1f")),
            ("a.json", None, &Kind::S3, " 7 5", None),
            ("PT1H.json", Some("0x8D"), &azure, "0x8D 7", Some("0x8D")),
        ] {
            let object = object(&meta(name, tag, 7), kind);
            assert_eq!((&*object.version, object.grows), (version, name == "PT1H.json"));
            assert_eq!((object.settled, version_tag(version)), (!object.grows, tag_of_it));
        }
    }

    #[test]
    fn what_was_planned_is_read_as_it_was_although_it_has_grown() {
        let azure = Kind::Azure("a".to_owned());
        let planned = |version: &str| Planned {
            name: "PT1H.json".into(),
            version: version.into(),
            settled: true,
        };
        let grown = object(&meta("PT1H.json", Some("0x8D"), 7), &azure);
        let again = as_planned(grown, &planned("0x8C 4"));
        assert_eq!(Planned::of(&again), planned("0x8C 4"));
        assert_eq!(again.size, Some(4));
        // What has become shorter is another one.
        let shorter = object(&meta("PT1H.json", Some("0x8D"), 3), &azure);
        assert_eq!(as_planned(shorter.clone(), &planned("0x8C 4")), shorter);
        let other = object(&meta("a.log", Some("0x8D"), 7), &Kind::S3);
        assert_eq!(as_planned(other.clone(), &planned("0x8C")), other);
    }
}
