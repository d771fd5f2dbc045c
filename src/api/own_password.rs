//! `/user/changepwd` and `/admin/changepwd`: the own password, by whoever knows the current one
//! (`contract/passwords.md` §6).

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Deserialize;

use super::body::RawBody;
use super::response::{Failure, message};
use crate::auth::caller::{ByAdmin, ByUser, Proof};
use crate::domain::password::NewPassword;
use crate::error::Error;
use crate::service::own_password::PasswordChangeDraft;
use crate::state::State;

/// The body of both routes.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Draft {
    current_password: NewPassword,
    new_password: NewPassword,
}

/// `PUT /admin/changepwd`: the token used for the call ends.
///
/// # Errors
/// 400 for a draft that is refused, 429 after too many wrong passwords.
pub async fn change_admin(
    caller: ByAdmin,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let draft = draft(&body)?;
    let admin = state.admins.get(caller.own_name()?)?;
    state.own_passwords.change_admin(&state.admins, &admin, caller.address, draft).await?;
    changed(&caller.proof, &state).await
}

/// `PUT /user/changepwd`: the token used for the call ends.
///
/// # Errors
/// 400 for a draft that is refused, 429 after too many wrong passwords.
pub async fn change_user(
    caller: ByUser,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let draft = draft(&body)?;
    state.own_passwords.change_user(&state.users, &caller.user, caller.address, draft).await?;
    changed(&caller.proof, &state).await
}

fn draft(body: &RawBody) -> Result<PasswordChangeDraft, Error> {
    let Draft { current_password, new_password } = body.decode()?;
    Ok(PasswordChangeDraft { current: current_password, new: new_password })
}

async fn changed(proof: &Proof, state: &State) -> Result<HttpResponse, Failure> {
    if let Proof::Token(claims) = proof {
        state.revocations.revoke(claims).await?;
        state.sessions.end(&claims.jti);
    }
    Ok(message(StatusCode::OK, "Password updated"))
}
