//! Problem details (RFC 9457), for those who accept `application/problem+json` by name; all others get the bodies of
//! the reference, whatever they accept (`contract/endpoints.md` §1).

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use bytes::Bytes;
use serde::Serialize;

use crate::wire;

const PROBLEM_JSON: &str = "application/problem+json";

/// What an answer that tells of a failure leaves among its extensions: its text.
#[derive(Debug, Clone)]
pub(super) struct Detail(pub(super) String);

/// The body. Its type is the general one, `about:blank`: the status says which problem it is.
#[derive(Serialize)]
struct Problem<'a> {
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
}

/// Whether whoever sent the request accepts problem details by name.
pub fn is_wanted(request: &ServiceRequest) -> bool {
    let lines = request.headers().get_all(ACCEPT).filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_named = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(PROBLEM_JSON));
        let is_refused = parts.filter_map(|part| part.split_once('=')).any(|(name, weight)| {
            name.trim().eq_ignore_ascii_case("q") && weight.trim().parse() == Ok(0.0_f32)
        });
        is_named && !is_refused
    })
}

/// Tells a failure as a problem; any other answer stays as it is.
///
/// # Panics
/// Never: two texts and a number can be written as JSON.
pub fn told(answer: ServiceResponse) -> ServiceResponse {
    let detail = answer.response().extensions().get::<Detail>().cloned();
    let Some(Detail(detail)) = detail else { return answer };
    let status = answer.status();
    let title = status.canonical_reason().unwrap_or("Error");
    let detail = if detail == title { "" } else { detail.as_str() };
    let problem = Problem { title, status: status.as_u16(), detail };
    let line = wire::to_line(&problem).expect("two texts and a number can be written");
    let mut answer = answer.map_body(|_, _| BoxBody::new(Bytes::from(line)));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    answer
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn problems_are_for_those_who_name_them() {
        for (accept, wanted) in [
            ("application/problem+json", true),
            ("text/html, Application/Problem+JSON;q=0.5", true),
            ("application/json, application/problem+json; q=1", true),
            ("application/problem+json;q=0", false),
            ("application/problem+json;q=0.0, */*", false),
            ("*/*", false),
            ("application/*", false),
            ("application/json", false),
            ("application/problem+xml", false),
            ("", false),
        ] {
            let request = TestRequest::default().insert_header((ACCEPT, accept)).to_srv_request();
            assert_eq!(is_wanted(&request), wanted, "{accept}");
        }
        assert!(!is_wanted(&TestRequest::default().to_srv_request()));
    }
}
