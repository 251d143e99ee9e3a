//! What a key is, and how a table of keys reads itself from TOML.

use std::{ops::Range, path::Path};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::diagnostic::{Diagnostic, nearest};

/// One key of a table.
#[derive(Debug)]
pub struct Key {
    /// As written in the file.
    pub name: &'static str,
    /// The keys inside, where the value is a table or a list of tables.
    pub inner: &'static [Key],
    /// Whether the value may be a path, or are several.
    pub is_path: bool,
    /// Whether there may be several tables, each under a `[[header]]`.
    pub is_list: bool,
}

/// Who set a value: it decides how a fault in it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Origin {
    /// Nobody.
    #[default]
    Default,
    /// The file, at these bytes.
    File(Range<usize>),
    /// The command line.
    Flag(Flag),
}

/// A flag of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Such as `--interval`.
    pub name: &'static str,
    /// The text behind it, for messages that point into it; empty where they need not.
    pub text: String,
}

impl Origin {
    /// A flag whose text messages need not show.
    pub fn flag(name: &'static str) -> Self {
        Self::Flag(Flag { name, text: String::new() })
    }

    /// `flag` if the command line set it, else `key`: people read of what they wrote.
    pub fn names<'a>(&self, key: &'a str, flag: &'a str) -> &'a str {
        if matches!(self, Self::Flag(_)) { flag } else { key }
    }
}

/// A value and who set it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Who set it.
    pub origin: Origin,
}

impl<T> Setting<T> {
    /// The value that holds where nobody sets another.
    pub fn default_of(value: T) -> Self {
        Self { value, origin: Origin::Default }
    }

    /// Replaces the value by that of a flag, where the flag was given.
    pub fn override_by(&mut self, flag: &'static str, given: Option<T>) {
        if let Some(value) = given {
            *self = Self { value, origin: Origin::flag(flag) };
        }
    }

    /// Whether the file or a flag set it.
    pub fn is_given(&self) -> bool {
        self.origin != Origin::Default
    }
}

impl<T: Value> Setting<T> {
    /// Lays what a later file says over it, see [`Value::lay_over`].
    pub fn lay_over(&mut self, later: Self) {
        if later.is_given() {
            match self.is_given() {
                true => self.value.lay_over(later.value),
                false => self.value = later.value,
            }
            self.origin = later.origin;
        }
    }

    /// Reads the value from the file. A faulty one is reported and leaves the default, but counts as given: it must not
    /// be called missing as well.
    pub fn read(&mut self, found: &Spanned<DeValue<'_>>, path: &str, faults: &mut Vec<Diagnostic>) {
        self.origin = Origin::File(found.span());
        if let Some(value) = T::read(found, path, faults) {
            self.value = value;
        }
    }

    /// As [`Value::paths`], where this or a setting inside sets them.
    pub fn paths(&self, key: &str, show: &mut dyn FnMut(&str, &Path, &Origin)) {
        self.value.paths(key, &mut |key, path, origin| {
            let origin = if *origin == Origin::Default { &self.origin } else { origin };
            show(key, path, origin);
        });
    }

    /// Moves its place, and those of all settings inside, by `by` bytes.
    pub fn shift(&mut self, by: usize) {
        if let Origin::File(span) = &mut self.origin {
            *span = span.start + by..span.end + by;
        }
        self.value.shift(by);
    }
}

/// A type that a key may have.
pub trait Value: Sized + PartialEq {
    /// What the file must hold, after "must be": `a string`.
    const KIND: &'static str;
    /// The keys inside, where this is a table or a list of tables.
    const INNER: &'static [Key] = &[];
    /// Whether this may be a path, or are several.
    const IS_PATH: bool = false;
    /// Whether this is a list.
    const IS_LIST: bool = false;

    /// Reads the value of key `path`, or reports why it cannot.
    fn read(found: &Spanned<DeValue<'_>>, path: &str, faults: &mut Vec<Diagnostic>)
    -> Option<Self>;

    /// Adds the keys at and below `path` whose values differ from those of `other`. Where they are written does not matter.
    fn compare(&self, other: &Self, path: &str, differing: &mut Vec<String>) {
        if self != other {
            differing.push(path.to_owned());
        }
    }

    /// Lays what a later file says over it: tables key by key, tables of a list behind those of earlier files; whatever else is
    /// given later takes the place of what was.
    fn lay_over(&mut self, later: Self) {
        *self = later;
    }

    /// Puts relative paths below `directory`.
    fn anchor(&mut self, _directory: &Path) {}

    /// Moves the places of all settings inside by `by` bytes, for a text that now stands behind another.
    fn shift(&mut self, _by: usize) {}

    /// Shows every path that is here, with its key; this is the value of `key`. Elements of lists share the key of the list.
    fn paths(&self, _key: &str, _show: &mut dyn FnMut(&str, &Path, &Origin)) {}
}

/// Whether two values are the same, wherever they are written.
pub fn same<T: Value>(one: &T, other: &T) -> bool {
    let mut differing = Vec::new();
    one.compare(other, "", &mut differing);
    differing.is_empty()
}

/// A table of keys, as `table!` declares them.
pub trait Table: Default + PartialEq {
    /// Its keys in the order of the declaration.
    const KEYS: &'static [Key];

    /// Reads one value into the setting `name`; false where there is no such key.
    fn set(
        &mut self,
        name: &str,
        path: &str,
        found: &Spanned<DeValue<'_>>,
        faults: &mut Vec<Diagnostic>,
    ) -> bool;

