//! How many finished files are kept. What is deleted is counted and logged.

use std::{fs, io, path::PathBuf};

/// How many files are kept beside the one under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// So many at most; `None` for any number.
    pub keep: Option<u64>,
    /// So many octets at most, those that the file under way may have included; `None` for any number.
    pub max_total: Option<u64>,
}

/// Files that were deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// How many.
    pub files: u64,
    /// Their octets.
    pub octets: u64,
}

impl Deleted {
    /// Adds those of another time.
    pub fn add(&mut self, more: Self) {
        self.files += more.files;
        self.octets += more.octets;
    }

    /// Deletes a file of `octets` octets, and counts it. One that somebody else has taken is no fault.
    pub(super) fn delete(&mut self, path: &PathBuf, octets: u64) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => {
                tracing::info!(file = %path.display(), octets, "deleted: limit of kept files reached");
                self.add(Self { files: 1, octets });
                Ok(())
            }
        }
    }
}

impl Retention {
    /// Deletes those of `files` (path and octets, the youngest first) that are too many. `reserve` octets are for the file
    /// under way.
    ///
    /// # Errors
    /// When one cannot be deleted; the others are.
    pub fn enforce(
        &self,
        files: &[(PathBuf, u64)],
        reserve: u64,
        deleted: &mut Deleted,
    ) -> io::Result<()> {
        let sizes = files.iter().map(|(_, octets)| *octets);
        let mut result = Ok(());
        for (path, octets) in &files[self.kept(sizes, reserve)..] {
            if let Err(error) = deleted.delete(path, *octets) {
                result = Err(error);
            }
        }
        result
    }

    /// How many of the youngest files are kept, given their octets.
    fn kept(&self, sizes: impl Iterator<Item = u64>, reserve: u64) -> usize {
        let mut total = reserve;
        let limit = self.max_total.unwrap_or(u64::MAX);
        let fits = |octets: &u64| {
            total = total.saturating_add(*octets);
            total <= limit
        };
        let keep = self.keep.map_or(usize::MAX, |keep| usize::try_from(keep).unwrap_or(usize::MAX));
        sizes.take(keep).take_while(fits).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_total_bound_what_is_kept() {
        let kept = |keep, max_total, reserve| {
            Retention { keep, max_total }.kept([10, 20, 30, 40].into_iter(), reserve)
        };
        assert_eq!(kept(None, None, 1 << 40), 4);
        assert_eq!(kept(Some(3), None, 0), 3);
        assert_eq!(kept(Some(0), None, 0), 0);
        assert_eq!(kept(None, Some(60), 0), 3);
        assert_eq!(kept(None, Some(60), 1), 2);
        assert_eq!(kept(Some(1), Some(60), 0), 1);
        assert_eq!(kept(None, Some(5), 10), 0);
    }

    #[test]
    fn what_is_deleted_is_counted_and_what_is_gone_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for name in ["a", "b"] {
            fs::write(path(name), "12345").unwrap();
        }
        let files = [(path("a"), 5), (path("b"), 5), (path("c"), 5)];
        let mut deleted = Deleted::default();
        let retention = Retention { keep: Some(1), max_total: None };
        retention.enforce(&files, 0, &mut deleted).unwrap();
        assert_eq!(deleted, Deleted { files: 1, octets: 5 });
        assert!(path("a").exists() && !path("b").exists());
    }
}
