//! Signing in with name and password: the conditions in their order (`contract/auth.md` §6, §7),
//! equal work for whoever is asked for, and what a sign-in leaves behind.

use std::net::IpAddr;
use std::sync::Arc;

use super::defender::{Approach, Defender, Try};
use super::hashing::{HashingPool, Holder};
use super::references;
use super::second_factor::SecondFactors;
use crate::clock::Clock;
use crate::domain::admin::Admin;
use crate::domain::filesystem::Filesystem;
use crate::domain::group::EffectiveUser;
use crate::domain::login_method::LoginMethod;
use crate::domain::password::NewPassword;
use crate::domain::protocol::{MfaProtocol, Protocol};
use crate::domain::sealer::Sealer;
use crate::domain::time::UnixMillis;
use crate::domain::user::User;
use crate::domain::username::{NamingRules, Username};
use crate::domain::watched::SubjectKind;
use crate::error::Error;
use crate::store::Store;

/// `last_login` moves at most this often, so that signing in does not mean writing, in milliseconds.
const LAST_LOGIN_STEP: i64 = 10 * 60 * 1000;

/// What somebody presents who wants to sign in.
#[derive(Debug)]
pub struct Attempt {
    /// The name, as given.
    pub username: String,
    /// The password, as given.
    pub password: NewPassword,
    /// The one-time code of the header `X-SFTPGO-OTP`, if there is one.
    pub passcode: Option<String>,
    /// Where the request comes from.
    pub address: IpAddr,
}

/// Checks who signs in.
#[derive(Debug, Clone)]
pub struct Logins {
    store: Store,
    hashing: HashingPool,
    defender: Defender,
    second_factors: SecondFactors,
    clock: Clock,
    settings: Arc<LoginSettings>,
}

/// What the server's settings say about signing in.
#[derive(Debug, Clone)]
pub struct LoginSettings {
    /// How names are normalised before they are looked up.
    pub naming: NamingRules,
    /// Whether hashes of another family are replaced after a successful sign-in.
    pub converts_hashes: bool,
    /// What opens the secrets of users' file systems.
    pub sealer: Sealer,
}

impl Logins {
    /// Sign-ins against `store`; `defender` hears of those that fail.
    pub fn new(
        store: Store,
        (hashing, defender): (HashingPool, Defender),
        second_factors: SecondFactors,
        clock: Clock,
        settings: Arc<LoginSettings>,
    ) -> Self {
        Self { store, hashing, defender, second_factors, clock, settings }
    }

    /// Signs an admin in.
    ///
    /// # Errors
    /// [`Error::BadCredentials`] with one text for every cause; [`Error::TooMany`] after too many of those,
    /// [`Error::Busy`] when too many wait.
    pub async fn admin(&self, attempt: Attempt) -> Result<Arc<Admin>, Error> {
        let name = Username::normalise(&attempt.username, self.settings.naming);
        let admin = self.store.shelf::<Admin>().get(&*name);
        let password = admin.as_ref().and_then(|admin| admin.password.as_ref());
        let approach = Approach::new(SubjectKind::Admin, &name, password, attempt.address);
        let mut tried = self.defender.enter(approach.with_code(attempt.passcode.is_some())).await?;
        let outcome = self.checked_admin(admin, &name, &attempt, &mut tried).await;
        tried.ended(&outcome).await;
        self.note_admin_login(&outcome?).await
    }

    async fn checked_admin(
        &self,
        admin: Option<Arc<Admin>>,
        name: &str,
        attempt: &Attempt,
        tried: &mut Try,
    ) -> Result<Arc<Admin>, Error> {
        let allowed = admin.filter(|admin| admin.may_sign_in_from(attempt.address));
        let hash = allowed.as_ref().and_then(|admin| admin.password.clone());
        let given = attempt.password.clone();
        let needs_code = allowed.as_ref().is_some_and(|admin| admin.filters.totp_config.enabled);
        let matches = if needs_code {
            self.hashing.verify_anew(hash, given).await?
        } else {
            self.hashing.verify(Holder::Admin(name), hash, given).await?
        };
        let Some(admin) = allowed.filter(|_| matches) else { return Err(invalid_credentials()) };
        if attempt.passcode.is_none() {
            tried.has_no_code();
        }
        self.second_factors.check_admin(&admin, attempt.passcode.as_deref()).await?;
        Ok(admin)
    }

    /// Signs a user in over HTTP, under the settings of his groups.
    ///
    /// # Errors
    /// [`Error::BadCredentials`] before the password is known to be right, [`Error::Denied`] with
    /// the cause afterwards; [`Error::TooMany`] after too many failures, [`Error::Busy`] when too many wait;
    /// [`Error::NoRootFilesystem`] when a secret of his provider cannot be opened.
    pub async fn user(&self, attempt: Attempt) -> Result<EffectiveUser, Error> {
        let name = Username::normalise(&attempt.username, self.settings.naming);
        let user = self.store.user(&name)?.map(|stored| stored.value);
        let password = user.as_ref().and_then(|user| user.password.as_ref());
        let approach = Approach::new(SubjectKind::User, &name, password, attempt.address);
        let mut tried = self.defender.enter(approach.with_code(attempt.passcode.is_some())).await?;
        let outcome = self.checked_user(user, &name, &attempt, &mut tried).await;
        tried.ended(&outcome).await;
        let user = outcome?;
        self.note_user_login(&user, &attempt.password).await?;
        Ok(user)
    }

