//! `[store]`, `[users]`, `[admins]`, `[hashing]` and `[[totp]]`: where accounts are kept and what is
//! asked of them.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::problem::Problems;
use crate::domain::password::HashingScheme;

/// `[store]`: the files that hold everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    /// Folder of the store, made at the first start with access for its owner only. Default
    /// `usersd-data` in the working directory.
    pub path: PathBuf,
    /// Memory the engine may use for its pages, MiB. With less than the users need it reads from the disk
    /// again and again. Default: absent, then twice the data file as it is at the start, at least 1024.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine_cache_mib: Option<NonZeroU32>,
    /// Memory for users ready to be served, MiB; 0 keeps none. Default 256.
    pub document_cache_mib: u32,
    /// Size of a file kept beside the data and given up when the disk is full, MiB; without it a
    /// store on a full disk cannot be opened. Default 64.
    pub reserve_mib: u32,
    /// Whether to refuse a start without data: set it once users exist, and a volume that is not
    /// mounted can never look like an empty server. Default false.
    pub require_data: bool,
    /// Unix socket through which `usersd backup` and `usersd store check` reach the running server. Default:
    /// absent, then `control.sock` in the store's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control_socket: Option<PathBuf>,
    /// Folder for the dumps that `/dumpdata` writes and `/loaddata` reads on the server, made when it is needed.
    /// Default: absent, dumps are sent and received only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backups_path: Option<PathBuf>,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            path: PathBuf::from("usersd-data"),
            engine_cache_mib: None,
            document_cache_mib: 256,
            reserve_mib: 64,
            require_data: false,
            control_socket: None,
            backups_path: None,
        }
    }
}

impl StoreSettings {
    /// The socket for the operator's commands.
    #[must_use]
    pub fn control_socket(&self) -> PathBuf {
        self.control_socket.clone().unwrap_or_else(|| self.path.join("control.sock"))
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        problems.unless(!self.path.as_os_str().is_empty(), "store.path", "must not be empty");
        problems.unless(
            self.engine_cache_mib.is_none_or(|mib| mib.get() >= 16),
            "store.engine_cache_mib",
            "must be at least 16: the engine does not work with less",
        );
        let is_empty = self.control_socket.as_ref().is_some_and(|path| path.as_os_str().is_empty());
        problems.unless(!is_empty, "store.control_socket", "must not be empty");
        problems.unless(
            self.backups_path.as_ref().is_none_or(|path| !path.as_os_str().is_empty()),
            "store.backups_path",
            "must not be empty",
        );
    }
}

/// `[users]`: rules for the persons of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UsersSettings {
    /// Folder below which a user without `home_dir` gets one (`contract/validation.md` §3). Default:
    /// absent, such users are refused or get one below `temp_dir`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_dir: Option<PathBuf>,
    /// Naming rules, a sum of 1 (any characters), 2 (lower-cased), 4 (blanks around names taken off);
    /// they hold for admins too (`contract/validation.md` §2). Default 5.
    pub naming_rules: u8,
    /// Least strength of a user's password, bits; 0 accepts any (`contract/validation.md` §10).
    /// Default 0; 50 to 70 is a good choice.
    pub min_password_strength: u16,
    /// Folder for the homes of users whose files are elsewhere. Default: absent, the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temp_dir: Option<PathBuf>,
    /// Whether a user is replaced, patched and removed only by requests that say with `If-Match` in which
    /// state; others are answered 428. Default false.
    pub require_if_match: bool,
    /// Whether a user is patched whatever the `Content-Type` says; else only `application/merge-patch+json` is
    /// taken, and any other `PATCH` is 405 as in the reference. Default true.
    pub patch_any_type: bool,
}

impl Default for UsersSettings {
    fn default() -> Self {
        Self {
            base_dir: None,
            naming_rules: 5,
            min_password_strength: 0,
            temp_dir: None,
            require_if_match: false,
            patch_any_type: true,
        }
    }
}

impl UsersSettings {
    pub(super) fn check(&self, problems: &mut Problems) {
        for (key, folder) in [("users.base_dir", &self.base_dir), ("users.temp_dir", &self.temp_dir)] {
            let absolute = folder.as_deref().is_none_or(Path::is_absolute);
            problems.unless(absolute, key, "must be an absolute path");
        }
        problems.unless(self.naming_rules <= 7, "users.naming_rules", "must be a sum of 1, 2 and 4");
        strength_is_possible(self.min_password_strength, "users.min_password_strength", problems);
    }
}

/// `[admins]`: rules for the operators of the server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminsSettings {
    /// Least strength of an admin's password, bits; 0 accepts any. Default 0; 60 to 80 is a good choice.
    pub min_password_strength: u16,
}

