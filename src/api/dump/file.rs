//! A dump as a file: never half a dump under its name, for its owner alone, and below a folder of the settings
//! nowhere else, whatever stands there.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File};
use std::io::{self, BufWriter};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::{Layout, Scopes, write};
use crate::error::Error;
use crate::random;
use crate::state::State;

/// Bytes written at a time.
const BLOCK: usize = 64 << 10;
/// The longest name in a folder, and the longest way to one, in bytes.
const MAX_NAME: usize = 255;
const MAX_WAY: usize = 1024;

/// What a dump is written with.
#[derive(Debug, Clone, Copy)]
pub struct Contents<'c> {
    /// What is dumped.
    pub state: &'c State,
    /// The parts.
    pub scopes: &'c Scopes,
    /// How it is laid out.
    pub layout: Layout,
}

/// The name of a file below a folder: it leads nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameBelow {
    folders: Vec<String>,
    file: String,
}

impl NameBelow {
    /// Reads names parted by `/`.
    ///
    /// # Errors
    /// [`Error::Malformed`] that begins with `what`, for anything but the names of folders and a file.
    pub fn parse(what: &str, text: &str) -> Result<Self, Error> {
        let refused = |why: &str| Err(Error::malformed(format!("{what}: {why}")));
        if text.is_empty() {
            return refused("a name is needed");
        }
        if text.len() > MAX_WAY || text.split('/').any(|name| name.len() > MAX_NAME) {
            return refused("the name is too long");
        }
        if text.chars().any(char::is_control) {
            return refused("the name holds control characters");
        }
        if text.split('/').any(|name| ["", ".", ".."].contains(&name)) {
            return refused("it must be a relative path without \".\" and \"..\"");
        }
        let mut folders: Vec<String> = text.split('/').map(str::to_owned).collect();
        let file = folders.pop().unwrap_or_default();
        Ok(Self { folders, file })
    }
}

/// Writes a dump to a file. Folders that are not there are made.
///
/// # Errors
/// As [`write()`], and when the file cannot be written.
pub fn save(contents: Contents<'_>, path: &Path) -> Result<(), Error> {
    let Some(name) = path.file_name() else { return Err(Error::invalid("a file needs a name")) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    save_in(contents, &opened(folder)?, name)
}

/// Writes a dump to a file below a folder. What stands there instead of a folder on the way is not followed.
///
/// # Errors
/// [`Error::Invalid`] when something else than folders and a file stands there; as [`save`].
pub fn save_below(contents: Contents<'_>, folder: &Path, name: &NameBelow) -> Result<(), Error> {
    let mut at = opened(folder)?;
    for part in &name.folders {
        match rustix::fs::mkdirat(&at, part, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(why) => return Err(Error::internal(io::Error::from(why))),
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        at = match rustix::fs::openat(&at, part, flags, Mode::empty()) {
            Ok(folder) => folder,
            Err(Errno::NOTDIR | Errno::LOOP | Errno::MLINK) => {
                return Err(Error::invalid(format!("{part}: there is something else than a folder")));
            }
            Err(why) => return Err(Error::internal(io::Error::from(why))),
        };
    }
    save_in(contents, &at, OsStr::new(&name.file))
}

/// A folder, made if it is not there.
fn opened(folder: &Path) -> Result<OwnedFd, Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(Error::internal)?;
    Ok(File::open(folder).map_err(Error::internal)?.into())
}

/// Writes beside the place first: the name is that of a whole dump or of none.
fn save_in(contents: Contents<'_>, folder: &OwnedFd, name: &OsStr) -> Result<(), Error> {
    // Its place is taken by another file in the end: a pipe or a link would be gone, what it leads to unchanged.
    let there = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    if there.is_ok_and(|there| FileType::from_raw_mode(there.st_mode) != FileType::RegularFile) {
        return Err(Error::invalid(format!("{}: there is something else than a file", name.display())));
    }
    let beside = format!(".{}.part", random::short_id());
    let failed = |why: io::Error| Error::internal(why);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, &beside, flags, Mode::RUSR | Mode::WUSR);
    let file = File::from(file.map_err(|why| failed(why.into()))?);
    let written = write_to(contents, file).and_then(|()| {
        rustix::fs::renameat(folder, &beside, folder, name).map_err(|why| failed(why.into()))?;
        rustix::fs::fsync(folder).map_err(|why| failed(why.into()))
    });
    written.inspect_err(|_| {
        if let Err(why) = rustix::fs::unlinkat(folder, &beside, AtFlags::empty())
            && why != Errno::NOENT
        {
            log::warn!("{beside} is left over in the folder of the dump: {why}");
        }
    })
}

fn write_to(contents: Contents<'_>, file: File) -> Result<(), Error> {
    let mut out = BufWriter::with_capacity(BLOCK, file);
    write(contents.state, contents.scopes, contents.layout, &mut out)?;
    let file = out.into_inner().map_err(|why| Error::internal(why.into_error()))?;
    file.sync_all().map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        let below = |text: &str| NameBelow::parse("x", text);
        let file = |folders: &[&str], file: &str| NameBelow {
            folders: folders.iter().map(|name| (*name).to_owned()).collect(),
            file: file.to_owned(),
        };
        assert_eq!(below("a.json").unwrap(), file(&[], "a.json"));
        assert_eq!(below("x/.y/a b").unwrap(), file(&["x", ".y"], "a b"));
        assert_eq!(below(&"ä".repeat(127)).unwrap(), file(&[], &"ä".repeat(127)));
        let (long, deep) = ("a".repeat(256), "a/".repeat(600) + "a");
        let odd = [
            "", ".", "..", "/", "//", "/a", "../a", "a/..", "a/../b", "./a", "a/.", "a//b", "a/", "a\0",
            "a\nb",
        ];
        for text in odd.into_iter().chain([long.as_str(), &deep, &format!("{long}/a")]) {
            let why = below(text).unwrap_err();
            assert!(
                matches!(why, Error::Malformed(_)) && why.to_string().starts_with("x: "),
                "{text}: {why}"
            );
        }
    }
}
