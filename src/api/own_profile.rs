//! `/user/profile` and `/admin/profile`: what an account may say of itself
//! (`contract/endpoints.md` §8, §10).

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::body::RawBody;
use super::response::{Failure, message, object};
use crate::auth::caller::{ByAdmin, ByUser};
use crate::domain::certificate::TlsCertificates;
use crate::domain::email::Email;
use crate::domain::public_key::PublicKeys;
use crate::domain::user::User;
use crate::domain::web_client::WebClientOption;
use crate::error::Error;
use crate::service::requester::Requester;
use crate::state::State;

/// An admin's profile as shown.
#[derive(Serialize)]
struct AdminProfileView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a Email>,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    allow_api_key_auth: bool,
}

/// A user's profile as shown.
#[derive(Serialize)]
struct UserProfileView<'a> {
    #[serde(flatten)]
    info: AdminProfileView<'a>,
    #[serde(skip_serializing_if = "PublicKeys::is_empty")]
    public_keys: &'a PublicKeys,
    #[serde(skip_serializing_if = "TlsCertificates::is_empty")]
    tls_certs: &'a TlsCertificates,
}

/// A profile as sent: what is absent is cleared.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ProfileDraft {
    email: String,
    description: String,
    allow_api_key_auth: bool,
    public_keys: Vec<String>,
    tls_certs: Vec<String>,
}

/// `GET /admin/profile`.
///
/// # Errors
/// None of its own.
pub async fn get_admin(caller: ByAdmin, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let admin = state.admins.get(caller.own_name()?)?;
    let view = AdminProfileView {
        email: admin.email.as_ref(),
        description: &admin.description,
        allow_api_key_auth: admin.filters.allow_api_key_auth,
    };
    Ok(object(StatusCode::OK, &view)?)
}

/// `PUT /admin/profile`.
///
/// # Errors
/// 400 for a bad address.
pub async fn update_admin(
    caller: ByAdmin,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let draft: ProfileDraft = body.decode()?;
    let email = Email::parse_optional(&draft.email).map_err(Error::from)?;
    let now = state.clock.now();
    let change = move |admin: &mut crate::domain::admin::Admin| {
        admin.email = email;
        admin.description = draft.description;
        admin.filters.allow_api_key_auth = draft.allow_api_key_auth;
        admin.updated_at = now;
        Ok(())
    };
    state.admins.change(caller.own_name()?, change).await?;
    Ok(message(StatusCode::OK, "Profile updated"))
}

/// `GET /user/profile`: what is the user's own, whatever his groups say; it may be sent back.
///
/// # Errors
/// None of its own.
pub async fn get_user(caller: ByUser, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let user = state.users.get(&Requester::default(), &caller.user.username)?;
    let view = UserProfileView {
        info: AdminProfileView {
            email: user.email.as_ref(),
            description: &user.description,
            allow_api_key_auth: user.filters.allow_api_key_auth,
        },
        public_keys: &user.public_keys,
        tls_certs: &user.filters.tls_certs,
    };
    Ok(object(StatusCode::OK, &view)?)
}

/// `PUT /user/profile`: replaces the parts that the user's restrictions leave to him, and leaves the
/// others alone.
///
/// # Errors
/// 403 when nothing is left to change, 400 for a bad value.
pub async fn update_user(
    caller: ByUser,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let may_change = MayChange::of(&caller.user);
    if !may_change.anything() {
        return Err(Error::Forbidden("You are not allowed to change anything".into()).into());
    }
    let draft: ProfileDraft = body.decode()?;
    // What may not be changed is not looked at either.
    let email =
        if may_change.info { Email::parse_optional(&draft.email).map_err(Error::from)? } else { None };
    let keys: &[String] = if may_change.public_keys { &draft.public_keys } else { &[] };
    let public_keys = PublicKeys::parse(keys).map_err(Error::from)?;
    let certs = if may_change.tls_certs { draft.tls_certs } else { Vec::new() };
    let tls_certs = TlsCertificates::parse("tls_certs", certs).map_err(Error::from)?;
    let now = state.clock.now();
    let change = |user: &mut User| {
        if may_change.public_keys {
            user.public_keys.clone_from(&public_keys);
        }
        if may_change.tls_certs {
            user.filters.tls_certs.clone_from(&tls_certs);
        }
        if may_change.api_key_auth {
            user.filters.allow_api_key_auth = draft.allow_api_key_auth;
        }
        if may_change.info {
            user.email.clone_from(&email);
            user.description.clone_from(&draft.description);
        }
        user.updated_at = now;
        Ok(())
    };
    state.users.change(&Requester::default(), &caller.user.username, change).await?;
    Ok(message(StatusCode::OK, "Profile updated"))
}

/// `GET /user/dirs`: the user's files are not here but with the transfer server, so there are none.
///
/// # Errors
/// None of its own.
pub async fn no_directories(_: ByUser) -> Result<HttpResponse, Failure> {
    Ok(object::<[(); 0]>(StatusCode::OK, &[])?)
}

/// Which parts of the profile a user's restrictions leave to him.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "four independent switches of the contract")]
struct MayChange {
    public_keys: bool,
    tls_certs: bool,
    api_key_auth: bool,
    info: bool,
}

impl MayChange {
    fn of(user: &User) -> Self {
        let free = |option| !user.filters.web_client.contains(&option);
        Self {
            public_keys: free(WebClientOption::PublicKeyChangeDisabled),
            tls_certs: free(WebClientOption::TlsCertChangeDisabled),
            api_key_auth: free(WebClientOption::ApiKeyAuthChangeDisabled),
            info: free(WebClientOption::InfoChangeDisabled),
        }
    }

    fn anything(self) -> bool {
        self.public_keys || self.tls_certs || self.api_key_auth || self.info
    }
}
