//! Tokens of an OpenID provider (RFC 7519, RS256), verified with the provider's keys out of a file (RFC 7517). Pure; time is an
//! argument. Nothing is fetched.

use std::borrow::Cow;

use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use sensor_wire::cloud::json::base64;
use serde::Deserialize;

/// Clocks differ by so much, seconds.
const SKEW: u64 = 60;
/// The longest token, octets.
const LONGEST: usize = 8 << 10;
/// Who signs the tokens of Google's accounts.
const ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];

/// Why a token does not hold. For the log: whoever sent it learns nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// It has not the form of a token.
    #[error("it is no JWT")]
    Form,
    /// It is signed in another way, or not at all.
    #[error("it is not signed by RS256")]
    Algorithm,
    /// No key has its number.
    #[error("jwks_file has no key with its `kid`; fetch the keys again")]
    Key,
    /// The signature is of another token, or by another key.
    #[error("its signature is wrong")]
    Signature,
    /// Somebody else issued it.
    #[error("its issuer is not Google")]
    Issuer,
    /// It is for somebody else.
    #[error("its audience is not cloud.push.audience")]
    Audience,
    /// It is of another account.
    #[error("its account is not cloud.push.email")]
    Email,
    /// It has ended.
    #[error("it has expired")]
    Expired,
    /// It is not valid yet.
    #[error("it is of the future: compare the clocks")]
    Future,
}

/// What a token must say.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Its audience.
    pub audience: &'a str,
    /// Its account.
    pub email: &'a str,
    /// The time, seconds since the epoch.
    pub now: u64,
}

/// The keys of a provider.
#[derive(Debug, Deserialize)]
pub struct Keys {
    keys: Vec<Key>,
}

#[derive(Debug, Deserialize)]
struct Key {
    kty: String,
    #[serde(default)]
    kid: String,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
}

impl Keys {
    /// Reads a JWKS; what is no RSA key in it is passed over.
    ///
    /// # Errors
    /// Text that is none, or has no such key.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let mut keys: Self = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        keys.keys.retain(|key| key.kty == "RSA");
        if keys.keys.is_empty() { Err("it contains no RSA key".to_owned()) } else { Ok(keys) }
    }
}

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow, default)]
    kid: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Claims<'a> {
    #[serde(borrow)]
    iss: Cow<'a, str>,
    aud: Audience,
    #[serde(borrow, default)]
    email: Cow<'a, str>,
    #[serde(default)]
    email_verified: bool,
    exp: u64,
    #[serde(default)]
    iat: u64,
    #[serde(default)]
    nbf: u64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Some(Vec<String>),
}

/// Whether `token` holds: signed by one of `keys`, and saying what is `expected`.
///
/// # Errors
/// Why it does not.
pub fn verify(token: &str, keys: &Keys, expected: &Expected<'_>) -> Result<(), JwtError> {
    if token.len() > LONGEST {
        return Err(JwtError::Form);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(JwtError::Form)?;
    let (header, claims) = signed.split_once('.').ok_or(JwtError::Form)?;
    let header = octets(header)?;
    let header: Header<'_> = serde_json::from_slice(&header).map_err(|_| JwtError::Form)?;
    // The one that Google uses: what a token says of itself must not choose another.
    if header.alg != "RS256" {
        return Err(JwtError::Algorithm);
    }
    let key = keys.keys.iter().find(|key| key.kid == header.kid).ok_or(JwtError::Key)?;
    let (n, e) = (octets(&key.n)?, octets(&key.e)?);
    let key = RsaPublicKeyComponents { n: without_zeros(&n), e: without_zeros(&e) };
    let verified = key.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &octets(signature)?);
    verified.map_err(|_| JwtError::Signature)?;
    judge(&octets(claims)?, expected)
}

/// Whether claims say what is expected, once their signature holds.
///
/// # Errors
/// What is wrong with them.
pub(super) fn judge(claims: &[u8], expected: &Expected<'_>) -> Result<(), JwtError> {
    let claims: Claims<'_> = serde_json::from_slice(claims).map_err(|_| JwtError::Form)?;
    if !ISSUERS.contains(&&*claims.iss) {
        return Err(JwtError::Issuer);
    }
    let is_for = match &claims.aud {
        Audience::One(one) => one == expected.audience,
        Audience::Some(some) => some.iter().any(|one| one == expected.audience),
    };
    if !is_for {
        return Err(JwtError::Audience);
    }
    if !claims.email_verified || claims.email != expected.email {
        return Err(JwtError::Email);
    }
    if claims.exp.saturating_add(SKEW) < expected.now {
        return Err(JwtError::Expired);
    }
    if claims.iat.max(claims.nbf) > expected.now.saturating_add(SKEW) {
        return Err(JwtError::Future);
    }
    Ok(())
}

fn octets(text: &str) -> Result<Vec<u8>, JwtError> {
    let mut octets = Vec::new();
    base64::decode(text.as_bytes(), &mut octets).then_some(octets).ok_or(JwtError::Form)
}

/// Numbers of keys have no leading zeros there.
fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|octet| **octet == 0).count();
    &number[zeros..]
}

#[cfg(test)]
#[path = "jwt_tests.rs"]
mod tests;
