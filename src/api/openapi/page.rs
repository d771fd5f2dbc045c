//! The description over HTTP: the document at `/openapi.json` and a page to read and try it at `/openapi/`,
//! out of the binary alone. The page asks no other host for anything, and its policy forbids it to.

use std::sync::{Arc, LazyLock};

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpRequest, HttpResponse, http::header};
use bytes::Bytes;
use utoipa_swagger_ui::Config;

use crate::api::path_name::PathName;
use crate::api::response::message;
use actix_web::http::StatusCode;

/// The files of Swagger UI that the page needs; what else its distribution holds is not served.
const FILES: [&str; 6] = [
    "index.html",
    "index.css",
    "swagger-ui.css",
    "swagger-ui-bundle.js",
    "swagger-ui-standalone-preset.js",
    "swagger-initializer.js",
];
const ICONS: [&str; 2] = ["favicon-16x16.png", "favicon-32x32.png"];

/// Scripts and styles from files of ours only, none of them inline; calls to this server only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The document, as it is printed by `usersd openapi`.
static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(super::to_json()));

/// `GET /openapi.json`: the document. Public, as the page: both hold nothing that is not in the source.
pub async fn document() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(DOCUMENT.clone())
}

/// `GET /openapi` and `GET /openapi/`: the page names its files relative to itself, so the one without
/// the slash leads to the other.
pub async fn index(request: HttpRequest) -> HttpResponse {
    if request.uri().path().ends_with('/') {
        return file(FILES[0]);
    }
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "openapi/")).finish()
}

/// `GET /openapi/{file}`: a file of the page.
pub async fn part(name: PathName) -> HttpResponse {
    file(&name.0)
}

/// The address of the document is relative too: both work behind a proxy that puts something before them.
fn page_config() -> Config<'static> {
    Config::new(["../openapi.json"])
        .use_base_layout()
        .deep_linking(true)
        .display_operation_id(true)
        .default_models_expand_depth(0)
        // Otherwise a badge is asked for from a host of the makers of Swagger UI.
        .validator_url("none")
}

fn file(name: &str) -> HttpResponse {
    if !FILES.contains(&name) && !ICONS.contains(&name) {
        return message(StatusCode::NOT_FOUND, "Not Found");
    }
    match utoipa_swagger_ui::serve(name, Arc::new(page_config())) {
        Ok(Some(file)) => HttpResponse::Ok()
            .content_type(file.content_type)
            .insert_header((CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header((CACHE_CONTROL, "no-cache"))
            .body(file.bytes.into_owned()),
        Ok(None) => message(StatusCode::NOT_FOUND, "Not Found"),
        Err(error) => {
            log::error!("the page of the API description cannot be made: {error}");
            message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use actix_web::http::StatusCode;
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use actix_web::{App, rt, web};

    use super::*;
    use crate::api::routing::Table;

    fn get(path: &str) -> (StatusCode, header::HeaderMap, String) {
        rt::System::new().block_on(async {
            let table = Table::new()
                .route(&Method::GET, "/openapi.json", web::to(document))
                .route(&Method::GET, "/openapi", web::to(index))
                .route(&Method::GET, "/openapi/{file}", web::to(part));
            let app = init_service(App::new().default_service(table)).await;
            let response = call_service(&app, TestRequest::get().uri(path).to_request()).await;
            let (status, headers) = (response.status(), response.headers().clone());
            let body = read_body(response).await;
            (status, headers, String::from_utf8_lossy(&body).into_owned())
        })
    }

    #[test]
    fn the_document_is_served_as_it_is_printed() {
        let (status, headers, body) = get("/openapi.json");
        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers.get(header::CONTENT_TYPE).unwrap(), "application/json");
        assert_eq!(body, super::super::to_json());
    }

    #[test]
    fn the_page_has_no_inline_script_or_style_and_names_no_other_host() {
        let (status, headers, page) = get("/openapi/");
        assert_eq!(status, StatusCode::OK);
        assert!(headers.get(CONTENT_SECURITY_POLICY).unwrap() == POLICY && !POLICY.contains("unsafe"));
        assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains("://"), "{page}");
        for script in page.split("<script").skip(1) {
            assert!(script.trim_start().starts_with("src="), "{script}");
        }
    }

    #[test]
    fn every_file_the_page_names_is_served() {
        let (_, _, page) = get("/openapi/");
        let mut named = 0;
        for quoted in page.split(['"', '\'']).map(|text| text.trim_start_matches("./")) {
            if [".js", ".css", ".png"].iter().any(|ending| quoted.ends_with(ending)) {
                let (status, _, body) = get(&format!("/openapi/{quoted}"));
                assert_eq!((status, body.is_empty()), (StatusCode::OK, false), "{quoted}");
                named += 1;
            }
        }
        assert_eq!(named, FILES.len() - 1 + ICONS.len());
    }

    #[test]
    fn the_page_reads_our_document_and_asks_no_validator() {
        let (_, _, script) = get("/openapi/swagger-initializer.js");
        assert!(
            script.contains("\"../openapi.json\"") && script.contains("\"validatorUrl\": \"none\""),
            "{script}"
        );
        assert!(!script.contains("petstore") && !script.contains("{{"), "{script}");
    }

    #[test]
    fn other_files_of_the_distribution_are_not_found() {
        for name in ["oauth2-redirect.html", "swagger-ui.js", "x"] {
            assert_eq!(get(&format!("/openapi/{name}")).0, StatusCode::NOT_FOUND, "{name}");
        }
    }

    #[test]
    fn the_page_without_its_slash_leads_to_the_page() {
        let (status, headers, _) = get("/openapi");
        assert_eq!(status, StatusCode::PERMANENT_REDIRECT);
        assert_eq!(headers.get(header::LOCATION).unwrap(), "openapi/");
    }
}
