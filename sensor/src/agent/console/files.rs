//! The files of the page, as they were built (`sensor/web/dist`).

use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY},
    },
    response::{IntoResponse as _, Response},
};

/// A file of the page.
pub struct File {
    name: &'static str,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
}

/// All of them; none where the program was built without a page.
static FILES: &[File] = &include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// What is served where nothing is named.
const INDEX: &str = "index.html";
/// Digits of the hash that a name has which belongs to one content for ever.
const HASH: usize = 12;

/// The file at a path; none where there is none.
pub fn at(path: &str, headers: &HeaderMap) -> Option<Response> {
    let name = match path.strip_prefix('/')? {
        "" => INDEX,
        name => name,
    };
    let file = FILES.iter().find(|file| file.name == name)?;
    let cached = if is_hashed(name) { "public, max-age=31536000, immutable" } else { "no-store" };
    let (octets, packed) = match file.gzip {
        Some(gzip) if takes_gzip(headers) => (gzip, true),
        _ => (file.plain, false),
    };
    let mut answer = (StatusCode::OK, Body::from(octets)).into_response();
    let own = answer.headers_mut();
    own.insert(CONTENT_TYPE, HeaderValue::from_static(kind(name)));
    own.insert(CACHE_CONTROL, HeaderValue::from_static(cached));
    own.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if packed {
        own.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Some(answer)
}

fn is_hashed(name: &str) -> bool {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let hash = stem.rsplit_once('-').map_or("", |(_, hash)| hash);
    hash.len() == HASH && hash.bytes().all(|octet| octet.is_ascii_hexdigit())
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let all = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("");
    all.split(',').any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        is_gzip && !refused
    })
}

fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "json" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_hash_are_kept_for_ever() {
        assert!(is_hashed("app-977f8bb97fbd.js"));
        for other in ["index.html", "app-977f8bb97fb.js", "app-977f8bb97fbz.js", "977f8bb97fbd.js"]
        {
            assert!(!is_hashed(other), "{other}");
        }
    }

    #[test]
    fn compressed_is_for_whoever_takes_it() {
        for (accepts, taken) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("br", false),
            ("", false),
            ("xgzip", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accepts));
            assert_eq!(takes_gzip(&headers), taken, "{accepts}");
        }
    }

    /// Every file of the page is there under its name, and nothing else is.
    #[test]
    fn files_are_found_by_their_names_alone() {
        let headers = HeaderMap::new();
        for file in FILES {
            let answer = at(&format!("/{}", file.name), &headers).expect("it is there");
            assert!(answer.headers().contains_key(CONTENT_TYPE));
        }
        assert_eq!(at("/", &headers).is_some(), !FILES.is_empty());
        for path in ["", "/../Cargo.toml", "//index.html", "/files.json", "/index.html.gz"] {
            assert!(at(path, &headers).is_none(), "{path}");
        }
    }
}
