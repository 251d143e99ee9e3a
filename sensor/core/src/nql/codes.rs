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
        "Operators need a space on both sides: `srcport == 53`. Without it, the operator would be part of the adjacent word. Quote a value that contains an operator."
    MIXED_CONNECTIVES Error "N102" "AND and OR mixed without parentheses"
        "AND and OR have no precedence. Add parentheses to choose one of the two readings."
    EXPECTED_CONDITION Error "N103" "condition missing"
        "Every AND, OR, NOT and pair of parentheses needs a condition: `field operator value`."
    EXPECTED_OPERATOR Error "N104" "operator missing after a field"
        "A field alone is not a condition, not even a boolean one: write `srcinternal == true`."
    UNKNOWN_OPERATOR Error "N105" "unknown operator"
        "The operators are `==`, `!=`, `<`, `<=`, `>`, `>=`, `=~`, `!~`, `in` and `not in`; `&&` and `||` join conditions."
    EXPECTED_VALUE Error "N106" "value missing"
        "An operator needs one value on its right. Quote words such as `and` to use them as values."
    UNCLOSED_PARENTHESIS Error "N107" "parenthesis not closed"
        "Each `(` needs a matching `)`."
    UNOPENED_PARENTHESIS Error "N108" "parenthesis not opened"
        "Each `)` needs a matching `(` before it."
    UNCLOSED_QUOTE Error "N109" "quote not closed"
        "A value that begins with a quote must end with the same quote. Inside, write `\\'` for the quote and `\\\\` for the backslash."
    NOT_NEEDS_GROUP Error "N110" "`!` without parentheses"
        "`!` negates the parentheses after it: `!(srcip == 10.0.0.1)`. For a single condition, use the opposite operator."
    BAD_FIELD_NAME Error "N111" "invalid field name"
        "Names consist of letters, digits, `_` and `-`, joined by dots, without spaces."
    EXPECTED_CONNECTIVE Error "N112" "AND or OR missing between two conditions"
        "Join conditions with `&&` or `||`. Quote a value that contains a space."
    BAD_LIST Error "N113" "invalid list"
        "`in` takes comma-separated values in parentheses, `(22, 23)`, or the name of a list, `$name`."
    UNCLOSED_REGEX Error "N114" "regular expression not closed"
        "Enclose a regular expression in slashes; write a slash inside it as `\\/`."
    AFTER_VALUE Error "N115" "missing space after a value"
        "A space or a parenthesis must follow a closing quote or slash."
    // What names and values mean.
    UNKNOWN_FIELD Error "N201" "unknown field"
        "Each context has its own fields; `sensor fields` lists those of flows."
    NO_ORDER Error "N202" "field cannot be ordered"
        "`<`, `<=`, `>` and `>=` compare numbers. For addresses, use prefixes; for protocol numbers, use `protocolint`."
    NO_PATTERNS Error "N203" "field does not support patterns"
        "`=~` and `!~` work on the fields marked *patterns* in the field list."
    WRONG_TYPE Error "N204" "wrong value type"
        "The value must have the type of the field: a number, an address or prefix, `true` or `false`."
    OUT_OF_RANGE Error "N205" "number out of range"
        "The number is outside the range of the field, so the condition would be the same for every record."
    UNKNOWN_PROTOCOL Error "N206" "unknown protocol"
        "Use an IANA protocol name or number."
    UNKNOWN_CHOICE Error "N207" "unknown value of an enumerated field"
        "The field has a fixed set of values that does not include this one."
    BAD_PATTERN Error "N208" "invalid pattern"
        "Wildcards are `*` and `?`. Enclose regular expressions in slashes, in Lucene syntax."
    NOT_COMPARABLE Error "N209" "fields of different types compared"
        "Both fields must have the same type; the right side cannot be a list or an alias."
    NO_LISTS Error "N210" "field does not support lists"
        "`in` works on integers, addresses and strings."
    UNKNOWN_LIST Error "N211" "unknown named list"
        "Define the list with `--list NAME=FILE` or in the section `[lists]` of the configuration."
    // What strict mode refuses.
    EXTENSION Error "N301" "extension rejected in strict mode"
        "This construct is an extension of this project. Strict mode accepts only the public language."
    // Limits.
    QUERY_TOO_LONG Error "N401" "query too long"
        "The limit `query_bytes` bounds the length of the query. Move long lists into named lists."
    TOO_DEEP Error "N402" "nested too deeply"
        "The limit `depth` bounds the nesting of parentheses and negations."
    TOO_MANY_TERMS Error "N403" "too many terms"
        "The limit `terms` bounds conditions and list entries. Move long lists into named lists."
    PATTERN_TOO_LARGE Error "N404" "pattern too large"
        "The limit `regex_bytes` bounds the compiled form. Nested repetition and wide ranges make it grow."
    TOO_FUZZY Error "N405" "fuzzy distance too high"
        "The limit `fuzzy_distance` bounds `N` in `word~N`."
    TOO_MANY_PATTERNS Error "N406" "too many patterns"
        "The limit `patterns` bounds their number, because each needs its own memory. Combine alternatives in one pattern: `/(a|b).*/`."
    TOO_MANY_FAULTS Error "N407" "too many errors"
        "The limit `faults` bounds the errors reported at once. Fix these to see the rest."
    // What is allowed but looks like a mistake.
    HOST_BITS Warning "N501" "address has host bits set"
        "The address has bits set beyond the prefix length. They are ignored."
    UNREADABLE_ENTRIES Warning "N502" "list with values of the wrong type"
        "Some values of the named list do not have the type of the field and match nothing."
    CONSTANT Warning "N503" "condition does not depend on the value"
        "The condition is true for every value of the field, or for none."
    ALWAYS_TRUE Warning "N504" "OR of inequalities is always true"
        "No value equals both, so one side is always true. `&&` is usually meant."
    TOO_MANY_WARNINGS Warning "N505" "too many warnings"
        "The limit `faults` bounds the warnings reported at once."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_unique() {
        assert!(CODES.windows(2).all(|pair| pair[0].code < pair[1].code));
    }
}
