//! The restrictions of a user (`contract/user-model.md` §2, `contract/validation.md` §8). Each member
//! is right by its own type; what members say about each other is settled here, before a user is stored.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize};

use super::access_time::AccessTime;
use super::bandwidth_limit::BandwidthLimit;
use super::certificate::TlsCertificates;
use super::directory::DirectoryPermissionsDraft;
use super::file_pattern::FilePatterns;
use super::login_method::{DeniedLoginMethods, LoginMethod};
use super::network::IpNetworks;
use super::omit::is_zero;
use super::path;
use super::protocol::{DeniedProtocols, MfaProtocol, Protocol};
use super::second_factor::{RecoveryCodeEntry, UserTotp};
use super::time::UnixMillis;
use super::tls_username::TlsUsername;
use super::web_client::WebClientOption;
use super::word::Word;
use crate::error::Invalid;

/// The hooks that are switched off for a user; always shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Hooks {
    /// No external authentication.
    pub external_auth_disabled: bool,
    /// No call before a login.
    pub pre_login_disabled: bool,
    /// No call to check a password.
    pub check_password_disabled: bool,
}

/// The directory a session starts in: cleaned and absolute, nothing for the root.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct StartDirectory(String);

impl StartDirectory {
    /// Whether it is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The directory as text; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for StartDirectory {
    fn from(given: String) -> Self {
        let directory = path::rooted(&given);
        Self(if directory == "/" { String::new() } else { directory })
    }
}

/// The restrictions of a user, and what belongs to his login.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "the wire has these members")]
pub struct Filters {
    /// Only peers of these networks may sign in, if there are any.
    #[serde(skip_serializing_if = "IpNetworks::is_empty", deserialize_with = "allowed_ip")]
    pub allowed_ip: IpNetworks,
    /// Peers of these networks may not sign in, unless they are allowed.
    #[serde(skip_serializing_if = "IpNetworks::is_empty", deserialize_with = "denied_ip")]
    pub denied_ip: IpNetworks,
    /// Ways to sign in that are denied.
    #[serde(skip_serializing_if = "DeniedLoginMethods::is_empty")]
    pub denied_login_methods: DeniedLoginMethods,
    /// Services that are denied.
    #[serde(skip_serializing_if = "DeniedProtocols::is_empty")]
    pub denied_protocols: DeniedProtocols,
    /// Which file names are allowed or denied where.
    #[serde(skip_serializing_if = "FilePatterns::is_empty")]
    pub file_patterns: FilePatterns,
    /// The largest file that may be uploaded, in bytes; 0 is no limit.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_upload_file_size: i64,
    /// Where a TLS certificate names the user.
    #[serde(skip_serializing_if = "TlsUsername::is_unset")]
    pub tls_username: TlsUsername,
    /// The user's TLS certificates.
    #[serde(skip_serializing_if = "TlsCertificates::is_empty")]
    pub tls_certs: TlsCertificates,
    /// Hooks that are switched off.
    pub hooks: Hooks,
    /// Whether the home directory is left unchecked at login.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disable_fs_checks: bool,
    /// What is switched off in self service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub web_client: Vec<WebClientOption>,
    /// Whether API keys may act as this user.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_api_key_auth: bool,
    /// Where the user comes from, in the words of whoever created him; any text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user_type: String,
    /// Limits of bandwidth by network.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bandwidth_limits: Vec<BandwidthLimit>,
    /// Taken from requests and forgotten: there is no external authentication to cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub external_auth_cache_time: i64,
    /// Where a session starts.
    #[serde(skip_serializing_if = "StartDirectory::is_root")]
    pub start_directory: StartDirectory,
    /// Services that demand a second factor.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub two_factor_protocols: Vec<MfaProtocol>,
    /// Whether FTP demands TLS; any number.
    #[serde(skip_serializing_if = "is_zero")]
    pub ftp_security: i64,
    /// Whether everybody may sign in under this name, to read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_anonymous: bool,
    /// Days after which new shares expire unless told otherwise.
    #[serde(skip_serializing_if = "is_zero")]
    pub default_shares_expiration: i64,
    /// Days after which shares expire at the latest.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_shares_expiration: i64,
    /// Days after which the password must be changed.
    #[serde(skip_serializing_if = "is_zero")]
    pub password_expiration: i64,
    /// Bits of entropy a new password must have.
    #[serde(skip_serializing_if = "is_zero")]
    pub password_strength: i64,
    /// When the user may sign in; always, if there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_time: Vec<AccessTime>,
    /// Whether the password must be changed before anything else.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub require_password_change: bool,
    /// The second factor; written through its own routes only.
    pub totp_config: UserTotp,
    /// The recovery codes; written through their own routes only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recovery_codes: Vec<RecoveryCodeEntry>,
}

