//! Guessing made hopeless: whoever fails too often is not looked at for a while, address or account
//! (`design/security.md` S15–S17, S22). Nothing is hashed for those who are banned, and nobody makes a ban longer
//! by trying meanwhile.
//!
//! What is counted lives in memory, bounded, and is written behind; a ban is on disk before the failure that
//! brought it is answered.

mod list;

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};

use self::list::Lists;
use crate::clock::Clock;
use crate::domain::password::PasswordHash;
use crate::domain::reset_code::Digest;
use crate::domain::time::UnixMillis;
use crate::domain::watched::{Admission, Crowd, Limits, Subject, SubjectKind, Watched};
use crate::error::Error;
use crate::store::Store;

/// Tries that may wait until others of the same account or address are over.
const WAITING: usize = 1024;
/// When to come back when too many wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How many are written at once at most.
const WRITTEN_AT_ONCE: usize = 500;

/// Counts who fails, and keeps away who failed too often; cheap to clone.
#[derive(Debug, Clone)]
pub struct Defender(Option<Arc<Watch>>);

#[derive(Debug)]
struct Watch {
    limits: Limits,
    store: Store,
    clock: Clock,
    lists: Arc<Mutex<Lists>>,
    /// Rung when a try is over.
    over: Notify,
    waiting: Semaphore,
}

/// Somebody about to prove who he is.
#[derive(Debug, Clone)]
pub struct Approach {
    account: Subject,
    password: Option<Digest>,
    address: IpAddr,
    with_code: bool,
}

impl Approach {
    /// Towards an account, whether or not there is one, whose password has this hash.
    pub fn new(kind: SubjectKind, name: &str, password: Option<&PasswordHash>, address: IpAddr) -> Self {
        let account = Subject::account(kind, name);
        let password = password.map(|hash| Digest::of_account(0, Some(hash)));
        Self { account, password, address, with_code: false }
    }

    /// The same, with a one-time code.
    #[must_use]
    pub fn with_code(self, with_code: bool) -> Self {
        Self { with_code, ..self }
    }
}

/// A suspect as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// Who it is.
    pub subject: Subject,
    /// Failures that count now.
    pub failures: usize,
    /// Until when it is banned.
    pub banned_until: Option<UnixMillis>,
    /// Whether it failed so often in a row that it takes somebody to let it off.
    pub is_locked: bool,
}

impl Defender {
    /// One that counts nothing and lets everybody pass.
    pub const fn off() -> Self {
        Self(None)
    }

