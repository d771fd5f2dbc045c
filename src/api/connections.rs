//! `/connections`: who is signed in, and how to end it (`contract/endpoints.md` §11).

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Serialize;

use super::path_name::PathName;
use super::response::{Failure, message, object};
use crate::auth::caller::ByAdmin;
use crate::auth::gate;
use crate::domain::time::UnixMillis;
use crate::error::Error;
use crate::service::sessions::Session;
use crate::state::State;

/// A session as shown.
#[derive(Serialize)]
struct ConnectionView {
    username: String,
    connection_id: String,
    remote_address: String,
    connection_time: UnixMillis,
    last_activity: UnixMillis,
    current_time: UnixMillis,
    protocol: &'static str,
}

impl ConnectionView {
    fn new(session: Session, now: UnixMillis) -> Self {
        Self {
            username: session.username,
            connection_id: session.token_id,
            remote_address: session.address.to_string(),
            connection_time: session.since,
            last_activity: session.last_activity,
            current_time: now,
            protocol: "HTTP",
        }
    }
}

/// `GET /connections`: the signed-in users the caller may see.
///
/// # Errors
/// Storage failures.
pub async fn list(caller: ByAdmin, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let now = state.clock.now();
    let mut views = Vec::new();
    for session in state.sessions.list(now) {
        if is_seen(&caller, &session, &state)? {
            views.push(ConnectionView::new(session, now));
        }
    }
    Ok(object(StatusCode::OK, &views)?)
}

/// `DELETE /connections/{id}`: ends a session; its token is dead at once.
///
/// # Errors
/// 404 for a session that is not there or not for the caller to see.
pub async fn close(caller: ByAdmin, id: PathName, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let not_found = || Ok(message(StatusCode::NOT_FOUND, "Not Found"));
    let Some(session) = state.sessions.get(&id.0) else { return not_found() };
    if !is_seen(&caller, &session, &state)? {
        return not_found();
    }
    state.revocations.revoke_until(&session.token_id, session.expires_at).await?;
    state.sessions.end(&session.token_id);
    Ok(message(StatusCode::OK, "Connection closed"))
}

/// Whether a session is there for this caller: its token is still good, and its user, as he is now, one of his.
fn is_seen(caller: &ByAdmin, session: &Session, state: &State) -> Result<bool, Error> {
    let owner = gate::owner_of(state, session)?;
    Ok(owner.is_some_and(|user| caller.requester.sees_role(&user.role)))
}