/// The members with rules of their own, in the order of `contract/validation.md` §8. Rule 9, which compares two
/// members, comes after them, in [`Filters::settle`].
pub const RULE_ORDER: &[&str] = &[
    "denied_ip",
    "allowed_ip",
    "bandwidth_limits",
    "denied_login_methods",
    "denied_protocols",
    "two_factor_protocols",
    "tls_username",
    "tls_certs",
    "web_client",
    "start_directory",
    "access_time",
    "file_patterns",
];

/// The protocols that nobody may use who is anonymous.
const NOT_FOR_ANONYMOUS: [Protocol; 2] = [Protocol::Ssh, Protocol::Http];

/// The login methods that nobody may use who is anonymous: all but the password.
fn methods_not_for_anonymous() -> impl Iterator<Item = LoginMethod> {
    LoginMethod::ALL.iter().copied().filter(|method| *method != LoginMethod::Password)
}

fn allowed_ip<'de, D: Deserializer<'de>>(from: D) -> Result<IpNetworks, D::Error> {
    IpNetworks::deserialize_member("filters.allowed_ip", from)
}

fn denied_ip<'de, D: Deserializer<'de>>(from: D) -> Result<IpNetworks, D::Error> {
    IpNetworks::deserialize_member("filters.denied_ip", from)
}

impl Filters {
    /// Holds an anonymous user's restrictions to what anonymous means: he reads, over FTP and WebDAV, with a password
    /// that nobody checks. They stay as they were sent, so that switching it off brings them back
    /// (`contract/differences.md` §3); what holds meanwhile tell [`Filters::protocols_denied_in_force`] and
    /// [`Filters::methods_denied_in_force`]. Comes before the permissions are parsed; leaves others alone.
    ///
    /// # Errors
    /// When no protocol or no login method would be left.
    pub fn check_anonymous(&self, permissions: &mut DirectoryPermissionsDraft) -> Result<(), Invalid> {
        if self.is_anonymous {
            permissions.mend_for_anonymous();
            self.denied_protocols.with(NOT_FOR_ANONYMOUS)?;
            self.denied_login_methods.with(methods_not_for_anonymous())?;
        }
        Ok(())
    }

    /// The protocols that are denied, those included that are to whoever is anonymous.
    pub fn protocols_denied_in_force(&self) -> DeniedProtocols {
        if self.is_anonymous {
            self.denied_protocols.and_these(NOT_FOR_ANONYMOUS)
        } else {
            self.denied_protocols.clone()
        }
    }

    /// The login methods that are denied, those included that are to whoever is anonymous.
    pub fn methods_denied_in_force(&self) -> DeniedLoginMethods {
        if self.is_anonymous {
            self.denied_login_methods.and_these(methods_not_for_anonymous())
        } else {
            self.denied_login_methods.clone()
        }
    }

    /// Settles what the members say about each other (`contract/validation.md` §1 rules 18 and 19, §8
    /// rule 9). Comes last, when the second factor is the one that will be stored.
    ///
    /// # Errors
    /// When shares would expire by default later than they may, or when self service is denied something
    /// that is demanded of the user.
    pub fn settle(&mut self) -> Result<(), Invalid> {
        if self.max_shares_expiration > 0 && self.max_shares_expiration < self.default_shares_expiration {
            return Err(Invalid::new(
                "filters.default_shares_expiration: must not be greater than max_shares_expiration",
            ));
        }
        self.external_auth_cache_time = 0;
        if self.has_disabled(WebClientOption::MfaDisabled) {
            if self.totp_config.enabled {
                return Err(Invalid::new("filters.web_client: mfa-disabled while a second factor is on"));
            }
            if !self.two_factor_protocols.is_empty() {
                return Err(Invalid::new(
                    "filters.web_client: mfa-disabled while two_factor_protocols is set",
                ));
            }
        }
        if self.require_password_change && self.has_disabled(WebClientOption::PasswordChangeDisabled) {
            return Err(Invalid::new(
                "filters.web_client: password-change-disabled while require_password_change is set",
            ));
        }
        Ok(())
    }

    /// Whether something of self service is switched off.
    pub fn has_disabled(&self, option: WebClientOption) -> bool {
        self.web_client.contains(&option)
    }

    /// Whether a peer may sign in (`contract/auth.md` §7): who is allowed by name may even if denied too.
    pub fn may_sign_in_from(&self, peer: IpAddr) -> bool {
        self.allowed_ip.contains(peer) || (self.allowed_ip.is_empty() && !self.denied_ip.contains(peer))
    }

    /// Whether a moment lies within the times of access, if there are any.
    pub fn may_sign_in_at(&self, moment: UnixMillis) -> bool {
        self.access_time.is_empty() || self.access_time.iter().any(|span| span.covers(moment))
    }

    /// Whether a service is denied.
    pub fn denies_protocol(&self, protocol: Protocol) -> bool {
        self.denied_protocols.contains(protocol)
    }

    /// Whether a login method is denied; denying `password-over-SSH` does not deny `password`.
    pub fn denies_method(&self, method: LoginMethod) -> bool {
        self.denied_login_methods.contains(method)
    }
}

#[cfg(test)]
mod tests;
