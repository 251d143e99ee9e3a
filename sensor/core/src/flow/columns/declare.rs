//! The macro behind the table of columns.

/// Declares a batch: what it has beside its columns, and its columns, a row each:
///
/// ```text
/// /// Documentation.
/// field: type, Variant "name", required|optional|router [unless untold], [elements], [field "what it means"];
/// ```
///
/// * `type` is the abstract data type of its values; the arms `@storage`, `@reader` and `@visit` list them.
/// * `name` is what people call the column. With `field` it is also the name of a field of NQL and JSON that has just the
///   column's numbers; a field that is more than that is a row of the table of fields instead.
/// * A `required` column has a row for each flow. An `optional` one may have none at all in a batch, and then nobody told
///   such a thing; so may a column of which only a `router` tells. Where some rows of a column may be told and others not,
///   `untold` stands in the others ([`Absence`](super::Absence)). A required column for which nothing can stand there may be
///   `unless batch`: then whole batches do not tell it.
/// * `elements` are those information elements (IANA's numbers) that fill the column, the best first; `|` stands between
///   elements that are as good. The first is the one that records are exported with.
macro_rules! columns {
    (
        $(#[$batch_doc:meta])*
        pub struct $batch:ident { $($(#[$beside_doc:meta])* pub $beside:ident: $beside_type:ty = $beside_value:expr,)* }
        ($($given:ident: $given_type:ty),*)

        $(
            $(#[$doc:meta])*
            $field:ident: $type:ident, $variant:ident $name:literal, $rows:ident $(unless $untold:tt)?,
            [$($($element:literal)|+),*] $(, field $meaning:literal)?;
        )*
    ) => {
        $(#[$batch_doc])*
        #[derive(Clone, Debug)]
        pub struct $batch {
            $($(#[$beside_doc])* pub $beside: $beside_type,)*
            $($(#[$doc])* pub $field: columns!(@storage $type),)*
        }

        impl $batch {
            /// A batch without rows.
            pub(in crate::flow) fn without_rows($($given: $given_type),*) -> Self {
                Self {
                    $($beside: $beside_value,)*
                    $($field: Default::default(),)*
                }
            }

            /// Takes the rows out of all columns.
            pub(in crate::flow) fn clear_columns(&mut self) {
                $($crate::flow::columns::Stored::clear(&mut self.$field);)*
            }

            /// Takes the rows out of all columns that are not among `kept`.
            #[cfg(any(test, feature = "testing"))]
            pub(in crate::flow) fn clear_all_but(&mut self, kept: u128) {
                $(if kept >> Column::$variant as u32 & 1 == 0 {
                    $crate::flow::columns::Stored::clear(&mut self.$field);
                })*
            }

            /// Keeps only `rows` of all columns; they ascend.
            pub(in crate::flow) fn keep_columns(&mut self, rows: &[usize]) {
                $($crate::flow::columns::Stored::keep(&mut self.$field, rows);)*
            }

            /// Makes some columns those of another batch: all of their rows, or `rows`.
            pub(in crate::flow) fn copy_columns(&mut self, from: &Self, columns: u128, rows: Option<&[u32]>) {
                $(if columns >> Column::$variant as u32 & 1 != 0 {
                    $crate::flow::columns::Stored::copy(&mut self.$field, &from.$field, rows);
                })*
            }

            /// Which columns have rows, a bit each, by their place in [`Column::ALL`].
            pub(in crate::flow) fn filled_columns(&self) -> u128 {
                let mut filled = 0;
                $(filled |= u128::from(!self.$field.is_empty()) << Column::$variant as u32;)*
                filled
            }

            /// Appends a row of the columns that are `filled`, which `flow/packed.rs` wrote. Of one that is cut short, nothing
            /// is told in the columns behind.
            pub(in crate::flow) fn unpack_columns(&mut self, filled: u128, octets: &mut &[u8]) {
                for place in $crate::flow::columns::Place::ALL {
                    $(if filled >> Column::$variant as u32 & 1 != 0
                        && $crate::flow::columns::Place::of(&Column::$variant.reader()) == place
                    {
                        $crate::flow::columns::Stored::unpack(&mut self.$field, octets);
                    })*
                }
            }

            /// Gives all columns that must have rows, or have some, `rows` of them.
            pub(in crate::flow) fn level_columns(&mut self, rows: usize) {
                $($crate::flow::columns::Stored::level(
                    &mut self.$field,
                    rows,
                    columns!(@untold $type $($untold)?),
                    columns!(@required $rows),
                );)*
            }

            /// Has `visitor` do its work on a column.
            #[inline(always)]
            pub fn visit(&mut self, column: Column, visitor: impl $crate::flow::columns::Visitor) {
                match column {
                    $(Column::$variant => columns!(@visit $type, visitor, &mut self.$field),)*
                }
            }
        }

        impl $batch {
            /// Has `inspector` look at the rows of a column.
            #[inline(always)]
            pub fn inspect(&self, column: Column, inspector: impl $crate::flow::columns::Inspector) {
                match column {
                    $(Column::$variant => columns!(@inspect $type, inspector, &self.$field),)*
                }
            }
        }

        /// A column that batches store.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Column {
            $($(#[$doc])* $variant,)*
        }

        const _: () = assert!(Column::ALL.len() <= 128, "a bit of a number for each column");

        impl Column {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// What people call it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// True where the column has a row for each flow.
            pub const fn is_required(self) -> bool {
                match self {
                    $(Self::$variant => columns!(@required $rows),)*
                }
            }

            /// True where only routers tell of it.
            pub const fn is_of_routers(self) -> bool {
                match self {
                    $(Self::$variant => columns!(@router $rows),)*
                }
            }

            /// How a row says that nobody told.
            #[inline(always)]
            pub const fn absence(self) -> $crate::flow::columns::Absence {
                match self {
                    $(Self::$variant => columns!(@absence $rows $($untold)?),)*
                }
            }

            /// The abstract data type of its values.
            pub const fn data_type(self) -> $crate::flow::columns::DataType {
                match self {
                    $(Self::$variant => $crate::flow::columns::DataType::$type,)*
                }
            }

            /// The information elements that fill it, the best first, those that are as good together.
            pub const fn elements_by_rank(self) -> &'static [&'static [u16]] {
                match self {
                    $(Self::$variant => &[$(&[$($element),+]),*],)*
                }
            }

            /// The same in one list.
            pub const fn elements(self) -> &'static [u16] {
                match self {
                    $(Self::$variant => &[$($($element),+),*],)*
                }
            }

            /// What the field means that has just its numbers, where there is one.
            pub const fn own_field(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => columns!(@meaning $($meaning)?),)*
                }
            }

            /// Where in a batch it lies.
            pub const fn place(self) -> $crate::flow::columns::StoredAt<$batch> {
                match self {
                    $(Self::$variant => columns!(@place $type, $batch, $field),)*
                }
            }

            /// How its rows are reached.
            #[inline(always)]
            pub const fn reader(self) -> $crate::flow::columns::Reader<$batch> {
                match self {
                    $(Self::$variant => columns!(@reader $type, |batch| &batch.$field),)*
                }
            }
        }
    };
    (@storage Unsigned8) => { Vec<u8> };
    (@storage Unsigned16) => { Vec<u16> };
    (@storage Unsigned32) => { Vec<u32> };
    (@storage Unsigned64) => { Vec<u64> };
    (@storage Milliseconds) => { Vec<u64> };
    (@storage Ipv4Address) => { Vec<u32> };
    (@storage Ipv6Address) => { Vec<u128> };
    (@storage MacAddress) => { Vec<[u8; 6]> };
    (@storage Application) => { Vec<u128> };
    (@storage Lists) => { $crate::flow::columns::Lists };
    (@reader Unsigned8, $reader:expr) => { $crate::flow::columns::Reader::U8($reader) };
    (@reader Unsigned16, $reader:expr) => { $crate::flow::columns::Reader::U16($reader) };
    (@reader Unsigned32, $reader:expr) => { $crate::flow::columns::Reader::U32($reader) };
    (@reader Unsigned64, $reader:expr) => { $crate::flow::columns::Reader::U64($reader) };
    (@reader Milliseconds, $reader:expr) => { $crate::flow::columns::Reader::U64($reader) };
    (@reader Ipv4Address, $reader:expr) => { $crate::flow::columns::Reader::U32($reader) };
    (@reader Ipv6Address, $reader:expr) => { $crate::flow::columns::Reader::U128($reader) };
    (@reader MacAddress, $reader:expr) => { $crate::flow::columns::Reader::Mac($reader) };
    (@reader Application, $reader:expr) => { $crate::flow::columns::Reader::U128($reader) };
    (@reader Lists, $reader:expr) => { $crate::flow::columns::Reader::Lists($reader) };
    (@place Unsigned8, $batch:ident, $field:ident) => { columns!(@place_as U8, $batch, $field) };
    (@place Unsigned16, $batch:ident, $field:ident) => { columns!(@place_as U16, $batch, $field) };
    (@place Unsigned32, $batch:ident, $field:ident) => { columns!(@place_as U32, $batch, $field) };
    (@place Unsigned64, $batch:ident, $field:ident) => { columns!(@place_as U64, $batch, $field) };
    (@place Milliseconds, $batch:ident, $field:ident) => { columns!(@place_as U64, $batch, $field) };
    (@place Ipv4Address, $batch:ident, $field:ident) => { columns!(@place_as U32, $batch, $field) };
    (@place Ipv6Address, $batch:ident, $field:ident) => { columns!(@place_as U128, $batch, $field) };
    (@place MacAddress, $batch:ident, $field:ident) => { columns!(@place_as Mac, $batch, $field) };
    (@place Application, $batch:ident, $field:ident) => { columns!(@place_as U128, $batch, $field) };
    (@place Lists, $batch:ident, $field:ident) => { $crate::flow::columns::StoredAt::Lists };
    (@place_as $stored:ident, $batch:ident, $field:ident) => {
        $crate::flow::columns::StoredAt::$stored(
            // SAFETY: both name the same field.
            unsafe {
                $crate::flow::columns::ColumnPlace::new(
                    std::mem::offset_of!($batch, $field),
                    |batch| &batch.$field,
                )
            },
        )
    };
    (@visit Unsigned8, $visitor:ident, $column:expr) => { $visitor.unsigned8($column) };
    (@visit Unsigned16, $visitor:ident, $column:expr) => { $visitor.unsigned16($column) };
    (@visit Unsigned32, $visitor:ident, $column:expr) => { $visitor.unsigned32($column) };
    (@visit Unsigned64, $visitor:ident, $column:expr) => { $visitor.unsigned64($column) };
    (@visit Ipv4Address, $visitor:ident, $column:expr) => { $visitor.ipv4_address($column) };
    (@visit Ipv6Address, $visitor:ident, $column:expr) => { $visitor.ipv6_address($column) };
    (@visit MacAddress, $visitor:ident, $column:expr) => { $visitor.mac_address($column) };
    // These have rules of their own.
    (@visit Milliseconds, $visitor:ident, $column:expr) => { () };
    (@visit Application, $visitor:ident, $column:expr) => { () };
    (@visit Lists, $visitor:ident, $column:expr) => { () };
    (@inspect Milliseconds, $inspector:ident, $column:expr) => { $inspector.unsigned64($column) };
    (@inspect $type:ident, $inspector:ident, $column:expr) => { columns!(@visit $type, $inspector, $column) };
    (@required required) => { true };
    (@required $rows:ident) => { false };
    (@router router) => { true };
    (@router $rows:ident) => { false };
    (@absence required batch) => { $crate::flow::columns::Absence::Whole };
    (@absence required) => { $crate::flow::columns::Absence::Never };
    (@absence $rows:ident) => { $crate::flow::columns::Absence::Batch };
    (@absence router 0) => { $crate::flow::columns::Absence::Mark(0) };
    (@absence $rows:ident 0) => { $crate::flow::columns::Absence::Zero };
    (@absence $rows:ident $untold:tt) => { $crate::flow::columns::Absence::Mark($untold as u64) };
    (@untold Lists) => { () };
    (@untold $type:ident) => { Default::default() };
    (@untold $type:ident batch) => { Default::default() };
    (@untold $type:ident 0) => { Default::default() };
    (@untold $type:ident $untold:tt) => { $untold };
    (@meaning) => { None };
    (@meaning $meaning:literal) => { Some($meaning) };
}

pub(super) use columns;
