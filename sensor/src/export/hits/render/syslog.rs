//! Syslog messages (RFC 5424), and their framing in streams (RFC 6587 section 3.4.1, RFC 5425 section 4.3).

use std::fmt::{Display, Formatter, Write as _};

use sensor_core::policy::alert::{Alert, Severity};

use super::{
    Detail, Format,
    parts::{id, rfc3339, track},
};

/// Octets of a message that every receiver of today takes by default.
pub const MESSAGE_LIMIT: usize = 8192;

/// What does not change from message to message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Facility, 0 to 23.
    pub facility: u8,
    /// HOSTNAME.
    pub host: String,
    /// APP-NAME.
    pub tag: String,
    /// PROCID.
    pub process: u32,
    /// Number of the enterprise under which the structured data are.
    pub enterprise: u32,
    /// How the event itself is written.
    pub format: Format,
}

/// Facilities by number (RFC 5424 section 6.2.1), by their usual names; those without one are not offered.
pub const FACILITIES: [(&str, u8); 20] = [
    ("kern", 0),
    ("user", 1),
    ("mail", 2),
    ("daemon", 3),
    ("auth", 4),
    ("syslog", 5),
    ("lpr", 6),
    ("news", 7),
    ("uucp", 8),
    ("cron", 9),
    ("authpriv", 10),
    ("ftp", 11),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

/// Syslog's severity (RFC 5424 section 6.2.1): critical, warning, notice.
pub fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::High => 2,
        Severity::Medium => 4,
        Severity::Low => 5,
    }
}

/// The message, of at most [`MESSAGE_LIMIT`] octets. Where the whole event does not fit, its flows are left out, and
/// where that does not help the end is cut off.
pub fn message(event: &Alert, sender: &Sender) -> Vec<u8> {
    let mut out = header(event, sender).into_bytes();
    let start = out.len();
    // No byte order mark in front: readers of JSON and CEF stumble over it, and without one the encoding of the message
    // is only not told (RFC 5424 section 6.4).
    sender.format.write(&mut out, event, Detail::Full);
    if out.len() > MESSAGE_LIMIT {
        out.truncate(start);
        sender.format.write(&mut out, event, Detail::Brief);
    }
    cut(&mut out);
    out
}

/// Cuts the end off between characters.
fn cut(out: &mut Vec<u8>) {
    if out.len() > MESSAGE_LIMIT {
        let mut end = MESSAGE_LIMIT;
        while end > 0 && out[end] & 0xc0 == 0x80 {
            end -= 1;
        }
        out.truncate(end);
    }
}

/// Appends `message` as a frame: its length, a blank, itself.
pub fn frame(out: &mut Vec<u8>, message: &[u8]) {
    out.extend_from_slice(message.len().to_string().as_bytes());
    out.push(b' ');
    out.extend_from_slice(message);
}

fn header(event: &Alert, sender: &Sender) -> String {
    let priority = sender.facility * 8 + severity(event.severity);
    let mut text = format!(
        "<{priority}>1 {} {} {} {} {} [hit@{}",
        rfc3339(event.timestamp),
        Name(&sender.host, 255),
        Name(&sender.tag, 48),
        sender.process,
        event.kind.name(),
        sender.enterprise
    );
    let mut put = |name: &str, value: &str| {
        // Writing to a `String` cannot fail.
        let _: std::fmt::Result = write!(text, " {name}=\"{}\"", Parameter(value));
    };
    put("id", &id(event));
    put("policy", &event.policy.name);
    put("severity", event.severity.name());
    if !event.policy.categories.is_empty() {
        put("categories", &event.policy.categories.join(","));
    }
    if !event.track.is_empty() {
        put("track", &track(event));
    }
    text.push_str("] ");
    text
}

/// A header field: printable ASCII without blanks, at most so many characters, `-` for nothing.
struct Name<'a>(&'a str, usize);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return f.write_char('-');
        }
        for character in self.0.chars().take(self.1) {
            f.write_char(if character.is_ascii_graphic() { character } else { '_' })?;
        }
        Ok(())
    }
}

/// The value of a parameter: `"`, `\` and `]` are escaped (RFC 5424 section 6.3.3). Control characters may stand there,
/// but receivers write messages on one line.
struct Parameter<'a>(&'a str);

impl Display for Parameter<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        for character in self.0.chars() {
            match character {
                '"' | '\\' | ']' => write!(f, "\\{character}")?,
                control if control.is_control() => f.write_char(' ')?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}
