//! The header `X-SFTPGO-API-KEY`: parsed, looked up, compared (`contract/auth.md` §2).

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::clock::Clock;
use crate::domain::admin::Admin;
use crate::domain::api_key::{ApiKey, Scope};
use crate::domain::group::EffectiveUser;
use crate::domain::password::{NewPassword, PasswordHash};
use crate::domain::permission::Permissions;
use crate::domain::time::UnixMillis;
use crate::domain::watched::SubjectKind;
use crate::error::Error;
use crate::service::defender::{Approach, Defender};
use crate::service::hashing::{HashingPool, Holder};
use crate::service::{login, references};
use crate::store::Store;

/// The header's name.
pub const HEADER: HeaderName = HeaderName::from_static("x-sftpgo-api-key");

/// `last_use_at` moves at most this often, in milliseconds.
const LAST_USE_STEP: i64 = 10 * 60 * 1000;

/// A key of the configuration file: no account stands behind it.
#[derive(Debug, Clone)]
pub struct StaticKey {
    /// The public half.
    pub id: String,
    /// What the key is for.
    pub name: String,
    /// The hash of the secret half.
    pub secret: PasswordHash,
    /// What the key may do.
    pub permissions: Permissions,
    /// When it stops being good; 0 is never.
    pub expires_at: UnixMillis,
}

/// Whom a good key speaks for on the admins' side.
#[derive(Debug)]
pub enum AdminKeyOwner {
    /// This admin.
    Admin(Arc<Admin>),
    /// Nobody: a key of the configuration file.
    Static(Arc<StaticKey>),
}

/// Checks API keys.
#[derive(Debug, Clone)]
pub struct ApiKeyGate {
    store: Store,
    hashing: HashingPool,
    defender: Defender,
    clock: Clock,
    static_keys: Arc<Vec<Arc<StaticKey>>>,
}

/// The parts of a header's value.
struct Presented<'a> {
    id: &'a str,
    secret: &'a str,
    username: Option<&'a str>,
}

/// The value of the header, if there is one that is not empty.
pub fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(HEADER).map(HeaderValue::as_bytes).filter(|value| !value.is_empty())
}

impl ApiKeyGate {
    /// Keys of `store` and of the configuration file; `defender` hears of those that fail.
    pub fn new(
        store: Store,
        (hashing, defender): (HashingPool, Defender),
        clock: Clock,
        static_keys: Vec<StaticKey>,
    ) -> Self {
        let static_keys = Arc::new(static_keys.into_iter().map(Arc::new).collect());
        Self { store, hashing, defender, clock, static_keys }
    }

    /// Finds out for whom a key speaks on the admins' side.
    ///
    /// # Errors
    /// 400 for what is no key, 403 for a key of users, 401 for a wrong secret, an expired key or an
    /// admin who may not come in; the text of the last names the cause, as the secret was right. 429 after too
    /// many wrong secrets.
    pub async fn admin(&self, value: &[u8], address: IpAddr) -> Result<(AdminKeyOwner, String), Error> {
        let presented = parse(value)?;
        if let Some(key) = self.static_keys.iter().find(|key| key.id == presented.id) {
            let expired = key.expires_at.get() > 0 && key.expires_at < self.clock.now();
            self.check_secret(&presented, Some(key.secret.clone()), expired, address).await?;
            return Ok((AdminKeyOwner::Static(Arc::clone(key)), key.id.clone()));
        }
        let key = self.stored(&presented, Scope::Admin, address).await?;
        let name = key.bound_to().or(presented.username);
        let admin = name.and_then(|name| self.store.shelf::<Admin>().get(name));
        let refused = |why: &str| {
            let text = "the admin associated with the provided api key cannot be authenticated";
            Err(Error::BadKey(format!("{text}: {why}").into()))
        };
        let Some(admin) = admin else { return refused("the key names no admin that exists") };
        if !admin.filters.allow_api_key_auth {
            return refused("API keys are switched off for this admin (filters.allow_api_key_auth)");
        }
        if !admin.status.is_enabled() {
            return refused("the admin is disabled");
        }
        if !admin.may_sign_in_from(address) {
            return refused("the admin's allow list does not hold this address");
        }
        self.note_use(&key).await?;
        self.note_admin_login(&admin).await?;
        Ok((AdminKeyOwner::Admin(admin), key.id.clone()))
    }

    /// Finds out for which user a key speaks on the users' own side.
    ///
    /// # Errors
    /// As [`ApiKeyGate::admin`]; 403 for a key of admins.
    pub async fn user(&self, value: &[u8], address: IpAddr) -> Result<(EffectiveUser, String), Error> {
        let presented = parse(value)?;
        if self.static_keys.iter().any(|key| key.id == presented.id) {
            return Err(of_the_other_side());
        }
        let key = self.stored(&presented, Scope::User, address).await?;
        let refused = |why: &str| {
            let text = "the user associated with the provided api key cannot be authenticated";
            Error::BadKey(format!("{text}: {why}").into())
        };
        let name = key.bound_to().or(presented.username).ok_or_else(|| refused("the key names no user"))?;
        let stored = self.store.user(name)?.ok_or_else(|| refused("the key names no user that exists"))?;
        let user = references::effective(&self.store, stored.value)
            .ok_or_else(|| refused("the settings of a group cannot be applied to this user"))?;
        if !user.filters.allow_api_key_auth {
            return Err(refused("API keys are switched off for this user (filters.allow_api_key_auth)"));
        }
        if !login::may_sign_in(&user, self.clock.now()) {
            return Err(refused("the user is disabled, expired or outside the access times"));
        }
        login::check_access(&user, address).map_err(|barred| refused(&barred.to_string()))?;
        self.note_use(&key).await?;
        self.note_user_login(&user).await?;
        Ok((user, key.id.clone()))
    }

