//! Users: added, replaced, removed. The rules of a single user are in `domain`; here are those that
//! need the store, the clock or the hashing pool.

use std::sync::Arc;

use super::hashing::HashingPool;
use super::references;
use super::requester::Requester;
use super::sessions::Sessions;
use crate::clock::Clock;
use crate::domain::api_key::Scope;
use crate::domain::password::{PasswordHash, strength};
use crate::domain::time::UnixMillis;
use crate::domain::user::User;
use crate::domain::user_draft::{PasswordChange, UserDraft, UserRules};
use crate::domain::username::Username;
use crate::error::Error;
use crate::store::{Document, Store, Versioned, Window};

/// How often an update starts anew when another one came between its read and its write.
const MAX_TRIES: u32 = 16;

/// The users of the server.
#[derive(Debug, Clone)]
pub struct Users {
    store: Store,
    hashing: HashingPool,
    clock: Clock,
    sessions: Sessions,
    rules: Arc<UserRules>,
}

impl Users {
    /// Users kept in `store` under `rules`; `sessions` hears of those who are signed out.
    pub fn new(
        store: Store,
        hashing: HashingPool,
        clock: Clock,
        sessions: Sessions,
        rules: Arc<UserRules>,
    ) -> Self {
        Self { store, hashing, clock, sessions, rules }
    }

    /// The name under which a user is looked up, whoever writes it how.
    pub fn name(&self, given: &str) -> Username {
        Username::trusted(Username::normalise(given, self.rules.naming).into_owned())
    }

    /// The user's document as `GET` serves it; the hot path, which copies bytes.
    ///
    /// # Errors
    /// [`Error::NotFound`] for no such user or one of another role; storage failures.
    pub fn document(&self, requester: &Requester, name: &Username) -> Result<Document, Error> {
        let document = self.store.user_document(name.as_str())?.ok_or(Error::NotFound)?;
        if !requester.role.is_empty() && !self.store.has_role(name.as_str(), &requester.role) {
            return Err(Error::NotFound);
        }
        Ok(document)
    }

    /// The whole user.
    ///
    /// # Errors
    /// [`Error::NotFound`] for no such user or one of another role; storage failures.
    pub fn get(&self, requester: &Requester, name: &Username) -> Result<User, Error> {
        Ok(self.stored(requester, name)?.value)
    }

    /// The documents of a window of the list, in byte order of the names; a requester with a role
    /// is shown, and counted, his own users alone.
    ///
    /// # Errors
    /// Storage failures.
    pub fn list(&self, requester: &Requester, window: Window) -> Result<Vec<Document>, Error> {
        self.store.users_page(requester.role_filter(), window)
    }

    /// Adds a user and gives back the stored one with its document.
    ///
    /// The name is looked for before the password is hashed, so that a duplicate costs nothing, and
    /// again in the store's one line of writers, where it counts.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a rule that is broken, [`Error::Conflict`] for a name that is taken or
    /// a role that does not exist, [`Error::Busy`] when too many passwords wait to be hashed.
    pub async fn create(
        &self,
        requester: &Requester,
        mut draft: UserDraft,
    ) -> Result<(User, Document), Error> {
        if !requester.role.is_empty() {
            draft.role.clone_from(&requester.role);
        }
        if draft.expiration_date.is_none() && requester.default_users_expiration > 0 {
            let days = requester.default_users_expiration.saturating_mul(UnixMillis::DAY);
            draft.expiration_date = Some(self.clock.now().plus(days));
        }
        let (mut user, password) = self.settle(draft, None).await?;
        if let PasswordChange::New(password) = &password {
            self.hashing.scheme().check(password)?;
        }
        if self.store.has_user(user.username.as_str()) {
            return Err(duplicate(&user.username));
        }
        self.apply_password(&mut user, password).await?;
        let now = self.clock.now();
        (user.created_at, user.updated_at) = (now, now);
        self.store
            .write(move |txn| {
                if txn.has_user(user.username.as_str())? {
                    return Err(duplicate(&user.username));
                }
                references::check_user(txn, &user)?;
                user.id = txn.next_user_id()?;
                let document = txn.put_user(&user)?;
                Ok((user, document))
            })
            .await
    }

