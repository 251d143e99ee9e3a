//! Tokens: any text, any keys, and any claims as if somebody had signed them. None holds by keys that nobody here has, and claims
//! hold only if they say all that they must.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sensor::agent::ingest::fuzzing::{AUDIENCE, EMAIL, NOW, claims, token};
use serde_json::Value;

/// Of 2,048 bits, made for this and forgotten.
const JWKS: &str = r#"{"keys":[{"kty":"EC","kid":"b"},{"kty":"RSA","kid":"a","e":"AQAB","n":"6c9DoV7CQYnp9-vTG8n2MkgFEBpTIsOYvjLXZw5ymUMuDKU0pM45vGqOc080f21B25WBw3WOd4hMBxJvnCyrmcU6-Ry-gMZ1EBbLwFMfxAZHze5s8c7mG-74qg7yRMRDFFCQb1DxqOL7EjUJai-rPgPDA0n5So9cG_-T4ED5RLnZkhnGv3Z_0wDCKwuJhYeHnCLWCzpbJ3QyS16JNt8qhR--US0ZvECerid0xJ7ftA8amcmciSc-Ct3szSNAcFKq-U4ODFiqTMtqb9TA0aH5GwUF3X_x3FKthiWMPt5lI3mxctwnt_6jfRU96qdcUelgsGTHEcd4AXa15mF1EVcI0Q"}]}"#;

/// The same question, asked of the tree of values.
fn holds(octets: &[u8]) -> bool {
    let Ok(told) = serde_json::from_slice::<Value>(octets) else { return false };
    let is_for = |audience: &Value| match audience {
        Value::Array(all) => all.iter().any(|one| one == AUDIENCE),
        one => one == AUDIENCE,
    };
    let time = |name: &str| told[name].as_u64().unwrap_or(0);
    ["https://accounts.google.com", "accounts.google.com"]
        .iter()
        .any(|issuer| told["iss"] == *issuer)
        && is_for(&told["aud"])
        && told["email"] == EMAIL
        && told["email_verified"] == true
        && time("exp").saturating_add(60) >= NOW
        && time("iat").max(time("nbf")) <= NOW + 60
}

fuzz_target!(|input: (u8, &str, &[u8])| {
    let (choice, text, octets) = input;
    match choice % 3 {
        0 => assert!(token(JWKS.as_bytes(), text).is_some_and(|verdict| verdict.is_err())),
        1 => drop(token(octets, text)),
        _ => {
            let told = claims(octets);
            assert!(told.is_err() || holds(octets), "{told:?}");
        }
    }
});
