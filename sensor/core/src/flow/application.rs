//! Identifiers of applications (`applicationId`, RFC 6759) as numbers, the same however long the field was in which one came.
//!
//! The first octet names the engine that classified, the others are its selector, right-aligned behind zeros. Where the
//! engine is that of a vendor's layer 7 (20), the vendor's enterprise number stands before the selector (section 4.2). So
//! one application has fields of many lengths; its number is the longest of them, of 16 octets.

/// The number of an application; 0 for none.
pub type ApplicationId = u128;

/// Octets of the longest identifier that is understood.
pub const LONGEST: usize = 16;

/// The engine whose selectors begin with an enterprise number: PANA-L7-PEN.
const ENTERPRISE_ENGINE: u8 = 20;
/// Octets of an enterprise number.
const ENTERPRISE: usize = 4;

/// The number of the application that `field` identifies; none when it has no octets or more than [`LONGEST`].
pub fn number(field: &[u8]) -> Option<ApplicationId> {
    let engine = *field.first()?;
    let head = head(engine).min(field.len());
    let (head, selector) = field.split_at(head);
    let mut octets = [0; LONGEST];
    octets.get_mut(..head.len())?.copy_from_slice(head);
    let start = LONGEST.checked_sub(selector.len()).filter(|start| *start >= head.len())?;
    octets[start..].copy_from_slice(selector);
    Some(ApplicationId::from_be_bytes(octets))
}

/// The field of `N` octets for an application, `N` of those that [`length`] answers.
pub fn field<const N: usize>(number: ApplicationId) -> [u8; N] {
    let octets = number.to_be_bytes();
    let head = head(octets[0]).min(N);
    let mut field = [0; N];
    field[..head].copy_from_slice(&octets[..head]);
    field[head..].copy_from_slice(&octets[LONGEST - (N - head)..]);
    field
}

/// The least of 4, 8 and 16 octets in which the application can be told.
pub fn length(number: ApplicationId) -> u16 {
    let octets = number.to_be_bytes();
    if head(octets[0]) != 1 {
        return LONGEST as u16;
    }
    // The engine alone has no weight here.
    let selector = number << 8 >> 8;
    match ApplicationId::BITS - selector.leading_zeros() {
        0..=24 => 4,
        25..=56 => 8,
        _ => LONGEST as u16,
    }
}

/// Octets that are left-aligned.
fn head(engine: u8) -> usize {
    if engine == ENTERPRISE_ENGINE { 1 + ENTERPRISE } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_any_length_identify_one_application() {
        // Engine 3 (IANA layer 4), selector 80.
        let short = number(&[3, 0, 0, 80]).unwrap();
        assert_eq!(number(&[3, 0, 80]), Some(short));
        assert_eq!(number(&[3, 0, 0, 0, 0, 0, 0, 80]), Some(short));
        assert_ne!(number(&[13, 0, 0, 80]), Some(short));
        assert_eq!((length(short), field(short)), (4, [3, 0, 0, 80]));
        assert_eq!(field(short), [3, 0, 0, 0, 0, 0, 0, 80]);
    }

    #[test]
    fn the_selector_of_a_vendor_follows_its_number() {
        let long = number(&[20, 0, 0, 0, 9, 0, 1, 187]).unwrap();
        assert_eq!(number(&[20, 0, 0, 0, 9, 0, 0, 1, 187]), Some(long));
        assert_ne!(number(&[20, 0, 0, 0, 10, 0, 1, 187]), Some(long));
        assert_eq!(length(long), 16);
        assert_eq!(number(&field::<16>(long)), Some(long));
    }

    #[test]
    fn what_is_no_identifier_has_no_number() {
        assert_eq!(number(&[]), None);
        assert_eq!(number(&[20; 17]), None);
        assert_eq!(number(&[0; 4]), Some(0));
        assert_eq!(number(&[20, 0, 0]), number(&[20, 0]), "cut within the vendor's number");
    }

    #[test]
    fn lengths_are_the_least() {
        for (octets, expected) in
            [(&[1, 0xff, 0xff, 0xff][..], 4), (&[1, 1, 0, 0, 0], 8), (&[1; 8], 8), (&[1; 9], 16)]
        {
            let number = number(octets).unwrap();
            assert_eq!(length(number), expected);
            assert_eq!(super::number(&field::<16>(number)), Some(number));
        }
    }
}
