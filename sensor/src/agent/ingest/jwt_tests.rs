//! Tokens as Google signs them, and forgeries. The key was made for these tests and is used nowhere else.

use ring::{
    rand::SystemRandom,
    rsa::PublicKeyComponents,
    signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RsaEncoding, RsaKeyPair},
};
use serde_json::{Value, json};

use super::*;

const KEY: &str = "MIIEpAIBAAKCAQEA6c9DoV7CQYnp9+vTG8n2MkgFEBpTIsOYvjLXZw5ymUMuDKU0pM45vGqOc080f21B25WBw3WOd4hMBxJvnCyrmcU6+Ry+gM\
    Z1EBbLwFMfxAZHze5s8c7mG+74qg7yRMRDFFCQb1DxqOL7EjUJai+rPgPDA0n5So9cG/+T4ED5RLnZkhnGv3Z/0wDCKwuJhYeHnCLWCzpbJ3Qy\
    S16JNt8qhR++US0ZvECerid0xJ7ftA8amcmciSc+Ct3szSNAcFKq+U4ODFiqTMtqb9TA0aH5GwUF3X/x3FKthiWMPt5lI3mxctwnt/6jfRU96q\
    dcUelgsGTHEcd4AXa15mF1EVcI0QIDAQABAoIBAACNClXmS2e+s5e49mSHXt+Smd9PabZzr9Mq6O4r84stxFi52lxVDlszcjh8MgIwALhwdHaJ\
    loURTQJGr482ggUCBq7VlzgvUdFMB+IFtLFQRVULUlqu8SAncG5HTCqP40JKkSpGjmjvnI78kUr4DFuuDSkori3YFX4xrrGqJ9DIo1E6UPzxNA\
    /QonOdTivFT32Vq3m6bVBbOzKzyHtI0VAYgav0tS3lpvtmnDArnYTzi0Pb5fL4mDfMZGvfQyx0/Hgf6GqZEsB/apbbvXrkozvwmOk8ZNpQh45o\
    d4NcA4+4maVqOZj2N/DlAR68Oxspf0sQ79XYKYn2vHVIHJpRkJ0CgYEA+g0CIDnAqCbQcj5IawcPXBQiR46EGHrysKvObeQHhuTx3psQIdVueL\
    YTZ2ZF3fWUJ9UAtI4/6XrDI4PiReSaH5Ur6y179jTb10HCP32+rqlek5/mi/wEo3IfsUog2W7VD94elP/2ZapTZDPOax2TA5gPjq/FkNvbQL17\
    OzYDMmcCgYEA719V0AKrangeWILVeRGurbfPb4O9xM8f9zHyjhF1UR6z0xqa99infBUsLbPtiEO0IuKXBNoIK+OjENcogrUiwtwMZjxNy8aqR6\
    dAH6f/+LtX1UUlNc/N5fLUfbNzyjDw/Pe1Buxv5FsEm9zd8QbQwQujD01ohSHV9m7DXlLhGAcCgYAD+r8E6kZhprR8jPc0FNmuundNMjxx80r3\
    etR/NTjVccFTrJ4WG8J1U1h9tcf431arR52KQhVMTvLaFtg8CoZVaFdZl9C4O2EgTOCdiA/H0dQ6fzn5Elq0izVr6eUZ8MSdSwirkGNIfOx01M\
    o9NCxJy1q8B5oaUxVrM1jJuXNVkwKBgQDaSlFiOR0DIflidCWim8p1JzunETfco5od/lGY1zjqOhp5ODj8LnpGALTiFMRX0I4Uhhh8Vyy+gX/y\
    WpPZ5r+FfdBc5z92xnwAjfg/JiCbPpVRqxXM5e15dqHq49yDFXCe8HIIl1NOpuYkER3gsHtsoGUaDlhzmDCb49SMTv5wvwKBgQCwHctE2jO85/\
    TwF9pZElzuZlwzOStJpIEFsE7ukpeVxlbicsppl/xacbI/d7T+X80435fRzslFoOoYLXnbk0N/lrL3GCPgvR8UoMTCYSO3peF59CExika70jTh\
    zV+dj1stu/2o+LU13usGLYUw3S0e8cOGJiGYoLcBnzc4NwqnWw==";
const NOW: u64 = 1_700_000_000;
const EXPECTED: Expected<'_> = Expected {
    audience: "https://sensor.example.com/ingest/gcp",
    email: "push@project.iam.gserviceaccount.com",
    now: NOW,
};

fn key() -> RsaKeyPair {
    RsaKeyPair::from_der(&octets(KEY).expect("base64")).expect("a key")
}

fn url64(octets: &[u8]) -> String {
    base64::encode(octets).trim_end_matches('=').replace('+', "-").replace('/', "_")
}

fn keys() -> Keys {
    let parts = PublicKeyComponents::<Vec<u8>>::from(key().public());
    // With the zero in front that some providers write.
    let n = url64(&[&[0], &parts.n[..]].concat());
    let text = json!({"keys": [
        {"kty": "EC", "kid": "other", "crv": "P-256", "x": "", "y": ""},
        {"kty": "RSA", "kid": "one", "alg": "RS256", "use": "sig", "n": n, "e": url64(&parts.e)},
    ]});
    Keys::parse(text.to_string().as_bytes()).expect("keys")
}

