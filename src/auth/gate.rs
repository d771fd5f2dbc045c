//! The gate in front of every guarded route: proof → caller (401), what the caller must do first,
//! and his permission (403), all before the body is read. Routes say what they ask for by [`Access`].

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::ResponseError as _;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, web};

use super::api_key::{self, AdminKeyOwner};
use super::basic;
use super::caller::{AdminCaller, ByAdmin, ByUser, Proof, UserCaller};
use super::jwt::{Audience, Claims, no_longer_valid, version};
use crate::api::response::Failure;
use crate::domain::admin::Admin;
use crate::domain::group::EffectiveUser;
use crate::domain::permission::Permission;
use crate::domain::time::UnixMillis;
use crate::domain::user::User;
use crate::domain::web_client::WebClientOption;
use crate::domain::word::Word as _;
use crate::error::Error;
use crate::service::requester::Requester;
use crate::service::second_factor::TokensEnded;
use crate::service::sessions::Session;
use crate::service::{login, references};
use crate::state::State;

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: anybody may call it, and credentials are not looked at.
    Public,
    /// Nothing, but an admin is told more. Credentials that are not good are none.
    PublicOrAdmin,
    /// An admin with this permission.
    Permission(Permission),
    /// An admin with this permission who signed in himself; also while something else is due.
    SignedInPermission(Permission),
    /// Any admin, by token or key; also while a second factor or a new password is due.
    AnyAdmin,
    /// Any admin who signed in himself; also while something else is due.
    SignedInAdmin,
    /// Any admin who signed in himself and owes nothing.
    SignedInAdminInOrder,
    /// A user who signed in himself, unless this restriction is his; also while something is due.
    SignedInUser(Option<WebClientOption>),
    /// A user who signed in himself and owes nothing.
    SignedInUserInOrder,
    /// A user who owes nothing, by token or key.
    AnyUserInOrder,
}

impl Access {
    /// Whether an API key is good enough.
    fn takes_api_keys(self) -> bool {
        matches!(self, Self::Permission(_) | Self::AnyAdmin | Self::AnyUserInOrder)
    }

    /// Whether the route works while a second factor or a new password is due.
    fn works_while_due(self) -> bool {
        matches!(
            self,
            Self::SignedInPermission(_) | Self::AnyAdmin | Self::SignedInAdmin | Self::SignedInUser(_)
        )
    }

    /// The permission an admin needs.
    pub fn permission(self) -> Option<Permission> {
        match self {
            Self::Permission(permission) | Self::SignedInPermission(permission) => Some(permission),
            Self::Public
            | Self::PublicOrAdmin
            | Self::AnyAdmin
            | Self::SignedInAdmin
            | Self::SignedInAdminInOrder
            | Self::SignedInUser(_)
            | Self::SignedInUserInOrder
            | Self::AnyUserInOrder => None,
        }
    }

    /// For which side of the API a token must be made; `None` for a public route.
    fn audience(self) -> Option<Audience> {
        match self {
            Self::Public | Self::PublicOrAdmin => None,
            Self::Permission(_)
            | Self::SignedInPermission(_)
            | Self::AnyAdmin
            | Self::SignedInAdmin
            | Self::SignedInAdminInOrder => Some(Audience::Admin),
            Self::SignedInUser(_) | Self::SignedInUserInOrder | Self::AnyUserInOrder => Some(Audience::User),
        }
    }
}

/// Lets a request pass, with its caller, or answers it with what the contract says for a request
/// without, with a bad, or with an insufficient proof.
///
/// # Errors
/// Those of the handler.
pub async fn pass<B: MessageBody>(
    access: Access,
    state: web::Data<State>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    match admit(access, &state, &request).await {
        Ok(()) => Ok(next.call(request).await?.map_into_left_body()),
        Err(refusal) => {
            let answer = Failure::from(refusal).error_response();
            Ok(request.into_response(answer).map_into_right_body())
        }
    }
}

