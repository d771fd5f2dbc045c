//! The second factor of users and admins: checked at sign-in, set up by its owner, taken away by an
//! admin (`contract/mfa.md`). A code counts once: the step is kept with the account, also over a
//! restart, and codes tried on secrets that belong to nobody yet are remembered for a while.

mod account;
mod tried;

use std::cell::Cell;
use std::sync::Arc;

pub use self::account::{Factor, SecondFactorDraft};
use self::tried::TriedCodes;
use super::admins::{AdminEditor, Admins};
use super::login::invalid_credentials;
use super::references;
use super::requester::Requester;
use super::users::Users;
use crate::clock::Clock;
use crate::domain::account::AccountState;
use crate::domain::admin::Admin;
use crate::domain::precondition::Preconditions;
use crate::domain::protocol::MfaProtocol;
use crate::domain::sealer::Sealer;
use crate::domain::second_factor::RecoveryCodeEntry;
use crate::domain::second_factor::configuration::{TotpConfiguration, TotpConfigurations};
use crate::domain::second_factor::recovery_code::{LEAST_UNUSED, RecoveryCode};
use crate::domain::second_factor::totp::{TotpRefusal, TotpSecret};
use crate::domain::secret::Secret;
use crate::domain::user::User;
use crate::domain::username::Username;
use crate::domain::word::Word as _;
use crate::error::Error;
use crate::store::Store;

/// Checks one-time codes and spends them, and changes who has a second factor.
#[derive(Debug, Clone)]
pub struct SecondFactors {
    store: Store,
    clock: Clock,
    settings: Arc<SecondFactorSettings>,
    tried: Arc<TriedCodes>,
}

/// What the server's settings say about second factors.
#[derive(Debug)]
pub struct SecondFactorSettings {
    /// The configurations that users and admins may choose from.
    pub configurations: TotpConfigurations,
    /// What seals secrets and codes.
    pub sealer: Sealer,
    /// Whether a recovery code signs in where a one-time code is asked for.
    pub recovery_codes_sign_in: bool,
    /// Whether a change of a second factor ends the account's other tokens.
    pub changes_end_tokens: bool,
}

/// An account whose tokens ended: those of one generation are no longer taken, those of the next are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokensEnded {
    /// The account's number.
    pub id: i64,
    /// The generation of the tokens that were good until then.
    pub before: u64,
    /// The generation of those made from then on.
    pub after: u64,
}

/// What a sign-in used up.
#[derive(Debug, Clone)]
enum Spent {
    /// The one-time code of this step.
    Step(u64),
    /// The recovery code at this place, sealed as it is.
    Code(usize, Secret),
}

/// A recovery code as its owner sees it.
#[derive(Debug, Clone)]
pub struct ShownCode {
    /// The code in clear text.
    pub code: RecoveryCode,
    /// Whether it was used.
    pub used: bool,
}

impl SecondFactors {
    /// Second factors of the accounts in `store`.
    pub fn new(store: Store, clock: Clock, settings: Arc<SecondFactorSettings>) -> Self {
        Self { store, clock, settings, tried: Arc::default() }
    }

    /// The configurations to choose from, in the order of the settings.
    pub fn configurations(&self) -> &[TotpConfiguration] {
        self.settings.configurations.as_slice()
    }

    /// The configuration of this name.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is none.
    pub fn configuration(&self, name: &str) -> Result<&TotpConfiguration, Error> {
        Ok(self.settings.configurations.find(name)?)
    }

    /// Checks a code against a secret that need not belong to an account yet.
    ///
    /// # Errors
    /// Why the code does not count.
    pub fn validate(
        &self,
        config: &TotpConfiguration,
        secret: &str,
        passcode: &str,
    ) -> Result<(), TotpRefusal> {
        let secret = TotpSecret::parse(secret)?;
        secret.check(config.algo, passcode, (self.clock.now(), None))?;
        self.remember(&secret, passcode)
    }

