//! What stores and queues refuse, in one sentence: what has happened, and what to do.

use std::error::Error;

/// Octets of a message that are shown where nothing better is known.
const SHOWN: usize = 300;

/// What an error contains, what that means, and what to do about it. The first that fits counts.
const KNOWN: &[(&[&str], &str, &str)] = &[
    (
        &[
            "RequestTimeTooSkewed",
            "Request date header too old",
            "RequestExpired",
            "Signature not yet current",
        ],
        "the clock of this host is off",
        "let it be set by NTP (timedatectl)",
    ),
    (
        &["NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"],
        "there is no such bucket",
        "check `url`, and `region` and `endpoint` where they are set",
    ),
    (&["NonExistentQueue", "QueueDoesNotExist"], "there is no such queue", "check `queue`"),
    (
        &["InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClient"],
        "the access key is not known there",
        "check `credentials_file`, or AWS_ACCESS_KEY_ID in the environment of the service",
    ),
    (
        &["SignatureDoesNotMatch", "InvalidSignature", "AuthenticationFailed"],
        "the secret key is wrong",
        "check `credentials_file`, or the key in the environment of the service",
    ),
    (
        &["ExpiredToken", "TokenRefreshRequired", "token expired"],
        "the credentials have expired",
        "renew them; those of instance metadata and of `credentials_file` are read again by themselves",
    ),
    (
        &[
            "AuthorizationHeaderMalformed",
            "PermanentRedirect",
            "IllegalLocationConstraint",
            "incorrectly configured region",
            "301 Moved",
        ],
        "the bucket is in another region",
        "set `region`",
    ),
    (
        &["AuthorizationPermissionMismatch"],
        "access is denied",
        "give the identity the role Storage Blob Data Reader on the container",
    ),
    (
        &["AuthorizationFailure"],
        "access is denied",
        "check the key, and whether the firewall of the storage account lets this host in",
    ),
    (
        &[
            "SlowDown",
            "ServerBusy",
            "TooManyRequests",
            "RequestThrottled",
            "ThrottlingException",
            "Throttling",
            "429 Too Many",
            "503 Service",
        ],
        "requests are throttled",
        "they are tried again more slowly; where this stays, raise `poll`, or use `queue`",
    ),
    (
        &["AccessDenied", "Access Denied", "AllAccessDisabled", "does not have storage.objects"],
        "access is denied",
        "allow what docs/cloud.md names: listing the bucket and reading its objects, and of a queue to receive, delete and change visibility",
    ),
    (
        &[
            "169.254.169.254",
            "169.254.170.2",
            "metadata.google.internal",
            "latest/meta-data",
            "latest/api/token",
        ],
        "there are no credentials: none are in the environment or in `credentials_file`, and no metadata service answers",
        "set `credentials_file`, or run the sensor on an instance with a role",
    ),
    (
        &["401 Unauthorized", "403 Forbidden", "Forbidden", "Unauthorized"],
        "access is denied",
        "check the credentials and their permissions",
    ),
    (
        &["dns error", "failed to lookup address", "Name or service not known"],
        "its host has no address",
        "check `endpoint`, `region` and the resolver of this host",
    ),
    (
        &["certificate", "UnknownIssuer"],
        "its certificate is not trusted",
        "install its authority on this host, or name it in SSL_CERT_FILE",
    ),
    (
        &["Connection refused", "tcp connect error", "error trying to connect", "timed out"],
        "it does not answer",
        "check `endpoint`, proxies (HTTPS_PROXY, NO_PROXY) and firewalls; it is tried again",
    ),
];

/// The sentence for an error.
pub fn explain(error: &(dyn Error + 'static)) -> String {
    let text = chain(error);
    explain_text(&text)
}

/// The sentence for what a server has said.
pub fn explain_text(text: &str) -> String {
    for (signs, what, advice) in KNOWN {
        if let Some(sign) = signs.iter().find(|sign| text.contains(**sign)) {
            return format!("{what} ({sign}): {advice}");
        }
    }
    shorten(text)
}

/// Whether what was asked for is not there.
pub fn is_absent(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. })
}

/// An error with its causes, as far as they say more.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = cause.source();
    }
    text
}

/// One line, not too long, without anything that a terminal would take for more than text.
fn shorten(text: &str) -> String {
    let mut short = String::with_capacity(SHOWN);
    let mut space = false;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            space = !short.is_empty();
            continue;
        }
        if short.len() >= SHOWN {
            short.push('…');
            break;
        }
        if std::mem::take(&mut space) {
            short.push(' ');
        }
        short.push(c);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_to_do() {
        let body = |code: &str| {
            format!(
                "Server returned non-2xx status code: 403 Forbidden: <Error><Code>{code}</Code></Error>"
            )
        };
        for (text, expected) in [
            (
                body("RequestTimeTooSkewed"),
                "the clock of this host is off (RequestTimeTooSkewed): let it be set by NTP (timedatectl)",
            ),
            (
                body("InvalidAccessKeyId"),
                "the access key is not known there (InvalidAccessKeyId): check `credentials_file`, or AWS_ACCESS_KEY_ID in the environment of the service",
            ),
            (
                body("SignatureDoesNotMatch"),
                "the secret key is wrong (SignatureDoesNotMatch): check `credentials_file`, or the key in the environment of the service",
            ),
            (
                body("Else"),
                "access is denied (403 Forbidden): check the credentials and their permissions",
            ),
        ] {
            assert_eq!(explain_text(&text), expected);
        }
        assert!(
            explain_text(&body("AccessDenied"))
                .starts_with("access is denied (AccessDenied): allow")
        );
        assert!(explain_text("503 SlowDown").starts_with("requests are throttled"));
    }

    #[test]
    fn what_is_not_known_is_one_short_line() {
        assert_eq!(explain_text("a\n\tb\u{1b}[31m  c"), "a b [31m c");
        assert_eq!(explain_text(&"é".repeat(400)).chars().count(), SHOWN / 2 + 1);
    }
}
