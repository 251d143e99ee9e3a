//! Aligned columns for people: as many of them as the terminal is wide.

use crate::export::log::people::spelled;

/// A column.
#[derive(Clone, Debug)]
pub struct Column {
    /// What stands above it.
    pub name: String,
    /// Numbers stand to the right.
    pub right: bool,
    /// The lowest goes first where there is no room; 0 stays.
    pub rank: u8,
}

/// A table.
#[derive(Debug, Default)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

/// Between two columns.
const GAP: usize = 2;

impl Table {
    /// One without rows.
    pub fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row, a cell for each column. What a terminal would obey is spelled out.
    pub fn push(&mut self, row: impl IntoIterator<Item = String>) {
        self.rows.push(row.into_iter().map(|cell| spelled(&cell)).collect());
    }

    /// How wide it is as a whole.
    pub fn width(&self) -> usize {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        Self::width_of(&self.widths(), &all)
    }

    fn widths(&self) -> Vec<usize> {
        let length = |text: &str| text.chars().count();
        let width = |(at, column): (usize, &Column)| {
            let cells = self.rows.iter().filter_map(|row| row.get(at));
            cells.map(|cell| length(cell)).max().unwrap_or(0).max(length(&column.name))
        };
        self.columns.iter().enumerate().map(width).collect()
    }

    fn width_of(widths: &[usize], columns: &[usize]) -> usize {
        let cells: usize = columns.iter().map(|at| widths[*at]).sum();
        cells + GAP * columns.len().saturating_sub(1)
    }

    /// The table as text, `most` characters wide where that can be.
    pub fn text(&self, most: Option<usize>) -> String {
        let widths = self.widths();
        let mut columns: Vec<usize> = (0..self.columns.len()).collect();
        while most.is_some_and(|most| Self::width_of(&widths, &columns) > most) {
            let rank = |at: &usize| self.columns[*at].rank;
            let lowest = columns.iter().copied().filter(|at| rank(at) > 0).min_by_key(rank);
            let Some(lowest) = lowest else { break };
            columns.retain(|at| *at != lowest);
        }
        let mut text = String::new();
        let names: Vec<String> = self.columns.iter().map(|column| column.name.clone()).collect();
        for row in std::iter::once(&names).chain(&self.rows) {
            let begin = text.len();
            for (place, at) in columns.iter().enumerate() {
                if place > 0 {
                    text.push_str("  ");
                }
                let (cell, width) = (row.get(*at).map_or("", String::as_str), widths[*at]);
                match self.columns[*at].right {
                    true => text.push_str(&format!("{cell:>width$}")),
                    false => text.push_str(&format!("{cell:<width$}")),
                }
            }
            text.truncate(begin + text[begin..].trim_end().len());
            text.push('\n');
        }
        text
    }
}

/// A column of words.
pub fn words(name: &str, rank: u8) -> Column {
    Column { name: name.to_owned(), right: false, rank }
}

/// A column of numbers.
pub fn numbers(name: &str, rank: u8) -> Column {
    Column { name: name.to_owned(), right: true, rank }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(vec![words("NAME", 0), numbers("OCTETS", 0), words("END", 1)]);
        table.push(["a".to_owned(), "12".to_owned(), "idle".to_owned()]);
        table.push(["b\u{1b}[2J".to_owned(), "3".to_owned(), String::new()]);
        table
    }

    #[test]
    fn columns_are_aligned_and_nothing_reaches_the_terminal() {
        let expected = "NAME        OCTETS  END\na               12  idle\nb\\u{1b}[2J       3\n";
        assert_eq!(table().text(None), expected);
        assert_eq!(table().width(), 24);
        assert_eq!(table().text(Some(24)), expected);
    }

    #[test]
    fn what_has_no_room_goes_and_the_rest_stays() {
        let expected = "NAME        OCTETS\na               12\nb\\u{1b}[2J       3\n";
        assert_eq!(table().text(Some(23)), expected);
        assert_eq!(table().text(Some(3)), expected);
    }
}
