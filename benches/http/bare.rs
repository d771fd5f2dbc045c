//! The measure: a server of the same framework with the same settings that checks the token's signature and
//! answers with bytes it has. Whatever usersd does beyond that shows in the ratio.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use actix_web::http::header::AUTHORIZATION;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use bytes::Bytes;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::process::SIGNING_KEY;

/// What is answered, and what is checked.
struct Prepared {
    user: Bytes,
    page_of_100: Bytes,
    page_of_500: Bytes,
    key: DecodingKey,
    validation: Validation,
}

#[derive(Deserialize)]
struct Claims {
    username: String,
}

impl Prepared {
    fn read(folder: &Path) -> Self {
        let file = |name| Bytes::from(std::fs::read(folder.join(name)).expect("an answer is prepared"));
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_aud = false;
        Self {
            user: file("user"),
            page_of_100: file("100"),
            page_of_500: file("500"),
            key: DecodingKey::from_secret(&Sha256::digest(SIGNING_KEY)),
            validation,
        }
    }

    fn admits(&self, request: &HttpRequest) -> bool {
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        header
            .and_then(|value| value.strip_prefix("Bearer "))
            .and_then(|token| decode::<Claims>(token, &self.key, &self.validation).ok())
            .is_some_and(|token| !token.claims.username.is_empty())
    }

    fn answer(&self, request: &HttpRequest, body: &Bytes) -> HttpResponse {
        if !self.admits(request) {
            return HttpResponse::Unauthorized().finish();
        }
        HttpResponse::Ok().content_type("application/json").body(body.clone())
    }
}

async fn user(request: HttpRequest, prepared: web::Data<Prepared>) -> HttpResponse {
    prepared.answer(&request, &prepared.user)
}

async fn page(request: HttpRequest, prepared: web::Data<Prepared>) -> HttpResponse {
    let large = request.query_string().contains("limit=500");
    prepared.answer(&request, if large { &prepared.page_of_500 } else { &prepared.page_of_100 })
}

async fn unguarded() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok")
}

/// Serves until standard input ends, which it does with the program that measures.
pub(crate) fn serve(folder: &Path, workers: usize) {
    let prepared = web::Data::new(Prepared::read(folder));
    let served = actix_web::rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            App::new()
                .app_data(prepared.clone())
                .route("/healthz", web::get().to(unguarded))
                .route("/api/v2/users", web::get().to(page))
                .route("/api/v2/users/{username}", web::get().to(user))
        })
        .workers(workers)
        .max_connections(20_000)
        .keep_alive(Duration::from_secs(60))
        .client_request_timeout(Duration::from_secs(10))
        .tcp_nodelay(true)
        .bind("127.0.0.1:0")?;
        writeln!(std::io::stdout(), "{}", server.addrs()[0])?;
        let server = server.run();
        let handle = server.handle();
        std::thread::spawn(move || {
            drop(std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
            drop(handle.stop(false));
        });
        server.await
    });
    served.expect("the bare server serves");
}
