//! Who has come in: codes that let somebody in once, and what a browser shows from then on. Both are random, and forgotten when the agent
//! ends.

use std::{collections::VecDeque, sync::Mutex};

use ring::rand::{SecureRandom as _, SystemRandom};
use sensor_core::sync::Unpoisoned as _;

use crate::agent::web::token;

use tokio_rustls::TlsAcceptor;

use crate::agent::{
    config::console::ConsoleConfig,
    web::{
        endpoint::{self, EndpointError},
        token::TokenFile,
    },
};

/// The key of the token.
const TOKEN: &str = "console.token_file";

/// Octets of a code, and of what a browser shows.
const OCTETS: usize = 16;
/// How long a code is good for, nanoseconds.
const CODE_LASTS: u64 = 10 * 60 * 1_000_000_000;
/// How long a browser is known.
const ENTRY_LASTS: u64 = 24 * 3600 * 1_000_000_000;
/// Codes that wait to be used, at most.
const MOST_CODES: usize = 16;
/// Browsers that are known, at most.
const MOST_ENTRIES: usize = 64;

/// Codes and browsers. Times are nanoseconds by a clock that never goes back.
#[derive(Debug, Default)]
pub struct Entries {
    codes: Mutex<Known>,
    entered: Mutex<Known>,
}

/// Secrets, each with its end; the oldest first.
#[derive(Debug, Default)]
struct Known(VecDeque<(String, u64)>);

/// The system has no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandom;

impl Known {
    fn add(&mut self, lasts: u64, most: usize, now: u64) -> Result<String, NoRandom> {
        let secret = secret()?;
        self.forget(now);
        if self.0.len() >= most {
            self.0.pop_front();
        }
        self.0.push_back((secret.clone(), now.saturating_add(lasts)));
        Ok(secret)
    }

    fn forget(&mut self, now: u64) {
        self.0.retain(|(_, end)| *end > now);
    }

    fn find(&mut self, secret: &str, now: u64) -> Option<usize> {
        self.forget(now);
        // All are looked at: how long that takes tells nothing of where it is.
        let is_it = |(own, _): &(String, u64)| token::same(own.as_bytes(), secret.as_bytes());
        self.0
            .iter()
            .enumerate()
            .fold(None, |found, (at, own)| if is_it(own) { Some(at) } else { found })
    }
}

impl Entries {
    /// A new code, which lets in whoever shows it first.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn code(&self, now: u64) -> Result<String, NoRandom> {
        self.codes.lock().unpoisoned().add(CODE_LASTS, MOST_CODES, now)
    }

    /// What a browser is to show from now on that shows this code; none where the code is not good, or not any more.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn enter(&self, code: &str, now: u64) -> Result<Option<String>, NoRandom> {
        let mut codes = self.codes.lock().unpoisoned();
        let Some(at) = codes.find(code, now) else { return Ok(None) };
        codes.0.remove(at);
        drop(codes);
        self.entered.lock().unpoisoned().add(ENTRY_LASTS, MOST_ENTRIES, now).map(Some)
    }

    /// Whether a browser that shows this has come in.
    pub fn has(&self, shown: &str, now: u64) -> bool {
        self.entered.lock().unpoisoned().find(shown, now).is_some()
    }
}

fn secret() -> Result<String, NoRandom> {
    let mut octets = [0; OCTETS];
    SystemRandom::new().fill(&mut octets).map_err(|_| NoRandom)?;
    Ok(octets.iter().map(|octet| format!("{octet:02x}")).collect())
}

/// The token of programs, where there is one.
pub fn token(config: &ConsoleConfig) -> Option<TokenFile> {
    config.token_file.clone().map(|file| TokenFile::new(file, TOKEN))
}

/// Reads the files of the console, and starts nothing.
///
/// # Errors
/// When one cannot be used.
pub fn check(config: &ConsoleConfig) -> Result<(), EndpointError> {
    guards(config).map(|_| ())
}

/// The same, with what TLS needs.
///
/// # Errors
/// When one cannot be used.
pub fn guards(config: &ConsoleConfig) -> Result<Option<TlsAcceptor>, EndpointError> {
    if let Some(token) = token(config) {
        token.read()?;
    }
    Ok(config.tls.as_ref().map(endpoint::acceptor).transpose()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_lets_in_once() {
        let entries = Entries::default();
        let code = entries.code(0).unwrap();
        assert_eq!(code.len(), 2 * OCTETS);
        assert_eq!(entries.enter("", 1), Ok(None));
        let shown = entries.enter(&code, 1).unwrap().expect("the first time");
        assert_eq!(entries.enter(&code, 1), Ok(None), "the second time");
        assert!(entries.has(&shown, ENTRY_LASTS) && !entries.has(&code, 1));
        assert!(!entries.has(&shown, ENTRY_LASTS + 1), "a day later");
        let late = entries.code(0).unwrap();
        assert_eq!(entries.enter(&late, CODE_LASTS), Ok(None));
    }

    #[test]
    fn as_many_are_known_as_may_be() {
        let entries = Entries::default();
        let codes: Vec<String> = (0..=MOST_CODES).map(|_| entries.code(0).unwrap()).collect();
        assert_eq!(entries.enter(&codes[0], 1), Ok(None), "the oldest has made room");
        assert!(entries.enter(&codes[1], 1).unwrap().is_some());
    }
}