/// Finds out who calls and leaves him among the request's extensions, for the handler and, when he may not do what
/// he asks for, for the log.
async fn admit(access: Access, state: &State, request: &ServiceRequest) -> Result<(), Error> {
    match access.audience() {
        None if access == Access::PublicOrAdmin => {
            if let Ok(caller) = admin_caller(Access::AnyAdmin, state, request).await {
                request.extensions_mut().insert(ByAdmin(Rc::new(caller)));
            }
        }
        None => {}
        Some(Audience::Admin) => {
            let caller = ByAdmin(Rc::new(admin_caller(access, state, request).await?));
            request.extensions_mut().insert(caller.clone());
            check_admin(access, &caller)?;
        }
        Some(Audience::User) => {
            let caller = ByUser(Rc::new(user_caller(state, request).await?));
            request.extensions_mut().insert(caller.clone());
            check_user(access, state, &caller)?;
        }
    }
    Ok(())
}

async fn admin_caller(access: Access, state: &State, request: &ServiceRequest) -> Result<AdminCaller, Error> {
    let address = state.proxies.client_address(request);
    if let Some(value) = api_key::presented(request.headers()) {
        let (owner, id) = state.api_key_gate.admin(value, address).await?;
        let (requester, permissions) = match owner {
            AdminKeyOwner::Admin(admin) => {
                if state.api_keys_respect_requirements && !access.works_while_due() {
                    check_due(admin.owes_second_factor(), &[], admin.filters.require_password_change)?;
                }
                (requester_of(&admin), admin.permissions.clone())
            }
            AdminKeyOwner::Static(key) => (Requester::default(), key.permissions.clone()),
        };
        Ok(AdminCaller { requester, permissions, proof: Proof::ApiKey(id), address })
    } else {
        let claims = verified(state, request, Audience::Admin)?;
        let admin = state.store.shelf::<Admin>().get(&claims.username).ok_or_else(no_longer_valid)?;
        check_account(state, &claims, admin.id, admin.account.generation)?;
        state.tokens.check_address(&claims, address)?;
        if !admin.may_sign_in_from(address) {
            return Err(no_longer_valid());
        }
        Ok(AdminCaller {
            requester: requester_of(&admin),
            permissions: admin.permissions.clone(),
            proof: Proof::Token(claims),
            address,
        })
    }
}

/// Holds an admin against what a route asks for.
fn check_admin(access: Access, caller: &AdminCaller) -> Result<(), Error> {
    check_proof(access, &caller.proof)?;
    match access.permission() {
        Some(permission) if !caller.may(permission) => Err(Error::Forbidden("Forbidden".into())),
        Some(_) | None => Ok(()),
    }
}

async fn user_caller(state: &State, request: &ServiceRequest) -> Result<UserCaller, Error> {
    let address = state.proxies.client_address(request);
    if let Some(value) = api_key::presented(request.headers()) {
        let (user, id) = state.api_key_gate.user(value, address).await?;
        Ok(UserCaller { user, proof: Proof::ApiKey(id), address })
    } else {
        let claims = verified(state, request, Audience::User)?;
        let user = state.store.user(&claims.username)?.ok_or_else(no_longer_valid)?.value;
        check_account(state, &claims, user.id, user.account.generation)?;
        let user = references::effective(&state.store, user).ok_or_else(no_longer_valid)?;
        state.tokens.check_address(&claims, address)?;
        if !is_still_let_in(&user, address, state.clock.now()) {
            return Err(no_longer_valid());
        }
        note_session(state, &claims, address);
        Ok(UserCaller { user, proof: Proof::Token(claims), address })
    }
}

/// Holds a user against what a route asks for.
fn check_user(access: Access, state: &State, caller: &UserCaller) -> Result<(), Error> {
    check_proof(access, &caller.proof)?;
    let asks_anew = match caller.proof {
        Proof::ApiKey(_) => state.api_keys_respect_requirements,
        Proof::Token(_) => true,
    };
    if asks_anew && !access.works_while_due() {
        check_user_due(&caller.user, state.clock.now())?;
    }
    if let Access::SignedInUser(Some(restriction)) = access
        && caller.user.filters.web_client.contains(&restriction)
    {
        return Err(Error::Forbidden("Forbidden".into()));
    }
    Ok(())
}

/// Whether the owner of a good token may still come in. Not every change ends tokens, one of a group ends none, and
/// time passes: so he is held to the conditions of signing in at each request.
fn is_still_let_in(user: &EffectiveUser, address: IpAddr, now: UnixMillis) -> bool {
    login::may_sign_in(user, now) && login::check_access(user, address).is_ok()
}

