//! `[cloud.push]`: a log that is pushed to `[ingest]`: by what protocol, and how whoever pushes proves who it is.

use std::path::PathBuf;

use sensor_core::{
    diagnostic::nearest,
    settings::schema::{Key, Setting, Table, Value, table},
};

use super::faults::Faults;

table! {
    /// `[cloud.push]`
    Push {
        /// How it is pushed.
        protocol: Option<String> = None;
        /// File with the token that requests must bear.
        token_file: Option<PathBuf> = None;
        /// Pub/Sub: file with Google's keys (JWKS), by which the tokens of a service account are verified.
        jwks_file: Option<PathBuf> = None;
        /// Pub/Sub: the audience that such tokens must have.
        audience: Option<String> = None;
        /// Pub/Sub: the service account that they must be of.
        email: Option<String> = None;
    }
}

/// How requests look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// HTTP endpoint delivery of Amazon Data Firehose.
    Firehose,
    /// Push subscriptions of Google Pub/Sub.
    Pubsub,
    /// Webhooks of Azure Event Grid.
    Eventgrid,
    /// The body is the log, or a piece of it.
    Body,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Firehose, Self::Pubsub, Self::Eventgrid, Self::Body];

    /// As the configuration has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Firehose => "firehose",
            Self::Pubsub => "pubsub",
            Self::Eventgrid => "eventgrid",
            Self::Body => "body",
        }
    }
}

/// What tokens of an OpenID provider must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcConfig {
    /// File with the provider's keys.
    pub jwks_file: PathBuf,
    /// The audience.
    pub audience: String,
    /// The account.
    pub email: String,
}

/// `[cloud.push]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushConfig {
    /// How it is pushed.
    pub protocol: Protocol,
    /// File with the token that requests must bear.
    pub token_file: Option<PathBuf>,
    /// What they may bear instead.
    pub oidc: Option<OidcConfig>,
}

/// Judges the table of one `[[cloud]]`; none where its protocol is none.
pub(super) fn resolve(
    setting: &Setting<Option<Push>>,
    raw: &Push,
    faults: &mut Faults,
) -> Option<PushConfig> {
    let Push { protocol, token_file, jwks_file, audience, email } = raw;
    let names = || Protocol::ALL.map(Protocol::name);
    let found = match &protocol.value {
        None => {
            if !protocol.is_given() {
                let found = format!("add one of {}", names().join(", "));
                faults.report(setting, "cloud.push", "needs a `protocol`", &found);
            }
            None
        }
        Some(name) => {
            let found = Protocol::ALL.into_iter().find(|protocol| protocol.name() == name);
            if found.is_none() {
                let label = match nearest(name, names()) {
                    Some(meant) => format!("did you mean {meant:?}?"),
                    None => format!("{name:?} is none of them"),
                };
                let must = format!("must be one of {}", names().join(", "));
                faults.report(protocol, "cloud.push.protocol", &must, &label);
            }
            found
        }
    };
    if found.is_some_and(|found| found != Protocol::Pubsub) && jwks_file.is_given() {
        let must = "applies only to the protocol pubsub";
        faults.report(jwks_file, "cloud.push.jwks_file", must, "use `token_file`");
    }
    for (name, key) in [("audience", audience), ("email", email)] {
        let path = format!("cloud.push.{name}");
        if jwks_file.is_given() && !key.is_given() {
            // Whoever has an account there gets tokens for any audience.
            let must = format!("requires `{name}`");
            faults.report(jwks_file, "cloud.push.jwks_file", &must, "there is none");
        } else if key.is_given() && !jwks_file.is_given() {
            faults.report(key, &path, "requires `jwks_file`", "there is none");
        }
    }
    let oidc = jwks_file.value.clone().zip(audience.value.clone()).zip(email.value.clone());
    Some(PushConfig {
        protocol: found?,
        token_file: token_file.value.clone(),
        oidc: oidc.map(|((jwks_file, audience), email)| OidcConfig { jwks_file, audience, email }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::config::{cloud::Place, from_text, overrides::Overrides};

    fn push(text: &str) -> Result<PushConfig, Vec<String>> {
        let text = format!(
            "[ingest]\nlisten = '127.0.0.1:1'\n[[cloud]]\nname = 'a'\n[cloud.push]\n{text}\n"
        );
        match from_text(&text, &Overrides::default()) {
            Ok(config) => match &config.clouds[0].place {
                Place::Push(push) => Ok(push.clone()),
                place => panic!("{place:?}"),
            },
            Err(faults) => Err(faults.file.into_iter().map(|fault| fault.message).collect()),
        }
    }

    #[test]
    fn keys() {
        let all =
            "protocol = 'pubsub'\ntoken_file = '/t'\njwks_file = '/j'\naudience = 'a'\nemail = 'e'";
        let oidc =
            OidcConfig { jwks_file: "/j".into(), audience: "a".to_owned(), email: "e".to_owned() };
        let expected = PushConfig {
            protocol: Protocol::Pubsub,
            token_file: Some("/t".into()),
            oidc: Some(oidc),
        };
        assert_eq!(push(all), Ok(expected));
        for (text, expected) in [
            ("", "`cloud.push` needs a `protocol`"),
            (
                "protocol = 'fire'",
                "`cloud.push.protocol` must be one of firehose, pubsub, eventgrid, body",
            ),
            (
                "protocol = 'pubsub'\njwks_file = '/j'\naudience = 'a'",
                "`cloud.push.jwks_file` requires `email`",
            ),
            ("protocol = 'pubsub'\nemail = 'a'", "`cloud.push.email` requires `jwks_file`"),
            (
                "protocol = 'firehose'\njwks_file = '/j'\naudience = 'a'\nemail = 'a'",
                "`cloud.push.jwks_file` applies only to the protocol pubsub",
            ),
        ] {
            assert_eq!(push(text), Err(vec![expected.to_owned()]), "{text}");
        }
    }
}
