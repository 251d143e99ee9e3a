//! Events as text and octets: pure functions, one module a form.
//!
//! * [`json`]: one object a line, under the names by which NQL asks for alerts.
//! * [`cef`]: ArcSight's Common Event Format.
//! * [`text`]: for people.
//! * [`syslog`]: RFC 5424, around any of these.
//! * [`journal`]: the journal's native fields.
//! * [`stored`]: JSON in the flow store.
//! * [`summary`]: what happened, in one line.

use sensor_core::policy::alert::Alert;

pub mod cef;
pub mod journal;
pub mod json;
mod parts;
pub mod stored;
pub mod summary;
pub mod syslog;
pub mod text;

pub use json::Detail;
pub use parts::id;

/// How an event is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// [`json`].
    #[default]
    Json,
    /// [`cef`].
    Cef,
    /// [`text`], in one line and without colours.
    Text,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Json, Self::Cef, Self::Text];

    /// As it is written in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Cef => "cef",
            Self::Text => "text",
        }
    }

    /// Appends `event`, without a line end.
    pub fn write(self, out: &mut Vec<u8>, event: &Alert, detail: Detail) {
        match self {
            Self::Json => json::write(out, event, detail),
            Self::Cef => cef::write(out, event),
            Self::Text => text::write(out, event, text::Style::default()),
        }
    }
}

#[cfg(test)]
pub mod testing;

#[cfg(test)]
mod tests;
