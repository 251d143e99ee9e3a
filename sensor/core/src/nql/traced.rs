//! A query that can say why it holds or does not: its conditions with their places in the text.
//!
//! The typed form has lost the text, and the evaluator over columns even the order of the conditions. This one keeps the tree
//! as it was written, with the typed form of each condition, and walks it over one record. It is for explanations alone: what
//! holds is what the [`reference`](mod@reference) says of each condition.

use std::ops::Range;

use super::{
    Filter, Options,
    ast::Expression,
    check,
    faults::Faults,
    parse,
    reference::{self, Record},
    typed::{Subject, Typed},
};
use crate::{
    diagnostic::Diagnostic,
    flow::{
        fields::{OwnedValue, Value},
        protocol,
    },
};

/// A query with its conditions at their places.
#[derive(Clone, Debug)]
pub struct TracedQuery {
    /// As it was written.
    text: String,
    tree: Tree,
}

#[derive(Clone, Debug)]
enum Tree {
    /// The empty query.
    Everything,
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Condition(Leaf),
}

/// A condition.
#[derive(Clone, Debug)]
struct Leaf {
    /// The field as it was written, in lower case.
    field: String,
    typed: Typed,
    span: Range<usize>,
}

/// Why a query holds of a record, or does not: the first part of it that decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// Where that part stands in the text of the query, bytes.
    pub span: Range<usize>,
    /// What the record has of the fields in it, in the order of the query; no value where it has none.
    pub values: Vec<(String, Vec<OwnedValue>)>,
    /// How many of the conditions that must all hold did hold before it.
    pub passed: usize,
    /// The labels of one context that a test in that part asks for and the record has.
    pub labels: Option<HeldLabels>,
}

/// Labels that a test found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLabels {
    /// Their context.
    pub context: String,
    /// Those the test asks for and the record has, sorted.
    pub values: Vec<String>,
}

impl TracedQuery {
    /// Reads a query.
    ///
    /// # Errors
    /// All faults of the query, as [`Filter::compile`] has them.
    pub fn compile(text: &str, options: &Options<'_>) -> Result<Self, Vec<Diagnostic>> {
        Filter::compile(text, options)?;
        let mut faults = Faults::new(options.limits.faults);
        let query = parse::parse(text, options, &mut faults);
        let tree = query.map_or(Tree::Everything, |query| Tree::new(query, options, &mut faults));
        Ok(Self { text: text.to_owned(), tree })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Changes each condition; `change` also gets whether it stands below an odd number of negations.
    pub fn for_each_condition(&mut self, change: &mut dyn FnMut(&mut Typed, bool)) {
        self.tree.for_each_condition(false, change);
    }

    /// Calls `each` for everything that the query looks at, as often as it stands there.
    pub fn for_each_subject<'t>(&'t self, each: &mut dyn FnMut(&'t Subject)) {
        self.tree.for_each_leaf(&mut |leaf| leaf.typed.for_each_subject(each));
    }

    /// Whether the query holds of a record.
    pub fn holds(&self, record: &impl Record) -> bool {
        self.tree.holds(record)
    }

    /// Why it does or does not.
    pub fn reason(&self, record: &impl Record) -> Reason {
        let outcome = self.tree.holds(record);
        let mut reason =
            Reason { span: 0..self.text.len(), values: Vec::new(), passed: 0, labels: None };
        self.tree.explain(record, outcome, true, &mut reason);
        reason
    }
}

impl Tree {
    fn new(expression: Expression, options: &Options<'_>, faults: &mut Faults) -> Self {
        let mut all = |operands: Vec<Expression>| -> Vec<Self> {
            operands.into_iter().map(|operand| Self::new(operand, options, faults)).collect()
        };
        match expression {
            Expression::And(operands) => Self::All(all(operands)),
            Expression::Or(operands) => Self::Any(all(operands)),
            Expression::Not(operand, _) => {
                Self::Not(Box::new(Self::new(*operand, options, faults)))
            }
            Expression::Condition(condition) => {
                let span = condition.field.span.start..condition.value.span.end;
                let field = condition.field.node.clone();
                let typed = check::check(Some(&Expression::Condition(condition)), options, faults);
                Self::Condition(Leaf { field, typed, span })
            }
            // Only queries with faults have such.
            Expression::Invalid => Self::Not(Box::new(Self::Everything)),
        }
    }

