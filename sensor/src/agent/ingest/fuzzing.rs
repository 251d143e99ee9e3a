//! What the fuzz targets call: the pure parts that read what anybody may send.

use axum::http::{HeaderMap, Uri};
use bytes::Bytes;

use super::{
    guard, inflate,
    jwt::{self, Expected, JwtError, Keys},
    protocol::{self, request::Request},
    refusal::Refusal,
};
use crate::agent::config::push::Protocol;

/// What a request came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Came {
    /// A piece of a log: what its sender calls it, and its octets.
    Log(Option<String>, Bytes),
    /// The answer to a handshake.
    Handshake(String),
    /// So many events that tell of objects.
    Events(u64),
    /// It was refused.
    Refused(Refusal),
}

/// Reads a request with a body of at most `most` octets, and makes the head of its answer.
pub fn request(
    protocol: Protocol,
    uri: &Uri,
    headers: &HeaderMap,
    body: Bytes,
    most: usize,
) -> Came {
    // Whatever it is, looking for it must not panic.
    let _ = guard::given(protocol, uri, headers);
    let opened = inflate::decoded(headers, body, most)
        .and_then(|body| protocol::open(protocol, headers, body, most));
    let text = match &opened {
        Ok(Request::Handshake(text)) => Ok(Some(text.clone())),
        Ok(_) => Ok(None),
        Err(refusal) => Err(*refusal),
    };
    let answer = match text {
        Ok(text) => protocol::done(protocol, headers, text, 1),
        Err(refusal) => protocol::refused(Some(protocol), headers, refusal, 1),
    };
    assert_eq!(answer.status().is_success(), opened.is_ok());
    match opened {
        Ok(Request::Log(log)) => {
            assert!(!log.name().is_empty());
            Came::Log(log.id, log.octets)
        }
        Ok(Request::Handshake(text)) => Came::Handshake(text),
        Ok(Request::Events(events)) => Came::Events(events),
        Err(refusal) => Came::Refused(refusal),
    }
}

/// What a token must say that holds.
pub const AUDIENCE: &str = "https://sensor.example";
/// The account of a token that holds.
pub const EMAIL: &str = "push@example";
/// The time, seconds since the epoch.
pub const NOW: u64 = 1_700_000_000;

fn expected() -> Expected<'static> {
    Expected { audience: AUDIENCE, email: EMAIL, now: NOW }
}

/// Verifies a token with the keys that `jwks` holds; none where it holds none.
pub fn token(jwks: &[u8], token: &str) -> Option<Result<(), JwtError>> {
    Some(jwt::verify(token, &Keys::parse(jwks).ok()?, &expected()))
}

/// Judges claims as if their signature had held.
///
/// # Errors
/// What is wrong with them.
pub fn claims(octets: &[u8]) -> Result<(), JwtError> {
    jwt::judge(octets, &expected())
}
