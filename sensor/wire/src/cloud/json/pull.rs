//! Reads JSON in place, from the front to the back, without a tree of it: whoever reads says what a value is to be.
//!
//! Nothing is recursive, so that no nesting is too deep to be passed over.

use std::borrow::Cow;

/// Not JSON, or not what was asked for; the octets from where it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syntax<'j>(pub &'j [u8]);

/// What has been read.
pub type Read<'j, T> = Result<T, Syntax<'j>>;

/// Octets of JSON that are still to be read.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'j> {
    rest: &'j [u8],
}

impl<'j> Reader<'j> {
    /// All of these.
    pub fn new(octets: &'j [u8]) -> Self {
        Self { rest: octets }
    }

    /// The octets that are still to be read.
    pub fn rest(&self) -> &'j [u8] {
        self.rest
    }

    /// The first octet of the next value, or what is between values; 0 at the end.
    #[inline(always)]
    pub fn peek(&mut self) -> u8 {
        while let [b' ' | b'\n' | b'\r' | b'\t', behind @ ..] = self.rest {
            self.rest = behind;
        }
        self.rest.first().copied().unwrap_or(0)
    }

    /// The next octets, where there are so many, behind the quotation mark of a string; none where no string comes.
    #[inline(always)]
    pub fn within<const N: usize>(&mut self) -> Option<&'j [u8; N]> {
        if self.peek() == b'"' { self.rest[1..].first_chunk() } else { None }
    }

    /// Passes over the string that comes, of which somebody has found so many octets between its quotation marks.
    #[inline(always)]
    pub fn pass(&mut self, octets: usize) {
        self.rest = self.rest.get(octets + 2..).unwrap_or_default();
    }

    fn fault<T>(&self) -> Read<'j, T> {
        Err(Syntax(self.rest))
    }

    /// Takes `octet`, if it is the next one.
    #[inline(always)]
    fn takes(&mut self, octet: u8) -> bool {
        let is_next = self.peek() == octet;
        if is_next {
            self.rest = &self.rest[1..];
        }
        is_next
    }

    #[inline(always)]
    fn must(&mut self, octet: u8) -> Read<'j, ()> {
        if self.takes(octet) { Ok(()) } else { self.fault() }
    }

    /// Reads an object: calls `each` with the name of every member, to read its value. That must read all of it.
    ///
    /// # Errors
    /// Where there is none, and those of `each`.
    #[inline(always)]
    pub fn object(
        &mut self,
        mut each: impl FnMut(&[u8], &mut Self) -> Read<'j, ()>,
    ) -> Read<'j, ()> {
        self.must(b'{')?;
        if self.takes(b'}') {
            return Ok(());
        }
        loop {
            let name = self.string()?;
            self.must(b':')?;
            each(&name, self)?;
            if !self.takes(b',') {
                return self.must(b'}');
            }
        }
    }

    /// Reads an array: calls `each` to read every value of it.
    ///
    /// # Errors
    /// Where there is none, and those of `each`.
    #[inline(always)]
    pub fn array(&mut self, mut each: impl FnMut(&mut Self) -> Read<'j, ()>) -> Read<'j, ()> {
        self.must(b'[')?;
        if self.takes(b']') {
            return Ok(());
        }
        loop {
            each(self)?;
            if !self.takes(b',') {
                return self.must(b']');
            }
        }
    }

    /// Reads a string.
    ///
    /// # Errors
    /// Where there is none.
    #[inline(always)]
    pub fn string(&mut self) -> Read<'j, Cow<'j, [u8]>> {
        let begin = *self;
        self.must(b'"')?;
        let within = self.rest;
        let mut end = special(within).unwrap_or(within.len());
        if within.get(end) == Some(&b'"') {
            self.rest = &within[end + 1..];
            return Ok(Cow::Borrowed(&within[..end]));
        }
        while let Some(b'\\') = within.get(end) {
            let behind = (end + 2).min(within.len());
            end = behind + special(&within[behind..]).unwrap_or(within.len() - behind);
        }
        if end >= within.len() {
            return Err(Syntax(begin.rest));
        }
        self.rest = &within[end + 1..];
        Ok(Cow::Owned(plain(&within[..end])))
    }

    /// Reads a string, a number, `true` or `false` as text; nothing of `null`, and of an object or array, which is passed over.
    ///
    /// # Errors
    /// Where there is no value.
    #[inline(always)]
    pub fn scalar(&mut self) -> Read<'j, Cow<'j, [u8]>> {
        match self.peek() {
            b'"' => self.string(),
            b'{' | b'[' => {
                self.skip()?;
                Ok(Cow::Borrowed(b""))
            }
            _ => match self.word()? {
                b"null" => Ok(Cow::Borrowed(b"")),
                word => Ok(Cow::Borrowed(word)),
            },
        }
    }

    /// Reads what stands without quotation marks.
    #[inline(always)]
    fn word(&mut self) -> Read<'j, &'j [u8]> {
        let is_part =
            |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'+' | b'.');
        let length = self.rest.iter().position(|octet| !is_part(octet)).unwrap_or(self.rest.len());
        if length == 0 {
            return self.fault();
        }
        let (word, behind) = self.rest.split_at(length);
        self.rest = behind;
        Ok(word)
    }

    /// Passes over a value, and returns a reader of it. Of what is nested only the brackets and strings are looked at.
    ///
    /// # Errors
    /// Where there is none, or where it does not end.
    pub fn skip(&mut self) -> Read<'j, Self> {
        let begin = match self.peek() {
            b'"' => {
                let begin = *self;
                self.string()?;
                return Ok(begin);
            }
            b'{' | b'[' => *self,
            _ => {
                let begin = *self;
                self.word()?;
                return Ok(begin);
            }
        };
        let mut depth = 0_usize;
        let mut rest = self.rest;
        while let [octet, behind @ ..] = rest {
            rest = behind;
            match octet {
                b'"' => {
                    let mut string = Self { rest: behind };
                    string.end_string()?;
                    rest = string.rest;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.rest = rest;
                        return Ok(begin);
                    }
                }
                _ => {}
            }
        }
        Err(Syntax(begin.rest))
    }

    /// Passes over the rest of a string whose first quotation mark is read.
    #[inline(always)]
    fn end_string(&mut self) -> Read<'j, ()> {
        loop {
            let Some(at) = special(self.rest) else { return self.fault() };
            let is_end = self.rest[at] == b'"';
            self.rest = self.rest.get(at + if is_end { 1 } else { 2 }..).unwrap_or_default();
            if is_end {
                return Ok(());
            }
        }
    }
}

