//! The door for the operator's own commands while the server runs: a Unix socket that only the server's user and the
//! administrator can open. One word in, lines out: `backup` is answered with the backup itself, `check` with what
//! was found. Nothing can be changed through it.

use std::cell::RefCell;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::UnixListener;

use crate::clock::Clock;
use crate::settings::Settings;
use crate::store::{Checked, Store};

/// What can be asked for.
pub(super) const BACKUP: &str = "backup";
pub(super) const CHECK: &str = "check";

/// Longer than any of the words.
const LONGEST_WORD: u64 = 64;
/// How long one side waits for the other: a caller that does not read must not keep a snapshot in memory.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// How often the caller hears how far a check is.
const NEWS_EVERY: Duration = Duration::from_millis(200);
/// How long the listener rests when it cannot accept.
const REST: Duration = Duration::from_secs(1);

/// The socket, listening; its file is gone when the value is.
pub(super) struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Listens, or says in the log why not: the server serves without.
    pub(super) fn listen(settings: &Settings) -> Option<Self> {
        let path = settings.store.control_socket();
        match Self::bind(&path) {
            Ok(listener) => Some(Self { listener, path }),
            Err(why) => {
                let path = path.display();
                log::warn!("no backup can be made while the server runs: it cannot listen on {path}: {why}");
                None
            }
        }
    }

    fn bind(path: &Path) -> io::Result<UnixListener> {
        // We have the store: a socket that is there is a killed server's. Nothing but a socket is removed.
        match path.symlink_metadata() {
            Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path)?,
            Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(why) if why.kind() == io::ErrorKind::NotFound => {}
            Err(why) => return Err(why),
        }
        let listener = UnixListener::bind(path)?;
        // The mask of the process has kept others out since it was made.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    }

    /// Answers whoever asks, one at a time, until the task is aborted.
    pub(super) async fn serve(self, store: Store, clock: Clock) {
        let busy = Arc::new(AtomicBool::new(false));
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(why) => {
                    log::warn!("the control socket accepts nobody: {why}");
                    tokio::time::sleep(REST).await;
                    continue;
                }
            };
            if let Err(why) = admit(&stream) {
                log::warn!("a caller of the control socket was sent away: {why}");
                continue;
            }
            let (store, clock, busy) = (store.clone(), clock.clone(), Arc::clone(&busy));
            // A thread of its own, which nobody waits for: a server that stops does not wait for a backup.
            let started = stream.into_std().and_then(|stream| {
                std::thread::Builder::new().name("control".into()).spawn(move || {
                    if let Err(why) = converse(&stream, &store, &clock, &busy) {
                        log::warn!("a caller of the control socket was not answered to the end: {why}");
                    }
                })
            });
            if let Err(why) = started {
                log::warn!("a caller of the control socket was not answered: {why}");
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        if let Err(why) = std::fs::remove_file(&self.path) {
            log::warn!("{} is left behind: {why}", self.path.display());
        }
    }
}

/// Lets in the server's own user and the administrator, whatever the socket's mode allows.
fn admit(stream: &tokio::net::UnixStream) -> io::Result<()> {
    let caller = stream.peer_cred()?.uid();
    if caller == 0 || caller == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("user {caller}")))
}

/// Free again when dropped.
struct Turn<'b>(&'b AtomicBool);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn converse(stream: &UnixStream, store: &Store, clock: &Clock, busy: &AtomicBool) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut word = String::new();
    BufReader::new(stream.take(LONGEST_WORD)).read_line(&mut word)?;
    let mut out = BufWriter::with_capacity(1 << 16, stream);
    if busy.swap(true, Ordering::Acquire) {
        return refuse(&mut out, "a backup or a check is under way");
    }
    let _turn = Turn(busy);
    match word.trim_end() {
        BACKUP => back_up(&mut out, store, clock),
        CHECK => check(&mut out, store),
        _ => refuse(&mut out, "unknown command"),
    }
}

fn refuse(out: &mut impl Write, why: &str) -> io::Result<()> {
    writeln!(out, "{}", json!({ "error": why }))?;
    out.flush()
}

fn back_up(out: &mut impl Write, store: &Store, clock: &Clock) -> io::Result<()> {
    match store.backup(clock.now(), out, &mut |_| {}) {
        Ok(summary) => {
            log::info!("backed up {} users, {} entries", summary.header.users, summary.records);
            Ok(())
        }
        Err(why) => {
            log::error!("a backup was not finished: {why}");
            refuse(out, &why.to_string())
        }
    }
}

/// A line of the answer to `check`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Finding {
    /// Something is wrong.
    Problem(String),
    /// So many entries were looked at by now; told while it lasts, so that the caller knows that it does.
    LookedAt(u64),
    /// All was looked at; the last line.
    Checked(Checked),
    /// Nothing was looked at.
    Error(String),
}

fn check(out: &mut impl Write, store: &Store) -> io::Result<()> {
    // Both kinds of news go the same way; whoever went away is told nothing more.
    let news = RefCell::new((out, Ok(())));
    let tell = |finding: &Finding, at_once: bool| {
        let (out, told) = &mut *news.borrow_mut();
        if told.is_ok() {
            *told = serde_json::to_writer(&mut **out, finding)
                .map_err(io::Error::from)
                .and_then(|()| out.write_all(b"\n"))
                .and_then(|()| if at_once { out.flush() } else { Ok(()) });
        }
    };
    let mut last_told = Instant::now();
    let checked = store.check(
        &mut |problem| {
            log::error!("the store is damaged: {problem}");
            tell(&Finding::Problem(problem.to_owned()), false);
        },
        &mut |entries| {
            if last_told.elapsed() >= NEWS_EVERY {
                tell(&Finding::LookedAt(entries), true);
                last_told = Instant::now();
            }
        },
    );
    log::info!("checked the store: {checked:?}");
    tell(&Finding::Checked(checked), true);
    news.into_inner().1
}
