//! Who may ask what: a pure function of the head of a request.
//!
//! A page of somebody else, open in the same browser, can send requests here. So the name that the browser has asked for must be one of
//! ours (or a name that leads here for a moment would do: DNS rebinding), requests with a body must come from our own page, and no answer
//! is for a page of another origin.

use axum::http::{
    HeaderMap, HeaderName, Method, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, ORIGIN},
};

use crate::agent::web::token::bearer;

/// What a browser shows.
pub const NAME: &str = "sensor";

/// What is known of those who may ask.
pub trait Known {
    /// Whether this is the token of programs; none where it cannot be read now, or there is none.
    fn is_token(&self, shown: &str) -> Option<bool>;

    /// Whether a browser that shows this has come in.
    fn has_entered(&self, shown: &str) -> bool;
}

/// Names by which browsers may reach the console, lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// The usual ones, and others.
    pub fn new(address: std::net::IpAddr, others: &[String]) -> Self {
        let mut all: Vec<String> = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).into();
        match address {
            address if address.is_unspecified() => {}
            std::net::IpAddr::V4(address) => all.push(address.to_string()),
            std::net::IpAddr::V6(address) => all.push(format!("[{address}]")),
        }
        all.extend(others.iter().cloned());
        Self(all)
    }

    /// Whether a value of `Host` has one of the names, whatever the port: what leads to ours may have another.
    fn have(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port))
                if !name.is_empty() && port.bytes().all(|octet| octet.is_ascii_digit()) =>
            {
                name
            }
            _ => host,
        };
        self.0.iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status of the answer.
    pub status: StatusCode,
    /// Why, and what to do.
    pub why: &'static str,
}

const fn refusal(status: StatusCode, why: &'static str) -> Refusal {
    Refusal { status, why }
}

/// Whether the name that was asked for is ours.
///
/// # Errors
/// It is not, or there is none.
pub fn named(hosts: &Hosts, headers: &HeaderMap) -> Result<(), Refusal> {
    let mut given = headers.get_all(HOST).iter();
    match (given.next().and_then(|host| host.to_str().ok()), given.next()) {
        (Some(host), None) if hosts.have(host) => Ok(()),
        _ => Err(refusal(
            StatusCode::MISDIRECTED_REQUEST,
            "the console is not called so: open it by its address, or add the name to console.hosts",
        )),
    }
}

/// Whether somebody may ask.
///
/// # Errors
/// Why not.
pub fn admitted(known: &impl Known, method: &Method, headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let posts = match *method {
        Method::GET | Method::HEAD => false,
        Method::POST => true,
        _ => return Err(refusal(StatusCode::METHOD_NOT_ALLOWED, "GET or POST")),
    };
    if posts && !text(CONTENT_TYPE).is_some_and(is_json) {
        return Err(refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "a question is JSON: `Content-Type: application/json`",
        ));
    }
    // Our own page says where it is from; programs say nothing.
    let is_own = text(ORIGIN).map(|origin| is_own(origin, text(HOST).unwrap_or_default()));
    if headers.contains_key(ORIGIN) && is_own != Some(true) {
        return Err(refusal(StatusCode::FORBIDDEN, "a page of another origin may not ask"));
    }
    if let Some(header) = text(AUTHORIZATION) {
        return match bearer(header).map(|shown| known.is_token(shown)) {
            Some(Some(true)) => Ok(()),
            Some(None) => Err(refusal(
                StatusCode::UNAUTHORIZED,
                "there is no token for programs, or it cannot be read: see console.token_file",
            )),
            _ => Err(refusal(
                StatusCode::UNAUTHORIZED,
                "this is not the token of console.token_file",
            )),
        };
    }
    if !cookies(headers).any(|shown| known.has_entered(shown)) {
        return Err(refusal(
            StatusCode::UNAUTHORIZED,
            "who are you? `sensor page` prints an address that lets you in; programs send `Authorization: Bearer TOKEN`",
        ));
    }
    if posts && is_own != Some(true) {
        return Err(refusal(StatusCode::FORBIDDEN, "a browser has to say from which page it asks"));
    }
    Ok(())
}