    async fn checked_user(
        &self,
        user: Option<User>,
        name: &str,
        attempt: &Attempt,
        tried: &mut Try,
    ) -> Result<EffectiveUser, Error> {
        let effective = user.and_then(|user| references::effective(&self.store, user));
        let allowed = effective.filter(|user| may_sign_in(user, self.clock.now()));
        let hash = allowed.as_ref().and_then(|user| user.password.clone());
        let anonymous = allowed.as_ref().is_some_and(|user| user.filters.is_anonymous);
        let given = attempt.password.clone();
        let needs_code =
            allowed.as_ref().is_some_and(|user| user.filters.totp_config.is_asked_for(MfaProtocol::Http));
        let matches = if needs_code {
            self.hashing.verify_anew(hash, given).await?
        } else {
            self.hashing.verify(Holder::User(name), hash, given).await?
        };
        let Some(user) = allowed.filter(|_| matches || anonymous) else { return Err(invalid_credentials()) };
        check_access(&user, attempt.address)?;
        if attempt.passcode.is_none() {
            tried.has_no_code();
        }
        self.second_factors.check_user(&user, attempt.passcode.as_deref()).await?;
        if !user.filters.disable_fs_checks {
            check_filesystem(&user.filesystem, &self.settings.sealer)?;
        }
        Ok(user)
    }

    async fn note_admin_login(&self, admin: &Arc<Admin>) -> Result<Arc<Admin>, Error> {
        let now = self.clock.now();
        if now.get() - admin.last_login.get() < LAST_LOGIN_STEP {
            return Ok(Arc::clone(admin));
        }
        let name = admin.username.clone();
        self.store
            .write(move |txn| {
                let mut admin = txn.item::<Admin>(name.as_str())?.ok_or_else(invalid_credentials)?;
                admin.last_login = now;
                txn.put_item(&admin)?;
                Ok(Arc::new(admin))
            })
            .await
    }

    /// Moves `last_login` and turns a hash of another family into the server's own
    /// (`contract/passwords.md` §4). Neither moves `updated_at`: nobody changed the user.
    async fn note_user_login(&self, user: &User, password: &NewPassword) -> Result<(), Error> {
        let now = self.clock.now();
        let scheme = self.hashing.scheme();
        let converts = self.settings.converts_hashes && scheme.check(password).is_ok();
        let old_hash =
            user.password.clone().filter(|hash| converts && hash.needs_conversion(scheme, password));
        let new_hash = match &old_hash {
            Some(_) => Some(self.hashing.hash(password.clone()).await?),
            None => None,
        };
        let moves = now.get() - user.last_login.get() >= LAST_LOGIN_STEP || user.updated_at > user.last_login;
        if new_hash.is_none() && !moves {
            return Ok(());
        }
        let name = user.username.clone();
        self.store
            .write(move |txn| {
                let mut current = txn.user(name.as_str())?.ok_or_else(invalid_credentials)?.value;
                current.last_login = now;
                if let Some(new_hash) = new_hash.filter(|_| current.password == old_hash) {
                    current.password = Some(new_hash);
                }
                txn.put_user(&current).map(drop)
            })
            .await
    }
}

/// Holds a user's file system against what can be told without reaching it: its secrets open.
fn check_filesystem(filesystem: &Filesystem, sealer: &Sealer) -> Result<(), Error> {
    for secret in filesystem.secrets().filter_map(|(_, secret)| secret.sealed()) {
        sealer.open(secret).map_err(|why| Error::NoRootFilesystem(why.into()))?;
    }
    Ok(())
}

/// What keeps a user out of the server's own side after the right password, his groups' settings counted
/// (`contract/auth.md` §7).
///
/// # Errors
/// [`Error::Denied`] with the cause.
pub fn check_access(user: &EffectiveUser, address: IpAddr) -> Result<(), Error> {
    let name = user.username.as_str();
    if user.filters.denies_protocol(Protocol::Http) {
        return Err(Error::Denied(format!("protocol HTTP is not allowed for user {name:?}").into()));
    }
    if user.filters.denies_method(LoginMethod::Password) {
        return Err(Error::Denied(format!("login method password is not allowed for user {name:?}").into()));
    }
    if !user.filters.may_sign_in_from(address) {
        let why = format!("login for user {name:?} is not allowed from this address: {address}");
        return Err(Error::Denied(why.into()));
    }
    Ok(())
}

/// Whether a user may be let in at all now, as [`Logins::user`] asks before the password.
pub fn may_sign_in(user: &EffectiveUser, now: UnixMillis) -> bool {
    user.is_active(now) && user.filters.may_sign_in_at(now)
}

/// The one answer to every wrong name, password or code.
pub fn invalid_credentials() -> Error {
    Error::BadCredentials("invalid credentials".into())
}

#[cfg(test)]
mod tests;
