//! VPC and transit gateway flow logs of AWS as Parquet: a column a field, called and filled as in text; or as Security Lake has
//! them, in columns within others.

use std::sync::Arc;

use super::{
    layout::{Field, Known, Layout, PLACES, is_number},
    object::ObjectName,
    ocsf,
    record::{self, Fault as RecordFault, Outcome, Values, What},
};
use crate::cloud::{
    columnar::{
        File, Group,
        column::{Cell, Kind},
        fault::Fault,
        source::Seekable,
    },
    flows::Flows,
    ledger::Reason,
    text::number,
};

/// A file under way.
pub struct Table {
    object: Arc<str>,
    name: ObjectName,
    /// The source of rows that do not tell it.
    source: u32,
    file: File,
    layout: Layout,
    /// The columns that are read, and whether as text.
    wanted: Vec<(usize, bool)>,
    /// What each of them is.
    places: Vec<Place>,
    /// Names and values are those of OCSF.
    is_ocsf: bool,
    /// Values of unknown fields in this file, by number.
    unknown: Vec<u64>,
    groups: std::ops::Range<usize>,
    group: Option<Group>,
    /// Rows so far.
    rows: u64,
    /// The first rows, which have been told before.
    told: u64,
    /// What the first row group that could not be read to its end said.
    fault: Option<Fault>,
}

impl Table {
    /// The file that `octets` are, called `object`.
    ///
    /// # Errors
    /// Where it cannot be read at all; the ledger has it then.
    pub fn open(octets: Arc<dyn Seekable>, object: &str, flows: &mut Flows) -> Result<Self, Fault> {
        Self::reopen(octets, object, 0, flows).inspect_err(|fault| {
            let name = ObjectName::of(object);
            let source = flows.source(&name.account, &name.log);
            let what = fault.to_string();
            flows.ledger(source).error(Reason::Syntax, &Arc::from(object), 1, what.as_bytes());
        })
    }

    /// The same of a file whose first rows, as many as `told`, have been told: they are passed over. For whoever tries a file again.
    ///
    /// # Errors
    /// Where it cannot be read at all; the ledger has nothing of that.
    pub fn reopen(
        octets: Arc<dyn Seekable>,
        object: &str,
        told: u64,
        flows: &mut Flows,
    ) -> Result<Self, Fault> {
        let object = Arc::from(object);
        let name = ObjectName::of(&object);
        let file = File::open(octets)?;
        let Columns { layout, wanted, places, is_ocsf } = Columns::of(&file)?;
        let source = flows.source(&name.account, &name.log);
        Ok(Self {
            object,
            name,
            source,
            unknown: vec![0; layout.unknown().len()],
            groups: 0..file.groups(),
            group: None,
            rows: 0,
            told,
            fault: None,
            file,
            layout,
            wanted,
            places,
            is_ocsf,
        })
    }

    /// Rows so far, also those that could not be read.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Reads some rows; false at the end.
    ///
    /// # Errors
    /// At the end, where a row group could not be read to its own; its rows are among the errors of the ledger, and the other groups
    /// were read.
    pub fn read(&mut self, flows: &mut Flows) -> Result<bool, Fault> {
        let Some(group) = &mut self.group else {
            let Some(next) = self.groups.next() else { return self.finish(flows) };
            match self.file.group(next, &self.wanted) {
                Ok(group) => self.group = Some(group),
                Err(fault) => {
                    let left = self.file.rows_of(next);
                    self.lose(left, fault, flows);
                }
            }
            return Ok(true);
        };
        match group.read() {
            Ok(0) => self.group = None,
            Ok(rows) => self.decode(rows, flows),
            Err(fault) => {
                let left = group.left();
                self.group = None;
                self.lose(left, fault, flows);
            }
        }
        Ok(true)
    }

    fn decode(&mut self, rows: usize, flows: &mut Flows) {
        let before = self.told.saturating_sub(self.rows).min(rows as u64);
        self.rows += before;
        let Self { group, layout, places, unknown, name, object, source, .. } = self;
        let Some(group) = group else { return };
        let own = (name.account.as_str(), name.log.as_str());
        let mut others = Vec::new();
        // Each row sets those of all columns that there are.
        let mut cells = Cells { of: [Cell::Nothing; PLACES + 1], is_ocsf: self.is_ocsf };
        for row in before as usize..rows {
            flows.begin();
            others.clear();
            for (column, place) in group.columns.iter().zip(places.iter()) {
                let cell = match column.cell(row) {
                    Cell::Octets(b"" | b"-") => Cell::Nothing,
                    Cell::Octets(text) if place.has_words => {
                        Cell::Octets(ocsf::word(place.at, text).unwrap_or(text))
                    }
                    cell => cell,
                };
                match place.at.checked_sub(PLACES + 1) {
                    None if place.is_again && cells.of[place.at] != Cell::Nothing => {}
                    None => cells.of[place.at] = cell,
                    Some(number) => {
                        if let Cell::Octets(value) = cell {
                            unknown[number] += 1;
                            others.push((layout.unknown()[number].as_str(), value));
                        }
                    }
                }
            }
            self.rows += 1;
            let outcome = match layout.lacks() {
                Some(lacking) => Outcome::Error(Reason::Layout, What::Octets(lacking.as_bytes())),
                None => record::told(layout.has_labels(), &cells, &others, own, flows),
            };
            match outcome {
                Outcome::Flow(source) => flows.end(source),
                Outcome::Window(source, window) => flows.ledger(source).window(window),
                Outcome::Error(reason, what) => {
                    flows.ledger(*source).error(reason, object, self.rows, &what.octets());
                }
            }
        }
    }

