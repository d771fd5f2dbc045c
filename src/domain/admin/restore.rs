//! An admin of a dump: made by the rules for a new one, with his second factor and the facts of the account
//! (`contract/import.md` §4, §5).

use super::{Admin, AdminDraft, AdminRules};
use crate::domain::sealer::Sealer;
use crate::domain::secret::Secret;
use crate::domain::user_draft::PasswordChange;
use crate::domain::user_draft::restore::{restore_codes, restore_secret};
use crate::error::Invalid;

impl AdminDraft {
    /// Makes an admin of an element of a dump. Number and `updated_at` are the service's to give; where there
    /// is such an admin already, [`Admin::keep_facts_of`] puts that one's facts in the place of the dump's.
    ///
    /// # Errors
    /// As [`AdminDraft::settle`] without a stored one; for a secret that is redacted or not whole.
    pub fn restore(mut self, rules: AdminRules, sealer: &Sealer) -> Result<(Admin, PasswordChange), Invalid> {
        let totp_config = std::mem::take(&mut self.filters.totp_config);
        let recovery_codes = std::mem::take(&mut self.filters.recovery_codes);
        let (created_at, last_login) = (self.created_at, self.last_login);
        let (mut admin, password) = self.settle(rules, None)?;
        (admin.created_at, admin.last_login) = (created_at, last_login);
        let owner = admin.username.as_str();
        admin.filters.totp_config = totp_config;
        admin.filters.recovery_codes = recovery_codes;
        restore_secret("filters.totp_config", &mut admin.filters.totp_config.secret, owner, sealer)?;
        restore_codes(&mut admin.filters.recovery_codes, owner, sealer)?;
        if admin.filters.totp_config.enabled && admin.filters.totp_config.secret.is_empty() {
            return Err(Invalid::new("filters.totp_config: enabled without a secret"));
        }
        Ok((admin, password))
    }
}

impl Admin {
    /// Takes over what a load leaves to the admin who is there already.
    pub fn keep_facts_of(&mut self, stored: &Self) {
        self.id = stored.id;
        self.created_at = stored.created_at;
        self.last_login = stored.last_login;
        self.account = stored.account;
    }

    /// Every secret of the admin that is not empty, with the member it stands in.
    pub fn secrets_mut(&mut self) -> impl Iterator<Item = (String, &mut Secret)> {
        let filters = &mut self.filters;
        let codes = filters.recovery_codes.iter_mut().map(|code| &mut code.secret);
        let codes = codes.map(|secret| ("filters.recovery_codes".to_owned(), secret));
        let totp = std::iter::once(("filters.totp_config".to_owned(), &mut filters.totp_config.secret));
        totp.chain(codes).filter(|(_, secret)| !secret.is_empty())
    }
}
