//! Changing the own password, by whoever knows the current one (`contract/passwords.md` §6).

use std::net::IpAddr;

use super::admins::Admins;
use super::defender::{Approach, Defender};
use super::hashing::{HashingPool, Holder};
use super::requester::Requester;
use super::users::Users;
use crate::clock::Clock;
use crate::domain::admin::Admin;
use crate::domain::group::EffectiveUser;
use crate::domain::password::strength;
use crate::domain::password::{NewPassword, PasswordHash};
use crate::domain::user::User;
use crate::domain::watched::SubjectKind;
use crate::error::Error;
use crate::service::login;

/// What an owner sends to change the password.
#[derive(Debug)]
pub struct PasswordChangeDraft {
    /// The password as it is.
    pub current: NewPassword,
    /// The password as it shall be; always plain text, whatever it looks like.
    pub new: NewPassword,
}

/// Changes the passwords of those who know them.
#[derive(Debug, Clone)]
pub struct OwnPasswords {
    hashing: HashingPool,
    defender: Defender,
    clock: Clock,
    settings: OwnPasswordSettings,
}

/// What the server's settings say about changing the own password.
#[derive(Debug, Clone, Copy)]
pub struct OwnPasswordSettings {
    /// The least strength of a user's new password, in bits; his own or his group's wins.
    pub min_user_strength: i64,
    /// The least strength of an admin's new password, in bits.
    pub min_admin_strength: i64,
    /// Whether the account's other tokens end too, and not only the one that was used.
    pub ends_other_tokens: bool,
}

/// Who changes his password, and from where.
#[derive(Clone, Copy)]
struct Owner<'a> {
    kind: SubjectKind,
    name: &'a str,
    address: IpAddr,
}

impl<'a> Owner<'a> {
    fn holder(self) -> Holder<'a> {
        if self.kind == SubjectKind::Admin { Holder::Admin(self.name) } else { Holder::User(self.name) }
    }
}

impl OwnPasswords {
    /// Password changes under these settings; `defender` hears of wrong current passwords.
    pub fn new(
        hashing: HashingPool,
        defender: Defender,
        clock: Clock,
        settings: OwnPasswordSettings,
    ) -> Self {
        Self { hashing, defender, clock, settings }
    }

    /// Changes an admin's password.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a draft that is refused, [`Error::TooMany`] after too many wrong ones,
    /// [`Error::Busy`].
    pub async fn change_admin(
        &self,
        admins: &Admins,
        admin: &Admin,
        address: IpAddr,
        draft: PasswordChangeDraft,
    ) -> Result<(), Error> {
        let owner = Owner { kind: SubjectKind::Admin, name: admin.username.as_str(), address };
        let hash =
            self.checked(owner, admin.password.clone(), draft, self.settings.min_admin_strength).await?;
        let (now, ends_others) = (self.clock.now(), self.settings.ends_other_tokens);
        let old = admin.password.clone();
        let change = move |admin: &mut Admin| {
            if admin.password != old {
                return Err(wrong_current());
            }
            admin.password = Some(hash);
            admin.filters.require_password_change = false;
            admin.account.generation += u64::from(ends_others);
            admin.updated_at = now;
            Ok(())
        };
        admins.change(&admin.username, change).await
    }

    /// Changes a user's password, to one as strong as he, else his groups, else the server asks for.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a draft that is refused, also when the user may not sign in any more;
    /// [`Error::TooMany`], [`Error::Busy`].
    pub async fn change_user(
        &self,
        users: &Users,
        user: &EffectiveUser,
        address: IpAddr,
        draft: PasswordChangeDraft,
    ) -> Result<(), Error> {
        if login::check_access(user, address).is_err() || !login::may_sign_in(user, self.clock.now()) {
            return Err(wrong_current());
        }
        let own = user.filters.password_strength;
        let minimum = if own > 0 { own } else { self.settings.min_user_strength };
        let owner = Owner { kind: SubjectKind::User, name: user.username.as_str(), address };
        let hash = self.checked(owner, user.password.clone(), draft, minimum).await?;
        let now = self.clock.now();
        let old = &user.password;
        let change = |user: &mut User| {
            if user.password != *old {
                return Err(wrong_current());
            }
            user.set_new_password(hash.clone(), now);
            user.account.generation += u64::from(self.settings.ends_other_tokens);
            Ok(())
        };
        users.change(&Requester::default(), &user.username, change).await.map(drop)
    }

    /// Holds a draft against the rules, in the contract's order, and hashes the new password.
    async fn checked(
        &self,
        owner: Owner<'_>,
        current: Option<PasswordHash>,
        draft: PasswordChangeDraft,
        min_strength: i64,
    ) -> Result<PasswordHash, Error> {
        if draft.current.is_empty() || draft.new.is_empty() {
            return Err(Error::invalid("please provide the current password and the new one"));
        }
        if draft.current == draft.new {
            return Err(Error::invalid("the new password must be different from the current one"));
        }
        let approach = Approach::new(owner.kind, owner.name, current.as_ref(), owner.address);
        let tried = self.defender.enter(approach).await?;
        if !self.hashing.verify(owner.holder(), current, draft.current).await? {
            tried.failed().await;
            return Err(wrong_current());
        }
        tried.succeeded();
        strength::check(draft.new.expose(), min_strength)?;
        self.hashing.hash(draft.new).await
    }
}

fn wrong_current() -> Error {
    Error::invalid("current password does not match")
}
