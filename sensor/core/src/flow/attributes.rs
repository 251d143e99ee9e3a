//! Texts that many flows have in common, under the names of what they say: a batch holds one number a row for all of them.

use std::{array, marker::PhantomData};

/// What one of the texts says.
pub trait Attribute: Copy {
    /// Its place among them.
    fn place(self) -> usize;
    /// The name of its field.
    fn name(self) -> &'static str;
}

/// Texts, one for each of `N` attributes; what is empty is not told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attributes<A, const N: usize> {
    texts: [Box<str>; N],
    of: PhantomData<A>,
}

impl<A, const N: usize> Default for Attributes<A, N> {
    fn default() -> Self {
        Self { texts: array::from_fn(|_| Box::default()), of: PhantomData }
    }
}

impl<A: Attribute, const N: usize> Attributes<A, N> {
    /// What is told of it.
    pub fn get(&self, attribute: A) -> Option<&str> {
        Some(&*self.texts[attribute.place()]).filter(|text| !text.is_empty())
    }

    /// Tells something of it.
    pub fn set(&mut self, attribute: A, text: impl Into<Box<str>>) {
        self.texts[attribute.place()] = text.into();
    }

    /// Tells something of the attribute at a place, if there is one.
    pub fn set_at(&mut self, place: usize, text: impl Into<Box<str>>) {
        if let Some(own) = self.texts.get_mut(place) {
            *own = text.into();
        }
    }

    /// True where nothing is told.
    pub fn is_empty(&self) -> bool {
        self.texts.iter().all(|text| text.is_empty())
    }

    /// All of them, in the order of the attributes.
    pub fn texts(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.texts.iter().map(|text| &**text)
    }
}

/// Declares attributes: each with the name of its field.
macro_rules! attributes {
    ($(#[$doc:meta])* $name:ident: $($(#[$variant_doc:meta])* $variant:ident $field:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// All of them, in their order.
            pub const ALL: [Self; [$($field),*].len()] = [$(Self::$variant),*];
        }

        impl crate::flow::attributes::Attribute for $name {
            #[inline(always)]
            fn place(self) -> usize {
                self as usize
            }

            fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $field,)*
                }
            }
        }
    };
}

pub(crate) use attributes;

#[cfg(test)]
mod tests {
    use crate::flow::{
        attributes::Attribute as _,
        fields::{By, Reading, find},
        point::{ObservationPoint, PointAttribute},
        properties::CommonProperty,
    };

    #[test]
    fn every_attribute_is_a_field_of_its_name() {
        for attribute in PointAttribute::ALL {
            let field = find(attribute.name()).expect("a field");
            assert!(matches!(field.reading, Reading::Told(By::Point, _)), "{attribute:?}");
        }
        for property in CommonProperty::ALL {
            let field = find(property.name()).expect("a field");
            assert!(matches!(field.reading, Reading::Told(By::Properties, _)), "{property:?}");
        }
    }

    #[test]
    fn what_is_empty_is_not_told() {
        let mut point = ObservationPoint::default();
        assert!(point.is_empty() && point.get(PointAttribute::Vpc).is_none());
        point.set(PointAttribute::Vpc, "vpc-1");
        assert_eq!((point.get(PointAttribute::Vpc), point.is_empty()), (Some("vpc-1"), false));
        assert_eq!(point.texts().position(|text| text == "vpc-1"), Some(1));
    }
}
