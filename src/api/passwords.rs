//! `/users/{username}/forgot-password` and `/reset-password`, and the admins' pair: a code by mail, a new
//! password for the code (`contract/password-reset.md`). Public: whoever knows the code may.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::body::RawBody;
use super::path_name::PathName;
use super::response::{Failure, message};
use crate::domain::account::{AccountKey, AccountKind};
use crate::domain::password::NewPassword;
use crate::domain::reset_code::ResetCode;
use crate::error::Error;
use crate::service::reset_codes::ResetDraft;
use crate::state::State;

/// The body of `reset-password`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Draft {
    code: ResetCode,
    password: NewPassword,
}

/// `POST /users/{username}/forgot-password`: a code for a user.
///
/// # Errors
/// 400 without a mail server.
pub async fn user_forgot(
    name: PathName,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    forgot(AccountKind::User, &name, &request, &state).await
}

/// `POST /admins/{username}/forgot-password`: a code for an admin.
///
/// # Errors
/// 400 without a mail server.
pub async fn admin_forgot(
    name: PathName,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    forgot(AccountKind::Admin, &name, &request, &state).await
}

/// `POST /users/{username}/reset-password`: a user's new password; his sessions end.
///
/// # Errors
/// 400 for a code or a password that is refused.
pub async fn user_reset(
    name: PathName,
    request: HttpRequest,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let account = reset(AccountKind::User, name, &request, (&body, &state)).await?;
    state.sessions.end_all_of(account.name());
    Ok(done())
}

/// `POST /admins/{username}/reset-password`: an admin's new password.
///
/// # Errors
/// 400 for a code or a password that is refused.
pub async fn admin_reset(
    name: PathName,
    request: HttpRequest,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    reset(AccountKind::Admin, name, &request, (&body, &state)).await?;
    Ok(done())
}

async fn forgot(
    kind: AccountKind,
    name: &PathName,
    request: &HttpRequest,
    state: &State,
) -> Result<HttpResponse, Failure> {
    state.reset_codes.forgot(kind, &name.0, state.proxies.address_of(request)).await?;
    Ok(message(StatusCode::OK, "Check your email for the confirmation code"))
}

async fn reset(
    kind: AccountKind,
    PathName(name): PathName,
    request: &HttpRequest,
    (body, state): (&RawBody, &State),
) -> Result<AccountKey, Error> {
    let Draft { code, password } = body.decode()?;
    let draft = ResetDraft { name, code, password };
    state.reset_codes.reset(kind, draft, state.proxies.address_of(request)).await
}

fn done() -> HttpResponse {
    message(StatusCode::OK, "Password reset successful")
}
