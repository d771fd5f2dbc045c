//! The second pass: what was found fit is written, in one write or in many. Users are read and made ready by
//! several threads, so that the one writer never waits for them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;

use parking_lot::Mutex;

use super::check::{Checked, place};
use super::incoming::{Incoming, Part};
use super::stage::{Fate, Staging};
use super::{LoadOptions, Moving, Progress, restoring, workers};
use crate::domain::admin::Admin;
use crate::domain::api_key::ApiKey;
use crate::domain::folder::Folder;
use crate::domain::group::Group;
use crate::domain::password::{NewPassword, PasswordHash};
use crate::domain::role::Role;
use crate::domain::user::User;
use crate::domain::user_draft::PasswordChange;
use crate::error::Error;
use crate::service::admins::AdminEditor;
use crate::store::Txn;

/// Users in one write, where there are many writes.
const PIECE: usize = 512;

/// How much of a load is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Everything is one write, held in memory: all or nothing, and nobody sees a part of it.
    OneWrite,
    /// Many writes under a journal: all or nothing also after a crash, for any size; nobody else may write
    /// meanwhile.
    Journaled,
    /// Many writes, each durable by itself.
    Writes,
}

/// How many objects of a part went which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// New ones.
    pub added: usize,
    /// In the place of others.
    pub replaced: usize,
    /// Left alone, since they were there.
    pub kept: usize,
}

impl Tally {
    fn count(&mut self, fate: Fate) {
        match fate {
            Fate::Added => self.added += 1,
            Fate::Replaced => self.replaced += 1,
            Fate::Kept => self.kept += 1,
        }
    }

    fn add(&mut self, other: Self) {
        self.added += other.added;
        self.replaced += other.replaced;
        self.kept += other.kept;
    }
}

/// What a load has done.
#[derive(Debug, Default)]
pub struct Done {
    /// By part.
    pub parts: BTreeMap<Part, Tally>,
    /// Users whose sessions are over.
    ended: Vec<String>,
}

impl Done {
    fn count(&mut self, part: Part, fate: Fate) {
        self.parts.entry(part).or_default().count(fate);
    }

    fn count_user(&mut self, user: &User, (fate, ends): (Fate, bool)) {
        self.count(Part::Users, fate);
        if ends {
            self.ended.push(user.username.as_str().to_owned());
        }
    }

    fn add(&mut self, other: Self) {
        for (part, tally) in other.parts {
            self.parts.entry(part).or_default().add(tally);
        }
        self.ended.extend(other.ended);
    }
}

/// What users refer to.
struct First {
    roles: Vec<Role>,
    folders: Vec<Folder>,
    groups: Vec<Group>,
}

/// What refers to users, or to nobody.
struct Rest {
    admins: Vec<Admin>,
    loader: Option<AdminEditor>,
    api_keys: Vec<ApiKey>,
}

/// What is ready to be staged, apart from users.
struct Ready {
    first: First,
    rest: Rest,
}

impl Moving {
    /// Writes what [`Moving::check`] found fit. Call it from a thread that may wait, inside a runtime.
    ///
    /// # Errors
    /// Storage failures, and a rule that is broken since the check. After an error of [`Extent::Journaled`] the
    /// store has to be opened anew, which undoes what was written.
    pub fn write(
        &self,
        incoming: &dyn Incoming,
        checked: Checked,
        options: &LoadOptions,
        extent: Extent,
        progress: Progress<'_>,
    ) -> Result<Done, Error> {
        let Checked { roles, folders, groups, users, admins, api_keys, .. } = checked;
        let admins = admins.into_iter().map(|(mut admin, password)| {
            admin.password = self.hashed(password)?;
            Ok(admin)
        });
        let api_keys = api_keys.into_iter().map(|(mut key, secret)| {
            key.secret = self.hashed(secret)?;
            Ok(key)
        });
        let ready = Ready {
            first: First { roles, folders, groups },
            rest: Rest {
                admins: admins.collect::<Result<_, Error>>()?,
                loader: options.loader.clone(),
                api_keys: api_keys.collect::<Result<_, Error>>()?,
            },
        };
        let numbers: Vec<usize> = users.into_iter().map(|(_, index)| index).collect();
        let users = Users { moving: self, incoming, options, numbers: &numbers, progress };
        let staging = Staging { mode: options.mode, now: self.clock.now() };
        let done = match extent {
            Extent::OneWrite => self.write_at_once(&users, ready, staging)?,
            Extent::Writes => self.write_in_turn(&users, ready, staging)?,
            Extent::Journaled => {
                self.store.begin_journal()?;
                let done = self.write_in_turn(&users, ready, staging)?;
                self.store.end_journal()?;
                done
            }
        };
        for name in &done.ended {
            self.sessions.end_all_of(name);
        }
        Ok(done)
    }

    fn write_at_once(&self, users: &Users<'_>, ready: Ready, staging: Staging) -> Result<Done, Error> {
        let mut all = users.all()?;
        self.store.write_blocking(move |txn| {
            let mut done = write_first(txn, ready.first, staging)?;
            for user in &mut all {
                let outcome = staging
                    .user(txn, user)
                    .map_err(|error| restoring(Part::Users, user.username.as_str(), error))?;
                done.count_user(user, outcome);
            }
            write_rest(txn, ready.rest, staging, &mut done)?;
            Ok(done)
        })
    }