    /// One that goes on with what `store` remembers.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(store: Store, clock: Clock, limits: Limits) -> Result<Self, Error> {
        let mut lists = Lists::default();
        let now = clock.now();
        let remembered = store.items::<Watched>()?.into_iter().map(Watched::read_back);
        for watched in remembered.filter(|watched| !watched.is_over(&limits, now)) {
            lists.restore(watched, &limits, now);
        }
        let lists = Arc::new(Mutex::new(lists));
        let (over, waiting) = (Notify::new(), Semaphore::new(WAITING));
        Ok(Self(Some(Arc::new(Watch { limits, store, clock, lists, over, waiting }))))
    }

    /// Whether it counts.
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Lets a try begin, as soon as those under way leave room for one more failure.
    ///
    /// # Errors
    /// [`Error::TooMany`] for whoever is banned, [`Error::Busy`] when too many wait.
    pub async fn enter(&self, approach: Approach) -> Result<Try, Error> {
        let Some(watch) = &self.0 else { return Ok(Try(None)) };
        let address = Subject::address(approach.address);
        let mut place = None;
        loop {
            // Before the look, so that none is missed that is over right after it.
            let mut over = pin!(watch.over.notified());
            over.as_mut().enable();
            match watch.admit(&approach, &address) {
                Admission::Open(crowd) => {
                    let watch = Arc::clone(watch);
                    let lacks_code = false;
                    return Ok(Try(Some(UnderWay { watch, approach, address, crowd, lacks_code })));
                }
                Admission::Refused(millis) => {
                    let millis = u64::try_from(millis).unwrap_or_default();
                    return Err(Error::TooMany { retry_after: Duration::from_millis(millis) });
                }
                Admission::Full => {}
            }
            if place.is_none() {
                let busy = |_| Error::Busy { retry_after: RETRY_AFTER };
                place = Some(watch.waiting.try_acquire().map_err(busy)?);
            }
            over.await;
        }
    }

    /// Whether a try of this account from this address would be let in, and change nothing if its proof is right:
    /// there is nothing to hold against either, and the account signed in from there within a day. A proof that is
    /// known to be right may then be taken without [`Defender::enter`].
    pub fn expects(&self, kind: SubjectKind, name: &str, from: IpAddr) -> bool {
        let Some(watch) = &self.0 else { return true };
        let (account, address) = (Subject::account(kind, name), Subject::address(from));
        let (lists, limits) = (watch.lists.lock(), &watch.limits);
        let now = watch.clock.now();
        lists.get(&account).is_some_and(|one| one.is_clean(limits, now) && one.is_at_home(from, now))
            && lists.get(&address).is_none_or(|one| one.is_clean(limits, now))
    }

    /// Everybody who failed lately or is banned, in the order of their texts.
    pub fn suspects(&self) -> Vec<Suspect> {
        let Some(watch) = &self.0 else { return Vec::new() };
        let (lists, now) = (watch.lists.lock(), watch.clock.now());
        let mut suspects: Vec<Suspect> =
            lists.suspects(&watch.limits, now).into_iter().map(|one| watch.shown(one, now)).collect();
        drop(lists);
        suspects.sort_by(|a, b| a.subject.as_str().cmp(b.subject.as_str()));
        suspects
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Error::NotFound`] for somebody of whom there is nothing to tell.
    pub fn suspect(&self, subject: &Subject) -> Result<Suspect, Error> {
        let watch = self.0.as_ref().ok_or(Error::NotFound)?;
        let (lists, now) = (watch.lists.lock(), watch.clock.now());
        let watched = lists.get(subject).filter(|one| one.is_suspect(&watch.limits, now));
        watched.map(|one| watch.shown(one, now)).ok_or(Error::NotFound)
    }

    /// Lets somebody off: his failures and bans are forgotten, on disk before this returns.
    ///
    /// # Errors
    /// [`Error::NotFound`] for somebody of whom there is nothing to tell; storage failures.
    pub async fn lift(&self, subject: &Subject) -> Result<(), Error> {
        self.suspect(subject)?;
        let watch = self.0.as_ref().ok_or(Error::NotFound)?;
        if let Some(watched) = watch.lists.lock().get_mut(subject) {
            watched.forgive();
        }
        watch.over.notify_waiters();
        watch.write(vec![subject.clone()]).await
    }

    /// Writes what changed since the last time.
    ///
    /// # Errors
    /// Storage failures; what was not written is tried again the next time.
    pub async fn save(&self) -> Result<(), Error> {
        let Some(watch) = &self.0 else { return Ok(()) };
        loop {
            let changed = watch.lists.lock().take_changed(WRITTEN_AT_ONCE);
            if changed.is_empty() {
                return Ok(());
            }
            watch.write(changed).await?;
        }
    }

    /// Forgets those of whom there is nothing to remember; [`Defender::save`] removes them from the store.
    pub fn clean_up(&self) {
        let Some(watch) = &self.0 else { return };
        watch.lists.lock().drop_all_over(&watch.limits, watch.clock.now());
    }
}

impl Watch {
    /// Whether a try may begin; if so, it counts from here on.
    fn admit(&self, approach: &Approach, address: &Subject) -> Admission {
        let Approach { account, password, address: from, with_code } = approach;
        let mut lists = self.lists.lock();
        // Read in the order in which failures are counted: one that is later than now is forgotten.
        let (limits, now) = (&self.limits, self.clock.now());
        let by_address = lists.watch(address, limits, now).admits(*from, *with_code, limits, now);
        let by_account = lists.renew(account, *password, limits, now).admits(*from, *with_code, limits, now);
        let admission = match (by_address, by_account) {
            (Admission::Refused(a), Admission::Refused(b)) => Admission::Refused(a.max(b)),
            (Admission::Refused(wait), _) | (_, Admission::Refused(wait)) => Admission::Refused(wait),
            (Admission::Full, _) | (_, Admission::Full) => Admission::Full,
            (Admission::Open(_), Admission::Open(crowd)) => Admission::Open(crowd),
        };
        if let Admission::Open(crowd) = admission {
            lists.watch(account, limits, now).enter(crowd, *with_code);
            lists.watch(address, limits, now).enter(Crowd::Strangers, *with_code);
        } else {
            lists.drop_if_over(account, limits, now);
            lists.drop_if_over(address, limits, now);
        }
        admission
    }

    fn shown(&self, watched: &Watched, now: UnixMillis) -> Suspect {
        Suspect {
            subject: watched.subject.clone(),
            failures: watched.failures(&self.limits, now),
            banned_until: watched.banned_until(&self.limits, now),
            is_locked: watched.is_locked(&self.limits, now),
        }
    }

    /// Writes these as they are when their turn comes, so that no earlier state follows a later one.
    async fn write(&self, subjects: Vec<Subject>) -> Result<(), Error> {
        let (lists, limits, now) = (Arc::clone(&self.lists), self.limits, self.clock.now());
        let again = subjects.clone();
        let written = self.store.write(move |txn| {
            let lists = lists.lock();
            subjects.iter().try_for_each(|subject| {
                match lists.get(subject).filter(|watched| !watched.is_over(&limits, now)) {
                    Some(watched) => txn.put_item(watched),
                    None => txn.delete_item::<Watched>(subject.as_str()).map(drop),
                }
            })
        });
        let written = written.await;
        if written.is_err() {
            let mut lists = self.lists.lock();
            for subject in again {
                lists.note_change(subject);
            }
        }
        written
    }
}

/// A try under way. It counts as a failure until it is over; dropped, it was none.
#[derive(Debug)]
#[must_use]
pub struct Try(Option<UnderWay>);

#[derive(Debug)]
struct UnderWay {
    watch: Arc<Watch>,
    approach: Approach,
    address: Subject,
    crowd: Crowd,
    /// Whether the password was right and no code came along.
    lacks_code: bool,
}

impl Try {
    /// Says that the password was right and no one-time code came along. Should that not do, the try failed like
    /// any other, or the throttle would tell that the password is right; but the address is forgiven as soon as
    /// the account signs in from there: so do clients that ask for a code when one is wanted.
    pub const fn has_no_code(&mut self) {
        if let Some(under_way) = &mut self.0 {
            under_way.lacks_code = true;
        }
    }

    /// The proof was wrong. A ban that this brings is on disk before this returns.
    pub async fn failed(self) {
        let Some(under_way) = self.0 else { return };
        let banned = under_way.fail();
        let watch = Arc::clone(&under_way.watch);
        drop(under_way);
        if banned.is_empty() {
            return;
        }
        for subject in &banned {
            log::warn!("{:?} failed too often and is not let in for a while", subject.as_str());
        }
        if let Err(why) = watch.write(banned).await {
            log::warn!("a ban holds until the next start only: {why}");
        }
    }

    /// The proof was right.
    pub fn succeeded(self) {
        let Some(under_way) = self.0 else { return };
        let watch = &under_way.watch;
        let mut lists = watch.lists.lock();
        let (account, now) = (&under_way.approach.account, watch.clock.now());
        if lists.watch(account, &watch.limits, now).succeed(under_way.approach.address, now) {
            lists.note_change(account.clone());
        }
        if lists.get_mut(&under_way.address).is_some_and(|address| address.take_back(account.mark())) {
            lists.note_change(under_way.address.clone());
        }
    }

    /// Ends the try as this outcome says: only [`Error::BadCredentials`] is a failure; whatever else went wrong
    /// was neither.
    pub async fn ended<T>(self, outcome: &Result<T, Error>) {
        match outcome {
            Ok(_) => self.succeeded(),
            Err(Error::BadCredentials(_)) => self.failed().await,
            Err(_) => drop(self),
        }
    }
}

impl UnderWay {
    /// Counts the failure; gives who is banned by it.
    fn fail(&self) -> Vec<Subject> {
        let Watch { limits, clock, lists, .. } = &*self.watch;
        let mut lists = lists.lock();
        let (now, with_code) = (clock.now(), self.approach.with_code);
        let mut banned = Vec::new();
        for (subject, crowd) in [(&self.address, Crowd::Strangers), (&self.approach.account, self.crowd)] {
            if lists.watch(subject, limits, now).fail(crowd, with_code, limits, now) {
                banned.push(subject.clone());
            } else {
                lists.note_change(subject.clone());
            }
        }
        if self.lacks_code
            && let Some(address) = lists.get_mut(&self.address)
        {
            address.mark_last(self.approach.account.mark());
        }
        banned
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let Watch { limits, clock, lists, over, .. } = &*self.watch;
        let mut lists = lists.lock();
        let (now, with_code) = (clock.now(), self.approach.with_code);
        for (subject, crowd) in [(&self.address, Crowd::Strangers), (&self.approach.account, self.crowd)] {
            if let Some(watched) = lists.get_mut(subject) {
                watched.leave(crowd, with_code);
            }
            lists.drop_if_over(subject, limits, now);
        }
        drop(lists);
        over.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
