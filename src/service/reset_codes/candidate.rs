//! Who may set a new password by mail: the conditions of signing in (`contract/password-reset.md` §1,
//! `contract/auth.md` §7), looked at when a code is asked for, when it is mailed and when it is used.

use std::net::IpAddr;

use crate::domain::account::{AccountKey, AccountKind};
use crate::domain::admin::Admin;
use crate::domain::email::Email;
use crate::domain::group::EffectiveUser;
use crate::domain::reset_code::Digest;
use crate::domain::time::UnixMillis;
use crate::domain::web_client::WebClientOption;
use crate::error::Error;
use crate::service::{login, references};
use crate::store::Store;

/// An account that may sign in, as far as a reset needs to know it.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// Where its mail goes.
    pub(crate) email: Option<Email>,
    /// Whether it is forbidden to set a new password this way.
    pub(crate) is_barred: bool,
    /// What must still be so when a code is used.
    pub(crate) mark: Digest,
    /// The least strength of its password, in bits, where it has one of its own.
    pub(crate) own_strength: i64,
}

impl Candidate {
    /// The account of this key if it may sign in now, from this address.
    pub(crate) fn find(
        store: &Store,
        account: &AccountKey,
        address: IpAddr,
        now: UnixMillis,
    ) -> Result<Option<Self>, Error> {
        match account.kind() {
            AccountKind::User => {
                let user = store.user(account.name())?;
                let user = user.and_then(|user| references::effective(store, user.value));
                Ok(user.and_then(|user| Self::of_user(&user, address, now)))
            }
            AccountKind::Admin => {
                let admin = store.shelf::<Admin>().get(account.name());
                Ok(admin.and_then(|admin| Self::of_admin(&admin, address)))
            }
        }
    }

    /// A user who may sign in, the settings of his groups counted.
    pub(crate) fn of_user(user: &EffectiveUser, address: IpAddr, now: UnixMillis) -> Option<Self> {
        let may = login::may_sign_in(user, now) && login::check_access(user, address).is_ok();
        may.then(|| Self {
            email: user.email.clone(),
            is_barred: user.filters.has_disabled(WebClientOption::PasswordResetDisabled),
            mark: Digest::of_account_at(user.id, user.password.as_ref(), user.email.as_ref()),
            own_strength: user.filters.password_strength,
        })
    }

    /// An admin who may sign in.
    pub(crate) fn of_admin(admin: &Admin, address: IpAddr) -> Option<Self> {
        admin.may_sign_in_from(address).then(|| Self {
            email: admin.email.clone(),
            is_barred: false,
            mark: Digest::of_account_at(admin.id, admin.password.as_ref(), admin.email.as_ref()),
            own_strength: 0,
        })
    }

    /// The address to mail a code to, if one may be mailed.
    pub(crate) fn mailbox(&self) -> Option<&Email> {
        self.email.as_ref().filter(|_| !self.is_barred)
    }
}
