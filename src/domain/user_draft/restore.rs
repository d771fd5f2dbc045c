//! A user of a dump: made by the rules for a new one, with what a client may not say and a dump does: the
//! second factor, its codes, and the facts of the account (`contract/import.md` §4, §5).

use super::{PasswordChange, UserDraft, UserRules};
use crate::domain::sealer::Sealer;
use crate::domain::second_factor::RecoveryCodeEntry;
use crate::domain::secret::Secret;
use crate::domain::user::User;
use crate::error::Invalid;

impl UserDraft {
    /// Makes a user of an element of a dump. Number and `updated_at` are the service's to give; where there
    /// is such a user already, [`User::keep_facts_of`] puts that one's facts in the place of the dump's.
    ///
    /// An absent password is none: a dump names every password there is.
    ///
    /// # Errors
    /// As [`UserDraft::settle`]; for a secret that is redacted or not whole.
    pub fn restore(mut self, rules: &UserRules) -> Result<(User, PasswordChange), Invalid> {
        let totp_config = std::mem::take(&mut self.filters.totp_config);
        let recovery_codes = std::mem::take(&mut self.filters.recovery_codes);
        let facts = User::facts_of(&self);
        let (mut user, password) = self.settle(rules, None)?;
        facts(&mut user);
        let owner = user.username.as_str();
        user.filters.totp_config = totp_config;
        user.filters.recovery_codes = recovery_codes;
        restore_secret("filters.totp_config", &mut user.filters.totp_config.secret, owner, &rules.sealer)?;
        restore_codes(&mut user.filters.recovery_codes, owner, &rules.sealer)?;
        if user.filters.totp_config.enabled && user.filters.totp_config.secret.is_empty() {
            return Err(Invalid::new("filters.totp_config: enabled without a secret"));
        }
        user.filters.settle()?;
        Ok((user, password))
    }
}

impl User {
    /// What only the server writes otherwise: a function that puts the draft's into a user.
    fn facts_of(draft: &UserDraft) -> impl FnOnce(&mut Self) + use<> {
        let quota = (draft.used_quota_size, draft.used_quota_files, draft.last_quota_update);
        let transfer = (draft.used_upload_data_transfer, draft.used_download_data_transfer);
        let firsts = (draft.first_download, draft.first_upload);
        let (created_at, last_login) = (draft.created_at, draft.last_login);
        let last_password_change = draft.last_password_change;
        move |user| {
            (user.used_quota_size, user.used_quota_files, user.last_quota_update) = quota;
            (user.used_upload_data_transfer, user.used_download_data_transfer) = transfer;
            (user.first_download, user.first_upload) = firsts;
            (user.created_at, user.last_login) = (created_at, last_login);
            user.last_password_change = last_password_change;
        }
    }

    /// Takes over what a load leaves to the user who is there already.
    pub fn keep_facts_of(&mut self, stored: &Self) {
        self.id = stored.id;
        self.created_at = stored.created_at;
        self.last_login = stored.last_login;
        self.used_quota_size = stored.used_quota_size;
        self.used_quota_files = stored.used_quota_files;
        self.last_quota_update = stored.last_quota_update;
        self.used_upload_data_transfer = stored.used_upload_data_transfer;
        self.used_download_data_transfer = stored.used_download_data_transfer;
        self.first_download = stored.first_download;
        self.first_upload = stored.first_upload;
        self.account = stored.account;
    }

    /// Every secret of the user that is not empty, with the member it stands in.
    pub fn secrets_mut(&mut self) -> impl Iterator<Item = (String, &mut Secret)> {
        let filters = &mut self.filters;
        let codes = filters.recovery_codes.iter_mut().map(|code| &mut code.secret);
        let totp = std::iter::once(&mut filters.totp_config.secret);
        let factor = totp.map(|secret| ("filters.totp_config".to_owned(), secret));
        let codes = codes.map(|secret| ("filters.recovery_codes".to_owned(), secret));
        factor
            .chain(codes)
            .filter(|(_, secret)| !secret.is_empty())
            .chain(self.filesystem.named_secrets_mut())
    }
}

