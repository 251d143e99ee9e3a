//! All that a store has, read in the simplest way there is: what other ways have to find as well.

use std::path::Path;

use crate::{
    cells::{Groups, Records, read},
    documents::tables::Tables,
    error::Error,
    layout::Item,
    library::Library,
};

/// Gives all records of a store with all that is stored of them, a group of a file at a time.
///
/// # Errors
/// When something cannot be read, or is made into another file meanwhile ([`Error::is_gone`]).
pub fn each(path: &Path, mut take: impl FnMut(&Records)) -> Result<(), Error> {
    let library = Library::open(path)?;
    let holdings = library.holdings(0, u64::MAX)?;
    for name in &holdings.segments {
        groups(&library.segment(name)?, &mut take)?;
    }
    holdings.journals.iter().try_for_each(|journal| groups(journal, &mut take))
}

fn groups(file: &impl Groups, take: &mut impl FnMut(&Records)) -> Result<(), Error> {
    let tables = Tables::default();
    (0..file.groups().len())
        .try_for_each(|group| read(file, group, Item::all(), &tables).map(|own| take(&own)))
}
