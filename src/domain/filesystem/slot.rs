//! The places where a filesystem has secrets: the one list of them. The store names a place by its
//! number, so a number is given once and for ever; a new place gets a new one.

use super::Provider;

/// A place for a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Slot {
    /// S3's secret access key.
    S3AccessSecret = 1,
    /// Google's credentials, a JSON text.
    GcsCredentials = 2,
    /// The key of an Azure account.
    AzureAccountKey = 3,
    /// An Azure address that carries its own signature.
    AzureSasUrl = 4,
    /// The passphrase of an encrypted directory.
    CryptPassphrase = 5,
    /// The password at another SFTP server.
    SftpPassword = 6,
    /// The private key for another SFTP server.
    SftpPrivateKey = 7,
    /// The passphrase of that private key.
    SftpKeyPassphrase = 8,
    /// The password at an HTTP file server.
    HttpPassword = 9,
    /// The API key for an HTTP file server.
    HttpApiKey = 10,
}

impl Slot {
    /// All of them, by number.
    pub const ALL: [Self; 10] = [
        Self::S3AccessSecret,
        Self::GcsCredentials,
        Self::AzureAccountKey,
        Self::AzureSasUrl,
        Self::CryptPassphrase,
        Self::SftpPassword,
        Self::SftpPrivateKey,
        Self::SftpKeyPassphrase,
        Self::HttpPassword,
        Self::HttpApiKey,
    ];

    /// The number that stands for it in stored bytes.
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// The place with this number.
    pub fn from_id(id: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|slot| slot.id() == id)
    }

    /// The provider it belongs to.
    pub fn provider(self) -> Provider {
        match self {
            Self::S3AccessSecret => Provider::S3,
            Self::GcsCredentials => Provider::Gcs,
            Self::AzureAccountKey | Self::AzureSasUrl => Provider::Azure,
            Self::CryptPassphrase => Provider::Crypt,
            Self::SftpPassword | Self::SftpPrivateKey | Self::SftpKeyPassphrase => Provider::Sftp,
            Self::HttpPassword | Self::HttpApiKey => Provider::Http,
        }
    }

    /// The member of `filesystem` it stands in.
    pub fn section(self) -> &'static str {
        self.provider().section()
    }

    /// Its name in that section.
    pub fn member(self) -> &'static str {
        match self {
            Self::S3AccessSecret => "access_secret",
            Self::GcsCredentials => "credentials",
            Self::AzureAccountKey => "account_key",
            Self::AzureSasUrl => "sas_url",
            Self::CryptPassphrase => "passphrase",
            Self::SftpPassword | Self::HttpPassword => "password",
            Self::SftpPrivateKey => "private_key",
            Self::SftpKeyPassphrase => "key_passphrase",
            Self::HttpApiKey => "api_key",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_places_never_change() {
        let table: Vec<_> = Slot::ALL.map(|slot| (slot.id(), slot.section(), slot.member())).into();
        assert_eq!(
            table,
            [
                (1, "s3config", "access_secret"),
                (2, "gcsconfig", "credentials"),
                (3, "azblobconfig", "account_key"),
                (4, "azblobconfig", "sas_url"),
                (5, "cryptconfig", "passphrase"),
                (6, "sftpconfig", "password"),
                (7, "sftpconfig", "private_key"),
                (8, "sftpconfig", "key_passphrase"),
                (9, "httpconfig", "password"),
                (10, "httpconfig", "api_key"),
            ]
        );
    }

    #[test]
    fn a_place_is_found_by_its_number() {
        for slot in Slot::ALL {
            assert_eq!(Slot::from_id(slot.id()), Some(slot));
        }
        for id in [0, 11, u8::MAX] {
            assert_eq!(Slot::from_id(id), None);
        }
    }
}
