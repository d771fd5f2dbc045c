//! Forgotten passwords: a code by mail, and a new password for the code (`contract/password-reset.md`,
//! `design/security.md` S26–S33).
//!
//! Asking for a code does one thing, whoever is asked for: it writes the request down. Whether there is such
//! an account, and what it may do, is looked at afterwards by [`MailQueue`], so that neither the answer nor
//! the time it takes can tell.

pub(crate) mod candidate;
mod limits;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use self::candidate::Candidate;
use self::limits::Limit;
use super::hashing::HashingPool;
use super::mail_queue::MailQueue;
use super::references;
use crate::clock::Clock;
use crate::domain::account::{AccountKey, AccountKind};
use crate::domain::admin::Admin;
use crate::domain::network::origin;
use crate::domain::password::{NewPassword, PasswordHash, strength};
use crate::domain::reset_code::{IssuedCode, PendingReset, ResetCode};
use crate::domain::username::{NamingRules, Username};
use crate::error::Error;
use crate::store::{Store, Txn};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// The most requests that are remembered at a time; the next one is told to come back.
const MAX_PENDING: usize = 20_000;
/// When to come back then.
const RETRY_AFTER: Duration = Duration::from_secs(60);
/// Wrong codes for one account, from wherever, in multiples of what one address may try: more than an owner
/// needs beside somebody who guesses.
const ACCOUNT_SHARE: u32 = 4;

/// What the server's settings say about forgotten passwords.
#[derive(Debug, Clone, Copy)]
pub struct ResetSettings {
    /// How names are normalised before they are looked up.
    pub naming: NamingRules,
    /// How long a code is valid.
    pub lifetime: Duration,
    /// Requests for one account within an hour.
    pub requests_per_account: u32,
    /// Requests from one address within an hour.
    pub requests_per_address: u32,
    /// Wrong codes from one address within a minute.
    pub wrong_codes_per_address: u32,
    /// Whether everybody gets the same answer; else those without an address or leave are told so.
    pub answers_alike: bool,
    /// Whether the name in the path must be that of the code's account.
    pub name_must_match: bool,
    /// The least strength of a user's new password, in bits; his own wins.
    pub min_user_strength: i64,
    /// The least strength of an admin's new password, in bits.
    pub min_admin_strength: i64,
}

/// What somebody sends to set a new password.
#[derive(Debug)]
pub struct ResetDraft {
    /// The name in the path.
    pub name: String,
    /// The code.
    pub code: ResetCode,
    /// The new password; always plain text, whatever it looks like.
    pub password: NewPassword,
}

/// Hands out codes and takes them back for new passwords.
#[derive(Debug, Clone)]
pub struct ResetCodes {
    store: Store,
    hashing: HashingPool,
    clock: Clock,
    /// Where requests go; none where there is no mail server.
    mails: Option<MailQueue>,
    settings: ResetSettings,
    counts: Arc<Counts>,
}

#[derive(Debug)]
struct Counts {
    requests_by_account: Limit,
    requests_by_address: Limit,
    guesses_by_account: Limit,
    guesses_by_address: Limit,
}

impl ResetCodes {
    /// Codes for the accounts of `store`, mailed by `mails`.
    pub fn new(
        store: Store,
        hashing: HashingPool,
        clock: Clock,
        mails: Option<MailQueue>,
        settings: ResetSettings,
    ) -> Self {
        let guesses = settings.wrong_codes_per_address;
        let counts = Counts {
            requests_by_account: Limit::new(settings.requests_per_account, HOUR),
            requests_by_address: Limit::new(settings.requests_per_address, HOUR),
            guesses_by_account: Limit::new(guesses.saturating_mul(ACCOUNT_SHARE), MINUTE),
            guesses_by_address: Limit::new(guesses, MINUTE),
        };
        Self { store, hashing, clock, mails, settings, counts: Arc::new(counts) }
    }

    /// The queue of mails, for whoever runs it or asks how it fares.
    pub fn mails(&self) -> Option<&MailQueue> {
        self.mails.as_ref()
    }