    async fn stored(
        &self,
        presented: &Presented<'_>,
        scope: Scope,
        address: IpAddr,
    ) -> Result<Arc<ApiKey>, Error> {
        let key = self.store.shelf::<ApiKey>().get(presented.id).ok_or_else(no_key)?;
        if key.scope != scope {
            return Err(of_the_other_side());
        }
        let expired = key.is_expired(self.clock.now());
        self.check_secret(presented, key.secret.clone(), expired, address).await?;
        Ok(key)
    }

    async fn check_secret(
        &self,
        presented: &Presented<'_>,
        hash: Option<PasswordHash>,
        expired: bool,
        address: IpAddr,
    ) -> Result<(), Error> {
        let Presented { id, secret, .. } = *presented;
        let secret = NewPassword::new(secret.to_owned());
        // Most requests by far: a key that was proved a short while ago, where nobody fails.
        if !expired
            && let Some(hash) = &hash
            && self.defender.expects(SubjectKind::ApiKey, id, address)
            && self.hashing.knows(Holder::ApiKey(id), hash, &secret)
        {
            return Ok(());
        }
        let approach = Approach::new(SubjectKind::ApiKey, id, hash.as_ref(), address);
        let tried = self.defender.enter(approach).await?;
        if expired {
            // Computed each time and never remembered, lest a quick refusal tell that its secret was right. Whoever
            // has the secret is no guesser.
            if self.hashing.verify_anew(hash, secret).await? {
                drop(tried);
            } else {
                tried.failed().await;
            }
            return Err(not_good());
        }
        if self.hashing.verify(Holder::ApiKey(id), hash, secret).await? {
            tried.succeeded();
            return Ok(());
        }
        tried.failed().await;
        Err(not_good())
    }

    async fn note_use(&self, key: &ApiKey) -> Result<(), Error> {
        let now = self.clock.now();
        if now.get() - key.last_use_at.get() < LAST_USE_STEP {
            return Ok(());
        }
        let id = key.id.clone();
        self.store
            .write(move |txn| {
                let Some(mut key) = txn.item::<ApiKey>(&id)? else { return Ok(()) };
                key.last_use_at = now;
                txn.put_item(&key)
            })
            .await
    }

    /// The use of a key counts as a sign-in of its admin.
    async fn note_admin_login(&self, admin: &Admin) -> Result<(), Error> {
        let now = self.clock.now();
        if now.get() - admin.last_login.get() < LAST_USE_STEP {
            return Ok(());
        }
        let name = admin.username.clone();
        self.store
            .write(move |txn| {
                let Some(mut admin) = txn.item::<Admin>(name.as_str())? else { return Ok(()) };
                admin.last_login = now;
                txn.put_item(&admin)
            })
            .await
    }

    /// The same for a user. What his groups give him is not his own, so it is the stored user that is written,
    /// as he is in the line of writers.
    async fn note_user_login(&self, user: &EffectiveUser) -> Result<(), Error> {
        let now = self.clock.now();
        if now.get() - user.last_login.get() < LAST_USE_STEP {
            return Ok(());
        }
        let (name, id) = (user.username.clone(), user.id);
        self.store
            .write(move |txn| {
                let stored = txn.user(name.as_str())?.map(|stored| stored.value);
                let Some(mut user) = stored.filter(|user| user.id == id) else { return Ok(()) };
                user.last_login = now;
                txn.put_user(&user).map(drop)
            })
            .await
    }
}

/// The one answer to a wrong secret and to an expired key (`contract/auth.md` §2).
fn not_good() -> Error {
    Error::BadKey("the provided api key cannot be authenticated".into())
}

/// Splits `<id>.<secret>` or `<id>.<secret>.<username>`; a user's name may hold dots.
fn parse(value: &[u8]) -> Result<Presented<'_>, Error> {
    let text = std::str::from_utf8(value).map_err(|_| no_key())?;
    let mut parts = text.splitn(3, '.');
    let (Some(id), Some(secret)) = (parts.next(), parts.next()) else { return Err(no_key()) };
    Ok(Presented { id, secret, username: parts.next().filter(|name| !name.is_empty()) })
}

/// A key of users among admins, or of admins among users.
fn of_the_other_side() -> Error {
    Error::Barred("the provided api key is invalid for this request".into())
}

fn no_key() -> Error {
    Error::malformed("the provided api key is not valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_split_at_its_first_two_dots() {
        let presented = parse(b"id.secret.a.b.c").unwrap();
        assert_eq!((presented.id, presented.secret, presented.username), ("id", "secret", Some("a.b.c")));
        let presented = parse(b"id.secret").unwrap();
        assert_eq!((presented.id, presented.secret, presented.username), ("id", "secret", None));
        assert!(parse(b"id").is_err());
        assert!(parse(b"\xff.x").is_err());
    }
}
