//! The flows of `--flow`: words of the command line, or JSON lines of a file.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    ops::ControlFlow,
    path::Path,
};

use anyhow::{Context as _, anyhow, bail};
use sensor_core::{
    diagnostic::nearest,
    flow::{
        batch::Source,
        fields::{FIELDS, Field, Kind, find},
    },
    nql::{json::RecordReader, reference, typed::Subject},
    policy::tags::TagRule,
};
use serde_json::{Map, Value};

use crate::{
    cli::nql::Known,
    replay::{meter::Meter, open},
};

/// Longest line that can be a flow, bytes.
const LINE_BYTES: u64 = 4 << 20;

/// A flow by its fields.
pub struct Flow {
    object: Map<String, Value>,
    /// Fields that were typed, so that their values must be of their types.
    typed: Vec<&'static Field>,
}

/// Calls `each` for every flow, with its line where it is from a file, until it breaks.
///
/// # Errors
/// When the file cannot be read.
pub fn for_each(
    flows: &str,
    each: &mut dyn FnMut(Option<usize>, anyhow::Result<Flow>) -> ControlFlow<()>,
) -> anyhow::Result<()> {
    if flows.trim_start().starts_with('{') {
        let _ = each(None, Flow::of_json(flows.as_bytes()));
        return Ok(());
    }
    if flows.contains('=') {
        let _ = each(None, Flow::of_words(flows));
        return Ok(());
    }
    let path = Path::new(flows);
    let meter = Meter::of(&[path]);
    let file = open::open(path, &meter).with_context(|| format!("cannot open {flows}"))?;
    let mut file = BufReader::new(file);
    for number in 1.. {
        let mut line = Vec::new();
        let length = (&mut file).take(LINE_BYTES).read_until(b'\n', &mut line);
        let length = length.with_context(|| format!("cannot read {flows}"))?;
        if length == 0 {
            break;
        }
        if !line.trim_ascii().is_empty() && each(Some(number), Flow::of_json(&line)).is_break() {
            break;
        }
    }
    Ok(())
}

impl Flow {
    fn of_json(text: &[u8]) -> anyhow::Result<Self> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        match serde_json::from_slice(text).context("not JSON")? {
            Value::Object(object) => Ok(Self { object, typed: Vec::new() }),
            _ => bail!("not a JSON object"),
        }
    }

    fn of_words(words: &str) -> anyhow::Result<Self> {
        let mut flow = Self { object: Map::new(), typed: Vec::new() };
        for word in split(words) {
            let (name, value) =
                word.split_once('=').ok_or_else(|| anyhow!("`{word}` is not FIELD=VALUE"))?;
            flow.set(&name.to_ascii_lowercase(), value)?;
        }
        Ok(flow)
    }

    fn set(&mut self, name: &str, value: &str) -> anyhow::Result<()> {
        let list = || Value::from(value.split(',').map(str::trim).collect::<Vec<_>>());
        let value = match find(name) {
            Some(field) => {
                self.typed.push(field);
                match field.kind {
                    Kind::Bool => value.parse().map(Value::Bool).unwrap_or_else(|_| value.into()),
                    Kind::Float => value.parse::<f64>().map_or_else(|_| value.into(), Value::from),
                    Kind::TextList => list(),
                    Kind::Unsigned(_) | Kind::Integer | Kind::Ip | Kind::Text => value.into(),
                }
            }
            None if is_label(name) => list(),
            None => {
                let names = FIELDS.iter().map(|field| field.name);
                let hint = match nearest(name, names) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "`sensor fields` lists them".to_owned(),
                };
                bail!("a flow has no field `{name}`; {hint}");
            }
        };
        if self.object.insert(name.to_owned(), value).is_some() {
            bail!("`{name}` is given twice");
        }
        Ok(())
    }

    /// Adds the tags whose rules it fulfils, as the agent would.
    pub fn tag(&mut self, rules: &[TagRule], known: &Known) -> anyhow::Result<()> {
        let text = self.json();
        let mut tags = Vec::new();
        for TagRule { name, query } in rules {
            let record = RecordReader::new(query).read_with(&text, Some(known))?;
            if reference::matches(query, &record) {
                tags.push(Value::from(name.as_str()));
            }
        }
        if !tags.is_empty() {
            match self.object.entry("tags").or_insert_with(|| Value::Array(Vec::new())) {
                Value::Array(own) => own.extend(tags),
                own => *own = [own.take()].into_iter().chain(tags).collect(),
            }
        }
        Ok(())
    }

    /// The kind of its source; this host, where it does not say.
    pub fn source(&self) -> anyhow::Result<Source> {
        let Some(name) = self.object.get("flowtype") else { return Ok(Source::Host) };
        let known = Source::ALL.into_iter().find(|source| name == source.name());
        known.ok_or_else(|| anyhow!("`flowtype` is {name}, and must be host, netflow or sflow"))
    }

    /// The fields that were typed.
    pub fn subjects(&self) -> impl Iterator<Item = Subject> {
        self.typed.iter().map(|field| Subject::Field(field))
    }

    /// As JSON.
    pub fn json(&self) -> Vec<u8> {
        Value::Object(self.object.clone()).to_string().into_bytes()
    }
}

fn is_label(name: &str) -> bool {
    ["label.src.", "label.dst.", "label.ip.", "label.port."]
        .iter()
        .any(|start| name.strip_prefix(start).is_some_and(|context| !context.is_empty()))
}

/// Words at blanks; what stands in double quotes is not divided.
fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quoted) = (String::new(), false);
    for character in text.chars() {
        match character {
            '"' => quoted = !quoted,
            blank if blank.is_whitespace() && !quoted => {
                words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
            }
            other => word.push(other),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_values_of_the_types_of_fields() {
        let flow = Flow::of_words(
            "srcip=10.0.0.1 dstport=22 srcinternal=true label.src.role=a,b site=\"a b\" tags=x",
        )
        .expect("a flow");
        let expected = serde_json::json!({
            "srcip": "10.0.0.1", "dstport": "22", "srcinternal": true, "label.src.role": ["a", "b"],
            "site": "a b", "tags": ["x"],
        });
        assert_eq!(Value::Object(flow.object.clone()), expected);
        assert_eq!(flow.source().expect("a source"), Source::Host);
    }

    #[test]
    fn what_is_no_field_is_told() {
        let fault = |words| Flow::of_words(words).err().expect("a fault").to_string();
        assert_eq!(fault("dstprt=1"), "a flow has no field `dstprt`; did you mean `dstport`?");
        assert_eq!(fault("dstport=1 dstport=2"), "`dstport` is given twice");
        assert_eq!(fault("dstport=1 x"), "`x` is not FIELD=VALUE");
    }
}