    /// Takes a request for a code. The answer is the same for every name; too many requests are
    /// dropped without a word. On disk before this returns, so that the mail outlives a crash.
    ///
    /// # Errors
    /// [`Error::Refused`] without a mail server, [`Error::Busy`] when too many requests are open,
    /// storage failures; with the reference's answers [`Error::Invalid`] for an account that has no address
    /// or may not.
    pub async fn forgot(&self, kind: AccountKind, name: &str, address: IpAddr) -> Result<(), Error> {
        let Some(mails) = &self.mails else { return Err(Error::Refused("No SMTP configuration".into())) };
        let account = self.account(kind, name);
        let now = self.clock.now();
        let counts = &self.counts;
        let is_within_limits = counts.requests_by_address.take(origin(address), now)
            && counts.requests_by_account.take(&account, now);
        // No account has a name that the store does not hold.
        if !is_within_limits || account.name().len() > PendingReset::MAX_NAME {
            return Ok(());
        }
        if !self.settings.answers_alike {
            self.check_openly(&account, address)?;
        }
        self.make_room().await?;
        let request = PendingReset::new(account, name, address, now);
        self.store.write(move |txn| txn.put_item(&request)).await?;
        mails.wake();
        Ok(())
    }

    /// Sets a new password for a code, which is spent with it; ends the account's tokens and leaves its
    /// second factor alone. Gives the account.
    ///
    /// # Errors
    /// [`Error::Invalid`] for whatever is missing, wrong or too weak, in the order of
    /// `contract/password-reset.md` §4; [`Error::Busy`], storage failures.
    pub async fn reset(
        &self,
        kind: AccountKind,
        draft: ResetDraft,
        address: IpAddr,
    ) -> Result<AccountKey, Error> {
        if draft.password.is_empty() {
            return Err(Error::invalid("please set a password"));
        }
        if draft.code.is_empty() {
            return Err(Error::invalid("please set a confirmation code"));
        }
        let (request, code) = self.proved(&self.account(kind, &draft.name), &draft.code, address)?;
        let now = self.clock.now();
        let candidate = Candidate::find(&self.store, &request.account, address, now)?;
        let candidate = checked(candidate, &code, kind)?;
        let minimum = match kind {
            AccountKind::User if candidate.own_strength > 0 => candidate.own_strength,
            AccountKind::User => self.settings.min_user_strength,
            AccountKind::Admin => self.settings.min_admin_strength,
        };
        strength::check(draft.password.expose(), minimum)?;
        let hash = self.hashing.hash(draft.password).await?;
        let spending = Spending { id: request.id.clone(), account: request.account.clone(), address, hash };
        let clock = self.clock.clone();
        self.store.write(move |txn| spending.carry_out(txn, &clock)).await
    }

    /// Forgets requests of which nothing can come any more; gives how many.
    ///
    /// # Errors
    /// Storage failures.
    pub async fn clean_up(&self) -> Result<usize, Error> {
        let (now, lifetime) = (self.clock.now(), millis(self.settings.lifetime));
        let pending = self.store.shelf::<PendingReset>().all();
        let over: Vec<_> = pending.into_iter().filter(|request| request.is_over(lifetime, now)).collect();
        if over.is_empty() {
            return Ok(0);
        }
        self.store
            .write(move |txn| {
                let mut forgotten = 0;
                for request in &over {
                    let key = request.account.as_str();
                    if txn.item::<PendingReset>(key)?.is_some_and(|current| current.id == request.id) {
                        txn.delete_item::<PendingReset>(key)?;
                        forgotten += 1;
                    }
                }
                Ok(forgotten)
            })
            .await
    }

    fn account(&self, kind: AccountKind, name: &str) -> AccountKey {
        let name = Username::normalise(name, self.settings.naming).into_owned();
        AccountKey::new(kind, &Username::trusted(name))
    }

