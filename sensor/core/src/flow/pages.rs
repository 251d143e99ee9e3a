//! Large pages for memory that is looked at here and there.
//!
//! Of a table of many megabytes hardly two look-ups in a row hit one page of 4 KiB. Where these pages are more than the
//! processor's table of addresses holds, each look-up waits for the address before it waits for the value, and a prefetch
//! waits as well. A page of 2 MiB takes one place in that table. Most systems give them to those who ask.
#![expect(unsafe_code, reason = "tells the kernel what a range of memory is for")]

/// Octets of a large page.
const LARGE: usize = 2 << 20;

/// Makes room for at least one more value, in new memory: a larger piece of the old one would keep its small pages.
#[cold]
pub fn grow<T>(column: &mut Vec<T>) {
    let mut larger = Vec::with_capacity((column.capacity() * 2).max(4));
    prefer_large(&larger);
    larger.append(column);
    *column = larger;
}

/// Asks for large pages wherever a column's memory, which has not been written to yet, has room for whole ones.
pub fn prefer_large<T>(column: &Vec<T>) {
    let first = column.as_ptr().cast::<u8>();
    let end = first.addr() + column.capacity() * size_of::<T>();
    let begin = first.addr().next_multiple_of(LARGE);
    let length = end.saturating_sub(begin) / LARGE * LARGE;
    if length == 0 {
        return;
    }
    let begin = first.wrapping_add(begin - first.addr()).cast_mut();
    // SAFETY: the range lies in memory that the column owns, and the advice changes nothing that can be read from there.
    // A kernel that has no large pages refuses it, and all stays as it was.
    unsafe { libc::madvise(begin.cast(), length, libc::MADV_HUGEPAGE) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_that_grows_keeps_its_values() {
        let mut column: Vec<[u64; 16]> = Vec::new();
        for number in 0..100_000 {
            if column.len() == column.capacity() {
                grow(&mut column);
            }
            column.push([number; 16]);
        }
        assert!((0..).zip(&column).all(|(number, own)| *own == [number; 16]));
        prefer_large(&Vec::<u8>::new());
        prefer_large(&Vec::<()>::new());
    }
}