impl AdminsSettings {
    pub(super) fn check(&self, problems: &mut Problems) {
        strength_is_possible(self.min_password_strength, "admins.min_password_strength", problems);
    }
}

fn strength_is_possible(bits: u16, key: &str, problems: &mut Problems) {
    problems.unless(bits <= 256, key, "must be at most 256: nobody types a stronger password");
}

/// How new passwords are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HashAlgorithm {
    /// bcrypt, written as `$2a$`; passwords of at most 72 bytes.
    Bcrypt,
    /// Argon2id, written as a PHC string.
    Argon2id,
}

/// `[hashing]`: how passwords are hashed and how much of the machine that may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HashingSettings {
    /// For new passwords: `bcrypt` or `argon2id`; all known forms are verified. Default `bcrypt`.
    pub algorithm: HashAlgorithm,
    /// Cost of bcrypt: each step doubles the time; 4 to 15. Default 10.
    pub bcrypt_cost: u8,
    /// Memory of Argon2id, KiB, at most 262 144; times the passes at most 1 048 576. Default 65 536.
    pub argon2_memory_kib: NonZeroU32,
    /// Passes of Argon2id. Default 1.
    pub argon2_iterations: NonZeroU32,
    /// Lanes of Argon2id, at most 64. Default 2.
    pub argon2_parallelism: NonZeroU32,
    /// Hashes computed at once. Default: absent, one per core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<NonZeroUsize>,
    /// Hashes that may wait for their turn; more are answered 503. Default 512.
    pub queue: NonZeroUsize,
    /// Successful checks remembered, under a keyed hash, so that a client that sends its password with
    /// every request is not hashed every time; 0 remembers none. Default 1024.
    pub cache_entries: usize,
    /// Whether a password in an older form is hashed anew when its user signs in. Default true.
    pub convert_at_login: bool,
}

impl Default for HashingSettings {
    fn default() -> Self {
        Self {
            algorithm: HashAlgorithm::Bcrypt,
            bcrypt_cost: 10,
            argon2_memory_kib: NonZeroU32::MIN.saturating_add(65_535),
            argon2_iterations: NonZeroU32::MIN,
            argon2_parallelism: NonZeroU32::MIN.saturating_add(1),
            workers: None,
            queue: NonZeroUsize::MIN.saturating_add(511),
            cache_entries: 1024,
            convert_at_login: true,
        }
    }
}

impl HashingSettings {
    pub(super) fn check(&self, problems: &mut Problems) {
        problems.unless(
            HashingScheme::bcrypt(self.bcrypt_cost.into()).is_ok(),
            "hashing.bcrypt_cost",
            "must be from 4 to 15",
        );
        let (memory, passes, lanes) =
            (self.argon2_memory_kib.get(), self.argon2_iterations.get(), self.argon2_parallelism.get());
        problems.unless(
            HashingScheme::argon2id(memory, passes, lanes).is_ok(),
            "hashing.argon2_memory_kib",
            "must be at least 8 KiB for each lane of hashing.argon2_parallelism, of which there may be 64, at most \
             262144, and at most 1048576 times hashing.argon2_iterations",
        );
    }
}

/// The hash function of one-time codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TotpHash {
    /// HMAC-SHA-1, which every authenticator knows.
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

/// `[[totp]]`: a configuration of one-time codes that accounts can choose (`contract/mfa.md` §1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TotpSettings {
    /// Its name in the API; accounts refer to it, so do not rename it.
    pub name: String,
    /// Who issues the codes, as shown by authenticators.
    pub issuer: String,
    /// `sha1`, `sha256` or `sha512`; many authenticators know `sha1` only.
    pub algorithm: TotpHash,
}

impl Default for TotpSettings {
    fn default() -> Self {
        Self { name: "Default".to_owned(), issuer: "SFTPGo".to_owned(), algorithm: TotpHash::Sha1 }
    }
}

impl TotpSettings {
    pub(super) fn check(list: &[Self], problems: &mut Problems) {
        problems.unless(!list.is_empty(), "totp", "must have at least one configuration");
        for (index, one) in list.iter().enumerate() {
            problems.unless(!one.name.trim().is_empty(), &format!("totp.{index}.name"), "must not be empty");
            problems.unless(
                !one.issuer.trim().is_empty(),
                &format!("totp.{index}.issuer"),
                "must not be empty",
            );
            let known = list.iter().take(index).any(|other| other.name == one.name);
            problems.unless(!known, &format!("totp.{index}.name"), "there is another of this name");
        }
    }
}
