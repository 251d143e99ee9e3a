//! Which files of cloud inventories have changed since they were read.
//!
//! Whatever fetches an inventory writes it anew every few minutes, and rarely all of its files at once. So they are read when all
//! of them have stayed as they are from one look to the next.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// A file as far as a look from outside tells; none where there is no file.
type Look = Option<[i128; 4]>;

/// Files that are looked at again and again.
#[derive(Debug, Default)]
pub struct Watch {
    /// As they were when they were read.
    read: Vec<(PathBuf, Look)>,
    /// As they were last.
    last: Vec<(PathBuf, Look)>,
}

impl Watch {
    /// These files are being read now.
    pub fn reads<'f>(&mut self, files: impl Iterator<Item = &'f Path>) {
        self.read = look(files);
        self.last.clone_from(&self.read);
    }

    /// Whether these files are to be read again.
    pub fn is_due<'f>(&mut self, files: impl Iterator<Item = &'f Path>) -> bool {
        let now = look(files);
        let is_settled = now == self.last;
        self.last = now;
        is_settled && self.last != self.read
    }
}

fn look<'f>(files: impl Iterator<Item = &'f Path>) -> Vec<(PathBuf, Look)> {
    let look = |path: &Path| {
        let of = fs::metadata(path).ok()?;
        let changed = i128::from(of.mtime()) * 1_000_000_000 + i128::from(of.mtime_nsec());
        Some([of.dev().into(), of.ino().into(), of.size().into(), changed])
    };
    files.map(|path| (path.to_owned(), look(path))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_when_they_have_changed_and_changed_no_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let paths = ["a", "b"].map(|name| folder.path().join(name));
        let files = || paths.iter().map(PathBuf::as_path);
        fs::write(&paths[0], "1").expect("written");
        let mut watch = Watch::default();
        watch.reads(files());
        assert!(!watch.is_due(files()));
        fs::write(&paths[0], "22").expect("written");
        assert!(!watch.is_due(files()), "it may still be written");
        fs::write(&paths[1], "1").expect("written");
        assert!(!watch.is_due(files()), "one of them may still be written");
        assert!(watch.is_due(files()));
        assert!(watch.is_due(files()), "until somebody reads them");
        watch.reads(files());
        assert!(!watch.is_due(files()));
        fs::remove_file(&paths[0]).expect("removed");
        assert_eq!([watch.is_due(files()), watch.is_due(files())], [false, true]);
    }
}
