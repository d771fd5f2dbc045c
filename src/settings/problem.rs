//! What can be wrong with settings, and the list that the sections' checks fill: every problem is
//! reported at once, each under the key that has to be mended.

use std::io;
use std::path::PathBuf;

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The settings file cannot be read.
    #[error("{}: cannot be read", file.display())]
    Unreadable {
        /// The file asked for.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Values are wrong: one line each, beginning with the file and line or the variable.
    #[error("{}", .0.join("\n"))]
    Wrong(Vec<String>),
    /// A file that holds a secret cannot be read, written or trusted.
    #[error("{key}: {}: {why}", file.display())]
    Secret {
        /// The setting that names the file.
        key: &'static str,
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// A value that does not fit, under the key by which a file or a variable sets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) key: String,
    pub(super) why: String,
}

/// The problems found so far.
#[derive(Debug, Default)]
pub(super) struct Problems(pub(super) Vec<Problem>);

impl Problems {
    /// Notes a problem with the value at `key`.
    pub(super) fn add(&mut self, key: impl Into<String>, why: impl Into<String>) {
        self.0.push(Problem { key: key.into(), why: why.into() });
    }

    /// Notes a problem with the value at `key` unless the rule holds.
    pub(super) fn unless(&mut self, holds: bool, key: &str, why: &str) {
        if !holds {
            self.add(key, why);
        }
    }
}
