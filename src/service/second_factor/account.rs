//! The second factor inside an account: the same for users and admins, in different places.

use serde::Deserialize;

use super::super::login::invalid_credentials;
use super::Spent;
use crate::domain::account::AccountState;
use crate::domain::admin::Admin;
use crate::domain::sealer::Sealer;
use crate::domain::second_factor::{AdminTotp, RecoveryCodeEntry, UserTotp};
use crate::domain::secret::Secret;
use crate::domain::user::User;
use crate::error::Error;

/// The body of `…/totp/save`: what is absent stays as it is stored (`contract/mfa.md` §3).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct SecondFactorDraft {
    /// Whether a code is to be asked for.
    pub enabled: Option<bool>,
    /// The configuration the secret belongs to.
    pub config_name: Option<String>,
    /// The secret; one that is not plain keeps the stored one.
    pub secret: Secret,
    /// For which protocols a code is to be asked; users only.
    pub protocols: Option<Vec<String>>,
}

/// The members of an account that make its second factor.
pub struct Factor<'a> {
    pub(super) enabled: &'a mut bool,
    pub(super) config_name: &'a mut String,
    pub(super) secret: &'a mut Secret,
    protocols: Option<&'a mut Vec<String>>,
    pub(super) codes: &'a mut Vec<RecoveryCodeEntry>,
    pub(super) account: &'a mut AccountState,
}

impl<'a> Factor<'a> {
    /// The second factor of a user.
    pub fn of_user(user: &'a mut User) -> Self {
        let UserTotp { enabled, config_name, secret, protocols } = &mut user.filters.totp_config;
        let codes = &mut user.filters.recovery_codes;
        Self { enabled, config_name, secret, protocols: Some(protocols), codes, account: &mut user.account }
    }

    /// The second factor of an admin.
    pub fn of_admin(admin: &'a mut Admin) -> Self {
        let AdminTotp { enabled, config_name, secret } = &mut admin.filters.totp_config;
        let codes = &mut admin.filters.recovery_codes;
        Self { enabled, config_name, secret, protocols: None, codes, account: &mut admin.account }
    }

    /// Refuses what only works while the second factor is on.
    pub(super) fn must_be_on(&self) -> Result<(), Error> {
        if *self.enabled {
            Ok(())
        } else {
            Err(Error::Barred("two-factor authentication is not enabled".into()))
        }
    }

    /// Puts the draft over what is stored; a new secret is sealed for its owner, and starts afresh
    /// with its steps.
    pub(super) fn apply(
        &mut self,
        draft: &SecondFactorDraft,
        owner: &str,
        sealer: &Sealer,
    ) -> Result<(), Error> {
        *self.enabled = true;
        if let Some(name) = &draft.config_name {
            self.config_name.clone_from(name);
        }
        if let (Some(stored), Some(sent)) = (&mut self.protocols, &draft.protocols) {
            stored.clone_from(sent);
        }
        if let Secret::Plain(text) = &draft.secret {
            if text.expose().is_empty() {
                return Err(Error::invalid("totp: the secret is empty"));
            }
            *self.secret = Secret::Sealed(sealer.seal(text.expose(), owner));
            self.account.last_totp_step = None;
        }
        Ok(())
    }

    /// Takes the second factor away, and its codes with it.
    pub(super) fn clear(&mut self) {
        *self.enabled = false;
        self.config_name.clear();
        *self.secret = Secret::default();
        if let Some(protocols) = &mut self.protocols {
            protocols.clear();
        }
        self.codes.clear();
        self.account.last_totp_step = None;
    }

    /// Takes the second factor away for somebody else; earlier tokens end if that is asked for.
    pub(super) fn take_away(mut self, ends_tokens: bool) -> Result<(), Error> {
        if !*self.enabled {
            return Err(Error::Refused("two-factor authentication is not enabled".into()));
        }
        self.clear();
        self.account.generation += u64::from(ends_tokens);
        Ok(())
    }

    /// Notes what a sign-in used up; refused when another one was faster.
    pub(super) fn note(self, spent: &Spent) -> Result<(), Error> {
        match spent {
            Spent::Step(step) => {
                if self.account.last_totp_step.is_some_and(|last| *step <= last) {
                    return Err(invalid_credentials());
                }
                self.account.last_totp_step = Some(*step);
            }
            Spent::Code(place, secret) => {
                let entry = self.codes.get_mut(*place).filter(|entry| !entry.used && entry.secret == *secret);
                entry.ok_or_else(invalid_credentials)?.used = true;
            }
        }
        Ok(())
    }
}