    /// Replaces a user by the draft; what stays is told at [`UserDraft::settle`].
    ///
    /// Tokens of the user end when the password, the status, the role or what the user may do on
    /// the server's own side changes (`contract/differences.md` §1), or when `disconnects` asks for it.
    ///
    /// # Errors
    /// As [`Users::create`], and [`Error::NotFound`].
    pub async fn replace(
        &self,
        requester: &Requester,
        name: &Username,
        mut draft: UserDraft,
        disconnects: bool,
    ) -> Result<(), Error> {
        if !requester.role.is_empty() {
            draft.role.clone_from(&requester.role);
        }
        let mut hashed: Option<PasswordHash> = None;
        for _ in 0..MAX_TRIES {
            let stored = self.stored(requester, name)?;
            let (mut user, mut password) = self.settle(draft.clone(), Some(&stored.value)).await?;
            if let (PasswordChange::New(_), Some(hash)) = (&password, &hashed) {
                password = PasswordChange::Keep;
                user.password = Some(hash.clone());
                user.last_password_change = self.clock.now();
            }
            self.apply_password(&mut user, password).await?;
            hashed.clone_from(&user.password);
            user.updated_at = self.clock.now();
            let ends_sessions = disconnects || ends_tokens(&stored.value, &user);
            user.account.generation += u64::from(ends_sessions);
            if self.put_if_unchanged(stored.revision, user).await? {
                if ends_sessions {
                    self.sessions.end_all_of(name.as_str());
                }
                return Ok(());
            }
            if !draft.is_slow_to_settle() {
                return self.replace_in_line(requester, name, draft, hashed, disconnects).await;
            }
        }
        Err(too_contended())
    }

    /// [`Users::replace`] in the store's one line of writers, where no other update can come between: for
    /// one that met another, so that however many come at once, each is done and the last one wins.
    /// A new password is hashed already; nothing slow may be left.
    async fn replace_in_line(
        &self,
        requester: &Requester,
        name: &Username,
        draft: UserDraft,
        hashed: Option<PasswordHash>,
        disconnects: bool,
    ) -> Result<(), Error> {
        let (requester, rules, now) = (requester.clone(), Arc::clone(&self.rules), self.clock.now());
        let in_line = name.clone();
        let ends_sessions = self
            .store
            .write(move |txn| {
                let stored = txn.user(in_line.as_str())?.ok_or(Error::NotFound)?.value;
                if !requester.sees_role(&stored.role) {
                    return Err(Error::NotFound);
                }
                let (mut user, password) = draft.settle(&rules, Some(&stored))?;
                match password {
                    PasswordChange::Keep => {}
                    PasswordChange::Clear => user.password = None,
                    PasswordChange::Hashed(hash) => user.password = Some(hash),
                    PasswordChange::New(_) => (user.password, user.last_password_change) = (hashed, now),
                }
                user.updated_at = now;
                let ends_sessions = disconnects || ends_tokens(&stored, &user);
                user.account.generation += u64::from(ends_sessions);
                references::check_user(txn, &user)?;
                txn.put_user(&user)?;
                Ok(ends_sessions)
            })
            .await?;
        if ends_sessions {
            self.sessions.end_all_of(name.as_str());
        }
        Ok(())
    }

    /// Changes a user in place: `change` sees the stored user and may refuse; times and generation
    /// are its own business. It may run more than once.
    ///
    /// # Errors
    /// Whatever `change` says, [`Error::NotFound`], storage failures.
    pub async fn change<F>(&self, requester: &Requester, name: &Username, change: F) -> Result<User, Error>
    where
        F: Fn(&mut User) -> Result<(), Error>,
    {
        for _ in 0..MAX_TRIES {
            let stored = self.stored(requester, name)?;
            let mut user = stored.value;
            let generation = user.account.generation;
            change(&mut user)?;
            let ends_sessions = user.account.generation != generation;
            if self.put_if_unchanged(stored.revision, user.clone()).await? {
                if ends_sessions {
                    self.sessions.end_all_of(name.as_str());
                }
                return Ok(user);
            }
        }
        Err(too_contended())
    }

