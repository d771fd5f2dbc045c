//! What an operator does with the store itself: back up, restore, check. A running server is asked through its
//! control socket; where none runs, the store is opened.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::assemble::{refused, store_options};
use super::control::{self, Finding};
use crate::clock::Clock;
use crate::exit::{Exit, Failure};
use crate::settings::Settings;
use crate::store::{
    BackupError, BackupSummary, BadBackup, Checked, RestoreError, Store, StoreOptions, check_owner,
    verify_backup,
};

/// Hears how many entries are done.
type Tick<'t> = &'t mut dyn FnMut(u64);

/// Where the store is to be had.
enum Source {
    /// From the server that has it open.
    Server(UnixStream),
    /// From the disk.
    Disk(Box<Store>),
}

impl Source {
    fn find(settings: &Settings, word: &str) -> Result<Self, Failure> {
        use ErrorKind::{ConnectionRefused, InvalidInput, NotFound};

        let socket = settings.store.control_socket();
        let unheard =
            |why: io::Error| Failure::new(Exit::Failed, "the running server cannot be asked").because(why);
        match UnixStream::connect(&socket) {
            Ok(mut stream) => {
                stream.set_read_timeout(Some(control::PATIENCE)).map_err(unheard)?;
                writeln!(stream, "{word}").map_err(unheard)?;
                Ok(Self::Server(stream))
            }
            // A server that was killed leaves a socket behind which nobody listens. No server listens at all where the
            // path is too long for a socket (unix(7)).
            Err(why) if matches!(why.kind(), NotFound | ConnectionRefused | InvalidInput) => {
                check_owner(&settings.store.path).map_err(refused)?;
                // A look must not make a store where there is none.
                let options = StoreOptions { require_data: true, ..store_options(settings) };
                Ok(Self::Disk(Box::new(Store::open(&options).map_err(refused)?)))
            }
            Err(why) => Err(unheard(why)),
        }
    }
}

/// Writes a backup to a file, which appears under its name when it is whole, on the disk and read once again.
///
/// # Errors
/// When the store or the server cannot be reached, something in the store is damaged, or the file cannot be written.
pub fn back_up(settings: &Settings, to: &Path, tick: Tick<'_>) -> Result<BackupSummary, Failure> {
    let unwritten = |why: io::Error| {
        Failure::new(Exit::Failed, format!("the backup cannot be written to {}", to.display())).because(why)
    };
    let name = to.file_name().ok_or_else(|| unwritten(ErrorKind::IsADirectory.into()))?;
    if to.metadata().is_ok_and(|found| !found.is_file()) {
        return Err(unwritten(io::Error::other("it is no regular file")));
    }
    let partial = to.with_file_name(format!(".{}.partial", name.to_string_lossy()));
    let source = Source::find(settings, control::BACKUP)?;
    let made = write_backup(source, &partial, tick).and_then(|summary| {
        put_in_place(&partial, to).map_err(unwritten)?;
        Ok(summary)
    });
    if made.is_err() && partial.exists() {
        fs::remove_file(&partial).map_err(unwritten)?;
    }
    made
}

fn write_backup(source: Source, partial: &Path, tick: Tick<'_>) -> Result<BackupSummary, Failure> {
    let failed =
        |why: &dyn std::fmt::Display| Failure::new(Exit::Failed, format!("no backup was made: {why}"));
    let file = create(partial).map_err(|why| failed(&why))?;
    let mut out = BufWriter::with_capacity(1 << 16, &file);
    let written = match source {
        Source::Disk(store) => store.backup(Clock::System.now(), &mut out, tick).map(drop),
        Source::Server(stream) => receive(stream, &mut out, tick).map_err(BackupError::from),
    };
    written
        .and_then(|()| Ok(out.flush()?))
        .and_then(|()| Ok(file.sync_all()?))
        .map_err(|why| failed(&why))?;
    drop(out);
    // What counts is what can be read again.
    let written = File::open(partial).map_err(|why| failed(&why))?;
    verify_backup(BufReader::new(written), &mut |_| {}).map_err(|why| {
        if let BadBackup::Cut { .. } = why {
            return failed(&"the server ended before it was whole");
        }
        failed(&why)
    })
}

/// A new file for its owner alone, in place of one that a killed run has left.
fn create(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(why) if why.kind() != ErrorKind::NotFound => return Err(why),
        Ok(()) | Err(_) => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn put_in_place(partial: &Path, to: &Path) -> io::Result<()> {
    fs::rename(partial, to)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn receive(stream: UnixStream, out: &mut dyn Write, tick: Tick<'_>) -> io::Result<()> {
    let mut from = BufReader::with_capacity(1 << 16, stream);
    let (mut line, mut lines) = (Vec::new(), 0);
    while from.read_until(b'\n', &mut line)? > 0 {
        out.write_all(&line)?;
        line.clear();
        lines += 1;
        if lines % 1000 == 0 {
            tick(lines);
        }
    }
    Ok(())
}

/// Fills an empty store from a backup.
///
/// # Errors
/// When the backup cannot be used, the store is not empty or cannot be written.
pub fn restore(settings: &Settings, from: &Path, tick: Tick<'_>) -> Result<BackupSummary, Failure> {
    check_owner(&settings.store.path).map_err(refused)?;
    let file = File::open(from).map_err(|why| {
        Failure::new(Exit::Failed, format!("{} cannot be read", from.display())).because(why)
    })?;
    Store::restore(
        &store_options(settings),
        Clock::System.now(),
        BufReader::with_capacity(1 << 16, file),
        tick,
    )
    .map_err(|why| match why {
        RestoreError::Open(why) => refused(why),
        RestoreError::NotEmpty { .. } => Failure::new(Exit::StoreRefused, why.to_string()),
        RestoreError::Backup(_) | RestoreError::Unfinished { .. } => {
            Failure::new(Exit::Failed, why.to_string())
        }
    })
}

/// Looks at everything in the store; `problem` hears of what is wrong.
///
/// # Errors
/// When the store or the server cannot be reached.
pub fn check_store(
    settings: &Settings,
    problem: &mut dyn FnMut(&str),
    tick: Tick<'_>,
) -> Result<Checked, Failure> {
    match Source::find(settings, control::CHECK)? {
        Source::Disk(store) => Ok(store.check(problem, tick)),
        Source::Server(stream) => {
            let unheard =
                |why: io::Error| Failure::new(Exit::Failed, "the server gave no answer").because(why);
            for line in BufReader::new(stream).lines() {
                let line = line.map_err(unheard)?;
                match serde_json::from_str(&line).map_err(|why| unheard(why.into()))? {
                    Finding::Problem(what) => problem(&what),
                    Finding::LookedAt(entries) => tick(entries),
                    Finding::Checked(checked) => return Ok(checked),
                    Finding::Error(why) => return Err(Failure::new(Exit::Failed, why)),
                }
            }
            Err(unheard(ErrorKind::UnexpectedEof.into()))
        }
    }
}
