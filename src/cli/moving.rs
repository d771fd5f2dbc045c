//! `usersd import` and `usersd export`: what is asked, how far it is, and what came of it.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::print;
use crate::app::{self, Atomic, ExportRequest, ImportFormat, ImportRequest, Imported};
use crate::exit::{Exit, Failure};
use crate::service::moving::Mode;
use crate::service::moving::foreign::Format;
use crate::service::moving::incoming::Part;
use crate::service::moving::report::{Noted, Placed};
use crate::settings::Settings;

/// What is to be moved in.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Import {
    /// File to read, or - for standard input
    file: PathBuf,

    /// What the file is
    #[arg(long, value_enum, default_value = "dump")]
    format: ImportedFormat,

    /// Shadow file with the hashes of a passwd file
    #[arg(long, value_name = "FILE")]
    shadow: Option<PathBuf>,

    /// Look only: name every problem with its place, and change nothing
    #[arg(long)]
    check: bool,

    /// Write everything, or nothing at all if anything is wrong or the import is cut off
    #[arg(long)]
    all_or_nothing: bool,

    /// Leave objects alone that are there already, instead of replacing them
    #[arg(long)]
    add_only: bool,

    /// File with the master key of the server that the dump comes from
    ///
    /// Secrets that it opens are sealed anew with the key of this server.
    #[arg(long, value_name = "FILE")]
    master_key_file: Option<PathBuf>,

    /// Take secrets that cannot be opened as they are, instead of refusing their owners
    #[arg(long)]
    keep_sealed: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ImportedFormat {
    /// Dump of usersd or SFTPGo
    Dump,
    /// passwd file of a Unix system
    Passwd,
    /// Shadow file of a Unix system, alone
    Shadow,
    /// Password file of a web server
    Htpasswd,
    /// Comma-separated values; the first line names the members of a user that the columns hold
    Csv,
}

/// What is to be moved out.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// File to write, or - for standard output
    file: PathBuf,

    /// Parts to write, separated by commas: users, admins, roles, … [default: all]
    #[arg(long, value_name = "WORD,…")]
    scopes: Option<String>,

    /// Indent the dump for people to read
    #[arg(long)]
    indent: bool,
}

impl Import {
    /// Moves in and tells what came of it.
    pub(super) fn run(self, settings: &Settings, out: &mut dyn Write) -> Result<(), Failure> {
        if self.shadow.is_some() && !matches!(self.format, ImportedFormat::Passwd) {
            return Err(Failure::new(Exit::Usage, "--shadow belongs to --format passwd"));
        }
        let is_check = self.check;
        let request = ImportRequest {
            file: self.file,
            format: match self.format {
                ImportedFormat::Dump => ImportFormat::Dump,
                ImportedFormat::Passwd => ImportFormat::Foreign(Format::Passwd),
                ImportedFormat::Shadow => ImportFormat::Foreign(Format::Shadow),
                ImportedFormat::Htpasswd => ImportFormat::Foreign(Format::Htpasswd),
                ImportedFormat::Csv => ImportFormat::Foreign(Format::Csv),
            },
            shadow: self.shadow,
            mode: if self.add_only { Mode::AddOnly } else { Mode::Replace },
            check: self.check,
            atomic: if self.all_or_nothing { Atomic::Yes } else { Atomic::No },
            master_key_file: self.master_key_file,
            keep_sealed: self.keep_sealed,
        };
        let imported = app::import(settings, &request, &progress())?;
        print(out, &told(&imported, is_check))?;
        match imported.report.problems.count() {
            0 => Ok(()),
            count => Err(Failure::new(Exit::Failed, outcome(count, &imported, is_check))),
        }
    }
}

impl Export {
    /// Moves out.
    pub(super) fn run(self, settings: &Settings, out: &mut dyn Write) -> Result<(), Failure> {
        let request = ExportRequest { file: self.file, scopes: self.scopes, indent: self.indent };
        app::export(settings, &request, out)
    }
}

/// Shows on a terminal how far it is.
fn progress() -> app::ImportProgress {
    let is_shown = std::io::stderr().is_terminal();
    Arc::new(move |what: &str, done: usize, all: usize| {
        if is_shown {
            let end = if done == all { "\n" } else { "" };
            // Nobody is left to see it when standard error is gone.
            drop(write!(std::io::stderr(), "\r{done} of {all} users {what}{end}"));
        }
    })
}

/// Everything that was found, then what was done, a line each.
fn told(imported: &Imported, is_check: bool) -> String {
    let Imported { report, done } = imported;
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "{line}").expect("a String takes whatever is written");
    report.problems.first().iter().for_each(|problem| line(format!("problem: {problem}")));
    more("problems", &report.problems).into_iter().for_each(&mut line);
    report.warnings.first().iter().for_each(|warning| line(format!("warning: {warning}")));
    more("warnings", &report.warnings).into_iter().for_each(&mut line);
    for left in &report.left_out {
        let names: Vec<String> = left.names.iter().map(|name| format!("{name:?}")).collect();
        let names = names.join(", ") + if names.len() < left.count { ", …" } else { "" };
        line(format!("left out: {} {}, this server has none: {names}", left.count, left.what));
    }
    if let Some(done) = done {
        for (part, tally) in &done.parts {
            let (added, replaced, kept) = (tally.added, tally.replaced, tally.kept);
            line(format!("{}: {added} added, {replaced} replaced, {kept} left alone", word(*part)));
        }
    } else if is_check && report.problems.is_empty() {
        line("Everything can be imported.".to_owned());
    }
    text
}

/// What is said of those that were counted only.
fn more<T: Placed>(what: &str, noted: &Noted<T>) -> Option<String> {
    let more = noted.count() - noted.first().len();
    (more > 0).then(|| format!("and {more} more {what}"))
}

fn outcome(problems: usize, imported: &Imported, is_check: bool) -> String {
    let objects = if problems == 1 { "1 object" } else { &format!("{problems} objects") };
    match (&imported.done, is_check) {
        (_, true) => format!("{objects} cannot be imported"),
        (Some(_), false) => format!("{objects} could not be imported, the others are"),
        (None, false) => format!("{objects} cannot be imported, so nothing was"),
    }
}

fn word(part: Part) -> &'static str {
    match part {
        Part::ApiKeys => "API keys",
        Part::Roles | Part::Folders | Part::Groups | Part::Users | Part::Admins => part.member(),
    }
}