    /// Removes a user, and with him the API keys bound to him.
    ///
    /// # Errors
    /// [`Error::NotFound`] for no such user or one of another role; storage failures.
    pub async fn remove(&self, requester: &Requester, name: &Username) -> Result<(), Error> {
        let role = requester.role.clone();
        let removed = name.clone();
        self.store
            .write(move |txn| {
                let name = removed;
                let stored = txn.user(name.as_str())?.ok_or(Error::NotFound)?;
                if !role.is_empty() && stored.value.role != role {
                    return Err(Error::NotFound);
                }
                txn.delete_user(name.as_str())?;
                txn.delete_keys_of(Scope::User, name.as_str())
            })
            .await?;
        self.sessions.end_all_of(name.as_str());
        Ok(())
    }

    /// How many users there are.
    pub fn count(&self) -> usize {
        self.store.user_count()
    }

    fn stored(&self, requester: &Requester, name: &Username) -> Result<Versioned<User>, Error> {
        let stored = self.store.user(name.as_str())?.ok_or(Error::NotFound)?;
        if requester.sees_role(&stored.value.role) { Ok(stored) } else { Err(Error::NotFound) }
    }

    /// Settles a draft, on the pool for slow work when a private key has to be opened for it; a new password
    /// must also be as strong as the user's groups ask.
    async fn settle(&self, draft: UserDraft, stored: Option<&User>) -> Result<(User, PasswordChange), Error> {
        let (user, password) = if draft.is_slow_to_settle() {
            let (rules, stored) = (Arc::clone(&self.rules), stored.cloned());
            self.hashing.run(move || draft.settle(&rules, stored.as_ref())).await??
        } else {
            draft.settle(&self.rules, stored)?
        };
        if let PasswordChange::New(password) = &password {
            strength::check(password.expose(), references::least_strength(&self.store, &user.groups))?;
        }
        Ok((user, password))
    }

    /// Puts into the user what the draft says about the password (`contract/passwords.md` §3).
    async fn apply_password(&self, user: &mut User, change: PasswordChange) -> Result<(), Error> {
        match change {
            PasswordChange::Keep => {}
            PasswordChange::Clear => user.password = None,
            PasswordChange::Hashed(hash) => user.password = Some(hash),
            PasswordChange::New(password) => {
                user.password = Some(self.hashing.hash(password).await?);
                user.last_password_change = self.clock.now();
            }
        }
        Ok(())
    }

    /// Writes the user if it still has the revision that was read; says whether it had.
    async fn put_if_unchanged(&self, revision: u64, user: User) -> Result<bool, Error> {
        self.store
            .write(move |txn| {
                let Some(current) = txn.user_revision(user.username.as_str())? else {
                    return Err(Error::NotFound);
                };
                if current != revision {
                    return Ok(false);
                }
                references::check_user(txn, &user)?;
                txn.put_user(&user)?;
                Ok(true)
            })
            .await
    }
}

/// Whether tokens made before this change must not outlive it.
pub(super) fn ends_tokens(before: &User, after: &User) -> bool {
    before.password != after.password
        || before.status != after.status
        || before.role != after.role
        || before.filters.web_client != after.filters.web_client
        || before.filters.denied_protocols != after.filters.denied_protocols
        || before.filters.denied_login_methods != after.filters.denied_login_methods
        || before.filters.two_factor_protocols != after.filters.two_factor_protocols
        || before.filters.require_password_change != after.filters.require_password_change
}

fn duplicate(name: &Username) -> Error {
    Error::Conflict(
        format!("duplicated key not allowed: username {name:?} already exists", name = name.as_str()).into(),
    )
}

fn too_contended() -> Error {
    Error::Busy { retry_after: std::time::Duration::from_secs(1) }
}
