//! Reads the `label` of a policy, whose values are templates.

use std::{ops::Range, time::Duration};

use super::{
    raw::{RawLabel, RawPolicy, Severities, at, place, unknown},
    resolve::{Resolver, severity},
};
use crate::{
    diagnostic::Diagnostic,
    flow::fields::{Field, Kind, TextRule},
    policy::{
        alert::Severity,
        label::{LabelRule, Part, Template},
        threshold::single_field,
    },
    settings::schema::Setting,
};

const EXPIRES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(24 * 366));

impl Resolver<'_> {
    /// The label that the policy writes, if any; `keys` are the fields under `track_by`.
    pub(super) fn label_rule(
        &mut self,
        policy: &RawPolicy,
        keys: &[Vec<&'static Field>],
    ) -> Option<LabelRule> {
        let raw = policy.label.value.as_ref()?;
        self.lacking(raw, &place(&policy.label));
        let name = at(raw.field.value.clone()?, place(&raw.field));
        let field = self.field(&name)?;
        if field.kind != Kind::Ip {
            let fault = Diagnostic::error("a label applies to an address field", place(&raw.field));
            self.faults.push(fault.label(format!("`{}` is none", field.name)));
        }
        let values: Vec<_> =
            raw.value.value.0.iter().map(|text| self.template(text, keys)).collect();
        let at_severity = self.at_severity(&raw.at_severity, policy);
        Some(LabelRule {
            field,
            context: raw.context.value.clone()?.to_lowercase(),
            values,
            expires: self.duration(&raw.expires, "label.expires", EXPIRES),
            at_severity,
        })
    }

    /// From which severity on incidents are labelled. A hit has no course that could reach one.
    fn at_severity(
        &mut self,
        written: &Setting<Option<String>>,
        policy: &RawPolicy,
    ) -> Option<Severity> {
        let name = at(written.value.clone()?, place(written));
        if !matches!(policy.severity.value, Severities::Thresholds(_)) {
            let message =
                "`at_severity` needs thresholds: it labels incidents that reach a severity";
            let fault = Diagnostic::error(message, place(written));
            self.faults.push(fault.help(
                "without it, each matching flow labels its address, and there are no events",
            ));
        }
        let least = severity(&name.value);
        if least.is_none() {
            self.faults.push(unknown("severity", &name, &Severity::ALL.map(Severity::name)));
        }
        least
    }

    fn lacking(&mut self, raw: &RawLabel, span: &Range<usize>) {
        for (name, given) in [
            ("field", raw.field.is_given()),
            ("context", raw.context.is_given()),
            ("value", raw.value.is_given()),
        ] {
            if !given {
                let fault = Diagnostic::error(format!("the label has no `{name}`"), span.clone());
                self.faults.push(fault.help(
                    "write `label = { field = \"srcip\", context = \"role\", value = \"...\", expires = \"1h\" }`",
                ));
            }
        }
    }

    fn template(&mut self, text: &Setting<String>, keys: &[Vec<&'static Field>]) -> Template {
        let (template, faults) = template(&text.value, keys);
        self.inside(text, faults);
        template
    }
}

/// Reads a template; a brace is written twice. Places of the faults are those within `text`.
fn template(text: &str, keys: &[Vec<&'static Field>]) -> (Template, Vec<Diagnostic>) {
    let (mut parts, mut faults, mut at) = (Vec::new(), Vec::new(), 0);
    while let Some(found) = text[at..].find(['{', '}']) {
        add_text(&mut parts, &text[at..at + found]);
        let brace = at + found;
        let rest = &text[brace..];
        if rest.starts_with("{{") || rest.starts_with("}}") {
            add_text(&mut parts, &rest[..1]);
            at = brace + 2;
            continue;
        }
        let Some(name) = rest.strip_prefix('{').and_then(|rest| Some(rest.split_once('}')?.0))
        else {
            faults.push(
                Diagnostic::error("a brace without its counterpart", brace..brace + 1)
                    .help("write `{srcport}` for the value of a field, `{{` or `}}` for a brace"),
            );
            add_text(&mut parts, &rest[..1]);
            at = brace + 1;
            continue;
        };
        let span = brace + 1..brace + 1 + name.len();
        at = span.end + 1;
        match field(name, span, keys) {
            Ok(field) => parts.push(Part::Field(field)),
            Err(fault) => faults.push(fault),
        }
    }
    add_text(&mut parts, &text[at..]);
    (Template(parts), faults)
}

fn add_text(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(Part::Text(last)) => last.push_str(text),
        _ => parts.push(Part::Text(text.to_owned())),
    }
}

/// The field whose value a label takes. Texts that others choose (names in router exports) have no bound; numbers and
/// addresses have.
fn field(
    name: &str,
    span: Range<usize>,
    keys: &[Vec<&'static Field>],
) -> Result<&'static Field, Diagnostic> {
    let field = single_field(&name.to_ascii_lowercase(), span.clone())?;
    let short = match field.kind {
        Kind::Unsigned(_) | Kind::Integer | Kind::Ip => true,
        Kind::Text => field.text == TextRule::Protocol,
        Kind::Float | Kind::Bool | Kind::TextList => false,
    };
    if !short {
        let message = format!("`{}` cannot be the value of a label", field.name);
        return Err(Diagnostic::error(message, span)
            .help("take a number, an address or the protocol: `{dstport}`"));
    }
    if keys.iter().any(|key| !key.contains(&field)) {
        let message = format!("`{}` is missing in `track_by`", field.name);
        return Err(Diagnostic::error(message, span)
            .label("a label is written once per key, so its value must follow from the key"));
    }
    Ok(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        let key = ["srcip", "srcport", "protocol"].map(|name| single_field(name, 0..0).unwrap());
        let (template, faults) = template(text, &[key.to_vec()]);
        match faults.first() {
            Some(fault) => Err(fault.message.clone()),
            None => Ok(template.to_string()),
        }
    }

    #[test]
    fn a_value_has_texts_and_fields() {
        assert_eq!(read("yes").unwrap(), "yes");
        assert_eq!(read("{protocol}/{SrcPort}").unwrap(), "{protocol}/{srcport}");
        assert_eq!(read("a{{srcport}}{SRCIP}").unwrap(), "a{{srcport}}{srcip}");
        assert_eq!(read("").unwrap(), "");
    }

    #[test]
    fn what_cannot_be_a_value_is_refused_by_name() {
        assert!(read("{srcport").unwrap_err().contains("counterpart"));
        assert!(read("srcport}").unwrap_err().contains("counterpart"));
        assert!(read("{nothing}").unwrap_err().contains("nothing"));
        assert!(read("{dstport}").unwrap_err().contains("`track_by`"));
        assert!(read("{inputname}").unwrap_err().contains("cannot be the value"));
    }
}
