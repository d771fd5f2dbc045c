//! What lists of users take beyond `limit`, `offset` and `order`, and what their answers say beside the list: a cursor,
//! filters, the number of users, the way to the next page. Without any of it nothing is different.

use std::borrow::Cow;

use actix_web::http::header::{HeaderName, HeaderValue, LINK};
use actix_web::{HttpRequest, HttpResponse};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::page::{Page, Query};
use super::path_name::escape;
use crate::error::Error;
use crate::service::users::{ListQuery, Listing, UserFilter};

const X_TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// What may stand in the text of a query that came to us and not between the angle brackets of a link.
const NOT_IN_A_LINK: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`');

/// Reads the parameters of a list of users, the common ones first; one that is empty asks for nothing.
///
/// # Errors
/// [`Error::Malformed`] with `invalid …` and the name of the first that makes no sense.
pub fn parse(query: Query<'_>) -> Result<ListQuery, Error> {
    let page = Page::parse(query)?;
    let text = |name| query.first(name).filter(|value| !value.is_empty()).map(Cow::into_owned);
    let status = match text("status").as_deref() {
        None => None,
        Some("0") => Some(0),
        Some("1") => Some(1),
        Some(_) => return Err(Error::malformed("invalid status")),
    };
    let is_expired = match text("expired").as_deref() {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return Err(Error::malformed("invalid expired")),
    };
    let filter = UserFilter {
        search: text("search"),
        status,
        role: text("role"),
        group: text("group"),
        email: text("email"),
        is_expired,
    };
    Ok(ListQuery { window: page.into(), after: text("after"), filter })
}

/// Adds to a list the number of all users that it is a part of, where it is known, and a link to the next page.
#[must_use]
pub fn surrounded(mut answer: HttpResponse, request: &HttpRequest, listing: &Listing) -> HttpResponse {
    let headers = answer.headers_mut();
    if let Some(total) = listing.total {
        headers.insert(X_TOTAL_COUNT, HeaderValue::from(total));
    }
    if let Some(next) = &listing.next
        && let Ok(link) = HeaderValue::try_from(next_link(request.path(), request.query_string(), next))
    {
        headers.insert(LINK, link);
    }
    answer
}

/// A link (RFC 8288) to what follows a name: the same request with another cursor. It has no host, so that it leads
/// through whatever proxy the request came by.
fn next_link(path: &str, query: &str, next: &str) -> String {
    let is_kept = |parameter: &&str| {
        let alone = Query::new(parameter);
        !parameter.is_empty() && alone.first("after").is_none() && alone.first("offset").is_none()
    };
    let mut link = format!("<{}?", utf8_percent_encode(path, NOT_IN_A_LINK));
    for parameter in query.split('&').filter(is_kept) {
        link.extend(utf8_percent_encode(parameter, NOT_IN_A_LINK));
        link.push('&');
    }
    // Unlike in a path, these two mean something in a query.
    let next = escape(next).replace('&', "%26").replace('+', "%2B");
    link + "after=" + &next + ">; rel=\"next\""
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn filters_are_read_by_name_and_empty_ones_are_none() {
        let read = |raw| parse(Query::new(raw)).map_err(|why| why.to_string());
        let all = read("").unwrap();
        assert_eq!((&all.after, &all.filter), (&None, &UserFilter::default()));
        assert_eq!(read("search=&status=&role=&group=&email=&expired=&after=&other=x"), Ok(all));
        let some = read("search=a+b&status=0&role=r&group=g&email=a%40b.c&expired=true&after=%C3%A9&limit=3")
            .unwrap();
        let text = |text: &str| Some(text.to_owned());
        let filter = UserFilter {
            search: text("a b"),
            status: Some(0),
            role: text("r"),
            group: text("g"),
            email: text("a@b.c"),
            is_expired: Some(true),
        };
        assert_eq!((some.window.limit, some.after, some.filter), (3, text("é"), filter));
        for (raw, why) in [
            ("status=2", "invalid status"),
            ("status=01", "invalid status"),
            ("expired=1", "invalid expired"),
            ("expired=True", "invalid expired"),
            ("status=x&limit=x", "invalid limit"),
        ] {
            assert_eq!(read(raw), Err(why.to_owned()), "{raw}");
        }
    }

    #[test]
    fn a_link_keeps_all_parameters_but_the_place() {
        for (query, next, wanted) in [
            ("", "a", "<?after=a>; rel=\"next\""),
            ("limit=2&order=DESC", "a b", "<?limit=2&order=DESC&after=a%20b>; rel=\"next\""),
            ("after=x&limit=2&offset=4&%61fter=y", "a&b+c", "<?limit=2&after=a%26b%2Bc>; rel=\"next\""),
            ("search=%3C&&x=<\">", "é", "<?search=%3C&x=%3C%22%3E&after=%C3%A9>; rel=\"next\""),
        ] {
            assert_eq!(next_link("", query, next), wanted);
        }
        assert!(next_link("/api/v2/users", "", "a").starts_with("</api/v2/users?after=a>"));
    }

    proptest! {
        #[test]
        fn a_link_leads_behind_the_name(name in ".+", query in "[a-z=&;%<>+ ]{0,20}") {
            let link = next_link("/u", &query, &name);
            prop_assert!(HeaderValue::try_from(&link).is_ok());
            let (target, rest) = link.strip_prefix("</u?").unwrap().split_once('>').unwrap();
            prop_assert_eq!(rest, "; rel=\"next\"");
            let after = Query::new(target).first("after");
            prop_assert_eq!(after.as_deref(), Some(name.as_str()));
        }
    }
}