/// Refuses while a user owes a second factor or a new password now, whatever his token says.
fn check_user_due(user: &EffectiveUser, now: UnixMillis) -> Result<(), Error> {
    let filters = &user.filters;
    if user.owes_second_factor() {
        let protocols: Vec<_> =
            filters.two_factor_protocols.iter().map(|one| one.word().to_owned()).collect();
        return Err(second_factor_due(&protocols));
    }
    check_due(false, &[], user.must_change_password(filters.password_expiration, now))
}

/// Keeps the list of signed-in users up to date: a user is on it from his sign-in on.
pub fn note_session(state: &State, claims: &Claims, address: IpAddr) {
    state.sessions.touch(Session {
        token_id: claims.jti.clone(),
        username: claims.username.clone(),
        account: claims.sub.clone(),
        address,
        since: claims.issued_at(),
        last_activity: state.clock.now(),
        expires_at: UnixMillis::new(claims.exp.saturating_mul(1000)),
    });
}

/// The user of a session; nobody when its token would not be taken any more, whatever ended it.
///
/// # Errors
/// Storage failures.
pub fn owner_of(state: &State, session: &Session) -> Result<Option<EffectiveUser>, Error> {
    if state.revocations.contains(&session.token_id) {
        return Ok(None);
    }
    let user = state.store.user(&session.username)?.map(|stored| stored.value);
    let is_taken = |user: &User| {
        let account = version(user.id, user.account.generation);
        session.account == account || state.revocations.spares(&session.token_id, &account)
    };
    let user = user.filter(is_taken);
    let user = user.and_then(|user| references::effective(&state.store, user));
    Ok(user.filter(|user| is_still_let_in(user, session.address, state.clock.now())))
}

/// The claims of the request's token: signed by us, in time, not revoked, for this side of the API.
fn verified(state: &State, request: &ServiceRequest, audience: Audience) -> Result<Arc<Claims>, Error> {
    let token = basic::bearer(request.headers()).ok_or(Error::Unauthorized("no token found".into()))?;
    let claims = state.tokens.verify(token, state.clock.now())?;
    if state.revocations.contains(&claims.jti) {
        return Err(no_longer_valid());
    }
    claims.check_audience(audience)?;
    Ok(claims)
}

/// Holds a token against the account of its name.
fn check_account(state: &State, claims: &Claims, id: i64, generation: u64) -> Result<(), Error> {
    let is_taken =
        claims.is_for(id, generation) || state.revocations.spares(&claims.jti, &version(id, generation));
    if is_taken { Ok(()) } else { Err(no_longer_valid()) }
}

/// Lets the token of a request outlive the end of its account's tokens that the request brought, unless something
/// else had ended it meanwhile.
///
/// # Errors
/// Storage failures.
pub async fn spare(state: &State, claims: &Claims, ended: TokensEnded) -> Result<(), Error> {
    if check_account(state, claims, ended.id, ended.before).is_err() {
        return Ok(());
    }
    state.revocations.spare(claims, &version(ended.id, ended.after)).await
}

/// Holds the kind of proof, and what its owner must do first, against the route.
fn check_proof(access: Access, proof: &Proof) -> Result<(), Error> {
    match proof {
        Proof::ApiKey(_) if access.takes_api_keys() => Ok(()),
        Proof::ApiKey(_) => Err(Error::Forbidden("API key authentication is not allowed".into())),
        Proof::Token(_) if access.works_while_due() => Ok(()),
        Proof::Token(claims) => {
            check_due(claims.second_factor_due, &claims.second_factor_protocols, claims.password_change_due)
        }
    }
}

/// Refuses while something is due, the second factor first.
fn check_due(second_factor: bool, protocols: &[String], password_change: bool) -> Result<(), Error> {
    if second_factor {
        return Err(second_factor_due(protocols));
    }
    if password_change {
        let text = "Password change required. Please set a new password to continue";
        return Err(Error::Barred(text.into()));
    }
    Ok(())
}

fn second_factor_due(protocols: &[String]) -> Error {
    let text = "Two-factor authentication requirements not met, please configure two-factor authentication";
    if protocols.is_empty() {
        return Error::Barred(text.into());
    }
    Error::Barred(format!("{text} for the following protocols: {}", protocols.join(", ")).into())
}

fn requester_of(admin: &Admin) -> Requester {
    Requester {
        admin: Some(admin.username.clone()),
        role: admin.role.clone(),
        default_users_expiration: admin.filters.preferences.default_users_expiration,
    }
}