    /// Asks an admin who signs in for the code of his second factor, if he has one, and spends it.
    ///
    /// # Errors
    /// The same for a code that is missing, wrong or used: [`Error::BadCredentials`].
    pub async fn check_admin(&self, admin: &Admin, passcode: Option<&str>) -> Result<(), Error> {
        if !admin.filters.totp_config.enabled {
            return Ok(());
        }
        let mut admin = admin.clone();
        let spent = self.spend(&Factor::of_admin(&mut admin), passcode)?;
        let name = admin.username.clone();
        self.store
            .write(move |txn| {
                let mut admin = txn.item::<Admin>(name.as_str())?.ok_or_else(invalid_credentials)?;
                Factor::of_admin(&mut admin).note(&spent)?;
                txn.put_item(&admin)
            })
            .await
    }

    /// Asks a user who signs in over HTTP for the code of his second factor, if he has one for it,
    /// and spends it.
    ///
    /// # Errors
    /// The same for a code that is missing, wrong or used: [`Error::BadCredentials`].
    pub async fn check_user(&self, user: &User, passcode: Option<&str>) -> Result<(), Error> {
        if !user.filters.totp_config.is_asked_for(MfaProtocol::Http) {
            return Ok(());
        }
        let mut user = user.clone();
        let spent = self.spend(&Factor::of_user(&mut user), passcode)?;
        let name = user.username.clone();
        self.store
            .write(move |txn| {
                let mut user = txn.user(name.as_str())?.ok_or_else(invalid_credentials)?.value;
                Factor::of_user(&mut user).note(&spent)?;
                txn.put_user(&user).map(drop)
            })
            .await
    }

    /// Takes away the second factor of a user who is in the state that is expected, and gives back the revision
    /// he has then; tokens made with it end.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::PreconditionFailed`], [`Error::Refused`] when there is nothing to take away.
    pub async fn disable_for_user(
        &self,
        users: &Users,
        requester: &Requester,
        name: &Username,
        conditions: &Preconditions,
    ) -> Result<u64, Error> {
        let now = self.clock.now();
        let change = |user: &mut User| {
            Factor::of_user(user).take_away(self.settings.changes_end_tokens)?;
            user.updated_at = now;
            Ok(())
        };
        Ok(users.change_if(requester, name, conditions, change).await?.revision)
    }

    /// Takes away an admin's second factor; tokens made with it end.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Refused`] when there is nothing to take away,
    /// [`Error::Invalid`] for the own one while it is required.
    pub async fn disable_for_admin(
        &self,
        admins: &Admins,
        editor: &AdminEditor,
        name: &Username,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let (own, ends_tokens) = (editor.name.as_ref() == Some(name), self.settings.changes_end_tokens);
        let change = move |admin: &mut Admin| {
            if own && admin.filters.totp_config.enabled && admin.filters.require_two_factor {
                return Err(Error::invalid("two-factor authentication must be enabled"));
            }
            Factor::of_admin(admin).take_away(ends_tokens)?;
            admin.updated_at = now;
            Ok(())
        };
        admins.change(name, change).await
    }

    /// Sets up, changes or takes away a user's own second factor. Tells whether that ended his tokens; the one
    /// that was used for it is for the caller to spare.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a draft against the rules of `contract/mfa.md` §3.
    pub async fn save_for_user(
        &self,
        users: &Users,
        name: &Username,
        draft: &SecondFactorDraft,
    ) -> Result<Option<TokensEnded>, Error> {
        let (now, ended) = (self.clock.now(), Cell::new(None));
        let change = |user: &mut User| {
            let before = user.filters.totp_config.clone();
            let effective = references::effective(&self.store, user.clone());
            let filters = effective.as_ref().map_or(&user.filters, |user| &user.filters);
            let required = filters.two_factor_protocols.clone();
            if draft.enabled.unwrap_or(user.filters.totp_config.enabled) {
                Factor::of_user(user).apply(draft, name.as_str(), &self.settings.sealer)?;
                let totp = &user.filters.totp_config;
                if let Some(missing) = required.iter().find(|protocol| !totp.is_asked_for(**protocol)) {
                    return Err(Error::invalid(format!("totp: protocols must name {}", missing.word())));
                }
                totp.check(&self.settings.configurations)?;
                self.check_secret(&totp.secret)?;
                self.complete_codes(&mut Factor::of_user(user), name.as_str());
            } else {
                if !required.is_empty() {
                    return Err(Error::invalid("two-factor authentication must be enabled"));
                }
                Factor::of_user(user).clear();
            }
            user.updated_at = now;
            let is_changed = user.filters.totp_config != before;
            ended.set(self.end_tokens(is_changed, user.id, &mut user.account));
            Ok(())
        };
        users.change(&Requester::default(), name, change).await?;
        Ok(ended.get())
    }

