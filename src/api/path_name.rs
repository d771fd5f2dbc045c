//! The name in a path, such as the username of `/users/{username}`: decoded exactly once, by the router,
//! and escaped again for `Location`. Whether it is a valid name is for the domain to say.

use std::borrow::Cow;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::HeaderValue;
use actix_web::{FromRequest, HttpRequest};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::response::Failure;
use crate::error::Error;

/// What `Location` escapes: all but letters, digits and `-_.~$&+=:@` (`contract/endpoints.md` §6).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// The name in the path of the request; handlers take it as an argument.
///
/// `web::Path` would decode it a second time, which makes names with a `%` unreachable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathName(pub String);

impl PathName {
    /// Looks at the name in the request's path without copying it.
    pub fn of(request: &HttpRequest) -> Option<&str> {
        request.match_info().iter().next().map(|(_, name)| name)
    }
}

impl FromRequest for PathName {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let name = Self::of(request).map(|name| Self(name.to_owned()));
        ready(name.ok_or_else(|| Failure(Error::internal("the route's path holds no name"))))
    }
}

/// Decodes one raw segment of a path; bytes that are no UTF-8 become U+FFFD.
#[must_use]
pub fn unescape(segment: &str) -> Cow<'_, str> {
    percent_decode_str(segment).decode_utf8_lossy()
}

/// Escapes a name so that it stands as one segment of a path.
#[must_use]
pub fn escape(name: &str) -> String {
    utf8_percent_encode(name, ESCAPED).to_string()
}

/// The `Location` of an object: its collection's path, such as `/api/v2/users`, and its name.
///
/// # Panics
/// When `collection` is no text a header may hold.
#[must_use]
pub fn location(collection: &'static str, name: &str) -> HeaderValue {
    HeaderValue::try_from(format!("{collection}/{}", escape(name))).expect("escaped names are visible ASCII")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_escaped_as_recorded() {
        for (name, escaped) in [
            ("Alice09-_.~$&+=:@", "Alice09-_.~$&+=:@"),
            ("a b", "a%20b"),
            ("a/b", "a%2Fb"),
            ("a\\b", "a%5Cb"),
            ("a%20b", "a%2520b"),
            ("a;b,c'd\"", "a%3Bb%2Cc%27d%22"),
            ("*|()[]{{^`#?!<>", "%2A%7C%28%29%5B%5D%7B%7B%5E%60%23%3F%21%3C%3E"),
            ("a\0b\t", "a%00b%09"),
            ("josé😀", "jos%C3%A9%F0%9F%98%80"),
        ] {
            assert_eq!(escape(name), escaped);
        }
        assert_eq!(location("/api/v2/users", "a b"), "/api/v2/users/a%20b");
    }

    #[test]
    fn a_segment_is_decoded_once() {
        for (segment, name) in [
            ("a%252Fb", "a%2Fb"),
            ("a%2fb", "a/b"),
            ("a+b", "a+b"),
            ("%FF", "\u{fffd}"),
            ("%00", "\0"),
            ("%25zz", "%zz"),
        ] {
            assert_eq!(unescape(segment), name);
        }
    }

    proptest! {
        #[test]
        fn what_is_escaped_is_one_segment_and_reads_back(name: String) {
            let escaped = escape(&name);
            prop_assert!(escaped.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/'));
            prop_assert_eq!(unescape(&escaped), name);
        }
    }
}
