//! An issuer of tokens in the place of Google: keys of its own, which it serves by HTTP on loopback, and tokens that they sign.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    process::Command,
    sync::{Arc, Mutex},
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use ring::{
    rand::SystemRandom,
    rsa::PublicKeyComponents,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use sensor_wire::cloud::json::base64::encode;
use serde_json::{Value, json};

use crate::site::Site;

pub const AUDIENCE: &str = "https://sensor.example/ingest/gcp";
pub const EMAIL: &str = "push@project.iam.gserviceaccount.com";

/// A key, by its number. Both were made for these tests and are used nowhere else.
pub struct Key {
    kid: &'static str,
    pair: RsaKeyPair,
}

impl Key {
    pub fn one() -> Self {
        Self::of("one", include_bytes!("keys/one.der"))
    }

    pub fn two() -> Self {
        Self::of("two", include_bytes!("keys/two.der"))
    }

    fn of(kid: &'static str, der: &[u8]) -> Self {
        Self { kid, pair: RsaKeyPair::from_der(der).expect("a key") }
    }

    /// This key under the number of another one.
    pub fn called(self, kid: &'static str) -> Self {
        Self { kid, ..self }
    }

    fn public(&self) -> Value {
        let parts = PublicKeyComponents::<Vec<u8>>::from(self.pair.public());
        json!({"kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.kid, "n": url64(&parts.n), "e": url64(&parts.e)})
    }

    /// A token with the claims of the service account, some of them changed.
    pub fn token(&self, changes: &Value) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let mut claims = json!({
            "aud": AUDIENCE, "email": EMAIL, "email_verified": true, "iss": "https://accounts.google.com",
            "iat": now, "exp": now + 3600, "sub": "113774264463038321964"
        });
        for (claim, value) in changes.as_object().expect("an object") {
            // Times are told as seconds from now.
            claims[claim] = match value.as_i64() {
                Some(seconds) => json!(now.saturating_add_signed(seconds)),
                None => value.clone(),
            };
        }
        let header = json!({"alg": "RS256", "kid": self.kid, "typ": "JWT"});
        let text = [header, claims].map(|part| url64(part.to_string().as_bytes())).join(".");
        let mut signature = vec![0; self.pair.public().modulus_len()];
        let random = SystemRandom::new();
        self.pair
            .sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature)
            .expect("signed");
        format!("{text}.{}", url64(&signature))
    }
}

fn url64(octets: &[u8]) -> String {
    encode(octets).trim_end_matches('=').replace('+', "-").replace('/', "_")
}

/// The server of the keys.
pub struct Issuer {
    url: String,
    answer: Arc<Mutex<Option<String>>>,
}

impl Issuer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/oauth2/v3/certs", listener.local_addr().expect("an address"));
        let answer = Arc::<Mutex<Option<String>>>::default();
        let told = answer.clone();
        // It ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.expect("a connection"));
                let mut line = String::new();
                while stream.read_line(&mut line).is_ok_and(|length| length > 2) {
                    line.clear();
                }
                let answer = told.lock().expect("no panic").clone();
                let (status, body) = match answer {
                    Some(body) => ("200 OK", body),
                    None => ("503 Service Unavailable", "down for maintenance".to_owned()),
                };
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
                );
                let _ = stream.get_mut().write_all((head + &body).as_bytes());
            }
        });
        Self { url, answer }
    }

    /// From now on it serves these keys; without any, it is down.
    pub fn serve(&self, keys: &[&Key]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.public()).collect();
        let answer = (!keys.is_empty()).then(|| json!({ "keys": keys }).to_string());
        *self.answer.lock().expect("no panic") = answer;
    }

    /// Fetches the keys as the documentation says; whether that succeeded. None where there is no curl.
    pub fn fetch(&self, site: &Site) -> Option<bool> {
        const DOCUMENT: &str = include_str!("../../docs/cloud.md");
        let command = DOCUMENT.lines().find(|line| line.trim_start().starts_with("curl -fsS -o"));
        let command = command.expect("it is documented").trim();
        assert!(command.contains(" https://www.googleapis.com/oauth2/v3/certs "), "{command}");
        let command = command
            .replace("https://www.googleapis.com/oauth2/v3/certs", &self.url)
            .replace("/etc/sensor/", &format!("{}/", site.path("").display()).replace("//", "/"));
        if std::env::var_os("CI").is_none()
            && Command::new("curl").arg("--version").output().is_err()
        {
            return None;
        }
        let ran = Command::new("sh").args(["-c", &command]).env("no_proxy", "*").output();
        Some(ran.expect("sh runs").status.success())
    }
}
