//! Hits to an HTTP server, by POST: one or several a request.

use std::time::Duration;

use reqwest::{
    Client, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};

use super::outcome::{Failure, Message, Verdict};
use crate::export::{
    hits::{error::HitsError, options::WebhookOptions, render::Format},
    net::{http::chain, tls},
};

/// The longest wait that a server may ask for.
const LONGEST_AFTER: Duration = Duration::from_secs(300);

/// Octets of an answer that are shown.
const SHOWN: usize = 200;

/// The way to a server.
pub struct Webhook {
    client: Client,
    options: WebhookOptions,
    headers: HeaderMap,
    format: Format,
}

impl Webhook {
    /// Reads the certificates and checks the settings.
    pub fn new(options: WebhookOptions, format: Format, name: &str) -> Result<Self, HitsError> {
        let problem = |problem: String| HitsError::Webhook { output: name.to_owned(), problem };
        let config = tls::client_config(&options.tls)
            .map_err(|source| HitsError::Net { output: name.to_owned(), source })?;
        let client = Client::builder()
            .tls_backend_preconfigured(config)
            // A server that has moved is a setting to be changed: hits do not follow to wherever.
            .redirect(Policy::none())
            .user_agent(concat!("flow-sensor/", env!("CARGO_PKG_VERSION")))
            .timeout(options.timeout)
            .build()
            .map_err(|error| problem(chain(&error)))?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(format)));
        for (name, value) in &options.headers {
            let name = HeaderName::try_from(name)
                .map_err(|_| problem(format!("`{name}` is not a header name")))?;
            let value = HeaderValue::try_from(value)
                .map_err(|_| problem(format!("the value of the header `{name}` cannot be sent")))?;
            headers.insert(name, value);
        }
        // A file that is missing or a URL that is none is told now; what becomes of it later is an outage.
        let request = client.post(&options.url);
        let request = match &options.credentials {
            Some(credentials) => credentials.authorize(request).map_err(|problem| {
                let path = credentials.file().to_owned();
                HitsError::Secret { output: name.to_owned(), path, problem }
            })?,
            None => request,
        };
        request.build().map_err(|error| problem(chain(&error.without_url())))?;
        Ok(Self { client, options, headers, format })
    }

    /// Posts the batch, as many requests as it takes.
    pub async fn deliver(&mut self, batch: &[Message]) -> Result<usize, Failure> {
        let (mut delivered, mut octets) = (0, 0);
        for part in batch.chunks(self.options.batch.max(1)) {
            octets += self.post(part).await.map_err(|failure| Failure { delivered, ..failure })?;
            delivered += part.len();
        }
        Ok(octets)
    }

    async fn post(&self, part: &[Message]) -> Result<usize, Failure> {
        let body = body(part, self.format, self.options.batch > 1);
        let octets = body.len();
        let mut request =
            self.client.post(&self.options.url).headers(self.headers.clone()).body(body);
        if let Some(credentials) = &self.options.credentials {
            request = credentials.authorize(request).map_err(|problem| {
                Failure::retry(0, &format!("{}: {problem}", credentials.file().display()))
            })?;
        }
        let response = request
            .send()
            .await
            .map_err(|error| Failure::retry(0, &chain(&error.without_url())))?;
        if response.status().is_success() {
            // Read to the end, the connection serves the next request as well.
            let _ = response.bytes().await;
            return Ok(octets);
        }
        Err(refusal(response).await)
    }
}

/// What an answer that is no success means.
async fn refusal(response: Response) -> Failure {
    let status = response.status();
    let after = response.headers().get(RETRY_AFTER).and_then(|value| {
        let seconds: u64 = value.to_str().ok()?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds).min(LONGEST_AFTER))
    });
    let text = response.text().await.unwrap_or_default();
    let text: String =
        text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let error = format!("the server answers {status} {}", text.trim()).trim_end().to_owned();
    Failure { delivered: 0, verdict: verdict(status, after), error }
}

/// Only what is wrong with the hits themselves makes another try pointless: a server that is down, overloaded, moved,
/// or does not know us (any more) is somebody's to mend while they wait.
fn verdict(status: StatusCode, after: Option<Duration>) -> Verdict {
    match status {
        StatusCode::BAD_REQUEST
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::UNPROCESSABLE_ENTITY => Verdict::Refused,
        _ => Verdict::Retry { after },
    }
}

fn content_type(format: Format) -> &'static str {
    match format {
        Format::Json => "application/json",
        Format::Cef | Format::Text => "text/plain; charset=utf-8",
    }
}

/// One message as it is; several as a JSON list, or as lines.
fn body(part: &[Message], format: Format, several: bool) -> Vec<u8> {
    match (format, several) {
        (Format::Json, true) => [&b"["[..], &part.join(&b","[..]), b"]"].concat(),
        _ => part.join(&b"\n"[..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_hits_are_a_list() {
        let part = [b"{}".to_vec(), b"{\"a\":1}".to_vec()];
        assert_eq!(body(&part, Format::Json, true), b"[{},{\"a\":1}]");
        assert_eq!(body(&part[..1], Format::Json, true), b"[{}]");
        assert_eq!(body(&part[..1], Format::Json, false), b"{}");
        assert_eq!(body(&part, Format::Cef, true), b"{}\n{\"a\":1}");
    }

    #[test]
    fn only_bad_hits_are_given_up() {
        for status in [400, 413, 415, 422] {
            assert_eq!(verdict(StatusCode::from_u16(status).unwrap(), None), Verdict::Refused);
        }
        for status in [302, 401, 403, 404, 408, 429, 500, 503] {
            let verdict = verdict(StatusCode::from_u16(status).unwrap(), None);
            assert_eq!(verdict, Verdict::Retry { after: None });
        }
    }
}
