//! The description as served: the document, and a page that asks nobody else.

use awc::http::Method;

use crate::harness::TestServer;

#[actix_web::test]
async fn the_document_is_served_as_it_is_printed() {
    let server = TestServer::start().await;
    let served = server.anonymous().send_to(&Method::GET, "/openapi.json", String::new()).await.expect(200);
    assert_eq!(served.header("Content-Type"), "application/json");
    assert_eq!(served.text, usersd::api::openapi::to_json());
}

#[actix_web::test]
async fn the_page_and_its_files_come_from_the_server() {
    let server = TestServer::start().await;
    let nobody = server.anonymous();
    let moved = nobody.send_to(&Method::HEAD, "/openapi/", String::new()).await;
    assert_eq!(moved.status, 200);
    let page = nobody.send_to(&Method::GET, "/openapi/", String::new()).await.expect(200);
    assert!(page.header("Content-Security-Policy").contains("default-src 'none'"));
    assert!(!page.text.contains("://"), "{}", page.text);
    nobody.send_to(&Method::GET, "/openapi/swagger-ui-bundle.js", String::new()).await.expect(200);
    nobody.send_to(&Method::GET, "/openapi/other.js", String::new()).await.expect(404);
}
