//! `backup`, `restore` and `store check`: what they print, and how far they are on a terminal.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::print;
use crate::app;
use crate::exit::{Exit, Failure};
use crate::settings::Settings;

/// How often a terminal is told.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// Makes a backup and says what is in it.
pub(super) fn back_up(settings: &Settings, to: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    let summary = Progress::show(|tick| app::back_up(settings, to, tick))?;
    let text = format!(
        "{}: {} users, {} entries in all, as of {}.\n\
         Keep it like the store itself, it holds password hashes and secrets; {}.\n",
        to.display(),
        summary.header.users,
        summary.records,
        summary.header.taken_at,
        summary.header.keys
    );
    print(out, &text)
}

/// Restores a backup and says what came of it.
pub(super) fn restore(settings: &Settings, from: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    let summary = Progress::show(|tick| app::restore(settings, from, tick))?;
    let text = format!(
        "Restored {} users, {} entries in all, as of {}, to {}.\n",
        summary.header.users,
        summary.records,
        summary.header.taken_at,
        settings.store.path.display()
    );
    print(out, &text)
}

/// Checks the store and prints what is wrong with it.
pub(super) fn check(settings: &Settings, out: &mut dyn Write) -> Result<(), Failure> {
    let mut problems = Vec::new();
    let checked = Progress::show(|tick| {
        app::check_store(settings, &mut |problem| problems.push(problem.to_owned()), tick)
    })?;
    for problem in &problems {
        print(out, &format!("{problem}\n"))?;
    }
    let looked_at = format!(
        "{} users, {} other records, {} index entries",
        checked.users, checked.others, checked.index_entries
    );
    if checked.problems == 0 {
        return print(out, &format!("{looked_at}: all in order.\n"));
    }
    Err(Failure::new(Exit::Failed, format!("{looked_at}: {} problems", checked.problems)))
}

/// How far something is, on standard error where that is a terminal; nowhere else.
struct Progress {
    is_terminal: bool,
    told: Option<Instant>,
}

impl Progress {
    fn show<T>(work: impl FnOnce(&mut dyn FnMut(u64)) -> T) -> T {
        let mut progress = Self { is_terminal: std::io::stderr().is_terminal(), told: None };
        let outcome = work(&mut |entries| progress.tell(entries));
        if progress.told.is_some() {
            write("\r\x1b[K");
        }
        outcome
    }

    fn tell(&mut self, entries: u64) {
        if self.is_terminal && self.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            self.told = Some(Instant::now());
            write(&format!("\r{entries} entries"));
        }
    }
}

fn write(text: &str) {
    let mut stderr = std::io::stderr().lock();
    // Progress that cannot be shown is no failure.
    drop(stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()));
}