    /// Sets up, changes or takes away an admin's own second factor; tells what [`SecondFactors::save_for_user`]
    /// tells.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a draft against the rules of `contract/mfa.md` §3.
    pub async fn save_for_admin(
        &self,
        admins: &Admins,
        name: &Username,
        draft: SecondFactorDraft,
    ) -> Result<Option<TokensEnded>, Error> {
        let (now, this, owner) = (self.clock.now(), self.clone(), name.clone());
        let change = move |admin: &mut Admin| {
            let before = admin.filters.totp_config.clone();
            if draft.enabled.unwrap_or(admin.filters.totp_config.enabled) {
                Factor::of_admin(admin).apply(&draft, owner.as_str(), &this.settings.sealer)?;
                admin.filters.totp_config.check(&this.settings.configurations)?;
                this.check_secret(&admin.filters.totp_config.secret)?;
                this.complete_codes(&mut Factor::of_admin(admin), owner.as_str());
            } else {
                if admin.filters.require_two_factor {
                    return Err(Error::invalid("two-factor authentication must be enabled"));
                }
                Factor::of_admin(admin).clear();
            }
            admin.updated_at = now;
            let is_changed = admin.filters.totp_config != before;
            Ok(this.end_tokens(is_changed, admin.id, &mut admin.account))
        };
        admins.change(name, change).await
    }

    /// Ends the tokens of an account whose second factor changed, if the settings ask for it.
    fn end_tokens(&self, is_changed: bool, id: i64, account: &mut AccountState) -> Option<TokensEnded> {
        let ends = is_changed && self.settings.changes_end_tokens;
        let before = account.generation;
        account.generation += u64::from(ends);
        ends.then_some(TokensEnded { id, before, after: account.generation })
    }

    /// The recovery codes of an account, in clear text for its owner.
    ///
    /// # Errors
    /// [`Error::Barred`] while the second factor is off; a code that cannot be opened.
    pub fn recovery_codes(&self, factor: &Factor<'_>) -> Result<Vec<ShownCode>, Error> {
        factor.must_be_on()?;
        factor.codes.iter().map(|entry| self.show(entry)).collect()
    }

    /// Fresh recovery codes for a user, in place of all earlier ones.
    ///
    /// # Errors
    /// [`Error::Barred`] while the second factor is off.
    pub async fn renew_codes_for_user(
        &self,
        users: &Users,
        name: &Username,
    ) -> Result<Vec<RecoveryCode>, Error> {
        let (now, codes) = (self.clock.now(), RecoveryCode::random_set());
        let entries = self.seal_codes(&codes, name.as_str());
        let change = |user: &mut User| {
            let factor = Factor::of_user(user);
            factor.must_be_on()?;
            factor.codes.clone_from(&entries);
            user.updated_at = now;
            Ok(())
        };
        users.change(&Requester::default(), name, change).await?;
        Ok(codes)
    }

