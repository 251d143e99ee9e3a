//! Answers to listings without the names that the crate for stores cannot hold: parts that are empty, `.` or `..`, and control
//! characters. It would refuse the whole page for one of them, and whoever may write one object would keep all others from being
//! read. Pure.

use object_store::path::Path;

/// Elements of an answer that tell a name, and what the name stands in: S3 and what speaks like it, then Azure.
const ELEMENTS: [(&str, &str); 4] =
    [("Contents", "Key"), ("CommonPrefixes", "Prefix"), ("BlobPrefix", "Name"), ("Blob", "Name")];

/// Whether a request with this query is answered by a listing.
pub fn is_listing(query: &str) -> bool {
    query.split('&').any(|pair| pair == "list-type=2" || pair == "comp=list")
}

/// An answer without what cannot be read, and the names of that; none where all of it can be.
pub fn sift(answer: &str) -> Option<(String, Vec<String>)> {
    let (mut kept, mut lost) = (String::new(), Vec::new());
    let mut rest = answer;
    while let Some((begin, end, name)) = next(rest) {
        let is_readable = Path::parse(&name).is_ok();
        kept.push_str(&rest[..if is_readable { end } else { begin }]);
        if !is_readable {
            lost.push(name);
        }
        rest = &rest[end..];
    }
    kept.push_str(rest);
    (!lost.is_empty()).then_some((kept, lost))
}

/// Where the next element stands, and the name in it.
fn next(text: &str) -> Option<(usize, usize, String)> {
    let found = ELEMENTS.iter().filter_map(|(element, name)| {
        let begin = text.find(&format!("<{element}>"))?;
        Some((begin, *element, *name))
    });
    let (begin, element, name) = found.min_by_key(|(begin, ..)| *begin)?;
    let close = format!("</{element}>");
    let end = begin + text[begin..].find(&close)? + close.len();
    let name = within(&text[begin..end], name).map(unescaped).unwrap_or_default();
    Some((begin, end, name))
}

/// What stands in the first element of this name.
fn within<'t>(text: &'t str, element: &str) -> Option<&'t str> {
    let (_, behind) = text.split_once(&format!("<{element}>"))?;
    behind.split_once(&format!("</{element}>")).map(|(within, _)| within)
}

/// Text without the references of XML.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        plain.push_str(before);
        let reference =
            behind.split_once(';').and_then(|(name, behind)| Some((character(name)?, behind)));
        let (character, behind) = reference.unwrap_or(('&', behind));
        plain.push(character);
        rest = behind;
    }
    plain + rest
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let digits = name.strip_prefix('#')?;
            let number = match digits.strip_prefix('x') {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => digits.parse(),
            };
            number.ok().and_then(char::from_u32)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_s3(keys: &[&str]) -> String {
        let contents = |key: &&str| format!("<Contents><Key>{key}</Key><Size>1</Size></Contents>");
        let contents: String = keys.iter().map(contents).collect();
        format!(
            "<ListBucketResult><Name>b</Name><Prefix>a/</Prefix>{contents}<IsTruncated>false</IsTruncated></ListBucketResult>"
        )
    }

    #[test]
    fn names_that_cannot_be_held_are_left_out_and_nothing_else() {
        let fine = ["a/b.log", "a/ü &amp; &lt;x&gt;.log", "a/..b", "a/b../c", "a/dir/", "a/%2e%2e"];
        assert_eq!(sift(&of_s3(&fine)), None);
        for (key, name) in [
            ("a//b", "a//b"),
            ("a/../b", "a/../b"),
            ("a/./b", "a/./b"),
            ("a/&#10;b", "a/\nb"),
            ("a/&#x1;b", "a/\u{1}b"),
            ("a/.&#x2E;/b", "a/../b"),
        ] {
            let (kept, lost) = sift(&of_s3(&["a/1", key, "a/2"])).expect("one is left out");
            assert_eq!((kept, lost), (of_s3(&["a/1", "a/2"]), vec![name.to_owned()]));
        }
        let folders = "<R><CommonPrefixes><Prefix>a/../</Prefix></CommonPrefixes><CommonPrefixes><Prefix>a/b/</Prefix></CommonPrefixes></R>";
        let (kept, _) = sift(folders).expect("one is left out");
        assert_eq!(kept, "<R><CommonPrefixes><Prefix>a/b/</Prefix></CommonPrefixes></R>");
    }

    #[test]
    fn azure_tells_names_in_elements_of_its_own() {
        let text = "<E><Blobs><Blob><Name>a//b</Name></Blob><BlobPrefix><Name>a/./</Name></BlobPrefix><Blob><Name>c</Name></Blob></Blobs></E>";
        let (kept, lost) = sift(text).expect("two are left out");
        assert_eq!(kept, "<E><Blobs><Blob><Name>c</Name></Blob></Blobs></E>");
        assert_eq!(lost, ["a//b", "a/./"]);
    }

    #[test]
    fn what_is_no_listing_stays_as_it_is() {
        for text in [
            "",
            "<Contents>",
            "<Contents></Contents",
            "<Error><Code>NoSuchBucket</Code></Error>",
            "&&;&#xffffffff;",
        ] {
            assert_eq!(sift(text), None, "{text}");
        }
        assert!(is_listing("list-type=2&prefix=a") && is_listing("restype=container&comp=list"));
        assert!(!is_listing("") && !is_listing("prefix=list-type=2"));
    }
}
