//! What somebody cut off: whether octets are a whole object, and where a string ends that has no quotation mark.

use super::{
    block,
    nest::{Closed, Kind, Nest},
};

/// Whether a line is an object, from its first octet to its last one.
pub fn is_whole(line: &[u8]) -> bool {
    let (mut nest, mut quoted, mut escaped) = (Nest::default(), false, false);
    for (at, octet) in line.iter().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b'{' if !quoted => nest.open(Kind::Object),
            b'[' if !quoted && at > 0 => nest.open(Kind::Array),
            b'}' | b']' if !quoted => {
                let kind = if *octet == b'}' { Kind::Object } else { Kind::Array };
                if nest.close(kind) == Closed::All {
                    return at + 1 == line.len() && !nest.is_too_deep();
                }
            }
            _ if at == 0 => return false,
            _ => {}
        }
    }
    false
}

/// Whether a line ends within a string.
#[inline(always)]
pub fn is_torn(octets: &[u8; block::LENGTH], quoted: u64) -> bool {
    let ends = |octet| octet == b'\n';
    block::has(octets, ends) && block::places(octets, ends) & quoted != 0
}

/// Whether it is white space.
pub fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}
