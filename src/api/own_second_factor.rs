//! `/user/totp/…`, `/user/2fa/…` and their admins' pair: the second factor in its owner's hands
//! (`contract/mfa.md`).

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::body::RawBody;
use super::response::{Failure, message, object, told};
use crate::auth::caller::{ByAdmin, ByUser, Proof};
use crate::auth::gate;
use crate::domain::second_factor::qr_code;
use crate::domain::second_factor::recovery_code::RecoveryCode;
use crate::domain::second_factor::totp::{TotpAccount, TotpSecret};
use crate::domain::user::User;
use crate::error::Error;
use crate::service::second_factor::{Factor, SecondFactorDraft, ShownCode, TokensEnded};
use crate::state::State;

/// The body of `…/totp/generate`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct GenerateDraft {
    config_name: String,
}

/// The body of `…/totp/validate`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ValidateDraft {
    config_name: String,
    passcode: String,
    secret: String,
}

/// A fresh secret, for its owner alone; nothing is stored.
#[derive(Serialize)]
struct Generated<'a> {
    config_name: &'a str,
    issuer: &'a str,
    secret: &'a str,
    url: &'a str,
    qr_code: String,
}

/// A recovery code as its owner sees it.
#[derive(Serialize)]
struct CodeView<'a> {
    code: &'a str,
    used: bool,
}

/// `GET /admin/totp/configs`.
///
/// # Errors
/// None of its own.
pub async fn configurations_admin(_: ByAdmin, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    Ok(object(StatusCode::OK, state.second_factors.configurations())?)
}

/// `GET /user/totp/configs`.
///
/// # Errors
/// None of its own.
pub async fn configurations_user(_: ByUser, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    Ok(object(StatusCode::OK, state.second_factors.configurations())?)
}

/// `POST /admin/totp/generate`.
///
/// # Errors
/// 400 for an unknown configuration.
pub async fn generate_admin(
    caller: ByAdmin,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    generate(&body, TotpAccount::Admin(caller.own_name()?.as_str()), &state)
}

/// `POST /user/totp/generate`.
///
/// # Errors
/// 400 for an unknown configuration.
pub async fn generate_user(
    caller: ByUser,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    generate(&body, TotpAccount::User(caller.user.username.as_str()), &state)
}

fn generate(body: &RawBody, account: TotpAccount<'_>, state: &State) -> Result<HttpResponse, Failure> {
    let draft: GenerateDraft = body.decode()?;
    let config = state.second_factors.configuration(&draft.config_name)?;
    let secret = TotpSecret::random();
    let url = secret.url(config, account);
    let generated = Generated {
        config_name: &config.name,
        issuer: &config.issuer,
        secret: &secret.expose(),
        url: &url,
        qr_code: STANDARD.encode(qr_code::png(&url)?),
    };
    Ok(object(StatusCode::OK, &generated)?)
}

/// `POST /admin/totp/validate`.
///
/// # Errors
/// 400 for a code that does not count.
pub async fn validate_admin(
    _: ByAdmin,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    validate(&body, &state)
}

/// `POST /user/totp/validate`.
///
/// # Errors
/// 400 for a code that does not count.
pub async fn validate_user(
    _: ByUser,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    validate(&body, &state)
}

fn validate(body: &RawBody, state: &State) -> Result<HttpResponse, Failure> {
    let draft: ValidateDraft = body.decode()?;
    let invalid = |reason: &str| Ok(told(StatusCode::BAD_REQUEST, reason, "Invalid passcode"));
    let config = match state.second_factors.configuration(&draft.config_name) {
        Ok(config) => config,
        Err(why) => return invalid(&why.to_string()),
    };
    match state.second_factors.validate(config, &draft.secret, &draft.passcode) {
        Ok(()) => Ok(message(StatusCode::OK, "Passcode successfully validated")),
        Err(refusal) => invalid(&refusal.reason().unwrap_or_default()),
    }
}

/// `POST /admin/totp/save`.
///
/// # Errors
/// 400 for a body against the rules.
pub async fn save_admin(
    caller: ByAdmin,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let draft = save_draft(&body)?;
    let ended = state.second_factors.save_for_admin(&state.admins, caller.own_name()?, draft).await?;
    saved(&caller.proof, ended, &state).await
}

/// `POST /user/totp/save`.
///
/// # Errors
/// 400 for a body against the rules.
pub async fn save_user(
    caller: ByUser,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let draft = save_draft(&body)?;
    let name = &caller.user.username;
    let ended = state.second_factors.save_for_user(&state.users, name, &draft).await?;
    let answer = saved(&caller.proof, ended, &state).await?;
    if let Proof::Token(claims) = &caller.proof
        && !state.revocations.contains(&claims.jti)
    {
        gate::note_session(&state, claims, caller.address);
    }
    Ok(answer)
}

fn save_draft(body: &RawBody) -> Result<SecondFactorDraft, Error> {
    body.decode().map_err(|why| Error::invalid(format!("unable to decode JSON body: {why}")))
}

/// A token that was good only for setting up the second factor has done its work; any other stays.
async fn saved(proof: &Proof, ended: Option<TokensEnded>, state: &State) -> Result<HttpResponse, Failure> {
    if let Proof::Token(claims) = proof {
        if claims.second_factor_due {
            state.revocations.revoke(claims).await?;
            state.sessions.end(&claims.jti);
        } else if let Some(ended) = ended {
            gate::spare(state, claims, ended).await?;
        }
    }
    Ok(message(StatusCode::OK, "TOTP configuration saved"))
}

/// `GET /admin/2fa/recoverycodes`.
///
/// # Errors
/// 403 while the second factor is off.
pub async fn recovery_codes_admin(caller: ByAdmin, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let mut admin = state.admins.get(caller.own_name()?)?.as_ref().clone();
    show_codes(&state.second_factors.recovery_codes(&Factor::of_admin(&mut admin))?)
}

/// `GET /user/2fa/recoverycodes`.
///
/// # Errors
/// 403 while the second factor is off.
pub async fn recovery_codes_user(caller: ByUser, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let mut user = User::clone(&caller.user);
    show_codes(&state.second_factors.recovery_codes(&Factor::of_user(&mut user))?)
}

fn show_codes(codes: &[ShownCode]) -> Result<HttpResponse, Failure> {
    let views: Vec<CodeView<'_>> =
        codes.iter().map(|shown| CodeView { code: shown.code.expose(), used: shown.used }).collect();
    Ok(object(StatusCode::OK, &views)?)
}

/// `POST /admin/2fa/recoverycodes`.
///
/// # Errors
/// 403 while the second factor is off.
pub async fn new_recovery_codes_admin(
    caller: ByAdmin,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    new_codes(&state.second_factors.renew_codes_for_admin(&state.admins, caller.own_name()?).await?)
}

/// `POST /user/2fa/recoverycodes`.
///
/// # Errors
/// 403 while the second factor is off.
pub async fn new_recovery_codes_user(
    caller: ByUser,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    new_codes(&state.second_factors.renew_codes_for_user(&state.users, &caller.user.username).await?)
}

fn new_codes(codes: &[RecoveryCode]) -> Result<HttpResponse, Failure> {
    let texts: Vec<&str> = codes.iter().map(RecoveryCode::expose).collect();
    Ok(object(StatusCode::OK, &texts)?)
}
