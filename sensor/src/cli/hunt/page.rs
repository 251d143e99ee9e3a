//! Where a page of flows ends, as a text that people copy: time and number of its last flow.

use std::{fmt, str::FromStr as _};

use sensor_core::hunt::Place;

/// The place of a flow: `1796080299999.12345`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token(pub Place);

impl Token {
    /// What `--after` says.
    ///
    /// # Errors
    /// It is no token.
    pub fn parse(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
            is_number.then(|| u64::from_str(text).ok()).flatten()
        };
        let parts = text.split_once('.').and_then(|(time, sequence)| {
            Some(Place { time: number(time)?, sequence: number(sequence)? })
        });
        parts.map(Self).ok_or_else(|| {
            "not a token; copy it from the line `next page` of the answer before".to_owned()
        })
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0.time, self.0.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_is_shown() {
        let token = Token(Place { time: 1_796_080_299_999, sequence: u64::MAX });
        assert_eq!(token.to_string(), "1796080299999.18446744073709551615");
        assert_eq!(Token::parse(&token.to_string()), Ok(token));
        for wrong in ["", "1", "1.", ".1", "1.-1", "+1.1", "1.2.3", "1.18446744073709551616"] {
            assert!(Token::parse(wrong).is_err(), "{wrong}");
        }
    }
}
