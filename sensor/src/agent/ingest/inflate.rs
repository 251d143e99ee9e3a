//! Compressed bodies, within bounds: a few octets may stand for very many.

use std::io::Read;

use axum::http::{HeaderMap, header::CONTENT_ENCODING};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use super::refusal::Refusal;
use crate::replay::open::{GZIP, ZSTD, is_compressed};

/// The body behind the encoding that `headers` name; of at most `most` octets.
///
/// # Errors
/// An encoding that is not known, broken octets, too many.
pub fn decoded(headers: &HeaderMap, body: Bytes, most: usize) -> Result<Bytes, Refusal> {
    let mut encodings = headers.get_all(CONTENT_ENCODING).into_iter();
    let Some(encoding) = encodings.next() else { return Ok(body) };
    let encoding = encoding.to_str().map_err(|_| Refusal::Encoding)?.trim();
    if encodings.next().is_some() {
        return Err(Refusal::Encoding);
    }
    let is = |name: &str| encoding.eq_ignore_ascii_case(name);
    if is("identity") {
        Ok(body)
    } else if is("gzip") || is("x-gzip") {
        read(MultiGzDecoder::new(&*body), most)
    } else if is("zstd") {
        read(zstd(&body)?, most)
    } else {
        Err(Refusal::Encoding)
    }
}

/// `octets`, looked into where they are compressed themselves, but no deeper.
///
/// # Errors
/// Broken octets, too many, or compressed twice.
pub fn plain(octets: Bytes, most: usize) -> Result<Bytes, Refusal> {
    let octets = if octets.starts_with(&GZIP) {
        read(MultiGzDecoder::new(&*octets), most)?
    } else if octets.starts_with(&ZSTD) {
        read(zstd(&octets)?, most)?
    } else {
        octets
    };
    match is_compressed(&octets[..octets.len().min(4)]) {
        true => Err(Refusal::Malformed),
        false => Ok(octets),
    }
}

fn zstd(octets: &[u8]) -> Result<impl Read, Refusal> {
    let mut decoder = zstd::stream::read::Decoder::new(octets).map_err(|_| Refusal::Malformed)?;
    // The window is memory: frames of ordinary senders need 8 MiB.
    decoder.window_log_max(23).map_err(|_| Refusal::Malformed)?;
    Ok(decoder)
}

fn read(from: impl Read, most: usize) -> Result<Bytes, Refusal> {
    let mut octets = Vec::new();
    from.take(most as u64 + 1).read_to_end(&mut octets).map_err(|_| Refusal::Malformed)?;
    if octets.len() > most { Err(Refusal::TooLarge) } else { Ok(octets.into()) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use axum::http::HeaderValue;
    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn zipped(octets: &[u8]) -> Bytes {
        let mut out = GzEncoder::new(Vec::new(), Compression::best());
        out.write_all(octets).expect("memory");
        out.finish().expect("memory").into()
    }

    fn headers(encodings: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for encoding in encodings {
            headers.append(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        headers
    }

    #[test]
    fn encodings_are_looked_through_and_bounded() {
        let most = 100;
        let text = Bytes::from_static(b"hello");
        let zstd = Bytes::from(zstd::encode_all(&*text, 1).expect("memory"));
        for (encodings, body, expected) in [
            (vec![], text.clone(), Ok(text.clone())),
            (vec!["identity"], text.clone(), Ok(text.clone())),
            (vec!["gzip"], zipped(&text), Ok(text.clone())),
            (vec!["X-GZIP"], zipped(&text), Ok(text.clone())),
            (vec!["zstd"], zstd.clone(), Ok(text.clone())),
            (vec!["br"], text.clone(), Err(Refusal::Encoding)),
            (vec!["gzip, gzip"], text.clone(), Err(Refusal::Encoding)),
            (vec!["gzip", "gzip"], zipped(&text), Err(Refusal::Encoding)),
            (vec!["gzip"], text.clone(), Err(Refusal::Malformed)),
            (vec!["zstd"], text.clone(), Err(Refusal::Malformed)),
            (vec!["gzip"], zipped(&text).slice(..20), Err(Refusal::Malformed)),
            (vec!["gzip"], zipped(&[0; 100]), Ok(vec![0; 100].into())),
            (vec!["gzip"], zipped(&[0; 101]), Err(Refusal::TooLarge)),
            // A bomb, of several members.
            (vec!["gzip"], zipped(&[0; 60]).repeat(1000).into(), Err(Refusal::TooLarge)),
        ] {
            let found = decoded(&headers(&encodings), body, most);
            assert_eq!(found, expected, "{encodings:?}");
        }
    }

    #[test]
    fn a_body_may_be_compressed_itself_but_once() {
        let text = Bytes::from_static(b"hello");
        assert_eq!(plain(text.clone(), 9), Ok(text.clone()));
        assert_eq!(plain(zipped(&text), 9), Ok(text.clone()));
        assert_eq!(plain(zipped(&zipped(&text)), 99), Err(Refusal::Malformed));
        assert_eq!(plain(zipped(&text), 4), Err(Refusal::TooLarge));
    }
}