    /// As [`Value::compare`], key by key.
    fn compare_keys(&self, other: &Self, path: &str, differing: &mut Vec<String>);

    /// As [`Value::lay_over`], of every key.
    fn lay_keys_over(&mut self, later: Self);

    /// As [`Value::anchor`], of every key.
    fn anchor_keys(&mut self, directory: &Path);

    /// As [`Value::shift`], of every key.
    fn shift_keys(&mut self, by: usize);

    /// As [`Value::paths`], of every key.
    fn paths_of_keys(&self, path: &str, show: &mut dyn FnMut(&str, &Path, &Origin));
}

impl<T: Table> Value for T {
    const KIND: &'static str = "a table";
    const INNER: &'static [Key] = T::KEYS;

    fn read(
        found: &Spanned<DeValue<'_>>,
        path: &str,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let mut table = Self::default();
        for (name, value) in entries::<Self>(found, path, faults)? {
            if !table.set(name.get_ref(), &below(path, name.get_ref()), value, faults) {
                faults.push(unknown_key::<Self>(name.get_ref(), path, name.span()));
            }
        }
        Some(table)
    }

    fn compare(&self, other: &Self, path: &str, differing: &mut Vec<String>) {
        self.compare_keys(other, path, differing);
    }

    fn lay_over(&mut self, later: Self) {
        self.lay_keys_over(later);
    }

    fn anchor(&mut self, directory: &Path) {
        self.anchor_keys(directory);
    }

    fn shift(&mut self, by: usize) {
        self.shift_keys(by);
    }

    fn paths(&self, key: &str, show: &mut dyn FnMut(&str, &Path, &Origin)) {
        self.paths_of_keys(key, show);
    }
}

/// The entries of a table; reports what is none.
pub(super) fn entries<'f, 't, T: Value>(
    found: &'f Spanned<DeValue<'t>>,
    path: &str,
    faults: &mut Vec<Diagnostic>,
) -> Option<&'f DeTable<'t>> {
    let entries = found.get_ref().as_table();
    if entries.is_none() {
        faults.push(wrong_kind::<T>(found, path));
    }
    entries
}

/// The path of a key in the table at `path`.
pub fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// "`path` must be ..., found ...".
pub fn wrong_kind<T: Value>(found: &Spanned<DeValue<'_>>, path: &str) -> Diagnostic {
    let kind = match found.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    Diagnostic::error(format!("`{path}` must be {}", T::KIND), found.span())
        .label(format!("this is {kind}"))
}

fn unknown_key<T: Table>(name: &str, path: &str, span: Range<usize>) -> Diagnostic {
    let place = if path.is_empty() { String::new() } else { format!(" in [{path}]") };
    let fault = Diagnostic::error(format!("unknown key `{name}`{place}"), span);
    let keys: Vec<&str> = T::KEYS.iter().map(|key| key.name).collect();
    if let Some(meant) = nearest(name, keys.iter().copied()) {
        return fault.label(format!("did you mean `{meant}`?"));
    }
    fault.help(format!("the keys here are {}", keys.join(", ")))
}

/// Declares a table: `/// about` `Name { /// doc` `key: Type = default; ... }`. A key that is no name in Rust has
/// both: `matches as "match": Type`.
#[macro_export]
#[doc(hidden)]
macro_rules! settings_table {
    (@written $key:ident) => { stringify!($key) };
    (@written $key:ident $written:literal) => { $written };
    ($(#[doc = $about:literal])* $name:ident {
        $( $(#[doc = $doc:literal])* $key:ident $(as $written:literal)?: $type:ty = $default:expr; )*
    }) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $( $(#[doc = $doc])* pub $key: Setting<$type>, )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $key: Setting::default_of($default), )* }
            }
        }

        impl Table for $name {
            const KEYS: &'static [Key] = &[$(
                Key {
                    name: $crate::settings::schema::table!(@written $key $($written)?),
                    inner: <$type as Value>::INNER,
                    is_path: <$type as Value>::IS_PATH,
                    is_list: <$type as Value>::IS_LIST,
                },
            )*];

            fn set(
                &mut self,
                name: &str,
                path: &str,
                found: &toml::Spanned<toml::de::DeValue<'_>>,
                faults: &mut Vec<$crate::diagnostic::Diagnostic>,
            ) -> bool {
                match name {
                    $(
                        $crate::settings::schema::table!(@written $key $($written)?) => {
                            self.$key.read(found, path, faults);
                        }
                    )*
                    _ => return false,
                }
                true
            }

            fn compare_keys(&self, other: &Self, path: &str, differing: &mut Vec<String>) {
                $(
                    let key = $crate::settings::schema::table!(@written $key $($written)?);
                    let key = $crate::settings::schema::below(path, key);
                    self.$key.value.compare(&other.$key.value, &key, differing);
                )*
            }

            fn lay_keys_over(&mut self, later: Self) {
                $( self.$key.lay_over(later.$key); )*
            }

            fn anchor_keys(&mut self, directory: &std::path::Path) {
                $( self.$key.value.anchor(directory); )*
            }

            fn shift_keys(&mut self, by: usize) {
                $( self.$key.shift(by); )*
            }

            fn paths_of_keys(
                &self,
                path: &str,
                show: &mut dyn FnMut(
                    &str,
                    &std::path::Path,
                    &$crate::settings::schema::Origin,
                ),
            ) {
                $(
                    let key = $crate::settings::schema::table!(@written $key $($written)?);
                    let key = $crate::settings::schema::below(path, key);
                    self.$key.paths(&key, show);
                )*
            }
        }
    };
}

pub use settings_table as table;
