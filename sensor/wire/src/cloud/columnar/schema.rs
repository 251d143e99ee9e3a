//! Whether the columns of a file, and what they lie in, are as few and as shallow as the crate `parquet` takes for granted: it goes
//! down as deep as a file says, makes room for as many columns as it says, and gives each the names of all that it lies in.

use super::{
    delta::zigzag,
    fault::Fault,
    limits::{DEEPEST_COLUMN, MOST_COLUMNS, MOST_METADATA},
    shapes::{CHILDREN, METADATA, NAME, SCHEMA},
    thrift::{self, DEEPEST, Found, Walk},
};

/// A column, or what columns lie in.
#[derive(Clone, Copy, Default)]
struct Element {
    /// Octets of its name.
    name: u64,
    /// How many of those behind it lie in it.
    children: usize,
}

/// Checks metadata, and what it says of columns.
///
/// # Errors
/// Where it cannot be read, or there are too many columns, or they lie too deep, or elsewhere than in each other.
pub fn check(metadata: &[u8]) -> Result<(), Fault> {
    if thrift::find(metadata, METADATA) != Found::Whole {
        return Err(Fault::Malformed("metadata that cannot be read".to_owned()));
    }
    let mut result = Ok(());
    let read = Walk::new(metadata).members(|walk, member, kind| match member {
        SCHEMA => {
            let tree = is_tree(&elements(walk)?);
            result = std::mem::replace(&mut result, Ok(())).and(tree);
            Ok(())
        }
        _ => walk.value(kind, DEEPEST),
    });
    read.map_err(|_| Fault::Malformed("metadata that cannot be read".to_owned()))?;
    result
}

fn elements(walk: &mut Walk<'_>) -> Result<Vec<Element>, Found> {
    let (count, _) = walk.list()?;
    let mut all = Vec::new();
    for _ in 0..count {
        let mut element = Element::default();
        walk.members(|walk, member, kind| {
            match member {
                NAME => element.name = walk.octets()?,
                // As many bits of it as the crate reads.
                CHILDREN => {
                    let children = zigzag(walk.number()?) as i32;
                    element.children = usize::try_from(children).unwrap_or(0);
                }
                _ => walk.value(kind, DEEPEST)?,
            }
            Ok(())
        })?;
        all.push(element);
    }
    Ok(all)
}

fn is_tree(elements: &[Element]) -> Result<(), Fault> {
    let malformed = |what: String| Err(Fault::Malformed(what));
    /// An element whose children are under way.
    struct Open {
        left: usize,
        /// Octets of its name, and of the names of those that it lies in.
        names: u64,
    }
    let mut open: Vec<Open> = Vec::new();
    let (mut columns, mut names) = (0_usize, 0_u64);
    for (number, element) in elements.iter().enumerate() {
        while open.last().is_some_and(|last| last.left == 0) {
            open.pop();
        }
        let own = match open.last_mut() {
            Some(parent) => {
                parent.left -= 1;
                parent.names.saturating_add(element.name)
            }
            None if number == 0 => 0,
            None => return malformed("columns that lie in nothing".to_owned()),
        };
        if element.children > elements.len() - number - 1 {
            return malformed("columns that are not there".to_owned());
        }
        if element.children > 0 {
            open.push(Open { left: element.children, names: own });
        } else {
            columns += 1;
            names = names.saturating_add(own);
        }
        if open.len() > DEEPEST_COLUMN {
            return malformed(format!("columns within more than {DEEPEST_COLUMN} others"));
        }
    }
    if open.iter().any(|open| open.left > 0) {
        return malformed("columns that are not there".to_owned());
    }
    if columns > MOST_COLUMNS {
        return Err(Fault::Columns(columns));
    }
    if names > MOST_METADATA as u64 {
        return malformed(format!("names of columns of more than {MOST_METADATA} octets"));
    }
    Ok(())
}
