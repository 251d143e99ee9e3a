//! Objects of an array of which the first few are kept, and all counted.

use std::ops::Deref;

use super::{
    pull::{Read, Reader},
    values::Member,
};

/// Objects that are kept.
const KEPT: usize = 64;

/// Objects in an array, or one without it.
#[derive(Debug)]
pub struct Counted<T> {
    kept: Vec<T>,
    /// How many there are; none where the member is missing, or `null`.
    pub count: Option<u64>,
}

impl<T> Default for Counted<T> {
    fn default() -> Self {
        Self { kept: Vec::new(), count: None }
    }
}

impl<T> Deref for Counted<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.kept
    }
}

impl<'a, T: Member<'a>> Member<'a> for Counted<T> {
    fn fill(&mut self, reader: &mut Reader<'a>) -> Read<'a, ()> {
        *self = Self::default();
        let mut count = 0;
        let mut one = |reader: &mut Reader<'a>| {
            count += 1;
            if self.kept.len() == KEPT {
                return reader.skip().map(drop);
            }
            let mut value = T::default();
            value.fill(reader)?;
            self.kept.push(value);
            Ok(())
        };
        match reader.peek() {
            b'[' => reader.array(one)?,
            b'{' => one(reader)?,
            _ => return reader.skip().map(drop),
        }
        self.count = Some(count);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::json::values::Text;

    #[test]
    fn objects_beyond_the_first_are_counted() {
        for (text, kept, count) in [
            ("[]", 0, Some(0)),
            ("{}", 1, Some(1)),
            ("null", 0, None),
            ("\"x\"", 0, None),
            ("[1, 2]", 2, Some(2)),
            (&format!("[{}]", vec!["{}"; 1000].join(",")), KEPT, Some(1000)),
        ] {
            let mut counted = Counted::<Text<'_>>::default();
            counted.fill(&mut Reader::new(text.as_bytes())).expect("JSON");
            assert_eq!((counted.len(), counted.count), (kept, count), "{text}");
        }
        let mut counted = Counted::<Text<'_>>::default();
        assert!(counted.fill(&mut Reader::new(b"[1, ")).is_err());
    }
}