    fn write_in_turn(&self, users: &Users<'_>, ready: Ready, staging: Staging) -> Result<Done, Error> {
        let first = ready.first;
        let mut done = self.store.write_blocking(move |txn| write_first(txn, first, staging))?;
        done.add(users.write(staging)?);
        let rest = ready.rest;
        done.add(self.store.write_blocking(move |txn| {
            let mut done = Done::default();
            write_rest(txn, rest, staging, &mut done)?;
            Ok(done)
        })?);
        Ok(done)
    }

    /// The hash that a file asks for; waits for its turn at the hashing pool.
    fn hashed(&self, change: PasswordChange) -> Result<Option<PasswordHash>, Error> {
        match change {
            PasswordChange::Keep | PasswordChange::Clear => Ok(None),
            PasswordChange::Hashed(hash) => Ok(Some(hash)),
            PasswordChange::New(password) => self.hash(&password).map(Some),
        }
    }

    fn hash(&self, password: &NewPassword) -> Result<PasswordHash, Error> {
        let runtime = tokio::runtime::Handle::try_current().map_err(Error::internal)?;
        loop {
            match runtime.block_on(self.hashing.hash(password.clone())) {
                Err(Error::Busy { retry_after }) => std::thread::sleep(retry_after),
                hashed => return hashed,
            }
        }
    }
}

fn write_first(txn: &mut Txn<'_>, first: First, staging: Staging) -> Result<Done, Error> {
    let mut done = Done::default();
    for role in first.roles {
        done.count(Part::Roles, staging.role(txn, role)?);
    }
    for folder in first.folders {
        done.count(Part::Folders, staging.folder(txn, folder)?);
    }
    for group in first.groups {
        done.count(Part::Groups, staging.group(txn, group)?);
    }
    Ok(done)
}

fn write_rest(txn: &mut Txn<'_>, rest: Rest, staging: Staging, done: &mut Done) -> Result<(), Error> {
    let Rest { admins, loader, api_keys } = rest;
    for fate in staging.admins(txn, admins, loader.as_ref())? {
        done.count(Part::Admins, fate);
    }
    for key in api_keys {
        done.count(Part::ApiKeys, staging.api_key(txn, key)?);
    }
    Ok(())
}

/// The users of a file that are fit to be written, by number, in the order of their names.
struct Users<'l> {
    moving: &'l Moving,
    incoming: &'l dyn Incoming,
    options: &'l LoadOptions,
    numbers: &'l [usize],
    progress: Progress<'l>,
}

impl Users<'_> {
    /// Makes the users of a piece ready.
    fn ready(&self, numbers: &[usize]) -> Result<Vec<User>, Error> {
        let ready = |index: &usize| {
            let mut place = place(self.incoming, Part::Users, *index);
            let (mut user, password) =
                self.moving.restore_user(self.incoming, *index, self.options, &mut place)?;
            if matches!(password, PasswordChange::New(_)) {
                user.last_password_change = self.moving.clock.now();
            }
            user.password = self.moving.hashed(password)?;
            Ok(user)
        };
        numbers.iter().map(ready).collect()
    }

    /// All of them, in memory.
    fn all(&self) -> Result<Vec<User>, Error> {
        let pieces = Mutex::new(BTreeMap::new());
        self.share(|at, numbers| {
            pieces.lock().insert(at, self.ready(numbers)?);
            Ok(())
        })?;
        Ok(pieces.into_inner().into_values().flatten().collect())
    }

    /// Writes them, a piece in each write.
    fn write(&self, staging: Staging) -> Result<Done, Error> {
        let all = Mutex::new(Done::default());
        self.share(|_, numbers| {
            let users = self.ready(numbers)?;
            let done = self.moving.store.write_blocking(move |txn| {
                let mut done = Done::default();
                for mut user in users {
                    let outcome = staging.user(txn, &mut user)?;
                    done.count_user(&user, outcome);
                }
                Ok(done)
            })?;
            all.lock().add(done);
            Ok(())
        })?;
        Ok(all.into_inner())
    }

    /// Lets several threads work at the pieces, each taking the next one; the first error ends it.
    fn share(&self, work: impl Fn(usize, &[usize]) -> Result<(), Error> + Sync) -> Result<(), Error> {
        let runtime = tokio::runtime::Handle::try_current().map_err(Error::internal)?;
        let count = self.numbers.len();
        let (next, done, failed) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
        let take = || {
            let _inside = runtime.enter();
            loop {
                let start = next.fetch_add(PIECE, Ordering::Relaxed);
                if start >= count || failed.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let piece = &self.numbers[start..(start + PIECE).min(count)];
                work(start, piece).inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
                let done = done.fetch_add(piece.len(), Ordering::Relaxed) + piece.len();
                (self.progress)(Part::Users, done, count);
            }
        };
        std::thread::scope(|scope| {
            let threads = workers().min(count.div_ceil(PIECE));
            let threads: Vec<ScopedJoinHandle<'_, Result<(), Error>>> =
                (0..threads).map(|_| scope.spawn(take)).collect();
            let ended = threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            ended.fold(Ok(()), Result::and)
        })
    }
}