fn claims() -> Value {
    json!({
        "aud": EXPECTED.audience, "azp": "113774264463038321964", "email": EXPECTED.email, "email_verified": true,
        "exp": NOW + 3600, "iat": NOW - 5, "iss": "https://accounts.google.com", "sub": "113774264463038321964"
    })
}

fn signed(header: &Value, claims: &Value, how: &'static dyn RsaEncoding) -> String {
    let text = [header, claims].map(|part| url64(part.to_string().as_bytes())).join(".");
    let key = key();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(how, &SystemRandom::new(), text.as_bytes(), &mut signature).expect("it signs");
    format!("{text}.{}", url64(&signature))
}

fn header() -> Value {
    json!({"alg": "RS256", "kid": "one", "typ": "JWT"})
}

#[test]
fn a_token_of_the_service_account_holds() {
    let token = signed(&header(), &claims(), &RSA_PKCS1_SHA256);
    assert_eq!(verify(&token, &keys(), &EXPECTED), Ok(()));
}

#[test]
fn what_a_token_says_is_judged() {
    for (member, value, expected) in [
        ("aud", json!("https://elsewhere"), Err(JwtError::Audience)),
        ("aud", json!(["https://elsewhere", EXPECTED.audience]), Ok(())),
        ("aud", json!([]), Err(JwtError::Audience)),
        ("aud", json!(7), Err(JwtError::Form)),
        ("email", json!("other@project.iam.gserviceaccount.com"), Err(JwtError::Email)),
        ("email_verified", json!(false), Err(JwtError::Email)),
        ("iss", json!("https://accounts.example.com"), Err(JwtError::Issuer)),
        ("iss", json!("accounts.google.com"), Ok(())),
        ("exp", json!(NOW - 61), Err(JwtError::Expired)),
        ("exp", json!(NOW - 60), Ok(())),
        ("exp", json!(-1), Err(JwtError::Form)),
        ("iat", json!(NOW + 61), Err(JwtError::Future)),
        ("nbf", json!(NOW + 61), Err(JwtError::Future)),
    ] {
        let mut claims = claims();
        claims[member] = value.clone();
        let token = signed(&header(), &claims, &RSA_PKCS1_SHA256);
        assert_eq!(verify(&token, &keys(), &EXPECTED), expected, "{member} {value}");
    }
    for member in ["aud", "exp", "iss"] {
        let mut claims = claims();
        claims.as_object_mut().expect("an object").remove(member);
        let token = signed(&header(), &claims, &RSA_PKCS1_SHA256);
        assert_eq!(verify(&token, &keys(), &EXPECTED), Err(JwtError::Form), "without {member}");
    }
}

#[test]
fn forgeries_do_not_hold() {
    let keys = keys();
    let fine = signed(&header(), &claims(), &RSA_PKCS1_SHA256);
    let parts: Vec<&str> = fine.split('.').collect();
    let [head, body, signature] = parts[..] else { panic!("three parts") };
    let mut other = claims();
    other["email"] = json!("x");
    let other = url64(other.to_string().as_bytes());
    let none = url64(json!({"alg": "none", "kid": "one"}).to_string().as_bytes());
    let hmac = url64(json!({"alg": "HS256", "kid": "one"}).to_string().as_bytes());
    let unknown = json!({"alg": "RS256", "kid": "two"});
    let sha512 = json!({"alg": "RS512", "kid": "one"});
    for (token, expected) in [
        (format!("{head}.{other}.{signature}"), JwtError::Signature),
        (format!("{head}.{body}."), JwtError::Signature),
        (format!("{head}.{body}.{}", &signature[..signature.len() - 4]), JwtError::Signature),
        (format!("{none}.{body}."), JwtError::Algorithm),
        (format!("{hmac}.{body}.{signature}"), JwtError::Algorithm),
        (signed(&sha512, &claims(), &RSA_PKCS1_SHA512), JwtError::Algorithm),
        (signed(&header(), &claims(), &RSA_PKCS1_SHA512), JwtError::Signature),
        (signed(&unknown, &claims(), &RSA_PKCS1_SHA256), JwtError::Key),
        (format!("{head}.{body}"), JwtError::Form),
        (String::new(), JwtError::Form),
        ("..".to_owned(), JwtError::Form),
        ("*.*.*".to_owned(), JwtError::Form),
        (format!("{fine}.{signature}"), JwtError::Signature),
        (format!("{head}.{}.{signature}", "A".repeat(9000)), JwtError::Form),
    ] {
        let found = verify(&token, &keys, &EXPECTED);
        assert_eq!(found, Err(expected), "{}", &token[..token.len().min(80)]);
    }
}

#[test]
fn keys_are_rsa_keys() {
    for wrong in ["", "{}", "{\"keys\": []}", "{\"keys\": [{\"kty\": \"EC\"}]}", "[]"] {
        assert!(Keys::parse(wrong.as_bytes()).is_err(), "{wrong}");
    }
}
