//! The macro behind the table of columns.

/// Declares a batch: what it has beside its columns, and its columns, a row each:
///
/// ```text
/// /// Documentation.
/// field: type, Variant "name", required|optional unknown;
/// ```
///
/// `type` is a variant of [`Reader`](super::Reader), `name` what people call the column. A `required` column has a row for
/// each flow, an `optional` one may have none at all in a batch; `unknown` stands in the rows of which nobody tells.
macro_rules! columns {
    (
        $(#[$batch_doc:meta])*
        pub struct $batch:ident { $($(#[$beside_doc:meta])* pub $beside:ident: $beside_type:ty = $beside_value:expr,)* }
        ($($given:ident: $given_type:ty),*)

        $($(#[$doc:meta])* $field:ident: $type:ident, $variant:ident $name:literal, $rows:ident $unknown:expr;)*
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

            /// Keeps only `rows` of all columns; they ascend.
            pub(in crate::flow) fn keep_columns(&mut self, rows: &[usize]) {
                $($crate::flow::columns::Stored::keep(&mut self.$field, rows);)*
            }

            /// Gives all columns that must have rows, or have some, `rows` of them.
            pub(in crate::flow) fn level_columns(&mut self, rows: usize) {
                $($crate::flow::columns::Stored::level(&mut self.$field, rows, $unknown, columns!(@required $rows));)*
            }
        }

        /// A column that batches store.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Column {
            $($(#[$doc])* $variant,)*
        }

        impl Column {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// What people call it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// True where the column has a row for each flow.
            pub fn is_required(self) -> bool {
                match self {
                    $(Self::$variant => columns!(@required $rows),)*
                }
            }

            /// How its rows are reached.
            pub fn reader(self) -> $crate::flow::columns::Reader {
                match self {
                    $(Self::$variant => $crate::flow::columns::Reader::$type(|batch| &batch.$field),)*
                }
            }
        }
    };
    (@storage U8) => { Vec<u8> };
    (@storage U16) => { Vec<u16> };
    (@storage U32) => { Vec<u32> };
    (@storage U64) => { Vec<u64> };
    (@storage U128) => { Vec<u128> };
    (@storage Mac) => { Vec<[u8; 6]> };
    (@storage Lists) => { $crate::flow::columns::Lists };
    (@required required) => { true };
    (@required optional) => { false };
}

pub(super) use columns;
