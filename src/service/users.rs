//! Users: added, replaced, removed. The rules of a single user are in `domain`; here are those that
//! need the store, the clock or the hashing pool.

mod conditions;
mod list;
mod replace;

use std::num::NonZeroUsize;
use std::sync::Arc;

pub use self::conditions::StateRules;
pub use self::list::{ListQuery, Listing, UserFilter};
pub use self::replace::{DraftOf, Replacement};
use super::bounded::BoundedPool;
use super::hashing::{HashingPool, accepted};
use super::references;
use super::requester::Requester;
use super::sessions::Sessions;
use crate::clock::Clock;
use crate::domain::api_key::Scope;
use crate::domain::entity_tag::{EntityTag, Representation};
use crate::domain::password::strength;
use crate::domain::precondition::Preconditions;
use crate::domain::time::UnixMillis;
use crate::domain::user::User;
use crate::domain::user_draft::{PasswordChange, UserDraft, UserRules};
use crate::domain::username::Username;
use crate::error::Error;
use crate::store::{Document, Store, Versioned};

/// How often an update starts anew when another one came between its read and its write.
const MAX_TRIES: u32 = 16;

/// How many searches may wait for a thread; more are told to come back.
const WAITING_SEARCHES: usize = 32;

/// The users of the server.
#[derive(Debug, Clone)]
pub struct Users {
    store: Store,
    hashing: HashingPool,
    clock: Clock,
    sessions: Sessions,
    rules: Arc<UserRules>,
    states: StateRules,
    searches: BoundedPool,
}

impl Users {
    /// Users kept in `store` under `rules`; `sessions` hears of those who are signed out, `states` are what
    /// changes may depend on.
    ///
    /// # Errors
    /// [`Error::Internal`] when the system refuses the threads for searches.
    pub fn new(
        store: Store,
        hashing: HashingPool,
        clock: Clock,
        sessions: Sessions,
        rules: Arc<UserRules>,
        states: StateRules,
    ) -> Result<Self, Error> {
        Ok(Self { store, hashing, clock, sessions, rules, states, searches: searches()? })
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

    /// The whole user and the revision of his record.
    ///
    /// # Errors
    /// As [`Users::get`].
    pub fn stored(&self, requester: &Requester, name: &Username) -> Result<Versioned<User>, Error> {
        self.stored_for(requester, name, &Preconditions::default())
    }

    /// The entity tag of a user's representation at a revision.
    pub fn tag(&self, name: &str, revision: u64, representation: Representation) -> EntityTag {
        self.states.tag(name, revision, representation)
    }

    /// The entity tag of a user in this state who is shown in these bytes, of which not all are his record's.
    pub fn tag_shown(&self, state: &EntityTag, shown: &[u8]) -> EntityTag {
        self.states.tag_shown(state, shown)
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

    /// Changes a user in place: `change` sees the stored user and may refuse; times and generation
    /// are its own business. It may run more than once.
    ///
    /// # Errors
    /// Whatever `change` says, [`Error::NotFound`], storage failures.
    pub async fn change<F>(&self, requester: &Requester, name: &Username, change: F) -> Result<User, Error>
    where
        F: Fn(&mut User) -> Result<(), Error>,
    {
        Ok(self.change_if(requester, name, &Preconditions::default(), change).await?.value)
    }

    /// [`Users::change`] of a user in the state that is expected; gives back the revision too.
    ///
    /// # Errors
    /// As [`Users::change`], and [`Error::PreconditionFailed`].
    pub async fn change_if<F>(
        &self,
        requester: &Requester,
        name: &Username,
        conditions: &Preconditions,
        change: F,
    ) -> Result<Versioned<User>, Error>
    where
        F: Fn(&mut User) -> Result<(), Error>,
    {
        for _ in 0..MAX_TRIES {
            let stored = self.stored_for(requester, name, conditions)?;
            self.states.check(conditions, name.as_str(), stored.revision)?;
            let mut user = stored.value;
            let generation = user.account.generation;
            change(&mut user)?;
            let ends_sessions = user.account.generation != generation;
            if let Some(revision) = self.put_if_unchanged(stored.revision, user.clone()).await? {
                if ends_sessions {
                    self.sessions.end_all_of(name.as_str());
                }
                return Ok(Versioned { revision, value: user });
            }
        }
        Err(too_contended())
    }

    /// Removes a user who is in the state that is expected, and with him the API keys bound to him.
    ///
    /// # Errors
    /// [`Error::NotFound`] for no such user or one of another role; [`Error::PreconditionFailed`],
    /// [`Error::PreconditionRequired`]; storage failures.
    pub async fn remove(
        &self,
        requester: &Requester,
        name: &Username,
        conditions: Preconditions,
    ) -> Result<(), Error> {
        let (requester, removed, states) = (requester.clone(), name.clone(), self.states.clone());
        self.store
            .write(move |txn| {
                let name = removed;
                let found = txn.user(name.as_str())?.filter(|found| requester.sees_role(&found.value.role));
                let revision = found.ok_or_else(|| conditions.absent())?.revision;
                states.check_named(&conditions, name.as_str(), revision)?;
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

    /// The stored user for a request with conditions, which say what his absence means.
    fn stored_for(
        &self,
        requester: &Requester,
        name: &Username,
        conditions: &Preconditions,
    ) -> Result<Versioned<User>, Error> {
        let stored = self.store.user(name.as_str())?.filter(|stored| requester.sees_role(&stored.value.role));
        stored.ok_or_else(|| conditions.absent())
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
            PasswordChange::Hashed(hash) => user.password = Some(accepted(hash, user.username.as_str())),
            PasswordChange::New(password) => {
                user.password = Some(self.hashing.hash(password).await?);
                user.last_password_change = self.clock.now();
            }
        }
        Ok(())
    }

    /// Writes the user if it still has the revision that was read; gives the new one if it had.
    async fn put_if_unchanged(&self, revision: u64, user: User) -> Result<Option<u64>, Error> {
        self.store
            .write(move |txn| {
                if txn.user_revision(user.username.as_str())? != Some(revision) {
                    return Ok(None);
                }
                references::check_user(txn, &user)?;
                txn.put_user(&user)?;
                Ok(Some(txn.revision()))
            })
            .await
    }
}

/// The threads for searches: at most half of the machine, so that those who ask for one user are served meanwhile.
fn searches() -> Result<BoundedPool, Error> {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let most = NonZeroUsize::new(cores / 2).unwrap_or(NonZeroUsize::MIN);
    BoundedPool::new("searches", most, WAITING_SEARCHES)
}

/// Whether tokens made before this change must not outlive it.
pub(super) fn ends_tokens(before: &User, after: &User) -> bool {
    before.password != after.password
        || before.status != after.status
        || before.role != after.role
        || before.filters.web_client != after.filters.web_client
        || before.filters.protocols_denied_in_force() != after.filters.protocols_denied_in_force()
        || before.filters.methods_denied_in_force() != after.filters.methods_denied_in_force()
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
