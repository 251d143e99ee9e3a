//! Why a request is turned away: the one table of reasons, with what its sender is told.

use axum::http::StatusCode;

/// Why a request is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// No source of that name is pushed.
    NoSource,
    /// Not a method of this path.
    Method,
    /// It does not prove who it is.
    Unauthorized,
    /// What it would have to prove cannot be read.
    Secret,
    /// A header that the protocol has is missing or wrong.
    Header,
    /// A compression that is not known.
    Encoding,
    /// More octets than `ingest.max_body`.
    TooLarge,
    /// Not what the protocol has, or broken compression or base64.
    Malformed,
    /// Nothing that is decoded begins so.
    Foreign,
    /// The body took too long or broke off, or the sender went away before it had its answer.
    Aborted,
    /// Too many requests within a second.
    Rate,
    /// Too many requests at once.
    Busy,
    /// The queue of the source is full.
    Full,
    /// The records are not with the outputs yet.
    Late,
    /// Requests that were under way when the sensor was killed come first.
    Resuming,
    /// It would be older than what was forgotten: the clock was set back.
    Clock,
    /// The source is starting or ending.
    Closed,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::NoSource,
        Self::Method,
        Self::Unauthorized,
        Self::Secret,
        Self::Header,
        Self::Encoding,
        Self::TooLarge,
        Self::Malformed,
        Self::Foreign,
        Self::Aborted,
        Self::Rate,
        Self::Busy,
        Self::Full,
        Self::Late,
        Self::Resuming,
        Self::Clock,
        Self::Closed,
    ];

    /// Its name in metrics and documents, its status, and seconds until another attempt makes sense.
    fn row(self) -> (&'static str, StatusCode, Option<u32>, &'static str) {
        use StatusCode as S;
        match self {
            Self::NoSource => {
                ("no_source", S::NOT_FOUND, None, "no [[cloud]] with `push` has this name")
            }
            Self::Method => ("method", S::METHOD_NOT_ALLOWED, None, "this path takes POST alone"),
            Self::Unauthorized => (
                "unauthorized",
                S::UNAUTHORIZED,
                None,
                "the token of this source is required, and is not there or another one",
            ),
            Self::Secret => (
                "secret",
                S::SERVICE_UNAVAILABLE,
                Some(30),
                "the token of this source cannot be read; the log of the sensor says why",
            ),
            Self::Header => (
                "header",
                S::BAD_REQUEST,
                None,
                "a header that this protocol requires is missing or wrong",
            ),
            Self::Encoding => (
                "encoding",
                S::UNSUPPORTED_MEDIA_TYPE,
                None,
                "Content-Encoding must be gzip, zstd or identity",
            ),
            Self::TooLarge => {
                ("too_large", S::PAYLOAD_TOO_LARGE, None, "the body is larger than ingest.max_body")
            }
            Self::Malformed => {
                ("malformed", S::BAD_REQUEST, None, "the body is not what this protocol has")
            }
            Self::Foreign => (
                "foreign",
                S::BAD_REQUEST,
                None,
                "the body is no flow log that is known here, or not in the format of this source",
            ),
            Self::Aborted => {
                ("aborted", S::REQUEST_TIMEOUT, None, "the body took too long, or broke off")
            }
            Self::Rate => {
                ("rate", S::TOO_MANY_REQUESTS, Some(1), "more requests a second than ingest.rate")
            }
            Self::Busy => (
                "busy",
                S::SERVICE_UNAVAILABLE,
                Some(1),
                "more requests at once than ingest.max_requests",
            ),
            Self::Full => {
                ("full", S::SERVICE_UNAVAILABLE, Some(2), "the queue of this source is full")
            }
            Self::Late => (
                "late",
                S::SERVICE_UNAVAILABLE,
                Some(10),
                "the records are not with the outputs yet; they will not be read twice",
            ),
            Self::Resuming => (
                "resuming",
                S::SERVICE_UNAVAILABLE,
                Some(5),
                "requests that were under way when the sensor ended come first",
            ),
            Self::Clock => (
                "clock",
                S::SERVICE_UNAVAILABLE,
                Some(60),
                "the clock of the sensor has been set back",
            ),
            Self::Closed => {
                ("closed", S::SERVICE_UNAVAILABLE, Some(5), "this source is starting or ending")
            }
        }
    }

    /// Its name in metrics and documents.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        self.row().1
    }

    /// Seconds until another attempt makes sense.
    pub fn retry_after(self) -> Option<u32> {
        self.row().2
    }

    /// What the sender is told.
    pub fn text(self) -> &'static str {
        self.row().3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_repeat_what_may_succeed_later_and_are_told_when() {
        for refusal in Refusal::ALL {
            let status = refusal.status();
            let later = status == StatusCode::SERVICE_UNAVAILABLE
                || status == StatusCode::TOO_MANY_REQUESTS;
            assert_eq!(refusal.retry_after().is_some(), later, "{refusal:?}");
            assert!(status.is_client_error() || status.is_server_error());
        }
        let mut names = Refusal::ALL.map(Refusal::name).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Refusal::ALL.len());
    }
}
