//! `[[auth.api_keys]]`: API keys that stand in the settings file, and the moments at which they end.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::SecretText;
use super::problem::Problems;
use super::values::text_option;
use crate::domain::permission::Permissions;
use crate::domain::time::UnixMillis;

/// An API key that stands in the settings file and not in the store; `usersd api-key new` makes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticApiKey {
    /// The public half of the key: the part before the dot.
    pub id: String,
    /// What it is for, in logs.
    pub name: String,
    /// Hash of the secret half: bcrypt or Argon2id.
    pub secret_hash: SecretText,
    /// What its bearer may do.
    pub permissions: Permissions,
    /// When it ends, RFC 3339, as `2027-01-01T00:00:00Z`. Default: absent, never.
    #[serde(default, with = "text_option", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Expiry>,
}

impl StaticApiKey {
    pub(super) fn check(&self, path: &str, problems: &mut Problems) {
        let printable = self.id.len() == 22 && self.id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        problems.unless(printable, &format!("{path}.id"), "must be the 22 letters and digits before the dot");
        problems.unless(!self.name.trim().is_empty(), &format!("{path}.name"), "must not be empty");
        let hash = self.secret_hash.expose();
        let known = ["$2a$", "$2b$", "$2y$", "$argon2id$"].iter().any(|prefix| hash.starts_with(prefix));
        problems.unless(known, &format!("{path}.secret_hash"), "must be a hash made by `usersd api-key new`");
    }
}

/// The moment an API key ends, as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry(UnixMillis);

impl Expiry {
    /// The moment in milliseconds since 1970.
    pub const fn moment(self) -> UnixMillis {
        self.0
    }
}

impl FromStr for Expiry {
    type Err = &'static str;

    /// Reads RFC 3339, or a date that stands for its first moment in UTC.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
        whole
            .parse::<jiff::Timestamp>()
            .map(|moment| Self(UnixMillis::new(moment.as_millisecond())))
            .map_err(|_| "not a moment, such as 2027-01-01 or 2027-01-01T12:00:00Z")
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        jiff::Timestamp::from_millisecond(self.0.get()).map_err(|_| fmt::Error)?.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::Expiry;

    #[test]
    fn an_expiry_is_a_moment_or_the_beginning_of_a_day() {
        for text in ["2027-01-01", "2027-01-01T00:00:00Z", "2027-01-01T01:00:00+01:00"] {
            let expiry: Expiry = text.parse().unwrap();
            assert_eq!(expiry.moment().get(), 1_798_761_600_000, "{text}");
            assert_eq!(expiry.to_string().parse(), Ok(expiry));
        }
        for text in ["", "tomorrow", "2027-13-01", "2027-01-01T00:00:00", "1798761600000"] {
            assert!(text.parse::<Expiry>().is_err(), "{text}");
        }
    }
}
