//! Posts a lot to a server, and reads what it makes of it.

use reqwest::{
    Client as Http, RequestBuilder, Response, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
    redirect::Policy,
};
use sensor_store::rows::Rows;
use url::Url;

use super::options::ClickHouseOptions;
use crate::export::{
    lots::{
        carrier::{Carrier, Failure},
        error::LotsError,
        lot::Lot,
    },
    net::{http::chain, tls},
};

/// Octets of an answer that are shown.
const SHOWN: usize = 200;
/// Where the server says what went wrong, by number.
const CODE: &str = "x-clickhouse-exception-code";
/// Its numbers for rows that it cannot read, however often they are sent: parse errors, data cut off, incorrect data.
const UNREADABLE: [u32; 5] = [6, 26, 27, 33, 117];

/// The way to a server.
pub struct Client {
    http: Http,
    options: ClickHouseOptions,
    url: Url,
    statement: String,
}

impl Client {
    /// Reads the certificates and checks the settings.
    pub fn new(options: ClickHouseOptions) -> Result<Self, LotsError> {
        let output = || options.to_string();
        let problem = |problem: String| LotsError::Settings { output: output(), problem };
        let config = tls::client_config(&options.tls)
            .map_err(|source| LotsError::Net { output: output(), source })?;
        let http = Http::builder()
            .tls_backend_preconfigured(config)
            // Rows do not follow to wherever.
            .redirect(Policy::none())
            .user_agent(concat!("flow-sensor/", env!("CARGO_PKG_VERSION")))
            .timeout(options.timeout)
            .build()
            .map_err(|error| problem(chain(&error)))?;
        let statement =
            format!("INSERT INTO {} ({}) FORMAT RowBinary", options.table.name(), Rows::columns());
        let request = http.post(&options.url);
        let request = match &options.credentials {
            Some(credentials) => credentials.authorize(request).map_err(|problem| {
                let path = credentials.file().to_owned();
                LotsError::Secret { output: output(), path, problem }
            })?,
            None => request,
        };
        request.build().map_err(|error| problem(chain(&error.without_url())))?;
        let url = Url::parse(&options.url).map_err(|error| problem(error.to_string()))?;
        Ok(Self { http, options, url, statement })
    }

    /// Has the server do a statement; what it answers.
    pub async fn ask(&self, statement: &str) -> Result<String, Failure> {
        let mut url = self.url.clone();
        // A fault that comes late is an answer of its own, and not the end of half an answer.
        url.query_pairs_mut().append_pair("wait_end_of_query", "1");
        let request = self.http.post(url).body(statement.to_owned());
        let answer = self.authorized(request).map_err(Failure::Later)?.send().await;
        let answer = answer.map_err(|error| Failure::Later(chain(&error.without_url())))?;
        if !answer.status().is_success() || answer.headers().contains_key(CODE) {
            return Err(refusal(answer).await);
        }
        answer.text().await.map_err(|error| Failure::Later(chain(&error.without_url())))
    }

    fn request(&self, lot: &Lot) -> Result<RequestBuilder, String> {
        let settings = [
            ("query", self.statement.as_str()),
            ("insert_deduplicate", "1"),
            ("insert_deduplication_token", &lot.token),
            // An answer means that the rows are there.
            ("async_insert", "0"),
            ("wait_end_of_query", "1"),
            // A lot is one block, so that the token stands for all of it.
            ("max_insert_block_size", "100000000"),
            ("min_insert_block_size_rows", "0"),
            ("min_insert_block_size_bytes", "0"),
        ];
        let mut url = self.url.clone();
        url.query_pairs_mut().extend_pairs(settings);
        let mut request = self.http.post(url).body(lot.body.clone());
        request = request.header(CONTENT_TYPE, "application/octet-stream");
        if self.options.lots.compress {
            request = request.header(CONTENT_ENCODING, "zstd");
        }
        self.authorized(request)
    }

    fn authorized(&self, request: RequestBuilder) -> Result<RequestBuilder, String> {
        match &self.options.credentials {
            Some(credentials) => credentials
                .authorize(request)
                .map_err(|problem| format!("{}: {problem}", credentials.file().display())),
            None => Ok(request),
        }
    }
}

impl Carrier for Client {
    async fn deliver(&mut self, lot: &Lot) -> Result<(), Failure> {
        let request = self.request(lot).map_err(Failure::Later)?;
        let answer = request.send().await;
        let answer = answer.map_err(|error| Failure::Later(chain(&error.without_url())))?;
        let is_inserted = answer.status().is_success() && !answer.headers().contains_key(CODE);
        if !is_inserted {
            return Err(refusal(answer).await);
        }
        // To its end: a server that finds a fault late says so there, or breaks off.
        match answer.bytes().await {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::Later(chain(&error.without_url()))),
        }
    }
}

async fn refusal(answer: Response) -> Failure {
    let status = answer.status();
    let code = answer.headers().get(CODE).and_then(|code| code.to_str().ok()?.parse().ok());
    let text = answer.text().await.unwrap_or_default();
    let text: String =
        text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let error = format!("the server answers {status} {}", text.trim()).trim_end().to_owned();
    match is_refused(status, code) {
        true => Failure::Refused(error),
        false => Failure::Later(error),
    }
}

/// Only what is wrong with the rows themselves makes another try pointless.
fn is_refused(status: StatusCode, code: Option<u32>) -> bool {
    match code {
        Some(code) => UNREADABLE.contains(&code),
        // Somebody in between.
        None => status == StatusCode::PAYLOAD_TOO_LARGE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_that_cannot_be_read_are_given_up() {
        let refused = |status, code| is_refused(StatusCode::from_u16(status).unwrap(), code);
        assert!(refused(400, Some(33)) && refused(500, Some(27)) && refused(413, None));
        // A table or a column that is lacking, a user that is not known, too many parts, a proxy.
        for (status, code) in [
            (404, Some(60)),
            (400, Some(16)),
            (403, Some(516)),
            (500, Some(252)),
            (502, None),
            (400, None),
        ] {
            assert!(!refused(status, code), "{status} {code:?}");
        }
    }
}
