//! How a run of the program ends: the exit codes, which scripts and service managers act on, and the
//! failure that carries one with its text up to `main`.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use crate::settings::SettingsError;

/// The exit codes; `usersd --help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All went well, or the server was stopped in order.
    Done = 0,
    /// Something failed that has no code of its own.
    Failed = 1,
    /// The command line or the settings are wrong; nothing was touched.
    Usage = 2,
    /// Another process has the store.
    StoreInUse = 3,
    /// The store cannot be used: damaged, written by a newer version, empty although data are required.
    StoreRefused = 4,
    /// None of the addresses to listen on can be had.
    AddressInUse = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ended without having done its work.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    text: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure with the code to end with and a text for the operator.
    #[must_use]
    pub fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, text: text.into(), source: None }
    }

    /// The same with what caused it.
    #[must_use]
    pub fn because(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// The code to end with.
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// The text and every cause below it, on one line each.
    #[must_use]
    pub fn report(&self) -> String {
        let mut report = self.text.clone();
        let mut cause = self.source();
        while let Some(error) = cause {
            report.push_str("\n  because: ");
            report.push_str(&error.to_string());
            cause = error.source();
        }
        report
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        let text = error.to_string();
        match error {
            SettingsError::Unreadable { source, .. } => Self::new(Exit::Usage, text).because(source),
            SettingsError::Wrong(_) | SettingsError::Secret { .. } => Self::new(Exit::Usage, text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_every_cause() {
        let inner = Failure::new(Exit::Failed, "disk full").because(std::io::Error::other("ENOSPC"));
        let failure = Failure::new(Exit::StoreRefused, "cannot open the store").because(inner);
        let report = failure.report();
        assert_eq!(report, "cannot open the store\n  because: disk full\n  because: ENOSPC");
        assert_eq!(failure.exit(), Exit::StoreRefused);
    }
}
