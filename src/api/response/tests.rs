//! Every kind of error, and every helper.

use actix_web::body::to_bytes;

use super::*;

async fn parts(response: HttpResponse) -> (u16, String) {
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body()).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[actix_web::test]
async fn each_kind_has_its_status_and_body() {
    let wait = Duration::from_millis(3001);
    let cause = || Box::from("the disk at /srv/secret is gone");
    for (error, status, body) in [
        (Error::invalid("x: bad"), 400, r#"{"error":"Validation error: x: bad","message":""}"#),
        (Error::malformed("EOF"), 400, r#"{"error":"EOF","message":""}"#),
        (Error::Refused("not now".into()), 400, r#"{"message":"not now"}"#),
        (Error::NotFound, 404, r#"{"error":"Not Found","message":""}"#),
        (Error::Conflict("twice".into()), 409, r#"{"error":"twice","message":""}"#),
        (
            Error::PreconditionFailed,
            412,
            r#"{"error":"the object is not in the expected state, read it again","message":"Precondition Failed"}"#,
        ),
        (
            Error::PreconditionRequired,
            428,
            r#"{"error":"changes need an If-Match header with the ETag of what was read","message":"Precondition Required"}"#,
        ),
        (
            Error::Unauthorized("no token found".into()),
            401,
            r#"{"error":"no token found","message":"Unauthorized"}"#,
        ),
        (Error::Unauthorized("".into()), 401, r#"{"message":"Unauthorized"}"#),
        (Error::InvalidToken("no longer".into()), 401, r#"{"message":"no longer"}"#),
        (Error::BadCredentials("wrong".into()), 401, r#"{"error":"wrong","message":"Unauthorized"}"#),
        (Error::BadCredentials("".into()), 401, r#"{"message":"Unauthorized"}"#),
        (Error::Forbidden("Forbidden".into()), 403, r#"{"message":"Forbidden"}"#),
        (Error::Barred("2FA first".into()), 403, r#"{"error":"2FA first","message":""}"#),
        (
            Error::TooMany { retry_after: wait },
            429,
            r#"{"error":"too many requests, try again in 3.001s","message":"Too Many Requests"}"#,
        ),
        (
            Error::Busy { retry_after: wait },
            503,
            r#"{"error":"the server is busy, try again","message":"Service Unavailable"}"#,
        ),
        (
            Error::Unavailable(Some(cause())),
            503,
            r#"{"error":"storage unavailable","message":"Service Unavailable"}"#,
        ),
        (Error::Internal(cause()), 500, r#"{"error":"internal error","message":""}"#),
    ] {
        let failure = Failure(error);
        assert_eq!(failure.status_code().as_u16(), status);
        assert_eq!(parts(failure.error_response()).await, (status, format!("{body}\n")));
    }
}

#[test]
fn only_bad_credentials_challenge_and_only_waits_say_how_long() {
    let wait = Duration::from_millis(3001);
    for (error, challenge, retry, exact) in [
        (Error::BadCredentials("".into()), Some("Basic realm=\"SFTPGo\""), None, None),
        (Error::Unauthorized("".into()), None, None, None),
        (Error::TooMany { retry_after: wait }, None, Some("4"), Some("3.001s")),
        (Error::Busy { retry_after: Duration::from_secs(2) }, None, Some("2"), None),
        (Error::Unavailable(None), None, Some("10"), None),
    ] {
        let response = Failure(error).error_response();
        let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("www-authenticate"), challenge);
        assert_eq!(header("retry-after"), retry);
        assert_eq!(header("x-retry-in"), exact);
        assert_eq!(header("content-type"), Some("application/json"));
        assert_eq!(header("cache-control"), Some("no-store"));
    }
}

#[actix_web::test]
async fn helpers_write_lines_of_json() {
    let message = message(StatusCode::OK, "a<b");
    assert_eq!(parts(message).await, (200, "{\"message\":\"a\\u003cb\"}\n".to_owned()));
    let object = object(StatusCode::CREATED, &[1, 2]).unwrap();
    assert_eq!(parts(object).await, (201, "[1,2]\n".to_owned()));
    let raw = raw_json(StatusCode::OK, Bytes::from_static(b"{}\n"));
    assert_eq!(raw.headers().get("content-type").unwrap(), "application/json");
    assert_eq!(parts(raw).await, (200, "{}\n".to_owned()));
}

#[test]
fn what_cannot_be_written_is_a_fault_of_ours() {
    let keys = std::collections::BTreeMap::from([((1, 2), 3)]);
    assert!(matches!(object(StatusCode::OK, &keys), Err(Error::Internal(_))));
}
