//! A dump as a file.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::{Layout, Scopes, write};
use crate::error::Error;
use crate::random;
use crate::state::State;

/// Bytes written at a time.
const BLOCK: usize = 64 << 10;

/// Writes a dump to a file that only its owner may read, beside its place first: there is never half a dump
/// under its name. Folders that are not there are made.
///
/// # Errors
/// As [`write()`], and when the file cannot be written.
pub fn save(state: &State, scopes: &Scopes, layout: Layout, path: &Path) -> Result<(), Error> {
    // Its place is taken by another file in the end: a pipe or a link would be gone, what it leads to unchanged.
    if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(Error::invalid(format!("{}: there is something else than a file", name_of(path))));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(Error::internal)?;
    let beside = folder.join(format!(".{}.part", random::short_id()));
    let written = create(&beside).map_err(Error::internal).and_then(|file| {
        let mut out = BufWriter::with_capacity(BLOCK, file);
        write(state, scopes, layout, &mut out)?;
        out.into_inner()
            .map_err(|why| Error::internal(why.into_error()))?
            .sync_all()
            .map_err(Error::internal)?;
        fs::rename(&beside, path).map_err(Error::internal)
    });
    written.inspect_err(|_| {
        if let Err(why) = fs::remove_file(&beside) {
            log::warn!("{} is left over: {why}", beside.display());
        }
    })
}

/// The last part of a path: where the folder is, is nobody's business.
fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}