/// The place of the first quotation mark or backslash.
#[inline(always)]
fn special(octets: &[u8]) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = octets.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let zero = |differs: u64| differs.wrapping_sub(LOW) & !differs & HIGH;
        // Of each, the lowest octet that is zero is found truly.
        let found = zero(word ^ (LOW * b'"' as u64)) | zero(word ^ (LOW * b'\\' as u64));
        if found != 0 {
            return Some(at * 8 + (found.trailing_zeros() / 8) as usize);
        }
    }
    let place = rest.iter().position(|octet| matches!(octet, b'"' | b'\\'));
    place.map(|at| words.len() * 8 + at)
}

/// The text of a string with escapes; as it stands where they are none.
#[cold]
fn plain(within: &[u8]) -> Vec<u8> {
    let quoted = [b"\"", within, b"\""].concat();
    serde_json::from_slice(&quoted).map_or_else(|_| within.to_vec(), String::into_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// The same value as a tree, by way of the reader.
    fn tree<'j>(reader: &mut Reader<'j>) -> Read<'j, Value> {
        Ok(match reader.peek() {
            b'{' => {
                let mut map = serde_json::Map::new();
                reader.object(|name, value| {
                    map.insert(String::from_utf8_lossy(name).into_owned(), tree(value)?);
                    Ok(())
                })?;
                map.into()
            }
            b'[' => {
                let mut values = Vec::new();
                reader.array(|value| {
                    values.push(tree(value)?);
                    Ok(())
                })?;
                values.into()
            }
            b'"' => String::from_utf8_lossy(&reader.string()?).into_owned().into(),
            _ => {
                let begin = reader.rest();
                let text = reader.scalar()?;
                let text = if text.is_empty() { b"null" } else { &*text };
                serde_json::from_slice(text).map_err(|_| Syntax(begin))?
            }
        })
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a\"\\\\,{}\\[\\]\u{1}\u{e9}/\n]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::hash_map("[a-c\"\\\\]{0,3}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn values_are_read_as_they_are_written(value in value(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let text = text.expect("a value") + " ,behind";
            let mut reader = Reader::new(text.as_bytes());
            prop_assert_eq!(tree(&mut reader), Ok(value));
            prop_assert_eq!(reader.rest(), b" ,behind");
            let mut reader = Reader::new(text.as_bytes());
            let mut skipped = reader.skip().expect("a value");
            prop_assert_eq!(reader.rest(), b" ,behind");
            prop_assert_eq!(tree(&mut skipped), tree(&mut Reader::new(text.as_bytes())));
        }

        #[test]
        fn any_octets_are_a_value_or_a_fault(octets in proptest::collection::vec(
            prop_oneof![Just(b'"'), Just(b'\\'), Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b','), Just(b':'), Just(b'1'), any::<u8>()],
            0..40,
        )) {
            let whole: Option<Value> = serde_json::from_slice(&octets).ok();
            let mut reader = Reader::new(&octets);
            let read = tree(&mut reader);
            if let Some(whole) = whole {
                prop_assert_eq!(read, Ok(whole));
            }
            let mut reader = Reader::new(&octets);
            let _ = reader.skip();
            prop_assert!(reader.rest().len() <= octets.len());
        }
    }

    #[test]
    fn what_is_cut_short_is_a_fault() {
        let text = r#"{"a": ["\"", {"b\\": 1}], "c": "d"}"#;
        assert!(Reader::new(text.as_bytes()).skip().is_ok());
        for length in 0..text.len() {
            let cut = &text.as_bytes()[..length];
            assert!(Reader::new(cut).skip().is_err(), "{length}");
            assert!(tree(&mut Reader::new(cut)).is_err(), "{length}");
        }
    }

    #[test]
    fn no_nesting_is_too_deep_to_be_passed_over() {
        let deep = "[".repeat(1 << 20) + &"]".repeat(1 << 20);
        let mut reader = Reader::new(deep.as_bytes());
        assert!(reader.skip().is_ok() && reader.rest().is_empty());
        let open = "{\"a\":".repeat(1 << 20);
        assert!(Reader::new(open.as_bytes()).skip().is_err());
    }

    #[test]
    fn scalars_are_text_and_the_rest_is_nothing() {
        for (text, expected) in [
            ("1", "1"),
            (" -1.5e3,", "-1.5e3"),
            ("true}", "true"),
            ("null", ""),
            ("\"a\\/b\"", "a/b"),
            ("\"\\ud800\"", "\\ud800"),
            ("[1,2]", ""),
            ("{\"a\":1}", ""),
        ] {
            let read = Reader::new(text.as_bytes()).scalar().expect("a value");
            assert_eq!(String::from_utf8_lossy(&read), expected);
        }
        assert_eq!(Reader::new(b"}").scalar(), Err(Syntax(b"}")));
    }
}