    /// What the reference tells whoever asks (`contract/password-reset.md` §1).
    fn check_openly(&self, account: &AccountKey, address: IpAddr) -> Result<(), Error> {
        match Candidate::find(&self.store, account, address, self.clock.now())? {
            Some(candidate) if candidate.is_barred => Err(not_allowed()),
            Some(Candidate { email: None, .. }) => {
                Err(Error::invalid("your account has no e-mail address to send a code to"))
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn make_room(&self) -> Result<(), Error> {
        let is_full = || self.store.shelf::<PendingReset>().len() >= MAX_PENDING;
        if is_full() {
            self.clean_up().await?;
        }
        if is_full() { Err(Error::Busy { retry_after: RETRY_AFTER }) } else { Ok(()) }
    }

    /// The request whose code this is. Every try counts until it turns out to be right, so that many at
    /// once are no more than one after the other.
    fn proved(
        &self,
        asked: &AccountKey,
        code: &ResetCode,
        address: IpAddr,
    ) -> Result<(Arc<PendingReset>, IssuedCode), Error> {
        let (now, counts, from) = (self.clock.now(), &self.counts, origin(address));
        if !counts.guesses_by_address.take(from, now) {
            return Err(unknown_code());
        }
        // Whoever guesses from many addresses must not keep the owner out, who uses a code where he asked for it.
        let is_within_account = counts.guesses_by_account.take(asked, now);
        let found = self.requests(asked).into_iter().find_map(|request| {
            let code = request.accepts(code, now).copied()?;
            (is_within_account || origin(request.address) == from).then_some((request, code))
        });
        if found.is_some() {
            counts.guesses_by_address.give_back(from, now);
            if is_within_account {
                counts.guesses_by_account.give_back(asked, now);
            }
        }
        found.ok_or_else(unknown_code)
    }

    /// The requests whose code may be used under a name: its own, or with the reference any of the kind.
    fn requests(&self, asked: &AccountKey) -> Vec<Arc<PendingReset>> {
        let pending = self.store.shelf::<PendingReset>();
        if self.settings.name_must_match {
            return pending.get(asked.as_str()).into_iter().collect();
        }
        pending.all().into_iter().filter(|request| request.account.kind() == asked.kind()).collect()
    }
}

/// A code about to be spent.
struct Spending {
    id: String,
    account: AccountKey,
    address: IpAddr,
    hash: PasswordHash,
}

impl Spending {
    /// Looks at everything again in the store's one line of writers, where it counts: of many who use one code
    /// at once, the first finds it.
    fn carry_out(self, txn: &mut Txn<'_>, clock: &Clock) -> Result<AccountKey, Error> {
        let Self { id, account, address, hash } = self;
        let now = clock.now();
        let request = txn.item::<PendingReset>(account.as_str())?.filter(|request| request.id == id);
        let code = request.as_ref().and_then(PendingReset::code).filter(|code| now < code.expires_at);
        let code = code.ok_or_else(unknown_code)?;
        match account.kind() {
            AccountKind::User => {
                let stored = txn.user(account.name())?.map(|stored| stored.value);
                let effective = match &stored {
                    Some(user) => references::effective_in(txn, user.clone())?,
                    None => None,
                };
                let candidate = effective.and_then(|user| Candidate::of_user(&user, address, now));
                checked(candidate, code, AccountKind::User)?;
                let mut user = stored.ok_or_else(unknown_code)?;
                user.set_new_password(hash, now);
                user.account.generation += 1;
                txn.put_user(&user)?;
            }
            AccountKind::Admin => {
                let stored = txn.item::<Admin>(account.name())?;
                let candidate = stored.as_ref().and_then(|admin| Candidate::of_admin(admin, address));
                checked(candidate, code, AccountKind::Admin)?;
                let mut admin = stored.ok_or_else(unknown_code)?;
                admin.password = Some(hash);
                admin.filters.require_password_change = false;
                admin.account.generation += 1;
                admin.updated_at = now;
                txn.put_item(&admin)?;
            }
        }
        txn.delete_item::<PendingReset>(account.as_str())?;
        Ok(account)
    }
}

/// The account behind a code, if it may still use it.
fn checked(candidate: Option<Candidate>, code: &IssuedCode, kind: AccountKind) -> Result<Candidate, Error> {
    let candidate = candidate.ok_or_else(|| {
        Error::invalid(match kind {
            AccountKind::User => "Unable to associate the confirmation code with a user",
            AccountKind::Admin => "unable to associate the confirmation code with an admin",
        })
    })?;
    if candidate.mark != code.account {
        return Err(unknown_code());
    }
    if candidate.is_barred { Err(not_allowed()) } else { Ok(candidate) }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn not_allowed() -> Error {
    Error::invalid("you are not allowed to reset your password")
}

/// The one answer to every code that is wrong, over, spent, void, another's or one too many.
fn unknown_code() -> Error {
    Error::invalid("confirmation code not found")
}

#[cfg(test)]
mod tests;