/// Makes a secret of a dump one that can be stored: a plain one is sealed, a sealed one must be whole.
pub(in crate::domain) fn restore_secret(
    member: &str,
    secret: &mut Secret,
    owner: &str,
    sealer: &Sealer,
) -> Result<(), Invalid> {
    match secret {
        Secret::Empty => Ok(()),
        Secret::Plain(plain) if plain.expose().is_empty() => {
            Err(Invalid::new(format!("{member}: the secret has no payload")))
        }
        Secret::Plain(plain) => {
            *secret = sealer.seal(plain.expose(), owner).into();
            Ok(())
        }
        Secret::Sealed(closed) => closed.check().map_err(|why| Invalid::new(format!("{member}: {why}"))),
        Secret::Redacted => Err(Invalid::new(format!("{member}: the secret is redacted"))),
    }
}

/// [`restore_secret`] for recovery codes.
pub(in crate::domain) fn restore_codes(
    codes: &mut [RecoveryCodeEntry],
    owner: &str,
    sealer: &Sealer,
) -> Result<(), Invalid> {
    codes
        .iter_mut()
        .try_for_each(|code| restore_secret("filters.recovery_codes", &mut code.secret, owner, sealer))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::home_dir::HomeDirRules;
    use crate::domain::username::NamingRules;

    fn rules() -> UserRules {
        UserRules {
            naming: NamingRules::default(),
            home_dir: HomeDirRules::new(Some("/srv".to_owned()), "/tmp".to_owned()),
            min_password_strength: 0,
            sealer: Sealer::default(),
        }
    }

    fn restore(members: &Value) -> Result<(User, PasswordChange), String> {
        let mut user = json!({"username": "anna", "status": 1, "permissions": {"/": ["*"]}});
        user.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let draft: UserDraft = serde_json::from_value(user).unwrap();
        draft.restore(&rules()).map_err(|why| why.to_string())
    }

    #[test]
    fn the_facts_of_a_dump_are_those_of_the_user_and_a_stored_users_facts_win() {
        let facts = json!({"id": 77, "used_quota_size": 1, "used_quota_files": 2, "last_quota_update": 3,
            "used_upload_data_transfer": 4, "used_download_data_transfer": 5, "last_login": 6, "created_at": 7,
            "updated_at": 8, "first_download": 9, "first_upload": 10, "last_password_change": 11});
        let (user, password) = restore(&facts).unwrap();
        assert_eq!((user.id, user.updated_at.get(), password), (0, 0, PasswordChange::Keep));
        let shown = serde_json::to_value(&user).unwrap();
        for member in
            facts.as_object().unwrap().keys().filter(|name| !["id", "updated_at"].contains(&name.as_str()))
        {
            assert_eq!(shown[member], facts[member], "{member}");
        }
        let (mut other, _) = restore(&json!({"last_password_change": 12})).unwrap();
        other.keep_facts_of(&user);
        assert_eq!(other.last_password_change.get(), 12, "the one fact that a load brings");
        assert_eq!(User { last_password_change: user.last_password_change, ..other }, user);
    }

    #[test]
    fn a_second_factor_comes_along_and_its_plain_secrets_are_sealed() {
        let filters = json!({"filters": {
            "totp_config": {"enabled": true, "config_name": "Default", "protocols": ["HTTP"],
                "secret": {"status": "Plain", "payload": "BASE32"}},
            "recovery_codes": [{"used": true, "secret": {"status": "Plain", "payload": "RC-x"}}]}});
        let (mut user, _) = restore(&filters).unwrap();
        let opened =
            user.secrets_mut().map(|(_, secret)| Sealer::default().open(secret.sealed().unwrap()).unwrap());
        let opened: Vec<String> = opened.map(|plain| plain.expose().to_owned()).collect();
        assert_eq!(opened, ["BASE32", "RC-x"]);
        assert!(user.filters.recovery_codes[0].used);
    }

    #[test]
    fn a_second_factor_that_cannot_be_one_is_refused() {
        let with = |secret: Value| json!({"filters": {"totp_config": {"enabled": true, "secret": secret}}});
        for (secret, why) in [
            (json!({}), "enabled without a secret"),
            (json!({"status": "Redacted"}), "is redacted"),
            (json!({"status": "Plain"}), "has no payload"),
            (json!({"status": "Secretbox", "payload": "x"}), "a key of 64 characters"),
        ] {
            let refusal = restore(&with(secret)).unwrap_err();
            assert!(refusal.starts_with("filters.totp_config: ") && refusal.contains(why), "{refusal}");
        }
        let denied = json!({"filters": {"web_client": ["mfa-disabled"], "totp_config": {"enabled": true,
            "secret": {"status": "Plain", "payload": "x"}}}});
        assert!(restore(&denied).unwrap_err().contains("mfa-disabled"));
    }
}
