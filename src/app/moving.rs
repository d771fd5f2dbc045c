//! Moving in and out on the store itself, while no server has it. Afterwards the store is opened once more:
//! that undoes an import which failed half-way, and leaves a snapshot from which the next start is quick.

use std::fs::File;
use std::io::{self, Read, Seek as _, Write};
use std::num::NonZeroU32;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::assemble;
use crate::api::dump::{self, Contents, Dump, Layout, Scopes, Source};
use crate::clock::Clock;
use crate::domain::sealer::{MasterKey, Sealer};
use crate::error::Error;
use crate::exit::{Exit, Failure};
use crate::random;
use crate::service::moving::foreign::{ForeignUsers, Format};
use crate::service::moving::incoming::{Incoming, Part};
use crate::service::moving::report::Report;
use crate::service::moving::{Done, Extent, LoadOptions, Mode, Openers, Unopened};
use crate::settings::Settings;
use crate::state::State;
use crate::store::Store;

/// The file whose name stands for standard input or output.
const STANDARD: &str = "-";

/// The engine's page cache while users are moved in, unless the settings say otherwise. As large as the data, as a
/// server has it, it would hold everything that is written and never read again.
const ENGINE_CACHE_MIB: Option<NonZeroU32> = NonZeroU32::new(64);

/// What an import reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportFormat {
    /// A dump.
    Dump,
    /// A file of another program.
    Foreign(Format),
}

/// How much of an import is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Atomic {
    /// What is good is written, whatever is wrong with the rest.
    No,
    /// Everything or nothing.
    Yes,
}

/// What is to be imported, and how.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    /// The file, or `-`.
    pub file: PathBuf,
    /// What it is.
    pub format: ImportFormat,
    /// The hashes of a passwd file.
    pub shadow: Option<PathBuf>,
    /// What becomes of objects that are there already.
    pub mode: Mode,
    /// Whether to look only.
    pub check: bool,
    /// How much is one.
    pub atomic: Atomic,
    /// The file with the master key of the server that the file comes from.
    pub master_key_file: Option<PathBuf>,
    /// Whether secrets that do not open are kept as they are.
    pub keep_sealed: bool,
}

/// What an import found and did.
#[derive(Debug)]
pub struct Imported {
    /// What was found.
    pub report: Report,
    /// What was done, if anything was.
    pub done: Option<Done>,
}

/// What is to be exported.
#[derive(Debug, Clone)]
pub struct ExportRequest {
    /// The file, or `-`.
    pub file: PathBuf,
    /// The parts.
    pub scopes: Option<String>,
    /// Whether the dump is indented.
    pub indent: bool,
}

/// Hears how an import proceeds: what is being done, and how many of how many users are.
pub type ImportProgress = Arc<dyn Fn(&str, usize, usize) + Send + Sync>;

/// Moves a file in.
///
/// # Errors
/// When the store is in use or refused, the file cannot be read, or the store fails to write.
pub fn import(
    settings: &Settings,
    request: &ImportRequest,
    progress: &ImportProgress,
) -> Result<Imported, Failure> {
    // What is read from standard input may take its time; the store is opened when it is there.
    let incoming = open(request)?;
    let mut settings = without_cache(settings);
    settings.store.engine_cache_mib = settings.store.engine_cache_mib.or(ENGINE_CACHE_MIB);
    // A look leaves nothing behind where there was nothing.
    let aside = (request.check && !Store::is_at(&settings.store.path)).then(Aside::new).transpose()?;
    if let Some(aside) = &aside {
        settings.store.path.clone_from(&aside.0);
        settings.store.require_data = false;
    }
    let openers = openers(&settings, request)?;
    let imported = with_state(&settings, {
        let (request, progress) = (request.clone(), Arc::clone(progress));
        move |state| run(state, incoming.as_ref(), &request, openers, &progress)
    });
    // Once more, see above; only then is it certain what stays.
    let again = assemble::open_store(&settings)?;
    again.close().map_err(not_closed)?;
    imported?.map_err(|why| {
        let stays = match request.atomic {
            Atomic::Yes => "the import failed, nothing of it stays",
            Atomic::No => "the import failed, what was written before stays",
        };
        Failure::new(Exit::Failed, stays).because(why)
    })
}

/// Writes everything out as a dump.
///
/// # Errors
/// When the store is in use or refused, or the file cannot be written.
pub fn export(settings: &Settings, request: &ExportRequest, out: &mut dyn Write) -> Result<(), Failure> {
    let scopes = Scopes::parse(request.scopes.as_deref());
    let layout = if request.indent { Layout::Indented } else { Layout::OneLine };
    actix_web::rt::System::new().block_on(async {
        let state = assemble::state(&without_cache(&assemble::of_what_is_there(settings)), Clock::System)?;
        let written = if request.file.as_os_str() == STANDARD {
            dump::write(&state, &scopes, layout, out)
        } else {
            dump::save(Contents { state: &state, scopes: &scopes, layout }, &request.file)
        };
        state.store.close().map_err(not_closed)?;
        written.map_err(|why| Failure::new(Exit::Failed, "the export failed").because(why))
    })
}

