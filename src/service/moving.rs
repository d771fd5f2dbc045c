//! Moving in: objects of a dump, or of another program's files, become objects of this server
//! (`contract/import.md`). First everything is checked and every problem noted, then it is written; how the
//! file is written down is not known here, only what it holds ([`incoming::Incoming`]).

mod check;
pub mod foreign;
pub mod incoming;
mod last_admin;
pub mod report;
mod secrets;
mod stage;
mod write;

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use self::check::Checked;
use self::incoming::Part;
pub use self::secrets::{Openers, Unopened};
pub use self::write::{Done, Extent, Tally};
use super::admins::AdminEditor;
use super::hashing::HashingPool;
use super::sessions::Sessions;
use crate::clock::Clock;
use crate::domain::admin::AdminRules;
use crate::domain::quote::quote;
use crate::domain::second_factor::configuration::TotpConfigurations;
use crate::domain::user_draft::UserRules;
use crate::error::Error;
use crate::store::Store;

/// When to come back while another dump or load is under way.
const RETRY_AFTER: std::time::Duration = std::time::Duration::from_secs(10);

/// How long another dump or load is waited for.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);

/// What becomes of objects that are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// They are replaced.
    #[default]
    Replace,
    /// They stay as they are.
    AddOnly,
    /// They are replaced, and whoever is signed in as one of the users is signed out.
    ReplaceAndDisconnect,
}

impl From<i64> for Mode {
    /// The mode of this number; any other than 1 and 2 is 0 (`contract/import.md` §3).
    fn from(number: i64) -> Self {
        match number {
            1 => Self::AddOnly,
            2 => Self::ReplaceAndDisconnect,
            _ => Self::Replace,
        }
    }
}

/// How a load is to be done.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// What becomes of objects that are there already.
    pub mode: Mode,
    /// What opens the secrets that come along.
    pub openers: Openers,
    /// The admin who loads over the API: a load does nothing to him that he may not do to himself.
    pub loader: Option<AdminEditor>,
}

/// Hears how far it is: the part, how many are done, how many there are.
pub type Progress<'a> = &'a (dyn Fn(Part, usize, usize) + Sync);

/// Moves objects in. Its functions take long and wait: they belong on a thread for that.
#[derive(Debug, Clone)]
pub struct Moving {
    store: Store,
    hashing: HashingPool,
    clock: Clock,
    sessions: Sessions,
    users: Arc<UserRules>,
    admins: AdminRules,
    totp: TotpConfigurations,
    turn: Arc<Semaphore>,
}

/// The rules that objects are held to.
#[derive(Debug, Clone)]
pub struct MovingRules {
    /// For users.
    pub users: Arc<UserRules>,
    /// For admins.
    pub admins: AdminRules,
    /// The configurations that a second factor may name.
    pub totp: TotpConfigurations,
}

impl Moving {
    /// Moves objects into `store`, under `rules`; `sessions` hears of users who are signed out.
    pub fn new(
        store: Store,
        hashing: HashingPool,
        clock: Clock,
        sessions: Sessions,
        rules: MovingRules,
    ) -> Self {
        let MovingRules { users, admins, totp } = rules;
        Self { store, hashing, clock, sessions, users, admins, totp, turn: Arc::new(Semaphore::new(1)) }
    }

    /// The turn for a dump or a load: one at a time, since each is as much work as many requests. It is given
    /// back when the value is dropped, which is a moment after a client has the whole answer: hence the wait.
    ///
    /// # Errors
    /// [`Error::Busy`] while another has it.
    pub async fn turn(&self) -> Result<OwnedSemaphorePermit, Error> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turn).acquire_owned()).await;
        turn.ok().and_then(Result::ok).ok_or(Error::Busy { retry_after: RETRY_AFTER })
    }

    /// What opens and seals the secrets of this server.
    pub fn sealer(&self) -> &crate::domain::sealer::Sealer {
        &self.users.sealer
    }
}

/// How many threads share the work of one load.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(8)) + 1
}

/// An error with the object it was met at, in the words clients know (`contract/import.md` §3).
fn restoring(part: Part, name: &str, error: Error) -> Error {
    let text = format!("unable to restore {} {}: {error}", part.one(), quote(name));
    if matches!(error, Error::Conflict(_)) {
        return Error::Conflict(text.into());
    }
    if matches!(error, Error::Invalid(_) | Error::Malformed(_)) { Error::malformed(text) } else { error }
}