    /// Fresh recovery codes for an admin, in place of all earlier ones.
    ///
    /// # Errors
    /// [`Error::Barred`] while the second factor is off.
    pub async fn renew_codes_for_admin(
        &self,
        admins: &Admins,
        name: &Username,
    ) -> Result<Vec<RecoveryCode>, Error> {
        let (now, codes) = (self.clock.now(), RecoveryCode::random_set());
        let entries = self.seal_codes(&codes, name.as_str());
        let change = move |admin: &mut Admin| {
            let factor = Factor::of_admin(admin);
            factor.must_be_on()?;
            *factor.codes = entries;
            admin.updated_at = now;
            Ok(())
        };
        admins.change(name, change).await?;
        Ok(codes)
    }

    /// Finds out what a passcode would use up; nothing is written yet.
    fn spend(&self, factor: &Factor<'_>, passcode: Option<&str>) -> Result<Spent, Error> {
        let passcode = passcode.ok_or_else(invalid_credentials)?;
        if let Some(code) = RecoveryCode::parse(passcode) {
            return self.spend_recovery_code(factor, &code);
        }
        let config = self.settings.configurations.find(factor.config_name).map_err(Error::internal)?;
        let secret = TotpSecret::parse(self.open(factor.secret)?.expose()).map_err(Error::internal)?;
        let moment = (self.clock.now(), factor.account.last_totp_step);
        let step = secret.check(config.algo, passcode, moment).map_err(|_| invalid_credentials())?;
        self.remember(&secret, passcode).map_err(|_| invalid_credentials())?;
        Ok(Spent::Step(step))
    }

    fn spend_recovery_code(&self, factor: &Factor<'_>, code: &RecoveryCode) -> Result<Spent, Error> {
        if !self.settings.recovery_codes_sign_in {
            return Err(invalid_credentials());
        }
        let mut found = None;
        for (place, entry) in factor.codes.iter().enumerate() {
            // Every code is compared, so that time does not tell which one fits.
            let shown = self.show(entry)?;
            if shown.code == *code && !shown.used {
                found = Some(Spent::Code(place, entry.secret.clone()));
            }
        }
        found.ok_or_else(invalid_credentials)
    }

    /// Remembers that this code was tried on this secret; a second try is refused.
    fn remember(&self, secret: &TotpSecret, passcode: &str) -> Result<(), TotpRefusal> {
        let is_first = self.tried.is_first(secret, passcode, self.clock.now());
        is_first.then_some(()).ok_or(TotpRefusal::AlreadyUsed)
    }

    /// Gives an account whose codes run low a fresh set.
    fn complete_codes(&self, factor: &mut Factor<'_>, owner: &str) {
        if factor.codes.iter().filter(|entry| !entry.used).count() < LEAST_UNUSED {
            *factor.codes = self.seal_codes(&RecoveryCode::random_set(), owner);
        }
    }

    fn seal_codes(&self, codes: &[RecoveryCode], owner: &str) -> Vec<RecoveryCodeEntry> {
        let seal = |code: &RecoveryCode| Secret::Sealed(self.settings.sealer.seal(code.expose(), owner));
        codes.iter().map(|code| RecoveryCodeEntry { secret: seal(code), used: false }).collect()
    }

    fn show(&self, entry: &RecoveryCodeEntry) -> Result<ShownCode, Error> {
        let text = self.open(&entry.secret)?;
        let code = RecoveryCode::parse(text.expose())
            .ok_or_else(|| Error::internal("a stored recovery code has not the form of one"))?;
        Ok(ShownCode { code, used: entry.used })
    }

    /// Holds a secret that is about to be saved against what codes can be made of.
    fn check_secret(&self, secret: &Secret) -> Result<(), Error> {
        let text = self.open(secret)?;
        TotpSecret::parse(text.expose()).map(drop).map_err(|why| Error::invalid(format!("totp: {why}")))
    }

    fn open(&self, secret: &Secret) -> Result<crate::domain::secret::PlainText, Error> {
        let sealed =
            secret.sealed().ok_or_else(|| Error::internal("a second factor without a sealed secret"))?;
        self.settings.sealer.open(sealed).map_err(Error::internal)
    }
}
