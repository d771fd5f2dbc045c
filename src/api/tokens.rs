//! `/token`, `/logout` and their users' pair: sign in with name and password, sign out
//! (`contract/endpoints.md` §7).

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::response::{Failure, message, object};
use crate::auth::caller::{ByAdmin, ByUser, Proof};
use crate::auth::jwt::{Audience, Subject};
use crate::auth::{basic, gate};
use crate::domain::admin::Admin;
use crate::domain::time::UnixMillis;
use crate::domain::user::User;
use crate::domain::word::Word;
use crate::error::Error;
use crate::service::login::Attempt;
use crate::state::State;

/// The header of a one-time code.
const PASSCODE: &str = "x-sftpgo-otp";

/// `GET /token`: a token for an admin.
///
/// # Errors
/// 401 for whatever does not fit, 429 after too many of those.
pub async fn get_for_admin(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let attempt = attempt(&request, &state)?;
    let address = attempt.address;
    let admin = state.logins.admin(attempt).await?;
    let token = state.tokens.issue(admin_subject(&admin), address, state.clock.now())?;
    Ok(object(StatusCode::OK, &token)?)
}

/// `GET /user/token`: a token for a user's own side.
///
/// # Errors
/// 401 for whatever does not fit, 429 after too many of those, 403 for what keeps the user out after the
/// right password.
pub async fn get_for_user(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let attempt = attempt(&request, &state)?;
    if attempt.username.is_empty() || attempt.password.is_empty() {
        return Err(Error::BadCredentials("".into()).into());
    }
    let address = attempt.address;
    let user = state.logins.user(attempt).await?;
    let now = state.clock.now();
    let token = state.tokens.issue(user_subject(&user, now), address, now)?;
    gate::note_session(&state, &token.claims, address);
    Ok(object(StatusCode::OK, &token)?)
}

/// `GET /logout`: ends the admin's token.
///
/// # Errors
/// Storage failures.
pub async fn revoke_for_admin(caller: ByAdmin, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    revoke(&caller.proof, &state).await
}

/// `GET /user/logout`: ends the user's token.
///
/// # Errors
/// Storage failures.
pub async fn revoke_for_user(caller: ByUser, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    revoke(&caller.proof, &state).await
}

async fn revoke(proof: &Proof, state: &State) -> Result<HttpResponse, Failure> {
    if let Proof::Token(claims) = proof {
        state.revocations.revoke(claims).await?;
        state.sessions.end(&claims.jti);
    }
    Ok(message(StatusCode::OK, "Your token has been invalidated"))
}

fn attempt(request: &HttpRequest, state: &State) -> Result<Attempt, Error> {
    let (username, password) =
        basic::credentials(request.headers()).ok_or(Error::BadCredentials("".into()))?;
    let passcode = request.headers().get(PASSCODE).and_then(|value| value.to_str().ok());
    Ok(Attempt {
        username,
        password,
        passcode: passcode.filter(|code| !code.is_empty()).map(str::to_owned),
        address: state.proxies.address_of(request),
    })
}

fn words<W: Word>(list: &[W]) -> Vec<String> {
    list.iter().map(|one| one.word().to_owned()).collect()
}

fn admin_subject(admin: &Admin) -> Subject {
    Subject {
        audience: Audience::Admin,
        username: admin.username.as_str().to_owned(),
        id: admin.id,
        generation: admin.account.generation,
        permissions: words(admin.permissions.as_slice()),
        role: admin.role.clone(),
        second_factor_due: admin.owes_second_factor(),
        second_factor_protocols: Vec::new(),
        password_change_due: admin.filters.require_password_change,
    }
}

fn user_subject(user: &User, now: UnixMillis) -> Subject {
    let filters = &user.filters;
    Subject {
        audience: Audience::User,
        username: user.username.as_str().to_owned(),
        id: user.id,
        generation: user.account.generation,
        permissions: words(&filters.web_client),
        role: user.role.clone(),
        second_factor_due: user.owes_second_factor(),
        second_factor_protocols: words(&filters.two_factor_protocols),
        password_change_due: user.must_change_password(filters.password_expiration, now),
    }
}
