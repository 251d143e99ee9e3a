//! Files that cannot be read to their end: the others are read all the same, and the end of the run says which they were.

use anyhow::Error;

/// Files that are told by name.
const TOLD: usize = 20;

/// Some of several files could not be read to their end, and the others were.
#[derive(Debug, thiserror::Error)]
#[error("{count} of {files} files could not be read to their end, the others were read: {told}")]
pub struct UnreadFiles {
    count: usize,
    files: usize,
    told: String,
}

/// Those of some files.
#[derive(Debug)]
pub struct Unread {
    files: usize,
    faults: Vec<Error>,
}

impl Unread {
    /// None so far, of so many.
    pub fn new(files: usize) -> Self {
        Self { files, faults: Vec::new() }
    }

    /// Takes note of how reading one of them went.
    pub fn note(&mut self, result: anyhow::Result<()>) {
        self.faults.extend(result.err());
    }

    /// What is wrong in the end.
    ///
    /// # Errors
    /// Why the only file could not be read to its end, or which of several.
    pub fn end(mut self) -> anyhow::Result<()> {
        let (count, files) = (self.faults.len(), self.files);
        if count <= 1 && files <= 1 {
            return self.faults.pop().map_or(Ok(()), Err);
        }
        if count == 0 {
            return Ok(());
        }
        let told = self.faults.iter().take(TOLD).map(|error| format!("{error:#}"));
        let mut told = told.collect::<Vec<_>>().join("; ");
        if count > TOLD {
            told.push_str(&format!("; and {} more", count - TOLD));
        }
        match count == files {
            true => anyhow::bail!("none of {files} files could be read to its end: {told}"),
            false => Err(UnreadFiles { count, files, told }.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    fn of(files: usize, faults: usize) -> anyhow::Result<()> {
        let mut unread = Unread::new(files);
        unread.note(Ok(()));
        (0..faults).for_each(|at| unread.note(Err(anyhow!("file {at} is cut"))));
        unread.end()
    }

    #[test]
    fn the_end_says_which_they_were() {
        assert!(of(0, 0).is_ok() && of(3, 0).is_ok());
        let only = of(1, 1).unwrap_err();
        assert_eq!((only.to_string().as_str(), only.is::<UnreadFiles>()), ("file 0 is cut", false));
        let some = of(3, 2).unwrap_err();
        assert!(some.is::<UnreadFiles>());
        assert_eq!(
            some.to_string(),
            "2 of 3 files could not be read to their end, the others were read: file 0 is cut; file 1 is cut"
        );
        let all = of(2, 2).unwrap_err();
        assert!(!all.is::<UnreadFiles>());
        assert!(all.to_string().starts_with("none of 2 files could be read to its end: file 0"));
        let many = of(50, 21).unwrap_err().to_string();
        assert!(many.ends_with("file 19 is cut; and 1 more"), "{many}");
    }
}
