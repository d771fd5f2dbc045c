//! `[defender]`: how much failing to prove who one is the server bears (`design/security.md` S15–S17, S22).

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::problem::Problems;
use super::values::seconds;

/// `[defender]`: passwords, one-time codes and keys that are guessed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DefenderSettings {
    /// Whether failures are counted at all. Default true.
    pub enabled: bool,
    /// Failures within the window after which an address, or an account, is answered 429. Default 10.
    pub failures: NonZeroU32,
    /// The same for tries with a one-time code at one account. Default 5.
    pub failures_with_code: NonZeroU32,
    /// Seconds within which failures count together. Default 300.
    #[serde(rename = "window_secs", with = "seconds")]
    pub window: Duration,
    /// Seconds a first ban lasts; another one within a day of it is twice as long, up to an hour. Default 300.
    #[serde(rename = "ban_secs", with = "seconds")]
    pub ban: Duration,
    /// Failures of one account without a success in between, however long that takes, after which it is
    /// locked until it is lifted or gets a new password. Default 100.
    pub failures_in_a_row: NonZeroU32,
}

impl Default for DefenderSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            failures: NonZeroU32::MIN.saturating_add(9),
            failures_with_code: NonZeroU32::MIN.saturating_add(4),
            window: Duration::from_secs(300),
            ban: Duration::from_secs(300),
            failures_in_a_row: NonZeroU32::MIN.saturating_add(99),
        }
    }
}

impl DefenderSettings {
    pub(super) fn check(&self, problems: &mut Problems) {
        problems.unless(self.failures.get() <= 1000, "defender.failures", "must be at most 1000");
        problems.unless(
            self.failures < self.failures_in_a_row,
            "defender.failures_in_a_row",
            "must be more than defender.failures: the last ones are kept for the owner",
        );
        let day = Duration::from_secs(86_400);
        problems.unless(self.window <= day, "defender.window_secs", "must be at most 86400, a day");
        problems.unless(self.ban <= day, "defender.ban_secs", "must be at most 86400, a day");
    }
}
