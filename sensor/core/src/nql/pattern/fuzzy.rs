//! Fuzzy words: at most so many insertions, deletions and substitutions away (Levenshtein).

/// A word and the distance that still matches.
#[derive(Clone, Debug)]
pub struct Word {
    characters: Vec<char>,
    distance: usize,
    ignore_case: bool,
}

impl Word {
    /// `distance` `None` chooses by length: 0 up to two characters, 1 up to five, 2 above.
    pub fn new(word: &str, distance: Option<u8>, ignore_case: bool) -> Self {
        let fold = |character: char| {
            if ignore_case { character.to_ascii_lowercase() } else { character }
        };
        let characters: Vec<char> = word.chars().map(fold).collect();
        let distance = match (distance, characters.len()) {
            (Some(distance), _) => distance.into(),
            (None, 0..=2) => 0,
            (None, 3..=5) => 1,
            (None, _) => 2,
        };
        Self { characters, distance, ignore_case }
    }

    /// Its characters; in ASCII lower case where case does not count.
    pub fn characters(&self) -> &[char] {
        &self.characters
    }

    /// The distance that still matches.
    pub fn distance(&self) -> usize {
        self.distance
    }

    /// True when `text` is near enough. Looks at no more of it than the word's length plus the distance.
    pub fn matches(&self, text: &str) -> bool {
        let (word, distance) = (&self.characters, self.distance);
        // Row of the edit-distance table: the distance between the text so far and the first `i` characters of the word.
        let mut row: Vec<usize> = (0..=word.len()).collect();
        for (read, character) in text.chars().enumerate() {
            if read >= word.len() + distance {
                return false;
            }
            let character =
                if self.ignore_case { character.to_ascii_lowercase() } else { character };
            let mut diagonal = std::mem::replace(&mut row[0], read + 1);
            let mut lowest = row[0];
            for (i, own) in word.iter().enumerate() {
                let substituted = diagonal + usize::from(*own != character);
                diagonal = row[i + 1];
                row[i + 1] = substituted.min(row[i] + 1).min(diagonal + 1);
                lowest = lowest.min(row[i + 1]);
            }
            if lowest > distance {
                return false;
            }
        }
        row[word.len()] <= distance
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn automatic_distance_by_length() {
        let near = |word: &str, text: &str| Word::new(word, None, false).matches(text);
        assert!(near("ab", "ab") && !near("ab", "ac"));
        assert!(near("cat", "cut") && near("cat", "cats") && near("cat", "at"));
        assert!(!near("cat", "dog") && !near("cat", "cutt") && !near("cat", "Ctt"));
        assert!(near("network", "netwrk") && near("network", "networks1"));
        assert!(near("été", "ete") == (strsim::levenshtein("été", "ete") <= 1));
    }

    proptest! {
        #[test]
        fn agrees_with_the_textbook(word in "[abé]{0,8}", text in "[abéc]{0,12}", distance in 0u8..4) {
            let expected = strsim::levenshtein(&word, &text) <= distance.into();
            prop_assert_eq!(Word::new(&word, Some(distance), false).matches(&text), expected);
        }
    }
}