/// The settings for work that reads or writes each user once: a cache of documents would only take memory.
fn without_cache(settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    settings.store.document_cache_mib = 0;
    settings
}

/// Opens the store, works with it on a thread that may wait, and closes it.
fn with_state<T: Send + 'static>(
    settings: &Settings,
    work: impl FnOnce(&State) -> T + Send + 'static,
) -> Result<T, Failure> {
    actix_web::rt::System::new().block_on(async {
        let state = assemble::state(settings, Clock::System)?;
        let store = state.store.clone();
        let worked = tokio::task::spawn_blocking(move || work(&state)).await;
        store.close().map_err(not_closed)?;
        worked.map_err(|why| Failure::new(Exit::Failed, "the import broke off").because(why))
    })
}

fn run(
    state: &State,
    incoming: &dyn Incoming,
    request: &ImportRequest,
    openers: Openers,
    progress: &ImportProgress,
) -> Result<Imported, Error> {
    let options = LoadOptions { mode: request.mode, openers, loader: None };
    let says = |what: &'static str| move |_: Part, done: usize, all: usize| progress(what, done, all);
    let mut checked = state.moving.check(incoming, &options, &says("checked"));
    let report = std::mem::take(&mut checked.report);
    let is_refused = request.atomic == Atomic::Yes && !report.problems.is_empty();
    if request.check || is_refused {
        return Ok(Imported { report, done: None });
    }
    let extent = match request.atomic {
        Atomic::Yes => Extent::Journaled,
        Atomic::No => Extent::Writes,
    };
    let done = state.moving.write(incoming, checked, &options, extent, &says("written"))?;
    Ok(Imported { report, done: Some(done) })
}

fn openers(settings: &Settings, request: &ImportRequest) -> Result<Openers, Failure> {
    let own = assemble::sealer(settings)?;
    let old = request.master_key_file.as_deref().map(Settings::master_key_in).transpose()?;
    let old = old.map(|text| MasterKey::parse(text.expose().to_owned())).transpose();
    let old = old.map_err(|why| Failure::new(Exit::Usage, why.to_string()))?;
    let unopened = if request.keep_sealed { Unopened::Keep } else { Unopened::Refuse };
    Ok(Openers::new(own, old.map(|key| Sealer::new(Some(key))), unopened))
}

/// The file as something to be moved in.
fn open(request: &ImportRequest) -> Result<Box<dyn Incoming + Send>, Failure> {
    let wrong = |why: Error| {
        Failure::new(Exit::Failed, format!("{} cannot be imported", request.file.display())).because(why)
    };
    let mut file = input(&request.file)?;
    Ok(match request.format {
        ImportFormat::Dump => Box::new(Dump::open(Source::File(file)).map_err(wrong)?),
        ImportFormat::Foreign(format) => {
            let mut shadow = request.shadow.as_deref().map(input).transpose()?;
            let shadow = shadow.as_mut().map(|file| file as &mut dyn Read);
            Box::new(ForeignUsers::read(format, &mut file, shadow).map_err(wrong)?)
        }
    })
}

/// Opens a file for reading. Standard input is copied, since elements are read more than once.
fn input(path: &Path) -> Result<File, Failure> {
    let failed = |why: io::Error| {
        Failure::new(Exit::Failed, format!("{} cannot be read", path.display())).because(why)
    };
    if path.as_os_str() != STANDARD {
        return File::open(path).map_err(failed);
    }
    let mut copy = nameless_file().map_err(failed)?;
    io::copy(&mut io::stdin().lock(), &mut copy).map_err(failed)?;
    copy.rewind().map_err(failed)?;
    Ok(copy)
}

/// A file that is ours alone and is gone when it is closed.
fn nameless_file() -> io::Result<File> {
    let path = std::env::temp_dir().join(format!("usersd-{}", random::short_id()));
    let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// A folder for a store that only serves a look, removed at the end.
struct Aside(PathBuf);

impl Aside {
    fn new() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("usersd-{}", random::short_id()));
        std::fs::create_dir(&path)
            .and_then(|()| {
                let closed = std::os::unix::fs::PermissionsExt::from_mode(0o700);
                std::fs::set_permissions(&path, closed)
            })
            .map_err(|why| Failure::new(Exit::Failed, "no folder for the check can be made").because(why))?;
        Ok(Self(path))
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if let Err(why) = std::fs::remove_dir_all(&self.0) {
            log::warn!("{} is left over: {why}", self.0.display());
        }
    }
}

fn not_closed(why: Error) -> Failure {
    Failure::new(Exit::Failed, "the store was not closed in order").because(why)
}

#[cfg(test)]
mod tests;
