//! What flows are grouped by.

use crate::{
    flow::{
        fields::{self, Kind, Needs},
        profile::Side,
    },
    nql::typed::Subject,
};

/// One thing that flows may have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupBy {
    /// A field, or the labels of one context.
    pub subject: Subject,
    /// Of addresses, so many leading bits of IPv4, and so many of IPv6; none for the whole address.
    pub prefixes: Option<Prefixes>,
}

/// Lengths of prefixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefixes {
    /// Of IPv4, at most 32.
    pub v4: u8,
    /// Of IPv6, at most 128.
    pub v6: u8,
}

impl Prefixes {
    /// Nothing is cut.
    pub const WHOLE: Self = Self { v4: 32, v6: 128 };

    /// The length of an IPv6 prefix where only one of IPv4 is given: what a site gives one of its networks.
    const V6: u8 = 64;
}

/// A text does not say what to group by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupByError {
    /// No field has the name.
    #[error("no such field")]
    Unknown,
    /// A prefix of something that has none.
    #[error("only addresses have prefixes")]
    NoAddress,
    /// The length of a prefix is no number, or too large.
    #[error(
        "a prefix is `/` and a length up to 32, for IPv6 another `/` and a length up to 128: `srcip/24/64`"
    )]
    Length,
    /// Labels of both ends.
    #[error("a group has one label: use `label.src.NAME` or `label.dst.NAME`")]
    BothLabels,
}

impl GroupBy {
    /// Whole values of a subject.
    pub fn subject(subject: Subject) -> Self {
        Self { subject, prefixes: None }
    }

    /// What a text names: `FIELD`, `FIELD/V4` and `FIELD/V4/V6` with lengths of prefixes, `label.src.NAME`, `label.dst.NAME`.
    ///
    /// # Errors
    /// It names none.
    pub fn named(text: &str) -> Result<Self, GroupByError> {
        if let Some(label) = text.strip_prefix("label.") {
            return match label.split_once('.') {
                Some(("src", name)) if !name.is_empty() => {
                    Ok(Self::subject(Subject::Label(Side::Source, name.to_owned())))
                }
                Some(("dst", name)) if !name.is_empty() => {
                    Ok(Self::subject(Subject::Label(Side::Destination, name.to_owned())))
                }
                Some(("ip", _)) => Err(GroupByError::BothLabels),
                _ => Err(GroupByError::Unknown),
            };
        }
        let (name, lengths) = match text.split_once('/') {
            Some((name, lengths)) => (name, Some(lengths)),
            None => (text, None),
        };
        let field = fields::find(name).ok_or(GroupByError::Unknown)?;
        let prefixes = match lengths {
            None => None,
            Some(_) if field.kind != Kind::Ip => return Err(GroupByError::NoAddress),
            Some(lengths) => Some(prefixes(lengths).ok_or(GroupByError::Length)?),
        };
        Ok(Self { subject: Subject::Field(field), prefixes })
    }

    /// Whether its values are addresses.
    pub fn is_address(&self) -> bool {
        matches!(self.subject, Subject::Field(field) if field.kind == Kind::Ip)
    }

    /// The columns that it is read from.
    pub fn needs(&self) -> Needs {
        self.subject.needs()
    }
}

fn prefixes(lengths: &str) -> Option<Prefixes> {
    let length = |text: &str, most: u8| text.parse().ok().filter(|length| *length <= most);
    match lengths.split_once('/') {
        Some((v4, v6)) => Some(Prefixes { v4: length(v4, 32)?, v6: length(v6, 128)? }),
        None => Some(Prefixes { v4: length(lengths, 32)?, v6: Prefixes::V6 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_name_fields_prefixes_and_labels() {
        let named = |text| GroupBy::named(text).map(|by| (by.subject.name(), by.prefixes));
        let lengths = |v4, v6| Some(Prefixes { v4, v6 });
        let known = |name: &str, prefixes| Ok((name.to_owned(), prefixes));
        assert_eq!(named("dstport"), known("dstport", None));
        assert_eq!(named("srcip/24"), known("srcip", lengths(24, 64)));
        assert_eq!(named("clientip/0/128"), known("clientip", lengths(0, 128)));
        assert_eq!(named("label.dst.role"), known("label.dst.role", None));
        for (text, error) in [
            ("host", GroupByError::Unknown),
            ("label.src.", GroupByError::Unknown),
            ("label.ip.role", GroupByError::BothLabels),
            ("dstport/24", GroupByError::NoAddress),
            ("srcip/33", GroupByError::Length),
            ("srcip/24/129", GroupByError::Length),
            ("srcip/", GroupByError::Length),
            ("srcip/24/64/1", GroupByError::Length),
        ] {
            assert_eq!(named(text), Err(error), "{text}");
        }
    }
}
