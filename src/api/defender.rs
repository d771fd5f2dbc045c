//! `/defender/hosts` and `/defender/accounts`: who failed to prove who he is, and how to let him off
//! (`contract/endpoints.md` §11, `design/security.md` S17). Accounts are an addition: clients of old know hosts.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Serialize;

use super::path_name::PathName;
use super::response::{Failure, message, object};
use crate::auth::caller::ByAdmin;
use crate::domain::time::UnixMillis;
use crate::domain::watched::{Subject, SubjectKind};
use crate::error::Error;
use crate::service::defender::Suspect;
use crate::state::State;

/// An address as shown.
#[derive(Serialize)]
struct HostView {
    id: String,
    ip: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ban_time: Option<String>,
}

/// An account as shown.
#[derive(Serialize)]
struct AccountView {
    id: String,
    account: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ban_time: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    locked: bool,
}

impl HostView {
    fn new(suspect: &Suspect) -> Result<Self, Error> {
        let ip = suspect.subject.name().to_owned();
        let (score, ban_time) = standing(suspect)?;
        Ok(Self { id: hex::encode(&ip), ip, score, ban_time })
    }
}

impl AccountView {
    fn new(suspect: &Suspect) -> Result<Self, Error> {
        let account = suspect.subject.as_str().to_owned();
        let (score, ban_time) = standing(suspect)?;
        Ok(Self { id: hex::encode(&account), account, score, ban_time, locked: suspect.is_locked })
    }
}

/// The failures of whoever is not banned, and until when he is.
fn standing(suspect: &Suspect) -> Result<(Option<usize>, Option<String>), Error> {
    let written = |moment: UnixMillis| jiff::Timestamp::from_millisecond(moment.get());
    let ban_time = suspect.banned_until.map(written).transpose().map_err(Error::internal)?;
    let score = Some(suspect.failures).filter(|failures| *failures > 0 && ban_time.is_none());
    Ok((score, ban_time.map(|moment| moment.to_string())))
}

/// `GET /defender/hosts`: the addresses that failed lately or are banned.
///
/// # Errors
/// None of its own.
pub async fn list_hosts(_: ByAdmin, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let suspects = state.defender.suspects().into_iter();
    let hosts = suspects.filter(|suspect| suspect.subject.kind() == SubjectKind::Address);
    let views: Result<Vec<_>, Error> = hosts.map(|host| HostView::new(&host)).collect();
    Ok(object(StatusCode::OK, &views?)?)
}

/// `GET /defender/hosts/{id}`.
///
/// # Errors
/// 404 for an address of which there is nothing to tell.
pub async fn get_host(_: ByAdmin, id: PathName, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let suspect = state.defender.suspect(&host(&id)?)?;
    Ok(object(StatusCode::OK, &HostView::new(&suspect)?)?)
}

/// `DELETE /defender/hosts/{id}`: ends its ban and forgets its failures.
///
/// # Errors
/// 404 for an address of which there is nothing to tell.
pub async fn delete_host(_: ByAdmin, id: PathName, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    state.defender.lift(&host(&id)?).await?;
    Ok(message(StatusCode::OK, "Host forgiven"))
}

/// `GET /defender/accounts`: the accounts at which somebody failed lately, or that are banned or locked.
///
/// # Errors
/// None of its own.
pub async fn list_accounts(caller: ByAdmin, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let suspects = state.defender.suspects().into_iter();
    let seen = suspects.filter(|suspect| {
        suspect.subject.kind() != SubjectKind::Address && sees(&caller, &state, &suspect.subject)
    });
    let views: Result<Vec<_>, Error> = seen.map(|account| AccountView::new(&account)).collect();
    Ok(object(StatusCode::OK, &views?)?)
}

/// `DELETE /defender/accounts/{id}`: ends its ban or lock and forgets its failures.
///
/// # Errors
/// 404 for an account of which there is nothing to tell, or that is not for the caller to see.
pub async fn delete_account(
    caller: ByAdmin,
    id: PathName,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let account = Subject::try_from(decoded(&id)?).map_err(|_| Error::NotFound)?;
    if account.kind() == SubjectKind::Address || !sees(&caller, &state, &account) {
        return Err(Error::NotFound.into());
    }
    state.defender.lift(&account).await?;
    Ok(message(StatusCode::OK, "Account forgiven"))
}

/// Whether an account is for the caller to see: with a role only the users who have it.
fn sees(caller: &ByAdmin, state: &State, account: &Subject) -> bool {
    let Some(role) = caller.requester.role_filter() else { return true };
    account.kind() == SubjectKind::User && state.store.has_role(account.name(), role)
}

fn host(id: &PathName) -> Result<Subject, Error> {
    let address = decoded(id)?.parse().map_err(|_| Error::NotFound)?;
    Ok(Subject::address(address))
}

/// The text that an id stands for: its bytes in hexadecimal.
fn decoded(PathName(id): &PathName) -> Result<String, Error> {
    let bytes = hex::decode(id).map_err(|_| Error::NotFound)?;
    String::from_utf8(bytes).map_err(|_| Error::NotFound)
}
