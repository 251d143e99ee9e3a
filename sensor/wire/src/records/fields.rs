//! A record taken apart, field by field: for options, and for whoever wants to see everything.

use crate::{
    octets::Octets,
    template::{Specifier, Template},
};

/// The fields of the record at the start of `octets`, as the template has them; ends early where the record does.
pub fn fields<'a>(
    template: &'a Template,
    octets: &'a [u8],
) -> impl Iterator<Item = (&'a Specifier, &'a [u8])> {
    let mut rest = Octets(octets);
    template.specifiers.iter().map_while(move |specifier| {
        let length = match specifier.is_variable() {
            true => rest.length()?,
            false => specifier.length.into(),
        };
        rest.take(length).map(|value| (specifier, value))
    })
}
