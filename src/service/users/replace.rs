//! A user replaced: by a draft that a client sent, or by one worked out of what is stored.

use std::fmt;
use std::sync::Arc;

use super::super::hashing::accepted;
use super::super::references;
use super::{MAX_TRIES, Users, ends_tokens, too_contended};
use crate::domain::password::PasswordHash;
use crate::domain::precondition::Preconditions;
use crate::domain::user::User;
use crate::domain::user_draft::{PasswordChange, UserDraft};
use crate::domain::username::Username;
use crate::error::Error;
use crate::service::requester::Requester;

/// What a user shall become, asked anew for each stored one that it meets.
pub type DraftOf = Arc<dyn Fn(&User) -> Result<UserDraft, Error> + Send + Sync>;

/// A replacement as a request asks for it.
#[derive(Clone)]
pub struct Replacement {
    /// What the user shall become.
    pub draft: DraftOf,
    /// What the request expects of the stored user.
    pub conditions: Preconditions,
    /// Whether the user is signed out everywhere.
    pub disconnects: bool,
}

impl fmt::Debug for Replacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replacement")
            .field("conditions", &self.conditions)
            .field("disconnects", &self.disconnects)
            .finish_non_exhaustive()
    }
}

impl Replacement {
    /// The draft for a stored user; a requester with a role changes nobody's role but keeps his own.
    fn draft_for(&self, requester: &Requester, stored: &User) -> Result<UserDraft, Error> {
        let mut draft = (self.draft)(stored)?;
        if !requester.role.is_empty() {
            draft.role.clone_from(&requester.role);
        }
        Ok(draft)
    }
}

/// What came of a replacement in the line of writers.
enum Outcome {
    /// It is written: the revision, and whether sessions end.
    Written(u64, bool),
    /// Something slow is left, which must not be done there.
    Slow,
}

impl Users {
    /// Looks whether a replacement or removal under these conditions has a chance, before its body is read; it is
    /// decided again when it is written.
    ///
    /// # Errors
    /// [`Error::NotFound`], and what the conditions say.
    pub fn expect(
        &self,
        requester: &Requester,
        name: &Username,
        conditions: &Preconditions,
    ) -> Result<(), Error> {
        let stored = self.stored_for(requester, name, conditions)?;
        self.states.check_named(conditions, name.as_str(), stored.revision)
    }

    /// Replaces a user and gives back the revision he has then; what stays is told at [`UserDraft::settle`].
    ///
    /// Tokens of the user end when the password, the status, the role or what the user may do on
    /// the server's own side changes (`contract/differences.md` §1), or when `disconnects` asks for it.
    ///
    /// # Errors
    /// As [`Users::create`], [`Error::NotFound`], and [`Error::PreconditionFailed`] or
    /// [`Error::PreconditionRequired`], decided on the very record that is replaced.
    pub async fn replace(
        &self,
        requester: &Requester,
        name: &Username,
        replacement: Replacement,
    ) -> Result<u64, Error> {
        let mut hashed: Option<PasswordHash> = None;
        for _ in 0..MAX_TRIES {
            let stored = self.stored_for(requester, name, &replacement.conditions)?;
            self.states.check_named(&replacement.conditions, name.as_str(), stored.revision)?;
            let draft = replacement.draft_for(requester, &stored.value)?;
            let is_slow = draft.is_slow_to_settle();
            let (mut user, mut password) = self.settle(draft, Some(&stored.value)).await?;
            if let (PasswordChange::New(_), Some(hash)) = (&password, &hashed) {
                password = PasswordChange::Keep;
                user.password = Some(hash.clone());
                user.last_password_change = self.clock.now();
            }
            self.apply_password(&mut user, password).await?;
            hashed.clone_from(&user.password);
            user.updated_at = self.clock.now();
            let ends_sessions = replacement.disconnects || ends_tokens(&stored.value, &user);
            user.account.generation += u64::from(ends_sessions);
            let mut written = self.put_if_unchanged(stored.revision, user).await?;
            let mut ends_sessions = ends_sessions;
            if written.is_none() && !is_slow {
                match self.replace_in_line(requester, name, replacement.clone(), hashed.clone()).await? {
                    Outcome::Written(revision, ends) => (written, ends_sessions) = (Some(revision), ends),
                    Outcome::Slow => {}
                }
            }
            if let Some(revision) = written {
                if ends_sessions {
                    self.sessions.end_all_of(name.as_str());
                }
                return Ok(revision);
            }
        }
        Err(too_contended())
    }

    /// [`Users::replace`] in the store's one line of writers, where no other update can come between: for
    /// one that met another, so that however many come at once, each is done and the last one wins.
    /// A new password is hashed already.
    async fn replace_in_line(
        &self,
        requester: &Requester,
        name: &Username,
        replacement: Replacement,
        hashed: Option<PasswordHash>,
    ) -> Result<Outcome, Error> {
        let (requester, rules, now) = (requester.clone(), Arc::clone(&self.rules), self.clock.now());
        let (name, states) = (name.clone(), self.states.clone());
        self.store
            .write(move |txn| {
                let found = txn.user(name.as_str())?.filter(|found| requester.sees_role(&found.value.role));
                let found = found.ok_or_else(|| replacement.conditions.absent())?;
                states.check_named(&replacement.conditions, name.as_str(), found.revision)?;
                let stored = found.value;
                let draft = replacement.draft_for(&requester, &stored)?;
                if draft.is_slow_to_settle() {
                    return Ok(Outcome::Slow);
                }
                let (mut user, password) = draft.settle(&rules, Some(&stored))?;
                match password {
                    PasswordChange::Keep => {}
                    PasswordChange::Clear => user.password = None,
                    PasswordChange::Hashed(hash) => {
                        user.password = Some(accepted(hash, user.username.as_str()));
                    }
                    PasswordChange::New(_) => (user.password, user.last_password_change) = (hashed, now),
                }
                user.updated_at = now;
                let ends_sessions = replacement.disconnects || ends_tokens(&stored, &user);
                user.account.generation += u64::from(ends_sessions);
                references::check_user(txn, &user)?;
                txn.put_user(&user)?;
                Ok(Outcome::Written(txn.revision(), ends_sessions))
            })
            .await
    }
}
