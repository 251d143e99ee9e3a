//! THE table of diagnostics: one row a code. Codes are stable, and never used again for something else.
//!
//! Documentation is derived from it, and a golden test exists for every row.

use std::ops::Range;

use crate::diagnostic::{Diagnostic, Severity};

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The code itself.
    pub code: &'static str,
    /// Errors forbid to use the query, warnings do not.
    pub severity: Severity,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// Why it is so and what to write instead, in a sentence or two.
    pub explanation: &'static str,
}

impl Code {
    /// A diagnostic of this code.
    pub fn at(&self, span: Range<usize>, message: impl Into<String>) -> Diagnostic {
        let diagnostic = Diagnostic::error(message, span);
        Diagnostic { code: Some(self.code), severity: self.severity, ..diagnostic }
    }
}

macro_rules! codes {
    ($($name:ident $severity:ident $code:literal $title:literal $explanation:literal)*) => {
        $(
            #[doc = $title]
            pub const $name: Code = Code {
                code: $code,
                severity: Severity::$severity,
                title: $title,
                explanation: $explanation,
            };
        )*

        /// All rows, by code.
        pub const CODES: &[Code] = &[$($name),*];
    };
}

codes! {
    // How a query is written.
    MISSING_SPACE Error "N101" "space missing around an operator"
        "Operators have a space on both sides: `srcport == 53`. Without it, the operator would be part of the word beside it. To have an operator inside a value, quote the value."
    MIXED_CONNECTIVES Error "N102" "AND and OR mixed without parentheses"
        "There is no precedence between AND and OR. Parentheses say which of the two readings is meant."
    EXPECTED_CONDITION Error "N103" "condition missing"
        "Every AND, OR, NOT and pair of parentheses needs a condition, `field operator value`, where it stands."
    EXPECTED_OPERATOR Error "N104" "operator missing after a field"
        "A field alone is no condition, not even one that is true or false: write `srcinternal == true`."
    UNKNOWN_OPERATOR Error "N105" "no such operator"
        "The operators are `==`, `!=`, `<`, `<=`, `>`, `>=`, `=~`, `!~`, `in` and `not in`; conditions are joined by `&&` and `||`."
    EXPECTED_VALUE Error "N106" "value missing"
        "An operator has one value on its right. Words such as `and` are values only in quotes."
    UNCLOSED_PARENTHESIS Error "N107" "parenthesis not closed"
        "Each `(` needs its `)`."
    UNOPENED_PARENTHESIS Error "N108" "parenthesis not opened"
        "Each `)` needs its `(` before it."
    UNCLOSED_QUOTE Error "N109" "quote not closed"
        "A value that begins with a quote ends with the same quote. Inside, `\\'` is the quote and `\\\\` the backslash."
    NOT_NEEDS_GROUP Error "N110" "`!` before something that is not in parentheses"
        "`!` negates the parentheses after it: `!(srcip == 10.0.0.1)`. For one condition, the opposite operator is shorter."
    BAD_FIELD_NAME Error "N111" "not the form of a field name"
        "Names are letters, digits, `_` and `-`, joined by dots, without spaces."
    EXPECTED_CONNECTIVE Error "N112" "AND or OR missing between two conditions"
        "Conditions are joined by `&&` or `||`. A value with a space in it needs quotes."
    BAD_LIST Error "N113" "not a list"
        "`in` takes values in parentheses with commas between them, `(22, 23)`, or the name of a list, `$name`."
    UNCLOSED_REGEX Error "N114" "regular expression not closed"
        "A regular expression stands between two slashes; a slash inside it is written `\\/`."
    AFTER_VALUE Error "N115" "text directly after a value"
        "What follows a closing quote or slash is a space or a parenthesis."
    // What names and values mean.
    UNKNOWN_FIELD Error "N201" "no such field"
        "Each context has its own fields; `sensor fields` lists those of flows."
    NO_ORDER Error "N202" "field without an order"
        "`<`, `<=`, `>` and `>=` compare numbers. Addresses are compared by prefixes, protocols have numbers in `protocolint`."
    NO_PATTERNS Error "N203" "field that takes no patterns"
        "`=~` and `!~` apply to the fields that the field list marks."
    WRONG_TYPE Error "N204" "value of another type"
        "The value must be of the field's type: a number, an address or prefix, `true` or `false`."
    OUT_OF_RANGE Error "N205" "number out of range"
        "The field cannot hold this number, so the condition could never mean anything."
    UNKNOWN_PROTOCOL Error "N206" "no such protocol"
        "Protocols have their IANA names or numbers."
    UNKNOWN_CHOICE Error "N207" "not one of the field's values"
        "The field has few possible values, and this is none of them."
    BAD_PATTERN Error "N208" "not a pattern"
        "Wildcards are `*` and `?`. Regular expressions stand between slashes and are of the Lucene dialect."
    NOT_COMPARABLE Error "N209" "fields of different types compared"
        "Two fields compare when they are of one type; lists and aliases do not stand on the right."
    NO_LISTS Error "N210" "field that takes no lists"
        "`in` applies to whole numbers, addresses and texts."
    UNKNOWN_LIST Error "N211" "no such named list"
        "The lists are those that were given with the query, by configuration or command line."
    // What strict mode refuses.
    EXTENSION Error "N301" "extension in strict mode"
        "The construct is an addition of this project. Strict mode accepts the public language only."
    // Limits.
    QUERY_TOO_LONG Error "N401" "query too long"
        "The limit `query_bytes` bounds the text. Long lists belong into named lists."
    TOO_DEEP Error "N402" "nested too deep"
        "The limit `depth` bounds parentheses and negations inside each other."
    TOO_MANY_TERMS Error "N403" "too many terms"
        "The limit `terms` bounds conditions and list entries. Long lists belong into named lists."
    PATTERN_TOO_LARGE Error "N404" "pattern too large"
        "The limit `regex_bytes` bounds the compiled form. Repetition of repetition and wide intervals are what makes it grow."
    TOO_FUZZY Error "N405" "fuzzy distance too high"
        "The limit `fuzzy_distance` bounds the edits of `word~N`."
    TOO_MANY_PATTERNS Error "N406" "too many patterns"
        "The limit `patterns` bounds them, because each takes memory of its own. One pattern can have alternatives: `/(a|b).*/`."
    TOO_MANY_FAULTS Error "N407" "too many faults"
        "The limit `faults` bounds those that are told at once; the rest comes when these are mended."
    // What is allowed but looks like a mistake.
    HOST_BITS Warning "N501" "prefix with bits below it"
        "The address has bits set that the prefix length says do not count. They are ignored."
    UNREADABLE_ENTRIES Warning "N502" "list with values that the field cannot have"
        "Some values of the named list are not of the field's type, and match nothing."
    CONSTANT Warning "N503" "condition that is the same for every value"
        "Every value of the field, or none, fulfils the condition."
    ALWAYS_TRUE Warning "N504" "OR of inequalities that is always true"
        "No value equals both, so one of the two always holds. `&&` is what is meant most often."
    TOO_MANY_WARNINGS Warning "N505" "too many warnings"
        "The limit `faults` bounds those that are told at once."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_unique() {
        assert!(CODES.windows(2).all(|pair| pair[0].code < pair[1].code));
    }
}
