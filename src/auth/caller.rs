//! Whoever sent the request, once the gate has let him in: handlers take a caller and know that it
//! was checked.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use std::future::{Ready, ready};

use super::jwt::Claims;
use crate::api::response::Failure;
use crate::domain::group::EffectiveUser;
use crate::domain::permission::{Permission, Permissions};
use crate::domain::username::Username;
use crate::error::Error;
use crate::service::admins::AdminEditor;
use crate::service::requester::Requester;

/// How a caller proved who he is.
#[derive(Debug, Clone)]
pub enum Proof {
    /// By a bearer token that says this.
    Token(Arc<Claims>),
    /// By the API key of this id.
    ApiKey(String),
}

/// An admin, or a key of the configuration file, on the admins' side.
#[derive(Debug)]
pub struct AdminCaller {
    /// The account and what it prefers.
    pub requester: Requester,
    /// What the caller may do.
    pub permissions: Permissions,
    /// How he proved it.
    pub proof: Proof,
    /// From where.
    pub address: IpAddr,
}

impl AdminCaller {
    /// Whether this caller may do that.
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.may(permission)
    }

    /// The caller as one who changes admins.
    pub fn editor(&self) -> AdminEditor {
        AdminEditor { name: self.requester.admin.clone(), by_api_key: matches!(self.proof, Proof::ApiKey(_)) }
    }

    /// The caller's own account.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for a key of the configuration file, which has none.
    pub fn own_name(&self) -> Result<&Username, Error> {
        self.requester.admin.as_ref().ok_or_else(|| Error::Forbidden("this key is no account".into()))
    }

    /// The name for the log.
    pub fn label(&self) -> String {
        let key = match &self.proof {
            Proof::Token(_) => None,
            Proof::ApiKey(id) => Some(id),
        };
        match (&self.requester.admin, key) {
            (Some(name), Some(key)) => format!("admin:{name} key:{key}"),
            (Some(name), None) => format!("admin:{name}"),
            (None, Some(key)) => format!("key:{key}"),
            (None, None) => "-".to_owned(),
        }
    }
}

/// A user on his own side.
#[derive(Debug)]
pub struct UserCaller {
    /// The user as stored when the request came, under the settings of his groups.
    pub user: EffectiveUser,
    /// How he proved who he is.
    pub proof: Proof,
    /// From where.
    pub address: IpAddr,
}

impl UserCaller {
    /// The user as one who asks a service about himself.
    pub fn requester(&self) -> Requester {
        Requester::default()
    }
}

/// Who called, for the log: found among the extensions that the gate left.
pub fn label(request: &HttpRequest) -> Option<String> {
    let extensions = request.extensions();
    let admin = extensions.get::<ByAdmin>().map(|caller| caller.label());
    admin.or_else(|| {
        extensions.get::<ByUser>().map(|caller| format!("user:{}", caller.user.username.as_str()))
    })
}

/// The admin who sent the request, for handlers behind the gate.
#[derive(Debug, Clone)]
pub struct ByAdmin(pub Rc<AdminCaller>);

/// The user who sent the request, for handlers behind the gate.
#[derive(Debug, Clone)]
pub struct ByUser(pub Rc<UserCaller>);

impl std::ops::Deref for ByAdmin {
    type Target = AdminCaller;

    fn deref(&self) -> &AdminCaller {
        &self.0
    }
}

impl std::ops::Deref for ByUser {
    type Target = UserCaller;

    fn deref(&self) -> &UserCaller {
        &self.0
    }
}

impl FromRequest for ByAdmin {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.extensions().get::<Self>().cloned().ok_or_else(|| no_gate().into()))
    }
}

impl FromRequest for ByUser {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.extensions().get::<Self>().cloned().ok_or_else(|| no_gate().into()))
    }
}

/// A handler that takes a caller on a route without a gate: never reachable by the route table.
fn no_gate() -> Error {
    Error::internal("a handler asks for a caller on a route that has no gate")
}
