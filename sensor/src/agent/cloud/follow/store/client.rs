//! The HTTP client of the sensor, for the crate that knows the stores: with the sensor's own TLS, and so without a second one.

use std::{error::Error, io, time::Duration};

use async_trait::async_trait;
use axum::http::header::CONTENT_LENGTH;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
        HttpResponseBody, HttpService,
    },
};
use reqwest::redirect::Policy;

use super::sieve;
use crate::export::net::{error::NetError, tls};

/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(5);
/// Between two parts of an answer; a queue answers after 20 s that nothing is in it.
const SILENCE: Duration = Duration::from_secs(60);

/// Octets of the longest answer to a listing: of a thousand objects, whose names have a kilobyte each at most, several times.
const LISTING: usize = 32 << 20;

/// The client.
#[derive(Clone, Debug)]
pub struct Client(reqwest::Client);

impl Client {
    /// A client that trusts the authorities of the system.
    ///
    /// # Errors
    /// When there are none.
    pub fn new() -> Result<Self, NetError> {
        let config = tls::client_config(&tls::TlsOptions::default())?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            // Signatures hold for one host: a bucket elsewhere is told by its error.
            .redirect(Policy::none())
            .user_agent(concat!("flow-sensor/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .build()
            .map_err(|error| NetError::Tls(error.to_string()))?;
        Ok(Self(client))
    }
}

impl HttpConnector for Client {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Client {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let bad = |error| HttpError::new(HttpErrorKind::Unknown, error);
        let url = parts.uri.to_string().parse::<url::Url>();
        let url = url.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let octets = match body.as_bytes() {
            Some(octets) => octets.clone(),
            None if body.is_empty() => Bytes::new(),
            None => return Err(bad(io::Error::other("a store is only read"))),
        };
        let mut request = reqwest::Request::new(parts.method, url);
        *request.headers_mut() = parts.headers;
        *request.body_mut() = Some(octets.into());
        let is_listing = sieve::is_listing(request.url().query().unwrap_or_default());
        let response = self.0.execute(request).await.map_err(failed)?;
        let response: hyper::Response<reqwest::Body> = response.into();
        let (mut parts, body) = response.into_parts();
        if is_listing && parts.status.is_success() {
            parts.headers.remove(CONTENT_LENGTH);
            return Ok(HttpResponse::from_parts(parts, listing(body).await?.into()));
        }
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(body.map_err(failed))))
    }
}

/// The names of a listing that can be read.
async fn listing(body: reqwest::Body) -> Result<Bytes, HttpError> {
    let all = Limited::new(body, LISTING).collect().await;
    let answer = all.map_err(|error| match error.downcast::<reqwest::Error>() {
        Ok(error) => failed(*error),
        Err(error) => HttpError::new_boxed(HttpErrorKind::Decode, error),
    })?;
    let answer = answer.to_bytes();
    let sifted = std::str::from_utf8(&answer).ok().and_then(sieve::sift);
    let Some((kept, lost)) = sifted else { return Ok(answer) };
    for name in lost {
        tracing::warn!(
            ?name,
            "an object in the bucket is passed over: names with control characters, or with parts that are empty, `.` or `..`, cannot be read"
        );
    }
    Ok(kept.into())
}

/// What has failed, and so whether it is tried again.
fn failed(error: reqwest::Error) -> HttpError {
    let kind = if error.is_timeout() {
        HttpErrorKind::Timeout
    } else if error.is_connect() {
        HttpErrorKind::Connect
    } else if error.is_decode() {
        HttpErrorKind::Decode
    } else {
        cause(&error)
    };
    HttpError::new(kind, error.without_url())
}

fn cause(error: &dyn Error) -> HttpErrorKind {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<hyper::Error>()
            && (error.is_closed() || error.is_incomplete_message() || error.is_body_write_aborted())
        {
            return HttpErrorKind::Request;
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return match error.kind() {
                io::ErrorKind::TimedOut => HttpErrorKind::Timeout,
                _ => HttpErrorKind::Interrupted,
            };
        }
        source = error.source();
    }
    HttpErrorKind::Unknown
}
