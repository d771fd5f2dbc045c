//! Name and password in the `Authorization` header (RFC 7617), and the bearer token (RFC 6750).

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::domain::password::NewPassword;

/// The name and password of a request, if its header holds any that can be read.
pub fn credentials(headers: &HeaderMap) -> Option<(String, NewPassword)> {
    let encoded = after_scheme(headers, "basic")?;
    let decoded = zeroize::Zeroizing::new(STANDARD.decode(encoded).ok()?);
    let text = std::str::from_utf8(&decoded).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), NewPassword::new(password.to_owned())))
}

/// The bearer token of a request, if its header holds one.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    after_scheme(headers, "bearer").map(str::trim).filter(|token| !token.is_empty())
}

/// What follows the scheme's word, which is in any case.
fn after_scheme<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (word, rest) = value.split_once(' ')?;
    word.eq_ignore_ascii_case(scheme).then_some(rest)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn headers(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn the_scheme_is_in_any_case_and_blanks_around_a_token_do_not_matter() {
        for value in ["Bearer abc", "bearer abc", "BEARER abc", "Bearer  abc", "Bearer abc "] {
            assert_eq!(bearer(&headers(value)), Some("abc"), "{value}");
        }
        for value in ["abc", "Bearer", "Bearer ", "Token abc", "Basic abc"] {
            assert_eq!(bearer(&headers(value)), None, "{value}");
        }
    }

    #[test]
    fn a_password_may_hold_colons() {
        let encoded = STANDARD.encode("name:a:b:c");
        let (name, password) = credentials(&headers(&format!("Basic {encoded}"))).unwrap();
        assert_eq!((name.as_str(), password.expose()), ("name", "a:b:c"));
    }

    #[test]
    fn what_is_no_basic_authentication_is_none() {
        let no_colon = STANDARD.encode("name");
        let two_blanks = format!("Basic  {}", STANDARD.encode("name:password"));
        for value in ["Basic !!!", "Digest x", &format!("Basic {no_colon}"), "Basic", &two_blanks] {
            assert!(credentials(&headers(value)).is_none(), "{value}");
        }
    }
}
