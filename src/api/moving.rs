//! `/dumpdata` and `/loaddata`: everything out, everything in (`contract/import.md` §1, §3). Files are read and
//! written below the one folder of the settings only. One of these calls runs at a time, on a thread of its own.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, web};
use rustix::fs::OFlags;

use super::body::{BodyLimit, RawBody};
use super::dump::{self, Contents, Dump, Layout, NameBelow, Scopes, Source};
use super::page::Query;
use super::response::{Failure, message};
use crate::auth::caller::ByAdmin;
use crate::domain::quote::quote;
use crate::error::Error;
use crate::service::moving::incoming::Incoming as _;
use crate::service::moving::report::{KEPT, Noted, Problem, Report};
use crate::service::moving::{Extent, LoadOptions, Mode, Openers, Unopened};
use crate::state::State;

/// The most bytes of a body that is loaded (`contract/endpoints.md` §1).
const MAX_BODY: usize = 20 << 20;
/// The most bytes of a file that is loaded: all of it is one write, during which no other is answered.
const MAX_FILE: u64 = 64 << 20;
/// Problems that an answer tells.
const TOLD: usize = 20;
/// Problems that the log tells: a hostile load has as many as it has elements.
const LOGGED: usize = 200;

/// `GET /dumpdata`: the dump itself, or a file with it on the server.
///
/// # Errors
/// 400 for a file that cannot be named so, 503 while another dump or load is under way.
pub async fn dump(
    _: ByAdmin,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let query = Query::new(request.query_string());
    let scopes = Scopes::parse(query.first("scopes").as_deref());
    if query.first("output-data").as_deref() == Some("1") {
        return Ok(streamed(state, scopes).await?);
    }
    let name = query.first("output-file").unwrap_or_default();
    let (folder, name) = output(state.backups_path.as_deref(), &name)?;
    let is_indented = query.first("indent").as_deref() == Some("1");
    let layout = if is_indented { Layout::Indented } else { Layout::OneLine };
    let turn = state.moving.turn().await?;
    web::block(move || {
        let _turn = turn;
        let contents = Contents { state: &state, scopes: &scopes, layout };
        dump::save_below(contents, &folder, &name)
    })
    .await
    .map_err(Error::internal)??;
    Ok(message(StatusCode::OK, "Data saved"))
}

/// `POST /loaddata`: loads the dump of the body, all of it or nothing.
///
/// # Errors
/// 400 for a body that is no dump, for objects that cannot be and for what no admin may do to himself; 409 for a
/// role that is not there, 503 while another dump or load is under way.
pub async fn load(
    caller: ByAdmin,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let options = options(&caller, &state, &request)?;
    let turn = state.moving.turn().await?;
    let limit = request.app_data::<BodyLimit>().copied().unwrap_or_default();
    let limit = BodyLimit { bytes: MAX_BODY, ..limit };
    let bytes = RawBody::read(payload.into_inner(), limit).await?.into_bytes()?;
    if bytes.is_empty() {
        return Err(Error::malformed("request body is required").into());
    }
    web::block(move || {
        let _turn = turn;
        load_from(&state, Source::Memory(bytes), "", &options)
    })
    .await
    .map_err(Error::internal)??;
    Ok(message(StatusCode::OK, "Data restored"))
}

/// `GET /loaddata`: loads a dump from a file on the server, all of it or nothing.
///
/// # Errors
/// As [`load`]; 400 for a file that is not there, too long, or outside the folder of the settings.
pub async fn load_file(
    caller: ByAdmin,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let options = options(&caller, &state, &request)?;
    let name = Query::new(request.query_string()).first("input-file").unwrap_or_default().into_owned();
    let turn = state.moving.turn().await?;
    web::block(move || {
        let _turn = turn;
        let file = input_file(state.backups_path.as_deref(), &name)?;
        load_from(&state, Source::File(file), &name, &options)
    })
    .await
    .map_err(Error::internal)??;
    Ok(message(StatusCode::OK, "Data restored"))
}

/// The parameters of a load.
fn options(caller: &ByAdmin, state: &State, request: &HttpRequest) -> Result<LoadOptions, Error> {
    let query = Query::new(request.query_string());
    let number = |name: &str| match query.first(name) {
        None => Ok(0),
        Some(text) => text
            .parse::<i64>()
            .map_err(|_| Error::malformed(format!("invalid {name}: it must be an integer"))),
    };
    if !(0..=2).contains(&number("scan-quota")?) {
        return Err(Error::malformed("invalid scan-quota: it must be 0, 1 or 2"));
    }
    let mode = Mode::from(number("mode")?);
    let keeps_all = query.first("keep-sealed").as_deref() == Some("1");
    let unopened = if keeps_all { Unopened::Keep } else { Unopened::TrustLocal };
    let openers = Openers::new(state.moving.sealer().clone(), None, unopened);
    Ok(LoadOptions { mode, openers, loader: Some(caller.editor()) })
}

fn load_from(state: &State, source: Source, name: &str, options: &LoadOptions) -> Result<(), Error> {
    let dump =
        Dump::open(source).map_err(|why| Error::malformed(format!("invalid input_file {name:?}: {why}")))?;
    let quiet: &(dyn Fn(_, _, _) + Sync) = &|_, _, _| ();
    let checked = state.moving.check(&dump, options, quiet);
    for left in dump.left_out() {
        let (count, names) = (left.count, left.names.iter().take(TOLD));
        let names = names.map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = if count > TOLD { ", …" } else { "" };
        log::warn!("load: {count} {} are left out, this server has none: {names}{more}", left.what);
    }
    note(&checked.report);
    if let Some(refusal) = refusal(&checked.report.problems) {
        return Err(refusal);
    }
    let done = state.moving.write(&dump, checked, options, Extent::OneWrite, quiet)?;
    for (part, tally) in done.parts {
        let (added, replaced, kept) = (tally.added, tally.replaced, tally.kept);
        log::info!("load: {}: {added} added, {replaced} replaced, {kept} kept", part.member());
    }
    Ok(())
}

