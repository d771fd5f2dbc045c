//! The seven providers: their numbers on the wire and the sections that belong to them.

/// Who keeps the files (`contract/user-model.md` §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    /// A directory of the machine.
    Local,
    /// Amazon's S3 or what speaks like it.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob.
    Azure,
    /// A directory of the machine, encrypted.
    Crypt,
    /// Another SFTP server.
    Sftp,
    /// A server of the HTTP file protocol.
    Http,
}

impl Provider {
    /// All of them, by number.
    pub const ALL: [Self; 7] =
        [Self::Local, Self::S3, Self::Gcs, Self::Azure, Self::Crypt, Self::Sftp, Self::Http];

    /// The provider with this number; every unknown number is the local one, as the reference has it.
    pub fn from_code(code: i64) -> Self {
        Self::ALL.into_iter().find(|provider| provider.code() == code).unwrap_or(Self::Local)
    }

    /// Its number on the wire.
    pub fn code(self) -> i64 {
        match self {
            Self::Local => 0,
            Self::S3 => 1,
            Self::Gcs => 2,
            Self::Azure => 3,
            Self::Crypt => 4,
            Self::Sftp => 5,
            Self::Http => 6,
        }
    }

    /// The member of `filesystem` that holds its settings.
    pub fn section(self) -> &'static str {
        match self {
            Self::Local => "osconfig",
            Self::S3 => "s3config",
            Self::Gcs => "gcsconfig",
            Self::Azure => "azblobconfig",
            Self::Crypt => "cryptconfig",
            Self::Sftp => "sftpconfig",
            Self::Http => "httpconfig",
        }
    }

    /// Whether the files lie in the user's home directory, so that one must be named
    /// (`contract/validation.md` §3).
    pub fn needs_home_dir(self) -> bool {
        matches!(self, Self::Local | Self::Crypt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_ordered_by_number() {
        for (code, provider) in (0..).zip(Provider::ALL) {
            assert_eq!((provider.code(), Provider::from_code(code)), (code, provider));
        }
    }

    #[test]
    fn an_unknown_number_is_the_local_provider() {
        for code in [-1, 7, 99, 2_147_483_648, i64::MIN, i64::MAX] {
            assert_eq!(Provider::from_code(code), Provider::Local);
        }
    }
}
