//! `/healthz`: the process answers. `/readyz`: the store takes writes and gives them back. Anybody may ask,
//! so that asking often must not mean writing often, and what a request for a code does to the mails is for admins
//! alone: it would tell who has an account (`design/security.md` S26).

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, web};
use serde::Serialize;

use super::response::{Failure, object};
use crate::auth::caller::ByAdmin;
use crate::domain::permission::Permission;
use crate::service::mail_queue::{MailQueue, MailStatus};
use crate::state::State;

/// How long a write that became durable proves that the store takes writes.
const PROVES_FOR: Duration = Duration::from_secs(1);

/// What `/readyz` tells.
#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    store: &'static str,
    /// Left out where there is no mail server, and for whoever may not see it. Mails that wait make nobody unready.
    #[serde(skip_serializing_if = "Option::is_none")]
    mail: Option<Mails>,
}

/// How the mails fare.
#[derive(Serialize)]
struct Mails {
    waiting: usize,
    failures_in_a_row: u32,
}

/// `GET /healthz`: `ok`, as long as the process answers at all.
///
/// # Errors
/// None.
pub async fn alive() -> Result<HttpResponse, Failure> {
    let mut response = HttpResponse::Ok().body("ok");
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    Ok(response)
}

/// `GET /readyz`: writes to the store, unless another write was just made durable, and reads it back; 503 when
/// that fails.
///
/// # Errors
/// None: a store that fails is the answer.
pub async fn ready(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let sees_mails = request
        .extensions()
        .get::<ByAdmin>()
        .is_some_and(|caller| caller.may(Permission::ViewStatus) && caller.requester.role.is_empty());
    let mail = state.reset_codes.mails().filter(|_| sees_mails).map(MailQueue::status);
    let mail = mail.map(|MailStatus { waiting, failures_in_a_row }| Mails { waiting, failures_in_a_row });
    let health = state.store.health();
    let is_proved = health.read_only.is_none() && health.last_sync.is_some_and(|ago| ago < PROVES_FOR);
    let outcome = if is_proved { Ok(()) } else { state.store.probe().await };
    match outcome {
        Ok(()) => {
            Ok(object(StatusCode::OK, &Readiness { status: "ready", store: "writes and reads", mail })?)
        }
        Err(error) => {
            log::error!("the store failed its probe: {error}");
            let unready = Readiness { status: "unready", store: "takes no writes", mail };
            Ok(object(StatusCode::SERVICE_UNAVAILABLE, &unready)?)
        }
    }
}
