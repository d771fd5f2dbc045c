//! Query strings: [`Query`] finds a parameter as the reference would, [`Page`] is the window of a list
//! (`contract/endpoints.md` §5). Nothing here knows what is listed.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use crate::error::Error;
use crate::store::Window;

/// How many objects a list holds unless asked for another number.
const DEFAULT_LIMIT: u16 = 100;

/// How many objects a list holds at most; who asks for more gets this many.
pub const MAX_LIMIT: u16 = 500;

/// The parameters of a raw query string.
#[derive(Debug, Clone, Copy)]
pub struct Query<'q> {
    raw: &'q str,
    /// No escape is in it, so that a name stands there as it is.
    is_plain: bool,
}

impl<'q> Query<'q> {
    /// Takes the text behind the `?`, still escaped; empty when there is none.
    #[must_use]
    pub fn new(raw: &'q str) -> Self {
        Self { raw, is_plain: !raw.contains('%') }
    }

    /// The first value of a parameter, decoded.
    ///
    /// As the reference, a parameter with a bare `;` or a broken escape does not count.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<Cow<'q, str>> {
        if self.raw.is_empty() {
            return None;
        }
        self.raw.split('&').find_map(|parameter| {
            if self.is_plain && !parameter.starts_with(name) {
                return None;
            }
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let counts = !parameter.contains(';') && unescape(key)? == name;
            counts.then(|| unescape(value))?
        })
    }
}

/// Decodes escapes and `+`; a broken escape makes the parameter nothing.
fn unescape(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    if !escapes_are_whole(text) {
        return None;
    }
    let spaced = text.replace('+', " ");
    Some(Cow::Owned(percent_decode(spaced.as_bytes()).decode_utf8_lossy().into_owned()))
}

/// Tells whether two hexadecimal digits follow every `%`.
pub(super) fn escapes_are_whole(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// The part of a list that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// How many objects at most, up to [`MAX_LIMIT`]; none is a valid wish.
    pub limit: usize,
    /// How many objects to skip, in the order asked for.
    pub offset: usize,
    /// From the last name to the first.
    pub descending: bool,
}

impl Page {
    /// Reads `limit`, `offset` and `order`, in this order of complaints.
    ///
    /// # Errors
    /// [`Error::Malformed`] with `invalid limit`, `invalid offset` or `invalid order`.
    pub fn parse(query: Query<'_>) -> Result<Self, Error> {
        let limit = integer(query, "limit", DEFAULT_LIMIT.into(), "invalid limit")?;
        if limit < 0 {
            return Err(Error::malformed("invalid limit"));
        }
        let offset = integer(query, "offset", 0, "invalid offset")?;
        let descending = match query.first("order").as_deref() {
            None | Some("ASC") => false,
            Some("DESC") => true,
            Some(_) => return Err(Error::malformed("invalid order")),
        };
        Ok(Self {
            limit: usize::try_from(limit).unwrap_or(usize::MAX).min(MAX_LIMIT.into()),
            // Past the end is past the end, wherever an offset stops to fit.
            offset: usize::try_from(offset.max(0)).unwrap_or(usize::MAX),
            descending,
        })
    }
}

impl From<Page> for Window {
    fn from(page: Page) -> Self {
        Self { offset: page.offset, limit: page.limit, descending: page.descending }
    }
}

fn integer(query: Query<'_>, name: &str, default: i64, complaint: &'static str) -> Result<i64, Error> {
    match query.first(name) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| Error::malformed(complaint)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(raw: &str) -> Result<(usize, usize, bool), String> {
        let page = Page::parse(Query::new(raw)).map_err(|error| error.to_string())?;
        Ok((page.limit, page.offset, page.descending))
    }

    #[test]
    fn a_page_is_read_as_the_contract_says() {
        for (raw, wanted) in [
            ("", (100, 0, false)),
            ("limit=2&offset=4&order=DESC", (2, 4, true)),
            ("order=ASC", (100, 0, false)),
            ("limit=%2B2", (2, 0, false)),
            ("limit=0", (0, 0, false)),
            ("limit=-0", (0, 0, false)),
            ("limit=501", (500, 0, false)),
            ("limit=9223372036854775807", (500, 0, false)),
            ("offset=-3&limit=2", (2, 0, false)),
            ("offset=-9223372036854775808", (100, 0, false)),
            ("limit=1&limit=3", (1, 0, false)),
            ("order=DESC&order=ASC&limit=1", (1, 0, true)),
            ("limit=1;offset=2", (100, 0, false)),
            ("limit=1;&limit=7", (7, 0, false)),
            ("limit=%zz&limit=7", (7, 0, false)),
            ("limi%74=7&&=&x", (7, 0, false)),
            ("Limit=7", (100, 0, false)),
        ] {
            assert_eq!(page(raw), Ok(wanted), "{raw}");
        }
        assert_eq!(page("offset=9223372036854775807").map(|page| page.1), Ok(usize::MAX >> 1));
    }

    #[test]
    fn a_page_that_makes_no_sense_is_refused() {
        for (raw, wanted) in [
            ("limit=", "invalid limit"),
            ("limit", "invalid limit"),
            ("limit=x", "invalid limit"),
            ("limit=+5", "invalid limit"),
            ("limit=%201", "invalid limit"),
            ("limit=1.0", "invalid limit"),
            ("limit=-1", "invalid limit"),
            ("limit=99999999999999999999", "invalid limit"),
            ("limit=x&offset=x&order=x", "invalid limit"),
            ("offset=", "invalid offset"),
            ("offset=1.5", "invalid offset"),
            ("offset=99999999999999999999", "invalid offset"),
            ("offset=%3B", "invalid offset"),
            ("order=", "invalid order"),
            ("order=asc", "invalid order"),
            ("order=RANDOM", "invalid order"),
        ] {
            assert_eq!(page(raw), Err(wanted.to_owned()), "{raw}");
        }
    }

    #[test]
    fn a_parameter_is_decoded_once() {
        let query = Query::new("a=x+y%2Bz%2520&b=%C3%BC%FF&%61b=1");
        assert_eq!(query.first("a").as_deref(), Some("x y+z%20"));
        assert_eq!(query.first("b").as_deref(), Some("ü\u{fffd}"));
        assert_eq!(query.first("ab").as_deref(), Some("1"));
        assert_eq!(query.first("c"), None);
        assert!(matches!(Query::new("a=1").first("a"), Some(Cow::Borrowed("1"))));
    }

    proptest! {
        #[test]
        fn what_is_escaped_is_found(name in "[a-z]{1,8}", value: String) {
            let escaped = crate::api::path_name::escape(&value).replace('&', "%26").replace('+', "%2B");
            let raw = format!("X=1&{name}={escaped}");
            let found = Query::new(&raw).first(&name);
            prop_assert_eq!(found.as_deref(), Some(value.as_str()));
        }

        #[test]
        fn any_query_has_an_answer(raw: String) {
            let page = Page::parse(Query::new(&raw));
            prop_assert!(page.is_err() || page.is_ok_and(|page| page.limit <= usize::from(MAX_LIMIT)));
        }
    }
}