fn is_json(kind: &str) -> bool {
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn is_own(origin: &str, host: &str) -> bool {
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

/// What a browser shows; it may have several of one name.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';')).filter_map(|one| {
        let (name, shown) = one.trim().split_once('=')?;
        (name == NAME).then_some(shown)
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    struct Test;

    impl Known for Test {
        fn is_token(&self, shown: &str) -> Option<bool> {
            (shown != "unreadable").then_some(shown == "token")
        }

        fn has_entered(&self, shown: &str) -> bool {
            shown == "in"
        }
    }

    fn headers(given: &[(&str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_our_names_lead_here() {
        let hosts = Hosts::new([192, 0, 2, 1].into(), &["sensor.example.net".to_owned()]);
        for host in [
            "localhost",
            "LocalHost:8686",
            "127.0.0.1:1",
            "[::1]:8686",
            "192.0.2.1:8686",
            "sensor.example.net",
            "Sensor.Example.Net:443",
        ] {
            assert_eq!(named(&hosts, &headers(&[("host", host)])), Ok(()), "{host}");
        }
        for host in [
            "",
            ":8686",
            "attacker.example",
            "localhost.attacker.example",
            "127.0.0.1.attacker.example:8686",
            "localhost:8686.attacker.example",
            "192.0.2.2",
            "[::1",
            "[::2]:8686",
            "user@localhost",
        ] {
            let refused = named(&hosts, &headers(&[("host", host)])).unwrap_err();
            assert_eq!(refused.status, StatusCode::MISDIRECTED_REQUEST, "{host}");
        }
        assert!(named(&hosts, &headers(&[])).is_err());
        let two = headers(&[("host", "localhost"), ("host", "attacker.example")]);
        assert!(named(&hosts, &two).is_err());
        // Whatever it listens on, that is no name.
        assert!(
            named(&Hosts::new([0, 0, 0, 0].into(), &[]), &headers(&[("host", "0.0.0.0")])).is_err()
        );
    }

    #[test]
    fn who_may_ask() {
        const OWN: (&str, &str) = ("origin", "http://localhost:8686");
        const JSON: (&str, &str) = ("content-type", "application/json");
        const IN: (&str, &str) = ("cookie", "a=b; sensor=in");
        let ok = Ok(());
        let refused = |status: u16| Err(status);
        for (method, given, expected) in [
            ("GET", vec![], refused(401)),
            ("GET", vec![IN], ok),
            ("HEAD", vec![IN], ok),
            ("GET", vec![("cookie", "sensor=out")], refused(401)),
            ("GET", vec![("cookie", "sensor=out"), IN], ok),
            ("GET", vec![("cookie", "xsensor=in")], refused(401)),
            ("GET", vec![("authorization", "Bearer token")], ok),
            ("GET", vec![("authorization", "Bearer other")], refused(401)),
            ("GET", vec![("authorization", "Basic token")], refused(401)),
            ("GET", vec![("authorization", "Bearer unreadable")], refused(401)),
            // A wrong token is not made good by a cookie.
            ("GET", vec![("authorization", "Bearer other"), IN], refused(401)),
            ("GET", vec![IN, ("origin", "http://attacker.example")], refused(403)),
            ("GET", vec![IN, ("origin", "null")], refused(403)),
            ("POST", vec![IN, OWN, JSON], ok),
            ("POST", vec![IN, OWN, ("content-type", "application/json; charset=utf-8")], ok),
            ("POST", vec![IN, ("origin", "https://localhost:8686"), JSON], ok),
            ("POST", vec![IN, JSON], refused(403)),
            ("POST", vec![IN, ("origin", "http://localhost:8687"), JSON], refused(403)),
            ("POST", vec![IN, ("origin", "http://localhost"), JSON], refused(403)),
            ("POST", vec![IN, ("origin", "ftp://localhost:8686"), JSON], refused(403)),
            ("POST", vec![IN, ("origin", "null"), JSON], refused(403)),
            ("POST", vec![IN, OWN], refused(415)),
            ("POST", vec![IN, OWN, ("content-type", "text/plain")], refused(415)),
            ("POST", vec![IN, OWN, ("content-type", "application/jsonx")], refused(415)),
            ("POST", vec![OWN, JSON], refused(401)),
            ("POST", vec![("authorization", "Bearer token"), JSON], ok),
            (
                "POST",
                vec![("authorization", "Bearer token"), ("origin", "http://a"), JSON],
                refused(403),
            ),
            ("OPTIONS", vec![IN], refused(405)),
            ("PUT", vec![IN, OWN, JSON], refused(405)),
            ("DELETE", vec![IN, OWN], refused(405)),
        ] {
            let mut given = given;
            given.push(("host", "localhost:8686"));
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let found = admitted(&Test, &method, &headers(&given));
            assert_eq!(
                found.map_err(|refusal| refusal.status.as_u16()),
                expected,
                "{method} {given:?}"
            );
        }
    }
}