    fn for_each_condition(&mut self, negated: bool, change: &mut dyn FnMut(&mut Typed, bool)) {
        match self {
            Self::Everything => {}
            Self::All(operands) | Self::Any(operands) => {
                operands.iter_mut().for_each(|one| one.for_each_condition(negated, change));
            }
            Self::Not(operand) => operand.for_each_condition(!negated, change),
            Self::Condition(leaf) => change(&mut leaf.typed, negated),
        }
    }

    fn for_each_leaf<'t>(&'t self, each: &mut dyn FnMut(&'t Leaf)) {
        match self {
            Self::Everything => {}
            Self::All(operands) | Self::Any(operands) => {
                operands.iter().for_each(|one| one.for_each_leaf(each));
            }
            Self::Not(operand) => operand.for_each_leaf(each),
            Self::Condition(leaf) => each(leaf),
        }
    }

    fn holds(&self, record: &impl Record) -> bool {
        match self {
            Self::Everything => true,
            Self::All(operands) => operands.iter().all(|one| one.holds(record)),
            Self::Any(operands) => operands.iter().any(|one| one.holds(record)),
            Self::Not(operand) => !operand.holds(record),
            Self::Condition(leaf) => reference::matches(&leaf.typed, record),
        }
    }

    /// Narrows `reason` down to the first part that makes this tree come to `outcome`. `counted` where what held before is
    /// told.
    fn explain(&self, record: &impl Record, outcome: bool, counted: bool, reason: &mut Reason) {
        match (self, outcome) {
            (Self::Everything, _) => {}
            (Self::Not(operand), _) => operand.explain(record, !outcome, false, reason),
            (Self::All(operands), false) | (Self::Any(operands), true) => {
                let deciding = operands.iter().position(|one| one.holds(record) == outcome);
                let Some(at) = deciding else { return };
                if counted && !outcome {
                    reason.passed += at;
                }
                operands[at].explain(record, outcome, counted && !outcome, reason);
            }
            // All of the operands make it come to that.
            (Self::All(_), true) | (Self::Any(_), false) => {
                let mut leaves = Vec::new();
                self.for_each_leaf(&mut |leaf| leaves.push(leaf));
                if let [first, .., last] = &leaves[..] {
                    reason.span = first.span.start..last.span.end;
                }
                leaves.iter().for_each(|leaf| leaf.add_values(record, &mut reason.values));
                if outcome {
                    reason.labels = leaves.iter().find_map(|leaf| leaf.held_labels(record));
                }
            }
            (Self::Condition(leaf), _) => {
                reason.span = leaf.span.clone();
                leaf.add_values(record, &mut reason.values);
                reason.labels = leaf.held_labels(record);
            }
        }
    }
}

impl Leaf {
    /// Adds what the record has of the fields of the condition, each once.
    fn add_values(&self, record: &impl Record, values: &mut Vec<(String, Vec<OwnedValue>)>) {
        self.typed.for_each_subject(&mut |subject| {
            let (name, found) = self.value(subject, record);
            if values.iter().all(|(known, _)| *known != name) {
                values.push((name, found));
            }
        });
    }

    fn value(&self, subject: &Subject, record: &impl Record) -> (String, Vec<OwnedValue>) {
        let mut found = Vec::new();
        record.any(subject, &mut |value| {
            found.extend(OwnedValue::of(value));
            false
        });
        // Protocols are compared by number, and called by name.
        if subject.name() == "protocolint" && self.field == "protocol" {
            for value in &mut found {
                if let OwnedValue::Integer(number) = value
                    && let Some(name) = u8::try_from(*number).ok().and_then(protocol::name)
                {
                    *value = OwnedValue::Text(name.into());
                }
            }
            return (self.field.clone(), found);
        }
        (subject.name(), found)
    }