    /// Counts rows that cannot be read.
    fn lose(&mut self, rows: u64, fault: Fault, flows: &mut Flows) {
        let before = self.told.saturating_sub(self.rows).min(rows);
        if rows > before {
            let what = fault.to_string();
            let (ledger, first) = (flows.ledger(self.source), self.rows + before + 1);
            ledger.errors(Reason::Syntax, rows - before, &self.object, first, what.as_bytes());
        }
        self.rows += rows;
        self.fault.get_or_insert(fault);
    }

    fn finish(&mut self, flows: &mut Flows) -> Result<bool, Fault> {
        for (name, count) in self.layout.unknown().iter().zip(&mut self.unknown) {
            flows.ledger(self.source).unknown(name, std::mem::take(count));
        }
        self.fault.take().map_or(Ok(false), Err)
    }
}

/// What a column is.
struct Place {
    /// The place of a known field, or behind these the number of an unknown one.
    at: usize,
    /// A column before it is the same: what that tells counts.
    is_again: bool,
    /// Its values are words of OCSF.
    has_words: bool,
}

/// Which columns are read, and what they are.
struct Columns {
    layout: Layout,
    wanted: Vec<(usize, bool)>,
    places: Vec<Place>,
    is_ocsf: bool,
}

impl Columns {
    fn of(file: &File) -> Result<Self, Fault> {
        let (names, kinds): (Vec<String>, Vec<Kind>) = file.columns().unzip();
        let names = || names.iter().zip(&kinds).map(|(name, kind)| without_list(name, *kind));
        let is_ocsf = names().any(|name| name.contains('.'));
        let layout = if is_ocsf { Layout::of_ocsf(names()) } else { Layout::of_names(names()) };
        let layout = layout.map_err(|what| Fault::Malformed(format!("it has {what}")))?;
        let (mut wanted, mut places) = (Vec::new(), Vec::<Place>::new());
        for ((column, name), field) in names().enumerate().zip(layout.fields()) {
            let (at, as_text) = match field {
                Field::Known(_) if ocsf::LISTS.contains(&name) && kinds[column] == Kind::List => {
                    continue;
                }
                Field::Known(at) => (at, !is_number(at)),
                Field::Unknown(number) if matches!(kinds[column], Kind::Number | Kind::Octets) => {
                    (PLACES + 1 + number, true)
                }
                Field::Unknown(_) | Field::Other => continue,
            };
            wanted.push((column, as_text));
            let is_again = places.iter().any(|place| place.at == at);
            let has_words = is_ocsf && ocsf::has_words(at);
            places.push(Place { at, is_again, has_words });
        }
        Ok(Self { layout, wanted, places, is_ocsf })
    }
}

/// The name of a column, without what writers put between a list and its elements.
fn without_list(name: &str, kind: Kind) -> &str {
    const BETWEEN: [&str; 5] =
        [".list.element", ".list.item", ".bag.array_element", ".bag.array", ".array"];
    let without = || BETWEEN.iter().find_map(|between| name.strip_suffix(between));
    if kind == Kind::List { without().unwrap_or(name) } else { name }
}

/// The values of a row.
struct Cells<'l> {
    of: [Cell<'l>; PLACES + 1],
    is_ocsf: bool,
}

impl<'l> Values<'l> for Cells<'l> {
    #[inline(always)]
    fn get(&self, known: Known) -> &'l [u8] {
        match self.of[known as usize] {
            Cell::Octets(octets) => octets,
            Cell::Nothing | Cell::Number(_) => &[],
        }
    }

    #[inline(always)]
    fn number(&self, known: Known) -> Result<Option<u64>, RecordFault<'l>> {
        let told = match self.of[known as usize] {
            Cell::Nothing => return Ok(None),
            told if self.is_ocsf && matches!(known, Known::Start | Known::End) => match told {
                Cell::Number(number) => u64::try_from(number).ok().and_then(ocsf::seconds),
                Cell::Octets(text) => ocsf::time(text),
                Cell::Nothing => return Ok(None),
            },
            Cell::Number(number) => u64::try_from(number).ok(),
            Cell::Octets(octets) => number(octets),
        };
        told.map(Some).ok_or_else(|| (Reason::Number, self.what(known)))
    }

    fn what(&self, known: Known) -> What<'l> {
        match self.of[known as usize] {
            Cell::Nothing => What::Octets(&[]),
            Cell::Number(number) => What::Number(number),
            Cell::Octets(octets) => What::Octets(octets),
        }
    }
}
