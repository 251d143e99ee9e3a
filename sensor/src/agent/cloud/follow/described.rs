//! What is known of a source before any object of it is read.

use std::sync::Arc;

use sensor_wire::cloud::{decoder::Hints, flows::Profile, format::Format};

/// What is known of a source beforehand.
#[derive(Clone, Debug)]
pub struct Described {
    /// Its name.
    pub name: Arc<str>,
    /// What stands before the names of its objects in messages: a folder, a bucket.
    pub prefix: String,
    /// The format of its objects; none for what their first octets tell.
    pub format: Option<Format>,
    /// What else is known of the format.
    pub hints: Hints,
    /// Site and tags.
    pub profile: Profile,
}

impl Described {
    /// What an object is called in messages, and by formats that take its name for that of its log. Where the prefix ends with no
    /// slash, objects have numbers instead of names, each another: all of them are of one log, which has the name of the source.
    pub fn shown(&self, object: &str) -> String {
        match self.prefix.ends_with('/') {
            true => format!("{}{object}", self.prefix),
            false => self.prefix.clone(),
        }
    }
}