    /// The labels that the condition asks for and the record has, where it asks for labels of addresses.
    fn held_labels(&self, record: &impl Record) -> Option<HeldLabels> {
        let mut held: Option<HeldLabels> = None;
        self.typed.for_each_test(&mut |subject, predicate| {
            let Subject::Label(_, context) = subject else { return };
            record.any(subject, &mut |value| {
                let Some(OwnedValue::Texts(texts)) = one_by_one(value) else { return false };
                let texts =
                    texts.iter().filter(|text| reference::holds(predicate, Value::Text(text)));
                let texts: Vec<String> = texts.cloned().collect();
                if !texts.is_empty() {
                    let new = || HeldLabels { context: context.clone(), values: Vec::new() };
                    let values = &mut held.get_or_insert_with(new).values;
                    values.extend(texts);
                    values.sort_unstable();
                    values.dedup();
                }
                false
            });
        });
        held
    }
}

/// A value as a list of texts, where it is of texts.
fn one_by_one(value: Value<'_>) -> Option<OwnedValue> {
    match OwnedValue::of(value)? {
        OwnedValue::Text(text) => Some(OwnedValue::Texts([text.into()].into())),
        texts @ OwnedValue::Texts(_) => Some(texts),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::nql::{json::RecordReader, lists::Lists, testing::expressions};

    const RECORD: &str = r#"{"srcip": "10.0.0.1", "dstip": "10.0.0.2", "protocol": "udp", "dstport": 53, "packets": 3,
        "tcpflagsint": 2, "label.src.role": ["scanner", "web"], "srcinternal": true}"#;

    /// The part of the query that decides, and the values in it.
    #[track_caller]
    fn check(query: &str, outcome: bool, part: &str, values: &[(&str, &str)]) -> Reason {
        let lists = Lists::default();
        let options = Options::new(&lists);
        let traced = TracedQuery::compile(query, &options).expect("a query");
        let typed = Filter::compile(query, &options).expect("a query").typed;
        let record = RecordReader::new(&typed).read(RECORD.as_bytes()).expect("a record");
        assert_eq!(traced.holds(&record), outcome, "{query}");
        let reason = traced.reason(&record);
        assert_eq!(&query[reason.span.clone()], part, "{query}");
        let found: Vec<_> = reason
            .values
            .iter()
            .map(|(name, values)| (name.as_str(), format!("{values:?}")))
            .collect();
        let found: Vec<_> = found.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(found, values, "{query}");
        reason
    }

    #[test]
    fn the_first_condition_that_decides_is_named_with_its_value() {
        let reason = check(
            "dstport == 53 && protocol == tcp && packets > 9",
            false,
            "protocol == tcp",
            &[("protocol", "[Text(\"udp\")]")],
        );
        assert_eq!(reason.passed, 1);
        check("packets >= 3 && octets > 1", false, "octets > 1", &[("octets", "[]")]);
        let reason = check(
            "srcinternal == true && (dstport == 53 && packets in (1, 2))",
            false,
            "packets in (1, 2)",
            &[("packets", "[Integer(3)]")],
        );
        assert_eq!(reason.passed, 2);
    }

    #[test]
    fn of_alternatives_that_all_fail_all_are_named() {
        let values = [("dstport", "[Integer(53)]"), ("packets", "[Integer(3)]")];
        let reason = check(
            "packets > 1 && (dstport == 22 || packets > 9 || dstport == 23)",
            false,
            "dstport == 22 || packets > 9 || dstport == 23",
            &values,
        );
        assert_eq!(reason.passed, 1);
        check("dstport == 22 || packets > 1", true, "packets > 1", &values[1..]);
    }

    #[test]
    fn below_a_negation_the_part_that_holds_decides() {
        let query = "dstport == 53 && !(packets > 9 || label.ip.role in (scanner, bot))";
        let values =
            [("label.dst.role", "[]"), ("label.src.role", "[Text(\"scanner\"), Text(\"web\")]")];
        let reason = check(query, false, "label.ip.role in (scanner, bot)", &values);
        assert_eq!(reason.passed, 1);
        let held = reason.labels.expect("labels");
        assert_eq!((held.context.as_str(), held.values), ("role", vec!["scanner".to_owned()]));
        check("packets != 3", false, "packets != 3", &[("packets", "[Integer(3)]")]);
        check("", true, "", &[]);
    }

    proptest! {
        /// It holds of the records that the reference says, and what decides is a part of the text.
        #[test]
        fn it_agrees_with_the_reference(expression in expressions()) {
            let text = expression.to_string();
            let lists = Lists::default();
            let options = Options::new(&lists);
            let traced = TracedQuery::compile(&text, &options).expect("a query");
            let typed = Filter::compile(&text, &options).expect("a query").typed;
            for record in [RECORD, "{}", r#"{"srcip": "2001:db8::1", "protocol": "tcp", "dstport": 22}"#] {
                let record = RecordReader::new(&typed).read(record.as_bytes()).expect("a record");
                prop_assert_eq!(traced.holds(&record), reference::matches(&typed, &record));
                let reason = traced.reason(&record);
                prop_assert!(text.get(reason.span.clone()).is_some_and(|part| !part.is_empty()));
            }
        }
    }
}