fn note(report: &Report) {
    for warning in report.warnings.first().iter().take(LOGGED) {
        log::warn!("load: {warning}");
    }
    for problem in report.problems.first().iter().take(LOGGED) {
        log::warn!("load refused: {problem}");
    }
    for (what, count) in [("warnings", report.warnings.count()), ("problems", report.problems.count())] {
        if let Some(more) = count.checked_sub(LOGGED).filter(|more| *more > 0) {
            log::warn!("load: {more} more {what}; usersd import --check names up to {KEPT}");
        }
    }
}

/// All problems as one answer, of the first one's kind.
fn refusal(problems: &Noted<Problem>) -> Option<Error> {
    let first = problems.first().first()?;
    let told = problems.first().iter().take(TOLD).map(|problem| {
        let Problem { place, error } = problem;
        let one = place.part.one();
        if place.name.is_empty() {
            let (part, index) = (place.part.member(), place.index);
            return format!("unable to restore {one} {part}[{index}] in line {}: {error}", place.line);
        }
        format!("unable to restore {one} {}: {error}", quote(&place.name))
    });
    let more = problems.count().checked_sub(TOLD).filter(|more| *more > 0);
    let more = more.map(|more| format!("and {more} more"));
    let text = told.chain(more).collect::<Vec<_>>().join("; ");
    let is_conflict = matches!(first.error, Error::Conflict(_));
    Some(if is_conflict { Error::Conflict(text.into()) } else { Error::malformed(text) })
}

/// Where a dump is written that is to be called so.
fn output(folder: Option<&Path>, name: &str) -> Result<(PathBuf, NameBelow), Error> {
    let what = format!("invalid output-file {name:?}");
    let Some(folder) = folder else {
        let why = "this server has no folder for dumps (store.backups_path), ask for output-data=1";
        return Err(Error::malformed(format!("{what}: {why}")));
    };
    Ok((folder.to_path_buf(), NameBelow::parse(&what, name)?))
}

/// The file of a dump to be loaded: it must lie in the folder for dumps, links followed. The answer for all other
/// files is the same, whether they are there or not.
fn input_file(folder: Option<&Path>, name: &str) -> Result<File, Error> {
    let refused = |why: &str| Error::malformed(format!("invalid input_file {name:?}: {why}"));
    let folder = folder.ok_or_else(|| refused("this server has no folder for dumps (store.backups_path)"))?;
    if name.is_empty() {
        return Err(refused("a name is needed"));
    }
    let absent = || refused("there is no such file in the folder for dumps (store.backups_path)");
    let folder = folder.canonicalize().map_err(|_| absent())?;
    let path = folder.join(name).canonicalize().map_err(|_| absent())?;
    // Looked at before it is opened, which waits for the other end of a pipe.
    if !path.starts_with(&folder) || !path.is_file() {
        return Err(absent());
    }
    let no_link = OFlags::NOFOLLOW.bits().cast_signed();
    let file = File::options().read(true).custom_flags(no_link).open(&path).map_err(|_| absent())?;
    let found = file.metadata().map_err(|_| absent())?;
    if !found.is_file() {
        return Err(absent());
    }
    if found.len() > MAX_FILE {
        return Err(refused(
            "it is too long to be loaded while the server runs: stop it and use `usersd import`",
        ));
    }
    Ok(file)
}

/// Answers the dump while it is being written.
async fn streamed(state: web::Data<State>, scopes: Scopes) -> Result<HttpResponse, Error> {
    let turn = state.moving.turn().await?;
    let body = dump::stream(move |out| {
        let _turn = turn;
        dump::write(&state, &scopes, Layout::OneLine, out)
    });
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"sftpgo-backup.json\""))
        .streaming(body))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_dump_is_read_from_its_folder_or_not_at_all() {
        let outside = tempfile::tempdir().unwrap();
        let folder = outside.path().join("dumps");
        fs::create_dir_all(folder.join("sub")).unwrap();
        for file in ["secret", "dumps/a", "dumps/sub/b"] {
            fs::write(outside.path().join(file), file).unwrap();
        }
        for (link, to) in [("link", "secret"), ("dangling", "missing"), ("latest", "dumps/a")] {
            std::os::unix::fs::symlink(outside.path().join(to), folder.join(link)).unwrap();
        }
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let absolute = text(&folder.join("a"));
        for name in ["a", "sub/b", "sub/../a", "latest", &absolute] {
            assert!(input_file(Some(&folder), name).is_ok(), "{name}");
        }
        let elsewhere = text(&outside.path().join("secret"));
        assert!(input_file(Some(&folder), "").is_err());
        let missing = text(&outside.path().join("missing"));
        let long = "a".repeat(5000);
        let why = |name: &str| {
            let why = input_file(Some(&folder), name).unwrap_err().to_string();
            why.replacen(&format!("{name:?}"), "", 1)
        };
        for name in [
            "sub",
            ".",
            "..",
            "/",
            "../secret",
            "link",
            "dangling",
            "a/",
            "a/b",
            "a\0",
            &elsewhere,
            &missing,
            &long,
        ] {
            assert_eq!(why(name), why("c"), "{name}");
        }
        assert!(input_file(None, &absolute).is_err());
    }
}
