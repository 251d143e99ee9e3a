//! A score of how much a name looks as if nobody had chosen it: names that programs make up, or that carry data, use many characters
//! about equally often.
//!
//! It is the Shannon entropy of the characters, in bits per character, without dots and without the public suffix, which nobody who
//! makes up names has a choice of. It lies between 0 (one character, however often) and the logarithm of the number of characters,
//! so long names can reach more: words seldom exceed 3.5, encoded data of 32 characters and more seldom stays below 3.8.

/// The score of what stands before the public suffix of a name, to three decimals; none where nothing does.
pub fn score(before_suffix: &str) -> Option<f64> {
    let mut counts = [0_u32; 256];
    let mut all = 0_u32;
    for octet in before_suffix.bytes().filter(|octet| *octet != b'.') {
        counts[usize::from(octet)] += 1;
        all += 1;
    }
    if all == 0 {
        return None;
    }
    let all = f64::from(all);
    let entropy: f64 = counts
        .iter()
        .filter(|count| **count != 0)
        .map(|count| f64::from(*count) / all)
        .map(|share| -share * share.log2())
        .sum();
    // Of one character it would be -0.
    Some((entropy * 1000.0).round() / 1000.0 + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_entropy_of_the_characters() {
        for (text, expected) in [
            ("", None),
            ("..", None),
            ("a", Some(0.0)),
            ("aaaa.aaaa", Some(0.0)),
            ("ab", Some(1.0)),
            ("a.b", Some(1.0)),
            ("abcd", Some(2.0)),
            ("aab", Some(0.918)),
            ("0123456789abcdef", Some(4.0)),
            ("www.google", Some(2.197)),
        ] {
            assert_eq!(score(text), expected, "{text}");
        }
    }

    #[test]
    fn made_up_names_score_higher_than_chosen_ones() {
        let of = |text| score(text).expect("a score");
        let made_up = ["kq3v9z7x1m5w8t2r", "mfrggzdfmztwq2lknnwg23tpobyxe43uov3ho6dz"];
        for chosen in ["mail.example", "static.cdn.shop", "login.microsoftonline"] {
            assert!(made_up.iter().all(|made_up| of(made_up) > of(chosen)), "{chosen}");
        }
    }
}
