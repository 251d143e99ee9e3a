//! Names of conditions: fields, aliases, labels.

use std::ops::Range;

use crate::{
    diagnostic::{Diagnostic, Fix, nearest},
    flow::{
        fields::{self, Field, Kind, Origin, RecordKind, TextRule},
        profile::Side,
    },
    nql::{Options, codes, synonyms, typed::Subject},
};

/// What a name stands for: one or more subjects of one type.
#[derive(Clone, Debug)]
pub struct Target {
    /// As written, in lower case.
    pub name: String,
    /// What to look at; a condition holds when it holds for one of them.
    pub subjects: Vec<Subject>,
    /// Type.
    pub kind: Kind,
    /// How texts are read and compared.
    pub text: TextRule,
    /// Whether patterns apply.
    pub patterns: bool,
    /// Highest whole number.
    pub maximum: Option<u64>,
}

impl Target {
    /// Whether it is the labels of an address or a port.
    pub fn has_labels(&self) -> bool {
        self.subjects
            .iter()
            .any(|subject| matches!(subject, Subject::Label(..) | Subject::PortLabel(_)))
    }
}

impl Target {
    fn of_fields(name: &str, fields: &[&'static Field]) -> Option<Self> {
        let first = fields.first()?;
        Some(Self {
            name: name.to_owned(),
            subjects: fields.iter().map(|field| Subject::Field(field)).collect(),
            kind: first.kind,
            text: first.text,
            patterns: first.patterns,
            maximum: first.maximum(),
        })
    }

    fn labels(name: &str, subjects: Vec<Subject>) -> Self {
        Self {
            name: name.to_owned(),
            subjects,
            kind: Kind::TextList,
            text: TextRule::Exact,
            patterns: false,
            maximum: None,
        }
    }
}

/// Finds what `name` (lower case) stands for.
pub fn resolve(
    name: &str,
    span: Range<usize>,
    options: &Options<'_>,
) -> Result<Target, Diagnostic> {
    let context = options.context;
    let (target, origin) = match context.find(name) {
        Some(field) => (Target::of_fields(name, &[field]), field.origin),
        None => match fields::find_alias(context, name) {
            Some(alias) => {
                let fields: Vec<_> =
                    alias.fields.iter().filter_map(|field| context.find(field)).collect();
                (Target::of_fields(name, &fields), alias.origin)
            }
            None => label(name, context),
        },
    };
    let Some(target) = target else { return Err(unknown(name, span, context)) };
    if options.strict && origin == Origin::Extension {
        let message = format!("`{name}` is an extension");
        return Err(codes::EXTENSION.at(span, message));
    }
    Ok(target)
}

/// `label.ip.X` and its relatives. Only records with addresses have them.
fn label(name: &str, context: RecordKind) -> (Option<Target>, Origin) {
    let documented = |target| (Some(target), Origin::Documented);
    let extension = |target| (Some(target), Origin::Extension);
    let Some(rest) = name.strip_prefix("label.") else { return (None, Origin::Documented) };
    let Some((of, key)) = rest.split_once('.') else { return (None, Origin::Documented) };
    let side = |side| Subject::Label(side, key.to_owned());
    let one_side = |only| Target::labels(name, vec![side(only)]);
    match (context, of) {
        (RecordKind::Flow, "ip") => {
            let both = vec![side(Side::Destination), side(Side::Source)];
            documented(Target::labels(name, both))
        }
        // A DNS record has one address, the client's.
        (RecordKind::Dns, "ip") => documented(one_side(Side::Source)),
        (RecordKind::Flow, "src") => extension(one_side(Side::Source)),
        (RecordKind::Flow, "dst") => extension(one_side(Side::Destination)),
        (RecordKind::Flow | RecordKind::Dns, "port") => {
            documented(Target::labels(name, vec![Subject::PortLabel(key.to_owned())]))
        }
        _ => (None, Origin::Documented),
    }
}

fn unknown(name: &str, span: Range<usize>, context: RecordKind) -> Diagnostic {
    let diagnostic = codes::UNKNOWN_FIELD
        .at(span.clone(), format!("the {} context has no field `{name}`", context.name()));
    if context == RecordKind::Flow && name.starts_with("label") {
        return diagnostic
            .help("labels are `label.ip.CONTEXT`, `label.src.CONTEXT`, `label.dst.CONTEXT`");
    }
    if let Some(synonym) = synonyms::meant(name, context) {
        let diagnostic = diagnostic
            .label(format!("here it is `{}`", synonym.field))
            .fix(Fix::write(span, synonym.field));
        return if synonym.note.is_empty() { diagnostic } else { diagnostic.help(synonym.note) };
    }
    if context == RecordKind::Flow
        && let [first, others @ ..] = fields::of_element(name).as_slice()
    {
        let others: String = others.iter().map(|field| format!(" or `{}`", field.name)).collect();
        let diagnostic = diagnostic.label(format!("here it is `{}`{others}", first.name));
        let only = others.is_empty();
        return if only { diagnostic.fix(Fix::write(span, first.name)) } else { diagnostic };
    }
    if let Some(elsewhere) = RecordKind::ALL.into_iter().find(|other| other.find(name).is_some()) {
        let elsewhere = elsewhere.name();
        return diagnostic.help(format!("it is a field of the {elsewhere} context"));
    }
    let names = context.fields().iter().map(|field| field.name);
    let aliases = fields::aliases(context).iter().map(|alias| alias.name);
    match nearest(name, names.chain(aliases)) {
        Some(near) => {
            diagnostic.label(format!("did you mean `{near}`?")).fix(Fix::write(span, near))
        }
        None => diagnostic.help("sensor/docs/nql-fields.md lists the fields of every context"),
    }
}

/// True when `name` is an alias of several fields.
pub fn is_alias(name: &str, context: RecordKind) -> bool {
    fields::find_alias(context, name).is_some()
}

/// The field of flows that has the protocol as a number.
pub fn protocol_number_field() -> Option<&'static Field> {
    fields::find("protocolint")
}
